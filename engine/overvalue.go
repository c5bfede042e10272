package engine

import (
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/vec"
)

// windowView is rows of a partition as columns: the first skip of it, then those of a span.
type windowView struct {
	p    *overPartition
	rows span
	skip int
	n    int
	cols []*vec.Column
	// peers[i] is where the peers of row i begin, ends[i] where they end; nil while nobody asked.
	peers, ends []int32
	lo, hi      []int32 // frames of the function at hand
}

// values computes the functions for the rows of s. Rows for which one fails are in bad, counted from s.lo.
func (o *overOp) values(p *overPartition, s span) (out []*vec.Column, bad map[int]error, err error) {
	var v *windowView
	for k, f := range o.funcs {
		rows, skip, err := o.context(f, p, s)
		if err != nil {
			return nil, nil, err
		}
		if v == nil || v.rows != rows || v.skip != skip {
			if v, err = o.view(p, rows, skip); err != nil {
				return nil, nil, err
			}
		}
		if f.peered() {
			v.findPeers()
		}
		if f.fn == nil || f.fn.Reach == fn.ReachFrame {
			v.findFrames(f)
		}
		col := vec.NewColumn(f.ret)
		if f.fn != nil {
			bad = addErrs(bad, f.call(v, s, col))
		} else {
			bad = addErrs(bad, f.aggregate(v, s, k, col))
		}
		out = append(out, col)
	}
	return out, bad, nil
}

func (o *overOp) view(p *overPartition, rows span, skip int) (*windowView, error) {
	v := &windowView{p: p, rows: rows, skip: skip, n: skip + rows.hi - rows.lo}
	v.cols = vec.NewBatch(o.types).Cols
	if err := p.decode(v.cols, span{0, skip}); err != nil {
		return nil, err
	}
	return v, p.decode(v.cols, rows)
}

// place returns where a row of the partition is in the view.
func (v *windowView) place(i int) int { return i - v.rows.lo + v.skip }

// row returns the row of the partition that is at place i.
func (v *windowView) row(i int) *overRow {
	if i < v.skip {
		return v.p.rows[i]
	}
	return v.p.rows[i-v.skip+v.rows.lo]
}

// findPeers finds which rows ORDER BY does not tell apart.
func (v *windowView) findPeers() {
	if v.peers != nil {
		return
	}
	v.peers, v.ends = make([]int32, v.n), make([]int32, v.n)
	for i := range v.n {
		v.peers[i] = int32(i)
		if i > 0 && v.row(i).sortKey() == v.row(i-1).sortKey() {
			v.peers[i] = v.peers[i-1]
		}
	}
	for i := v.n - 1; i >= 0; i-- {
		v.ends[i] = int32(i + 1)
		if i+1 < v.n && v.peers[i+1] == v.peers[i] {
			v.ends[i] = v.ends[i+1]
		}
	}
}

// findFrames finds the frame of every row, as far as it lies in the view.
func (v *windowView) findFrames(f *overFunc) {
	v.lo, v.hi = make([]int32, v.n), make([]int32, v.n)
	switch f.unit {
	case "ROWS":
		for i := range v.n {
			v.lo[i] = int32(min(max(i+f.lo.n, 0), v.n))
			v.hi[i] = int32(min(max(i+f.hi.n+1, 0), v.n))
		}
	case "GROUPS":
		v.groupFrames(f)
	default:
		v.rangeFrames(f)
	}
	for i := range v.n {
		if f.lo.unbounded {
			v.lo[i] = 0
		}
		if f.hi.unbounded {
			v.hi[i] = int32(v.n)
		}
	}
}

// groupFrames finds the frames of GROUPS.
func (v *windowView) groupFrames(f *overFunc) {
	var starts []int32 // of every group of peers
	group := make([]int, v.n)
	for i := range v.n {
		if int(v.peers[i]) == i {
			starts = append(starts, int32(i))
		}
		group[i] = len(starts) - 1
	}
	start := func(g int) int32 {
		switch {
		case g < 0:
			return 0
		case g >= len(starts):
			return int32(v.n)
		}
		return starts[g]
	}
	for i := range v.n {
		v.lo[i], v.hi[i] = start(group[i]+f.lo.n), start(group[i]+f.hi.n+1)
	}
}

