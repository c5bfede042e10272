package engine

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/log"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// PrintOptions say which records of a topic PRINT shows.
type PrintOptions struct {
	Beginning bool  // from the first record; else from those that come
	Interval  int64 // every how manieth; at least 1
	Limit     int64 // how many; negative for no end
}

// PrintColumns are the columns of a record as PRINT shows it.
func PrintColumns() []catalog.Column {
	header := types.StructOf(types.Field{Name: "key", Type: types.Text}, types.Field{Name: "value", Type: types.Bytea})
	return []catalog.Column{
		{Name: "rowtime", Type: types.TimestampTZ}, {Name: "partition", Type: types.Int4}, {Name: "offset", Type: types.Int8},
		{Name: "key", Type: types.Text}, {Name: "value", Type: types.Text}, {Name: "headers", Type: types.ArrayOf(header)},
	}
}

// Print shows the records of a topic, whatever is in them, and waits for more until there are enough.
func (e *Engine) Print(topic string, o PrintOptions) (*Rows, error) {
	r, err := e.readTopic(topic)
	if err != nil {
		return nil, err
	}
	p := &printer{topicReader: r, PrintOptions: o, watch: e.node.Watch()}
	if o.Limit < 0 {
		p.Limit = math.MaxInt64
	}
	if !o.Beginning {
		for i, id := range r.ids {
			if r.next[i], err = e.node.LastStable(id); err != nil {
				p.watch.Close()
				return nil, translate(err)
			}
		}
	}
	return &Rows{next: p.nextRows, close: p.watch.Close}, nil
}

// printer is a PRINT. All its work is done by the client's goroutine.
type printer struct {
	*topicReader
	PrintOptions
	watch *cluster.Watch
	seen  int64 // records passed
	at    int   // partition to look at
}

func (p *printer) nextRows(ctx context.Context) (*vec.Batch, error) {
	for p.Limit > 0 {
		for range p.ids {
			part := p.at
			p.at = (p.at + 1) % len(p.ids)
			if err := p.read(part); err != nil {
				return nil, translate(err)
			}
			if b := p.show(part); b.N > 0 {
				return b, nil
			}
		}
		if p.more() {
			continue
		}
		select {
		case <-p.watch.C:
		case <-p.e.flow.done:
			return nil, sqlerr.New(sqlerr.AdminShutdown, "the server is shutting down")
		case <-ctx.Done():
			return nil, translate(ctx.Err())
		}
	}
	return nil, io.EOF
}

// show gives the records read as rows.
func (p *printer) show(part int) *vec.Batch {
	var ts []types.Type
	for _, c := range PrintColumns() {
		ts = append(ts, c.Type)
	}
	b := vec.NewBatch(ts)
	var heads []log.RecordHeader
	for i := range p.recs.Len() {
		if p.seen++; p.Limit == 0 || (p.seen-1)%p.Interval != 0 {
			continue
		}
		p.Limit--
		b.Cols[0].AppendInt(p.recs.Timestamps[i] * 1000)
		b.Cols[1].AppendInt(int64(part))
		b.Cols[2].AppendInt(p.recs.Offsets[i])
		appendGuess(b.Cols[3], p.recs.Keys[i])
		appendGuess(b.Cols[4], p.recs.Values[i])
		if heads = p.recs.AppendHeaders(heads[:0], i); len(heads) == 0 {
			b.Cols[5].AppendNull()
		} else {
			appendAllHeaders(b.Cols[5], heads)
		}
		b.N++
	}
	return b
}

// appendGuess appends what bytes look like: text, which JSON and DELIMITED are; a number of 4 or 8 bytes, as the format
// KAFKA writes integers; else the bytes in hexadecimal.
func appendGuess(col *vec.Column, b []byte) {
	switch {
	case b == nil:
		col.AppendNull()
	case isText(b):
		col.AppendBytes(b)
	case len(b) == 4:
		col.AppendString(strconv.FormatInt(int64(int32(binary.BigEndian.Uint32(b))), 10))
	case len(b) == 8:
		col.AppendString(strconv.FormatInt(int64(binary.BigEndian.Uint64(b)), 10))
	default:
		col.AppendString(`\x` + hex.EncodeToString(b))
	}
}

// isText reports whether b is text that can be shown.
func isText(b []byte) bool {
	return utf8.Valid(b) && strings.IndexFunc(string(b), func(r rune) bool {
		return !unicode.IsPrint(r) && r != '\n' && r != '\t' && r != '\r'
	}) < 0
}

// topicReader reads the records of a topic as they are, without those of transactions that are open or aborted.
type topicReader struct {
	e    *Engine
	ids  []cluster.PartitionID
	next []int64 // the next offset of each partition
	recs log.Records
	buf  []byte
}

// readTopic returns a reader of a topic that users see, from its beginning.
func (e *Engine) readTopic(name string) (*topicReader, error) {
	t, ok := e.node.Topic(name)
	if !ok || t.Internal {
		var names []string
		for _, o := range e.Topics() {
			names = append(names, o.Name)
		}
		err := sqlerr.New(sqlerr.UndefinedObject, "topic %q does not exist", name)
		if near, ok := catalog.Nearest(name, names); ok {
			return nil, err.WithHint("Perhaps you meant the topic %q.", near)
		}
		return nil, err.WithHint("SHOW TOPICS lists those that do.")
	}
	r := &topicReader{e: e, ids: slices.Clone(t.IDs), next: make([]int64, len(t.IDs))}
	r.recs.WithHeaders = true
	return r, nil
}

// more reports whether there are records that have not been read.
func (r *topicReader) more() bool {
	for i, id := range r.ids {
		if end, err := r.e.node.LastStable(id); err == nil && end > r.next[i] {
			return true
		}
	}
	return false
}

// read reads the next records of a partition, about a megabyte of them, into r.recs.
func (r *topicReader) read(part int) error {
	r.recs.Reset()
	id := r.ids[part]
	start, _, err := r.e.node.Bounds(id)
	if err != nil {
		return err
	}
	end, err := r.e.node.LastStable(id)
	if err != nil {
		return err
	}
	from := max(r.next[part], start)
	if from >= end {
		return nil
	}
	if r.buf, err = r.e.node.Read(id, from, 1<<20, r.buf[:0]); err != nil {
		return err
	}
	aborted, err := r.e.node.Aborted(id, from, end)
	if err != nil {
		return err
	}
	next := from
	for buf := r.buf; len(buf) > 0; {
		h, batch, rest, err := log.NextBatch(buf)
		if err != nil {
			return err
		}
		if h.BaseOffset >= end {
			next = end // compaction has left a gap
			break
		}
		next, buf = h.LastOffset()+1, rest
		if cluster.Skip(&h, aborted) {
			continue
		}
		if err := r.recs.Append(batch, from); err != nil {
			return sqlerr.New(sqlerr.DataCorrupted, "a record batch at offset %d cannot be read: %s", h.BaseOffset, err.Error())
		}
	}
	r.next[part] = max(next, from)
	return nil
}
