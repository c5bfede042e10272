package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// aggregation collects the aggregates of one SELECT.
type aggregation struct {
	list  []plan.Agg
	names []string
	// grouping is set when grouping(…) is called, which makes a SELECT one of groups as an aggregate does.
	grouping bool
}

// aggRef stands for the result of an aggregate until the Aggregate node is built. No finished plan holds one.
type aggRef struct {
	i   int
	typ types.Type
}

// Type implements plan.Expr.
func (a *aggRef) Type() types.Type { return a.typ }

// aggregate binds a call of an aggregate function.
func (b *binder) aggregate(sc *scope, e *ast.Call, name string) (plan.Expr, error) {
	if b.aggregatesOuter(sc, e) {
		return b.outerAggregate(e, name)
	}
	switch {
	case sc.aggs == nil && sc.clause == aggregateClause:
		return nil, sqlerr.At(e.Pos(), sqlerr.GroupingError, "aggregate function calls cannot be nested")
	case sc.aggs == nil:
		return nil, sqlerr.At(e.Pos(), sqlerr.GroupingError, "aggregate functions are not allowed in %s", sc.clause)
	case e.Star && name != "count":
		return nil, sqlerr.At(e.Pos(), sqlerr.UndefinedFunction, "function %s() does not exist", name).
			WithHint("No function matches the given name and argument types. You might need to add explicit type casts.")
	case name == "count" && !e.Star && len(e.Args) == 0 && b.lookupJoins(): // ksqlDB's spelling of count(*)
	case name == "count" && !e.Star && len(e.Args) == 0:
		return nil, sqlerr.At(e.Pos(), sqlerr.WrongObjectType,
			"%s(*) must be used to call a parameterless aggregate function", name)
	case e.Distinct && len(e.Args) == 0:
		return nil, sqlerr.At(e.Pos(), sqlerr.InvalidColumnReference, "DISTINCT specified, but %s has no argument", name)
	}
	if err := b.aggregatable(sc, e, name); err != nil {
		return nil, err
	}
	inner := &scope{src: sc.src, clause: aggregateClause}
	args := e.Args
	for _, o := range e.Within { // the ordered-set aggregates take what they order by as further arguments
		args = append(args[:len(args):len(args)], o.X)
	}
	xs, ts, err := b.bindAll(inner, args)
	if err != nil {
		return nil, err
	}
	f, params, ret, err := fn.ResolveAggregate(name, ts)
	if err != nil {
		return nil, sqlerr.Locate(err, e.Pos())
	}
	agg := plan.Agg{Fn: f, Distinct: e.Distinct, Type: ret, Pos: e.Pos()}
	order := e.Order
	if err := checkWithin(f, e, name); err != nil {
		return nil, err
	}
	if !ownOrder(e.Within) {
		order = append(append([]ast.OrderItem(nil), e.Order...), e.Within...)
	}
	if agg.Order, err = b.sortKeys(inner, order); err != nil {
		return nil, err
	}
	for i := range xs {
		x, err := b.coerceArg(xs[i], params[i], leftmost(args[i]))
		if err != nil {
			return nil, err
		}
		agg.Args = append(agg.Args, x)
	}
	if e.Distinct {
		if err := distinctArgs(&agg, xs, order); err != nil {
			return nil, err
		}
	}
	if e.Filter != nil {
		inner.clause = "FILTER"
		if agg.Filter, err = b.condition(inner, e.Filter, "FILTER"); err != nil {
			return nil, err
		}
	}
	return b.ksqlAggregate(name, sc.aggs.add(agg, name), agg.Args, e.Pos())
}

