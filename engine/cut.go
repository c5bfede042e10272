package engine

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/log"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// cut is the state of some relations after one step: the rows of tables and views, and how far the partitions of
// streams and of tables had been read, or those of views written.
type cut struct {
	tables map[uint32]*snapshot
	ends   map[uint32][]int64 // of each partition
	err    error
}

// ticket is somebody waiting until relations have stepped past everything acknowledged before it was made.
type ticket struct {
	wanted []*source // what the cut is of
	needed int       // so many of wanted have to be there; the others may be dropped meanwhile
	goals  []goal    // one after the other, those of what a view reads before its own
	// rounds is how many times goals are to be set again when they are reached: queries insert into streams, whose readers
	// see it in the next step.
	rounds int
	// from is the position that a flow which follows has to reach.
	from Position
	done chan cut
}

// goal is an offset that an input of a view, or the live reader of a table, has to reach in a partition.
type goal struct {
	in   *input  // nil for a table's own reader
	src  *source // the relation read
	part int
	// anew is set where the rows are made anew: that has to end, and the goals of the query that makes them come then.
	anew bool
	to   int64 // derivedEnd where the stream is a view's: where it ends once the goals before are reached
}

// derivedEnd is the end of a derived stream, which is known when what it is derived from has been read.
const derivedEnd = -1

// reached reports whether the goal is. A source or view that was dropped meanwhile holds nobody up.
func (g *goal) reached(f *flow) bool {
	if f.sources[g.src.rel.ID] != g.src {
		return true
	}
	if g.anew {
		return !f.isAnew(g.src.rel.StateID())
	}
	if g.in == nil && g.src.unread() {
		return f.round[g.src.parts[g.part].id] >= g.to
	}
	if g.in == nil {
		return g.src.live == nil || g.src.live.parts[g.part].next >= g.to || f.halted(g.src)
	}
	if g.in.view.ended || g.in.view.paused {
		return true
	}
	if g.in.chase != nil {
		return false
	}
	if g.part < 0 {
		return true
	}
	if g.to == derivedEnd {
		g.to = g.src.parts[g.part].next
	}
	return g.in.positions()[g.part].next >= g.to
}

// wait returns once the given relations have stepped past everything that was acknowledged before the call, with the
// rows of the tables and views among them in one cut. Relations besides are in it too, as far as they are not dropped
// meanwhile.
func (f *flow) wait(ctx context.Context, rels []*catalog.Relation, besides ...*catalog.Relation) (cut, error) {
	if len(rels) == 1 && len(besides) == 0 && f.failure() == nil {
		if c, ok := f.findLasting(rels[0]); ok {
			return c, nil
		}
	}
	t := &ticket{done: make(chan cut, 1)}
	err := f.do(ctx, func() error {
		for _, rel := range rels {
			if !rel.Stored() {
				continue
			}
			s := f.sources[rel.ID]
			if s == nil {
				return sqlerr.New(sqlerr.UndefinedTable, "relation %q does not exist", rel.Name)
			}
			if !slices.Contains(t.wanted, s) {
				t.wanted = append(t.wanted, s)
			}
		}
		t.needed = len(t.wanted)
		for _, rel := range besides {
			if s := f.sources[rel.ID]; s != nil && rel.Stored() && !slices.Contains(t.wanted, s) {
				t.wanted = append(t.wanted, s)
			}
		}
		if f.following.on.Load() { // what there is
			f.tickets = append(f.tickets, t)
			f.settle()
			return nil
		}
		var err error
		if t.rounds, err = f.setGoals(t); err != nil {
			return err
		}
		f.tickets = append(f.tickets, t)
		if f.ticks(f.cfg.Now().UnixMicro()) { // what changes with the clock is as of now
			if _, err := f.step(); err != nil {
				f.broken = err
				return err
			}
		}
		f.settle()
		return nil
	})
	if err != nil {
		return cut{}, err
	}
	select {
	case c := <-t.done:
		return c, c.err
	case <-f.done:
		return cut{}, sqlerr.New(sqlerr.AdminShutdown, "the server is shutting down")
	case <-ctx.Done():
		return cut{}, ctx.Err()
	}
}

