package engine

import (
	"slices"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
)

// Tables have indexes for the joins of continuous queries (plan.JoinIndex): one for all that join a table by the same
// columns, from when the first of them looks for a row until the last is gone. They are state of their own in the
// store, with numbers beyond those of relations. What they hold follows from the rows alone: an index that is not in
// the checkpoint is made anew.

// firstIndexOwner is beyond the numbers of relations.
const firstIndexOwner = 1 << 32

// savedIndex is an index in a checkpoint.
type savedIndex struct {
	Owner   uint64 `json:"owner"`
	Columns []int  `json:"columns"`
	Layout  int    `json:"layout,omitempty"`
}

// joined returns the table that a join finds rows in, and the index that it does so by; nil for the table's key.
func (f *flow) joined(x *plan.JoinIndex) (*table, *secondary) {
	t := f.sources[x.Scan.Rel.ID].rows
	if x.Own {
		return t, nil
	}
	if i := t.indexed(x.By); i != nil {
		return t, i
	}
	return t, f.addIndex(t, x.By)
}

// addIndex makes an index of a table by some columns.
func (f *flow) addIndex(t *table, columns []int) *secondary {
	i := newSecondary(t.rel, catalog.Index{Columns: columns})
	i.owner = firstIndexOwner + f.indexes
	f.indexes++
	i.make(t)
	t.joins = append(t.joins, i)
	f.account(t.rel.StateID()).Add(i.rows)
	return i
}

// carryIndexes gives the table that is to take the place of another the indexes that this one has, before it has rows:
// the step that swaps them, or the next that looks for a row, would make them in one go. The columns of the first are
// those that the other begins with.
func (f *flow) carryIndexes(old, next *table) {
	for _, x := range old.joins {
		if next.indexed(x.Columns) == nil {
			f.addIndex(next, x.Columns)
		}
	}
}

// indexed returns the index of the table that begins with some columns; nil for none.
func (t *table) indexed(columns []int) *secondary {
	for _, x := range slices.Concat(t.joins, t.second) {
		if x.Plain() && len(x.Columns) >= len(columns) && slices.Equal(x.Columns[:len(columns)], columns) {
			return x
		}
	}
	return nil
}

// joinsBy lists the queries that find rows of the relation by the same columns.
func (src *source) joinsBy(x *plan.JoinIndex) (views []*view) {
	for _, in := range src.inputs {
		if i := in.index; i != nil && i.Own == x.Own && slices.Equal(i.By, x.By) && !slices.Contains(views, in.view) {
			views = append(views, in.view)
		}
	}
	return views
}

// trimIndexes frees the indexes of a relation that no query wants, and those of what is to take its place.
func (f *flow) trimIndexes(src *source) {
	sources := []*source{src}
	if src.rel.Next != nil {
		sources = append(sources, f.sources[src.rel.Next.ID])
	}
	for _, s := range sources {
		if s == nil || s.rows == nil {
			continue
		}
		s.rows.joins = slices.DeleteFunc(s.rows.joins, func(x *secondary) bool {
			if len(src.joinsBy(&plan.JoinIndex{By: x.Columns})) > 0 {
				return false
			}
			f.freeIndex(s.rows, x)
			return true
		})
	}
}

// freeIndexes frees the indexes of a table that another takes the place of.
func (f *flow) freeIndexes(t *table) {
	if t == nil {
		return
	}
	for _, x := range t.joins {
		f.freeIndex(t, x)
	}
	t.joins = nil
}

func (f *flow) freeIndex(t *table, x *secondary) {
	f.account(t.rel.StateID()).Remove(x.rows)
	f.freeOwner(x.owner)
}

// freeOwner frees state in the file.
func (f *flow) freeOwner(owner uint64) {
	if f.gathering != nil {
		f.gathering.c.Forget(owner)
	}
	f.store.Drop(owner)
}

// savedIndexes are the indexes of the table for a checkpoint.
func (t *table) savedIndexes() (out []savedIndex) {
	for _, x := range t.joins {
		out = append(out, savedIndex{x.owner, x.Columns, t.rel.Layout})
	}
	return out
}

// loadIndexes finds the indexes for joins in the last checkpoint.
func (f *flow) loadIndexes(t *table, saved []savedIndex) error {
	for _, s := range saved {
		if s.Layout != t.rel.Layout {
			continue
		}
		x := newSecondary(t.rel, catalog.Index{Columns: s.Columns})
		x.owner = s.Owner
		if err := x.rows.Attach(f.store.Region(s.Owner, 0)); err != nil {
			return err
		}
		if _, made := x.rows.Get(madeKey); !made {
			x.make(t)
		}
		t.joins = append(t.joins, x)
		f.account(t.rel.StateID()).Add(x.rows)
	}
	return nil
}

// checkpointIndexes gives what changed of the indexes for joins.
func (t *table) checkpointIndexes(c *state.Checkpoint) error {
	for _, x := range t.joins {
		if err := x.rows.WriteChanges(c.Writer(x.owner, 0)); err != nil {
			return err
		}
	}
	return nil
}
