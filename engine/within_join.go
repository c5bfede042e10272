package engine

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/vec"
)

// withinJoinOp is ksqlDB's join of two streams: a row meets the rows of the other side that are near it in time. Its
// output is a stream, whose rows only come; a pair has the later of its times.
//
// A row without a match on a side that keeps such rows is given with NULLs: at once, where no grace period is said, and
// so perhaps before a match; else when the time in which matches may come, and the grace period, have passed. Time is
// the highest on either side, or the frontier. A row is kept for matches until its own side is further than the join
// is wide; one that comes later than that meets what is there and is not kept.
//
// The rows of a step are taken in the order of their partitions' times, so that it does not matter which side is read
// first; and those that are ahead of a partition with more to read are held until it has caught up. State, where times
// are 8 bytes in order, seq counts the rows, and key is the join's (vec.AppendKey):
//
//	side key time seq      → row (vec.AppendRow)
//	2 time side key seq    → nothing: a row that waits for a match
//	3 time side seq        → row that is held; its time is that of its partition
//	clockKey               → the highest time on each side, the frontier, the last seq
type withinJoinOp struct {
	withinTimes
	ctx   *Context
	cols  [2]int // how many columns each side has
	keys  [2]*exprs
	on    *eval.Program // nil for none
	keep  [2]bool
	rows  *state.Map
	clock withinClock
	saved withinClock
	swept int64         // the time up to which rows that are too old were looked for
	held  int           // how many rows are held
	step  [2]*vec.Batch // rows of this step
	out   *vec.Batch
	pair  *vec.Batch // the candidates of one row
	refs  [][]byte   // their keys
	sel   []int32    // those that match
	buf   []byte
	key   []byte // the join's key of the row at hand
}

// withinTimes are the bounds of the join, by side.
type withinTimes struct {
	plan.Within
	ahead, behind [2]int64 // how much older and younger than a row its matches may be
	width         int64    // how long rows are kept
	time, stream  [2]int   // columns
	eager         bool
}

// withinClock is how far time has come.
type withinClock struct {
	seen     [2]int64
	frontier int64
	seq      uint64
}

const (
	waitingRow = 2
	heldRow    = 3
)

// defaultJoinGrace is the grace period of a join that says none: ksqlDB's 24 hours.
const defaultJoinGrace = 86_400_000

func newWithinJoin(n *plan.Join, ctx *Context) (Operator, error) {
	w := *n.Within
	j := &withinJoinOp{ctx: ctx, rows: ctx.State.NewMap(), swept: math.MinInt64, withinTimes: withinTimes{
		Within: w, ahead: [2]int64{w.After, w.Before}, behind: [2]int64{w.Before, w.After},
		time: [2]int{w.LeftTime, w.RightTime}, stream: [2]int{w.LeftStream, w.RightStream}, eager: w.Grace < 0,
	}}
	if j.eager {
		j.Grace = defaultJoinGrace
	}
	j.width = w.Before + w.After + j.Grace
	j.clock = withinClock{seen: [2]int64{math.MinInt64, math.MinInt64}, frontier: math.MinInt64}
	j.keep = [2]bool{n.Kind == plan.Left || n.Kind == plan.Full, n.Kind == plan.Right || n.Kind == plan.Full}
	ts := append(columnTypes(n.Left), columnTypes(n.Right)...)
	j.cols[0] = len(n.Left.Schema().Cols)
	j.cols[1] = len(ts) - j.cols[0]
	j.step = [2]*vec.Batch{vec.NewBatch(ts[:j.cols[0]]), vec.NewBatch(ts[j.cols[0]:])}
	j.out, j.pair = vec.NewBatch(ts), vec.NewBatch(ts)
	var err error
	for side, es := range [2][]plan.Expr{n.LeftKeys, n.RightKeys} {
		if j.keys[side], err = compileExprs(es); err != nil {
			return nil, err
		}
	}
	if n.On != nil {
		j.on, err = eval.Compile(n.On)
	}
	return j, err
}

// Process implements Operator: the rows wait for the end of the step.
func (j *withinJoinOp) Process(side int, in *vec.Batch, _ Emitter) error {
	j.step[side].AppendBatch(in)
	return nil
}

