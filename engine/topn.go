package engine

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// newSort makes the operator of a Sort: a pull query sorts, or just limits; a continuous one maintains the first rows,
// and lets all pass when there is no limit, for a relation has no order. It returns nil when there is nothing to do.
func newSort(n *plan.Sort, ctx *Context) (Operator, error) {
	limit, err := rowCount(ctx.Env(), n.Limit, "LIMIT", sqlerr.InvalidLimit, -1)
	if err != nil {
		return nil, err
	}
	offset, err := rowCount(ctx.Env(), n.Offset, "OFFSET", sqlerr.InvalidOffset, 0)
	if err != nil {
		return nil, err
	}
	unlimited := limit < 0 && offset == 0
	switch {
	case unlimited && (!ctx.Pull || len(n.By) == 0):
		return nil, nil
	case len(n.By) == 0 && (ctx.Pull || n.In.Schema().AppendOnly):
		return &limitOp{limit: limit, offset: offset}, nil
	}
	by, err := newSortKeys(n.By)
	if err != nil {
		return nil, err
	}
	rows := vec.NewBatch(columnTypes(n.In))
	if ctx.Pull {
		return &sortOp{ctx: ctx, by: by, limit: limit, offset: offset, rows: rows}, nil
	}
	return &topOp{
		ctx: ctx, by: by, limit: limit, offset: offset, prune: limit >= 0 && n.In.Schema().AppendOnly,
		rows: state.NewMap(), out: rows,
	}, nil
}

// rowCount evaluates LIMIT or OFFSET; absent and NULL mean none.
func rowCount(env *fn.Env, e plan.Expr, what string, code sqlerr.Code, none int64) (int64, error) {
	if e == nil {
		return none, nil
	}
	v, err := eval.EvalConst(env, e)
	switch {
	case err != nil:
		return 0, err
	case v.Null:
		return none, nil
	case v.Int < 0:
		return 0, sqlerr.New(code, "%s must not be negative", what)
	}
	return v.Int, nil
}

// sortKeys computes the bytes by which rows are ordered.
type sortKeys struct {
	exprs *exprs
	by    []plan.SortKey
}

func newSortKeys(by []plan.SortKey) (*sortKeys, error) {
	es := make([]plan.Expr, len(by))
	for i, k := range by {
		es[i] = k.X
	}
	x, err := compileExprs(es)
	return &sortKeys{x, by}, err
}

// appendKey appends the key of row i of cols, which exprs gave.
func (s *sortKeys) appendKey(dst []byte, cols []*vec.Column, i int) []byte {
	for k, c := range cols {
		dst = vec.AppendKey(dst, c, i, s.by[k].Desc, s.by[k].NullsFirst)
	}
	return dst
}

// topOp maintains the rows from offset to offset+limit of a sorted relation; rows with equal sort keys are in the order
// of their bytes. A step that changes only rows behind the last one shown costs no look at the others; where no row is
// ever taken away, those behind are not kept.
//
// State: sort key (vec.AppendKey), row (vec.AppendRow) → how often it is there, its event time, and the length of the
// sort key.
type topOp struct {
	ctx           *Context
	by            *sortKeys
	limit, offset int64 // limit -1 for none
	prune         bool  // rows behind the last one shown will never be shown
	rows          *state.Map

	shown  []topRow // what is out, in order
	loaded bool     // shown is that of rows before this step
	dirty  bool     // a row changed that may be shown
	timed  bool
	out    *vec.Batch
	buf    []byte
	val    []byte
}

// topRow is a row that is shown n times; its key and value in the state are views.
type topRow struct {
	key, row []byte
	n, time  int64
}

