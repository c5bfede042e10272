package engine

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/types"
)

// view is a continuous query: the graph that computes a relation, its inputs and its sink. It belongs to the flow's
// goroutine.
type view struct {
	// id numbers the query in steps and checkpoints: see catalog.Relation.StateID.
	id     uint32
	rel    *catalog.Relation
	query  *plan.Query
	graph  *Graph
	meter  *Meter
	inputs []*input
	sink   *sink
	// fresh is set until the view has run once, so that what a query gives without input appears.
	fresh bool
	flow  *flow
	// state is the account of the graph.
	state *state.Account
	env   func() *fn.Env
	part  string // what queries may share with it: see partName
	idle  idling
	lags  bool // there is more stored of a stream than the last step could read
	ended bool // it was dropped or terminated
	// altered is set once something that it reads was altered: it would be planned in another way now, to the same effect.
	altered bool
	fault   error // why it cannot go on, where what it reads is the cause
	heir    *view // what took over the graph
	// slow is how fast it may catch up; taken is how many rows it has since began, while it does.
	slow  throttle
	taken int64
	began time.Time
	// paused views take nothing in: readers of their own keep their places in streams, and inputs hold what changes of
	// tables.
	paused bool
	parts  []cursor // scratch
}

// newView compiles the graph of a view. Its inputs are not connected yet.
func (f *flow) newView(rel *catalog.Relation, q *plan.Query) (*view, error) {
	v := &view{id: rel.StateID(), rel: rel, query: q, fresh: true, flow: f, state: &state.Account{},
		slow: newThrottle(rel, f.cfg), began: time.Now(), meter: newRunningMeter()}
	into, err := f.engine.writtenBy(rel)
	if err != nil {
		return nil, err
	}
	early := planner.FiltersEarly(rel.Settings[planner.RulesSetting])
	env := &fn.Env{Setting: func(name string) string { return rel.Settings[name] }}
	env.Style = types.ReadStyle(env.Setting)
	ctx := &Context{
		State:      v.state,
		Keys:       &f.keys,
		Joined:     f.joined,
		Meter:      v.meter,
		Idle:       newIdleGroups(rel, q),
		NullFailed: rel.Kind != catalog.View,
		Repeat:     rel.Kind == catalog.Table,
		Env:        func() *fn.Env { env.Now = f.now; return env },
		Horizon:    func() int64 { return horizon(v.streamParts()) },
		Fail:       v.fail,
	}
	if !planner.SharesKeys(rel.Settings[planner.RulesSetting]) {
		ctx.Keys = nil
	}
	v.sink = newSink(f, into, ctx, q)
	v.sink.of = v
	v.sink.fault = &v.fault
	g, err := Build(q.Root, ctx, v.sink)
	if err != nil {
		return nil, err
	}
	v.graph, v.idle = g, newIdling(env)
	v.part, v.env = partName(q, rel), ctx.Env
	v.idle.patient = !g.final
	for port, scan := range g.Scans() {
		src := f.sources[scan.Rel.ID]
		if src == nil {
			return nil, fmt.Errorf("BUG: view %s reads relation %d, which the flow does not know", rel.Name, scan.Rel.ID)
		}
		if p := f.viewOf(scan.Rel.ID); scan.Part != nil && p != nil {
			scan.Part = p.query.Root.(*plan.Aggregate)
		}
		v.inputs = append(v.inputs, &input{view: v, port: port, scan: scan, src: src, index: g.finds(scan)})
		if early {
			v.inputs[port].where = conditionOver(q.Root, scan)
		}
	}
	return v, nil
}

// turn says when in a step the input is taken in: changes of tables that a join finds rows in come before all others
// (see foundRows), and tables before streams, so that a stream's row meets the tables as they are after the step.
func (in *input) turn() int {
	switch {
	case in.index != nil:
		return 0
	case in.src.rows != nil:
		return 1
	}
	return 2
}

// run takes in what is pending and ends the step for the view.
func (v *view) run() error {
	if v.fault != nil {
		return v.fault
	}
	if v.paused {
		return nil
	}
	lagged := v.lags
	v.lags = horizon(v.streamParts()) != math.MaxInt64
	any := v.fresh || lagged && !v.lags || v.flow.isDue(v)
	v.fresh = false
	for turn := range 3 {
		for _, in := range v.inputs {
			if in.turn() != turn {
				continue
			}
			for _, b := range in.pending {
				any = true
				if err := v.graph.Push(in.port, b); err != nil {
					return err
				}
			}
			in.pending = in.pending[:0]
		}
	}
	if !any {
		return nil
	}
	if err := v.graph.Advance(v.idle.frontier(v.streamParts(), v.flow.now)); err != nil {
		return err
	}
	if v.fault != nil {
		return v.fault
	}
	if err := v.sink.finish(); err != nil {
		return err
	}
	v.sink.expire(v.passed())
	v.sink.expireAged()
	return nil
}

// positions are the cursors the input follows.
func (in *input) positions() []cursor {
	switch {
	case in.reader != nil:
		return in.reader.parts
	case in.src.live != nil:
		return in.src.live.parts
	default:
		return in.src.parts
	}
}

