package engine

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// PullAt runs a query once over its relations as they were at a token. Parameters have been bound.
func (e *Engine) PullAt(ctx context.Context, q *plan.Query, env *fn.Env, at Token) (*Rows, error) {
	feeds := &feeds{e: e}
	var err error
	if feeds.cut, err = e.cutAt(ctx, q.Reads, at); err != nil {
		return nil, translate(err)
	}
	return feeds.pull(q, env)
}

// TokenAt is a token of one table, or of streams, with everything up to the first record that is later than a time; of
// what queries make, alone or with others, as it was after the last step that is not later.
func (e *Engine) TokenAt(ctx context.Context, rels []*catalog.Relation, at time.Time) (Token, error) {
	var list []stretch
	stored, tables := 0, 0
	for _, rel := range rels {
		if rel.Stored() {
			stored++
			if rel.Kind != catalog.Stream {
				tables++
			}
		}
	}
	switch {
	case anyMade(rels):
		if t, last, err := e.tokenOfMark(ctx, rels, at); !last || err != nil {
			return t, err
		}
		return e.TokenNow(ctx, rels)
	case tables > 0 && stored > 1:
		return Token{}, sqlerr.New(sqlerr.FeatureNotSupported,
			"AS OF a time is not supported over tables together with others").
			WithHint("What they were at one time is not known, but a token says it: leat_catalog.token.")
	}
	ids := e.partitionsOf(rels)
	now, err := e.endsOfAll(ctx, ids)
	if err != nil {
		return Token{}, translate(err)
	}
	for _, id := range ids {
		to, err := e.endAt(id, at, now)
		if err != nil {
			return Token{}, err
		}
		list = append(list, stretch{part: id, to: to})
	}
	return newToken(list), nil
}

// anyMade reports whether one of the relations is a table or view that a query makes.
func anyMade(rels []*catalog.Relation) bool {
	return slices.ContainsFunc(rels, func(r *catalog.Relation) bool {
		return r.Query != "" && r.Stored() && r.Kind != catalog.Stream
	})
}

// TokenNow is a token of some relations after everything that was acknowledged before the call.
func (e *Engine) TokenNow(ctx context.Context, rels []*catalog.Relation) (Token, error) {
	c, err := e.flow.wait(ctx, rels)
	if err != nil {
		return Token{}, translate(err)
	}
	var stretches []stretch
	for _, rel := range rels {
		t, _ := e.node.Topic(rel.Topic)
		for part, to := range c.ends[rel.ID] {
			stretches = append(stretches, stretch{part: t.IDs[part], to: to})
		}
	}
	return newToken(stretches), nil
}

// cutAt is the state of relations at a token: where streams ended, and the rows of tables and views, which are made
// from their topics again.
func (e *Engine) cutAt(ctx context.Context, rels []*catalog.Relation, at Token) (cut, error) {
	c := cut{tables: map[uint32]*snapshot{}, ends: map[uint32][]int64{}}
	for _, rel := range rels {
		if !rel.Stored() {
			continue
		}
		stretches, err := e.stretchesOf(rel, at)
		if err != nil {
			return cut{}, err
		}
		for _, s := range stretches {
			c.ends[rel.ID] = append(c.ends[rel.ID], s.to)
		}
		if rel.Kind != catalog.Stream {
			rows, err := e.recall(ctx, rel, stretches)
			if err != nil {
				return cut{}, err
			}
			c.tables[rel.ID] = rows.snapshot()
		}
	}
	return c, nil
}

// stretchesOf is what a token says of the partitions of a relation.
func (e *Engine) stretchesOf(rel *catalog.Relation, at Token) ([]stretch, error) {
	if err := untold(rel); err != nil {
		return nil, err
	}
	t, _ := e.node.Topic(rel.Topic)
	var stretches []stretch
	for part, id := range t.IDs {
		s, ok := at.stretch(id)
		if !ok {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "the token says nothing about relation %q", rel.Name).
				WithHint("A token is good for the relations of the query it came with, as long as their topics are the same.")
		}
		_, end, err := e.node.Bounds(id)
		if err != nil {
			return nil, err
		}
		if s.end() > end {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "the token is ahead of relation %q", rel.Name)
		}
		if rewritten(rel) || part < len(rel.History) && s.to < rel.History[part] {
			return nil, sqlerr.New(sqlerr.SnapshotTooOld, "relation %q has been replaced since", rel.Name).
				WithHint("Its history begins anew, once all rows are written in their new form. Begin again without a token.")
		}
		stretches = append(stretches, s)
	}
	return stretches, nil
}

