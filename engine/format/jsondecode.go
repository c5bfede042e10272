package format

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// jsonDecoder is directed by the schema: it never builds a tree. Members of an object are expected in the order in
// which they came before (see jsonKey.next), so that a name costs one comparison of bytes; what no column wants is
// skipped, but checked.
type jsonDecoder struct {
	root      *jsonObject // nil when the record is a bare value
	bare      *jsonType
	width     int // columns of the schema
	wanted    int // of them, not nil in this call
	scratch   []byte
	positions map[string]int // scratch of dedupe

	// fault is set, together with a negative position, by what is wrong but valid JSON. path leads to the place.
	fault *sqlerr.Error
	path  string
}

// jsonObject knows the members of one record or struct.
type jsonObject struct {
	keys   []jsonKey // the declared ones in their order, then a start marker, then others that were met
	start  int32     // the index of the start marker, whose next is the first member
	exact  map[string]int32
	folded map[string]int32 // declared names in lower case

	members [][]byte    // for encoding: what stands before each declared member
	types   []*jsonType // and its type
}

// jsonKey is a name that members were met with.
type jsonKey struct {
	name  []byte // the name, quotes and colon included, as it stands in compact JSON
	field int32  // the column, or -1
	next  int32  // the key that came after this one the last time
	loose bool   // the column's name differs in case
	typ   *jsonType
}

// maxUnknownKeys bounds what is remembered of names that are no columns: objects may be maps with any keys.
const maxUnknownKeys = 256

func newJSONDecoder(s Schema, o Options) *jsonDecoder {
	d := &jsonDecoder{width: len(s.Names)}
	if o.Unwrapped {
		d.bare = newJSONType(s.Types[0])
		return d
	}
	ts := make([]*jsonType, len(s.Types))
	for i, t := range s.Types {
		ts[i] = newJSONType(t)
	}
	d.root = newJSONObject(s.Names, ts)
	return d
}

func newJSONObject(names []string, ts []*jsonType) *jsonObject {
	n := len(names)
	o := &jsonObject{start: int32(n), exact: make(map[string]int32, n), folded: make(map[string]int32, n)}
	o.members, o.types = memberNames(names), ts
	for i, name := range names {
		o.keys = append(o.keys, jsonKey{
			name: append(appendString(nil, []byte(name)), ':'), field: int32(i), next: int32((i + 1) % n), typ: ts[i],
		})
		o.exact[name] = int32(i)
		if _, taken := o.folded[strings.ToLower(name)]; !taken {
			o.folded[strings.ToLower(name)] = int32(i)
		}
	}
	o.keys = append(o.keys, jsonKey{field: -1})
	return o
}

// Decode reads every record; see Decoder.
func (d *jsonDecoder) Decode(values [][]byte, cols []*vec.Column, bad func(i int, err error)) {
	d.wanted = 0
	for _, c := range cols {
		if c != nil {
			d.wanted++
		}
	}
	row := rows(cols)
	for i, b := range values {
		if at := d.record(b, cols, row); at < 0 {
			rollback(cols, row)
			bad(i, d.reason(b, at))
		} else if row >= 0 {
			row++
		}
	}
}

// record reads one record, which must be valid UTF-8 from end to end.
func (d *jsonDecoder) record(b []byte, cols []*vec.Column, row int) int {
	if !utf8.Valid(b) {
		return invalidUTF8(b)
	}
	i := skipSpace(b, 0)
	switch {
	case d.root == nil && cols[0] == nil:
		i = skipValue(b, i, 0)
	case d.root == nil:
		i = d.value(b, i, d.bare, cols[0], 0)
	case i < len(b) && b[i] == '{':
		i = d.object(b, i+1, d.root, cols, d.wanted, row, 0)
	default:
		return d.notObject(b, i)
	}
	if i < 0 {
		return i
	}
	if i = skipSpace(b, i); i < len(b) {
		return ^i
	}
	return i
}

// notObject tells what stands where a record's object should.
func (d *jsonDecoder) notObject(b []byte, i int) int {
	end := skipValue(b, i, 0)
	if end < 0 {
		return end
	}
	d.fault = sqlerr.New(sqlerr.InvalidTextRepresentation, "the record is not a JSON object: %s", excerpt(b[i:end]))
	return ^i
}

