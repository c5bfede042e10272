package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/sql/catalog"
)

// restore brings the flow to where it was at the checkpoint.
func (f *flow) restore() error {
	steps, ok1 := f.node.Topic(stepsTopic)
	errs, ok2 := f.node.Topic(errorsTopic)
	marks, ok3 := f.node.Topic(marksTopic)
	if !ok1 || !ok2 || !ok3 {
		return fmt.Errorf("engine: internal topics are missing")
	}
	f.steps, f.errors, f.marker.part = steps.IDs[0], errs.IDs[0], marks.IDs[0]
	var err error
	if f.errorBox, err = newLetterBox(errorsRelation(), errs.IDs[:1], false); err != nil {
		return err
	}
	meta, ok, err := f.loadCheckpoint()
	if err != nil {
		return err
	}
	if err := f.connectBase(meta); err != nil {
		return err
	}
	if err := f.engine.remembers(meta); err != nil {
		return err
	}
	if f.following.on.Load() { // who leads gives it a newer one
		if err := f.engine.begunBy(meta); err != nil {
			return err
		}
	}
	if ok {
		f.keepFirst()
		if err := f.restoreViews(meta); err != nil {
			return err
		}
		f.stepsFrom = meta.Steps
		f.stepped.Store(meta.Now)
	}
	first, _, err := f.node.Bounds(f.steps)
	if err != nil {
		return err
	}
	if first > f.stepsFrom {
		return fmt.Errorf("%w: the one in the data directory is older than the steps kept (%d < %d)", ErrNoCheckpoint,
			f.stepsFrom, first)
	}
	f.replay.next = f.stepsFrom
	f.restoreFollowing(meta)
	return nil
}

// lead takes the flow over: it computes the steps recorded since again without appending anything, completes a step of
// which only some parts were committed, and whatever the catalog says that no step has done.
func (f *flow) lead(ctx context.Context) error {
	if err := f.arrive(ctx, f.needsNow()); err != nil {
		return err
	}
	f.following.lacks = nil
	if err := f.replaySteps(ctx); err != nil {
		return err
	}
	if err := f.engine.recordMissedSwaps(ctx); err != nil {
		return err
	}
	if err := f.freeOrphans(); err != nil {
		return err
	}
	f.turns = f.missedTurns()
	if err := f.attachMissing(ctx); err != nil {
		return err
	}
	f.node.HoldsNamed()
	return nil
}

// addSources makes the relations known as they were at a checkpoint.
func (f *flow) addSources(meta checkpointMeta) {
	for _, rel := range f.engine.Catalog().Relations() {
		if !rel.Stored() {
			continue
		}
		s := f.addSource(standing(rel, meta))
		if s.rel.Part != 0 {
			if p, err := f.engine.partOf(s.rel); err == nil { // else it cannot be started, nor what reads it
				f.addPart(p)
			}
		}
		if next, ok := meta.Rewrites[rel.ID]; ok && s.rows != nil {
			s.rewrite = newWholeReader(s.rows, next)
		}
		if n := s.rel.Next; n != nil && slices.Contains(meta.Views, n.ID) {
			f.addSource(n).hidden = true
		}
	}
}

// freeOrphans frees state that is nobody's: the server ended before it was freed.
func (f *flow) freeOrphans() error {
	owners, err := f.store.Owners()
	if err != nil {
		return err
	}
	known := map[uint64]bool{}
	for _, v := range f.views { // what compares relations is no relation's
		known[uint64(v.id)] = true
	}
	for _, rel := range f.engine.Catalog().Relations() {
		for _, r := range []*catalog.Relation{rel, rel.Next, rel.Was} {
			if r != nil {
				known[uint64(r.StateID())], known[uint64(r.Part)] = true, true
			}
		}
	}
	for _, s := range f.sources {
		if !f.isNext(s.rel.ID) { // its indexes are those of what it takes the place of
			f.trimIndexes(s)
		}
	}
	for _, s := range f.sources {
		if s.rows != nil {
			for _, x := range s.rows.joins {
				known[x.owner] = true
			}
		}
	}
	for _, owner := range owners {
		if !known[owner] {
			f.store.Drop(owner)
		}
	}
	return nil
}

// connectBase makes the live readers that the checkpoint knows, and those of tables.
func (f *flow) connectBase(meta checkpointMeta) error {
	for id, s := range f.sources {
		positions, live := meta.Live[id]
		isTable := s.rel.Kind == catalog.Table && s.rel.Query == ""
		if !live && !isTable || s.derived() {
			continue
		}
		s.live = newReader(s, 0, s.parts)
		setPositions(s.live.parts, positions)
		if err := s.live.wantColumns(); err != nil {
			return err
		}
	}
	return nil
}

