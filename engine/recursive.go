package engine

import (
	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/vec"
)

// recursiveOp runs WITH RECURSIVE once. The recursive part is a graph that is kept up to
// date: from round to round it is told which rows the round before had and this one has, so a round costs what it
// changes, not what the part reads besides.
//
// Port 0 is the part that does not read the query; the others are what the recursive part reads that is the same in
// every round.
type recursiveOp struct {
	ctx      *Context
	distinct bool
	step     *Graph
	fixed    []int // port of step for each further port
	rounds   []int // ports of step that read the round before
	done     func() bool

	base    *vec.Batch
	changes *vec.Batch // what step put out in this round
	result  *vec.Batch // what step gives for the rows of the last round
	seen    map[string]bool
	failed  error
}

// newRecursive makes the operator of n and returns the inputs of its further ports.
func newRecursive(n *plan.Recursive, ctx *Context, done func() bool) (*recursiveOp, []plan.Node, error) {
	ts := columnTypes(n)
	r := &recursiveOp{ctx: ctx, distinct: n.Distinct, done: done, base: vec.NewBatch(ts), changes: vec.NewBatch(ts),
		result: vec.NewBatch(ts), seen: map[string]bool{}}
	inner := &Context{Env: ctx.Env, Interrupted: ctx.Interrupted, Fail: func(_ string, _ *vec.Batch, _ int, err error) {
		r.failed = firstErr(r.failed, err)
	}}
	if !ctx.Pull {
		inner.Fail = ctx.Fail
	}
	b := builder{ctx: inner, g: &Graph{}, leaf: func(l plan.Node) bool { return isRound(l, n.ID) || !readsRound(l, n.ID) }}
	collect := EmitterFunc(func(b *vec.Batch) error {
		r.changes.AppendBatch(b)
		return nil
	})
	if err := b.add(n.Step, collect, false); err != nil {
		return nil, nil, err
	}
	r.step = b.g
	var fixed []plan.Node
	for i, l := range b.leaves {
		if isRound(l, n.ID) {
			r.rounds = append(r.rounds, i)
			continue
		}
		r.fixed, fixed = append(r.fixed, i), append(fixed, l)
	}
	return r, fixed, nil
}

func isRound(n plan.Node, id int) bool {
	s, ok := n.(*plan.RecursiveScan)
	return ok && s.ID == id
}

// readsRound reports whether n reads the rows of the round before.
func readsRound(n plan.Node, id int) bool {
	if isRound(n, id) {
		return true
	}
	for _, in := range n.Inputs() {
		if readsRound(in, id) {
			return true
		}
	}
	return false
}

// Process implements Operator.
func (r *recursiveOp) Process(port int, in *vec.Batch, _ Emitter) error {
	if port == 0 {
		r.base.AppendBatch(in)
		return nil
	}
	return firstErr(r.step.Push(r.fixed[port-1], in), r.failed)
}

// Advance implements Operator.
func (r *recursiveOp) Advance(_ int64, out Emitter) error {
	round := r.fresh(r.base)
	var last *vec.Batch
	for round.N > 0 && !r.done() {
		if err := r.ctx.interrupted(); err != nil {
			return err
		}
		if err := out.Emit(round); err != nil {
			return err
		}
		next, err := r.next(last, round)
		if err != nil {
			return err
		}
		last, round = round, r.fresh(next)
	}
	return nil
}

// next returns what the recursive part gives for the rows of round, having been told those of last.
func (r *recursiveOp) next(last, round *vec.Batch) (*vec.Batch, error) {
	r.changes.Reset()
	for _, p := range r.rounds {
		if last != nil {
			if err := r.step.Push(p, negated(last)); err != nil {
				return nil, err
			}
		}
		if err := r.step.Push(p, round); err != nil {
			return nil, err
		}
	}
	if err := firstErr(r.step.Advance(NoFrontier), r.failed); err != nil {
		return nil, err
	}
	all := vec.NewBatch(r.base.Types())
	all.AppendBatch(r.result)
	all.AppendBatch(r.changes)
	all.Time = nil
	r.result = Consolidate(all)
	return r.result, nil
}

// fresh returns the rows of b that count: all, as often as they are there, or of UNION those that are new.
func (r *recursiveOp) fresh(b *vec.Batch) *vec.Batch {
	out := spread(b)
	out.Time = nil
	if !r.distinct {
		return out
	}
	var sel []int32
	var key []byte
	for i := range out.N {
		key = key[:0]
		for _, c := range out.Cols {
			key = vec.AppendKey(key, c, i, false, false)
		}
		if !r.seen[string(key)] {
			r.seen[string(key)] = true
			sel = append(sel, int32(i))
		}
	}
	return out.Gather(sel)
}

// negated returns the rows of b, which have no diffs, as ones that go.
func negated(b *vec.Batch) *vec.Batch {
	out := *b
	out.Diff = make([]int32, b.N)
	for i := range out.Diff {
		out.Diff[i] = -1
	}
	return &out
}

// Snapshot implements Operator; what runs once has no checkpoint.
func (r *recursiveOp) Snapshot(state.Writer) error { return nil }

// Restore implements Operator.
func (r *recursiveOp) Restore(key, _ []byte) error { return errForeignState(key) }
