package engine

import (
	"encoding/binary"
	"math"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/vec"
)

// joinRows is what joins have in common: the rows of the sides by key, the search for matches, the rows to emit. The
// left side is 0, the right side 1.
//
// State: side (one byte), join key (vec.AppendKey), row (vec.AppendRow) → how often the row is there, its event time,
// and, on a side whose rows are kept without a match, how many rows it matches.
type joinRows struct {
	ctx  *Context
	name string
	cols [2]int // how many columns each side has
	keys [2]*exprs
	safe []bool        // keys that equal each other when both are NULL
	on   *eval.Program // nil for none
	rows *state.Map
	// found finds the rows of a side that rows does not have; nil for none.
	found *foundRows
	// keep tells the sides whose rows are kept when they match nothing.
	keep [2]bool

	// Pairs that have equal keys: the columns of both sides, the number of the row of the batch at hand, and what the
	// state says of the other.
	cand    *vec.Batch
	candRow []int32
	candRef []joinEntry
	sel     []int32
	// matches[i] is how many rows the i-th row of the batch at hand matches.
	matches []int64
	finding bool // the pairs at hand have rows of found

	out   *vec.Batch
	timed bool
	buf   []byte
	val   []byte
	err   error
}

// joinEntry is a row of a side as the state has it.
type joinEntry struct {
	key     []byte // a view
	count   int64
	time    int64 // math.MinInt64 when there is none
	matches int64
}

func newJoinRows(name string, n *plan.Join, ctx *Context) (*joinRows, error) {
	ts := append(columnTypes(n.Left), columnTypes(n.Right)...)
	j := &joinRows{ctx: ctx, name: name, rows: ctx.State.NewMap(), cand: vec.NewBatch(ts),
		out: vec.NewBatch(columnTypes(n))}
	for i := range n.LeftKeys {
		j.safe = append(j.safe, n.NullSafeAt(i))
	}
	j.cols[0] = len(n.Left.Schema().Cols)
	j.cols[1] = len(ts) - j.cols[0]
	j.keep[0] = n.Kind == plan.Left || n.Kind == plan.Full || n.Halves()
	j.keep[1] = n.Kind == plan.Right || n.Kind == plan.Full
	var err error
	if j.keys[0], err = compileExprs(n.LeftKeys); err != nil {
		return nil, err
	}
	if j.keys[1], err = compileExprs(n.RightKeys); err != nil {
		return nil, err
	}
	if j.found, err = newFoundRows(n, ctx, func(side int) []*vec.Column { return j.side(j.cand, side) }); err != nil {
		return nil, err
	}
	if n.On != nil {
		j.on, err = eval.Compile(n.On)
	}
	return j, err
}

// Snapshot implements Operator.
func (j *joinRows) Snapshot(w state.Writer) error { return j.rows.WriteChanges(w) }

// Restore implements Operator.
func (j *joinRows) Restore(key, value []byte) error {
	r := stateReader{b: value}
	e := r.entry(key)
	if r.bad || len(key) == 0 || key[0] > 1 || e.count == 0 {
		return errForeignState(key)
	}
	j.timed = j.timed || e.time != math.MinInt64
	j.rows.Restore(key, value)
	return nil
}

// Attach implements lazy.
func (j *joinRows) Attach(r *state.Region) error { return j.rows.Attach(r) }

// side returns the columns of one side of a batch of pairs.
func (j *joinRows) side(b *vec.Batch, side int) []*vec.Column {
	if side == 0 {
		return b.Cols[:j.cols[0]]
	}
	return b.Cols[j.cols[0]:]
}

// appendKey sets j.buf to the state key of side for the join key in row i of keys; it is false when a key is NULL that
// then matches nothing.
func (j *joinRows) appendKey(side int, keys []*vec.Column, i int) bool {
	j.buf = append(j.buf[:0], byte(side))
	for k, c := range keys {
		if !j.safe[k] && c.IsNull(i) {
			return false
		}
		j.buf = vec.AppendKey(j.buf, c, i, false, false)
	}
	return true
}

