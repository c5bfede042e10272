package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/log"
	"github.com/leatdb/leat/sql/sqlerr"
)

// While another node leads, an engine may follow it: it goes on from the newest checkpoint that is here by computing
// the recorded steps again, as after a restart, as this node applies their records, and never stops to. It plans no
// step of its own, appends nothing and claims nothing. So what it shows is that of the node that leads after some
// recorded step: the answers over a prefix of what came in.
//
//   - A step in parts counts with its last part; one that is not the last of a round (flow.round) is not shown.
//   - Where streams end that nothing reads, records say (tell.go).
//   - A record says with which catalog its step was computed. An engine with an older one computes no further: it is
//     lost, and is opened again over what it has, as a restart with a newer catalog would. So it is when the log keeps
//     no longer what it reads, or a step cannot be computed.
//   - It writes checkpoints of its own. Copies of others' that come meanwhile are laid beside (copies.go).
//
// Lead makes it one that leads, from where it is.

const (
	// followTick is how often an engine that follows looks around when nothing comes.
	followTick = 100 * time.Millisecond
	// followSlice is for how long it takes in steps before it looks after others.
	followSlice = 5 * time.Millisecond
	// followBytes is how much of the steps it reads at a time.
	followBytes = 256 << 10
	// catalogWait is for how long the documents may be newer than the catalog while no record says so.
	catalogWait = 5 * time.Second
)

// following is the part of a flow that follows another node's.
type following struct {
	on   atomic.Bool
	lost chan struct{} // closed when it goes no further
	// outdated is set when the catalog has changed: what there is stays good.
	outdated atomic.Bool
	catalog  uint64    // up to this version the documents are those of the catalog
	since    time.Time // when they were first seen to differ
	lacks    []need    // of what it began with, and what is not here yet; nothing is shown before
	buf      []byte
}

// errLater ends the reading of steps: this node does not have everything that the next one needs.
var errLater = errors.New("later")

// errOvertaken is the error of an engine that follows too far behind.
var errOvertaken = errors.New("engine: the log keeps no longer what the next step reads")

// errCatalog is the error of an engine whose catalog has changed in the middle of a step that needs it.
var errCatalog = errors.New("engine: the catalog has changed")

// Follow opens an engine that follows the node that leads. It fails when this node has no checkpoint to go on from.
func Follow(ctx context.Context, cfg Config) (*Engine, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if cfg.Copies == nil {
		return nil, errors.New("engine: a node that runs alone follows nobody")
	}
	e := newEngine(cfg)
	if err := e.loadCatalog(); err != nil {
		return nil, err
	}
	if err := cfg.Copies.follow(e.fitsCatalog); err != nil {
		return nil, err
	}
	if err := openFlow(ctx, e, filepath.Join(cfg.Dir, checkpointFile), true); err != nil {
		e.shareNoMore()
		return nil, err
	}
	cfg.Copies.giveOf(e.flow.store)
	return e, nil
}

// Follows reports whether the engine follows another node's.
func (e *Engine) Follows() bool { return e.flow.following.on.Load() }

// Lost is closed when an engine that follows goes no further: it is to be closed, and opened again.
func (e *Engine) Lost() <-chan struct{} { return e.flow.following.lost }

// Outdated reports whether that is because the catalog has changed: there is nothing wrong with what it has.
func (e *Engine) Outdated() bool { return e.flow.following.outdated.Load() }

