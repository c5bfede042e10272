package engine

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// ReplaceQuery gives the relation old, which a query makes, the query and the columns of rel. It returns when the new
// query has taken over: see swap.go. A stream whose query keeps no state goes on with the new one where it is.
func (e *Engine) ReplaceQuery(ctx context.Context, old, rel *catalog.Relation) error {
	done, err := e.onceSettled(ctx, func() (<-chan error, error) { return e.beginReplace(ctx, old, rel) })
	if err != nil || done == nil {
		return translate(err)
	}
	return e.awaitTakeOver(ctx, old.ID, done)
}

// awaitTakeOver waits until the new query of a relation has taken over. When that cannot be, or the statement is
// canceled, it is taken back.
func (e *Engine) awaitTakeOver(ctx context.Context, id uint32, done <-chan error) error {
	select {
	case err := <-done:
		if back := (takenBack{}); errors.As(err, &back) {
			return back.error // by another, whose own may be under way
		}
		if err != nil {
			return errors.Join(err, e.stopReplace(context.WithoutCancel(ctx), id))
		}
		return nil
	case <-e.flow.done:
		return sqlerr.New(sqlerr.AdminShutdown, "the server is shutting down").
			WithDetail("The query goes on catching up when the server starts again, and takes over then.")
	case <-ctx.Done():
		if err := e.stopReplace(context.WithoutCancel(ctx), id); err != nil {
			return err
		}
		select {
		case err := <-done:
			if err == nil { // it was faster
				return nil
			}
		default:
		}
		return translate(ctx.Err())
	}
}

// takenBack is the error of a replacement that has been ended and forgotten.
type takenBack struct{ error }

// beginReplace is ReplaceQuery up to where the new query begins. What it returns tells when it has taken over, nil for
// at once.
func (e *Engine) beginReplace(ctx context.Context, old, rel *catalog.Relation) (<-chan error, error) {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	old, err := e.current(old)
	switch {
	case err != nil:
		return nil, err
	case slices.Contains(rel.Reads, old.ID) || e.reaches(rel.Uses, old.ID) || e.feeds(old, rel.Reads):
		return nil, sqlerr.New(sqlerr.InvalidObjectDefinition, "%s would be made of itself", described(old))
	}
	if old.Kind == catalog.Stream {
		if err := e.replaceableStream(old, rel); err != nil {
			return nil, err
		}
	}
	before, err := e.planView(old)
	if err != nil && old.Kind == catalog.Stream {
		return nil, err
	}
	carries := err == nil && before.Carries
	r := *rel
	r.Columns = slices.Clone(rel.Columns)
	for i, c := range old.Columns {
		if at := r.ColumnIndex(c.Name); at >= 0 {
			r.Columns[at].Comment = old.Columns[i].Comment
		}
	}
	r.Indexes = indexesAfter(old, &r)
	after, err := e.planView(&r)
	if err != nil {
		return nil, err
	}
	if carries && after.Carries && slices.Equal(old.Reads, rel.Reads) {
		return nil, e.replaceInPlace(ctx, old, &r)
	}
	if old.Kind == catalog.Stream && old.Paused {
		return nil, sqlerr.New(sqlerr.ObjectNotInPrerequisite, "the query of stream %q is paused", old.Name).
			WithHint("RESUME %s first: the new query goes on where it is.", old.QueryID)
	}
	return e.replaceBeside(ctx, old, &r)
}

// current is a relation as the catalog has it now, which must be what it was when a statement was planned.
func (e *Engine) current(old *catalog.Relation) (*catalog.Relation, error) {
	now, ok := e.Catalog().ByID(old.ID)
	if !ok {
		return nil, sqlerr.New(sqlerr.UndefinedTable, "relation %q does not exist", old.Name)
	}
	if now == old {
		return now, nil
	}
	a, b := *now, *old
	a.Was, b.Was, a.History, b.History = nil, nil, nil, nil // what the engine notes by itself
	was, err := catalog.Encode(&a)
	if err != nil {
		return nil, err
	}
	is, err := catalog.Encode(&b)
	if err == nil && !bytes.Equal(was, is) {
		err = sqlerr.New(sqlerr.ObjectInUse, "the catalog was changed by another session").WithHint("Try again.")
	}
	return now, err
}