// setGoals sets what has to be read before a ticket's relations show all that is committed now. It returns how often
// that has to be done again then: once for each stream, on the longest way, that queries have written to meanwhile.
func (f *flow) setGoals(t *ticket) (int, error) {
	seen := map[uint32]int{}
	rounds := 0
	for _, s := range t.wanted {
		n, err := f.addGoals(t, s, seen)
		if err != nil {
			return 0, err
		}
		rounds = max(rounds, n)
	}
	return rounds, nil
}

// addGoals is setGoals for one relation, through every view below it.
func (f *flow) addGoals(t *ticket, s *source, seen map[uint32]int) (rounds int, err error) {
	if n, ok := seen[s.rel.ID]; ok {
		return n, nil
	}
	seen[s.rel.ID] = 0
	if f.isAnew(s.rel.StateID()) {
		t.goals = append(t.goals, goal{src: s, anew: true})
		rounds = 1
	}
	for _, v := range f.writersOf(s) {
		if v.paused { // what it has is shown
			continue
		}
		for _, in := range v.inputs {
			n, err := f.addGoals(t, in.src, seen)
			if err != nil {
				return 0, err
			}
			if !s.derived() {
				n++
			}
			rounds = max(rounds, n)
			if in.src.rows != nil {
				t.goals = append(t.goals, goal{in: in, src: in.src, part: -1})
			} else if err := f.goalsOf(t, in, in.src); err != nil {
				return 0, err
			}
		}
	}
	for _, r := range f.engine.Catalog().Sending(s.rel.ID) { // what is set aside of it comes a step later
		if from := f.sources[r.ID]; from != nil {
			n, err := f.addGoals(t, from, seen)
			if err != nil {
				return 0, err
			}
			rounds = max(rounds, n+1)
		}
	}
	seen[s.rel.ID] = rounds
	if !s.derived() {
		return rounds, f.goalsOf(t, nil, s)
	}
	return rounds, nil
}

// goalsOf adds the ends of a relation's partitions as goals for an input, or for the live reader of a table.
func (f *flow) goalsOf(t *ticket, in *input, s *source) error {
	if in == nil && s.live == nil && !s.unread() {
		return nil
	}
	var ends []int64
	if !s.derived() {
		var err error
		if ends, err = f.node.Ends(f.ctx, s.ids(), nil); err != nil {
			return err
		}
	}
	for part := range s.parts {
		end := int64(derivedEnd)
		if !s.derived() {
			end = ends[part]
		}
		t.goals = append(t.goals, goal{in: in, src: s, part: part, to: end})
	}
	return nil
}

// endsOfAll is where partitions end at one moment, as steps see it: a transaction that has ended in one shard and not
// yet in another counts in none.
func (e *Engine) endsOfAll(ctx context.Context, ids []cluster.PartitionID) (map[cluster.PartitionID]int64, error) {
	list, err := e.node.Ends(ctx, ids, nil)
	ends := map[cluster.PartitionID]int64{}
	for i, end := range list {
		ends[ids[i]] = end
	}
	return ends, err
}

// settle answers the tickets whose goals are reached, between two rounds. A flow that follows and goes no further
// answers all.
func (f *flow) settle() {
	whole := f.whole && len(f.following.lacks) == 0
	if !whole && !f.following.outdated.Load() {
		return
	}
	left := f.tickets[:0]
	for _, t := range f.tickets {
		ready, err := false, errElsewhere()
		if whole {
			ready, err = f.ready(t)
		}
		switch {
		case err != nil:
			t.done <- cut{err: err}
		case ready:
			f.forgetDropped(t)
			c := f.cutOf(t.wanted)
			f.keepLasting(t, c)
			t.done <- c
		default:
			left = append(left, t)
		}
	}
	clear(f.tickets[len(left):])
	f.tickets = left
}

