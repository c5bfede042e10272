package engine

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	"github.com/leatdb/leat/log"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// What a swap has to tell readers and the topic is written beforehand, by drafts of some keys each, between steps that
// nobody waits for: the step that swaps puts them together. A draft is thrown away when a row of its keys changes, and
// written again. Where one ends and the next begins follows from the keys alone, so it does not matter to what is
// written which drafts there were: a replay has none.

const (
	// draftKeys is about how many keys a draft is of.
	draftKeys = 512
	// draftBytes is about how much all drafts may take; what is beyond it is written when the relations are swapped.
	draftBytes = 256 << 20
	// draftTries is how often drafts that were thrown away are written again before the relations are swapped.
	draftTries = 4
)

// swapDraft is what a swap changes of the keys from one on to before another; nil is the end.
type swapDraft struct {
	from, to   []byte
	gone, come *vec.Batch
	records    []sealed
	bytes      int64
}

// sealed is a batch of n records of a partition.
type sealed struct {
	part, n int
	batch   []byte
}

// drafts are those of a difference.
type drafts struct {
	list  []*swapDraft // by key
	bytes int64
	at    []byte // where writing goes on; nil for the beginning
	fresh int    // written since the beginning was passed
	tries int
	ready bool
}

// endsAt reports whether a draft ends before the row with a key, of which the relation's key takes n bytes.
func endsAt(row []byte, n int) bool {
	if n > 0 {
		row = row[:n]
	}
	return murmur2(row)%draftKeys == 0
}

// spoil throws away the drafts that a change of a row makes wrong.
func (d *drafts) spoil(row []byte, n int) {
	if len(d.list) == 0 {
		return
	}
	drop := func(i int) {
		d.bytes -= d.list[i].bytes
		d.list = slices.Delete(d.list, i, i+1)
	}
	i, _ := slices.BinarySearchFunc(d.list, row, func(t *swapDraft, row []byte) int {
		if bytes.Compare(t.from, row) <= 0 {
			return -1
		}
		return 1
	})
	if i--; i < 0 {
		return
	}
	if t := d.list[i]; t.to == nil || bytes.Compare(row, t.to) < 0 {
		first := n > 0 && bytes.HasPrefix(t.from, row[:n]) || bytes.Equal(t.from, row)
		drop(i)
		if i > 0 && first && bytes.Equal(d.list[i-1].to, t.from) { // it may begin elsewhere now, or nowhere
			drop(i - 1)
		}
	} else if endsAt(row, n) && bytes.Equal(t.to, row) {
		drop(i)
	}
}

// find returns the draft that begins at a key, and where one would be.
func (d *drafts) find(from []byte) (int, *swapDraft) {
	i, ok := slices.BinarySearchFunc(d.list, from, func(t *swapDraft, from []byte) int {
		return bytes.Compare(t.from, from)
	})
	if !ok {
		return i, nil
	}
	return i, d.list[i]
}

// insert puts a draft into its place, in that of those that now begin within it.
func (d *drafts) insert(i int, t *swapDraft) {
	to := i
	for ; to < len(d.list) && (t.to == nil || bytes.Compare(d.list[to].from, t.to) < 0); to++ {
		d.bytes -= d.list[to].bytes
	}
	d.list = slices.Replace(d.list, i, to, t)
	d.bytes += t.bytes
	d.fresh++
}

// drafter writes drafts of what a swap does.
type drafter struct {
	op     *differenceOp
	types  []types.Type // of the relation as it will be
	shared int          // how many of its columns it has now
	timed  bool
	// records says what is written to the topic: everything, keys that are gone, or nothing.
	records  int
	counted  bool
	enc      *encoder
	builders []log.Builder
}

const (
	noRecords = iota
	tombstones
	allRecords
)

// drafter returns who writes drafts for the swap of a relation with its Next.
func (f *flow) drafter(s *source) *drafter {
	v, diff := f.viewOf(s.rel.Next.ID), f.viewOf(differenceID(s.rel))
	next := v.sink.src.rows
	w := &drafter{op: diff.graph.nodes[0].op.(*differenceOp), types: next.types, shared: len(s.rel.Columns),
		timed: slices.ContainsFunc(diff.inputs, timedInput), counted: next.counted(), enc: v.sink.enc,
		builders: make([]log.Builder, len(s.parts))}
	w.records = recordsOfSwap(s.rel, swapped(s.rel))
	return w
}

// recordsOfSwap says what a swap writes of the difference.
func recordsOfSwap(old, rel *catalog.Relation) int {
	switch {
	case !slices.Equal(old.Key, rel.Key):
		return noRecords
	case sameRecords(old, rel):
		return allRecords
	case counted(rel):
		return noRecords
	}
	return tombstones
}

// write writes the draft that begins at a key.
func (w *drafter) write(from []byte) *swapDraft {
	t := &swapDraft{from: from, gone: w.batch(), come: w.batch()}
	var group []byte // the key of the rows before
	gone, come := 0, 0
	w.op.rows.Scan(from, nil, func(row, val []byte) bool {
		n := int(binary.BigEndian.Uint32(val[16:]))
		if n == 0 || !bytes.Equal(group, row[:n]) {
			if t.gone.N+t.come.N > 0 && endsAt(row, n) {
				t.to = bytes.Clone(row)
				return false
			}
			w.record(t, gone, come)
			group, gone, come = row[:n], t.gone.N, t.come.N
		}
		w.add(t, row[n:], val)
		return true
	})
	w.record(t, gone, come)
	for part := range w.builders {
		w.seal(t, part)
	}
	t.bytes += t.gone.SizeBytes() + t.come.SizeBytes()
	return t
}

