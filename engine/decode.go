package engine

import (
	"math"
	"slices"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine/format"
	"github.com/leatdb/leat/log"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// decoder turns the records of a relation's topic into columns: the columns of Key come from the record's key, the
// others from its value.
type decoder struct {
	rel            *catalog.Relation
	key, value     format.Decoder // nil when no column of that side is wanted
	keyPos, valPos []int          // the relation's columns in the order of the formats' fields
	headers        []int          // the wanted columns that are made of a record's headers
	envelopes      bool           // the envelopes of the records are wanted
	bounds         *windowBounds  // nil when keys have none
	clock          *timeReader    // nil when a row has its record's time
	want           []bool
	sieve          *sieve // nil when every record is decoded

	passed []bool // of records, those that the sieve passes over; nil without one

	heads  []log.RecordHeader // scratch
	recs   log.Records        // one buffer's records, before they are decoded
	good   []int              // of those of a run, the ones that became rows
	failed map[int]error
}

// newDecoder returns a decoder of the wanted columns; the column that carries the event time is always wanted.
func newDecoder(rel *catalog.Relation, want []bool, envelopes bool) (*decoder, error) {
	d := &decoder{rel: rel, want: append([]bool(nil), want...), envelopes: envelopes}
	d.recs.WithHeaders = envelopes || counted(rel)
	if rel.TimeColumn >= 0 {
		d.want[rel.TimeColumn] = true
	}
	d.keyPos, d.valPos = recordLayout(rel)
	d.bounds = newWindowBounds(rel)
	var err error
	if d.clock, err = newTimeReader(rel); err != nil {
		return nil, err
	}
	for pos, c := range rel.Columns {
		if c.Headers && d.want[pos] {
			d.headers = append(d.headers, pos)
			d.recs.WithHeaders = true
		}
	}
	if d.key, err = d.side(rel.KeyFormat, d.keyPos, keyOptions(rel)); err != nil {
		return nil, err
	}
	d.value, err = d.side(rel.ValueFormat, d.valPos, valueOptions(rel))
	return d, err
}

// recordLayout returns the positions of the columns in a record's key and in its value. Columns of headers, and the
// bounds of windows at the end of a key, are in neither.
func recordLayout(rel *catalog.Relation) (key, value []int) {
	if rel.KeyFormat != "NONE" {
		key = rel.KeyColumns()
	}
	return key, rel.ValueColumns()
}

// formatSchema describes one side of a record to package format.
func formatSchema(rel *catalog.Relation, positions []int) format.Schema {
	var s format.Schema
	for _, pos := range positions {
		name := rel.Columns[pos].Field
		if name == "" {
			name = rel.Columns[pos].Name
		}
		s.Names = append(s.Names, name)
		s.Types = append(s.Types, rel.Columns[pos].Type)
	}
	return s
}

func (d *decoder) side(name string, positions []int, opts format.Options) (format.Decoder, error) {
	if len(positions) == 0 {
		return nil, nil
	}
	return format.NewDecoder(name, formatSchema(d.rel, positions), opts)
}

// keyOptions and valueOptions are the settings of the two sides. A JSON key of one column is its bare value.
func keyOptions(rel *catalog.Relation) format.Options {
	return format.Options{
		Unwrapped: rel.KeyFormat == format.JSON && len(rel.KeyColumns()) == 1, Delimiter: firstByte(rel.KeyDelimiter),
	}
}

func valueOptions(rel *catalog.Relation) format.Options {
	return format.Options{Unwrapped: rel.Unwrapped, Delimiter: firstByte(rel.Delimiter)}
}

func firstByte(s string) byte {
	if s == "" {
		return 0
	}
	return s[0]
}

func (d *decoder) newChunk(part int) *chunk {
	c := &chunk{part: part, cols: make([]*vec.Column, len(d.rel.Columns))}
	for i, w := range d.want {
		if w {
			c.cols[i] = vec.NewColumn(d.rel.Columns[i].Type)
		}
	}
	if d.envelopes {
		c.envelopes = vec.NewColumn(types.Bytea)
	}
	return c
}

func (c *chunk) reset() {
	for _, col := range c.cols {
		if col != nil {
			col.Reset()
		}
	}
	if c.envelopes != nil {
		c.envelopes.Reset()
	}
	c.time, c.stream, c.offset, c.tomb, c.bad = c.time[:0], c.stream[:0], c.offset[:0], nil, c.bad[:0]
	c.keys, c.diffs = c.keys[:0], c.diffs[:0]
	c.high, c.tail, c.passed = c.high[:0], math.MinInt64, 0
	c.n = 0
}

// decode appends the records of buf with offsets in [from, to) to c, and returns the offset after the last whole batch
// taken. What belongs to one of the aborted transactions is passed over. Records that cannot be decoded are listed in
// c.bad.
func (d *decoder) decode(c *chunk, buf []byte, from, to int64, aborted []cluster.AbortedTxn) (int64, error) {
	d.recs.Reset()
	next := from
	for len(buf) > 0 {
		h, batch, rest, err := log.NextBatch(buf)
		if err != nil {
			return next, err
		}
		if h.BaseOffset >= to {
			next = to // compaction has left a gap
			break
		}
		next, buf = h.LastOffset()+1, rest
		if cluster.Skip(&h, aborted) {
			continue
		}
		if err := d.recs.Append(batch, from); err != nil {
			c.bad = append(c.bad, badRecord{offset: h.BaseOffset, part: c.part, value: clone(batch), time: h.MaxTimestamp,
				err: sqlerr.New(sqlerr.DataCorrupted, "a record batch cannot be read: %s", err.Error())})
		}
	}
	if next > to { // within a batch: see stopTable
		d.recs.Cut(to)
		next = to
	}
	vals := d.recs.Values
	if d.sieve != nil {
		d.passed = slices.Grow(d.passed[:0], len(vals))[:len(vals)]
		clear(d.passed)
	}
	for lo := 0; lo < len(vals); {
		hi := lo + 1
		for hi < len(vals) && (vals[hi] == nil) == (vals[lo] == nil) {
			hi++
		}
		d.decodeRun(c, lo, hi)
		lo = hi
	}
	return next, nil
}

// decodeRun decodes records [lo, hi), which are all tombstones or none.
func (d *decoder) decodeRun(c *chunk, lo, hi int) {
	none := d.recs.Values[lo] == nil && (len(d.valPos) > 0 || d.rel.Kind != catalog.Stream)
	tomb := none && !(d.rel.Kind == catalog.Stream && writesNullAsNone(d.rel))
	hidden := hasHiddenKey(d.rel)
	isStream := d.rel.Kind == catalog.Stream
	switch {
	case tomb && hidden:
		d.decodeDeletes(c, lo, hi)
		return
	case tomb && (isStream && !d.envelopes || !isStream && len(d.keyPos) == 0):
		return // a stream has no row to delete, and ksqlDB passes such records over
	}
	before := c.n
	clear(d.failed)
	fail := func(i int, err error) {
		if d.failed == nil {
			d.failed = map[int]error{}
		}
		d.failed[lo+i] = err
	}
	// Value first: it is the side that fails. Then the keys of the records that are still good.
	valCols := d.columns(c, d.valPos)
	switch {
	case none:
		for _, col := range valCols {
			if col != nil {
				for range hi - lo {
					col.AppendNull()
				}
			}
		}
	case d.value != nil:
		d.decodeValues(lo, hi, valCols, fail)
	}
	if d.key != nil || d.bounds != nil {
		d.decodeKeys(c, lo, hi)
	}
	d.take(c, lo, hi)
	d.markTombstones(c, before, tomb)
	if d.clock != nil && !tomb {
		d.eventTimes(c, before)
	}
}

// take makes rows of the records of [lo, hi) that are good, whose columns the chunk has.
func (d *decoder) take(c *chunk, lo, hi int) {
	d.good = d.good[:0]
	for i := lo; i < hi; i++ {
		if d.passes(i) {
			d.passOver(c, i)
			continue
		}
		if err, bad := d.failed[i]; bad {
			d.setAside(c, i, err)
			continue
		}
		d.good = append(d.good, i)
		c.offset = append(c.offset, d.recs.Offsets[i])
		c.time = append(c.time, d.recs.Timestamps[i])
		if d.sieve != nil {
			c.behind()
		}
		if len(d.headers) > 0 {
			d.appendHeaders(c, i)
		}
		if hasHiddenKey(d.rel) {
			c.keys = append(c.keys, clone(namedRow(d.recs.Keys[i])))
		}
		if d.envelopes {
			d.appendEnvelope(c.envelopes, i)
		}
		if counted(d.rel) {
			d.appendDiff(c, i)
		}
		c.n++
	}
}

// decodeDeletes takes in records that delete rows of a table without a key. Records without a value that name no row
// are passed over.
func (d *decoder) decodeDeletes(c *chunk, lo, hi int) {
	before := c.n
	for i := lo; i < hi; i++ {
		name := namedRow(d.recs.Keys[i])
		if name == nil {
			continue
		}
		for _, col := range c.cols {
			if col != nil {
				col.AppendNull()
			}
		}
		c.offset = append(c.offset, d.recs.Offsets[i])
		c.time = append(c.time, d.recs.Timestamps[i])
		c.keys = append(c.keys, clone(name))
		c.n++
	}
	d.markTombstones(c, before, true)
}

// setAside notes that record i cannot be decoded.
func (d *decoder) setAside(c *chunk, i int, err error) {
	c.bad = append(c.bad, badRecord{
		offset: d.recs.Offsets[i], part: c.part, time: d.recs.Timestamps[i], err: err,
		key: clone(d.recs.Keys[i]), value: clone(d.recs.Values[i]),
	})
}

func (d *decoder) columns(c *chunk, positions []int) []*vec.Column {
	cols := make([]*vec.Column, len(positions))
	for i, pos := range positions {
		cols[i] = c.cols[pos]
	}
	return cols
}

// decodeKeys decodes the keys of the records of [lo, hi) whose values are good. When a key fails the value's columns,
// which already hold the row, lose it again.
func (d *decoder) decodeKeys(c *chunk, lo, hi int) {
	good := make([]int, 0, hi-lo)
	keys := make([][]byte, 0, hi-lo)
	for i := lo; i < hi; i++ {
		if d.failed[i] == nil && !d.passes(i) {
			good = append(good, i)
			keys = append(keys, d.recs.Keys[i])
		}
	}
	keyCols := d.columns(c, d.keyPos)
	if d.bounds != nil {
		d.bounds.columns(c)
	}
	var badKeys []int
	d.decodeNullableKeys(keys, keyCols, func(i int, err error) {
		if d.failed == nil {
			d.failed = map[int]error{}
		}
		d.failed[good[i]] = err
		badKeys = append(badKeys, i)
	})
	if len(badKeys) == 0 {
		return
	}
	drop := map[int]bool{}
	for _, i := range badKeys {
		drop[i] = true
	}
	sel := make([]int32, 0, c.n+len(good))
	for i := range c.n {
		sel = append(sel, int32(i))
	}
	for i := range good {
		if !drop[i] {
			sel = append(sel, int32(c.n+i))
		}
	}
	for _, pos := range d.valPos {
		if old := c.cols[pos]; old != nil {
			c.cols[pos] = vec.NewColumn(old.Type)
			c.cols[pos].Gather(old, sel)
		}
	}
}

// decodeNullableKeys decodes keys of which some may be null: a stream's row then has NULL key columns, a table's row
// has no place.
func (d *decoder) decodeNullableKeys(keys [][]byte, cols []*vec.Column, fail func(int, error)) {
	for lo := 0; lo < len(keys); {
		hi := lo + 1
		for hi < len(keys) && (keys[hi] == nil) == (keys[lo] == nil) {
			hi++
		}
		switch {
		case keys[lo] != nil:
			base := lo
			d.decodeSomeKeys(keys[lo:hi], cols, func(i int, err error) { fail(base+i, err) })
		case d.rel.Kind != catalog.Table:
			for _, col := range d.bounds.with(cols) {
				if col != nil {
					for range hi - lo {
						col.AppendNull()
					}
				}
			}
		default:
			for i := lo; i < hi; i++ {
				fail(i, sqlerr.New(sqlerr.NotNullViolation, "a record of table %q needs a key", d.rel.Name))
			}
		}
		lo = hi
	}
}

func (d *decoder) markTombstones(c *chunk, before int, tomb bool) {
	if c.tomb == nil && !tomb {
		return
	}
	for len(c.tomb) < before {
		c.tomb = append(c.tomb, false)
	}
	for len(c.tomb) < c.n {
		c.tomb = append(c.tomb, tomb)
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b...)
}
