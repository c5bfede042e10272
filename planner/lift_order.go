package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// liftLimit numbers the rows of a Sort whose LIMIT or OFFSET a subquery gives, and keeps those within.
func (b *binder) liftLimit(n *plan.Sort) (plan.Node, error) {
	name := "row_number"
	if n.WithTies {
		name = "rank"
	}
	f, _, ret, err := fn.ResolveWindow(name, nil)
	if err != nil {
		return nil, sqlerr.Locate(err, n.Pos)
	}
	in := n.In.Schema().Cols
	w := &plan.WindowAgg{In: n.In, Pos: n.Pos, Funcs: []plan.WindowFunc{{Fn: f, Order: n.By, Type: ret, Pos: n.Pos,
		Frame: plan.Frame{Unit: "RANGE", Lo: plan.Bound{Kind: "UNBOUNDED PRECEDING"}, Hi: plan.Bound{Kind: "CURRENT ROW"}}}}}
	w.Sch.Cols = append(append(w.Sch.Cols, in...), colType("number", ret))
	var conds []plan.Expr
	number := colOf(w, len(in))
	either := func(x plan.Expr, op string, with plan.Expr) error {
		cmp, err := b.operator(op, []plan.Expr{number, with}, nil, n.Pos)
		conds = append(conds, &plan.Or{Args: []plan.Expr{&plan.IsNull{X: x}, cmp}})
		return err
	}
	if n.Offset != nil {
		if err := either(n.Offset, ">", n.Offset); err != nil {
			return nil, err
		}
	}
	if n.Limit != nil {
		last := n.Limit
		if n.Offset != nil {
			zero := &plan.Const{Value: types.Value{Type: types.Int8}}
			offset := &plan.Coalesce{Args: []plan.Expr{n.Offset, zero}, Typ: types.Int8}
			if last, err = b.operator("+", []plan.Expr{n.Limit, offset}, nil, n.Pos); err != nil {
				return nil, err
			}
		}
		if err := either(n.Limit, "<=", last); err != nil {
			return nil, err
		}
	}
	out, err := b.lift(&plan.Filter{In: w, Cond: conjunction(conds)})
	if err != nil {
		return nil, err
	}
	return &plan.Sort{In: narrowed(out, len(in)), By: n.By, Pos: n.Pos}, nil
}

// orderedAggregates are the aggregates whose result depends on the order in which their rows come.
var orderedAggregates = map[string]bool{"array_agg": true, "string_agg": true, "json_agg": true, "jsonb_agg": true,
	"json_object_agg": true}

// inheritOrder gives aggregates that have no order of their own that of the query they are over, as PostgreSQL's have
// in effect: changes come in no order.
func inheritOrder(n *plan.Aggregate) {
	wanted := false
	for _, a := range n.Aggs {
		wanted = wanted || orderedAggregates[a.Fn.Name] && len(a.Order) == 0 && !a.Distinct
	}
	if !wanted {
		return
	}
	in, keys := orderOf(n.In)
	if keys == nil {
		return
	}
	n.In = in
	aggs := append([]plan.Agg(nil), n.Aggs...)
	for i, a := range aggs {
		if orderedAggregates[a.Fn.Name] && len(a.Order) == 0 && !a.Distinct {
			aggs[i].Order = keys
		}
	}
	n.Aggs = aggs
}

// orderOf returns the order of n's rows, over its columns, to which some are added for that; nil when it has none.
func orderOf(n plan.Node) (plan.Node, []plan.SortKey) {
	switch n := n.(type) {
	case *plan.Sort:
		if len(n.By) > 0 {
			return n, n.By
		}
	case *plan.Filter:
		in, keys := orderOf(n.In)
		if keys != nil && len(in.Schema().Cols) == len(n.In.Schema().Cols) {
			return &plan.Filter{In: in, Cond: n.Cond}, keys
		}
	case *plan.Project:
		in, keys := orderOf(n.In)
		if keys == nil || volatileAny(n.Exprs) {
			return n, nil
		}
		p := &plan.Project{In: in, Exprs: append([]plan.Expr(nil), n.Exprs...)}
		p.Sch.Cols = append(p.Sch.Cols, n.Sch.Cols...)
		out := make([]plan.SortKey, len(keys))
		for i, k := range keys {
			out[i] = k
			out[i].X = &plan.Col{Index: len(p.Exprs), Typ: k.X.Type(), Name: "sort"}
			p.Exprs = append(p.Exprs, k.X)
			p.Sch.Cols = append(p.Sch.Cols, colType("sort", k.X.Type()))
		}
		return p, out
	}
	return n, nil
}
