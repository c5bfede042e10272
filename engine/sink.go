package engine

import (
	"math"
	"slices"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/log"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// sink takes what a view's graph puts out in a step, brings the relation's rows up to date, and writes the relation's
// topic: a stream's rows as records; for a keyed table the newest row of each key that changed, or a tombstone; for a
// view without a key every change, its diff in a header.
type sink struct {
	flow  *flow
	of    *view
	rel   *catalog.Relation
	src   *source
	ctx   *Context
	enc   *encoder
	types []types.Type // of the output's columns
	acc   *vec.Batch   // the step's output so far, all columns
	// carries tells that the last column is the envelope of the record that a row comes from.
	carries bool
	heads   []log.RecordHeader // scratch
	// timed tells that the column behind those of the relation is the time of the row.
	timed bool
	// clock reads the time of a row from one of its columns; nil for the time that the query gives it.
	clock *timeReader
	// partial tells that a part of the key may be NULL, though not the whole.
	partial bool
	keep    *windowRetention // nil when rows of windows stay
	// fault is set once the view is to be given up.
	fault *error
	// hidden is set while the relation is made to take the place of another: nothing is written to the topic.
	hidden bool

	written int64 // records since the server was started
	// parts collects each partition's records until they are handed to the flow.
	parts []log.Builder
	sel   [][]int32
}

// diffHeader is the header with the diff of a record of a view without a key.
const diffHeader = "leat.diff"

// batchBytes is the size at which a record batch of output is closed.
const batchBytes = 512 << 10

func newSink(f *flow, rel *catalog.Relation, ctx *Context, q *plan.Query) *sink {
	clock, err := newTimeReader(rel)
	if err != nil {
		panic("BUG: the time format of relation " + rel.Name + " was not checked: " + err.Error())
	}
	s := &sink{flow: f, rel: rel, ctx: ctx, enc: mustEncoder(rel), types: relationTypes(rel), clock: clock,
		carries: q.Carries, timed: q.Timed, partial: rel.Ksql && len(rel.Key) > 1 && !groups(q.Root)}
	if q.Carries {
		s.types = append(s.types, types.Bytea)
	}
	s.acc = vec.NewBatch(s.types)
	return s
}

func relationTypes(rel *catalog.Relation) []types.Type {
	ts := make([]types.Type, len(rel.Columns))
	for i, c := range rel.Columns {
		ts[i] = c.Type
	}
	return ts
}

// Emit implements Emitter.
func (s *sink) Emit(b *vec.Batch) error {
	if b.N == 0 {
		return nil
	}
	cols, given := b.Cols, (*vec.Column)(nil)
	if n := len(s.rel.Columns); s.timed {
		given, cols = cols[n], slices.Delete(slices.Clone(cols), n, n+1)
	}
	rows := &vec.Batch{N: b.N, Diff: b.Diff, Time: b.Time, Cols: cols[:len(s.types)]}
	if rows.Time == nil {
		rows.Time = s.flow.times(b.N)
	}
	if s.clock != nil || given != nil {
		rows = s.withTimes(rows, given)
	}
	s.acc.AppendBatch(rows)
	return nil
}

// withTimes returns the rows with the times that are given or that their column says; those without a valid one are set
// aside.
func (s *sink) withTimes(b *vec.Batch, given *vec.Column) *vec.Batch {
	times := append([]int64(nil), b.Time...)
	good := make([]int32, 0, b.N)
	for i := range b.N {
		if given != nil && !given.IsNull(i) {
			times[i] = given.Int[given.At(i)]
			good = append(good, int32(i))
			continue
		}
		if s.clock == nil {
			good = append(good, int32(i))
			continue
		}
		ms, ok, err := s.clock.at(b.Cols, i)
		if err != nil {
			if b.DiffAt(i) > 0 {
				s.ctx.Fail("timestamp", b, i, err)
			}
			continue
		}
		if ok {
			times[i] = ms
		}
		good = append(good, int32(i))
	}
	out := &vec.Batch{N: b.N, Cols: b.Cols, Diff: b.Diff, Time: times}
	if len(good) < b.N {
		return out.Gather(good)
	}
	return out
}

// finish ends the step: it turns what was emitted into changes of rows and records.
func (s *sink) finish() error {
	if s.acc.N == 0 {
		return nil
	}
	out := s.acc
	s.acc = vec.NewBatch(s.types)
	s.open()
	switch {
	case s.src.rows == nil && s.hidden:
	case s.src.rows == nil:
		if out = s.withoutNulls(out); *s.fault != nil {
			return *s.fault
		}
		s.stream(out)
	case s.src.rows.counted():
		s.multiset(s.living(Consolidate(out)))
	default:
		if s.rel.Kind == catalog.Table {
			if out = s.withKeys(out); *s.fault != nil {
				return *s.fault
			}
		}
		net := s.living(Consolidate(out))
		defer s.refresh(out)
		if s.rel.Kind == catalog.Table && net.N < out.N {
			s.keyed(net, s.withUnchanged(net, out))
		} else {
			s.keyed(net, coming(net))
		}
	}
	s.closeAll()
	return nil
}

func (s *sink) closeBatch(p int) {
	b := &s.parts[p]
	if n := b.Len(); n > 0 {
		s.flow.put(s.of.id, s.src.parts[p].id, clone(b.Finish()))
		if s.src.derived() { // else the records have offsets when they are read
			s.src.parts[p].next += int64(n)
		}
		b.Reset()
	}
}

func (s *sink) record(p int, key, value []byte, timeMillis int64, headers []log.RecordHeader) {
	b := &s.parts[p]
	s.written++
	b.Append(key, value, timeMillis, headers)
	if b.Size() >= batchBytes {
		s.closeBatch(p)
	}
}

// stream writes the rows and hands them, by partition, to the views that read the stream.
func (s *sink) stream(out *vec.Batch) {
	s.sel = s.sel[:0]
	for range s.parts {
		s.sel = append(s.sel, nil)
	}
	for i := range out.N {
		key, value := s.enc.record(out.Cols, i)
		s.heads = s.heads[:0]
		if s.carries {
			var null bool
			if s.heads, null = openEnvelope(out.Cols[len(s.types)-1], i, s.heads); null {
				value = nil
			}
		}
		p := partitionOf(key, i, len(s.parts))
		for range out.DiffAt(i) {
			s.record(p, key, value, out.Time[i], s.heads)
			s.sel[p] = append(s.sel[p], int32(i))
		}
	}
	if len(s.src.inputs) == 0 || !s.src.derived() {
		return
	}
	for p, sel := range s.sel {
		if len(sel) == 0 {
			continue
		}
		rows := out.Gather(sel)
		c := &chunk{cols: rows.Cols, time: rows.Time, n: rows.N, part: p}
		s.envelopes(c)
		cur := &s.src.parts[p]
		first := cur.next + int64(s.parts[p].Len()) - int64(rows.N)
		for i := range rows.N {
			c.offset = append(c.offset, first+int64(i))
		}
		cur.streamTime = c.stampStreamTime(cur.streamTime)
		cur.seen = floorDiv(s.flow.now, 1000)
		for _, in := range s.src.inputs {
			in.pending = append(in.pending, c.batch(in.scan))
		}
	}
}

// envelopes gives a chunk of the stream's new records their envelopes, and says which of them have null values and so
// are rows to those only that carry them on.
func (s *sink) envelopes(c *chunk) {
	if !s.carries {
		c.envelopes = nullColumn(types.Bytea, c.n)
		return
	}
	c.envelopes = c.cols[len(s.types)-1]
	if writesNullAsNone(s.rel) {
		return
	}
	for i := range c.n {
		if c.envelopes.IsNull(i) {
			continue
		}
		if _, null := openEnvelope(c.envelopes, i, nil); null {
			if c.tomb == nil {
				c.tomb = make([]bool, c.n)
			}
			c.tomb[i] = true
		}
	}
}

// withKeys sets rows aside whose key is NULL, in part or as a whole: a primary key cannot be NULL, and ksqlDB leaves
// such groups out of a table. Of a table of ksqlDB's that is made of another row by row, parts may be NULL.
func (s *sink) withKeys(out *vec.Batch) *vec.Batch {
	if s.partial {
		return out
	}
	return s.without("key", out, s.rel.Key)
}

// groups reports whether n makes rows of groups.
func groups(n plan.Node) bool {
	_, is := n.(*plan.Aggregate)
	return is || slices.ContainsFunc(n.Inputs(), groups)
}

// withoutNulls sets rows aside that have a NULL where a stream that is inserted into has none.
func (s *sink) withoutNulls(out *vec.Batch) *vec.Batch {
	var required []int
	for i, c := range s.rel.Columns {
		if c.NotNull {
			required = append(required, i)
		}
	}
	return s.without("not null", out, required)
}

// without sets rows aside that have a NULL in one of the columns at the given positions; op says what asks for that.
func (s *sink) without(op string, out *vec.Batch, positions []int) *vec.Batch {
	var bad map[int]error
	for _, pos := range positions {
		if col := out.Cols[pos]; col.HasNulls() {
			for i := range out.N {
				if col.IsNull(i) {
					bad = addErrs(bad, map[int]error{i: sqlerr.New(sqlerr.NotNullViolation,
						"null value in column %q of relation %q violates not-null constraint", s.rel.Columns[pos].Name, s.rel.Name)})
				}
			}
		}
	}
	if bad == nil {
		return out
	}
	good, _ := s.ctx.setAside(op, out, bad)
	return out.Gather(good)
}

// withUnchanged lists the rows that come, and those that were touched in the step and came out as they were, so that
// nothing of them is left in net, in the order in which they were given: ksqlDB's tables have a record for every change
// of what they are made of.
func (s *sink) withUnchanged(net, out *vec.Batch) []sinkRow {
	t := s.src.rows
	last := map[string]int{} // the last row that comes, by key
	same := map[string]int{} // the last one that is what it was, or one whose key is not there
	for i := range out.N {
		if out.DiffAt(i) > 0 {
			t.key = appendKey(t.key[:0], out.Cols, s.rel.Key, i)
			last[string(t.key)] = i
			if _, there := t.rows.Get(t.key); !there || t.holds(out.Cols, i) {
				same[string(t.key)] = i
			}
		}
	}
	rows := coming(net)
	for i := range rows {
		t.key = appendKey(t.key[:0], net.Cols, s.rel.Key, rows[i].i)
		rows[i].at = last[string(t.key)]
	}
	for i := range net.N {
		t.key = appendKey(t.key[:0], net.Cols, s.rel.Key, i)
		delete(same, string(t.key))
	}
	for _, i := range same {
		rows = append(rows, sinkRow{in: out, i: i, at: i, again: true})
	}
	slices.SortStableFunc(rows, func(a, b sinkRow) int { return a.at - b.at })
	return rows
}

// keyed applies changes to a relation whose key identifies a row. Rows that come replace the row of their key. A row
// that goes is deleted, before others come, if none of its key comes: a session that grew goes before its successor.
func (s *sink) keyed(net *vec.Batch, rows []sinkRow) {
	t := s.src.rows
	changes := s.src.newChanges()
	s.gone(net, changes)
	for _, r := range rows {
		t.key = appendKey(t.key[:0], r.in.Cols, s.rel.Key, r.i)
		s.keep.add(t.key)
		if r.again && s.hidden {
			continue
		}
		if (r.again || t.replace(changes, r.in.Cols, r.i, r.in.Time[r.i], false)) && !s.hidden {
			key, value := s.enc.record(r.in.Cols, r.i)
			if r.again && !t.holds(r.in.Cols, r.i) {
				value = nil
			}
			s.record(partitionOf(key, r.i, len(s.parts)), key, value, r.in.Time[r.i], nil)
		}
	}
	s.src.publish(changes)
}

// sinkRow is a row that comes, or, with again, one that is written again though it is what it was. at is its place
// among what the graph gave.
type sinkRow struct {
	in    *vec.Batch
	i, at int
	again bool
}

// coming lists the rows that come.
func coming(net *vec.Batch) []sinkRow {
	var rows []sinkRow
	for i := range net.N {
		if net.DiffAt(i) > 0 {
			rows = append(rows, sinkRow{in: net, i: i})
		}
	}
	return rows
}

// gone deletes the rows that go and have no successor, and appends them to changes unless that is nil.
func (s *sink) gone(out, changes *vec.Batch) {
	if !hasNegative(out.Diff) {
		return
	}
	t := s.src.rows
	coming := map[string]bool{}
	for i := range out.N {
		if out.DiffAt(i) > 0 {
			t.key = appendKey(t.key[:0], out.Cols, s.rel.Key, i)
			coming[string(t.key)] = true
		}
	}
	for i := range out.N {
		if out.DiffAt(i) > 0 {
			continue
		}
		t.key = appendKey(t.key[:0], out.Cols, s.rel.Key, i)
		if !coming[string(t.key)] && t.holds(out.Cols, i) {
			t.replace(changes, out.Cols, i, out.Time[i], true)
			if s.hidden {
				continue
			}
			key, _ := s.enc.record(out.Cols, i)
			s.record(partitionOf(key, i, len(s.parts)), key, nil, out.Time[i], nil)
		}
	}
}

// multiset applies changes to a view whose rows no key identifies.
func (s *sink) multiset(out *vec.Batch) {
	var timed *vec.Batch
	if s.src.isRead() && (s.src.timed() || s.src.named()) {
		timed = s.src.newChanges()
	}
	s.src.rows.computeIndexes(out.Cols, out.N)
	for i := range out.N {
		s.src.rows.add(out, i, timed)
		if s.hidden {
			continue
		}
		_, value := s.enc.record(out.Cols, i)
		s.record(partitionOf(nil, i, len(s.parts)), nil, value, out.Time[i], copyHeader(out.DiffAt(i)))
	}
	switch {
	case timed == nil:
		s.src.publish(out)
	case s.src.timedQueries() || s.src.named():
		s.src.publish(timed)
	default:
		s.src.share(timed, out)
	}
}

// isRead reports whether anybody takes the changes of the relation.
func (src *source) isRead() bool { return len(src.inputs) > 0 || len(src.taps) > 0 }

// timed reports whether anybody reads the event times of the relation's rows.
func (src *source) timed() bool {
	for t := range src.taps {
		if t.timed {
			return true
		}
	}
	return src.timedQueries()
}

// timedQueries is timed for continuous queries.
func (src *source) timedQueries() bool { return slices.ContainsFunc(src.inputs, timedInput) }

// readsTimes reports whether a scan gives the event times of rows.
func readsTimes(s *plan.Scan) bool {
	return slices.Contains(s.Cols, plan.RowTime) || slices.Contains(s.Cols, plan.StreamTime)
}

// newChanges returns a batch for the changes of a table or view; nil when nobody reads them.
func (src *source) newChanges() *vec.Batch {
	if !src.isRead() {
		return nil
	}
	return src.rows.newChanges(src.timed(), src.named())
}

// publish gives the changes of a table or view to its readers; nil changes are some that nobody reads. Rows that only
// get a new event time, for a push query that reads it, do not change for continuous queries that do not: what these
// come to must not depend on who listens, for nobody does when the step is computed again.
func (src *source) publish(changes *vec.Batch) {
	of := changes
	if changes != nil && len(src.rows.aside) > 0 && len(src.inputs) > 0 && !src.timedQueries() {
		var rest []int32
		for i := range int32(changes.N) {
			if _, apart := slices.BinarySearch(src.rows.aside, i); !apart {
				rest = append(rest, i)
			}
		}
		of = changes.Gather(rest)
	}
	src.share(changes, of)
	if src.rows != nil {
		src.rows.aside = src.rows.aside[:0]
	}
}

// share gives changes to push queries, and those that are ones for continuous queries to these.
func (src *source) share(changes, of *vec.Batch) {
	src.snap = nil
	if changes == nil || changes.N == 0 {
		return
	}
	src.gather(changes)
	for _, in := range src.inputs {
		if of.N > 0 {
			in.offer(of)
		}
	}
}

// gather adds changes to those of the step. Only push queries take these: they have no use for the keys, and none for
// event times that some of the changes lack since who reads them came or went between.
func (src *source) gather(changes *vec.Batch) {
	own := *changes
	n := len(src.rows.types)
	if src.rows.hasTimes(changes) {
		n++
	}
	own.Cols = own.Cols[:n:n]
	if src.changes == nil {
		src.changes = &own
		return
	}
	if len(src.changes.Cols) != n {
		src.changes, own = withoutTimes(src.changes, len(src.rows.types)), *withoutTimes(&own, len(src.rows.types))
	}
	src.changes = src.changes.Clone()
	src.changes.AppendBatch(&own)
}

// withoutTimes takes the event times off the changes of a table with width columns: a row that only got a new one does
// not change.
func withoutTimes(changes *vec.Batch, width int) *vec.Batch {
	if len(changes.Cols) == width {
		return changes
	}
	return Consolidate(&vec.Batch{Cols: changes.Cols[:width:width], N: changes.N, Diff: changes.Diff, Time: changes.Time})
}

// emit adds a finished batch to the step's output. The bytes are copied: a builder reuses its memory.
func (f *flow) emit(p cluster.PartitionID, batch []byte) {
	f.out = append(f.out, cluster.Append{Partition: p, Batches: clone(batch)})
}

// times returns the step's own time n times, in milliseconds, for rows without an event time.
func (f *flow) times(n int) []int64 {
	ts := make([]int64, n)
	now := floorDiv(f.now, 1000)
	for i := range ts {
		ts[i] = now
	}
	return ts
}

// partitionOf returns the partition of a record as Kafka's clients choose it: by murmur2 of the key; records without a
// key go round robin.
func partitionOf(key []byte, i, partitions int) int {
	if partitions == 1 {
		return 0
	}
	if key == nil {
		return i % partitions
	}
	return int(murmur2(key)&math.MaxInt32) % partitions
}

// murmur2 is the hash of Kafka's default partitioner (org.apache.kafka.common.utils.Utils.murmur2).
func murmur2(data []byte) uint32 {
	const (
		seed = 0x9747b28c
		m    = 0x5bd1e995
	)
	h := uint32(seed) ^ uint32(len(data))
	for len(data) >= 4 {
		k := uint32(data[0]) | uint32(data[1])<<8 | uint32(data[2])<<16 | uint32(data[3])<<24
		k *= m
		k ^= k >> 24
		k *= m
		h = h*m ^ k
		data = data[4:]
	}
	switch len(data) {
	case 3:
		h ^= uint32(data[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(data[1]) << 8
		fallthrough
	case 1:
		h ^= uint32(data[0])
		h *= m
	}
	h ^= h >> 13
	h *= m
	return h ^ h>>15
}
