package engine

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// lookupJoinOp is ksqlDB's stream-table join: a left row meets the right rows there are at the end of the step it comes
// in, and later changes of the right side change nothing. Left rows wait for Advance, so the order in which the sides
// are given within a step does not matter. The output's event time is the left row's.
type lookupJoinOp struct {
	*joinRows
	types []types.Type
	left  *vec.Batch // rows of this step
}

func newLookupJoin(n *plan.Join, ctx *Context) (Operator, error) {
	rows, err := newJoinRows("lookup join", n, ctx)
	if err != nil {
		return nil, err
	}
	rows.keep[1] = false
	ts := columnTypes(n.Left)
	return &lookupJoinOp{rows, ts, vec.NewBatch(ts)}, nil
}

// Process implements Operator.
func (j *lookupJoinOp) Process(side int, in *vec.Batch, out Emitter) error {
	if side == 0 {
		j.timed = j.timed || in.Time != nil
		j.left.AppendBatch(in)
		return nil
	}
	if j.found != nil { // the table has them
		return nil
	}
	keys, bad := j.keys[1].eval(j.ctx.Env(), in)
	if bad != nil {
		good, err := j.ctx.setAside(j.name, in, bad)
		if err != nil || len(good) == 0 {
			return err
		}
		return j.Process(1, in.Gather(good), out)
	}
	untimed := *in
	untimed.Time = nil
	for i := range in.N {
		j.store(1, &untimed, keys, i)
	}
	return nil
}

// Advance implements Operator.
func (j *lookupJoinOp) Advance(_ int64, out Emitter) error {
	if j.left.N == 0 {
		return nil
	}
	if err := j.join(j.left, out); err != nil {
		return err
	}
	j.left.Reset()
	return nil
}

func (j *lookupJoinOp) join(in *vec.Batch, out Emitter) error {
	env := j.ctx.Env()
	keys, bad := j.keys[0].eval(env, in)
	if bad != nil {
		good, err := j.ctx.setAside(j.name, in, bad)
		if err != nil || len(good) == 0 {
			return err
		}
		return j.join(in.Gather(good), out)
	}
	var failed error
	err := j.probe(env, 0, in, keys, func(sel []int32) {
		j.emitPairs(in, sel)
		if failed == nil && !j.keep[0] {
			failed = j.flush(out)
		}
	})
	if err != nil || failed != nil {
		return firstErr(err, failed)
	}
	for i := range in.N {
		if j.keep[0] && j.matches[i] == 0 {
			j.emitAlone(0, in, i, int64(in.DiffAt(i)))
		}
	}
	return j.flush(out)
}

// flush emits what has been collected.
func (j *lookupJoinOp) flush(out Emitter) error {
	b := j.take()
	if b == nil {
		return nil
	}
	if err := out.Emit(b); err != nil {
		return err
	}
	j.clearOut()
	return nil
}
