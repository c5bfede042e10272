package engine

import (
	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// onceKey is the state of an operator that does something in its first step: the key is there once it is done.
var onceKey = []byte{0}

// once remembers, over restarts, that something was done.
type once struct{ done, saved bool }

// Snapshot implements Operator.
func (o *once) Snapshot(w state.Writer) error {
	if !o.done || o.saved {
		return nil
	}
	o.saved = true
	return w.Put(onceKey, nil)
}

// Restore implements Operator.
func (o *once) Restore(key, _ []byte) error {
	if string(key) != string(onceKey) {
		return errForeignState(key)
	}
	o.done, o.saved = true, true
	return nil
}

// valuesOp gives constant rows, once.
type valuesOp struct {
	once
	ctx   *Context
	rows  [][]plan.Expr
	types []types.Type
}

func newValues(n *plan.Values, ctx *Context) (Operator, error) {
	return &valuesOp{ctx: ctx, rows: n.Rows, types: columnTypes(n)}, nil
}

// Process implements Operator; there is no input.
func (v *valuesOp) Process(int, *vec.Batch, Emitter) error { return nil }

// Advance implements Operator.
func (v *valuesOp) Advance(_ int64, out Emitter) error {
	if v.done {
		return nil
	}
	v.done = true
	b := vec.NewBatch(v.types)
	bad := map[int]error{}
	for r, row := range v.rows {
		for i, e := range row {
			x, err := eval.EvalConst(v.ctx.Env(), e)
			if err != nil {
				bad[r] = err
				x = types.NullOf(v.types[i])
			}
			b.Cols[i].AppendValue(x)
		}
		b.N++
	}
	if len(bad) > 0 {
		good, err := v.ctx.setAside("values", b, bad)
		if err != nil {
			return err
		}
		b = b.Gather(good)
	}
	if b.N == 0 {
		return nil
	}
	return out.Emit(b)
}
