package planner

import (
	"slices"

	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// parseLiteral reads an untyped literal as a value of type t, as PostgreSQL does while it parses.
func (b *binder) parseLiteral(text string, t types.Type, pos int) (plan.Expr, error) {
	if t.Kind == types.KindText {
		return &plan.Const{Value: types.Value{Type: types.Text, Str: text}}, nil
	}
	v, err := types.Parse(t.Base(), text, b.textEnv())
	if err != nil {
		return nil, sqlerr.Locate(err, pos)
	}
	v.Type = t.Base()
	return &plan.Const{Value: v}, nil
}

// textEnv is what reading a value from text depends on.
func (b *binder) textEnv() types.Env {
	env := types.Env{Now: b.env.Now, Style: b.env.Style}
	if zone := b.env.Setting("timezone"); zone != "" {
		if loc, err := types.LoadLocation(zone); err == nil {
			env.Location = loc
		}
	}
	return fn.RegNames(env, b.env.Catalog)
}

// coerce converts x to the type to in the given context; the error is PostgreSQL's for an impossible cast.
func (b *binder) coerce(x plan.Expr, to types.Type, ctx fn.CastContext, pos int) (plan.Expr, error) {
	from := x.Type()
	if from == to || to == types.Unknown {
		return x, nil
	}
	if from == types.Unknown {
		return b.coerceUnknown(x, to, ctx, pos)
	}
	if from.Kind == to.Kind && from.Base() == to.Base() && to.Mod == -1 && ctx != fn.Explicit {
		return x, nil // values are the same
	}
	if !fn.CanCast(from, to, ctx) {
		return nil, sqlerr.At(pos, sqlerr.CannotCoerce, "cannot cast type %s to %s", from.Base(), to.Base())
	}
	return b.fold(&plan.Cast{X: x, Typ: to, Explicit: ctx == fn.Explicit}), nil
}

// coerceUnknown gives a type to an untyped literal, NULL or parameter.
func (b *binder) coerceUnknown(x plan.Expr, to types.Type, ctx fn.CastContext, pos int) (plan.Expr, error) {
	switch e := x.(type) {
	case *plan.Param:
		if err := b.setParam(e, to, pos); err != nil {
			return nil, err
		}
		if to.Mod >= 0 {
			return &plan.Cast{X: e, Typ: to, Explicit: ctx == fn.Explicit}, nil
		}
		return e, nil
	case *plan.Const:
		if e.Value.Null {
			return &plan.Const{Value: types.NullOf(to)}, nil
		}
		c, err := b.parseLiteral(e.Value.Str, to, pos)
		if err != nil || to.Mod < 0 {
			return c, err
		}
		cast := &plan.Cast{X: c, Typ: to, Explicit: ctx == fn.Explicit}
		v, err := eval.EvalConst(b.env, cast)
		if err != nil {
			if ctx == fn.Assignment {
				return cast, nil // the row fails, not the statement's planning
			}
			return nil, sqlerr.Locate(err, pos)
		}
		return &plan.Const{Value: v}, nil
	}
	return &plan.Cast{X: x, Typ: to, Explicit: ctx == fn.Explicit}, nil
}

// coerceArg converts an argument to the type its function declares. A pseudo-type that takes anything converts
// nothing, but an untyped literal becomes text.
func (b *binder) coerceArg(x plan.Expr, to types.Type, pos int) (plan.Expr, error) {
	if to == types.Unknown && isConst(x) { // pg_typeof alone asks for it
		return x, nil
	}
	if fn.IsPseudo(to) || to == types.Unknown {
		if x.Type() != types.Unknown {
			return x, nil
		}
		to = types.Text
	}
	return b.coerce(x, to, fn.Implicit, pos)
}

// common converts expressions to the one type they need; what names the construct in errors.
func (b *binder) common(xs []plan.Expr, es []ast.Expr, what string, pos int) (types.Type, error) {
	ts := make([]types.Type, len(xs))
	for i, x := range xs {
		ts[i] = x.Type()
	}
	t, err := fn.CommonType(ts, what)
	if err != nil {
		return t, sqlerr.Locate(err, b.culprit(ts, es, what, pos))
	}
	for i, x := range xs {
		at := pos
		if i < len(es) && es[i] != nil {
			at = leftmost(es[i])
		}
		if xs[i], err = b.coerce(x, t, fn.Implicit, at); err != nil {
			return t, err
		}
	}
	return t, nil
}

// culprit is the place of the first expression whose type does not go with those before it.
func (b *binder) culprit(ts []types.Type, es []ast.Expr, what string, pos int) int {
	for n := 2; n <= len(ts) && n <= len(es); n++ {
		if _, err := fn.CommonType(ts[:n], what); err != nil && es[n-1] != nil {
			return leftmost(es[n-1])
		}
	}
	return pos
}

// fold evaluates an expression whose parts are constants. What fails is left for the time when a row needs it.
func (b *binder) fold(x plan.Expr) plan.Expr {
	switch e := x.(type) {
	case *plan.Var, *plan.Lambda:
		return x
	case *plan.Call:
		if e.Fn.Strict && slices.ContainsFunc(e.Args, isNull) && !slices.ContainsFunc(e.Args, fails) {
			return &plan.Const{Value: types.NullOf(e.Typ)}
		}
		if e.Fn.Volatile || e.Fn.Stable {
			return x
		}
	case *plan.Cast:
		if !fn.ImmutableCast(e.X.Type(), e.Typ) {
			return x
		}
	case *plan.Case:
		x = foldCase(e)
		if _, still := x.(*plan.Case); !still {
			return x
		}
	case *plan.And:
		if y, ok := b.foldLogic(e.Args, false); ok {
			return y
		}
		return x
	case *plan.Or:
		if y, ok := b.foldLogic(e.Args, true); ok {
			return y
		}
		return x
	}
	for _, c := range children(x) {
		if _, ok := c.(*plan.Const); !ok {
			return x
		}
	}
	v, err := eval.EvalConst(b.env, x)
	if err != nil {
		return x
	}
	v.Type = x.Type()
	return &plan.Const{Value: v}
}

func isConst(x plan.Expr) bool {
	_, ok := x.(*plan.Const)
	return ok
}

// isNull reports whether x is the constant NULL.
func isNull(x plan.Expr) bool {
	c, ok := x.(*plan.Const)
	return ok && c.Value.Null
}

// fails reports whether a part of x, which must have been folded, is one that fails whenever it is computed.
func fails(x plan.Expr) bool {
	return !visit(x, func(e plan.Expr) bool {
		switch e := e.(type) {
		case *plan.Call:
			if e.Fn.Volatile || e.Fn.Stable {
				return true
			}
		case *plan.Cast:
			if !fn.ImmutableCast(e.X.Type(), e.Typ) {
				return true
			}
		default:
			return true
		}
		for _, c := range children(e) {
			if _, ok := c.(*plan.Const); !ok {
				return true
			}
		}
		return false
	})
}

// foldCase drops the branches of a CASE that constants decide.
func foldCase(e *plan.Case) plan.Expr {
	out := &plan.Case{Typ: e.Typ, Else: e.Else}
	for _, w := range e.When {
		c, ok := w.Cond.(*plan.Const)
		if ok && !c.Value.Null && c.Value.Bool {
			out.Else = w.Then
			break
		}
		if !ok {
			out.When = append(out.When, w)
		}
	}
	if len(out.When) == 0 {
		return out.Else
	}
	return out
}

// foldLogic decides AND (OR when or is set) by its constant arguments.
func (b *binder) foldLogic(args []plan.Expr, or bool) (plan.Expr, bool) {
	var kept []plan.Expr
	null := false
	for _, a := range args {
		c, ok := a.(*plan.Const)
		switch {
		case !ok:
			kept = append(kept, a)
		case c.Value.Null:
			null = true
			kept = append(kept, a)
		case c.Value.Bool == or:
			return c, true
		}
	}
	switch {
	case len(kept) == len(args) && !(null && len(kept) == 1):
		return nil, false
	case len(kept) == 0:
		return &plan.Const{Value: types.Value{Type: types.Bool, Bool: !or}}, true
	case len(kept) == 1:
		return kept[0], true
	case or:
		return &plan.Or{Args: kept}, true
	}
	return &plan.And{Args: kept}, true
}

// evaluate computes an expression without columns.
func (b *binder) evaluate(x plan.Expr, pos int) (types.Value, error) {
	v, err := eval.EvalConst(b.env, x)
	if err != nil {
		return v, sqlerr.Locate(err, pos)
	}
	return v, nil
}
