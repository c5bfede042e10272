package engine

import (
	"math"
	"sort"

	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// A frame of RANGE with a distance ends where the order column has a value that is so far away. That value as a sort
// key is compared with those of the rows. Of a row without a value the peers are as far as it goes.

// boundKeys returns the sort keys at which the frames of n rows begin or end; col is what they are ordered by.
func (f *overFunc) boundKeys(col *vec.Column, n int, b *overBound, nullsFirst bool) []string {
	keys := make([]string, n)
	back := b.before != f.desc // towards lesser values
	upward := b == &f.lo
	if f.desc {
		upward = !upward
	}
	at, bad := f.distant(col, n, b.by, back, upward)
	var buf []byte
	for i := range keys {
		switch {
		case col.IsNull(i):
			buf = vec.AppendKey(buf[:0], col, i, f.desc, nullsFirst)
		case bad[i] != nil && b.before: // farther than there are values
			buf = append(buf[:0], 0)
		case bad[i] != nil:
			buf = append(buf[:0], math.MaxUint8)
		default:
			buf = vec.AppendKey(buf[:0], at, i, f.desc, nullsFirst)
		}
		keys[i] = string(buf)
	}
	return keys
}

// distant returns the values at a distance from those of col, of its type; those that do not exist are in bad. Between
// two dates upward chooses the later.
func (f *overFunc) distant(col *vec.Column, n int, by *vec.Column, back, upward bool) (*vec.Column, map[int]error) {
	switch col.Type.Kind {
	case types.KindInt2, types.KindInt4, types.KindInt8:
		return distantInts(col, n, by.Int[0], back), nil
	case types.KindTime:
		return distantInts(col, n, by.Ivl[0].Micros, back), nil
	case types.KindFloat4, types.KindFloat8:
		return distantFloats(col, n, by.Float[0], back), nil
	}
	op := "+"
	if back {
		op = "-"
	}
	s, params, ret, err := fn.ResolveOperator(op, []types.Type{col.Type, by.Type})
	if err != nil {
		panic("BUG: the planner checked the frame's distance: " + err.Error())
	}
	in := col
	if params[0] != col.Type && col.Type.Kind == types.KindDate {
		in = instants(col, n, params[0])
	}
	out := vec.NewColumn(ret)
	call := fn.Call{N: n, Env: f.ctx.Env(), Ret: ret}
	s.Kernel(&call, []*vec.Column{in, by}, out)
	out = out.Flat(n)
	for i := range n {
		if col.IsNull(i) {
			delete(call.Errs, i)
		}
	}
	if col.Type.Kind == types.KindDate {
		return days(out, n, upward), call.Errs
	}
	return out, call.Errs
}

func distantInts(col *vec.Column, n int, by int64, back bool) *vec.Column {
	out := vec.NewColumn(col.Type)
	for i := range n {
		v := col.Int[i]
		switch {
		case back && v < math.MinInt64+by:
			v = math.MinInt64
		case back:
			v -= by
		case v > math.MaxInt64-by:
			v = math.MaxInt64
		default:
			v += by
		}
		out.AppendInt(v)
	}
	return out
}

// distantFloats takes a distance without end to reach everything, as PostgreSQL does.
func distantFloats(col *vec.Column, n int, by float64, back bool) *vec.Column {
	out := vec.NewColumn(col.Type)
	if back {
		by = -by
	}
	for i := range n {
		v := col.Float[i] + by
		if math.IsNaN(v) && !math.IsNaN(col.Float[i]) {
			v = by
		}
		out.AppendFloat(v)
	}
	return out
}

const dayMicros = 86_400_000_000

// instants gives dates as timestamps.
func instants(col *vec.Column, n int, t types.Type) *vec.Column {
	out := vec.NewColumn(t)
	for i := range n {
		switch v := col.Int[i]; {
		case col.IsNull(i):
			out.AppendInt(0)
		case v == types.Infinity || v == types.NegInfinity:
			out.AppendInt(v)
		default:
			out.AppendInt(v * dayMicros)
		}
	}
	return out
}

// days gives timestamps as dates: the next one, or the last before.
func days(col *vec.Column, n int, next bool) *vec.Column {
	out := vec.NewColumn(types.Date)
	for i := range n {
		v := col.Int[i]
		if v == types.Infinity || v == types.NegInfinity {
			out.AppendInt(v)
			continue
		}
		day := v / dayMicros
		if rest := v % dayMicros; rest < 0 && !next {
			day--
		} else if rest > 0 && next {
			day++
		}
		out.AppendInt(day)
	}
	return out
}

// boundKey is boundKeys for one row of a partition.
func (f *overFunc) boundKey(p *overPartition, i int, b *overBound) string {
	if f.order.value != nil {
		return f.boundKeys(f.order.value, 1, b, f.nullsFirst)[0]
	}
	r := p.rows[i]
	col := vec.NewColumn(f.orderType)
	cols := make([]*vec.Column, f.width)
	cols[f.order.col] = col
	if _, err := vec.DecodeRow(rowBytes(r.key[r.sort:]), cols); err != nil {
		panic("BUG: a row was checked when it was restored: " + err.Error())
	}
	return f.boundKeys(col, 1, b, f.nullsFirst)[0]
}

// frameStart returns the first row of the frame of row i, frameEnd the row after its last one.
func (f *overFunc) frameStart(p *overPartition, i int) int { return p.first(f.boundKey(p, i, &f.lo)) }
func (f *overFunc) frameEnd(p *overPartition, i int) int   { return p.after(f.boundKey(p, i, &f.hi)) }

// firstReaching returns the first row whose frame ends at a key or later; those from row end on are known to.
func (f *overFunc) firstReaching(p *overPartition, end int, key string) int {
	if f.hi.by == nil || f.hi.before {
		return end
	}
	return sort.Search(end, func(i int) bool { return f.boundKey(p, i, &f.hi) >= key })
}

// lastReaching returns the row after the last whose frame begins at a key or earlier; those before start are known to.
func (f *overFunc) lastReaching(p *overPartition, start int, key string) int {
	if f.lo.by == nil || !f.lo.before {
		return start
	}
	return start + sort.Search(len(p.rows)-start, func(i int) bool { return f.boundKey(p, start+i, &f.lo) > key })
}
