package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// flow runs every continuous query of a home shard, step by step, in one goroutine that owns all of its state. Others
// reach it through requests, which it serves between steps.
type flow struct {
	engine *Engine
	node   *cluster.Node
	log    *slog.Logger
	cfg    *Config
	store  *state.Store

	epoch, seq uint64
	steps      cluster.PartitionID
	errors     cluster.PartitionID
	marker     marker                // see marks.go
	errorBox   *letterBox            // of leat_catalog.errors
	letters    map[uint32]*letterBox // of streams for dead letters

	sources map[uint32]*source
	indexes uint64 // how many were made for joins
	keys    sharedKeys
	// accounts are of the state that relations and their queries keep.
	accounts map[uint32]*state.Account
	// gathering is the checkpoint that is being collected, nil for none.
	gathering *gathering
	views     []*view // what writes to a relation comes before what reads it, else in order of creation
	// waiting are views whose attachment is not in a step yet.
	waiting []attach
	// turns are PAUSE and RESUME of views that are not in a step yet.
	turns []turn
	// swaps are relations that are to be replaced in the next step.
	swaps []uint32
	// pending are steps computed since the last committed record.
	pending []substep

	// The step being computed.
	broken error // why a step failed that a request ran; the loop ends with it
	now    int64 // microseconds since 1970
	out    []cluster.Append
	outs   []output // what of it is whose
	bad    []badRecord
	judged []judged
	parts  []cluster.PartitionID // scratch of planStep
	ends   []int64
	// round is where the partitions ended, between two entries of the log, when the steps under way were begun; whole says
	// that all of it has been taken in. Only then is what the flow has seen free of parts of transactions.
	round map[cluster.PartitionID]int64
	whole bool

	taps      map[*tap]struct{} // of push queries that follow the steps
	lasting   lastingCuts
	momentsAt time.Time // when moments were looked after last
	tickets   []*ticket
	requests  chan func()
	ctx       context.Context // ends a while after stop; for commits, which may have to wait
	cancel    context.CancelFunc
	stop      chan struct{}
	done      chan struct{}

	// caught are relations whose replacements have caught up, for the engine; told are those that are in it.
	caught chan uint32
	told   map[uint32]bool
	// settled says now and then that what relations were may be forgotten.
	settled chan struct{}
	pace    pace // of those that catch up
	// stopped is where queries that were given up had read their streams: query, relation, offset of each partition.
	stopped map[uint32]map[uint32][]int64
	left    []leftAt // what only steps say that have no checkpoint yet

	// doubts are queries whose state cannot be used, and why: see doubt.go. Those in differs have put out something else
	// when they were computed again, and would whatever they begin with. logged are those of them whose output is
	// taken from the log; recorded is that of the step. unswappable are relations whose replacement begins anew.
	doubts      map[uint32]string
	differs     map[uint32]string
	logged      []*loggedQuery
	recorded    []output
	unswappable map[uint32]bool
	// unsaid are queries that this node has given up for reasons of its own: the next step says so.
	unsaid map[uint32]givenUp

	lastCheckpoint time.Time
	taken          int64 // steps committed since the server was started
	sinceMark      int   // steps since the last checkpoint
	stepsFrom      int64 // offset in the steps topic after the last record

	replay    replay
	telling   telling      // see tell.go
	following following    // see follow.go
	shown     atomic.Int64 // the position of what is shown; see Engine.Shown
	stepped   atomic.Int64 // microseconds: the time of the last step

	mu      sync.Mutex
	err     error             // why the flow serves nobody; guarded by mu
	givenUp map[uint32]string // why queries were given up, by their relation; guarded by mu
	// failures numbers them, failed is the last number; guarded by mu.
	failures map[uint32]int64
	failed   int64
	anew     map[uint32]bool // of those, the ones whose rows are made anew; guarded by mu
	// unmade are those whose rows could not be made anew, and why they were given up before that; guarded by mu.
	unmade map[uint32]string
}

// flowID names the flow of the home shard in the cluster's state machine.
const flowID = 1

// openFlow restores the flow of the engine and starts it. One that follows claims nothing. When queries turn out to be
// in doubt it begins again.
func openFlow(ctx context.Context, e *Engine, path string, follows bool) error {
	differs := map[uint32]string{}
	if e.cfg.Copies != nil {
		differs = e.cfg.Copies.differs
	}
	for {
		known := len(differs)
		err := startFlow(ctx, e, path, follows, differs)
		if !errors.Is(err, errDoubt) || len(differs) == known {
			return err
		}
	}
}

