package engine

import (
	"context"
	"time"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// Each query and each table has an account of the state it keeps. After every step the flow looks whether an account,
// or all of them together, hold more than they may. What the last checkpoint has is evicted then, and read again when
// it is wanted; when there is much that no checkpoint has yet, one is written; when that does not help, the flow waits
// for it. Nothing of that shows in what queries give.

// gatherShare is the part of a step's time that may be spent on a checkpoint that is being gathered.
const gatherShare = 10

// gatherKeys is how many keys are gathered between two looks at the clock.
const gatherKeys = 256

// warmKeys is how many entries are read back from the file after a step, in an account that has room.
const warmKeys = 1024

// account returns the account of a relation's query, or of its rows where it is a table.
func (f *flow) account(id uint32) *state.Account {
	a := f.accounts[id]
	if a == nil {
		a = &state.Account{}
		f.accounts[id] = a
	}
	return a
}

// tend looks after state and checkpoints, after a step that took some time.
func (f *flow) tend(step time.Duration) error {
	if err := f.gather(step); err != nil {
		return err
	}
	return f.keepWithin()
}

// keep makes the state of a view's graph part of its query's account.
func (f *flow) keep(v *view) {
	a := f.account(v.id)
	a.Remove(v.state)
	a.Add(v.state)
	a.Limit = stateLimit(v.rel)
}

// stateLimit is the limit that a query was made under.
func stateLimit(rel *catalog.Relation) int64 {
	n, err := planner.ParseBytes(rel.Settings[planner.StateSetting])
	if err != nil {
		return 0 // it was checked when it was set
	}
	return n
}

// pressure is what has to be done about some state.
type pressure struct {
	evict int64 // bytes
	write bool  // a checkpoint, so that there is something to evict
}

// pressureOf weighs what is held, and how much of it no checkpoint has, against a limit; 0 is none.
func pressureOf(bytes, dirty, limit int64) pressure {
	if limit <= 0 {
		return pressure{}
	}
	return pressure{evict: bytes - limit, write: dirty > limit/3 && bytes > limit/2}
}

// keepWithin evicts what is too much, and brings back what there is room for.
func (f *flow) keepWithin() error {
	if err := f.store.Settle(); err != nil {
		return err
	}
	write, stuck := f.press()
	if write || stuck {
		f.maybeCheckpoint()
	}
	if !stuck {
		return nil
	}
	if err := f.finishGathering(); err != nil {
		return err
	}
	if err := f.store.Wait(); err != nil {
		f.log.Warn("state exceeds its limit, and cannot be written", "error", err)
		return nil
	}
	if err := f.store.Settle(); err != nil {
		return err
	}
	f.press()
	return nil
}

// press evicts. It reports whether a checkpoint is wanted, and whether the flow cannot go on without.
func (f *flow) press() (write, stuck bool) {
	var all, allDirty int64
	for _, a := range f.accounts {
		bytes, dirty := a.Held()
		p := pressureOf(bytes, dirty, a.Limit)
		write = write || p.write
		if p.evict > 0 {
			bytes -= a.Evict(p.evict)
			stuck = stuck || bytes > a.Limit+a.Limit/2
		}
		all, allDirty = all+bytes, allDirty+dirty
	}
	limit := f.cfg.StateBytes
	p := pressureOf(all, allDirty, limit)
	if p.evict > 0 {
		var freed int64
		for _, a := range f.accounts {
			bytes, _ := a.Held()
			freed += a.Evict(int64(float64(p.evict) / float64(all) * float64(bytes)))
		}
		stuck = stuck || all-freed > limit+limit/2
	}
	return write || p.write, stuck
}

// warm reads some state back that is not in memory and has room there. It reports whether there is more.
func (f *flow) warm() bool {
	var all int64
	for _, a := range f.accounts {
		bytes, _ := a.Held()
		all += bytes
	}
	for _, a := range f.accounts {
		bytes, _ := a.Held()
		_, missing := a.Spilled()
		if missing > 0 && hasRoom(bytes+missing, a.Limit) && hasRoom(all+missing, f.cfg.StateBytes) && a.Warm(warmKeys) {
			return true
		}
	}
	return false
}

// hasRoom tells whether some state is so far below a limit, 0 for none, that it will not be evicted soon.
func hasRoom(bytes, limit int64) bool { return limit == 0 || bytes <= limit/10*7 }

// gathering is a checkpoint that some operators have not given all of theirs.
type gathering struct {
	c    *state.Checkpoint
	meta []byte
}

// gather goes on with a checkpoint, for a part of the time that the last step took or longer, and hands it to the
// store when it is complete.
func (f *flow) gather(step time.Duration) error {
	for began := time.Now(); f.gathering != nil; {
		more, err := f.gathering.c.Drain(gatherKeys)
		if err != nil {
			return err
		}
		if !more {
			f.gathering.c.Commit(f.gathering.meta)
			f.gathering = nil
		}
		if time.Since(began) > step/gatherShare {
			break
		}
	}
	return nil
}

// finishGathering hands a checkpoint that was begun to the store.
func (f *flow) finishGathering() error { return f.gather(1 << 62) }

// StateUse says what the state of a relation's query, and its rows, take. It is nothing while the flow serves nobody.
func (e *Engine) StateUse(ctx context.Context, rel *catalog.Relation) (u state.Use) {
	_ = e.flow.do(ctx, func() error { // an error says that there is no flow
		if a := e.flow.accounts[rel.StateID()]; a != nil {
			u = a.Use()
		}
		return nil
	})
	return u
}

// Checkpoint writes a checkpoint, while queries go on, and returns when it is written.
func (e *Engine) Checkpoint(ctx context.Context) error {
	written := make(chan bool, 1)
	f := e.flow
	if err := f.do(ctx, func() error {
		if err := f.finishGathering(); err != nil {
			return err
		}
		if err := f.store.Wait(); err != nil {
			return err
		}
		f.maybeCheckpoint()
		if f.gathering == nil { // there is nothing new
			written <- true
			return nil
		}
		f.gathering.c.Done(func(ok bool) { written <- ok })
		return nil
	}); err != nil {
		return err
	}
	select {
	case ok := <-written:
		if !ok {
			return f.store.Wait()
		}
		return nil
	case <-f.done:
		return sqlerr.New(sqlerr.AdminShutdown, "the server is shutting down")
	case <-ctx.Done():
		return translate(ctx.Err())
	}
}
