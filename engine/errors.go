package engine

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/log"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// badRecord is something that could not be read or computed and was set aside.
type badRecord struct {
	rel        *catalog.Relation
	query      string
	part       int // -1 when the record is in no partition
	offset     int64
	time       int64 // milliseconds
	key, value []byte
	err        error
	untimed    bool // its event time is what cannot be read
	// into is the ID of the stream that it goes to as a dead letter, 0 for leat_catalog.errors.
	into uint32
}

// errorsID is the ID of leat_catalog.errors.
const errorsID = 1001

// errorsRelation is the stream that keeps what could not be read or computed.
func errorsRelation() *catalog.Relation {
	return &catalog.Relation{
		ID: errorsID, Schema: "leat_catalog", Name: "errors", Kind: catalog.Stream, Columns: catalog.ErrorColumns(),
		Topic: errorsTopic, Partitions: 1, KeyFormat: "NONE", ValueFormat: "JSON", TimeColumn: -1,
	}
}

// evalFailure describes a row that an operator could not compute.
func evalFailure(rel *catalog.Relation, op string, b *vec.Batch, row int, err error) badRecord {
	var text strings.Builder
	for i, c := range b.Cols {
		if i > 0 {
			text.WriteString(", ")
		}
		if row < c.Len() || c.Const {
			text.WriteString(c.Value(c.At(row)).String())
		}
	}
	e := *sqlerr.From(err)
	e.Message = op + ": " + e.Message
	return badRecord{rel: rel, query: rel.QueryID, part: -1, offset: -1, time: b.TimeAt(row),
		value: []byte("(" + text.String() + ")"), err: &e}
}

// errorRow is a row of leat_catalog.errors.
func errorRow(nowMicros int64, r *badRecord, whole bool) *vec.Batch {
	row := vec.NewBatch(relationTypes(errorsRelation()))
	c := row.Cols
	c[0].AppendInt(nowMicros)
	appendText(c[1], r.rel.Name)
	appendText(c[2], r.query)
	appendText(c[3], r.rel.Topic)
	if r.part < 0 {
		c[4].AppendNull()
		c[5].AppendNull()
	} else {
		c[4].AppendInt(int64(r.part))
		c[5].AppendInt(r.offset)
	}
	e := sqlerr.From(r.err)
	appendText(c[6], string(e.Code))
	appendText(c[7], e.Message)
	text := r.value[:min(len(r.value), maxErrorBytes)]
	value := r.value
	if !whole {
		value = text
	}
	if utf8.Valid(text) && !strings.ContainsRune(string(text), 0) {
		appendText(c[8], string(text))
	} else {
		c[8].AppendNull()
	}
	appendBytes(c[9], r.key)
	appendBytes(c[10], value)
	row.N = 1
	return row
}

// maxErrorBytes is how much of a record is kept with its error; a dead letter has all of it.
const maxErrorBytes = 64 << 10

func appendText(c *vec.Column, s string) {
	if s == "" {
		c.AppendNull()
		return
	}
	c.AppendString(s)
}

func appendBytes(c *vec.Column, b []byte) {
	if b == nil {
		c.AppendNull()
		return
	}
	c.AppendBytes(b)
}

// reportRead is told what a reader outside the flow (a pull or push query) found undecodable in a partition of a
// relation it read up to an offset. What has been reported before is passed over; the rest is in leat_catalog.errors
// soon.
func (f *flow) reportRead(ctx context.Context, rel uint32, part int, bad []badRecord) {
	if len(bad) == 0 || f.following.on.Load() {
		return
	}
	bad = append([]badRecord(nil), bad...)
	_ = f.do(ctx, func() error { // when the server is closing the next reader reports them
		s := f.sources[rel]
		if s == nil || part >= len(s.parts) {
			return nil
		}
		cur := &s.parts[part]
		for _, b := range bad {
			if b.offset >= cur.judged {
				b.rel, b.into = s.rel, s.rel.OnError.Into
				f.bad = append(f.bad, b)
				cur.judged = b.offset + 1
				f.judged = append(f.judged, judged{Rel: rel, Part: part, To: cur.judged})
			}
		}
		return nil
	})
}

// ReportInput keeps input that a client sent and that never became a record, such as a malformed line of a COPY.
func (e *Engine) ReportInput(ctx context.Context, rel *catalog.Relation, lines [][]byte, errs []error) error {
	var b log.Builder
	enc, now := mustEncoder(errorsRelation()), e.cfg.Now().UnixMicro()
	for i, line := range lines {
		r := badRecord{rel: rel, part: -1, value: line, err: errs[i]}
		_, value := enc.record(errorRow(now, &r, false).Cols, 0)
		b.Append(nil, value, floorDiv(now, 1000), nil)
	}
	if b.Len() == 0 {
		return nil
	}
	_, err := e.node.Append(ctx, cluster.Append{Partition: e.flow.errors, Batches: b.Finish()})
	return translate(err)
}
