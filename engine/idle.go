package engine

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/vec"
)

// Where a view has a retention and its rows are groups of what only comes, a group whose row has gone is forgotten: a
// row that comes after that begins it anew. What is older than that when it comes is passed over, so it does not
// matter in how many steps the past is read. The groups are listed, each once, by a time that is theirs or was,
// among what the aggregation keeps of DISTINCT:
//
//	FF, event time (8 bytes in order), keys of the group (vec.AppendRow) -> nothing

// idleTag begins the keys of that list.
const idleTag = 0xff

// idleGroups is the aggregation whose groups are forgotten, and after how long, in milliseconds.
type idleGroups struct {
	of     *plan.Aggregate
	keep   int64
	passed int64 // the event time up to which they are, in the step
}

// newIdleGroups returns nil for a query whose rows are not groups of that kind.
func newIdleGroups(rel *catalog.Relation, q *plan.Query) *idleGroups {
	if rel.KeepMs == 0 || rel.TimeColumn >= 0 || q.Timed {
		return nil
	}
	n := q.Root
	for {
		switch at := n.(type) {
		case *plan.Project:
			n = at.In
		case *plan.Filter:
			n = at.In
		case *plan.Aggregate:
			if !at.In.Schema().AppendOnly || at.Global || at.Sets != nil || at.Closes != nil {
				return nil
			}
			return &idleGroups{of: at, keep: rel.KeepMs, passed: NoFrontier}
		default:
			return nil
		}
	}
}

// forgetIdle forgets the groups that have had no rows for so long, at the beginning of a step.
func (a *aggregateOp) forgetIdle() {
	if a.idle == nil {
		return
	}
	oldest := floorDiv(a.ctx.Env().Now, 1000) - a.idle.keep
	behind := oldest <= a.idle.passed // the clock stands, or was set back: this step alone says what is too old
	if a.idle.passed = oldest; behind {
		return
	}
	var over [][]byte
	a.distinct.Scan([]byte{idleTag}, appendTime([]byte{idleTag}, oldest+1), func(k, _ []byte) bool {
		over = append(over, append([]byte(nil), k...))
		return true
	})
	for len(over) > 0 {
		n := min(len(over), outRows)
		a.forgetListed(over[:n], oldest)
		over = over[n:]
	}
}

// forgetListed forgets those of the groups of some entries that are too old; the others are listed by their time.
func (a *aggregateOp) forgetListed(entries [][]byte, oldest int64) {
	keys := make([]*vec.Column, len(a.keyTmp))
	for k, c := range a.keyTmp {
		keys[k] = vec.NewColumn(c.Type)
	}
	for _, e := range entries {
		if _, err := vec.DecodeRow(e[9:], keys); err != nil {
			panic("BUG: the keys of a group in state cannot be decoded: " + err.Error())
		}
		a.distinct.Delete(e)
	}
	a.number(keys, len(entries))
	var gone, stay []int32
	for _, g := range a.groups {
		m := &a.meta[g]
		if m.closing = m.time > oldest; m.closing {
			stay = append(stay, g)
		} else {
			gone = append(gone, g)
		}
	}
	for _, g := range stay {
		a.list(g)
	}
	a.forget(gone)
}

// list lists a group by its event time.
func (a *aggregateOp) list(g int32) {
	for k, st := range a.table.keys {
		a.keyTmp[k].Reset()
		st.appendTo([]int32{g}, a.keyTmp[k])
	}
	a.distinct.Set(vec.AppendRow(appendTime([]byte{idleTag}, a.meta[g].time), a.keyTmp, 0), nil)
}

// listTouched lists the groups of the step that are not.
func (a *aggregateOp) listTouched() {
	if a.idle == nil {
		return
	}
	for _, g := range a.touched {
		if m := &a.meta[g]; !m.closing {
			m.closing = true
			a.list(g)
		}
	}
}

// young returns the rows that are not older than the retention.
func (a *aggregateOp) young(in *vec.Batch) *vec.Batch {
	if a.idle == nil || in.Time == nil {
		return in
	}
	sel := make([]int32, 0, in.N)
	for i, t := range in.Time {
		if t > a.idle.passed {
			sel = append(sel, int32(i))
		}
	}
	if len(sel) == in.N {
		return in
	}
	return in.Gather(sel)
}
