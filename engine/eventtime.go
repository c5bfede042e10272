package engine

import (
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// timeReader reads event times from the time column of a relation, its property "timestamp".
type timeReader struct {
	pos   int
	parse func(text string) (micros int64, err error) // of text
}

// newTimeReader returns nil for a relation whose rows have the time of their records.
func newTimeReader(rel *catalog.Relation) (*timeReader, error) {
	if rel.TimeColumn < 0 {
		return nil, nil
	}
	t := &timeReader{pos: rel.TimeColumn, parse: parseISO}
	var err error
	if rel.TimeFormat != "" {
		t.parse, err = fn.JavaTimestamps(rel.TimeFormat)
	}
	return t, err
}

func parseISO(text string) (int64, error) { return types.ParseTimestampTZ([]byte(text), types.Env{}) }

// at returns the time of row i in milliseconds; ok is false when the column is NULL, and the row keeps the time it has.
// A time that cannot be read, or lies before 1970, where records have none, is an error.
func (t *timeReader) at(cols []*vec.Column, i int) (ms int64, ok bool, err error) {
	col := cols[t.pos]
	if col.IsNull(i) {
		return 0, false, nil
	}
	i = col.At(i)
	switch col.Type.Kind {
	case types.KindTimestamp, types.KindTimestampTZ:
		ms = floorDiv(col.Int[i], 1000)
	case types.KindDate:
		ms = col.Int[i] * 86_400_000
	case types.KindText, types.KindVarchar:
		us, err := t.parse(string(col.Bytes(i)))
		if err != nil {
			return 0, false, err
		}
		ms = floorDiv(us, 1000)
	default:
		ms = col.Int[i]
	}
	if ms < 0 {
		return 0, false, sqlerr.New(sqlerr.DatetimeFieldOverflow, "event time %d is before 1970", ms)
	}
	return ms, true, nil
}

// eventTimes gives the rows of the last run, from before on, the times that their time column says. A row without a
// valid time is set aside.
func (d *decoder) eventTimes(c *chunk, before int) {
	var bad map[int]bool
	for i := before; i < c.n; i++ {
		ms, ok, err := d.clock.at(c.cols, i)
		switch {
		case err != nil:
			if bad == nil {
				bad = map[int]bool{}
			}
			bad[i] = true
			d.setAside(c, d.good[i-before], err)
			c.bad[len(c.bad)-1].untimed = true
		case ok:
			c.time[i] = ms
		}
	}
	if bad != nil {
		c.without(bad)
	}
}

// without takes rows out of a chunk.
func (c *chunk) without(rows map[int]bool) {
	sel := make([]int32, 0, c.n)
	for i := range c.n {
		if !rows[i] {
			sel = append(sel, int32(i))
		}
	}
	for pos, old := range c.cols {
		if old != nil {
			c.cols[pos] = vec.NewColumn(old.Type)
			c.cols[pos].Gather(old, sel)
		}
	}
	if c.envelopes != nil {
		old := c.envelopes
		c.envelopes = vec.NewColumn(old.Type)
		c.envelopes.Gather(old, sel)
	}
	for k, i := range sel {
		c.time[k], c.offset[k] = c.time[i], c.offset[i]
		if c.tomb != nil {
			c.tomb[k] = c.tomb[i]
		}
		if len(c.keys) > 0 {
			c.keys[k] = c.keys[i]
		}
	}
	c.n = len(sel)
	c.time, c.offset = c.time[:c.n], c.offset[:c.n]
	if c.tomb != nil {
		c.tomb = c.tomb[:c.n]
	}
	if len(c.keys) > 0 {
		c.keys = c.keys[:c.n]
	}
}
