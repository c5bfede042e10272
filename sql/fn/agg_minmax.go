package fn

import (
	"bytes"
	"encoding/binary"

	"github.com/tidwall/btree"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// minMaxDecls declares min and max of every ordered type.
func minMaxDecls() []Aggregate {
	var fs []Aggregate
	ordered := in(types.Int8, types.Int4, types.Int2, types.Float8, types.Float4, types.Numeric, types.Text, types.Char,
		types.Bytea, types.Date, types.Time, types.Timestamp, types.TimestampTZ, types.IntervalType, types.OID, AnyArray,
		AnyEnum)
	for _, name := range []string{"min", "max"} {
		least := name == "min"
		doc := Doc{Summary: map[bool]string{true: "Gives the least value.", false: "Gives the greatest value."}[least]}
		for _, t := range ordered {
			fs = append(fs, Aggregate{Name: name, Args: in(t), Ret: t, Doc: doc,
				New: func(args []types.Type, _ types.Type, appendOnly bool) Accumulator {
					switch {
					case appendOnly && args[0].Class() == types.ClassInt:
						return &intBounds{least: least}
					case appendOnly:
						return &bounds{least: least, col: vec.NewColumn(args[0])}
					default:
						return &bags{least: least, col: vec.NewColumn(args[0])}
					}
				}})
			doc = Doc{}
		}
	}
	return fs
}

// intBounds keeps the least or greatest integer, for input that never takes a row away.
type intBounds struct {
	least bool
	v     []int64
	seen  []bool
}

// Update implements Accumulator.
func (a *intBounds) Update(_ *Call, groups []int32, diff []int32, args []*vec.Column) {
	a.v, a.seen = extend(a.v, groups), extend(a.seen, groups)
	x, sx, null := args[0].Int, step(args[0]), args[0].Null
	for i, g := range groups {
		if null != nil && null[i*sx] || diff != nil && diff[i] <= 0 {
			continue
		}
		v := x[i*sx]
		if !a.seen[g] || (v < a.v[g]) == a.least && v != a.v[g] {
			a.v[g], a.seen[g] = v, true
		}
	}
}

// Result implements Accumulator.
func (a *intBounds) Result(groups []int32, out *vec.Column) {
	for _, g := range groups {
		if at(a.seen, g) {
			out.AppendInt(a.v[g])
		} else {
			out.AppendNull()
		}
	}
}

// Encode implements Accumulator.
func (a *intBounds) Encode(g int32, dst []byte) []byte {
	if !at(a.seen, g) {
		return append(dst, 0)
	}
	return binary.AppendVarint(append(dst, 1), a.v[g])
}

// Decode implements Accumulator.
func (a *intBounds) Decode(g int32, src []byte) error {
	var v int64
	seen := false
	if len(src) > 0 {
		r := stateReader{src: src}
		if seen = r.uvarint() == 1; seen {
			v = r.varint()
		}
		if err := r.err(); err != nil {
			return err
		}
	}
	a.v, a.seen = set(a.v, g, v), set(a.seen, g, seen)
	return nil
}

// bound is a value: its key, which orders, and its row, which is exact.
type bound struct{ key, row []byte }

// bounds keeps the least or greatest value of any type, for input that never takes a row away.
type bounds struct {
	least bool
	v     []bound
	col   *vec.Column // scratch, of the argument's type
	key   []byte      // scratch
	row   []byte      // scratch
}

// Update implements Accumulator.
func (a *bounds) Update(_ *Call, groups []int32, diff []int32, args []*vec.Column) {
	a.v = extend(a.v, groups)
	x := args[:1]
	for i, g := range groups {
		if x[0].IsNull(i) || diff != nil && diff[i] <= 0 {
			continue
		}
		a.key = vec.AppendKey(a.key[:0], x[0], x[0].At(i), false, false)
		b := &a.v[g]
		order := bytes.Compare(a.key, b.key)
		if order == 0 || b.key == nil || (order < 0) == a.least {
			a.row = vec.AppendRow(a.row[:0], x, x[0].At(i))
		}
		if order == 0 { // equal values may be written differently: the choice must not depend on the order of rows
			order = bytes.Compare(a.row, b.row)
		}
		if b.key == nil || (order < 0) == a.least && order != 0 {
			b.key, b.row = append(b.key[:0], a.key...), append(b.row[:0], a.row...)
		}
	}
}

// Result implements Accumulator.
func (a *bounds) Result(groups []int32, out *vec.Column) {
	for _, g := range groups {
		appendRow(out, at(a.v, g).row)
	}
}

// appendRow appends a value that AppendRow wrote, or NULL when there is none.
func appendRow(out *vec.Column, row []byte) {
	if len(row) == 0 {
		out.AppendNull()
		return
	}
	if _, err := vec.DecodeRow(row, []*vec.Column{out}); err != nil {
		panic("BUG: aggregate state was checked when it was decoded: " + err.Error())
	}
}

// Encode implements Accumulator.
func (a *bounds) Encode(g int32, dst []byte) []byte { return append(append(dst, 1), at(a.v, g).row...) }

// Decode implements Accumulator.
func (a *bounds) Decode(g int32, src []byte) error {
	var b bound
	if len(src) > 1 {
		r := stateReader{src: src[1:]}
		b.key = r.key(a.col)
		b.row = bytes.Clone(src[1:])
		if err := r.err(); err != nil {
			return err
		}
	}
	a.v = set(a.v, g, b)
	return nil
}

// key reads a row of col's type and returns its key. NULL is no value of an aggregate's state.
func (r *stateReader) key(col *vec.Column) []byte {
	col.Reset()
	rest, err := vec.DecodeRow(r.src, []*vec.Column{col})
	if err != nil || col.IsNull(0) {
		r.bad, r.src = true, nil
		return nil
	}
	r.src = rest
	return vec.AppendKey(nil, col, 0, false, false)
}

// bags keeps every value with its count, in order, so that values can be taken away. Counts below zero are rows whose
// coming is still to be seen.
type bags struct {
	least bool
	v     []*btree.Map[string, bagCount]
	col   *vec.Column // scratch, of the argument's type
	key   []byte      // scratch
}

// bagCount is the count of an entry whose key is the value's order-preserving key, keyLen bytes, then its row.
type bagCount struct {
	n      int64
	keyLen int
}

// bagDegree keeps the nodes of small bags small.
const bagDegree = 16

// Update implements Accumulator.
func (a *bags) Update(_ *Call, groups []int32, diff []int32, args []*vec.Column) {
	a.v = extend(a.v, groups)
	x := args[:1]
	for i, g := range groups {
		if x[0].IsNull(i) {
			continue
		}
		a.key = vec.AppendKey(a.key[:0], x[0], x[0].At(i), false, false)
		keyLen := len(a.key)
		a.key = vec.AppendRow(a.key, x, x[0].At(i))
		if a.v[g] == nil {
			a.v[g] = btree.NewMap[string, bagCount](bagDegree)
		}
		addToBag(a.v[g], a.key, keyLen, diffAt(diff, i))
	}
}

func addToBag(bag *btree.Map[string, bagCount], key []byte, keyLen int, d int64) {
	old, _ := bag.Get(string(key))
	if n := old.n + d; n != 0 {
		bag.Set(string(key), bagCount{n, keyLen})
	} else {
		bag.Delete(string(key))
	}
}

// Result implements Accumulator.
func (a *bags) Result(groups []int32, out *vec.Column) {
	for _, g := range groups {
		var row string
		if bag := at(a.v, g); bag != nil {
			first := func(k string, c bagCount) bool {
				if c.n > 0 {
					row = k[c.keyLen:]
				}
				return c.n <= 0
			}
			if a.least {
				bag.Scan(first)
			} else {
				bag.Reverse(first)
			}
		}
		appendRow(out, []byte(row))
	}
}

// Encode implements Accumulator.
func (a *bags) Encode(g int32, dst []byte) []byte {
	dst = append(dst, 1)
	if bag := at(a.v, g); bag != nil {
		bag.Scan(func(k string, c bagCount) bool {
			dst = append(binary.AppendVarint(dst, c.n), k[c.keyLen:]...)
			return true
		})
	}
	return dst
}

// Decode implements Accumulator.
func (a *bags) Decode(g int32, src []byte) error {
	var bag *btree.Map[string, bagCount]
	if len(src) > 1 {
		bag = btree.NewMap[string, bagCount](bagDegree)
		r := stateReader{src: src[1:]}
		for len(r.src) > 0 && !r.bad {
			n := r.varint()
			row := r.src
			key := r.key(a.col)
			row = row[:len(row)-len(r.src)]
			addToBag(bag, append(key, row...), len(key), n)
		}
		if err := r.err(); err != nil {
			return err
		}
	}
	a.v = set(a.v, g, bag)
	return nil
}