// replaceableStream checks what only a stream has in its way.
func (e *Engine) replaceableStream(old, rel *catalog.Relation) error {
	switch {
	case len(rel.Columns) > len(old.Columns) && old.ValueFormat != "JSON":
		return sqlerr.New(sqlerr.FeatureNotSupported, "more columns of a stream with the format %s are not supported yet",
			old.ValueFormat).WithHint("DROP it, and create it again.")
	case e.flow.allGivenUp()[old.StateID()] != "":
		return sqlerr.New(sqlerr.ObjectNotInPrerequisite, "the query of stream %q has failed", old.Name).
			WithHint("RESUME %s first, or DROP the stream and create it again.", old.QueryID)
	}
	return nil
}

// replaceInPlace replaces a query that keeps no state by another that reads the same.
func (e *Engine) replaceInPlace(ctx context.Context, old, rel *catalog.Relation) error {
	r := *old
	r.Columns, r.Query, r.Statement = rel.Columns, rel.Query, rel.Statement
	r.Uses, r.Settings, r.OnError = rel.Uses, rel.Settings, rel.OnError
	var named []*catalog.Relation
	if len(r.Columns) > len(old.Columns) {
		var err error
		if named, err = e.unmoved(old, &planner.AlterPlan{Rel: &r}); err != nil {
			return err
		}
	}
	if err := e.rehearse(&r); err != nil {
		return err
	}
	change := cluster.Change{IfVersion: e.version, Put: map[string][]byte{}}
	if err := putAll(&change, append(named, &r)...); err != nil {
		return err
	}
	return translate(e.flow.do(context.WithoutCancel(ctx), func() error { return e.commitReplace(ctx, &r, change) }))
}

// commitReplace runs in the flow's goroutine. A checkpoint comes first: no step before it has to be computed again,
// which the new query would do otherwise.
func (e *Engine) commitReplace(ctx context.Context, r *catalog.Relation, change cluster.Change) error {
	f := e.flow
	q, err := e.planView(r)
	if err != nil {
		return err
	}
	if err := f.settleFor(&change, r); err != nil {
		return err
	}
	if err := e.update(ctx, change); err != nil {
		return err
	}
	if v := f.viewOf(r.StateID()); v != nil {
		return f.exchange(v, r, q)
	}
	return nil
}

// exchange gives a view that keeps no state another query of the same stream.
func (f *flow) exchange(v *view, rel *catalog.Relation, q *plan.Query) error {
	next, err := f.newView(rel, q)
	if err != nil {
		return err
	}
	next.sink.src = v.sink.src
	f.account(v.id).Remove(v.state)
	v.state = next.state
	f.keep(v)
	v.rel, v.query, v.graph, v.sink, v.idle = rel, q, next.graph, next.sink, next.idle
	next.heir, v.sink.fault, v.sink.of = v, &v.fault, v
	in := v.inputs[0]
	in.scan, in.where, v.env = next.inputs[0].scan, next.inputs[0].where, next.env
	v.sink.src.rel = rel
	if err := f.rereadAll(v.sink.src); err != nil {
		return err
	}
	return f.rereadAll(in.src)
}