// Process implements Operator.
func (t *topOp) Process(_ int, in *vec.Batch, _ Emitter) error {
	cols, bad := t.by.exprs.eval(t.ctx.Env(), in)
	if bad != nil {
		good, err := t.ctx.setAside("sort", in, bad)
		if err != nil || len(good) == 0 {
			return err
		}
		return t.Process(0, in.Gather(good), nil)
	}
	t.timed = t.timed || in.Time != nil
	t.load()
	full := t.limit >= 0 && t.shownCount() == t.limit
	for i := range in.N {
		t.buf = t.by.appendKey(t.buf[:0], cols, i)
		n := len(t.buf)
		t.buf = vec.AppendRow(t.buf, in.Cols, i)
		behind := full && (len(t.shown) == 0 || bytes.Compare(t.buf, t.shown[len(t.shown)-1].key) > 0)
		if behind && t.prune {
			continue
		}
		t.dirty = t.dirty || !behind
		count, time := int64(in.DiffAt(i)), timeOf(in, i)
		if v, ok := t.rows.Get(t.buf); ok {
			r := stateReader{b: v}
			count += r.varint()
			time = max(time, r.varint())
		}
		if count == 0 {
			t.rows.Delete(t.buf)
			continue
		}
		t.val = binary.AppendVarint(t.val[:0], count)
		t.val = binary.AppendVarint(t.val, time)
		t.val = binary.AppendVarint(t.val, int64(n))
		t.rows.Set(t.buf, t.val)
	}
	return nil
}

// load finds, after a restore, what is out.
func (t *topOp) load() {
	if !t.loaded {
		t.loaded = true
		t.shown = t.window()
	}
}

func (t *topOp) shownCount() (n int64) {
	for _, r := range t.shown {
		n += r.n
	}
	return n
}

// window returns the rows from offset to offset+limit.
func (t *topOp) window() (rows []topRow) {
	skip, left := t.offset, t.limit
	if left < 0 {
		left = math.MaxInt64
	}
	t.rows.Scan(nil, nil, func(k, v []byte) bool {
		r := stateReader{b: v}
		n, time, keyLen := r.varint(), r.varint(), r.varint()
		n = max(n, 0)
		skipped := min(skip, n)
		skip -= skipped
		if n = min(n-skipped, left); n > 0 {
			left -= n
			rows = append(rows, topRow{k, k[keyLen:], n, time})
		}
		return left > 0
	})
	return rows
}

// Advance implements Operator.
func (t *topOp) Advance(_ int64, out Emitter) error {
	if !t.dirty {
		return nil
	}
	t.dirty = false
	old := t.shown
	t.shown = t.window()
	if t.prune && t.shownCount() == t.limit {
		t.dropBehind()
	}
	if err := t.difference(old); err != nil || t.out.N == 0 {
		return err
	}
	return out.Emit(t.out)
}

// dropBehind forgets the rows behind the last one shown.
func (t *topOp) dropBehind() {
	var from []byte
	if len(t.shown) > 0 {
		from = append(bytes.Clone(t.shown[len(t.shown)-1].key), 0) // the least key behind it
	}
	var behind [][]byte
	t.rows.Scan(from, nil, func(k, _ []byte) bool {
		behind = append(behind, k)
		return true
	})
	for _, k := range behind {
		t.rows.Delete(k)
	}
}

// difference puts into t.out what must be added to the rows old to make those that are shown.
func (t *topOp) difference(old []topRow) error {
	t.out.Reset()
	i, j := 0, 0
	for i < len(old) || j < len(t.shown) {
		order := 0
		switch {
		case i == len(old):
			order = 1
		case j == len(t.shown):
			order = -1
		default:
			order = bytes.Compare(old[i].key, t.shown[j].key)
		}
		var err error
		switch {
		case order < 0:
			err = t.add(old[i], -old[i].n)
			i++
		case order > 0:
			err = t.add(t.shown[j], t.shown[j].n)
			j++
		default:
			err = t.add(t.shown[j], t.shown[j].n-old[i].n)
			i, j = i+1, j+1
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// add puts a row into the output, n times.
func (t *topOp) add(r topRow, n int64) (err error) {
	eachDiff(n, func(d int32) {
		if _, e := vec.DecodeRow(r.row, t.out.Cols); e != nil {
			err = errForeignState(r.key)
			return
		}
		t.out.Diff = append(t.out.Diff, d)
		if t.timed {
			t.out.Time = append(t.out.Time, r.time)
		}
		t.out.N++
	})
	return err
}

// Snapshot implements Operator.
func (t *topOp) Snapshot(w state.Writer) error { return t.rows.WriteChanges(w) }

// Restore implements Operator.
func (t *topOp) Restore(key, value []byte) error {
	r := stateReader{b: value}
	_, time, n := r.varint(), r.varint(), r.varint()
	if r.bad || n < 0 || n > int64(len(key)) {
		return errForeignState(key)
	}
	t.timed = t.timed || time != math.MinInt64
	t.rows.Restore(key, value)
	return nil
}