// Advance implements Operator.
func (j *withinJoinOp) Advance(frontier int64, out Emitter) error {
	env := j.ctx.Env()
	horizon := int64(math.MaxInt64)
	if j.ctx.Horizon != nil {
		horizon = j.ctx.Horizon()
	}
	if err := j.release(horizon); err != nil {
		return err
	}
	var order []stepRow
	var keys [2][]*vec.Column
	for side, b := range j.step {
		var err error
		if keys[side], order, err = j.arrange(env, side, b, order); err != nil {
			return err
		}
	}
	slices.SortStableFunc(order, func(a, b stepRow) int {
		return cmp.Or(cmp.Compare(a.stream, b.stream), cmp.Compare(a.side, b.side))
	})
	for _, r := range order {
		if r.stream > horizon {
			j.hold(r)
			continue
		}
		if err := j.take(env, r, keys[r.side]); err != nil {
			return err
		}
		if j.out.N >= outRows {
			if err := j.flush(out); err != nil {
				return err
			}
		}
	}
	j.step[0].Reset()
	j.step[1].Reset()
	j.clock.frontier = max(j.clock.frontier, frontier)
	if err := j.expire(); err != nil {
		return err
	}
	j.sweep()
	return j.flush(out)
}

// hold keeps a row of the step for later.
func (j *withinJoinOp) hold(r stepRow) {
	j.clock.seq++
	j.held++
	k := append(appendTime([]byte{heldRow}, r.stream), byte(r.side))
	j.rows.Set(binary.BigEndian.AppendUint64(k, j.clock.seq), vec.AppendRow(nil, j.step[r.side].Cols, r.row))
}

// release puts the rows that were held and need be no longer before those of the step.
func (j *withinJoinOp) release(horizon int64) error {
	if j.held == 0 {
		return nil
	}
	to := []byte{heldRow + 1}
	if horizon != math.MaxInt64 {
		to = appendTime([]byte{heldRow}, horizon+1)
	}
	var step [2]*vec.Batch
	for side, b := range j.step {
		step[side] = &vec.Batch{}
		for _, c := range b.Cols {
			step[side].Cols = append(step[side].Cols, vec.NewColumn(c.Type))
		}
	}
	var keys [][]byte
	var failed error
	j.rows.Scan([]byte{heldRow}, to, func(k, v []byte) bool {
		b := step[k[9]]
		_, failed = vec.DecodeRow(v, b.Cols)
		b.N++
		keys = append(keys, k)
		return failed == nil
	})
	if failed != nil {
		return errForeignState([]byte{heldRow})
	}
	for _, k := range keys {
		j.rows.Delete(k)
	}
	j.held -= len(keys)
	for side, b := range step {
		b.AppendBatch(&vec.Batch{Cols: j.step[side].Cols, N: j.step[side].N, Diff: j.step[side].Diff})
		j.step[side] = b
	}
	return nil
}

// stepRow is a row of the step at hand.
type stepRow struct {
	side         int
	row          int
	stream, time int64
}

// arrange evaluates the keys of a side's rows and lists those that are good.
func (j *withinJoinOp) arrange(env *fn.Env, side int, b *vec.Batch, order []stepRow) ([]*vec.Column, []stepRow, error) {
	if b.N == 0 {
		return nil, order, nil
	}
	keys, bad := j.keys[side].eval(env, b)
	if bad != nil {
		if _, err := j.ctx.setAside("join", b, bad); err != nil {
			return nil, nil, err
		}
	}
	tc, sc := b.Cols[j.time[side]], b.Cols[j.stream[side]]
	for i := range b.N {
		if bad[i] != nil || tc.IsNull(i) {
			continue
		}
		r := stepRow{side: side, row: i, time: tc.Int[tc.At(i)]}
		if r.stream = r.time; !sc.IsNull(i) {
			r.stream = sc.Int[sc.At(i)]
		}
		for range b.DiffAt(i) {
			order = append(order, r)
		}
	}
	return keys, order, nil
}

// now is how far time has come on either side.
func (j *withinJoinOp) now() int64 { return max(j.clock.seen[0], j.clock.seen[1], j.clock.frontier) }

// floor is the time below which rows of a side are forgotten.
func (j *withinJoinOp) floor(side int) int64 {
	if j.clock.seen[side] < math.MinInt64+j.width {
		return math.MinInt64
	}
	return j.clock.seen[side] - j.width
}