// replaceBeside lets the new query run beside the old one until it can take over.
func (e *Engine) replaceBeside(ctx context.Context, old, rel *catalog.Relation) (<-chan error, error) {
	has, err := e.settled(ctx, old)
	if err != nil {
		return nil, err
	}
	if !has {
		return nil, unsettled{old}
	}
	next := *rel
	if next.ID, err = e.nextID(); err != nil {
		return nil, err
	}
	next.Topic, next.OwnsTopic, next.Partitions = "", false, old.Partitions
	next.Layout, next.Created, next.Owner = old.Layout+1, e.cfg.Now().UnixMicro(), old.Owner
	next.QueryID = queryID(&next)
	r := *old
	r.Next = &next
	named, err := e.fits(&r)
	if err != nil {
		return nil, err
	}
	if _, err := newEncoder(swapped(&r)); err != nil {
		return nil, err
	}
	if err := e.rehearse(&next); err != nil {
		return nil, err
	}
	if old.Was != nil || old.Next != nil { // one after the other
		if err := e.clearReplaced(ctx, old); err != nil {
			return nil, err
		}
		if now, _ := e.Catalog().ByID(old.ID); now.Was != nil {
			return nil, unsettled{now}
		}
		r.Was = nil
	}
	change := e.takeID(next.ID + 1) // the difference has a number too
	if err := putAll(&change, append(named, &r)...); err != nil {
		return nil, err
	}
	release, err := e.freeze(ctx, &next)
	if err != nil {
		return nil, err
	}
	defer release()
	done := e.awaitReplaced(next.ID)
	err = e.flow.do(context.WithoutCancel(ctx), func() error { return e.commitBeside(ctx, &r, change) })
	return done, err
}

// commitBeside runs in the flow's goroutine.
func (e *Engine) commitBeside(ctx context.Context, r *catalog.Relation, change cluster.Change) error {
	f := e.flow
	a, err := f.startFrom(r.Next, true) // it may fail, and what is in the catalog has to be begun
	if err != nil {
		return err
	}
	if err := e.update(ctx, change); err != nil {
		return err
	}
	now, _ := e.Catalog().ByID(r.ID)
	f.sources[r.ID].redefine(now)
	f.waiting = append(f.waiting, a, f.differenceOf(r))
	if _, err := f.step(); err != nil {
		f.broken = err
		return err
	}
	return nil
}

// fits checks that what reads a relation, and what inserts into it, is not touched when it is replaced by its Next. It
// returns those that have to name their columns for that: see unmoved.
func (e *Engine) fits(old *catalog.Relation) (named []*catalog.Relation, err error) {
	cat, rel := e.Catalog(), swapped(old)
	deps := cat.Dependants(old.ID)
	if len(deps) == 0 || old.Kind == catalog.Stream && len(old.Columns) == len(rel.Columns) {
		return nil, nil
	}
	if old.Kind != catalog.Stream && !old.Extends(rel) {
		return nil, sqlerr.New(sqlerr.DependentObjectsStillExist, "cannot replace %s because other objects depend on it",
			described(old)).WithDetail("%s depends on %s, whose columns would change.", described(deps[0]), described(old)).
			WithHint("DROP them first, and create them again.")
	}
	if named, err = e.unmoved(old, &planner.AlterPlan{Rel: rel}); err != nil {
		return nil, err
	}
	after := cat.Replacing(rel)
	for _, dep := range deps {
		then := dep
		for _, n := range named {
			if n.ID == dep.ID {
				then = n
			}
		}
		if dep.Query == "" || dep.Terminated || dep.Kind == catalog.PlainView {
			continue
		}
		was, err := e.planIn(cat, dep)
		if err != nil {
			return nil, err
		}
		is, err := e.planIn(after, then)
		if err != nil {
			return nil, err
		}
		if planner.Explain(was) != planner.Explain(is) {
			return nil, sqlerr.New(sqlerr.FeatureNotSupported, "cannot replace %s because the plan of %s would change",
				described(old), described(dep)).WithHint("DROP it first, and create it again.")
		}
	}
	return named, nil
}

// stopReplace takes back what would take the place of a relation, if it has not.
func (e *Engine) stopReplace(ctx context.Context, id uint32) error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	rel, ok := e.Catalog().ByID(id)
	if !ok || rel.Next == nil {
		return nil
	}
	return e.clearReplaced(ctx, rel)
}

