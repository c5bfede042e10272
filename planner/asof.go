package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// asof makes a join one in which a left row meets at most one right row: of those that meet the condition the nearest
// by the inequality in it. It is a LATERAL query for the first row in that order.
func (b *binder) asof(e *ast.Join, src *source, cond plan.Expr) (*source, error) {
	j := src.node.(*plan.Join)
	switch {
	case e.Kind == "RIGHT" || e.Kind == "FULL" || e.Within != nil:
		return nil, sqlerr.At(e.Pos(), sqlerr.SyntaxError, "an ASOF JOIN is an inner or a left join")
	case b.lookupJoins():
		return nil, refuse(e.Pos(), "ASOF JOIN in ksqlDB's statements").
			WithHint("CREATE MATERIALIZED VIEW joins so.")
	}
	lw := len(j.Left.Schema().Cols)
	n := lw + len(j.Right.Schema().Cols)
	var by []plan.SortKey
	for _, c := range conjuncts(cond, nil) {
		call, ok := c.(*plan.Call)
		if !ok || len(call.Args) != 2 {
			continue
		}
		l, r, op := call.Args[0], call.Args[1], call.Fn.Name
		swapped := within(r, 0, lw) && !constant(r)
		if swapped {
			l, r = r, l
		}
		if constant(l) || constant(r) || !within(l, 0, lw) || !within(r, lw, n) {
			continue
		}
		switch op {
		case "<", "<=", ">", ">=":
			// The right side is below the left one, and the greatest wins, or the other way round.
			by = append(by, plan.SortKey{X: shift(r, -lw), Desc: (op[0] == '>') != swapped})
		}
	}
	if len(by) != 1 {
		return nil, sqlerr.At(e.Pos(), sqlerr.SyntaxError,
			"the condition of an ASOF JOIN must have one inequality between its sides").
			WithDetail("It has %d.", len(by))
	}
	j.Kind, j.On, j.Lookup = plan.Left, cond, false
	a := b.leftApply(j).(*plan.Apply)
	one := &plan.Const{Value: types.Value{Type: types.Int8, Int: 1}}
	a.Query = &plan.Sort{In: a.Query, By: by, Limit: one, Pos: e.Pos()}
	if e.Kind != "LEFT" {
		a.Kind = plan.ApplyRows
	}
	src.node, src.key = a, nil
	return src, nil
}

// asOfNow binds FOR SYSTEM_TIME AS OF the present: what is joined with it meets its rows as they are then, and follows
// no later change.
func (b *binder) asOfNow(ref *ast.TableRef) (*source, error) {
	call, ok := ref.AsOf.(*ast.Call)
	if !ok || len(call.Args) > 0 || !presentNames[call.Name[len(call.Name)-1]] {
		return nil, refuse(ref.AsOf.Pos(), "FOR SYSTEM_TIME AS OF another time than now()")
	}
	plain := *ref
	plain.AsOf = nil
	src, err := b.table(&plain)
	if err == nil {
		src.now = true
	}
	return src, err
}

// presentNames are the functions that give the present.
var presentNames = map[string]bool{"now": true, "current_timestamp": true, "proctime": true}

// lookUp makes the join of src one with the rows there are when a row of the stream l comes.
func (b *binder) lookUp(e *ast.Join, src, l *source) error {
	switch {
	case e.Kind == "RIGHT" || e.Kind == "FULL":
		return sqlerr.At(e.Pos(), sqlerr.SyntaxError, "a join with FOR SYSTEM_TIME AS OF is an inner or a left join")
	case b.mode == modePull: // that is what it is
	case !l.stream:
		return sqlerr.At(e.Pos(), sqlerr.WrongObjectType, "what is joined with FOR SYSTEM_TIME AS OF must be a stream").
			WithHint("Rows that may be taken away must follow the other side, too: leave it out.")
	default:
		src.node.(*plan.Join).Lookup, src.stream = true, true
	}
	return nil
}
