package format

import (
	"math"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// jsonOp says how values of a type are read.
type jsonOp uint8

const (
	opInt jsonOp = iota // integers of any width, and the OID family
	opText
	opFloat
	opDecimal
	opBool
	opTime  // date, time, timestamp, timestamptz: a number of days or milliseconds, or text
	opBytes // bytea
	opJSON  // json, jsonb
	opOther // what is text in JSON and is parsed by the column: interval, uuid, varchar(n), …
	opList
	opMap
	opStruct
)

// jsonType is a type made ready for reading.
type jsonType struct {
	op       jsonOp
	t        types.Type
	min, max int64 // of opInt
	elem     *jsonType
	object   *jsonObject
}

func newJSONType(t types.Type) *jsonType {
	j := &jsonType{t: t, op: opOther}
	switch t.Kind {
	case types.KindBool:
		j.op = opBool
	case types.KindInt2:
		j.op, j.min, j.max = opInt, math.MinInt16, math.MaxInt16
	case types.KindInt4:
		j.op, j.min, j.max = opInt, math.MinInt32, math.MaxInt32
	case types.KindInt8:
		j.op, j.min, j.max = opInt, math.MinInt64, math.MaxInt64
	case types.KindOID, types.KindRegclass, types.KindRegtype, types.KindRegproc, types.KindRegnamespace,
		types.KindRegrole, types.KindRegprocedure, types.KindRegoperator:
		j.op, j.max = opInt, math.MaxUint32
	case types.KindFloat4, types.KindFloat8:
		j.op = opFloat
	case types.KindNumeric:
		j.op = opDecimal
	case types.KindText, types.KindVarchar:
		if t.Mod < 0 {
			j.op = opText
		}
	case types.KindBytea:
		j.op = opBytes
	case types.KindDate, types.KindTime, types.KindTimestamp, types.KindTimestampTZ:
		j.op = opTime
	case types.KindJSON, types.KindJSONB:
		j.op = opJSON
	case types.KindArray:
		j.op, j.elem = opList, newJSONType(t.Elem())
	case types.KindMap:
		j.op, j.elem = opMap, newJSONType(t.Elem())
	case types.KindStruct:
		j.op = opStruct
		var names []string
		var ts []*jsonType
		for _, f := range t.Fields() {
			names, ts = append(names, f.Name), append(ts, newJSONType(f.Type))
		}
		j.object = newJSONObject(names, ts)
	}
	return j
}

// value reads the value at i and appends it to c. When it returns a negative position, c may hold half a value.
func (d *jsonDecoder) value(b []byte, i int, t *jsonType, c *vec.Column, depth int) int {
	if i >= len(b) {
		return ^i
	}
	switch {
	case t.op == opInt:
		if v, next := scanInt(b, i); next >= 0 && v >= t.min && v <= t.max {
			c.AppendInt(v)
			return next
		}
	case t.op == opText && b[i] == '"':
		if e := findSpecial(b, i+1); e < len(b) && b[e] == '"' {
			c.AppendBytes(b[i+1 : e])
			return e + 1
		}
	}
	switch x := b[i]; {
	case x == 'n':
		if i = skipWord(b, i, "null"); i >= 0 {
			c.AppendNull()
		}
		return i
	case x == '"':
		return d.stringValue(b, i, t, c)
	case x == '-' || x-'0' <= 9:
		return d.numberValue(b, i, t, c)
	case x == '[' && t.op == opList:
		return d.list(b, i+1, t, c, depth)
	case x == '{' && t.op == opStruct:
		if i = d.object(b, i+1, t.object, c.Kids, len(c.Kids), c.Len(), depth); i >= 0 {
			c.CloseStruct()
		}
		return i
	case x == '{' && t.op == opMap:
		return d.mapping(b, i+1, t, c, depth)
	}
	return d.otherValue(b, i, t, c, depth)
}

// otherValue reads true, false, and arrays and objects for columns that want text or JSON.
func (d *jsonDecoder) otherValue(b []byte, i int, t *jsonType, c *vec.Column, depth int) int {
	end := skipValue(b, i, depth)
	if end < 0 {
		return end
	}
	switch {
	case t.op == opBool && (b[i] == 't' || b[i] == 'f'):
		c.AppendBool(b[i] == 't')
		return end
	case t.op == opText:
		c.AppendBytes(b[i:end])
		return end
	case t.op == opJSON || t.op == opOther && t.t.IsString():
		return d.parse(b, i, end, b[i:end], t, c)
	}
	return d.wrong(b, i, end, t, nil)
}

// numberValue reads the number at i.
func (d *jsonDecoder) numberValue(b []byte, i int, t *jsonType, c *vec.Column) int {
	n, end := scanNumber(b, i)
	if end < 0 {
		return end
	}
	switch t.op {
	case opInt:
		if v, ok := n.int(); ok && v >= t.min && v <= t.max {
			c.AppendInt(v)
			return end
		}
	case opFloat:
		if v, ok := n.float(b[i:end], t.t.Kind); ok {
			c.AppendFloat(v)
			return end
		}
	case opDecimal:
		return d.decimal(b, i, end, n, b[i:end], t, c)
	case opTime:
		if v, ok := n.int(); ok {
			if v, ok = timeFromNumber(v, t.t); ok {
				c.AppendInt(v)
				return end
			}
		}
	case opText:
		c.AppendBytes(b[i:end])
		return end
	case opJSON:
		return d.parse(b, i, end, b[i:end], t, c)
	case opOther:
		if t.t.IsString() {
			return d.parse(b, i, end, b[i:end], t, c)
		}
	}
	return d.wrong(b, i, end, t, nil)
}

// stringValue reads the string at i.
func (d *jsonDecoder) stringValue(b []byte, i int, t *jsonType, c *vec.Column) int {
	if t.op == opText {
		data, next := unescape(c.Data, b, i+1)
		c.Data = data
		if next >= 0 {
			c.CloseBytes()
		}
		return next
	}
	if t.op == opJSON {
		end := skipString(b, i+1)
		if end < 0 {
			return end
		}
		return d.parse(b, i, end, b[i:end], t, c)
	}
	s, end := unescape(d.scratch[:0], b, i+1)
	d.scratch = s[:0]
	switch {
	case end < 0:
		return end
	case t.op == opBytes:
		if appendBytea(c, s) {
			return end
		}
		return d.wrong(b, i, end, t, nil)
	case t.op == opDecimal:
		if n, ok := wholeNumber(s); ok {
			return d.decimal(b, i, end, n, s, t, c)
		}
	case t.op >= opList:
		return d.wrong(b, i, end, t, nil)
	}
	return d.parse(b, i, end, s, t, c)
}

// decimal appends the number n, which s spells; the value itself is b[i:end].
func (d *jsonDecoder) decimal(b []byte, i, end int, n number, s []byte, t *jsonType, c *vec.Column) int {
	if err := appendDecimal(c, n, s); err != nil {
		return d.wrong(b, i, end, t, err)
	}
	return end
}

// parse has the column read text in PostgreSQL's form; the value itself is b[i:end].
func (d *jsonDecoder) parse(b []byte, i, end int, text []byte, t *jsonType, c *vec.Column) int {
	if err := parseRecordText(c, text); err != nil {
		return d.wrong(b, i, end, t, err)
	}
	return end
}

// list reads an array whose opening bracket is before i.
func (d *jsonDecoder) list(b []byte, i int, t *jsonType, c *vec.Column, depth int) int {
	if depth >= maxDepth {
		return tooDeep
	}
	if i = skipSpace(b, i); i < len(b) && b[i] == ']' {
		c.CloseList()
		return i + 1
	}
	for n := 0; ; n++ {
		if i = d.value(b, skipSpace(b, i), t.elem, c.Kids[0], depth+1); i < 0 {
			if d.fault != nil {
				d.underIndex(n)
			}
			return i
		}
		i = skipSpace(b, i)
		if i >= len(b) || b[i] != ',' && b[i] != ']' {
			return ^i
		}
		if i++; b[i-1] == ']' {
			c.CloseList()
			return i
		}
	}
}

// mapping reads an object whose opening brace is before i into a map. Of members with the same name the last counts.
func (d *jsonDecoder) mapping(b []byte, i int, t *jsonType, c *vec.Column, depth int) int {
	if depth >= maxDepth {
		return tooDeep
	}
	keys, first := c.Kids[0], c.Kids[0].Len()
	if i = skipSpace(b, i); i < len(b) && b[i] == '}' {
		c.CloseList()
		return i + 1
	}
	for {
		i = skipSpace(b, i)
		start := i
		if i = skipName(b, i); i < 0 {
			return i
		}
		data, at := unescape(keys.Data, b, start+1)
		keys.Data = data
		if at < 0 {
			return at
		}
		keys.CloseBytes()
		if i = d.value(b, skipSpace(b, i), t.elem, c.Kids[1], depth+1); i < 0 {
			if d.fault != nil {
				d.underName(string(keys.Bytes(keys.Len() - 1)))
			}
			return i
		}
		i = skipSpace(b, i)
		if i >= len(b) || b[i] != ',' && b[i] != '}' {
			return ^i
		}
		if i++; b[i-1] == '}' {
			d.dedupe(c, first)
			c.CloseList()
			return i
		}
	}
}

// dedupe removes the entries of a map, from first on, whose key comes again later.
func (d *jsonDecoder) dedupe(c *vec.Column, first int) {
	keys, n := c.Kids[0], c.Kids[0].Len()
	if n-first < 2 {
		return
	}
	if n-first <= 16 && !anyTwice(keys, first) {
		return
	}
	if d.positions == nil {
		d.positions = make(map[string]int)
	}
	clear(d.positions)
	for i := first; i < n; i++ {
		d.positions[text(keys.Bytes(i))] = i // the keys stay where they are until the map is cleared
	}
	if len(d.positions) == n-first {
		return
	}
	var keep []int32
	for i := first; i < n; i++ {
		if d.positions[text(keys.Bytes(i))] == i {
			keep = append(keep, int32(i))
		}
	}
	clear(d.positions)
	for k, kid := range c.Kids {
		kept := vec.NewColumn(kid.Type)
		kept.Gather(kid, keep)
		kid.Truncate(first)
		c.Kids[k].AppendRange(kept, 0, len(keep))
	}
}

// anyTwice reports whether two rows from first on are equal.
func anyTwice(c *vec.Column, first int) bool {
	for i := first + 1; i < c.Len(); i++ {
		for j := first; j < i; j++ {
			if string(c.Bytes(i)) == string(c.Bytes(j)) {
				return true
			}
		}
	}
	return false
}

// wrong notes that b[i:end] is valid JSON but no value of the type, for the reason err if there is one to tell.
func (d *jsonDecoder) wrong(b []byte, i, end int, t *jsonType, err error) int {
	d.fault = wrongValue(b[i:end], t.t, err)
	return ^i
}

// wrongValue returns an error whose message misses its beginning, which names the field.
func wrongValue(b []byte, t types.Type, err error) *sqlerr.Error {
	e := sqlerr.New(sqlerr.InvalidTextRepresentation, "as %s: %s", t, excerpt(b))
	if err != nil {
		cause := sqlerr.From(err)
		e.Code, e.Detail = cause.Code, cause.Message
	}
	return e
}