// take joins one row.
func (j *withinJoinOp) take(env *fn.Env, r stepRow, keys []*vec.Column) error {
	side, in := r.side, j.step[r.side]
	j.clock.seen[side] = max(j.clock.seen[side], r.time)
	if err := j.expire(); err != nil {
		return err
	}
	null := false
	j.key = j.key[:0]
	for _, c := range keys {
		null = null || c.IsNull(r.row)
		j.key = vec.AppendKey(j.key, c, r.row, false, false)
	}
	matched := false
	if !null {
		if err := j.find(env, r); err != nil {
			return err
		}
		matched = len(j.sel) > 0
		j.emitPairs(r)
	}
	j.clock.seq++
	kept := r.time >= j.floor(side)
	waits := false
	if !matched && j.keep[side] {
		if waits = !j.eager && r.time+j.ahead[side]+j.Grace >= j.now(); waits {
			j.rows.Set(j.waitKey(side, r.time, j.key, j.clock.seq), nil)
		} else {
			j.emitAlone(side, in.Cols, r.row, r.time)
		}
	}
	switch {
	case kept && (waits || !null):
		j.buf = vec.AppendRow(nil, in.Cols, r.row)
		j.rows.Set(j.rowKey(side, j.key, r.time, j.clock.seq), j.buf)
	case !kept && !matched && !j.keep[side]:
		err := late("rows before %d are not kept any more", j.floor(side))
		_, err = j.ctx.setAside("join", in, map[int]error{r.row: err})
		return err
	}
	return nil
}

// rowKey returns the key of a row in rows.
func (j *withinJoinOp) rowKey(side int, key []byte, t int64, seq uint64) []byte {
	k := append(append(make([]byte, 0, len(key)+17), byte(side)), key...)
	return binary.BigEndian.AppendUint64(appendTime(k, t), seq)
}

// waitKey returns the key of a row that waits.
func (j *withinJoinOp) waitKey(side int, t int64, key []byte, seq uint64) []byte {
	k := append(appendTime(append(make([]byte, 0, len(key)+18), waitingRow), t), byte(side))
	return binary.BigEndian.AppendUint64(append(k, key...), seq)
}

// find collects the rows that match row r of the step: candidates in j.pair, their keys in j.refs, those for which the
// condition holds in j.sel.
func (j *withinJoinOp) find(env *fn.Env, r stepRow) error {
	other := 1 - r.side
	j.pair.Reset()
	j.refs, j.sel = j.refs[:0], j.sel[:0]
	lo := max(r.time-j.behind[r.side], j.floor(other))
	hi := r.time + j.ahead[r.side]
	prefix := append([]byte{byte(other)}, j.key...)
	var failed error
	j.rows.Scan(appendTime(prefix[:len(prefix):len(prefix)], lo), appendTime(prefix[:len(prefix):len(prefix)], hi+1),
		func(k, v []byte) bool {
			if _, failed = vec.DecodeRow(v, j.side(j.pair, other)); failed != nil {
				return false
			}
			for c, col := range j.side(j.pair, r.side) {
				col.AppendFrom(j.step[r.side].Cols[c], r.row)
			}
			j.pair.N++
			j.refs = append(j.refs, k)
			return true
		})
	if failed != nil {
		return errForeignState(prefix)
	}
	if j.on == nil || j.pair.N == 0 {
		for p := range j.pair.N {
			j.sel = append(j.sel, int32(p))
		}
		return nil
	}
	ok, bad := j.on.Eval(env, j.pair)
	j.sel = selectTrue(j.sel, ok, j.pair.N)
	if bad != nil {
		if _, err := j.ctx.setAside("join", j.pair, bad); err != nil {
			return err
		}
		j.sel = withoutRows(j.sel, bad)
	}
	return nil
}

// side returns the columns of one side of a batch of pairs.
func (j *withinJoinOp) side(b *vec.Batch, side int) []*vec.Column {
	if side == 0 {
		return b.Cols[:j.cols[0]]
	}
	return b.Cols[j.cols[0]:]
}

// emitPairs gives the pairs that were found for row r; the other rows wait no longer.
func (j *withinJoinOp) emitPairs(r stepRow) {
	other := 1 - r.side
	for c, col := range j.out.Cols {
		col.Gather(j.pair.Cols[c], j.sel)
	}
	for _, p := range j.sel {
		ref := j.refs[p]
		tail := ref[len(ref)-16:]
		t := timeAt(tail)
		j.out.Time = append(j.out.Time, max(r.time, t))
		if j.keep[other] && !j.eager {
			j.rows.Delete(j.waitKey(other, t, j.key, binary.BigEndian.Uint64(tail[8:])))
		}
	}
	j.out.N += len(j.sel)
}

