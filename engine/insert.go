package engine

import (
	"context"
	"math"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine/format"
	"github.com/leatdb/leat/log"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// Write is rows for a relation: one column for each of the relation's. Rows.Time, where set, is the event time; NoTime
// stands for the relation's own rule: its time column, else the moment of writing.
type Write struct {
	Rel  *catalog.Relation
	Rows *vec.Batch
}

// Insert appends the rows of all writes in one transaction and returns when they are durable.
func (e *Engine) Insert(ctx context.Context, writes ...Write) error {
	var appends []cluster.Append
	for _, w := range writes {
		p, err := e.newPartitioner(w.Rel)
		if err != nil {
			return err
		}
		if err := p.rows(w.Rows); err != nil {
			return err
		}
		appends = append(appends, p.take()...)
	}
	if len(appends) == 0 {
		return nil
	}
	return translate(e.node.AppendTogether(ctx, appends...))
}

// NoTime is an event time that is not given.
const NoTime = math.MinInt64

// partitioner turns rows of a relation into record batches, by partition.
type partitioner struct {
	rel   *catalog.Relation
	enc   *encoder
	ids   []cluster.PartitionID
	parts []log.Builder
	full  []cluster.Append
	size  int
	next  int   // the partition that records without a key go to
	now   int64 // milliseconds
	clock *timeReader
}

func (e *Engine) newPartitioner(rel *catalog.Relation) (*partitioner, error) {
	if err := writable(rel); err != nil {
		return nil, err
	}
	if rel.OnError.Fail && rel.Kind == catalog.Table {
		if err := e.flow.sound(rel); err != nil {
			return nil, err
		}
	}
	t, ok := e.node.Topic(rel.Topic)
	if !ok {
		return nil, sqlerr.New(sqlerr.UndefinedObject, "topic %q of relation %q does not exist", rel.Topic, rel.Name)
	}
	enc, err := newEncoder(rel)
	if err != nil {
		return nil, err
	}
	clock, err := newTimeReader(rel)
	if err != nil {
		return nil, err
	}
	return &partitioner{
		clock: clock, rel: rel, enc: enc, ids: t.IDs, parts: make([]log.Builder, len(t.IDs)),
		next: int(e.sticky.Add(1) % uint64(len(t.IDs))), now: e.cfg.Now().UnixMilli(),
	}, nil
}

// writable refuses relations that a query or the system writes.
func writable(rel *catalog.Relation) error {
	switch {
	case rel.Query != "":
		return sqlerr.New(sqlerr.WrongObjectType, "cannot change %s %q", kindName(rel.Kind), rel.Name).
			WithHint("Query %s maintains it; write to the relations it reads.", rel.QueryID)
	case rel.ID < firstID:
		return sqlerr.New(sqlerr.WrongObjectType, "cannot change system relation %q", rel.Name)
	}
	return nil
}

func kindName(k catalog.Kind) string {
	switch k {
	case catalog.Stream:
		return "stream"
	case catalog.Table:
		return "table"
	case catalog.View:
		return "materialized view"
	default:
		return "relation"
	}
}

// rows encodes rows, after the checks that a relation's definition asks for.
func (p *partitioner) rows(b *vec.Batch) error {
	if _, err := nullRow(p.rel, b); err != nil {
		return err
	}
	for i := range b.N {
		key, value := p.enc.record(b.Cols, i)
		ts, err := rowTime(p.clock, b, i, p.now)
		if err != nil {
			return err
		}
		p.record(key, value, ts)
	}
	return nil
}

// rowTime returns the time of a record for row i: the one given with it, else what the time column says, else now.
func rowTime(clock *timeReader, b *vec.Batch, i int, now int64) (int64, error) {
	if b.Time != nil && b.Time[i] != NoTime {
		return b.Time[i], nil
	}
	if clock != nil {
		if ms, ok, err := clock.at(b.Cols, i); ok || err != nil {
			return ms, err
		}
	}
	return now, nil
}

// timesOf returns the times of all rows of a batch: now for those that have none, of which the error is the first.
func timesOf(rel *catalog.Relation, b *vec.Batch, now int64) ([]int64, error) {
	clock, err := newTimeReader(rel)
	ts := make([]int64, b.N)
	for i := range ts {
		t, bad := rowTime(clock, b, i, now)
		if bad != nil {
			t, err = now, firstErr(err, bad)
		}
		ts[i] = t
	}
	return ts, err
}

func (p *partitioner) record(key, value []byte, timeMillis int64) {
	part := p.next
	if key != nil {
		part = partitionOf(key, 0, len(p.parts))
	}
	p.recordAt(part, key, value, timeMillis)
}

func (p *partitioner) recordAt(part int, key, value []byte, timeMillis int64) {
	b := &p.parts[part]
	b.Append(key, value, timeMillis, nil)
	if b.Size() >= batchBytes {
		p.close(part)
		p.next = (p.next + 1) % len(p.parts)
	}
}

func (p *partitioner) close(part int) {
	b := &p.parts[part]
	if b.Len() == 0 {
		return
	}
	data := b.Finish()
	p.full = append(p.full, cluster.Append{Partition: p.ids[part], Batches: data})
	p.size += len(data)
	*b = log.Builder{} // the bytes belong to the append now
}

// take returns the batches made so far.
func (p *partitioner) take() []cluster.Append {
	for part := range p.parts {
		p.close(part)
	}
	out := p.full
	p.full, p.size = nil, 0
	return out
}

// Appender writes many rows with several entries in flight: what COPY uses. What fits in one entry is one transaction;
// more is committed as it goes. It belongs to one goroutine.
type Appender struct {
	e        *Engine
	p        *partitioner
	dec      *decoder // validates raw records; nil until the first
	chunk    *chunk
	inflight []*cluster.Pending
	sent     int64 // rows handed to the log
	buffered int64 // rows in p
	acked    int64 // rows known to be durable
	rows     []int64
}

// appendBytes is how much an Appender gathers before it begins to write, and appendInFlight how many entries it keeps
// under way.
const (
	gatherBytes    = 1 << 20
	appendInFlight = 8
)

// NewAppender returns an Appender for a relation.
func (e *Engine) NewAppender(rel *catalog.Relation) (*Appender, error) {
	p, err := e.newPartitioner(rel)
	if err != nil {
		return nil, err
	}
	return &Appender{e: e, p: p}, nil
}

// Rows appends rows, one column for each of the relation's.
func (a *Appender) Rows(ctx context.Context, b *vec.Batch) error {
	if err := a.p.rows(b); err != nil {
		return err
	}
	a.buffered += int64(b.N)
	return a.spill(ctx)
}

// TakesJSON reports whether Raw may be used: the relation's records are JSON values without a key.
func (a *Appender) TakesJSON() bool {
	rel := a.p.rel
	return rel.ValueFormat == format.JSON && len(a.p.enc.keyPos) == 0 && len(rel.Checks) == 0 && !needsColumns(rel)
}

// needsColumns reports whether something must be known of a row's columns, or put in, before it is stored.
func needsColumns(rel *catalog.Relation) bool {
	for _, c := range rel.Columns {
		if c.NotNull || c.Default != "" || c.Generated != "" || c.Domain != 0 {
			return true
		}
	}
	return false
}

// Raw appends records that are JSON objects already, as they are. Those that the relation could not read are not
// appended; bad is told their index and what is wrong.
func (a *Appender) Raw(ctx context.Context, values [][]byte, bad func(i int, err error)) error {
	if a.dec == nil {
		want := make([]bool, len(a.p.rel.Columns))
		for i := range want {
			want[i] = true
		}
		var err error
		if a.dec, err = newDecoder(a.p.rel, want, false); err != nil {
			return err
		}
		a.chunk = a.dec.newChunk(0)
	}
	a.chunk.reset()
	cols := a.dec.columns(a.chunk, a.dec.valPos)
	failed := map[int]bool{}
	a.dec.value.Decode(values, cols, func(i int, err error) { failed[i] = true; bad(i, err) })
	row := 0
	for i, v := range values {
		if failed[i] {
			continue
		}
		row++
		ts, err := rowTime(a.p.clock, &vec.Batch{Cols: a.chunk.cols}, row-1, a.p.now)
		if err != nil {
			bad(i, err)
			continue
		}
		a.p.record(nil, v, ts)
		a.buffered++
	}
	return a.spill(ctx)
}

// spill sends what has gathered when it is enough for an entry.
func (a *Appender) spill(ctx context.Context) error {
	if a.p.size < gatherBytes {
		return nil
	}
	return a.send(ctx)
}

func (a *Appender) send(ctx context.Context) error {
	appends := a.p.take()
	if len(appends) == 0 {
		return nil
	}
	if a.p.rel.Placement == catalog.Spread { // a transaction, as several shards may have to write it
		if err := a.e.node.AppendTogether(ctx, appends...); err != nil {
			return translate(err)
		}
		a.acked, a.sent, a.buffered = a.acked+a.buffered, a.sent+a.buffered, 0
		return nil
	}
	for len(a.inflight) >= appendInFlight {
		if err := a.reap(ctx); err != nil {
			return err
		}
	}
	p, err := a.e.node.AppendAsync(ctx, appends...)
	if err != nil {
		return translate(err)
	}
	a.inflight = append(a.inflight, p)
	a.rows = append(a.rows, a.buffered)
	a.sent += a.buffered
	a.buffered = 0
	return nil
}

// reap waits for the oldest entry under way.
func (a *Appender) reap(ctx context.Context) error {
	_, err := a.inflight[0].Wait(ctx)
	n := a.rows[0]
	a.inflight, a.rows = a.inflight[1:], a.rows[1:]
	if err != nil {
		return translate(err)
	}
	a.acked += n
	return nil
}

// Finish writes what is left and waits until all rows are durable. It returns how many there are.
func (a *Appender) Finish(ctx context.Context) (int64, error) {
	if err := a.send(ctx); err != nil {
		return a.acked, err
	}
	for len(a.inflight) > 0 {
		if err := a.reap(ctx); err != nil {
			return a.acked, err
		}
	}
	return a.acked, nil
}

// Abandon drops what has not been sent, waits for the rest, and returns how many rows are stored all the same.
func (a *Appender) Abandon(ctx context.Context) int64 {
	for len(a.inflight) > 0 {
		if a.reap(ctx) != nil {
			break
		}
	}
	return a.acked
}
