package engine

import (
	"fmt"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/log"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// source is a relation as the flow sees it. Its fields belong to the flow's goroutine.
type source struct {
	rel *catalog.Relation
	// parts is how far the flow has read each partition of a base relation, or written each of a derived one.
	parts []cursor
	// rows are the rows of a table or view, by key: see table.go. Nil for a stream.
	rows *table
	// snap is the rows after the last step, kept for whoever asks next; nil when they changed since.
	snap *snapshot
	// live reads a base relation for everybody who has caught up; nil while nobody needs it.
	live *reader
	// inputs are those of the views that take this relation's changes step by step.
	inputs []*input
	taps   map[*tap]struct{}
	// view maintains the relation; nil for a base relation.
	view   *view
	budget *columnBudget
	spread bool // the topic's partitions are in shards of their own
	// hidden is set for a relation that is made to take the place of another and has not yet.
	hidden bool
	// rewrite is how far the rows have been written to the topic anew, nil when they all are.
	rewrite *snapshotReader
	// marked is how far the partitions go by the last mark; nil where they are in none.
	marked []int64
	// changes are this step's changes of a table or view, with all columns; nil when there are none.
	changes *vec.Batch
}

// derived reports whether a query makes the relation, one that has failed too: then none may be there.
func (s *source) derived() bool { return s.rel.Query != "" && !s.rel.Terminated }

// unread reports whether the relation is a stream that neither the flow reads nor a query makes.
func (s *source) unread() bool { return s.rows == nil && s.live == nil && !s.derived() }

// ids are the partitions of the relation's topic.
func (s *source) ids() []cluster.PartitionID {
	ids := make([]cluster.PartitionID, len(s.parts))
	for i, p := range s.parts {
		ids[i] = p.id
	}
	return ids
}

// cursor is a position in a partition.
type cursor struct {
	id   cluster.PartitionID
	next int64 // the next offset to read or write
	// streamTime is the highest event time seen before next, in milliseconds.
	streamTime int64
	// more tells that the last step could not read all there was.
	more bool
	// seen is the time of the step that read or wrote the last row, in milliseconds.
	seen int64
	// judged is the offset below which undecodable records have been reported.
	judged int64
}

// reader reads the partitions of a base relation, or of a derived stream for a view that is catching up.
type reader struct {
	src    *source
	owner  uint32 // 0 for the live reader, else the view it belongs to
	of     *view  // that view
	parts  []cursor
	inputs []*input
	dec    *decoder
	chunks []*chunk // one a partition, reused from step to step
	buf    []byte
}

// input connects a scan of a view's plan to a source.
type input struct {
	view *view
	port int // number of the scan in the view's graph
	scan *plan.Scan
	src  *source
	// where is the condition of the rows that the query wants, if it may be asked while they are decoded; nil for none.
	where plan.Expr
	// passed is how many records were passed over that the query does not want.
	passed int
	// index is set where a join finds the rows of the table there: see foundRows.
	index *plan.JoinIndex
	// pending is what the view takes in at its turn in this step. The batches are borrowed from the sources.
	pending []*vec.Batch

	// The rest is set while the view catches up: chase is how far it has read the rows of a table, reader is its own
	// position in a stream.
	chase  *snapshotReader
	reader *reader
	// held is what changed of a table while the view is paused; see hold.
	held *state.Map
}

// offer gives the input changes of its table.
func (in *input) offer(b *vec.Batch) {
	if in.chase != nil {
		if b = in.chase.passed(b); b.N == 0 {
			return
		}
	}
	picked := pick(b, in.scan, len(in.src.rows.types))
	if in.view.paused {
		in.hold(picked)
		return
	}
	in.pending = append(in.pending, picked)
}

// chunk is what one read of a partition decoded to.
type chunk struct {
	cols   []*vec.Column // by position in the relation; nil where nobody wants the column
	time   []int64       // event time, milliseconds
	stream []int64       // highest event time of the partition up to and with the row
	offset []int64
	tomb   []bool   // the record is a tombstone; nil when none is
	keys   [][]byte // the records' keys where they name rows of a table without a key; see rowkey.go
	diffs  []int32  // of the records of a view without a key
	// envelopes are those of the records where somebody carries them on.
	envelopes *vec.Column
	part      int
	n         int
	bad       []badRecord
	// passed is how many records the sieve passed over; high[i] is the highest time of those before row i, since the row
	// before, and tail of those after the last row.
	passed int
	high   []int64
	tail   int64
}

// pick returns the columns of a batch that holds all columns of a relation, in the order a scan wants them. width is
// their number, which may have grown since the scan was planned.
func pick(b *vec.Batch, s *plan.Scan, width int) *vec.Batch {
	out := &vec.Batch{N: b.N, Diff: b.Diff, Time: b.Time, Cols: make([]*vec.Column, len(s.Cols))}
	for i, pos := range s.Cols {
		switch pos {
		case plan.RowTime, plan.StreamTime:
			out.Cols[i] = rowTimes(b, width)
		case plan.RowPartition:
			out.Cols[i] = nullColumn(types.Int4, b.N)
		case plan.RowOffset:
			out.Cols[i] = nullColumn(types.Int8, b.N)
		case plan.RowID:
			out.Cols[i] = b.Cols[len(b.Cols)-1]
		case plan.Envelope:
			out.Cols[i] = nullColumn(types.Bytea, b.N)
		default:
			out.Cols[i] = b.Cols[pos]
		}
	}
	return out
}

// rowTimes returns the event times of the rows of a batch: a column behind the relation's (table.newChanges), or else
// the batch's own.
func rowTimes(b *vec.Batch, width int) *vec.Column {
	if hasTimes(b, width) {
		return b.Cols[width]
	}
	return intColumn(types.Int8, b.Time)
}

// batch returns the chunk's rows as a scan wants them. The columns are the chunk's own.
func (c *chunk) batch(s *plan.Scan) *vec.Batch {
	out := &vec.Batch{N: c.n, Time: c.time, Cols: make([]*vec.Column, len(s.Cols))}
	for i, pos := range s.Cols {
		switch pos {
		case plan.RowTime:
			out.Cols[i] = intColumn(types.Int8, c.time)
		case plan.StreamTime:
			out.Cols[i] = intColumn(types.Int8, c.stream)
		case plan.RowOffset:
			out.Cols[i] = intColumn(types.Int8, c.offset)
		case plan.RowPartition:
			col := vec.NewColumn(types.Int4)
			col.Grow(c.n)
			for range c.n {
				col.AppendInt(int64(c.part))
			}
			out.Cols[i] = col
		case plan.Envelope:
			out.Cols[i] = c.envelopes
		default:
			out.Cols[i] = c.cols[pos]
		}
	}
	if c.tomb == nil || s.NullRows {
		return out
	}
	rows := make([]int32, 0, c.n)
	for i, tomb := range c.tomb {
		if !tomb {
			rows = append(rows, int32(i))
		}
	}
	return out.Gather(rows)
}

func intColumn(t types.Type, data []int64) *vec.Column {
	c := vec.NewColumn(t)
	c.Int = data
	c.SetLen(len(data))
	return c
}

func nullColumn(t types.Type, n int) *vec.Column {
	c := vec.NewColumn(t)
	for range n {
		c.AppendNull()
	}
	return c
}

// newReader returns a reader of src from the given positions.
func newReader(src *source, owner uint32, parts []cursor) *reader {
	r := &reader{src: src, owner: owner, parts: append([]cursor(nil), parts...)}
	r.chunks = make([]*chunk, len(parts))
	return r
}

// add makes in one of the reader's consumers.
func (r *reader) add(in *input) error {
	r.inputs = append(r.inputs, in)
	return r.wantColumns()
}

// remove takes in from the reader's consumers.
func (r *reader) remove(in *input) error {
	r.inputs = without(r.inputs, in)
	return r.wantColumns()
}

// wantColumns makes a decoder for the columns the consumers use.
func (r *reader) wantColumns() error {
	want := make([]bool, len(r.src.rel.Columns))
	if r.src.rows != nil || r.strict() {
		for i := range want {
			want[i] = true
		}
	}
	envelopes := false
	for _, in := range r.inputs {
		for _, pos := range in.scan.Cols {
			if pos >= 0 {
				want[pos] = true
			}
			envelopes = envelopes || pos == plan.Envelope
		}
	}
	dec, err := newDecoder(r.src.rel, want, envelopes)
	if err != nil {
		return err
	}
	if r.src.rows == nil {
		if dec.sieve, err = newSieve(dec, r.inputs); err != nil {
			return err
		}
	}
	r.dec = dec
	r.chunks = make([]*chunk, len(r.parts))
	return nil
}

// read decodes records of a partition from the reader's position to offset to, or until about limit bytes were read. It
// returns nil when there is nothing, and moves the position.
func (r *reader) read(node *cluster.Node, part int, to int64, limit int) (*chunk, error) {
	cur := &r.parts[part]
	start, _, err := node.Bounds(cur.id)
	if err != nil {
		return nil, err
	}
	cur.next = max(cur.next, min(start, to)) // what retention took is gone
	if cur.next >= to {
		return nil, nil
	}
	c := r.chunks[part]
	if c == nil {
		c = r.dec.newChunk(part)
		r.chunks[part] = c
	}
	c.reset()
	for cur.next < to {
		r.buf, err = node.Read(cur.id, cur.next, min(limit, 1<<20), r.buf[:0])
		if err != nil {
			return nil, fmt.Errorf("read %s/%d at %d: %w", r.src.rel.Topic, part, cur.next, err)
		}
		aborted, err := node.Aborted(cur.id, cur.next, to)
		if err != nil {
			return nil, err
		}
		next, err := r.dec.decode(c, r.buf, cur.next, to, aborted)
		if err != nil {
			return nil, err
		}
		if next <= cur.next {
			return nil, fmt.Errorf("read %s/%d at %d: no progress", r.src.rel.Topic, part, cur.next)
		}
		cur.next = next
		if limit -= len(r.buf); limit <= 0 {
			break
		}
	}
	cur.streamTime = c.stampStreamTime(cur.streamTime)
	return c, nil
}

// stampStreamTime fills c.stream, starting from the stream time before the chunk, and returns the one after it.
func (c *chunk) stampStreamTime(now int64) int64 {
	c.stream = c.stream[:0]
	for i, t := range c.time {
		if i < len(c.high) {
			now = max(now, c.high[i])
		}
		now = max(now, t)
		c.stream = append(c.stream, now)
	}
	if c.passed > 0 {
		now = max(now, c.tail)
	}
	return now
}

// walk calls each for every record with an offset of at least from in a buffer of whole batches; control batches are
// passed over. It is for the engine's own topics, which have no transactions. It returns the offset after the last
// batch.
func walk(buf []byte, from int64, each func(*log.Record) error) (int64, error) {
	var rd log.Reader
	var rec log.Record
	next := from
	for len(buf) > 0 {
		h, batch, rest, err := log.NextBatch(buf)
		if err != nil {
			return next, err
		}
		next, buf = h.LastOffset()+1, rest
		if h.Control() {
			continue
		}
		if err := rd.Reset(batch); err != nil {
			return next, err
		}
		for rd.Next(&rec) {
			if rec.Offset < from {
				continue
			}
			if err := each(&rec); err != nil {
				return next, err
			}
		}
		if err := rd.Err(); err != nil {
			return next, err
		}
	}
	return next, nil
}

func without[T comparable](list []T, x T) []T {
	for i, v := range list {
		if v == x {
			return append(list[:i:i], list[i+1:]...)
		}
	}
	return list
}
