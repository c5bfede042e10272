package engine

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// differenceOp keeps how two relations differ, in the columns that both have: of each row how often the second has it
// more than the first. What both have is not kept.
type differenceOp struct {
	// rows are kept with the key before them where both relations have the same, so that those of a key are together.
	//
	//	key of the relation, row -> event time (8 bytes), count (8 bytes), length of the key (4 bytes)
	rows *state.Map
	keys []int              // columns of the key; none where rows have no key in common
	step map[string]changed // what the step has changed so far
	key  []byte
	val  []byte
	drafts
}

// changed is how often a row came, less how often it went, in a step.
type changed struct {
	n, at int64
	key   int
}

// Process implements Operator: port 0 is the first relation, port 1 the second.
func (d *differenceOp) Process(port int, in *vec.Batch, _ Emitter) error {
	if d.step == nil {
		d.step = map[string]changed{}
	}
	for i := range in.N {
		d.key = appendKey(d.key[:0], in.Cols, d.keys, i)
		c := changed{at: in.TimeAt(i), key: len(d.key), n: int64(in.DiffAt(i))}
		d.key = vec.AppendRow(d.key, in.Cols, i)
		if port == 0 {
			c.n = -c.n
		}
		c.n += d.step[string(d.key)].n
		d.step[string(d.key)] = c
	}
	return nil
}

// Advance implements Operator. Most rows that change do so in both relations.
func (d *differenceOp) Advance(int64, Emitter) error {
	for row, c := range d.step {
		if c.n == 0 {
			continue
		}
		d.key = append(d.key[:0], row...)
		if old, ok := d.rows.Get(d.key); ok {
			c.n += int64(binary.BigEndian.Uint64(old[8:]))
		}
		d.spoil(d.key, c.key)
		if c.n == 0 {
			d.rows.Delete(d.key)
			continue
		}
		d.val = binary.BigEndian.AppendUint64(d.val[:0], uint64(c.at))
		d.val = binary.BigEndian.AppendUint64(d.val, uint64(c.n))
		d.rows.Set(d.key, binary.BigEndian.AppendUint32(d.val, uint32(c.key)))
	}
	if len(d.step) > feedRows {
		d.step = nil
	}
	clear(d.step)
	return nil
}

// Snapshot implements Operator.
func (d *differenceOp) Snapshot(w state.Writer) error { return d.rows.WriteChanges(w) }

// Restore implements Operator.
func (d *differenceOp) Restore(key, value []byte) error {
	d.rows.Restore(key, value)
	return nil
}

// Attach has the state read from the checkpoint as it is wanted.
func (d *differenceOp) Attach(r *state.Region) error { return d.rows.Attach(r) }

// newDifference makes the view, without output, that compares a relation with the one that is made to take its place.
// Where nothing can be compared, since the columns or the key change, there is nothing it reads.
// With timed the times of rows count too.
func (f *flow) newDifference(old *source, timed bool) *view {
	next := f.sources[old.rel.Next.ID]
	none := &source{rel: &catalog.Relation{}}
	v := &view{id: differenceID(old.rel), rel: none.rel, query: &plan.Query{}, flow: f, graph: &Graph{},
		state: &state.Account{}, slow: newThrottle(old.rel.Next, f.cfg), began: time.Now()}
	v.state.Of(0)
	op := &differenceOp{rows: v.state.NewMap()}
	if slices.Equal(old.rel.Key, old.rel.Next.Key) {
		op.keys = old.rel.Key
	}
	v.graph.nodes = []graphNode{{op: op}}
	v.sink = &sink{flow: f, rel: none.rel, src: none, acc: vec.NewBatch(nil)}
	if old.rows == nil || !old.rel.Extends(old.rel.Next) {
		return v
	}
	for side, s := range []*source{old, next} {
		scan := &plan.Scan{Rel: s.rel}
		for i, c := range old.rel.Columns {
			scan.Cols = append(scan.Cols, i)
			scan.Sch.Cols = append(scan.Sch.Cols, plan.Column{Name: c.Name, Type: c.Type})
		}
		if timed {
			withTimes(scan)
		}
		v.graph.scans = append(v.graph.scans, scan)
		v.graph.ports = append(v.graph.ports, &port{op: op, n: side})
		v.inputs = append(v.inputs, &input{view: v, port: side, scan: scan, src: s})
	}
	return v
}

// withTimes has a scan of a difference give the event times of rows.
func withTimes(scan *plan.Scan) {
	scan.Cols = append(scan.Cols, plan.RowTime)
	scan.Sch.Cols = append(scan.Sch.Cols, plan.Column{Type: types.Int8})
}

// compareTimes has the replacements under way of what a view reads compared anew, by event times too, where the view
// reads these and they were not compared before: it must see rows go with the times with which they came.
func (f *flow) compareTimes(v *view) {
	for _, in := range v.inputs {
		if !timedInput(in) || in.src.rel.Next == nil {
			continue
		}
		d := f.viewOf(differenceID(in.src.rel))
		if d == nil || len(d.inputs) == 0 || timedInput(d.inputs[0]) {
			continue
		}
		d.graph.nodes[0].op.(*differenceOp).forget()
		for _, side := range d.inputs {
			withTimes(side.scan)
			side.pending, side.chase = nil, newChase(side.scan, nil)
		}
	}
}

// forget has the operator begin anew.
func (d *differenceOp) forget() {
	var rows [][]byte
	d.rows.Scan(nil, nil, func(row, _ []byte) bool {
		rows = append(rows, bytes.Clone(row))
		return true
	})
	for _, row := range rows { // one by one, so that the next checkpoint knows
		d.rows.Delete(row)
	}
	d.step, d.drafts = nil, drafts{}
}

// differs reports whether the view is a difference.
func (v *view) differs() bool { return v.rel.ID == 0 }

// differenceOf is how the difference begins: of times too where a query reads them, or nobody has asked for it.
func (f *flow) differenceOf(old *catalog.Relation) attach {
	return attach{View: differenceID(old),
		Timed: f.isAnew(old.StateID()) || slices.ContainsFunc(f.sources[old.ID].inputs, timedInput)}
}

// differenceID is the number of the view that compares a relation with the one that is made to take its place: the
// number after that one's.
func differenceID(old *catalog.Relation) uint32 { return old.Next.ID + 1 }

// attachDifference makes the difference part of every coming step.
func (f *flow) attachDifference(old *catalog.Relation, timed bool) error {
	v := f.newDifference(f.sources[old.ID], timed)
	if len(v.inputs) > 0 {
		f.carryIndexes(v.inputs[0].src.rows, v.inputs[1].src.rows)
	}
	for _, in := range v.inputs {
		in.src.inputs = append(in.src.inputs, in)
		in.chase = newChase(in.scan, nil)
	}
	f.keep(v)
	f.views = append(f.views, v)
	f.order()
	return nil
}

// timedInput reports whether an input reads the times of rows.
func timedInput(in *input) bool { return readsTimes(in.scan) }