// emitAlone gives a row with NULLs for the other side.
func (j *withinJoinOp) emitAlone(side int, cols []*vec.Column, row int, t int64) {
	for c, col := range j.side(j.out, side) {
		col.AppendFrom(cols[c], row)
	}
	j.endAlone(side, t)
}

func (j *withinJoinOp) endAlone(side int, t int64) {
	for _, col := range j.side(j.out, 1-side) {
		col.AppendNull()
	}
	j.out.Time = append(j.out.Time, t)
	j.out.N++
}

// expire gives the rows for which no match can come any more, the oldest first.
func (j *withinJoinOp) expire() error {
	if j.eager || !j.keep[0] && !j.keep[1] {
		return nil
	}
	now := j.now()
	open := [2]bool{!j.keep[0], !j.keep[1]}
	var over [][]byte
	j.rows.Scan([]byte{waitingRow}, []byte{waitingRow + 1}, func(k, _ []byte) bool {
		t, side := timeAt(k[1:]), int(k[9])
		if t+j.ahead[side]+j.Grace >= now {
			open[side] = true
		} else {
			over = append(over, k)
		}
		return !open[0] || !open[1]
	})
	for _, k := range over {
		t, side, key, seq := timeAt(k[1:]), int(k[9]), k[10:len(k)-8], binary.BigEndian.Uint64(k[len(k)-8:])
		row, _ := j.rows.Get(j.rowKey(side, key, t, seq))
		if _, err := vec.DecodeRow(row, j.side(j.out, side)); err != nil {
			return errForeignState(k)
		}
		j.endAlone(side, t)
		j.rows.Delete(k)
	}
	return nil
}

// due implements closer: the first row that waits says when it has waited enough.
func (j *withinJoinOp) due() (frontier int64, ok bool) {
	seen := [2]bool{!j.keep[0], !j.keep[1]}
	j.rows.Scan([]byte{waitingRow}, []byte{waitingRow + 1}, func(k, _ []byte) bool {
		if side := int(k[9]); !seen[side] {
			seen[side] = true
			if t := timeAt(k[1:]) + j.ahead[side] + j.Grace + 1; !ok || t < frontier {
				frontier, ok = t, true
			}
		}
		return !seen[0] || !seen[1]
	})
	return frontier, ok
}

// sweep frees the rows that are too old to match, each time that time has moved on by half of what is kept.
func (j *withinJoinOp) sweep() {
	now := max(j.clock.seen[0], j.clock.seen[1])
	if j.swept == math.MinInt64 {
		j.swept = now
	}
	if now-j.swept <= j.width/2 {
		return
	}
	j.swept = now
	var old [][]byte
	j.rows.Scan(nil, []byte{waitingRow}, func(k, _ []byte) bool {
		if timeAt(k[len(k)-16:]) < j.floor(int(k[0])) {
			old = append(old, k)
		}
		return true
	})
	for _, k := range old {
		j.rows.Delete(k)
	}
}

// flush emits what has been collected.
func (j *withinJoinOp) flush(out Emitter) error {
	if j.out.N == 0 {
		return nil
	}
	times := j.out.Time
	err := out.Emit(j.out)
	j.out.Reset()
	j.out.Time = times[:0]
	return err
}

// Snapshot implements Operator.
func (j *withinJoinOp) Snapshot(w state.Writer) error {
	if j.clock != j.saved {
		j.saved = j.clock
		var v []byte
		for _, n := range []int64{j.clock.seen[0], j.clock.seen[1], j.clock.frontier, int64(j.clock.seq)} {
			v = binary.AppendVarint(v, n)
		}
		if err := w.Put([]byte{clockKey}, v); err != nil {
			return err
		}
	}
	return j.rows.WriteChanges(w)
}

// Restore implements Operator.
func (j *withinJoinOp) Restore(key, value []byte) error {
	if len(key) == 1 && key[0] == clockKey {
		r := stateReader{b: value}
		j.clock = withinClock{seen: [2]int64{r.varint(), r.varint()}, frontier: r.varint(), seq: uint64(r.varint())}
		j.saved = j.clock
		if r.bad {
			return errForeignState(key)
		}
		return nil
	}
	if len(key) < 17 || key[0] > heldRow || key[0] >= waitingRow && (len(key) < 18 || key[9] > 1) {
		return errForeignState(key)
	}
	if key[0] == heldRow {
		j.held++
	}
	j.rows.Restore(key, value)
	return nil
}
