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
	case len(n.Per) > 0 && unlimited:
		return nil, nil
	case len(n.Per) > 0:
		return newTopPer(n, limit, offset, ctx)
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
		return &sortOp{ctx: ctx, by: by, limit: limit, offset: offset, ties: n.WithTies, rows: rows}, nil
	}
	rank := plan.RowNumber
	if n.WithTies {
		rank = plan.PeerRank
	}
	return &topOp{
		ctx: ctx, by: by, limit: limit, offset: offset, rank: rank, width: len(rows.Cols),
		prune: limit >= 0 && n.In.Schema().AppendOnly, rows: ctx.State.NewMap(), groups: map[string]*topGroup{}, out: rows,
	}, nil
}

// newTopPer makes the operator of a Sort whose limit counts among the rows that have something in common.
func newTopPer(n *plan.Sort, limit, offset int64, ctx *Context) (Operator, error) {
	rank := plan.RowNumber
	if n.WithTies {
		rank = plan.PeerRank
	}
	group := &plan.GroupTop{In: n.In, By: n.Per, Order: n.By, Limit: limit, Rank: rank, Sch: *n.Schema()}
	op, err := newGroupTop(group, ctx)
	if err != nil {
		return nil, err
	}
	top := op.(*topOp)
	top.offset, top.prune = offset, top.prune && limit >= 0
	return top, nil
}

// newFirstRows makes the operator of DISTINCT ON: the first row of every group.
func newFirstRows(n *plan.Distinct, ctx *Context) (Operator, error) {
	return newGroupTop(&plan.GroupTop{In: n.In, By: n.On, Order: n.By, Limit: 1, Sch: *n.Schema()}, ctx)
}