func (w *drafter) batch() *vec.Batch {
	b := vec.NewBatch(w.types)
	if w.timed {
		b.Cols = append(b.Cols, vec.NewColumn(types.Int8))
	}
	return b
}

// add adds a row of the difference to the changes, with NULL in the columns that only the second relation has.
func (w *drafter) add(t *swapDraft, row, val []byte) {
	at := int64(binary.BigEndian.Uint64(val))
	eachDiff(int64(binary.BigEndian.Uint64(val[8:])), func(diff int32) {
		out := t.come
		if diff < 0 {
			out = t.gone
		}
		cols := out.Cols[:w.shared:w.shared]
		if w.timed {
			cols = append(cols, out.Cols[len(w.types)])
		}
		if _, err := vec.DecodeRow(row, cols); err != nil {
			panic("BUG: a row in state cannot be decoded: " + err.Error())
		}
		for _, c := range out.Cols[w.shared:len(w.types)] {
			c.AppendNull()
		}
		out.Diff, out.Time = append(out.Diff, diff), append(out.Time, at)
		out.N++
	})
}

// record writes what changes of a key to the topic: its rows are those from two numbers on. A key whose row goes and
// for which none comes is gone: rows that are in both relations are not in the difference.
func (w *drafter) record(t *swapDraft, gone, come int) {
	if w.counted && w.records == allRecords {
		for _, part := range []struct {
			b    *vec.Batch
			from int
		}{{t.gone, gone}, {t.come, come}} {
			for i := part.from; i < part.b.N; i++ {
				_, value := w.enc.record(part.b.Cols, i)
				w.append(t, i, nil, value, part.b.Time[i], copyHeader(part.b.DiffAt(i)))
			}
		}
		return
	}
	switch {
	case t.come.N > come && w.records == allRecords:
		i := t.come.N - 1
		key, value := w.enc.record(t.come.Cols, i)
		w.append(t, i, key, value, t.come.Time[i], nil)
	case t.come.N == come && t.gone.N > gone && w.records != noRecords:
		i := t.gone.N - 1
		key, _ := w.enc.record(t.gone.Cols, i)
		w.append(t, i, key, nil, t.gone.Time[i], nil)
	}
}

func (w *drafter) append(t *swapDraft, i int, key, value []byte, at int64, headers []log.RecordHeader) {
	p := partitionOf(key, i, len(w.builders))
	b := &w.builders[p]
	b.Append(key, value, at, headers)
	if b.Size() >= batchBytes {
		w.seal(t, p)
	}
}

func (w *drafter) seal(t *swapDraft, part int) {
	b := &w.builders[part]
	if n := b.Len(); n > 0 {
		batch := clone(b.Finish())
		t.records = append(t.records, sealed{part, n, batch})
		t.bytes += int64(len(batch))
		b.Reset()
	}
}

// prepare writes a draft of what is to be swapped. It reports whether there is more to write.
func (f *flow) prepare() (more bool) {
	for id, s := range f.sources {
		if s.rel.Next == nil || s.rows == nil || f.told[id] || !f.swappable(s) || !s.rel.Extends(s.rel.Next) {
			continue
		}
		w := f.drafter(s)
		for began := time.Now(); !w.op.ready && time.Since(began) < draftTime; {
			w.next()
		}
		more = more || !w.op.ready
	}
	return more
}

// draftTime is how long drafts are written after a step.
const draftTime = time.Millisecond

// next goes on to the draft after the last, and writes it if it is not there.
func (w *drafter) next() {
	d := w.op
	i, t := d.find(d.at)
	if t == nil {
		t = w.write(d.at)
		d.insert(i, t)
	}
	if d.at = t.to; d.at != nil && d.bytes < draftBytes {
		return
	}
	d.tries++
	d.ready = d.fresh <= draftTries || d.tries == draftTries || d.bytes >= draftBytes
	d.at, d.fresh = nil, 0
}

// drafted reports whether what is to be swapped has been written down.
func (f *flow) drafted(s *source) bool {
	if s.rows == nil || !s.rel.Extends(s.rel.Next) {
		return true
	}
	return f.viewOf(differenceID(s.rel)).graph.nodes[0].op.(*differenceOp).ready
}

// all returns the difference as changes of the first relation, first the rows that go, then those that come, and the
// records of its topic.
func (w *drafter) all() (changes *vec.Batch, records []sealed) {
	var list []*swapDraft
	rows := 0
	for from, first := []byte(nil), true; first || from != nil; first = false {
		_, t := w.op.find(from)
		if t == nil {
			t = w.write(from)
		}
		list = append(list, t)
		records = append(records, t.records...)
		rows += t.gone.N + t.come.N
		from = t.to
	}
	changes = w.batch()
	for _, c := range changes.Cols {
		c.Grow(rows)
	}
	changes.Diff, changes.Time = make([]int32, 0, rows), make([]int64, 0, rows)
	for _, t := range list {
		changes.AppendBatch(t.gone)
	}
	for _, t := range list {
		changes.AppendBatch(t.come)
	}
	return changes, records
}

// send writes records that are there already to the topic.
func (s *sink) send(records []sealed) {
	for _, r := range records {
		p := &s.src.parts[r.part]
		s.flow.put(s.of.id, p.id, r.batch)
		p.next += int64(r.n)
		s.written += int64(r.n)
	}
}