// rangeFrames finds the frames of RANGE. Their ends only move on from row to row.
func (v *windowView) rangeFrames(f *overFunc) {
	if v.n == 0 {
		return
	}
	copy(v.lo, v.peers)
	copy(v.hi, v.ends)
	if f.lo.by != nil {
		at := 0
		for i, key := range f.boundKeys(f.order.of(v.cols).Flat(v.n), v.n, &f.lo, f.nullsFirst) {
			for at < v.n && v.row(at).sortKey() < key {
				at++
			}
			v.lo[i] = int32(at)
		}
	}
	if f.hi.by != nil {
		at := 0
		for i, key := range f.boundKeys(f.order.of(v.cols).Flat(v.n), v.n, &f.hi, f.nullsFirst) {
			for at < v.n && v.row(at).sortKey() <= key {
				at++
			}
			v.hi[i] = int32(at)
		}
	}
}

// argColumns returns the arguments of the rows of the view.
func (f *overFunc) argColumns(v *windowView) []*vec.Column {
	cols := make([]*vec.Column, len(f.args))
	for k, a := range f.args {
		cols[k] = a.of(v.cols)
	}
	return cols
}

// call computes a window function that is not an aggregate.
func (f *overFunc) call(v *windowView, s span, out *vec.Column) (bad map[int]error) {
	p := fn.Partition{
		N: v.n, Before: int64(v.rows.lo), Peers: v.peers, Lo: v.lo, Hi: v.hi, Exclude: f.exclude,
		IgnoreNulls: f.ignoreNulls,
	}
	if f.fn.Reach == fn.ReachNumber && f.peered() {
		p.GroupsBefore = v.p.groupsBefore(v.rows.lo)
	}
	all := vec.NewColumn(f.ret)
	call := fn.Call{N: v.n, Env: f.ctx.Env(), Ret: f.ret}
	f.fn.Kernel(&call, &p, f.argColumns(v), all)
	out.AppendRange(all, v.place(s.lo), v.place(s.hi))
	for i, err := range call.Errs {
		if i >= v.place(s.lo) && i < v.place(s.hi) {
			bad = addErrs(bad, map[int]error{i - v.place(s.lo): err})
		}
	}
	return bad
}

// slider moves the frame of an aggregate through a view.
type slider struct {
	f      *overFunc
	v      *windowView
	k      int // the function's place
	args   []*vec.Column
	filter *vec.Column
	lo, hi int           // the rows that are in the accumulator
	bad    map[int]error // those that it refused
	groups []int32
	minus  []int32
}

// aggregate computes an aggregate over the frames of the rows of s.
func (f *overFunc) aggregate(v *windowView, s span, k int, out *vec.Column) (bad map[int]error) {
	m := &slider{f: f, v: v, k: k, args: f.argColumns(v), bad: map[int]error{}}
	if f.filter != nil {
		m.filter = f.filter.of(v.cols)
	}
	m.reset(0)
	if v.rows.lo > 0 && f.lo.unbounded && f.exclude == fn.ExcludeNothing && f.begun() {
		if err := f.acc.Decode(0, v.p.stateAt(k, v.rows.lo)); err != nil {
			panic("BUG: an accumulator does not know what it encoded: " + err.Error())
		}
	}
	one := []int32{0}
	for i := v.place(s.lo); i < v.place(s.hi); i++ {
		lo, hi := int(v.lo[i]), max(int(v.hi[i]), int(v.lo[i]))
		m.move(lo, hi)
		left := m.leaveOut(i, lo, hi)
		f.acc.Result(one, out)
		m.putBack(left)
		for r, err := range m.bad {
			if r >= lo && r < hi {
				bad = addErrs(bad, map[int]error{i - v.place(s.lo): err})
			}
		}
	}
	if m.marks() && v.rows.lo+m.hi == len(v.p.rows) {
		v.p.keepTail(k, f.acc)
	}
	return bad
}