// startFlow is openFlow with the queries whose output is known to differ.
func startFlow(ctx context.Context, e *Engine, path string, follows bool, differs map[uint32]string) error {
	options := e.cfg.State
	options.Failed = e.node.Fail
	store, err := state.Open(path, options)
	if err != nil {
		return err
	}
	f := &flow{
		engine: e, node: e.node, log: e.log, cfg: &e.cfg, store: store,
		sources: map[uint32]*source{}, accounts: map[uint32]*state.Account{}, givenUp: map[uint32]string{},
		failures: map[uint32]int64{},
		letters:  map[uint32]*letterBox{}, anew: map[uint32]bool{}, unmade: map[uint32]string{},
		differs: differs, doubts: maps.Clone(differs), unswappable: map[uint32]bool{},
		unsaid: map[uint32]givenUp{}, taps: map[*tap]struct{}{}, round: map[cluster.PartitionID]int64{}, whole: true,
		caught: make(chan uint32, 16), told: map[uint32]bool{},
		stopped: map[uint32]map[uint32][]int64{}, settled: make(chan struct{}, 1),
		requests: make(chan func(), 64), stop: make(chan struct{}), done: make(chan struct{}),
	}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.following.on.Store(follows)
	e.flow = f
	err = f.guarded(func() error {
		if err := f.restore(); err != nil || follows {
			return err
		}
		return f.lead(ctx)
	})
	if err != nil {
		f.cancel()
		return errors.Join(err, store.Close())
	}
	watch := e.node.Watch()
	go func() {
		defer close(f.done)
		defer watch.Close()
		defer f.survive()
		if follows && !f.follow(watch) {
			return
		}
		f.run(watch)
	}()
	return nil
}

// closeGrace is how long closing waits for a commit under way.
const closeGrace = 2 * time.Second

// close ends the flow's goroutine, writes a last checkpoint and closes the store.
func (f *flow) close() error {
	close(f.stop)
	cut := time.AfterFunc(closeGrace, f.cancel)
	<-f.done
	cut.Stop()
	defer f.cancel()
	var err error
	if f.failure() == nil {
		if err = f.finishGathering(); err == nil {
			err = f.store.Wait() // else there would be none after it
		}
		if err == nil {
			f.maybeCheckpoint()
			err = f.finishGathering()
		}
	}
	return errors.Join(err, f.store.Close())
}

// run is the flow's loop.
func (f *flow) run(watch *cluster.Watch) {
	timer := time.NewTicker(f.cfg.CheckpointEvery)
	defer timer.Stop()
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	for {
		began := time.Now()
		progress, err := f.step()
		if err == nil {
			err = f.broken
		}
		if err == nil {
			err = f.tend(time.Since(began))
		}
		if err == nil {
			err = f.tellFollowers()
		}
		if err != nil {
			f.fail(err)
			return
		}
		f.settle()
		f.keepMoments()
		drafting := f.prepare()
		f.offerSwaps()
		if rest := f.pace.rest(); rest > 0 && f.whole { // what comes meanwhile has no step before it
			f.alarm(alarm, rest)
			if !f.await(watch, alarm, timer) {
				return
			}
			continue
		}
		if progress || f.pace.rested || f.gathering != nil || drafting || f.warm() {
			select {
			case req := <-f.requests:
				req()
			case <-f.stop:
				return
			case <-timer.C:
				f.maybeCheckpoint()
			default:
			}
			continue
		}
		f.alarm(alarm, f.tellIn())
		if !f.await(watch, alarm, timer) {
			return
		}
	}
}

// await waits until there may be something to do. It reports whether the flow goes on.
func (f *flow) await(watch *cluster.Watch, alarm *time.Timer, timer *time.Ticker) bool {
	select {
	case <-watch.C:
	case <-alarm.C:
	case <-f.store.Written():
	case req := <-f.requests:
		req()
	case <-timer.C:
		f.maybeCheckpoint()
	case <-f.stop:
		return false
	}
	return true
}