// object reads an object whose opening brace is before i into cols, one for each declared member, of which wanted are
// not nil, and holding row rows. Members that are missing become NULL.
func (d *jsonDecoder) object(b []byte, i int, o *jsonObject, cols []*vec.Column, wanted, row, depth int) int {
	if depth >= maxDepth {
		return tooDeep
	}
	got, last := 0, o.start
	if i = skipSpace(b, i); i < len(b) && b[i] == '}' {
		return fillMissing(i+1, cols, wanted, row)
	}
	for {
		k := o.keys[last].next
		if name := o.keys[k].name; len(name) > 0 && len(b)-i >= len(name) && string(b[i:i+len(name)]) == string(name) {
			i += len(name)
		} else if k, i = d.key(b, i, o); i < 0 {
			return i
		}
		if k >= 0 {
			o.keys[last].next = k
			last = k
		}
		if i < len(b) && b[i] <= ' ' {
			i = skipSpace(b, i)
		}
		if c := o.column(k, cols); c == nil || c.Len() != row && o.keys[k].loose {
			i = skipValue(b, i, depth+1)
		} else {
			if c.Len() == row {
				got++
			} else {
				c.Truncate(row) // the last one of the same name counts
			}
			if i = d.value(b, i, o.keys[k].typ, c, depth+1); i < 0 && d.fault != nil {
				d.under(o.keys[k].field, o)
			}
		}
		if i < 0 {
			return i
		}
		if i < len(b) && b[i] <= ' ' {
			i = skipSpace(b, i)
		}
		if i < len(b) && b[i] == ',' {
			if i++; i < len(b) && b[i] <= ' ' {
				i = skipSpace(b, i)
			}
			continue
		}
		if i < len(b) && b[i] == '}' {
			return fillMissing(i+1, cols, wanted-got, row)
		}
		return ^i
	}
}

// column returns the column that a member goes to, or nil.
func (o *jsonObject) column(k int32, cols []*vec.Column) *vec.Column {
	if k < 0 || o.keys[k].field < 0 {
		return nil
	}
	return cols[o.keys[k].field]
}

// fillMissing appends NULL to the columns, missing in number, that have no value in this row.
func fillMissing(next int, cols []*vec.Column, missing, row int) int {
	if missing == 0 {
		return next
	}
	for _, c := range cols {
		if c != nil && c.Len() == row {
			c.AppendNull()
		}
	}
	return next
}

// key reads a member's name that is not the one expected, and the colon. It returns its index in o.keys, or -1 when
// it is not remembered there.
func (d *jsonDecoder) key(b []byte, i int, o *jsonObject) (k int32, next int) {
	start := i
	if next = skipName(b, i); next < 0 {
		return -1, next
	}
	name, end := unescape(d.scratch[:0], b, start+1)
	d.scratch = name[:0]
	if end < 0 { // no column can have such a name
		return -1, next
	}
	if k, ok := o.exact[string(name)]; ok {
		return k, next
	}
	return o.learn(name), next
}

// learn finds the column that name means in another case, and remembers it, up to a limit. It may change name.
func (o *jsonObject) learn(name []byte) int32 {
	full := len(o.keys) > int(o.start)+maxUnknownKeys
	key := jsonKey{field: -1, next: o.start}
	if !full {
		key.name = append(appendString(nil, name), ':')
		o.exact[string(name)] = int32(len(o.keys))
	}
	if field, ok := o.folded[text(lower(name))]; ok {
		if full {
			return field
		}
		key.loose, key.field, key.typ = true, field, o.keys[field].typ
	}
	if full {
		return -1
	}
	o.keys = append(o.keys, key)
	return int32(len(o.keys) - 1)
}

// lower returns s in lower case, in place when it can.
func lower(s []byte) []byte {
	for i, c := range s {
		if c >= utf8.RuneSelf {
			return bytes.ToLower(s)
		}
		if c-'A' < 26 {
			s[i] = c | 0x20
		}
	}
	return s
}

// under puts a member's name before the path to a fault.
func (d *jsonDecoder) under(field int32, o *jsonObject) {
	name := o.keys[field].name // quotes and colon around it
	d.underName(string(name[1 : len(name)-2]))
}

func (d *jsonDecoder) underName(name string) {
	if d.path != "" && d.path[0] != '[' {
		name += "."
	}
	d.path = name + d.path
}

func (d *jsonDecoder) underIndex(n int) {
	step := "[" + strconv.Itoa(n+1) + "]" // SQL counts from one
	if d.path != "" && d.path[0] != '[' {
		step += "."
	}
	d.path = step + d.path
}

// reason makes the error for what was found at the negative position at, and forgets it.
func (d *jsonDecoder) reason(b []byte, at int) error {
	fault, path := d.fault, d.path
	d.fault, d.path = nil, ""
	if fault == nil {
		return syntaxError(b, at)
	}
	if path != "" {
		fault.Message = "cannot read field \"" + path + "\" " + fault.Message
	} else if d.root == nil {
		fault.Message = "cannot read the value " + fault.Message
	}
	return fault
}

// excerpt returns the text for a message, cut when it is long.
func excerpt(b []byte) string {
	const most = 60
	if len(b) <= most {
		return string(b)
	}
	n := most
	for n > 0 && !utf8.RuneStart(b[n]) {
		n--
	}
	return string(b[:n]) + "…"
}