// checkWithin checks that WITHIN GROUP stands where it belongs.
func checkWithin(f *fn.Aggregate, e *ast.Call, name string) error {
	switch {
	case f.Ordered == nil && e.Within != nil:
		return sqlerr.At(e.Pos(), sqlerr.WrongObjectType,
			"%s is not an ordered-set aggregate, so it cannot have WITHIN GROUP", name)
	case f.Ordered != nil && e.Distinct:
		return sqlerr.At(e.Pos(), sqlerr.SyntaxError, "cannot use DISTINCT with WITHIN GROUP")
	case f.Ordered != nil && e.Within == nil:
		return sqlerr.At(e.Pos(), sqlerr.WrongObjectType,
			"WITHIN GROUP is required for ordered-set aggregate %s", name)
	case f.Hypothetical && len(e.Args) != len(e.Within):
		return sqlerr.At(e.Pos(), sqlerr.UndefinedFunction, "function %s does not exist", name).WithHint(
			"To use the hypothetical-set aggregate %s, the number of hypothetical direct arguments (here %d) must match "+
				"the number of ordering columns (here %d).", name, len(e.Args), len(e.Within))
	}
	return nil
}

// ownOrder reports whether WITHIN GROUP asks for the order that is the aggregate's own, which needs no saying.
func ownOrder(within []ast.OrderItem) bool {
	for _, o := range within {
		if o.Desc || o.NullsFirst != nil {
			return false
		}
	}
	return true
}

// distinctArgs checks an aggregate with DISTINCT. As in PostgreSQL its rows come in the order of the arguments, unless
// ORDER BY, which may name nothing else than these as they are written, says another one.
func distinctArgs(agg *plan.Agg, written []plan.Expr, order []ast.OrderItem) error {
	if err := comparable(agg.Args[0].Type(), agg.Pos); err != nil {
		return err
	}
next:
	for i, k := range agg.Order {
		for _, x := range written {
			if equal(x, k.X) {
				continue next
			}
		}
		return sqlerr.At(leftmost(order[i].X), sqlerr.InvalidColumnReference,
			"in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list")
	}
	if agg.Fn.Arrival && len(agg.Order) == 0 {
		for _, x := range agg.Args {
			agg.Order = append(agg.Order, plan.SortKey{X: x})
		}
	}
	return nil
}

// aggregateClause marks the scope of an aggregate's arguments.
const aggregateClause = "an aggregate"

// add returns a reference to agg, which is computed once however often it is written.
func (a *aggregation) add(agg plan.Agg, name string) plan.Expr {
	for i, had := range a.list {
		if had.Fn == agg.Fn && had.Distinct == agg.Distinct && had.Type == agg.Type && equalAll(had.Args, agg.Args) &&
			(had.Filter == nil) == (agg.Filter == nil) && equal(had.Filter, agg.Filter) &&
			sameOrder(had.Order, agg.Order) {
			return &aggRef{i: i, typ: agg.Type}
		}
	}
	a.list = append(a.list, agg)
	a.names = append(a.names, name)
	return &aggRef{i: len(a.list) - 1, typ: agg.Type}
}

func sameOrder(a, b []plan.SortKey) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Desc != b[i].Desc || a[i].NullsFirst != b[i].NullsFirst || !equal(a[i].X, b[i].X) {
			return false
		}
	}
	return true
}

// bindGroup binds GROUP BY: a bare name is a column of FROM, else an output column; an integer is a position.
func (s *selection) bindGroup() error {
	if hasSets(s.sel.Group) {
		if err := s.bindSets(); err != nil {
			return err
		}
	} else {
		for _, g := range s.sel.Group {
			if _, err := s.setKeys(g); err != nil {
				return err
			}
		}
	}
	if s.sel.Window != nil {
		if err := s.boundsOnlySelected("GROUP BY", s.keys...); err != nil {
			return err
		}
		if w := s.src.window; w.Kind == "SESSION" {
			for _, k := range s.keys {
				if within(k, 0, len(w.In.Schema().Cols)) {
					w.By = append(w.By, k)
				}
			}
		}
		n := len(s.src.cols)
		for _, c := range s.src.cols[n-4 : n-2] {
			s.addKey(c.expr)
		}
	}
	s.given = len(s.keys)
	return nil
}

