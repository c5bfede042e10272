package format

import (
	"encoding/base64"
	"math"
	"strconv"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// jsonEncoder writes compact JSON objects with every column of the schema in its order, NULLs included.
type jsonEncoder struct {
	names [][]byte // {"name": for the first column, ,"name": for the others
	types []*jsonType
	bare  bool
}

func newJSONEncoder(s Schema, o Options) *jsonEncoder {
	e := &jsonEncoder{bare: o.Unwrapped, names: memberNames(s.Names)}
	for _, t := range s.Types {
		e.types = append(e.types, newJSONType(t))
	}
	return e
}

// memberNames returns what stands before each member of an object.
func memberNames(names []string) [][]byte {
	var out [][]byte
	for i, n := range names {
		lead := []byte{','}
		if i == 0 {
			lead[0] = '{'
		}
		out = append(out, append(appendString(lead, []byte(n)), ':'))
	}
	return out
}

// AppendRecord appends row i; see Encoder.
func (e *jsonEncoder) AppendRecord(dst []byte, cols []*vec.Column, i int) []byte {
	if e.bare {
		return appendJSON(dst, e.types[0], cols[0], cols[0].At(i))
	}
	return appendObject(dst, e.names, e.types, cols, i)
}

// AppendRecords appends rows lo to hi; see Encoder.
func (e *jsonEncoder) AppendRecords(dst []byte, ends []int, cols []*vec.Column, lo, hi int) ([]byte, []int) {
	for ; lo < hi; lo++ {
		dst = e.AppendRecord(dst, cols, lo)
		ends = append(ends, len(dst))
	}
	return dst, ends
}

func appendObject(dst []byte, names [][]byte, ts []*jsonType, cols []*vec.Column, i int) []byte {
	if len(names) == 0 {
		return append(dst, '{', '}')
	}
	for k, name := range names {
		dst = append(dst, name...)
		dst = appendJSON(dst, ts[k], cols[k], cols[k].At(i))
	}
	return append(dst, '}')
}

// appendJSON appends the value in row i of c.
func appendJSON(dst []byte, t *jsonType, c *vec.Column, i int) []byte {
	if c.IsNull(i) {
		return append(dst, "null"...)
	}
	switch t.op {
	case opInt:
		return strconv.AppendInt(dst, c.Int[i], 10)
	case opText:
		return appendString(dst, c.Bytes(i))
	case opBool:
		return strconv.AppendBool(dst, c.Bool[i])
	case opFloat:
		return appendJSONFloat(dst, c.Float[i], t.t.Kind)
	case opDecimal:
		return appendJSONDecimal(dst, c.Dec[i])
	case opTime:
		return appendJSONTime(dst, c.Int[i], t.t.Kind)
	case opBytes:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, c.Bytes(i))
		return append(dst, '"')
	case opJSON:
		return append(dst, c.Bytes(i)...)
	case opList:
		return appendJSONList(dst, t, c, i)
	case opMap:
		return appendJSONMap(dst, t, c, i)
	case opStruct:
		return appendObject(dst, t.object.members, t.object.types, c.Kids, i)
	}
	if t.t.IsString() {
		return appendString(dst, c.Bytes(i))
	}
	start := len(dst)
	dst = append(dst, '"')
	dst = appendText(dst, c, i, types.Env{})
	return requote(dst, start)
}

// requote makes a JSON string of the text that follows the quote at start. Only types that print plain ASCII come
// here, and "char", which may hold anything.
func requote(dst []byte, start int) []byte {
	if findSpecial(dst, start+1) == len(dst) {
		return append(dst, '"')
	}
	s := append([]byte(nil), dst[start+1:]...)
	return appendString(dst[:start], s)
}

func appendJSONFloat(dst []byte, v float64, kind types.Kind) []byte {
	bits := 64
	if kind == types.KindFloat4 {
		bits = 32
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		dst = append(dst, '"')
		return append(appendFloat(dst, v, bits), '"')
	}
	return appendFloat(dst, v, bits)
}

func appendJSONDecimal(dst []byte, d types.Decimal) []byte {
	if d.IsNaN() || d.IsInf() {
		dst = append(dst, '"')
		return append(types.AppendDecimal(dst, d), '"')
	}
	return types.AppendDecimal(dst, d)
}

// appendJSONTime appends a number where one says it all, else text in quotes.
func appendJSONTime(dst []byte, v int64, kind types.Kind) []byte {
	if n, ok := numberFromTime(v, kind); ok {
		return strconv.AppendInt(dst, n, 10)
	}
	dst = append(dst, '"')
	return append(appendTimeText(dst, v, kind), '"')
}

func appendJSONList(dst []byte, t *jsonType, c *vec.Column, i int) []byte {
	dst = append(dst, '[')
	for k := int(c.Off[i]); k < int(c.Off[i+1]); k++ {
		dst = append(appendJSON(dst, t.elem, c.Kids[0], k), ',')
	}
	return closeJSON(dst, ']')
}

func appendJSONMap(dst []byte, t *jsonType, c *vec.Column, i int) []byte {
	dst = append(dst, '{')
	for k := int(c.Off[i]); k < int(c.Off[i+1]); k++ {
		dst = append(appendString(dst, c.Kids[0].Bytes(k)), ':')
		dst = append(appendJSON(dst, t.elem, c.Kids[1], k), ',')
	}
	return closeJSON(dst, '}')
}

// closeJSON ends a list whose members each have a comma behind them.
func closeJSON(dst []byte, end byte) []byte {
	if dst[len(dst)-1] == ',' {
		dst[len(dst)-1] = end
		return dst
	}
	return append(dst, end)
}