// clearReplaced ends the replacement of a relation that is under way, and forgets the one before where that is settled.
// The caller holds e.ddl.
func (e *Engine) clearReplaced(ctx context.Context, rel *catalog.Relation) error {
	has, err := e.settled(ctx, rel)
	if err != nil {
		return err
	}
	r, gone := *rel, *rel
	if r.Next = nil; has {
		r.Was = nil
	} else {
		gone.Was = nil
	}
	doc, err := catalog.Encode(&r)
	if err != nil {
		return err
	}
	change := cluster.Change{IfVersion: e.version, Put: map[string][]byte{relationKey(r.ID): doc}}
	return translate(e.flow.do(context.WithoutCancel(ctx), func() error {
		f := e.flow
		if err := e.update(ctx, change); err != nil {
			return err
		}
		now, _ := e.Catalog().ByID(r.ID)
		f.sources[r.ID].redefine(now)
		return f.forget(&gone)
	}))
}

// offerSwaps tells the engine of relations whose replacements have caught up.
func (f *flow) offerSwaps() {
	for id, s := range f.sources {
		if s.rel.Next == nil || f.told[id] || !f.swappable(s) || !f.drafted(s) {
			continue
		}
		select {
		case f.caught <- id:
			f.told[id] = true
		default: // the next step is soon enough
		}
	}
}

// replacements are those who wait for a query to take over, by the number of its state.
type replacements struct {
	mu   sync.Mutex
	done map[uint32][]chan error
	stop chan struct{}
	wg   sync.WaitGroup
}

func (e *Engine) awaitReplaced(id uint32) <-chan error {
	e.replacing.mu.Lock()
	defer e.replacing.mu.Unlock()
	done := make(chan error, 1)
	e.replacing.done[id] = append(e.replacing.done[id], done)
	return done
}

// replaced tells who waits that a query has taken over, or why not.
func (e *Engine) replaced(id uint32, err error) {
	e.replacing.mu.Lock()
	defer e.replacing.mu.Unlock()
	for _, done := range e.replacing.done[id] {
		done <- err
	}
	delete(e.replacing.done, id)
}

// superviseReplacements swaps relations as they can be, and forgets what they were once no replay needs it.
func (e *Engine) superviseReplacements() {
	defer e.replacing.wg.Done()
	for {
		select {
		case <-e.replacing.stop:
			return
		case id := <-e.flow.caught:
			if err := e.takeOver(id); err != nil {
				e.log.Error("a query could not take over", "relation", id, "error", err)
			}
		case <-e.flow.settled:
			if err := e.forgetReplaced(); err != nil {
				e.log.Error("cannot forget what was replaced", "error", err)
			}
		}
	}
}

// takeOver swaps a relation whose replacement has caught up.
func (e *Engine) takeOver(id uint32) error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	ctx := context.Background()
	rel, ok := e.Catalog().ByID(id)
	if !ok || rel.Next == nil {
		return e.flow.do(ctx, func() error { delete(e.flow.told, id); return nil })
	}
	named, err := e.fits(rel)
	if err == nil && len(named) > 0 { // they were made meanwhile
		change := cluster.Change{IfVersion: e.version, Put: map[string][]byte{}}
		if err = putAll(&change, named...); err == nil {
			err = e.flow.do(ctx, func() error { return e.update(ctx, change) })
		}
		if rel, ok = e.Catalog().ByID(id); err != nil || !ok {
			return errors.Join(err, e.flow.do(ctx, func() error { delete(e.flow.told, id); return nil }))
		}
	}
	if err != nil { // so was what does not fit
		next := rel.Next.ID
		defer e.replaced(next, err)
		return e.flow.do(ctx, func() error {
			delete(e.flow.told, id)
			for _, gone := range []uint32{next, differenceID(rel)} {
				if err := e.flow.detach(gone); err != nil {
					return err
				}
			}
			e.flow.setGivenUp(next, err.Error())
			return nil
		})
	}
	return e.flow.do(ctx, func() error { return e.commitSwap(ctx, rel) })
}