// Lead lets an engine that follows go on as the one that leads. After an error it is of no use.
func (e *Engine) Lead(ctx context.Context) error {
	f := e.flow
	e.cfg.Copies.lead()
	err := f.do(ctx, func() error {
		before := e.docs
		if err := e.adoptSequences(ctx); err != nil {
			return err
		}
		e.ddl.Lock()
		defer e.ddl.Unlock()
		if err := e.loadCatalog(); err != nil {
			return err
		}
		if f.following.outdated.Load() || !maps.EqualFunc(before, e.docs, bytes.Equal) {
			return errCatalog
		}
		for _, s := range f.sources {
			for _, p := range s.parts {
				f.node.Hold(p.id, 0) // until a checkpoint says more
			}
		}
		f.whole = true
		if err := f.lead(ctx); err != nil {
			f.broken = err
			return err
		}
		if err := f.followNoMore(); err != nil {
			f.broken = err
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	return e.begin(ctx)
}

// followNoMore has the flow plan steps of its own. Those who wait, for rows that are made anew among others, wait for
// what they would if they asked now.
func (f *flow) followNoMore() error {
	f.following.on.Store(false)
	for _, t := range f.tickets {
		f.forgetDropped(t)
		var err error
		if t.rounds, err = f.setGoals(t); err != nil {
			return err
		}
	}
	return nil
}

// Shown is the position of what the engine shows: one that follows has all of it once it has reached that, and catalogs
// as new as this one's.
func (e *Engine) Shown() Position { return Position{e.flow.shown.Load(), e.Catalog().Version()} }

// Position is how far an engine is: the records of steps that it has, and the version of its catalog.
type Position struct {
	Steps   int64  `json:"steps,omitempty"`
	Catalog uint64 `json:"catalog,omitempty"`
}

// Later is whatever is later of both.
func (p Position) Later(q Position) Position {
	return Position{max(p.Steps, q.Steps), max(p.Catalog, q.Catalog)}
}

// Reach waits until an engine that follows shows what another one did at a position.
func (e *Engine) Reach(ctx context.Context, at Position) error {
	f := e.flow
	if !f.following.on.Load() || f.shown.Load() >= at.Steps && e.Catalog().Version() >= at.Catalog {
		return nil
	}
	t := &ticket{done: make(chan cut, 1), from: at}
	err := f.do(ctx, func() error {
		f.tickets = append(f.tickets, t)
		f.settle()
		return nil
	})
	if err != nil {
		return translate(err)
	}
	select {
	case c := <-t.done:
		return translate(c.err)
	case <-f.done:
		return sqlerr.New(sqlerr.AdminShutdown, "the server is shutting down")
	case <-ctx.Done():
		return translate(ctx.Err())
	}
}

// reached reports whether a flow that follows has come to a position.
func (f *flow) reached(at Position) bool {
	return f.stepsFrom >= at.Steps && max(f.following.catalog, f.engine.Catalog().Version()) >= at.Catalog
}

// CatchUp waits until an engine that follows has taken in the steps that are here now.
func (e *Engine) CatchUp(ctx context.Context) error {
	_, end, err := e.node.Bounds(e.flow.steps)
	if err != nil {
		return translate(err)
	}
	return e.Reach(ctx, Position{Steps: end})
}

// Progress tells how far the engine is.
func (e *Engine) Progress() *cluster.EngineState {
	return &cluster.EngineState{Steps: e.flow.shown.Load(), At: e.flow.stepped.Load()}
}

// restoreFollowing sets where a flow that follows begins.
func (f *flow) restoreFollowing(meta checkpointMeta) {
	f.following.lost = make(chan struct{})
	f.following.catalog = f.engine.version
	f.shown.Store(f.stepsFrom)
	if !f.following.on.Load() {
		return
	}
	f.whole = meta.Whole || meta.Steps == 0
	for id, end := range meta.Ends {
		f.round[id] = end
	}
	f.following.lacks = f.lacking(append(f.needsNow(), need{f.steps, f.stepsFrom}))
	if _, same := f.engine.sameDocuments(); !same { // topics may have gone since the catalog was read
		f.outdate()
	}
}

// follow takes in the steps of the node that leads until this one does. It reports false when the flow ends before.
func (f *flow) follow(watch *cluster.Watch) (leads bool) {
	timer := time.NewTicker(f.cfg.CheckpointEvery)
	defer timer.Stop()
	look := time.NewTimer(followTick)
	defer look.Stop()
	for f.following.on.Load() {
		began := time.Now()
		more, err := f.followSteps(began)
		if err == nil {
			err = f.tend(time.Since(began))
		}
		if err == nil {
			err = f.broken
		}
		if err != nil {
			f.lose(err)
			return false
		}
		f.settle()
		f.keepMoments()
		if more || f.gathering != nil || f.warm() {
			select {
			case req := <-f.requests:
				req()
			case <-f.stop:
				return false
			case <-timer.C:
				f.maybeCheckpoint()
			default:
			}
			continue
		}
		look.Reset(followTick)
		if !f.await(watch, look, timer) {
			return false
		}
	}
	return true
}

// lose says that the flow goes no further: what it has is not what it should be.
func (f *flow) lose(err error) {
	f.log.Warn("this node follows no longer", "error", err)
	f.setFailure(errElsewhere())
	if !f.following.outdated.Load() { // else that is said already
		close(f.following.lost)
	}
	f.refuse()
}

// outdate says that the catalog is older than the next step.
func (f *flow) outdate() {
	f.following.outdated.Store(true)
	close(f.following.lost)
	f.settle()
}

// errElsewhere is what those are told who want more than a flow has that goes no further.
func errElsewhere() error {
	return sqlerr.New(sqlerr.AdminShutdown, "what this node has of the state is made anew").WithHint("Ask again.")
}

// followSteps takes in steps that this node has applied, for a while. It reports whether there are more.
func (f *flow) followSteps(began time.Time) (more bool, err error) {
	w := &f.following
	if w.outdated.Load() {
		return false, nil
	}
	f.checkDocuments()
	if w.lacks = f.lacking(w.lacks); len(w.lacks) > 0 {
		return false, nil
	}
	start, end, err := f.node.Bounds(f.steps)
	if err != nil {
		return false, err
	}
	if f.replay.next < start {
		return false, errOvertaken
	}
	if f.replay.next >= end || w.outdated.Load() {
		return false, nil
	}
	if w.buf, err = f.node.Read(f.steps, f.replay.next, followBytes, w.buf[:0]); err != nil {
		return false, err
	}
	_, err = walk(w.buf, f.replay.next, func(rec *log.Record) error {
		if err := f.followStep(rec); err != nil {
			return err
		}
		if time.Since(began) > followSlice {
			return errEnough
		}
		return nil
	})
	switch {
	case errors.Is(err, errLater):
		return false, nil
	case errors.Is(err, errEnough):
		return true, nil
	}
	return f.replay.next < end, err
}

// followStep takes in one record.
func (f *flow) followStep(rec *log.Record) error {
	var r stepRecord
	if err := json.Unmarshal(rec.Value, &r); err != nil {
		return fmt.Errorf("engine: step record at offset %d: %w", rec.Offset, err)
	}
	if r.Part == 0 && !f.mayFollow(&r) {
		return errLater
	}
	if r.attaches() {
		if _, same := f.engine.sameDocuments(); !same {
			f.outdate()
			return errLater
		}
	}
	first := &r
	if r.Part != 0 {
		first = f.replay.open
	}
	f.store.Stepped()
	err := f.replayed(rec.Offset, &r)
	if first != nil && first.attaches() {
		if _, same := f.engine.sameDocuments(); !same {
			return errCatalog
		}
	}
	if err != nil {
		return err
	}
	// Nothing is taken from the log that a step reads before the step's record is (trimSteps).
	if start, _, err := f.node.Bounds(f.steps); err != nil || start > rec.Offset {
		return errors.Join(errOvertaken, err)
	}
	if f.replay.open != nil {
		return nil
	}
	f.followEnds(first)
	f.whole = f.endsRound(first)
	f.publish()
	f.settle()
	return nil
}

// mayFollow reports whether this node has what a step needs.
func (f *flow) mayFollow(r *stepRecord) bool {
	w := &f.following
	if r.Catalog > w.catalog {
		version, same := f.engine.sameDocuments()
		switch {
		case version < r.Catalog:
			return false
		case !same:
			f.outdate()
			return false
		}
		w.catalog = version
	}
	return len(f.lacking(f.needsOf(r))) == 0
}

// attaches reports whether a query joins the flow in a step. Then its topic is looked up by its name, and has to be the
// one that the catalog here is about: what is dropped takes its topic with it, and another may have the name.
func (r *stepRecord) attaches() bool {
	return slices.ContainsFunc(r.Subs, func(s substep) bool { return len(s.Attach) > 0 })
}

// checkDocuments looks whether the documents have changed and no record says so for long: there is none, or the node
// that leads is of a version that does not say it.
func (f *flow) checkDocuments() {
	w := &f.following
	if f.node.Version() <= w.catalog {
		return
	}
	version, same := f.engine.sameDocuments()
	switch {
	case same:
		w.catalog, w.since = version, time.Time{}
	case w.since.IsZero():
		w.since = time.Now()
	case time.Since(w.since) > catalogWait:
		f.outdate()
	}
}

// sameDocuments reports whether the documents of this version are those that the catalog was made of.
func (e *Engine) sameDocuments() (version uint64, same bool) {
	version, docs := documents(e.node)
	return version, maps.EqualFunc(docs, e.docs, bytes.Equal)
}

// followEnds sets where streams end that nothing reads. What was read, and is no longer, is among them.
func (f *flow) followEnds(r *stepRecord) {
	if len(r.Ends) == 0 {
		return
	}
	for id, end := range r.Ends {
		f.round[id] = end
	}
	for _, s := range f.sources {
		if slices.ContainsFunc(s.parts, func(c cursor) bool { _, ok := r.Ends[c.id]; return ok }) {
			s.rest()
		}
	}
}

// endsRound reports whether nothing is half read after a step: what it read of base relations was all there was when
// the round began.
func (f *flow) endsRound(r *stepRecord) bool {
	if n := len(r.Subs); n > 0 {
		last := &r.Subs[n-1]
		return !slices.ContainsFunc(last.Reads, func(rr readRange) bool {
			s := f.sources[rr.Rel]
			return rr.Owner == 0 && rr.More && s != nil && !f.halted(s)
		})
	}
	return true
}

// knows reports whether a flow that follows knows where relations end.
func (f *flow) knows(wanted []*source) bool {
	return !slices.ContainsFunc(wanted, func(s *source) bool {
		return s.unread() && slices.ContainsFunc(s.parts, func(c cursor) bool {
			_, ok := f.round[c.id]
			return !ok
		})
	})
}