func (s *selection) addKey(x plan.Expr) {
	for _, had := range s.keys {
		if equal(had, x) {
			return
		}
	}
	s.keys = append(s.keys, x)
}

// groupKey binds one expression of GROUP BY.
func (s *selection) groupKey(g ast.Expr) (plan.Expr, error) {
	ref, isName := g.(*ast.ColRef)
	if !isName || len(ref.Name) == 1 && !s.sc.has(ref.Name[0]) {
		at, err := outputColumn(s.columns(), g, "GROUP BY")
		if err != nil {
			return nil, err
		}
		if at == -2 {
			return nil, sqlerr.At(g.Pos(), sqlerr.AmbiguousColumn, "GROUP BY \"%s\" is ambiguous", ref.Name[0])
		}
		if at >= 0 {
			if s.hasAggregate(s.items[at].x) {
				return nil, sqlerr.At(s.items[at].pos, sqlerr.GroupingError,
					"aggregate functions are not allowed in GROUP BY")
			}
			if s.items[at].x.Type() == types.Unknown {
				s.items[at].x, err = s.b.coerce(s.items[at].x, types.Text, fn.Implicit, s.items[at].pos)
			}
			return s.items[at].x, err
		}
	}
	return s.b.known(&scope{src: s.src, clause: "GROUP BY"}, g)
}

func (s *selection) hasAggregate(x plan.Expr) bool {
	return !visit(x, func(e plan.Expr) bool {
		_, is := e.(*aggRef)
		return !is
	})
}

// group builds the Aggregate and the HAVING above it, and gives the expressions as ones over it.
func (s *selection) group(out *boundQuery, exprs []plan.Expr) (plan.Node, []plan.Expr, error) {
	all := exprs
	if s.having != nil {
		all = append(append([]plan.Expr(nil), exprs...), s.having)
	}
	given := s.given
	for _, x := range all {
		if err := s.ungrouped(x, given); err != nil {
			return nil, nil, err
		}
	}
	agg := &plan.Aggregate{In: s.src.node, Keys: s.keys, Aggs: s.aggs.list, Global: given == 0 && s.sets == nil,
		Sets: s.sets, Pos: s.sel.Pos()}
	s.b.groups[agg] = grouping{given: given, windowed: s.sel.Window != nil}
	for i, k := range s.keys {
		agg.Sch.Cols = append(agg.Sch.Cols, colType(keyName(k, i), k.Type()))
	}
	for i, a := range s.aggs.list {
		agg.Sch.Cols = append(agg.Sch.Cols, colType(s.aggs.names[i], a.Type))
	}
	if agg.Sets != nil {
		agg.Sch.Cols = append(agg.Sch.Cols, colType("set", types.Int4))
	}
	over := make([]plan.Expr, len(exprs))
	for i, x := range exprs {
		over[i] = s.aggregated(x, agg)
	}
	var node plan.Node = agg
	agg.Closes = s.closing()
	if s.b.final && agg.Closes != nil {
		node = &plan.Final{In: agg, Closes: *agg.Closes, Pos: s.sel.Window.Pos()}
	}
	if s.having != nil {
		node = &plan.Filter{In: node, Cond: s.aggregated(s.having, agg)}
	}
	if s.sel.Window != nil {
		out.windowed = true
		for i := range s.items {
			if c, ok := over[i].(*plan.Col); ok && c.Index < len(s.keys) {
				for k := range out.windowAt {
					if name := []string{"windowstart", "windowend"}[k]; agg.Sch.Cols[c.Index].Name == name &&
						out.windowAt[k] < 0 && c.Index >= given-2 && (s.items[i].name == name || !s.b.ksql()) {
						out.windowAt[k] = i
					}
				}
			}
		}
	}
	return node, over, nil
}