// newGroupTop makes the operator of the first rows of every group.
func newGroupTop(n *plan.GroupTop, ctx *Context) (Operator, error) {
	order := make([]plan.SortKey, 0, len(n.By)+len(n.Order))
	for _, x := range n.By {
		order = append(order, plan.SortKey{X: x})
	}
	by, err := newSortKeys(append(order, n.Order...))
	return &topOp{
		ctx: ctx, by: by, parts: len(n.By), limit: n.Limit, rank: n.Rank, number: n.Number,
		width: len(n.In.Schema().Cols), prune: n.In.Schema().AppendOnly, rows: ctx.State.NewMap(),
		groups: map[string]*topGroup{}, out: vec.NewBatch(columnTypes(n)),
	}, err
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

// topOp maintains the rows from offset to offset+limit of a sorted relation, or of every group of one; rows with equal
// sort keys are in the order of their bytes. A step that changes only rows behind the last one shown costs no look at
// the others; where no row is ever taken away, those behind are not kept.
//
// State: key of the group and sort key (vec.AppendKey), row (vec.AppendRow) → how often it is there, its event time,
// and the length of the two keys.
type topOp struct {
	ctx           *Context
	by            *sortKeys // the group's key, then the sort key
	parts         int       // how many of them are the group's
	limit, offset int64     // limit -1 for none
	rank          plan.Rank // what of a row is at most limit: its number, or one that it shares with its peers
	number        bool      // a column with it is added
	width         int       // columns of the input
	prune         bool      // rows behind the last one shown will never be shown
	rows          *state.Map

	groups map[string]*topGroup
	order  []*topGroup // those touched in this step
	timed  bool
	out    *vec.Batch
	buf    []byte
	val    []byte
}

// topGroup is what a step knows of a group.
type topGroup struct {
	key   string
	shown []topRow // what is out, in order
	used  int64    // how much of the limit they take
	dirty bool     // a row changed that may be shown
	known bool     // it is among those touched
}

// topRow is a row that is shown n times; key, sort key and row are views of the state. Numbers are those of the first.
type topRow struct {
	key, sort, row  []byte
	n, time, number int64
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
	for i := range in.N {
		t.buf = t.buf[:0]
		for k := range t.parts {
			t.buf = vec.AppendKey(t.buf, cols[k], i, false, false)
		}
		g := t.group(t.buf)
		for k := t.parts; k < len(cols); k++ {
			t.buf = vec.AppendKey(t.buf, cols[k], i, t.by.by[k].Desc, t.by.by[k].NullsFirst)
		}
		n := len(t.buf)
		t.buf = vec.AppendRow(t.buf, in.Cols, i)
		if !t.behind(g, n) {
			g.dirty = true
		} else if t.prune {
			continue
		}
		t.store(n, int64(in.DiffAt(i)), timeOf(in, i))
	}
	return nil
}

// group returns a group, with the rows that are out.
func (t *topOp) group(key []byte) *topGroup {
	g, ok := t.groups[string(key)]
	if !ok {
		g = &topGroup{key: string(key)}
		t.groups[g.key] = g
		t.show(g)
	}
	if !g.known {
		g.known = true
		t.order = append(t.order, g)
	}
	return g
}

// behind tells whether the row whose key is in t.buf, n bytes of it those it is sorted by, comes after all that is
// shown of a full group.
func (t *topOp) behind(g *topGroup, n int) bool {
	if t.limit < 0 || g.used < t.limit {
		return false
	}
	if len(g.shown) == 0 {
		return true
	}
	last := g.shown[len(g.shown)-1]
	if t.ties() {
		return bytes.Compare(t.buf[:n], last.sort) > 0
	}
	return bytes.Compare(t.buf, last.key) > 0
}

// store counts the row whose key is in t.buf.
func (t *topOp) store(n int, count, time int64) {
	if v, ok := t.rows.Get(t.buf); ok {
		r := stateReader{b: v}
		count += r.varint()
		time = max(time, r.varint())
	}
	if count == 0 {
		t.rows.Delete(t.buf)
		return
	}
	t.val = binary.AppendVarint(t.val[:0], count)
	t.val = binary.AppendVarint(t.val, time)
	t.val = binary.AppendVarint(t.val, int64(n))
	t.rows.Set(t.buf, t.val)
}

// show finds the rows of a group from offset to offset+limit.
func (t *topOp) show(g *topGroup) {
	skip, limit := t.offset, t.limit
	if limit < 0 {
		limit = math.MaxInt64
	}
	g.shown, g.used = nil, 0
	if limit == 0 {
		return
	}
	count := int64(0)
	t.rows.Prefix([]byte(g.key), func(k, v []byte) bool {
		r := stateReader{b: v}
		n, time, keyLen := r.varint(), r.varint(), r.varint()
		n = max(n, 0)
		skipped := min(skip, n)
		skip -= skipped
		if n -= skipped; n == 0 {
			return true
		}
		row := topRow{key: k, sort: k[:keyLen], row: k[keyLen:], n: n, time: time, number: count + 1}
		last := len(g.shown) - 1
		tied := t.ties() && last >= 0 && bytes.Equal(g.shown[last].sort, row.sort)
		if g.used >= limit && !tied {
			return false
		}
		switch {
		case tied:
			row.number = g.shown[last].number
		case t.rank == plan.DenseRank:
			row.number = g.used + 1
		case t.rank == plan.RowNumber:
			row.n = min(n, limit-g.used)
		}
		if t.rank != plan.DenseRank {
			g.used += row.n
		} else if !tied {
			g.used++
		}
		count += row.n
		g.shown = append(g.shown, row)
		return t.ties() || g.used < limit
	})
}

// ties tells whether rows that are equal by sort key to the last one shown are shown too.
func (t *topOp) ties() bool { return t.rank != plan.RowNumber }

// Advance implements Operator.
func (t *topOp) Advance(_ int64, out Emitter) error {
	t.out.Reset()
	for _, g := range t.order {
		g.known = false
		if g.dirty {
			g.dirty = false
			old := g.shown
			t.show(g)
			if t.prune && g.used >= t.limit {
				t.dropBehind(g)
			}
			if err := t.difference(old, g.shown); err != nil {
				return err
			}
		}
		if t.parts > 0 {
			delete(t.groups, g.key)
		}
		if t.out.N >= outRows {
			if err := out.Emit(t.out); err != nil {
				return err
			}
			t.out.Reset()
		}
	}
	clear(t.order)
	t.order = t.order[:0]
	if t.out.N == 0 {
		return nil
	}
	return out.Emit(t.out)
}

// dropBehind forgets the rows behind the last one shown.
func (t *topOp) dropBehind(g *topGroup) {
	from := []byte(g.key)
	if len(g.shown) > 0 {
		from = append(bytes.Clone(g.shown[len(g.shown)-1].key), 0) // the least key behind it
	}
	var behind [][]byte
	t.rows.Scan(from, nil, func(k, _ []byte) bool {
		if !bytes.HasPrefix(k, []byte(g.key)) {
			return false
		}
		behind = append(behind, k)
		return true
	})
	for _, k := range behind {
		t.rows.Delete(k)
	}
}

// difference puts into t.out what must be added to the rows old to make the rows now.
func (t *topOp) difference(old, now []topRow) error {
	i, j := 0, 0
	for i < len(old) || j < len(now) {
		order := 0
		switch {
		case i == len(old):
			order = 1
		case j == len(now):
			order = -1
		default:
			order = bytes.Compare(old[i].key, now[j].key)
		}
		var err error
		switch {
		case order < 0:
			err = t.add(old[i], -1)
			i++
		case order > 0:
			err = t.add(now[j], 1)
			j++
		default:
			err = t.change(old[i], now[j])
			i, j = i+1, j+1
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// change puts out what makes old of now, the same row.
func (t *topOp) change(old, now topRow) error {
	if !t.number || t.ties() && old.number == now.number {
		now.n -= old.n
		return t.add(now, 1)
	}
	if t.ties() {
		return firstErr(t.add(old, -1), t.add(now, 1))
	}
	// The copies have numbers of their own; those with a number that was there and is there stay.
	lo, hi := max(old.number, now.number), min(old.number+old.n, now.number+now.n)
	if lo >= hi {
		return firstErr(t.add(old, -1), t.add(now, 1))
	}
	part := func(r topRow, from, to int64, sign int64) error {
		r.number, r.n = from, max(to-from, 0)
		return t.add(r, sign)
	}
	return firstErr(part(old, old.number, lo, -1), part(old, hi, old.number+old.n, -1),
		part(now, now.number, lo, 1), part(now, hi, now.number+now.n, 1))
}

// add puts a row into the output, as often as it is there, or takes it away.
func (t *topOp) add(r topRow, sign int64) error {
	if !t.number || t.ties() {
		return t.addCopies(r, sign*r.n)
	}
	for range r.n {
		if err := t.addCopies(r, sign); err != nil {
			return err
		}
		r.number++
	}
	return nil
}

// addCopies puts a row into the output n times.
func (t *topOp) addCopies(r topRow, n int64) (err error) {
	eachDiff(n, func(d int32) {
		if _, e := vec.DecodeRow(r.row, t.out.Cols[:t.width]); e != nil {
			err = errForeignState(r.key)
			return
		}
		if t.number {
			t.out.Cols[t.width].AppendInt(r.number)
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

// Attach implements lazy.
func (t *topOp) Attach(r *state.Region) error { return t.rows.Attach(r) }
