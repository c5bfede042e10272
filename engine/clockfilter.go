package engine

import (
	"bytes"
	"math"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/vec"
)

// clockFilterOp keeps the rows whose value is above a bound that grows with the clock, until the bound has passed them;
// or those below it, from when it has. The clock is the step's recorded time, so that a replay does the same. The bound
// never falls: a clock that is set back stands still.
//
// State: value (vec.AppendKey), row (vec.AppendRow) → how often it is there, its event time, where the row begins. Only
// rows are kept that the bound has not passed. clockKey → the bound, as a key.
type clockFilterOp struct {
	ctx          *Context
	x            *exprs
	bound        plan.Expr
	above, equal bool
	rows         *state.Map
	at           []byte // the bound; nil before the first step
	saved        []byte
	timed        bool

	// wakeAt is when the bound passes the value wakeFor, the first that is kept.
	wakeFor []byte
	wakeAt  int64

	out *vec.Batch
	buf []byte
}

func newClockFilter(n *plan.ClockFilter, ctx *Context) (Operator, error) {
	x, err := compileExprs([]plan.Expr{n.X})
	if err != nil {
		return nil, err
	}
	return &clockFilterOp{ctx: ctx, x: x, bound: n.Bound, above: n.Above, equal: n.Equal, rows: ctx.State.NewMap(),
		out: vec.NewBatch(columnTypes(n))}, nil
}

// boundAt returns the bound at a time, nil when it is NULL: then no row passes.
func (f *clockFilterOp) boundAt(micros int64) ([]byte, error) {
	env := *f.ctx.Env()
	env.Now = micros
	v, err := eval.EvalConst(&env, f.bound)
	if err != nil || v.Null {
		return nil, err
	}
	return vec.AppendKeyValue(nil, v, false, false), nil
}

// passed tells whether the bound has passed a value.
func (f *clockFilterOp) passed(value, bound []byte) bool {
	c := bytes.Compare(value, bound)
	if f.above == f.equal { // x >= bound, x < bound: the bound passes what is below it
		return c < 0
	}
	return c <= 0
}

// move brings the bound up to the step's time.
func (f *clockFilterOp) move() error {
	b, err := f.boundAt(f.ctx.Env().Now)
	if err == nil && bytes.Compare(b, f.at) > 0 {
		f.at = b
	}
	return err
}

// Process implements Operator.
func (f *clockFilterOp) Process(_ int, in *vec.Batch, out Emitter) error {
	if err := f.move(); err != nil {
		return err
	}
	cols, bad := f.x.eval(f.ctx.Env(), in)
	if bad != nil {
		good, err := f.ctx.setAside("filter", in, bad)
		if err != nil || len(good) == 0 {
			return err
		}
		return f.Process(0, in.Gather(good), out)
	}
	f.timed = f.timed || in.Time != nil
	var sel []int32
	for i := range in.N {
		if cols[0].IsNull(i) || f.at == nil {
			continue
		}
		f.buf = vec.AppendKey(f.buf[:0], cols[0], i, false, false)
		passed := f.passed(f.buf, f.at)
		if passed != f.above {
			sel = append(sel, int32(i))
		}
		if !passed {
			f.keep(in, i)
		}
	}
	if len(sel) == 0 {
		return nil
	}
	return out.Emit(in.Gather(sel))
}

// keep adds row i, whose value is in f.buf, to what the bound has not passed.
func (f *clockFilterOp) keep(in *vec.Batch, i int) {
	f.buf = holdRow(f.rows, f.buf, in, i)
}

// Advance implements Operator: what the bound has passed goes, or comes.
func (f *clockFilterOp) Advance(_ int64, out Emitter) error {
	if err := f.move(); err != nil || f.at == nil {
		return err
	}
	var over [][]byte
	f.rows.Scan(nil, nil, func(k, v []byte) bool {
		r := stateReader{b: v}
		n, time, at := r.varint(), r.varint(), r.varint()
		if !f.passed(k[:at], f.at) {
			return false
		}
		if f.above {
			n = -n
		}
		eachDiff(n, func(d int32) {
			if _, err := vec.DecodeRow(k[at:], f.out.Cols); err != nil {
				panic("BUG: a row in state cannot be decoded: " + err.Error())
			}
			f.out.Diff, f.out.Time = append(f.out.Diff, d), append(f.out.Time, time)
			f.out.N++
		})
		over = append(over, k)
		return true
	})
	if len(over) == 0 {
		return nil
	}
	for _, k := range over {
		f.rows.Delete(k)
	}
	b := &vec.Batch{Cols: f.out.Cols, N: f.out.N, Diff: f.out.Diff}
	if f.timed {
		b.Time = f.out.Time
	}
	err := out.Emit(b)
	f.out.Reset()
	return err
}

// farthest is how far ahead of the clock a wake is looked for: some 300 years.
const farthest = int64(1e16)

// wake implements waker: the first row that the bound has not passed says when that will be.
func (f *clockFilterOp) wake() (micros int64, ok bool) {
	var first []byte
	f.rows.Scan(nil, nil, func(k, v []byte) bool {
		r := stateReader{b: v}
		r.varint()
		r.varint()
		first = k[:r.varint()]
		return false
	})
	if first == nil {
		return 0, false
	}
	if !bytes.Equal(first, f.wakeFor) {
		f.wakeFor, f.wakeAt = append(f.wakeFor[:0], first...), f.when(first)
	}
	return f.wakeAt, f.wakeAt != math.MaxInt64
}

// when returns the first time at which the bound has passed a value.
func (f *clockFilterOp) when(value []byte) int64 {
	past := func(t int64) bool {
		b, err := f.boundAt(t)
		return err == nil && b != nil && f.passed(value, b)
	}
	now := f.ctx.Env().Now
	if past(now) {
		return now
	}
	lo, step := now, int64(1)
	for !past(now + step) {
		if lo = now + step; step > farthest {
			return math.MaxInt64
		}
		step *= 2
	}
	for hi := now + step; ; {
		mid := lo + (hi-lo)/2
		switch {
		case hi-lo <= 1:
			return hi
		case past(mid):
			hi = mid
		default:
			lo = mid
		}
	}
}

// Snapshot implements Operator.
func (f *clockFilterOp) Snapshot(w state.Writer) error {
	if !bytes.Equal(f.at, f.saved) {
		f.saved = append([]byte(nil), f.at...)
		if err := w.Put([]byte{clockKey}, f.at); err != nil {
			return err
		}
	}
	return f.rows.WriteChanges(w)
}

// Restore implements Operator.
func (f *clockFilterOp) Restore(key, value []byte) error {
	if len(key) == 1 && key[0] == clockKey {
		f.at, f.saved = append([]byte(nil), value...), append([]byte(nil), value...)
		return nil
	}
	r := stateReader{b: value}
	_, time, at := r.varint(), r.varint(), r.varint()
	if r.bad || at < 1 || at > int64(len(key)) || !isRow(key[at:], f.out) {
		return errForeignState(key)
	}
	f.timed = f.timed || time != math.MinInt64
	f.rows.Restore(key, value)
	return nil
}