// closing says when the groups of WINDOW are closed. A session ends with its last row, and is closed a gap later.
func (s *selection) closing() *plan.Closing {
	if s.sel.Window == nil || s.sets != nil {
		return nil
	}
	w := s.src.window
	after := w.Grace
	if w.Kind == "SESSION" {
		after += w.Size + 1
	}
	for i, k := range s.keys {
		if c, ok := k.(*plan.Col); ok && c.Index == len(w.In.Schema().Cols)+1 {
			return &plan.Closing{Key: i, After: after}
		}
	}
	return nil
}

// keyName is what a grouping column is called inside the plan.
func keyName(k plan.Expr, i int) string {
	if c, ok := k.(*plan.Col); ok && c.Name != "" {
		return c.Name
	}
	return ordinalName("key", i+1)
}

// ungrouped checks that x uses columns only inside aggregates or grouping expressions. A column of a table whose whole
// primary key is grouped by has one value in a group: it joins the keys.
func (s *selection) ungrouped(x plan.Expr, given int) error {
	for _, k := range s.keys {
		if equal(k, x) {
			return nil
		}
	}
	if g, ok := x.(*groupingRef); ok {
		return s.groupingArgs(g)
	}
	ref, ok := s.b.refs[x]
	if _, outer := x.(*plan.Outer); outer {
		return nil
	}
	if parts := children(x); ok && len(parts) > 0 { // an instant made of a time in milliseconds
		for _, c := range parts {
			if s.ungrouped(c, given) != nil {
				return ungroupedColumn(ref)
			}
		}
		return nil
	}
	if ok {
		if ref.rel != nil && s.determined(x, ref, given) {
			s.addKey(x)
			return nil
		}
		return ungroupedColumn(ref)
	}
	if c, ok := x.(*plan.Col); ok {
		return sqlerr.New(sqlerr.GroupingError,
			"column \"%s\" must appear in the GROUP BY clause or be used in an aggregate function", c.Name)
	}
	for _, c := range children(x) {
		if err := s.ungrouped(c, given); err != nil {
			return err
		}
	}
	return nil
}

func ungroupedColumn(ref reference) error {
	return sqlerr.At(ref.pos, sqlerr.GroupingError,
		"column \"%s\" must appear in the GROUP BY clause or be used in an aggregate function", ref.name)
}

// determined reports whether the first given grouping expressions hold the whole key of the table that x is of.
func (s *selection) determined(x plan.Expr, ref reference, given int) bool {
	rel := ref.rel
	if rel.Kind != catalog.Table && rel.Kind != catalog.View || len(rel.Key) == 0 {
		return false
	}
	table := ""
	for i := range s.src.cols {
		if c := &s.src.cols[i]; c.rel == rel && equal(c.expr, x) {
			table = c.table
			break
		}
	}
next:
	for _, k := range rel.Key {
		for i := range s.src.cols {
			c := &s.src.cols[i]
			if c.rel != rel || c.table != table || c.hidden || c.name != rel.Columns[k].Name {
				continue
			}
			for _, key := range s.keys[:given] {
				if equal(key, c.expr) {
					continue next
				}
			}
		}
		return false
	}
	return true
}

// aggregated gives x, an expression over FROM, as one over the Aggregate. A constant within x is not the key that it
// equals, which is NULL where it is not in the grouping set.
func (s *selection) aggregated(x plan.Expr, agg *plan.Aggregate) plan.Expr {
	return rewrite(x, func(e plan.Expr) plan.Expr {
		_, fixed := e.(*plan.Const)
		for i, k := range s.keys {
			if equal(k, e) && (e == x || !fixed) {
				return colOf(agg, i)
			}
		}
		if g, ok := e.(*groupingRef); ok {
			return s.groupingValue(g, agg)
		}
		if a, ok := e.(*aggRef); ok {
			return colOf(agg, len(s.keys)+a.i)
		}
		return nil
	})
}