// restoreViews makes the views of the checkpoint and gives them their state and their inputs.
func (f *flow) restoreViews(meta checkpointMeta) error {
	for _, s := range f.sources { // what was given up takes over, if others had it do so, as the log says
		if n := s.rel.Next; n != nil && meta.GivenUp[n.ID] != "" {
			f.unswappable[s.rel.ID] = true
		}
	}
	for _, id := range append(slices.Clone(meta.Views), slices.Sorted(maps.Keys(meta.Doubts))...) {
		if why := meta.Doubts[id]; why != "" {
			f.doubt(id, why)
		}
		v, err := f.restoredView(id, meta)
		switch {
		case err != nil:
			f.failToStart(id, f.nameOf(id), err)
		case v == nil:
		case f.isDoubted(v, meta):
			err = f.distrust(v)
		default:
			err = f.restoreView(v, meta)
		}
		if v != nil && err != nil {
			return err
		}
	}
	return nil
}

// restoreView gives a view of the checkpoint its state and its inputs.
func (f *flow) restoreView(v *view, meta checkpointMeta) error {
	v.fresh = false
	for _, in := range v.inputs {
		if err := f.reconnect(in, meta.Own[v.id][in.src.rel.ID]); err != nil {
			return err
		}
		if at, ok := meta.Chase[v.id][in.port]; ok {
			in.chase = newChase(in.scan, at.Next)
			in.chase.taken = at.Taken
		}
	}
	v.paused = slices.Contains(meta.Paused, v.id)
	if err := v.restore(f.store); state.IsDamage(err) {
		return err
	} else if err != nil {
		if err := f.detach(v.id); err != nil {
			return err
		}
		for _, in := range v.inputs {
			if err := f.disconnect(in); err != nil {
				return err
			}
		}
		f.failToStart(v.id, v.rel.Name, fmt.Errorf("its state: %w", err))
		return nil
	}
	if v.differs() {
		f.views = append(f.views, v)
	} else {
		f.addView(v)
	}
	return nil
}

// restoredView makes the query that a checkpoint has under a number; nil when it was dropped since.
func (f *flow) restoredView(id uint32, meta checkpointMeta) (*view, error) {
	rel, differs := f.definition(id)
	switch {
	case rel == nil || rel.Terminated, differs && f.unswappable[rel.ID]:
		return nil, nil
	case differs && f.sources[rel.Next.ID] == nil: // what was to take its place has been given up
		return nil, nil
	case differs:
		return f.newDifference(f.sources[rel.ID], slices.Contains(meta.Timed, id)), nil
	}
	q, err := f.engine.planView(rel)
	if err != nil {
		return nil, err
	}
	return f.newView(rel, q)
}

// reconnect gives a restored input its place: a reader of its own at the given positions, or among the others.
func (f *flow) reconnect(in *input, own []position) error {
	switch {
	case own != nil:
		parts := append([]cursor(nil), in.src.parts...)
		setPositions(parts, own)
		return in.view.catchUp(in, parts)
	case in.src.rows != nil || in.src.derived():
		in.src.inputs = append(in.src.inputs, in)
		return nil
	default:
		if in.src.live == nil && in.src.rel.Terminated {
			in.src.live = newReader(in.src, 0, in.src.parts)
		}
		if in.src.live == nil {
			return fmt.Errorf("BUG: checkpoint has no position for %s", in.src.rel.Name)
		}
		return in.src.live.add(in)
	}
}

// replay is how far the records of steps have been read.
type replay struct {
	next int64       // the offset after the last one
	open *stepRecord // a step of which some parts are there; nil for none
	have int         // how many
}

// replaySteps computes the committed steps that are left and claims the flow.
func (f *flow) replaySteps(ctx context.Context) error {
	epoch, seq, err := f.node.ClaimFlow(ctx, flowID)
	if err != nil {
		return err
	}
	f.epoch, f.seq = epoch, seq
	if first, _, err := f.node.Bounds(f.steps); err != nil || first > f.replay.next {
		return errors.Join(errOvertaken, err)
	}
	n := 0
	err = loadSteps(f.node, f.steps, f.replay.next, func(offset int64, r *stepRecord) error {
		n++
		if r.Part == 0 {
			if err := f.arrive(ctx, f.needsOf(r)); err != nil {
				return err
			}
		}
		return f.replayed(offset, r)
	})
	if err != nil {
		return err
	}
	if r := &f.replay; r.open != nil { // it is completed
		if f.lacks(r.open) {
			return errMixed("a step")
		}
		if err := f.again(r.open); err != nil {
			return err
		}
		if f.lacks(r.open) { // it has swapped
			return errMixed("a step")
		}
		f.pending = r.open.Subs
		if err := f.commit(r.have); err != nil {
			return err
		}
		*r = replay{next: r.next}
	}
	f.endDoubts()
	for _, s := range f.sources {
		s.rest()
	}
	if n > 0 {
		f.log.Info("replayed steps", "steps", n)
	}
	return nil
}