// reset empties the accumulator; its frame is empty and begins at a row.
func (m *slider) reset(at int) {
	if err := m.f.acc.Decode(0, nil); err != nil {
		panic("BUG: an accumulator cannot be emptied: " + err.Error())
	}
	m.lo, m.hi = at, at
}

// move makes the rows from lo to hi those in the accumulator.
func (m *slider) move(lo, hi int) {
	if lo >= m.hi && m.hi > m.lo || m.lo == m.hi && lo > m.lo {
		m.reset(lo)
	}
	m.add(m.lo, lo, -1)
	m.lo = lo
	for m.hi < hi {
		to := hi
		if at := m.v.rows.lo + m.hi; m.marks() {
			if next := (at/markEvery + 1) * markEvery; next-m.v.rows.lo < to {
				to = next - m.v.rows.lo
			}
			if at > 0 && at%markEvery == 0 {
				m.v.p.keepMark(at, m.k, m.f.acc)
			}
		}
		m.add(m.hi, to, 1)
		m.hi = to
	}
}

// marks tells whether what is in the accumulator is worth a mark: all rows from the start of the partition.
func (m *slider) marks() bool {
	return m.f.lo.unbounded && m.f.exclude == fn.ExcludeNothing && m.f.begun() && len(m.bad) == 0
}

// add adds the rows from lo to hi that pass the filter, or takes them away.
func (m *slider) add(lo, hi int, sign int32) {
	for lo < hi {
		if !m.passes(lo, sign) {
			lo++
			continue
		}
		to := lo + 1
		for to < hi && m.passes(to, sign) {
			to++
		}
		m.update(lo, to, sign)
		lo = to
	}
}

func (m *slider) passes(i int, sign int32) bool {
	if m.filter != nil && (m.filter.IsNull(i) || !m.filter.Bool[m.filter.At(i)]) {
		return false
	}
	return sign > 0 || m.bad[i] == nil
}

func (m *slider) update(lo, hi int, sign int32) {
	n := hi - lo
	for len(m.groups) < n {
		m.groups, m.minus = append(m.groups, 0), append(m.minus, -1)
	}
	cols := make([]*vec.Column, len(m.args))
	for k, c := range m.args {
		cols[k] = c.Slice(lo, hi)
	}
	var diff []int32
	if sign < 0 {
		diff = m.minus[:n]
	}
	call := fn.Call{N: n, Env: m.f.ctx.Env(), Ret: m.f.ret}
	m.f.acc.Update(&call, m.groups[:n], diff, cols)
	for i, err := range call.Errs {
		m.bad[lo+i] = err
	}
}

// leaveOut takes the rows away that EXCLUDE names, and returns them. An accumulator to which their order matters is
// filled anew instead.
func (m *slider) leaveOut(i, lo, hi int) (left []span) {
	switch m.f.exclude {
	case fn.ExcludeNothing:
		return nil
	case fn.ExcludeCurrent:
		left = []span{{i, i + 1}}
	case fn.ExcludeGroup:
		left = []span{{int(m.v.peers[i]), int(m.v.ends[i])}}
	case fn.ExcludeTies:
		left = []span{{int(m.v.peers[i]), i}, {i + 1, int(m.v.ends[i])}}
	}
	if m.f.agg.Arrival {
		m.reset(lo)
	}
	for k, s := range left {
		left[k] = span{min(max(s.lo, lo), hi), max(min(s.hi, hi), lo)}
		if m.f.agg.Arrival {
			m.add(m.hi, left[k].lo, 1)
			m.hi = max(m.hi, left[k].hi)
		} else {
			m.add(left[k].lo, left[k].hi, -1)
		}
	}
	if m.f.agg.Arrival {
		m.add(m.hi, hi, 1)
		m.hi = hi
		return nil
	}
	return left
}

// putBack adds the rows that were left out.
func (m *slider) putBack(left []span) {
	for _, s := range left {
		m.add(s.lo, s.hi, 1)
	}
	if m.f.exclude != fn.ExcludeNothing && m.f.agg.Arrival {
		m.reset(m.hi)
	}
}