// untold returns an error for a table that is written to and whose rows go by the clock: its topic does not say when.
func untold(rel *catalog.Relation) error {
	if rel.KeepMs == 0 || rel.Query != "" {
		return nil
	}
	return sqlerr.New(sqlerr.SnapshotTooOld, "the history of table %q is not known: its topic does not tell what went by "+
		"the clock", rel.Name).WithHint("That of a materialized view of it does.")
}

// errForgotten is the error of a token that is too old.
func errForgotten(rel *catalog.Relation) error {
	return sqlerr.New(sqlerr.SnapshotTooOld, "the history of relation %q is not kept as far back as the token", rel.Name).
		WithHint("Retention or compaction has removed records since. Begin again without a token.")
}

// rowsFrom makes the rows that a table or view had when its partitions ended where the stretches say, from its topic.
// It begins with the rows of a moment before; nil for none.
func (e *Engine) rowsFrom(ctx context.Context, rel *catalog.Relation, at []stretch, before *keptRows) (*table, error) {
	r, err := e.newRowsReader(rel)
	if err != nil {
		return nil, err
	}
	if before != nil {
		r.src.rows = before.rows.edit()
		at = slices.Clone(at)
		for part := range r.parts {
			r.parts[part].next, at[part].from = before.read[part], before.read[part]
		}
	}
	for part := range r.parts {
		for {
			c, err := e.readPast(ctx, r, part, at[part].to)
			if err != nil {
				return nil, err
			}
			if c == nil {
				break
			}
			r.src.rows.apply(c, nil)
		}
	}
	return r.src.rows, e.stillThere(r, at)
}

// newRowsReader returns a reader of the topic of a table or view, with an empty table to apply its records to.
func (e *Engine) newRowsReader(rel *catalog.Relation) (*reader, error) {
	return e.newScanReader(&plan.Scan{Rel: rel})
}

// readPast reads the next records of a partition up to an offset; nil when they are read.
func (e *Engine) readPast(ctx context.Context, r *reader, part int, to int64) (*chunk, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return r.read(e.node, part, to, e.cfg.StepBytes)
}

// stillThere tells, after a read, that nothing was taken from what it has read: retention moves the beginning of a
// partition, and compaction leaves out what is replaced below an offset.
func (e *Engine) stillThere(r *reader, at []stretch) error {
	for part := range r.parts {
		id := r.parts[part].id
		start, _, err := e.node.Bounds(id)
		if err != nil {
			return err
		}
		cleaned, err := e.node.Compacted(id)
		if err != nil {
			return err
		}
		if s := at[part]; s.to > s.from && (start > s.from || r.src.rows != nil && cleaned > s.to) {
			return errForgotten(r.src.rel)
		}
	}
	return nil
}

// apply applies the records of a chunk, in order, and appends what they change to out unless that is nil.
func (t *table) apply(c *chunk, out *vec.Batch) {
	if !t.counted() {
		t.upsert(c, out)
		return
	}
	b := c.counted()
	for i := range b.N {
		t.add(b, i, out)
	}
}

// counted returns the changes in the records of a view without a key: each says in a header how many copies of its row
// come or go.
func (c *chunk) counted() *vec.Batch {
	return &vec.Batch{Cols: c.cols, Diff: c.diffs, Time: c.time, N: c.n}
}

// appendDiff appends what record i says of the copies of its row; one comes where it says nothing.
func (d *decoder) appendDiff(c *chunk, i int) {
	d.heads = d.recs.AppendHeaders(d.heads[:0], i)
	diff := 1
	for _, h := range d.heads {
		if string(h.Key) == diffHeader {
			diff, _ = strconv.Atoi(string(h.Value)) // written by multiset
		}
	}
	c.diffs = append(c.diffs, int32(diff))
}