// replayed takes a committed record in: its step is computed when the last part is there.
func (f *flow) replayed(offset int64, rec *stepRecord) error {
	r := &f.replay
	r.next = offset + 1
	if rec.Part == 0 {
		r.open, r.have = rec, 0
	}
	if r.have++; r.have < rec.Parts {
		return nil
	}
	rec, r.open = r.open, nil
	if rec == nil {
		return fmt.Errorf("engine: the step record at offset %d is a part of no step", offset)
	}
	if err := f.again(rec); err != nil {
		return err
	}
	f.out, f.outs = f.out[:0], f.outs[:0] // it is in the log
	f.stepsFrom = r.next
	f.sinceMark++
	return nil
}

// again computes a recorded step, and checks that it comes to what it did.
func (f *flow) again(rec *stepRecord) error {
	given := f.allGivenUp()
	if n := len(rec.Subs); n > 0 {
		f.stepped.Store(rec.Subs[n-1].Now)
	}
	for i := range rec.Subs {
		f.recorded = nil
		if i == len(rec.Subs)-1 { // those before have put nothing out
			f.recorded = rec.Outs
		}
		if err := f.compute(&rec.Subs[i], false); err != nil {
			return err
		}
		for _, s := range f.sources {
			s.changes = nil // nobody taps them
		}
	}
	f.recorded = nil
	return f.checkOutput(rec, given)
}

// attachMissing attaches continuous queries that were created and never came to run.
func (f *flow) attachMissing(ctx context.Context) error {
	attached := map[uint32]bool{}
	failed := f.allGivenUp()
	for id := range failed {
		attached[id] = true
	}
	for _, v := range f.views {
		attached[v.id] = true
	}
	for _, rel := range f.engine.Catalog().Relations() {
		shares := rel.Part != 0 && rel.Continuous() && failed[rel.StateID()] == ""
		if p := rel.Part; shares && !attached[p] && f.sources[p] != nil {
			attached[p] = true
			if err := f.attachLate(ctx, f.sources[p].rel); err != nil {
				return err
			}
		}
		if rel.Continuous() && !attached[rel.StateID()] {
			if err := f.attachLate(ctx, rel); err != nil {
				return err
			}
		}
		// What takes its place and is not in the flow has taken it.
		if n := rel.Next; n != nil && f.sources[rel.ID].rel.Next != nil && !attached[n.ID] {
			if err := f.attachLate(ctx, n); err != nil {
				return err
			}
			f.waiting = append(f.waiting, f.differenceOf(rel))
		}
	}
	return nil
}

func (f *flow) attachLate(ctx context.Context, rel *catalog.Relation) error {
	release, err := f.engine.freeze(ctx, rel)
	if err != nil {
		return err
	}
	release() // all that the flow knows is held until the first checkpoint
	a, err := f.startOf(rel)
	if err != nil {
		return err
	}
	f.waiting = append(f.waiting, a)
	return nil
}

// startOf returns where a query begins in the streams it reads: at their beginning, or at their end where its
// session's auto.offset.reset says latest, or where it only goes on with what another has written of them.
func (f *flow) startOf(rel *catalog.Relation) (attach, error) {
	return f.startFrom(rel, f.isNext(rel.ID))
}

// startFrom is startOf of a query that takes the place of another, or not.
func (f *flow) startFrom(rel *catalog.Relation, isNext bool) (attach, error) {
	a := attach{View: rel.StateID(), Start: map[uint32][]int64{}}
	latest := rel.Settings[settingReset] == "latest"
	if rel.Kind == catalog.Stream && isNext { // what goes by row by row has been written
		q, err := f.engine.planView(rel)
		if err != nil {
			return a, err
		}
		latest = latest || q.Carries
	}
	var ids []cluster.PartitionID
	for _, id := range rel.Reads {
		if s := f.sources[id]; s != nil && s.rows == nil {
			ids = append(ids, s.ids()...)
		}
	}
	ends, err := f.engine.endsOfAll(f.ctx, ids)
	if err != nil {
		return a, err
	}
	for _, id := range rel.Reads {
		s := f.sources[id]
		if s == nil || s.rows != nil {
			continue
		}
		var offsets []int64
		for _, c := range s.parts {
			first, _, err := f.node.Bounds(c.id)
			if err != nil {
				return a, err
			}
			if latest {
				first = ends[c.id]
			}
			offsets = append(offsets, first)
		}
		a.Start[id] = offsets
	}
	return a, nil
}

// settingReset is the session setting that says where queries begin to read streams.
const settingReset = "auto.offset.reset"
