package engine

import (
	"context"
	"fmt"

	"github.com/leatdb/leat/log"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// RESUME of a query that was given up. What a table or view holds is made anew, beside the rows that it had when its
// query failed, and takes their place as that of CREATE OR REPLACE does: readers get what differs, at once. A
// stream's query that keeps no state goes on where it stopped, which is where the step began in which it failed.

// resume lets failed queries go on.
func (e *Engine) resume(ctx context.Context, failed []*catalog.Relation) error {
	for _, r := range failed {
		var done <-chan error
		var err error
		if r.Kind == catalog.View || r.Kind == catalog.Table {
			done, err = e.onceSettled(ctx, func() (<-chan error, error) { return e.makeAgain(ctx, r) })
		} else {
			err = e.goOn(ctx, r)
		}
		if err == nil && done != nil {
			err = e.awaitTakeOver(ctx, r.ID, done)
		}
		if err != nil {
			return translate(err)
		}
	}
	return nil
}

// makeAgain begins to make the rows of a failed query anew.
func (e *Engine) makeAgain(ctx context.Context, old *catalog.Relation) (<-chan error, error) {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	old, err := e.current(old)
	if err != nil {
		return nil, err
	}
	return e.beginAgain(ctx, old)
}

// beginAgain is makeAgain of a relation as the catalog has it. The caller holds e.ddl.
func (e *Engine) beginAgain(ctx context.Context, old *catalog.Relation) (<-chan error, error) {
	r := *old
	r.State, r.Part, r.Next, r.Was = 0, 0, nil, nil
	return e.replaceBeside(ctx, old, &r)
}

// goOn attaches a failed query of a stream where it stopped.
func (e *Engine) goOn(ctx context.Context, old *catalog.Relation) error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	rel, err := e.current(old)
	if err != nil {
		return err
	}
	q, err := e.planView(rel)
	if err != nil {
		return err
	}
	return e.flow.do(context.WithoutCancel(ctx), func() error {
		f := e.flow
		id := rel.StateID()
		at, ok := f.stopped[id]
		if v, err := f.newView(rel, q); err != nil {
			return err
		} else if !ok || !v.graph.stateless() {
			return sqlerr.New(sqlerr.FeatureNotSupported, "RESUME of a failed query that keeps state and writes a stream").
				WithHint("DROP the stream, and create it again.")
		}
		if err := f.settleDown(); err != nil { // no step before is computed with what is freed
			return err
		}
		f.free(id)
		f.waiting = append(f.waiting, attach{View: id, Start: at})
		if _, err := f.step(); err != nil {
			f.broken = err
			return err
		}
		return f.sound(rel) // the step may have been the one that it failed in
	})
}

// stateless reports whether the operators remember nothing.
func (g *Graph) stateless() bool {
	for _, n := range g.nodes {
		switch n.op.(type) {
		case *filterOp, *projectOp, *unionOp:
		default:
			return false
		}
	}
	return true
}

// stopAt notes where a view had read its streams when the step began that it failed in.
func (f *flow) stopAt(v *view, sub *substep) {
	at := map[uint32][]int64{}
	for _, in := range v.inputs {
		if in.src.rows != nil {
			continue
		}
		owner := uint32(0)
		if in.reader != nil {
			owner = v.id
		}
		var offsets []int64
		for part, c := range in.positions() {
			from := c.next
			if in.reader == nil && in.src.derived() {
				from -= f.appended(c)
			}
			for _, r := range sub.Reads {
				if r.Rel == in.src.rel.ID && r.Owner == owner && r.Part == part {
					from = min(from, r.From)
				}
			}
			offsets = append(offsets, from)
			f.leaveAt([]cursor{{id: c.id, next: from}})
		}
		at[in.src.rel.ID] = offsets
	}
	f.stopped[v.id] = at
}

// appended is how many records of a partition are in the step's output.
func (f *flow) appended(c cursor) (n int64) {
	for _, a := range f.out {
		if a.Partition != c.id {
			continue
		}
		for rest := a.Batches; len(rest) > 0; {
			h, _, more, err := log.NextBatch(rest)
			if err != nil {
				panic("BUG: a batch of a step cannot be read: " + err.Error())
			}
			n += h.LastOffset() - h.BaseOffset + 1
			rest = more
		}
	}
	return n
}

// nameOf is the name of the relation that a query maintains.
func (f *flow) nameOf(id uint32) string {
	if rel, _ := f.definition(id); rel != nil {
		return rel.Name
	}
	return ""
}

// failToStart gives a query up that this version of the server cannot begin: the others go on.
func (f *flow) failToStart(id uint32, name string, why error) {
	f.log.Error("a continuous query cannot be started", "relation", name, "error", why)
	f.giveUpAlone(givenUp{View: id, Why: fmt.Sprintf("it cannot be started: %s", why.Error())})
}