// probe finds the matches of the rows of in, which is of the given side, and calls found, once or more, with the
// numbers of the matching pairs of j.cand. j.matches is complete when it returns.
func (j *joinRows) probe(env *fn.Env, side int, in *vec.Batch, keys []*vec.Column, found func(sel []int32)) error {
	if cap(j.matches) < in.N {
		j.matches = make([]int64, in.N)
	}
	j.matches = j.matches[:in.N]
	clear(j.matches)
	mine, theirs := j.side(j.cand, side), j.side(j.cand, 1-side)
	i := 0
	pair := func(e joinEntry) {
		for c, col := range mine {
			col.AppendFrom(in.Cols[c], i)
		}
		j.candRow = append(j.candRow, int32(i))
		j.candRef = append(j.candRef, e)
		j.cand.N++
	}
	add := func(k, v []byte) bool {
		if _, j.err = vec.DecodeRow(k[len(j.buf):], theirs); j.err != nil {
			return false
		}
		pair(decodeEntry(k, v))
		return true
	}
	if j.finding = j.found.is(1 - side); j.finding {
		j.found.begin(j.ctx)
	}
	for ; i < in.N; i++ {
		if !j.appendKey(1-side, keys, i) {
			continue
		}
		if j.finding {
			j.found.each(keys, i, pair)
		} else if j.rows.Prefix(j.buf, add); j.err != nil {
			return errForeignState(j.buf)
		}
		if j.cand.N >= outRows || i == in.N-1 {
			if err := j.check(env, found); err != nil {
				return err
			}
		}
	}
	return j.check(env, found)
}

// check evaluates the rest of the condition for the pairs in j.cand, and starts them anew.
func (j *joinRows) check(env *fn.Env, found func(sel []int32)) error {
	if j.cand.N == 0 {
		return nil
	}
	j.sel = j.sel[:0]
	if j.finding && j.found.where != nil {
		j.sel = j.found.passing(env, j.cand.N, j.sel)
		j.narrow()
	} else {
		for p := range j.cand.N {
			j.sel = append(j.sel, int32(p))
		}
	}
	if j.on != nil {
		ok, bad := j.on.Eval(env, j.cand)
		j.sel = selectTrue(j.sel[:0], ok, j.cand.N)
		if bad != nil {
			if _, err := j.ctx.setAside(j.name, j.cand, bad); err != nil {
				return err
			}
			j.sel = withoutRows(j.sel, bad)
		}
	}
	for _, p := range j.sel {
		j.matches[j.candRow[p]] += j.candRef[p].count
	}
	found(j.sel)
	j.cand.Reset()
	j.candRow, j.candRef = j.candRow[:0], j.candRef[:0]
	return nil
}

// narrow leaves the pairs of j.sel and no others; j.sel lists them then.
func (j *joinRows) narrow() {
	if len(j.sel) == j.cand.N {
		return
	}
	for _, c := range j.cand.Cols {
		kept := vec.NewColumn(c.Type)
		kept.Gather(c, j.sel)
		c.Reset()
		c.AppendRange(kept, 0, len(j.sel))
	}
	for k, p := range j.sel {
		j.candRow[k], j.candRef[k], j.sel[k] = j.candRow[p], j.candRef[p], int32(k)
	}
	n := len(j.sel)
	j.candRow, j.candRef, j.cand.N = j.candRow[:n], j.candRef[:n], n
}

// emitPairs adds the pairs of sel to the output: as often as the row of in comes and the other row is there.
func (j *joinRows) emitPairs(in *vec.Batch, sel []int32) {
	rows := make([]int32, 0, len(sel))
	for _, p := range sel {
		i, e := int(j.candRow[p]), j.candRef[p]
		eachDiff(int64(in.DiffAt(i))*e.count, func(d int32) {
			rows = append(rows, p)
			j.out.Diff = append(j.out.Diff, d)
			j.out.Time = append(j.out.Time, max(timeOf(in, i), e.time))
		})
	}
	for c, col := range j.out.Cols {
		col.Gather(j.cand.Cols[c], rows)
	}
	j.out.N += len(rows)
}