// attach connects a new view to its sources, catching up from the given offsets of its streams.
func (f *flow) attach(a attach) error {
	rel, differs := f.definition(a.View)
	if rel == nil || rel.Terminated {
		return nil // dropped since, or ended
	}
	if differs {
		if f.unswappable[rel.ID] || f.sources[rel.Next.ID] == nil {
			return nil // there is nothing to compare
		}
		return f.attachDifference(rel, a.Timed || f.sources[rel.ID].timedQueries())
	}
	q, err := f.engine.planView(rel)
	var v *view
	if err == nil {
		v, err = f.newView(rel, q)
	}
	if err != nil {
		f.failToStart(a.View, rel.Name, err)
		return nil
	}
	f.setGivenUp(a.View, "")
	delete(f.stopped, a.View)
	if f.isDoubted(v, checkpointMeta{}) {
		return f.distrust(v)
	}
	for _, in := range v.inputs {
		if in.src.rows != nil {
			in.src.inputs = append(in.src.inputs, in)
			if in.index == nil { // else all rows are there already
				in.chase = newChase(in.scan, nil)
			}
			continue
		}
		parts := make([]cursor, len(in.src.parts))
		for i := range parts {
			parts[i] = cursor{id: in.src.parts[i].id, streamTime: math.MinInt64}
			f.node.Hold(parts[i].id, 0) // until a checkpoint has the view
			if start := a.Start[in.src.rel.ID]; i < len(start) {
				parts[i].next = start[i]
			}
		}
		if err := v.catchUp(in, parts); err != nil {
			return err
		}
	}
	f.addView(v)
	f.compareTimes(v)
	return nil
}

// catchUp lets in read its stream from positions of its own. Inputs of a view that read the same stream share a reader.
func (v *view) catchUp(in *input, parts []cursor) error {
	for _, other := range v.inputs {
		if other.reader != nil && other.src == in.src {
			in.reader = other.reader
			return in.reader.add(in)
		}
	}
	in.reader = newReader(in.src, v.id, parts)
	in.reader.of = v
	return in.reader.add(in)
}

// readers are those that the view's inputs have to themselves, each once.
func (v *view) readers() []*reader {
	var out []*reader
	for _, in := range v.inputs {
		if in.reader != nil && !slices.Contains(out, in.reader) {
			out = append(out, in.reader)
		}
	}
	return out
}

// addView makes v part of every coming step.
func (f *flow) addView(v *view) {
	f.keep(v)
	f.views = append(f.views, v)
	defer f.order()
	if v.rel.Kind == catalog.Insert {
		v.sink.src = f.sources[v.rel.Target]
		return
	}
	src := f.addSource(v.rel)
	src.view, src.hidden = v, f.isNext(v.id) || v.rel.Part == v.id
	v.sink.src, v.sink.hidden = src, src.hidden
	v.lags = horizon(v.streamParts()) != math.MaxInt64
	if v.rel.Windowed && src.rows != nil {
		v.sink.keep = newWindowRetention(v.query.Root)
		v.sink.keep.load(src.rows)
	}
}

// detach takes a view out of the flow and forgets its state.
func (f *flow) detach(id uint32) error {
	f.setGivenUp(id, "")
	delete(f.stopped, id)
	for _, v := range f.views {
		if v.id != id {
			continue
		}
		f.views, v.ended = without(f.views, v), true
		f.account(id).Remove(v.state)
		v.graph.leave()
		for _, in := range v.inputs {
			if err := f.disconnect(in); err != nil {
				return err
			}
		}
		break
	}
	return nil
}

func (f *flow) disconnect(in *input) error {
	in.src.inputs = without(in.src.inputs, in)
	if in.index != nil {
		f.trimIndexes(in.src)
	}
	if r := in.src.live; r != nil {
		if err := r.remove(in); err != nil {
			return err
		}
		in.src.rest()
	}
	return nil
}

// rest ends the live reading of a stream that no view reads any more.
func (src *source) rest() {
	if r := src.live; r != nil && len(r.inputs) == 0 && src.rows == nil {
		for i := range src.parts {
			src.parts[i].next, src.parts[i].streamTime = r.parts[i].next, r.parts[i].streamTime
			src.parts[i].seen = r.parts[i].seen
		}
		src.live = nil
	}
}

// join lets an input that has caught up read its stream with the others.
func (in *input) join() error {
	r, src := in.reader, in.src
	in.reader = nil
	if src.derived() {
		src.inputs = append(src.inputs, in)
		return nil
	}
	if src.live == nil || len(src.live.inputs) == 0 { // in a replay, one whose views have been dropped since
		src.live = newReader(src, 0, r.parts)
	}
	return src.live.add(in)
}

// operator numbers in the state store: graphs use the positions of their operators, rows have one of their own.
const rowsOp = math.MaxUint32

func (v *view) checkpoint(c *state.Checkpoint) error {
	if err := v.checkpointHeld(c); err != nil {
		return err
	}
	return v.graph.Snapshot(func(op uint32) state.Writer { return c.Writer(uint64(v.id), op) })
}

func (v *view) restore(s *state.Store) error {
	if err := v.restoreHeld(s); err != nil {
		return err
	}
	v.flow.keep(v)
	v.state.Place(s, uint64(v.id))
	n := 0
	return v.graph.Restore(func(op uint32, each func(key, value []byte) error) error {
		return s.Load(uint64(v.id), op, func(key, value []byte) error {
			if n++; n%warmKeys == 0 {
				v.flow.press()
			}
			return each(key, value)
		})
	}, func(op uint32) *state.Region { return s.Region(uint64(v.id), op) })
}
