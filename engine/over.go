package engine

import (
	"cmp"
	"slices"
	"sort"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// overOp gives rows the values of window functions that have one PARTITION BY and ORDER BY. It holds every partition in
// order, with the values that are out. A step puts its changes into the order and computes anew what may have changed:
// each function says how far a change reaches (overframe.go). Rows with equal sort keys are in the order of their
// bytes.
//
// State: key of the partition, sort key (vec.AppendKey), row with what is computed of it (vec.AppendRow) → how often it
// is there, its event time, the length of the partition's key and of both.
type overOp struct {
	ctx   *Context
	exprs *exprs // the partition's key, the sort key, and what the functions need beside columns
	by    []plan.SortKey
	parts int          // how many of exprs are the partition's key
	width int          // columns of the input
	types []types.Type // of a stored row: the input's columns, then what is computed
	funcs []*overFunc

	partitions map[string]*overPartition
	touched    []*overPartition
	saved      savedPartitions
	timed      bool
	twins      bool // the partition at hand has copies of a row: what comes and goes may be the same

	out    *vec.Batch
	stored []*vec.Column // scratch: the columns of a stored row
	buf    []byte
}

// overPartition is the rows of one partition.
type overPartition struct {
	key     string
	rows    []*overRow
	debt    map[string]int64 // rows that went before they came: less than nothing
	pending []overChange     // of this step
	twins   bool             // copies of a row changed in this step
	known   bool             // the rows have their values, as they have not after Restore
	marks   []overMark
	tails   []overTail // by function
	dirty   []string   // keys of rows that changed since the last Snapshot
	epoch   uint32     // in which it last changed: see savedPartitions
	counted int        // rows that savedPartitions knows of
	long    bool       // it has keys that are too long to be found in the file
}

// overRow is one copy of a row.
type overRow struct {
	key   string // sort key, stored row
	sort  int    // length of the sort key
	time  int64
	value string // of the functions, as a row; it is out when there is one
	// failed is set while the row has no values because they cannot be computed.
	failed bool
}

// overChange is a change of a row.
type overChange struct {
	key  string
	sort int
	diff int64
	time int64
}

// sortKey is what the row is ordered by.
func (r *overRow) sortKey() string { return r.key[:r.sort] }

func newOver(n *plan.WindowAgg, ctx *Context) (Operator, error) {
	first := &n.Funcs[0]
	o := &overOp{saved: savedPartitions{epoch: 1},
		ctx: ctx, by: first.Order, parts: len(first.Partition), types: columnTypes(n.In),
		width: len(n.In.Schema().Cols), partitions: map[string]*overPartition{}, out: vec.NewBatch(columnTypes(n)),
	}
	ctx.State.Add(o)
	l := overLayout{types: o.types}
	es := slices.Clone(first.Partition)
	for _, k := range first.Order {
		es = append(es, k.X)
	}
	for i := range n.Funcs {
		f, err := newOverFunc(&n.Funcs[i], ctx, &l)
		if err != nil {
			return nil, err
		}
		o.funcs = append(o.funcs, f)
	}
	o.types = l.types
	for _, f := range o.funcs {
		f.width = len(l.types)
	}
	o.stored = vec.NewBatch(o.types).Cols
	var err error
	o.exprs, err = compileExprs(append(es, l.exprs...))
	return o, err
}

// overLayout gives what functions need its place in a stored row.
type overLayout struct {
	types []types.Type
	exprs []plan.Expr // what is computed, after the input's columns
}

// overArg is a value that a function needs of every row: a column of the stored row, or a constant.
type overArg struct {
	col   int
	value *vec.Column
}

func (l *overLayout) arg(e plan.Expr) overArg {
	switch e := e.(type) {
	case *plan.Const:
		return overArg{value: vec.ConstColumn(e.Value)}
	case *plan.Col:
		return overArg{col: e.Index}
	}
	l.types, l.exprs = append(l.types[:len(l.types):len(l.types)], e.Type()), append(l.exprs, e)
	return overArg{col: len(l.types) - 1}
}

// of returns the argument's column among those of stored rows.
func (a overArg) of(cols []*vec.Column) *vec.Column {
	if a.value != nil {
		return a.value
	}
	return cols[a.col]
}

// Process implements Operator.
func (o *overOp) Process(_ int, in *vec.Batch, _ Emitter) error {
	cols, bad := o.exprs.eval(o.ctx.Env(), in)
	if bad != nil {
		good, err := o.ctx.setAside("window", in, bad)
		if err != nil || len(good) == 0 {
			return err
		}
		return o.Process(0, in.Gather(good), nil)
	}
	o.timed = o.timed || in.Time != nil
	row := append(in.Cols[:o.width:o.width], cols[o.parts+len(o.by):]...)
	for i := range in.N {
		o.buf = o.buf[:0]
		for _, c := range cols[:o.parts] {
			o.buf = vec.AppendKey(o.buf, c, i, false, false)
		}
		p := o.partition(o.buf)
		if len(p.pending) == 0 {
			o.touched = append(o.touched, p)
		}
		o.buf = o.buf[:0]
		for k, by := range o.by {
			o.buf = vec.AppendKey(o.buf, cols[o.parts+k], i, by.Desc, by.NullsFirst)
		}
		n := len(o.buf)
		o.buf = vec.AppendRow(o.buf, row, i)
		p.pending = append(p.pending, overChange{string(o.buf), n, int64(in.DiffAt(i)), timeOf(in, i)})
	}
	return nil
}

func (o *overOp) partition(key []byte) *overPartition {
	p, ok := o.partitions[string(key)]
	if !ok {
		p = &overPartition{key: string(key), known: true}
		o.partitions[p.key] = p
		o.saved.fetch(o, p)
	}
	return p
}

// Advance implements Operator.
func (o *overOp) Advance(_ int64, out Emitter) error {
	o.out.Reset()
	for _, p := range o.touched {
		if err := o.step(p, out); err != nil {
			return err
		}
	}
	clear(o.touched)
	o.touched = o.touched[:0]
	return o.flush(out)
}

func (o *overOp) flush(out Emitter) error {
	if o.out.N == 0 {
		return nil
	}
	err := out.Emit(o.out)
	o.out.Reset()
	return err
}

// step puts the pending changes into a partition and puts out what changed by them.
func (o *overOp) step(p *overPartition, out Emitter) error {
	if !p.known {
		p.known = true
		if err := o.revalue(p, span{0, len(p.rows)}, nil); err != nil {
			return err
		}
	}
	removed, changed := p.apply(sumChanges(p.pending))
	p.pending = nil
	if len(changed) == 0 {
		return nil
	}
	if !o.ctx.Pull {
		o.saved.change(p, changed)
	}
	p.forgetMarks(changed[0].at)
	spans := o.reach(p, changed)
	if o.twins = p.twins || p.hasCopies(spans); o.twins {
		if err := o.flush(out); err != nil {
			return err
		}
	}
	for _, r := range removed {
		if err := o.add(r, r.value, -1, out); err != nil {
			return err
		}
	}
	for _, s := range spans {
		if err := o.revalue(p, s, out); err != nil {
			return err
		}
	}
	if o.twins {
		o.out, o.twins = Consolidate(o.out), false
		return o.flush(out)
	}
	return nil
}

// sumChanges orders changes and adds up those of one row; those that come to nothing stay.
func sumChanges(changes []overChange) []overChange {
	slices.SortStableFunc(changes, func(a, b overChange) int { return cmp.Compare(a.key, b.key) })
	kept := changes[:0]
	for _, c := range changes {
		if k := len(kept) - 1; k >= 0 && kept[k].key == c.key {
			kept[k].diff += c.diff
			kept[k].time = max(kept[k].time, c.time)
			continue
		}
		kept = append(kept, c)
	}
	return kept
}

// overPoint is where the order changed: a row came at this place, or one went that stood before it.
type overPoint struct {
	at   int
	key  string
	sort string
}

// apply puts changes, which are in order, into the order. It returns the rows that went and where rows came or went.
func (p *overPartition) apply(changes []overChange) (removed []*overRow, points []overPoint) {
	from := sort.Search(len(p.rows), func(i int) bool { return p.rows[i].key >= changes[0].key })
	old := slices.Clone(p.rows[from:])
	p.rows, p.twins = p.rows[:from], false
	for _, c := range changes {
		for len(old) > 0 && old[0].key < c.key {
			p.rows, old = append(p.rows, old[0]), old[1:]
		}
		had := 0
		for had < len(old) && old[had].key == c.key {
			had++
		}
		want := int64(had) + p.debt[c.key] + c.diff
		if delete(p.debt, c.key); want < 0 {
			if p.debt == nil {
				p.debt = map[string]int64{}
			}
			p.debt[c.key] = want
		}
		p.twins = p.twins || had > 1 || had > 0 && want > 0
		keep := int(min(int64(had), max(want, 0)))
		p.rows = append(p.rows, old[:keep]...)
		removed, old = append(removed, old[keep:had]...), old[had:]
		if c.diff != 0 {
			points = append(points, overPoint{len(p.rows), c.key, c.key[:c.sort]})
		}
		for n := int64(had); n < want; n++ {
			if n > int64(had) {
				points = append(points, overPoint{len(p.rows), c.key, c.key[:c.sort]})
			}
			p.rows = append(p.rows, &overRow{key: c.key, sort: c.sort, time: c.time})
		}
	}
	p.rows = append(p.rows, old...)
	return removed, points
}

// hasCopies tells whether a row is there more than once.
func (p *overPartition) hasCopies(spans []span) bool {
	for _, s := range spans {
		for i := s.lo + 1; i < s.hi; i++ {
			if p.rows[i].key == p.rows[i-1].key {
				return true
			}
		}
	}
	return false
}

// revalue computes the values of some rows anew and puts out how they changed; a nil out says that they are out
// already.
func (o *overOp) revalue(p *overPartition, s span, out Emitter) error {
	if s.lo == s.hi {
		return nil
	}
	values, bad, err := o.values(p, s)
	if err != nil {
		return err
	}
	for i, r := range p.rows[s.lo:s.hi] {
		value := ""
		_, failed := bad[i]
		if failed && r.failed { // told before
			delete(bad, i)
		}
		if r.failed = failed; !failed {
			o.buf = vec.AppendRow(o.buf[:0], values, i)
			if string(o.buf) == r.value {
				continue
			}
			value = string(o.buf)
		}
		old := r.value
		r.value = value
		if out == nil || old == value {
			continue
		}
		if err := firstErr(o.add(r, old, -1, out), o.add(r, value, 1, out)); err != nil {
			return err
		}
	}
	if len(bad) > 0 && out != nil {
		return o.report(p, s, bad)
	}
	return nil
}

// add puts a row with these values into the output; without values it is not out.
func (o *overOp) add(r *overRow, value string, diff int32, out Emitter) error {
	if value == "" {
		return nil
	}
	cols := append(append(o.stored[:0:0], o.out.Cols[:o.width]...), make([]*vec.Column, len(o.types)-o.width)...)
	if _, err := vec.DecodeRow(rowBytes(r.key[r.sort:]), cols); err != nil {
		return errForeignState([]byte(r.key))
	}
	if _, err := vec.DecodeRow(rowBytes(value), o.out.Cols[o.width:]); err != nil {
		panic("BUG: a window function's value cannot be decoded: " + err.Error())
	}
	o.out.Diff = append(o.out.Diff, diff)
	if o.timed {
		o.out.Time = append(o.out.Time, r.time)
	}
	if o.out.N++; o.out.N >= outRows && !o.twins {
		return o.flush(out)
	}
	return nil
}

// report tells of rows whose values cannot be computed. A pull query fails.
func (o *overOp) report(p *overPartition, s span, bad map[int]error) error {
	b := vec.NewBatch(o.types)
	if err := p.decode(b.Cols, s); err != nil {
		return err
	}
	b.Cols, b.N = b.Cols[:o.width], s.hi-s.lo
	_, err := o.ctx.setAside("window", b, bad)
	return err
}

// decode appends the stored rows of a span to cols, of which nil ones are passed over.
func (p *overPartition) decode(cols []*vec.Column, s span) error {
	for _, r := range p.rows[s.lo:s.hi] {
		if _, err := vec.DecodeRow(rowBytes(r.key[r.sort:]), cols); err != nil {
			return errForeignState([]byte(r.key))
		}
	}
	return nil
}

// first returns the first row whose sort key is not before key, after the first row that comes after it.
func (p *overPartition) first(key string) int {
	return sort.Search(len(p.rows), func(i int) bool { return p.rows[i].sortKey() >= key })
}

func (p *overPartition) after(key string) int {
	return sort.Search(len(p.rows), func(i int) bool { return p.rows[i].sortKey() > key })
}

// peers returns the rows that ORDER BY does not tell apart from row i. Where a checkpoint holds rows that are not where
// they belong, i may be none.
func (p *overPartition) peers(i int) span {
	key := p.rows[min(max(i, 0), len(p.rows)-1)].sortKey()
	return span{p.first(key), p.after(key)}
}

// span is the rows from lo to hi, which is exclusive.
type span struct{ lo, hi int }

// clip returns the part of a span within n rows.
func (s span) clip(n int) span { return span{min(max(s.lo, 0), n), min(max(s.hi, 0), n)} }