// emitAlone adds row i of in, of the given side, with NULLs for the other side.
func (j *joinRows) emitAlone(side int, in *vec.Batch, i int, n int64) {
	eachDiff(n, func(d int32) {
		for c, col := range j.side(j.out, side) {
			col.AppendFrom(in.Cols[c], i)
		}
		j.endAlone(side, d, timeOf(in, i))
	})
}

// emitAloneEntry is emitAlone for a row of the state.
func (j *joinRows) emitAloneEntry(side int, row []byte, n, time int64) error {
	var err error
	eachDiff(n, func(d int32) {
		if _, e := vec.DecodeRow(row, j.side(j.out, side)); e != nil {
			err = errForeignState(row)
			return
		}
		j.endAlone(side, d, time)
	})
	return err
}

func (j *joinRows) endAlone(side int, d int32, time int64) {
	if len(j.out.Cols) > j.cols[0] || j.cols[1] == 0 { // a semi or anti join gives the left columns only
		for _, col := range j.side(j.out, 1-side) {
			col.AppendNull()
		}
	}
	j.out.Diff, j.out.Time = append(j.out.Diff, d), append(j.out.Time, time)
	j.out.N++
}

// store adds row i of in, of the given side, to the state.
func (j *joinRows) store(side int, in *vec.Batch, keys []*vec.Column, i int) {
	if !j.appendKey(side, keys, i) {
		return
	}
	j.buf = vec.AppendRow(j.buf, in.Cols, i)
	e := joinEntry{time: math.MinInt64}
	if v, ok := j.rows.Get(j.buf); ok {
		e = decodeEntry(nil, v)
	}
	e.count += int64(in.DiffAt(i))
	if e.count == 0 {
		j.rows.Delete(j.buf)
		return
	}
	if in.DiffAt(i) > 0 {
		e.time = timeOf(in, i)
	}
	e.key = j.buf
	if j.keep[side] {
		e.matches = j.matches[i]
	}
	j.put(e, side)
}

// put writes an entry back.
func (j *joinRows) put(e joinEntry, side int) {
	j.val = binary.AppendVarint(j.val[:0], e.count)
	j.val = binary.AppendVarint(j.val, e.time)
	if j.keep[side] {
		j.val = binary.AppendVarint(j.val, e.matches)
	}
	j.rows.Set(e.key, j.val)
}

// decodeEntry reads a value of the state.
func decodeEntry(key, value []byte) joinEntry {
	r := stateReader{b: value}
	return r.entry(key)
}

func (r *stateReader) entry(key []byte) joinEntry {
	e := joinEntry{key: key, count: r.varint(), time: r.varint()}
	if len(r.b) > 0 {
		e.matches = r.varint()
	}
	return e
}

// timeOf returns the event time of row i, math.MinInt64 when the batch has none.
func timeOf(b *vec.Batch, i int) int64 {
	if b.Time == nil {
		return math.MinInt64
	}
	return b.Time[i]
}

// take returns the collected output and begins anew with the next call of one of the emit methods; nil when there is
// none.
func (j *joinRows) take() *vec.Batch {
	if j.out.N == 0 {
		return nil
	}
	b := &vec.Batch{Cols: j.out.Cols, Diff: j.out.Diff, N: j.out.N}
	if j.timed {
		b.Time = j.out.Time
	}
	return b
}

// clearOut forgets the output that was taken.
func (j *joinRows) clearOut() {
	diff, time := j.out.Diff[:0], j.out.Time[:0]
	j.out.Reset()
	j.out.Diff, j.out.Time = diff, time
}
