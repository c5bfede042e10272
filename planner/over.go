package planner

import (
	"slices"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// winRef stands for the value of a window function until its node is built. No finished plan holds one.
type winRef struct{ f plan.WindowFunc }

// Type implements plan.Expr.
func (w *winRef) Type() types.Type { return w.f.Type }

// parts lists the expressions of a window function.
func (w *winRef) parts() []plan.Expr {
	f := &w.f
	out := append(append([]plan.Expr(nil), f.Args...), f.Partition...)
	for _, k := range f.Order {
		out = append(out, k.X)
	}
	for _, x := range []plan.Expr{f.Filter, f.Frame.Lo.X, f.Frame.Hi.X} {
		if x != nil {
			out = append(out, x)
		}
	}
	return out
}

// sameForm reports whether two window functions differ at most in their parts.
func (w *winRef) sameForm(v *winRef) bool {
	f, g := &w.f, &v.f
	if f.Fn != g.Fn || f.Agg != g.Agg || f.IgnoreNulls != g.IgnoreNulls || len(f.Args) != len(g.Args) ||
		len(f.Partition) != len(g.Partition) || len(f.Order) != len(g.Order) || (f.Filter == nil) != (g.Filter == nil) ||
		f.Frame.Unit != g.Frame.Unit || f.Frame.Lo.Kind != g.Frame.Lo.Kind || f.Frame.Hi.Kind != g.Frame.Hi.Kind ||
		f.Frame.Exclude != g.Frame.Exclude {
		return false
	}
	for i := range f.Order {
		if f.Order[i].Desc != g.Order[i].Desc || f.Order[i].NullsFirst != g.Order[i].NullsFirst {
			return false
		}
	}
	return true
}

// rewritten is rewrite for a window function.
func (w *winRef) rewritten(by func(plan.Expr) plan.Expr) *winRef {
	f := mapWindowFunc(w.f, func(e plan.Expr) plan.Expr { return rewrite(e, by) })
	return &winRef{f: f}
}

// mapWindowFunc replaces the expressions of a window function.
func mapWindowFunc(f plan.WindowFunc, by func(plan.Expr) plan.Expr) plan.WindowFunc {
	f.Args, f.Partition, f.Order = mapExprs(f.Args, by), mapExprs(f.Partition, by), mapKeys(f.Order, by)
	for _, x := range []*plan.Expr{&f.Filter, &f.Frame.Lo.X, &f.Frame.Hi.X} {
		if *x != nil {
			*x = by(*x)
		}
	}
	return f
}

func mapExprs(es []plan.Expr, by func(plan.Expr) plan.Expr) []plan.Expr {
	if es == nil {
		return nil
	}
	out := make([]plan.Expr, len(es))
	for i, e := range es {
		out[i] = by(e)
	}
	return out
}

func mapKeys(ks []plan.SortKey, by func(plan.Expr) plan.Expr) []plan.SortKey {
	out := append([]plan.SortKey(nil), ks...)
	for i := range out {
		out[i].X = by(out[i].X)
	}
	return out
}

// over binds a call with OVER.
func (b *binder) over(sc *scope, e *ast.Call, name string) (plan.Expr, error) {
	switch {
	case !sc.wins && sc.clause == aggregateClause:
		return nil, sqlerr.At(e.Pos(), sqlerr.GroupingError,
			"aggregate function calls cannot contain window function calls")
	case !sc.wins && sc.clause == windowClause:
		return nil, sqlerr.At(e.Pos(), windowingError, "window function calls cannot be nested")
	case !sc.wins:
		return nil, sqlerr.At(e.Pos(), windowingError, "window functions are not allowed in %s", sc.clauseName())
	case e.Distinct:
		return nil, sqlerr.At(e.Pos(), sqlerr.FeatureNotSupported, "DISTINCT is not implemented for window functions")
	case len(e.Order) > 0 || e.Within != nil:
		return nil, sqlerr.At(e.Pos(), sqlerr.FeatureNotSupported,
			"aggregate ORDER BY is not implemented for window functions")
	case e.Star && name != "count":
		return nil, sqlerr.At(e.Pos(), sqlerr.UndefinedFunction, "function %s() does not exist", name)
	}
	inner := *sc
	inner.wins, inner.srfs, inner.clause = false, false, windowClause
	w := &winRef{f: plan.WindowFunc{IgnoreNulls: e.Nulls == "IGNORE", Pos: e.Pos()}}
	if err := b.overFunction(&inner, e, name, &w.f); err != nil {
		return nil, err
	}
	if e.Filter != nil {
		if w.f.Agg == nil {
			return nil, sqlerr.At(e.Pos(), sqlerr.FeatureNotSupported,
				"FILTER is not implemented for non-aggregate window functions")
		}
		var err error
		if w.f.Filter, err = b.condition(&inner, e.Filter, "FILTER"); err != nil {
			return nil, err
		}
	}
	spec, err := b.namedWindow(sc, e.Over, 0)
	if err != nil {
		return nil, err
	}
	return w, b.windowSpec(&inner, spec, &w.f)
}

const (
	// windowClause marks the scope of what is within a window function.
	windowClause = "a window"

	windowingError sqlerr.Code = "42P20"
)

// clauseName names the clause of a scope in errors.
func (sc *scope) clauseName() string {
	if sc.clause == "" {
		return "this place"
	}
	return sc.clause
}

// overFunction resolves the function of a call with OVER.
func (b *binder) overFunction(sc *scope, e *ast.Call, name string, f *plan.WindowFunc) error {
	xs, ts, err := b.bindAll(sc, e.Args)
	if err != nil {
		return err
	}
	var params []types.Type
	switch {
	case fn.IsWindow(name):
		f.Fn, params, f.Type, err = fn.ResolveWindow(name, ts)
		if err == nil && e.Nulls != "" && !f.Fn.Nulls {
			return sqlerr.At(e.Pos(), sqlerr.WrongObjectType, "function %s does not accept RESPECT/IGNORE NULLS", name)
		}
	case fn.IsAggregate(name):
		f.Agg, params, f.Type, err = fn.ResolveAggregate(name, ts)
		if e.Nulls != "" {
			return sqlerr.At(e.Pos(), sqlerr.WrongObjectType, "aggregate functions do not accept RESPECT/IGNORE NULLS")
		}
		if err == nil && f.Agg.Ordered != nil {
			return sqlerr.At(e.Pos(), sqlerr.WrongObjectType,
				"WITHIN GROUP is required for ordered-set aggregate %s", name)
		}
	case fn.IsScalar(name):
		return sqlerr.At(e.Pos(), sqlerr.WrongObjectType,
			"OVER specified, but %s is not a window function nor an aggregate function", name)
	default:
		_, _, _, err = fn.ResolveScalar(name, ts)
	}
	if err != nil {
		return sqlerr.Locate(err, e.Pos())
	}
	for i := range xs {
		x, err := b.coerceArg(xs[i], params[i], leftmost(e.Args[i]))
		if err != nil {
			return err
		}
		f.Args = append(f.Args, x)
	}
	return nil
}

// namedWindow gives a window specification with the definitions it refers to put in.
func (b *binder) namedWindow(sc *scope, spec *ast.WindowSpec, depth int) (*ast.WindowSpec, error) {
	name := spec.Ref
	if name == "" {
		name = spec.Base
	}
	if name == "" {
		return spec, nil
	}
	for i := range sc.windows {
		if sc.windows[i].Name != name || depth > len(sc.windows) {
			continue
		}
		base, err := b.namedWindow(sc, sc.windows[i].Spec, depth+1)
		if err != nil || spec.Ref != "" {
			return base, err
		}
		switch {
		case len(spec.Partition) > 0:
			return nil, sqlerr.At(spec.Pos(), windowingError, "cannot override PARTITION BY clause of window \"%s\"", name)
		case len(spec.Order) > 0 && len(base.Order) > 0:
			return nil, sqlerr.At(spec.Pos(), windowingError, "cannot override ORDER BY clause of window \"%s\"", name)
		case base.Frame != nil:
			return nil, sqlerr.At(spec.Pos(), windowingError,
				"cannot copy window \"%s\" because it has a frame clause", name)
		}
		merged := *spec
		merged.Base, merged.Partition = "", base.Partition
		if len(spec.Order) == 0 {
			merged.Order = base.Order
		}
		return &merged, nil
	}
	return nil, sqlerr.At(spec.Pos(), sqlerr.UndefinedObject, "window \"%s\" does not exist", name)
}

// windowSpec binds what follows OVER.
func (b *binder) windowSpec(sc *scope, spec *ast.WindowSpec, f *plan.WindowFunc) error {
	for _, e := range spec.Partition {
		x, err := b.known(sc, e)
		if err != nil {
			return err
		}
		if err := comparable(x.Type(), leftmost(e)); err != nil {
			return err
		}
		f.Partition = append(f.Partition, x)
	}
	var err error
	if f.Order, err = b.sortKeys(sc, spec.Order); err != nil {
		return err
	}
	f.Frame = plan.Frame{Unit: "RANGE", Lo: plan.Bound{Kind: "UNBOUNDED PRECEDING"}, Hi: plan.Bound{Kind: "CURRENT ROW"}}
	if spec.Frame == nil {
		return nil
	}
	return b.frame(sc, spec, f)
}

// sortKeys binds an ORDER BY whose items are expressions over the rows.
func (b *binder) sortKeys(sc *scope, order []ast.OrderItem) ([]plan.SortKey, error) {
	var keys []plan.SortKey
	for _, o := range order {
		x, err := b.known(sc, o.X)
		if err != nil {
			return nil, err
		}
		if err := ordered(x.Type(), leftmost(o.X)); err != nil {
			return nil, err
		}
		first := o.Desc
		if o.NullsFirst != nil {
			first = *o.NullsFirst
		}
		keys = append(keys, plan.SortKey{X: x, Desc: o.Desc, NullsFirst: first})
	}
	return keys, nil
}

// frame binds the frame of a window.
func (b *binder) frame(sc *scope, spec *ast.WindowSpec, f *plan.WindowFunc) error {
	fr := spec.Frame
	f.Frame.Unit = fr.Unit
	f.Frame.Exclude = map[string]fn.Exclusion{"CURRENT ROW": fn.ExcludeCurrent, "GROUP": fn.ExcludeGroup,
		"TIES": fn.ExcludeTies}[fr.Exclude]
	pos := spec.Pos()
	switch {
	case fr.Lo.Kind == "UNBOUNDED FOLLOWING":
		return sqlerr.At(pos, windowingError, "frame start cannot be UNBOUNDED FOLLOWING")
	case fr.Hi.Kind == "UNBOUNDED PRECEDING":
		return sqlerr.At(pos, windowingError, "frame end cannot be UNBOUNDED PRECEDING")
	case fr.Lo.Kind == "CURRENT ROW" && fr.Hi.Kind == "PRECEDING":
		return sqlerr.At(pos, windowingError, "frame starting from current row cannot have preceding rows")
	case fr.Lo.Kind == "FOLLOWING" && (fr.Hi.Kind == "PRECEDING" || fr.Hi.Kind == "CURRENT ROW"):
		return sqlerr.At(pos, windowingError, "frame starting from following row cannot have preceding rows")
	case fr.Unit == "GROUPS" && len(f.Order) == 0:
		return sqlerr.At(pos, windowingError, "GROUPS mode requires an ORDER BY clause")
	}
	for _, end := range []struct {
		from ast.Bound
		to   *plan.Bound
	}{{fr.Lo, &f.Frame.Lo}, {fr.Hi, &f.Frame.Hi}} {
		end.to.Kind = end.from.Kind
		if end.to.Kind == "" {
			end.to.Kind = "CURRENT ROW"
		}
		if end.from.X == nil {
			continue
		}
		x, err := b.bind(&scope{clause: "window frames"}, end.from.X)
		if err != nil {
			return err
		}
		to := types.Int8
		if fr.Unit == "RANGE" {
			if len(f.Order) != 1 {
				return sqlerr.At(pos, windowingError,
					"RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column")
			}
			if to, err = rangeOffset(f.Order[0].X.Type(), x.Type(), pos); err != nil {
				return err
			}
		}
		if end.to.X, err = b.coerce(x, to, fn.Implicit, leftmost(end.from.X)); err != nil {
			return err
		}
	}
	return nil
}

// rangeOffset is the type of a distance between values of type t that is written with a type; pos is the window's
// place.
func rangeOffset(t, written types.Type, pos int) (types.Type, error) {
	to := t.Base()
	switch t.Kind {
	case types.KindDate, types.KindTime, types.KindTimestamp, types.KindTimestampTZ:
		to = types.IntervalType
	case types.KindInt2, types.KindInt4:
		to = types.Int8
	case types.KindFloat4:
		to = types.Float8
	case types.KindInt8, types.KindFloat8, types.KindNumeric, types.KindInterval:
	default:
		return to, sqlerr.At(pos, sqlerr.FeatureNotSupported,
			"RANGE with offset PRECEDING/FOLLOWING is not supported for column type %s", t)
	}
	if written != types.Unknown && !fn.CanCast(written, to, fn.Implicit) {
		return to, sqlerr.At(pos, sqlerr.FeatureNotSupported,
			"RANGE with offset PRECEDING/FOLLOWING is not supported for column type %s and offset type %s", t, written).
			WithHint("Cast the offset value to an appropriate type.")
	}
	return to, nil
}

// overRows builds the nodes that compute the window functions of a select list, one for each PARTITION BY and ORDER BY,
// and gives exprs over them.
func (s *selection) overRows(node plan.Node, exprs []plan.Expr) (plan.Node, []plan.Expr) {
	var all []plan.WindowFunc
	for _, x := range exprs {
		visit(x, func(e plan.Expr) bool {
			r, ok := e.(*winRef)
			same := func(f plan.WindowFunc) bool { return equal(&winRef{f: f}, r) }
			if ok && !slices.ContainsFunc(all, same) {
				all = append(all, r.f)
			}
			return !ok
		})
	}
	var done []plan.WindowFunc // in the order of their columns
	width := len(node.Schema().Cols)
	for len(all) > 0 {
		w := &plan.WindowAgg{In: node, Pos: all[0].Pos}
		w.Sch.Cols = append(w.Sch.Cols, node.Schema().Cols...)
		var rest []plan.WindowFunc
		for _, f := range all {
			if !sameWindow(&f, &all[0]) {
				rest = append(rest, f)
				continue
			}
			w.Funcs, done = append(w.Funcs, f), append(done, f)
			w.Sch.Cols = append(w.Sch.Cols, colType(windowName(&f), f.Type))
		}
		node, all = w, rest
	}
	out := make([]plan.Expr, len(exprs))
	for i, x := range exprs {
		out[i] = rewrite(x, func(e plan.Expr) plan.Expr {
			for k := range done {
				if r, ok := e.(*winRef); ok && equal(&winRef{f: done[k]}, r) {
					return &plan.Col{Index: width + k, Typ: r.f.Type, Name: windowName(&r.f)}
				}
			}
			return nil
		})
	}
	return node, out
}

// sameWindow reports whether two functions have one PARTITION BY and ORDER BY, and so one node.
func sameWindow(f, g *plan.WindowFunc) bool {
	return equalAll(f.Partition, g.Partition) && sameOrder(f.Order, g.Order)
}

// windowName is what the column of a window function is called inside the plan.
func windowName(f *plan.WindowFunc) string {
	if f.Fn != nil {
		return f.Fn.Name
	}
	return f.Agg.Name
}