// cutOf returns the state of sources after the last step. A stream ends where the flow has read it, so that it fits the
// views over it; one that nothing reads ends where it did when the round began.
func (f *flow) cutOf(wanted []*source) cut {
	c := cut{tables: map[uint32]*snapshot{}, ends: map[uint32][]int64{}}
	for _, s := range wanted {
		parts := s.parts
		switch {
		case s.rows != nil:
			c.tables[s.rel.ID] = s.snapshotNow()
			if s.live != nil {
				parts = s.live.parts
			}
		case s.live != nil:
			parts = s.live.parts
		case s.unread():
			for _, p := range parts {
				c.ends[s.rel.ID] = append(c.ends[s.rel.ID], f.round[p.id])
			}
			continue
		}
		for _, p := range parts {
			c.ends[s.rel.ID] = append(c.ends[s.rel.ID], p.next)
		}
	}
	return c
}

func (f *flow) ready(t *ticket) (bool, error) {
	if f.following.on.Load() {
		if ok := f.reached(t.from) && f.knows(t.wanted) && !f.anyAnew(t.wanted); ok || !f.following.outdated.Load() {
			return ok, nil
		}
		return false, errElsewhere()
	}
	for {
		for len(t.goals) > 0 {
			if !t.goals[0].reached(f) {
				return false, nil
			}
			t.goals = t.goals[1:]
		}
		if t.rounds == 0 {
			return true, nil
		}
		t.rounds--
		f.forgetDropped(t)
		if _, err := f.setGoals(t); err != nil {
			return false, err
		}
	}
}

// anyAnew reports whether the rows of relations, or of what they are made of, are made anew: what there is of them
// stands still while the rest goes on.
func (f *flow) anyAnew(wanted []*source) bool {
	if !f.makesAnew() {
		return false
	}
	seen := map[*source]bool{}
	var visit func(s *source) bool
	visit = func(s *source) bool {
		if seen[s] {
			return false
		}
		seen[s] = true
		return f.isAnew(s.rel.StateID()) || slices.ContainsFunc(f.writersOf(s), func(v *view) bool {
			return slices.ContainsFunc(v.inputs, func(in *input) bool { return visit(in.src) })
		})
	}
	return slices.ContainsFunc(wanted, visit)
}

// forgetDropped takes relations out of a ticket that nobody needs and that are there no longer.
func (f *flow) forgetDropped(t *ticket) {
	besides := slices.DeleteFunc(t.wanted[t.needed:], func(s *source) bool { return f.sources[s.rel.ID] != s })
	t.wanted = t.wanted[:t.needed+len(besides)]
}

// snapshotNow returns the rows after the last step.
func (s *source) snapshotNow() *snapshot {
	if s.snap == nil {
		s.snap = s.rows.snapshot()
		s.snap.cols = s.rows.withColumns(s.snap, s.budget)
	}
	return s.snap
}

// Flush waits until relations show all that was committed before the call; without any, until all do.
func (e *Engine) Flush(ctx context.Context, rels ...*catalog.Relation) error {
	if len(rels) == 0 {
		rels = e.Catalog().Relations()
	}
	_, err := e.flow.wait(ctx, nil, rels...)
	return translate(err)
}

// unreadable reports whether an error is one of a disk that cannot be read, or has changed what it holds.
func unreadable(err error) bool {
	var of *fs.PathError
	return errors.Is(err, log.ErrCorrupt) || state.IsDamage(err) || errors.As(err, &of) && !errors.Is(err, fs.ErrClosed)
}

// whyStopped is what those are told who wait for a flow that has stopped. When another node leads, that one's goes on.
func whyStopped(err error) error {
	if errors.Is(err, cluster.ErrNotLeader) || errors.Is(err, cluster.ErrUnknownOutcome) ||
		errors.Is(err, cluster.ErrClosed) {
		return sqlerr.New(sqlerr.AdminShutdown, "this node leads the cluster no longer: %s", err.Error()).
			WithHint("Connect again: every node knows the one that leads.")
	}
	if errors.Is(err, cluster.ErrFailed) || errors.Is(err, log.ErrFailed) || unreadable(err) {
		return sqlerr.New(sqlerr.IOError, "%s", err.Error()).
			WithHint("Connect again: in a cluster another node takes over. The node's log says what has failed.")
	}
	return sqlerr.New(sqlerr.InternalError, "the dataflow stopped: %s", err.Error()).
		WithHint("The server's log has the details; restarting the server replays from the last checkpoint.")
}