// commitSwap runs in the flow's goroutine.
func (e *Engine) commitSwap(ctx context.Context, rel *catalog.Relation) error {
	f := e.flow
	delete(f.told, rel.ID)
	s := f.sources[rel.ID]
	if s == nil || !f.swappable(s) {
		return nil // it will be
	}
	f.swaps = append(f.swaps, rel.ID)
	if rel.Next.Paused {
		f.turns = append(f.turns, turn{rel.Next.ID, true})
	}
	_, err := f.step()
	if err == nil {
		err = e.recordSwap(ctx, rel)
	}
	if err != nil {
		f.broken = err
		return err
	}
	e.replaced(rel.Next.ID, nil)
	return nil
}

// recordSwap has the catalog say what the flow has done.
func (e *Engine) recordSwap(ctx context.Context, rel *catalog.Relation) error {
	r, was := swapped(rel), *rel
	was.Was, r.Was = nil, &was
	doc, err := catalog.Encode(r)
	if err != nil {
		return err
	}
	change := cluster.Change{IfVersion: e.version, Put: map[string][]byte{relationKey(r.ID): doc}}
	if err := e.update(ctx, change); err != nil {
		return err
	}
	now, _ := e.Catalog().ByID(r.ID)
	e.flow.sources[r.ID].redefine(now)
	return nil
}

// redefine has the flow know a relation as the catalog has it.
func (src *source) redefine(rel *catalog.Relation) {
	src.rel = rel
	if src.rows != nil {
		src.rows.rel = rel
	}
	if src.view != nil {
		src.view.rel, src.view.sink.rel = rel, rel
	}
}

// recordMissedSwaps completes, at the end of a replay, swaps that the server did not come to tell the catalog of.
func (e *Engine) recordMissedSwaps(ctx context.Context) error {
	for _, rel := range e.Catalog().Relations() {
		if s := e.flow.sources[rel.ID]; rel.Was != nil {
			s.redefine(rel)
			continue
		} else if rel.Next == nil || s.rel.StateID() != rel.Next.ID {
			continue
		}
		if err := e.recordSwap(ctx, rel); err != nil {
			return err
		}
	}
	return nil
}

// rewritten reports whether all rows of a relation are written to its topic anew since it took the place of another.
func rewritten(r *catalog.Relation) bool {
	return r.Was != nil && r.Kind != catalog.Stream &&
		(!r.Was.Extends(r) || !slices.Equal(r.Was.Key, r.Key) || !sameRecords(r.Was, r))
}

// endsOf are the ends of the partitions of a relation's topic.
func (e *Engine) endsOf(r *catalog.Relation) (ends []int64, err error) {
	t, _ := e.node.Topic(r.Topic)
	for _, id := range t.IDs {
		_, end, err := e.node.Bounds(id)
		if err != nil {
			return nil, err
		}
		ends = append(ends, end)
	}
	return ends, nil
}

// forgetReplaced takes out of the catalog what relations were before checkpoints that have them as they are.
func (e *Engine) forgetReplaced() error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	for _, rel := range e.Catalog().Relations() {
		if rel.Was == nil {
			continue
		}
		r := *rel
		r.Was = nil
		err := e.flow.do(context.Background(), func() error {
			meta, err := e.flow.safeMeta()
			if err != nil || meta.States[r.ID] != r.StateID() {
				return err
			}
			if rewritten(rel) {
				if e.flow.sources[r.ID].rewrite != nil {
					return nil // with a later checkpoint
				}
				if r.History, err = e.endsOf(&r); err != nil {
					return err
				}
			}
			doc, err := catalog.Encode(&r)
			if err != nil {
				return err
			}
			change := cluster.Change{IfVersion: e.version, Put: map[string][]byte{relationKey(r.ID): doc}}
			if err := e.update(context.Background(), change); err != nil {
				return err
			}
			now, _ := e.Catalog().ByID(r.ID)
			e.flow.sources[r.ID].redefine(now)
			return errors.Join(e.flow.forget(&catalog.Relation{Was: rel.Was}), e.flow.sweepParts())
		})
		if err != nil {
			return err
		}
	}
	return nil
}