// fail ends the flow: nothing that depends on it is answered any more. There is no checkpoint after it: a commit that
// was cut short may have happened, and only the log can tell.
func (f *flow) fail(err error) {
	if lost := f.node.Err(); lost != nil { // it may have done half of what was asked
		err = fmt.Errorf("%w: %w", lost, err)
	} else if elsewhere := f.elsewhere(); elsewhere != nil { // who leads then may have dropped what a step reads
		err = fmt.Errorf("%w: %w", elsewhere, err)
	}
	select {
	case <-f.stop: // errors of commits cut short are expected
		f.log.Info("the dataflow closed in a step", "error", err)
	default:
		f.log.Error("the dataflow stopped", "error", err)
		if unreadable(err) { // others have what cannot be read here
			f.node.Fail(err)
		}
	}
	f.setFailure(whyStopped(err))
	f.refuse()
}

// elsewhere is cluster.ErrNotLeader unless this node leads the cluster for certain.
func (f *flow) elsewhere() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := f.node.Confirm(ctx); err != nil {
		return fmt.Errorf("%w: %w", cluster.ErrNotLeader, err)
	}
	return nil
}

// refuse answers whoever waits, or asks until the flow is closed, with its failure.
func (f *flow) refuse() {
	for _, t := range f.tickets {
		t.done <- cut{err: f.failure()}
	}
	f.tickets = nil
	for {
		select {
		case req := <-f.requests:
			req()
		case <-f.stop:
			return
		}
	}
}

// do runs fn in the flow's goroutine between two steps and waits for it.
func (f *flow) do(ctx context.Context, fn func() error) error {
	done := make(chan error, 1)
	req := func() {
		if err := f.failure(); err != nil {
			done <- err
			return
		}
		done <- f.guarded(fn)
	}
	select {
	case f.requests <- req:
	case <-f.done:
		return sqlerr.New(sqlerr.AdminShutdown, "the server is shutting down")
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-f.done:
		return sqlerr.New(sqlerr.AdminShutdown, "the server is shutting down")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// addSource makes a relation known to the flow.
func (f *flow) addSource(rel *catalog.Relation) *source {
	if s := f.sources[rel.ID]; s != nil {
		return s
	}
	s := &source{rel: rel, taps: map[*tap]struct{}{}, budget: &f.engine.columns}
	if rel.Kind == catalog.Table || rel.Kind == catalog.View {
		s.rows = newTable(rel)
		s.rows.join(f.account(rel.StateID()))
	}
	if t, ok := f.node.Topic(rel.Topic); ok {
		s.spread = t.Settings().Spread
		for _, id := range t.IDs {
			s.parts = append(s.parts, cursor{id: id, streamTime: math.MinInt64})
			f.node.Hold(id, 0) // until a checkpoint says more
		}
	}
	f.sources[rel.ID] = s
	return s
}

// addBase makes a relation that is written to known, and reads it from now on if it is a table.
func (f *flow) addBase(rel *catalog.Relation) error {
	s := f.addSource(rel)
	if rel.Kind == catalog.Table && s.live == nil {
		s.live = newReader(s, 0, s.parts)
		return s.live.wantColumns()
	}
	return nil
}

// dropSource forgets a relation and its state. Its views and readers are gone before.
func (f *flow) dropSource(rel *catalog.Relation) error {
	s := f.sources[rel.ID]
	if s != nil {
		f.freeIndexes(s.rows)
	}
	f.free(rel.StateID()) // an INSERT that stayed has no more than that
	if s == nil {
		return nil
	}
	for t := range s.taps {
		t.end(sqlerr.New(sqlerr.UndefinedTable, "relation %q was dropped", s.rel.Name))
	}
	delete(f.sources, rel.ID)
	f.engine.streams.drop(rel.ID)
	for _, c := range s.parts {
		if !f.reads(c.id) {
			f.node.Hold(c.id, math.MaxInt64)
		}
	}
	return nil
}

// free frees the state of a relation, in memory and in the file.
func (f *flow) free(id uint32) {
	delete(f.accounts, id)
	f.freeOwner(uint64(id))
}

// reads reports whether a partition belongs to a source.
func (f *flow) reads(id cluster.PartitionID) bool {
	for _, s := range f.sources {
		if slices.ContainsFunc(s.parts, func(c cursor) bool { return c.id == id }) {
			return true
		}
	}
	return false
}
