package types

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/leatdb/leat/sql/sqlerr"
)

// PostgreSQL's binary formats count dates and timestamps from 2000-01-01.
const days2000 = 10957

// errBinary is the error for bytes that are no value of a type in the binary format.
func errBinary(t Type) error {
	return sqlerr.New(sqlerr.InvalidBinaryRepresentation, "incorrect binary data format for type %s", t.Base())
}

// AppendBinary appends v in PostgreSQL's binary format, without the length before it. v is not NULL.
func AppendBinary(dst []byte, v Value) []byte {
	switch v.Type.Class() {
	case ClassBool:
		return AppendBoolBinary(dst, v.Bool)
	case ClassInt:
		return AppendIntBinary(dst, v.Type, v.Int)
	case ClassFloat:
		return AppendFloatBinary(dst, v.Type, v.Float)
	case ClassDecimal:
		return AppendDecimalBinary(dst, v.Dec)
	case ClassInterval:
		return AppendIntervalBinary(dst, v.Ivl)
	case ClassBytes:
		return AppendBytesBinary(dst, v.Type, v.Str)
	case ClassList:
		return appendArrayBinary(dst, v)
	case ClassMap:
		return AppendJSON(append(dst, jsonbVersion), v, Env{})
	default:
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(v.List)))
		for _, f := range v.List {
			dst = binary.BigEndian.AppendUint32(dst, f.Type.OID())
			dst = appendSized(dst, f)
		}
		return dst
	}
}

// appendSized appends a value with its length before it, -1 for NULL.
func appendSized(dst []byte, v Value) []byte {
	if v.Null {
		return binary.BigEndian.AppendUint32(dst, math.MaxUint32)
	}
	start := len(dst)
	dst = AppendBinary(append(dst, 0, 0, 0, 0), v)
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst
}

// AppendBoolBinary appends a boolean in the binary format.
func AppendBoolBinary(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// AppendIntBinary appends a value of one of the ClassInt types in the binary format.
func AppendIntBinary(dst []byte, t Type, v int64) []byte {
	switch t.Kind {
	case KindInt2:
		return binary.BigEndian.AppendUint16(dst, uint16(v))
	case KindDate:
		switch v {
		case Infinity:
			v = math.MaxInt32
		case NegInfinity:
			v = math.MinInt32
		default:
			v -= days2000
		}
		return binary.BigEndian.AppendUint32(dst, uint32(v))
	case KindTimestamp, KindTimestampTZ:
		if v != Infinity && v != NegInfinity {
			v -= epoch2000
		}
		return binary.BigEndian.AppendUint64(dst, uint64(v))
	case KindEnum:
		return append(dst, t.Enum().of(v)...)
	case KindInt8, KindTime, KindLSN, KindXID8:
		return binary.BigEndian.AppendUint64(dst, uint64(v))
	default:
		return binary.BigEndian.AppendUint32(dst, uint32(v))
	}
}

// AppendFloatBinary appends a float4 or float8 in the binary format.
func AppendFloatBinary(dst []byte, t Type, v float64) []byte {
	switch {
	case t.Kind == KindFloat4 && v != v:
		return binary.BigEndian.AppendUint32(dst, 0x7fc00000)
	case t.Kind == KindFloat4:
		return binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(v)))
	case v != v:
		return binary.BigEndian.AppendUint64(dst, 0x7ff8000000000000)
	}
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(v))
}

// AppendIntervalBinary appends an interval in the binary format.
func AppendIntervalBinary(dst []byte, v Interval) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(v.Micros))
	dst = binary.BigEndian.AppendUint32(dst, uint32(v.Days))
	return binary.BigEndian.AppendUint32(dst, uint32(v.Months))
}

// jsonbVersion is the byte that a jsonb or jsonpath begins with in the binary format.
const jsonbVersion = 1

// AppendBytesBinary appends a value of one of the ClassBytes types in the binary format.
func AppendBytesBinary[S string | []byte](dst []byte, t Type, s S) []byte {
	if t.Kind == KindJSONB || t.Kind == KindJSONPath {
		dst = append(dst, jsonbVersion)
	}
	if t.Kind == KindCharByte && len(s) == 0 {
		return append(dst, 0)
	}
	if t.Kind == KindInet || t.Kind == KindCIDR {
		return NetworkOf(s).appendBinary(dst, t.Kind == KindCIDR)
	}
	return append(dst, s...)
}

// ParseBinary reads a value of type t in PostgreSQL's binary format, without the length before it.
func ParseBinary(t Type, b []byte) (Value, error) {
	if t.Kind == KindEnum { // its text
		return Parse(t, string(b), Env{})
	}
	if n := t.Len(); n > 0 && len(b) < int(n) && t.Kind != KindName {
		return Value{}, sqlerr.New(sqlerr.ProtocolViolation, "insufficient data left in message")
	}
	v := Value{Type: t}
	ok := true
	var err error
	switch t.Class() {
	case ClassBool:
		v.Bool, ok = len(b) == 1 && b[0] != 0, len(b) == 1
	case ClassInt:
		return parseIntBinary(t, b)
	case ClassFloat:
		switch {
		case t.Kind == KindFloat4 && len(b) == 4:
			v.Float = float64(math.Float32frombits(binary.BigEndian.Uint32(b)))
		case t.Kind == KindFloat8 && len(b) == 8:
			v.Float = math.Float64frombits(binary.BigEndian.Uint64(b))
		default:
			ok = false
		}
	case ClassDecimal:
		v.Dec, err = ParseDecimalBinary(b)
	case ClassInterval:
		if ok = len(b) == 16; ok {
			v.Ivl.Micros = int64(binary.BigEndian.Uint64(b))
			v.Ivl.Days = int32(binary.BigEndian.Uint32(b[8:]))
			v.Ivl.Months = int32(binary.BigEndian.Uint32(b[12:]))
		}
	case ClassBytes:
		v.Str, err = parseBytesBinary(t, b)
	case ClassList:
		return parseArrayBinary(t, b)
	case ClassMap:
		if len(b) == 0 || b[0] != jsonbVersion {
			return Value{}, errBinary(t)
		}
		return parseMap(t, string(b[1:]), Env{})
	default:
		return parseStructBinary(t, b)
	}
	if !ok {
		err = errBinary(t)
	}
	if err == nil && t.Mod >= 0 {
		v, err = v.Fit(t, false)
	}
	if err != nil {
		return Value{}, err
	}
	return v, nil
}

func parseIntBinary(t Type, b []byte) (Value, error) {
	v := Value{Type: t}
	if len(b) != int(t.Len()) {
		return Value{}, errBinary(t)
	}
	switch len(b) {
	case 2:
		v.Int = int64(int16(binary.BigEndian.Uint16(b)))
	case 4:
		v.Int = int64(int32(binary.BigEndian.Uint32(b)))
	default:
		v.Int = int64(binary.BigEndian.Uint64(b))
	}
	switch t.Kind {
	case KindInt2, KindInt4, KindInt8, KindLSN, KindXID8:
	case KindDate:
		switch v.Int {
		case math.MaxInt32:
			v.Int = Infinity
		case math.MinInt32:
			v.Int = NegInfinity
		default:
			v.Int += days2000
			if v.Int < minDate || v.Int >= endDate {
				return Value{}, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range")
			}
		}
	case KindTime:
		if v.Int < 0 || v.Int > microsPerDay {
			return Value{}, sqlerr.New(sqlerr.DatetimeFieldOverflow, "time out of range")
		}
	case KindTimestamp, KindTimestampTZ:
		if v.Int != Infinity && v.Int != NegInfinity {
			if v.Int > math.MaxInt64-1-epoch2000 || v.Int < minTimestamp-epoch2000 {
				return Value{}, sqlerr.New(sqlerr.DatetimeFieldOverflow, "timestamp out of range")
			}
			v.Int += epoch2000
		}
	default: // the OID family is not signed
		v.Int = int64(uint32(v.Int))
	}
	return v.Fit(t, false)
}

func parseBytesBinary(t Type, b []byte) (string, error) {
	switch t.Kind {
	case KindBytea:
		return string(b), nil
	case KindUUID:
		if len(b) != 16 {
			return "", errBinary(t)
		}
		return string(b), nil
	case KindJSONB, KindJSONPath:
		if len(b) == 0 || b[0] != jsonbVersion {
			return "", sqlerr.New(sqlerr.InvalidBinaryRepresentation, "unsupported %s version number", kindNames[t.Kind])
		}
		b = b[1:]
	case KindInet, KindCIDR:
		return parseNetworkBinary(t, b)
	case KindCharByte:
		if len(b) != 1 {
			return "", errBinary(t)
		}
		if b[0] == 0 {
			return "", nil
		}
	}
	return parseBytes(t, string(b))
}

// arrayDims returns the lengths of an array's dimensions; ok is false when inner arrays differ in length or are NULL.
func arrayDims(v Value) (dims []int, ok bool) {
	if v.Type.Elem().Kind != KindArray || len(v.List) == 0 {
		return []int{len(v.List)}, true
	}
	for i, e := range v.List {
		inner, ok := arrayDims(e)
		if !ok || e.Null || len(e.List) == 0 || i > 0 && !slices.Equal(inner, dims[1:]) {
			return nil, false
		}
		if i == 0 {
			dims = append([]int{len(v.List)}, inner...)
		}
	}
	return dims, true
}

// leaf returns the type of the innermost elements.
func (t Type) leaf() Type {
	for t.Kind == KindArray {
		t = t.Elem()
	}
	return t
}

// appendArrayBinary appends an array. Arrays of arrays that are no matrix, which PostgreSQL does not have, lose what
// its format cannot say: they go as one dimension of all their elements.
func appendArrayBinary(dst []byte, v Value) []byte {
	dims, ok := arrayDims(v)
	if len(v.List) == 0 {
		dims = nil
	}
	elems, hasNull := flatten(nil, v)
	if !ok {
		dims = []int{len(elems)}
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(dims)))
	if hasNull {
		dst = append(dst, 0, 0, 0, 1)
	} else {
		dst = append(dst, 0, 0, 0, 0)
	}
	dst = binary.BigEndian.AppendUint32(dst, v.Type.leaf().OID())
	for _, n := range dims {
		dst = binary.BigEndian.AppendUint32(dst, uint32(n))
		dst = append(dst, 0, 0, 0, 1)
	}
	for _, e := range elems {
		dst = appendSized(dst, e)
	}
	return dst
}

// flatten collects the innermost elements in order.
func flatten(dst []Value, v Value) (elems []Value, hasNull bool) {
	for _, e := range v.List {
		null := e.Null
		if e.Type.Kind == KindArray {
			dst, null = flatten(dst, e)
		} else {
			dst = append(dst, e)
		}
		hasNull = hasNull || null
	}
	return dst, hasNull
}

// binaryReader takes fields off the front of b; ok turns false when there are not enough bytes.
type binaryReader struct {
	b  []byte
	ok bool
}

func (r *binaryReader) uint32() uint32 {
	if len(r.b) < 4 {
		r.ok, r.b = false, nil
		return 0
	}
	v := binary.BigEndian.Uint32(r.b)
	r.b = r.b[4:]
	return v
}

// sized reads a value with its length before it.
func (r *binaryReader) sized(t Type) (Value, error) {
	n := int32(r.uint32())
	if n == -1 && r.ok {
		return NullOf(t), nil
	}
	if !r.ok || n < 0 || int(n) > len(r.b) {
		r.ok = false
		return Value{}, sqlerr.New(sqlerr.InvalidBinaryRepresentation, "insufficient data left in message")
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return ParseBinary(t, b)
}

// maxArrayDims is the number of dimensions that PostgreSQL allows.
const maxArrayDims = 6

func parseArrayBinary(t Type, b []byte) (Value, error) {
	r := binaryReader{b: b, ok: true}
	ndim := r.uint32()
	flags := r.uint32()
	r.uint32() // the element's OID: the type is known already
	if !r.ok || flags > 1 {
		return Value{}, sqlerr.New(sqlerr.InvalidBinaryRepresentation, "invalid array flags")
	}
	if ndim > maxArrayDims {
		return Value{}, sqlerr.New(sqlerr.ProgramLimitExceeded,
			"number of array dimensions (%d) exceeds the maximum allowed (%d)", int32(ndim), maxArrayDims)
	}
	v := Value{Type: t}
	if ndim == 0 {
		if len(r.b) > 0 {
			return Value{}, errBinary(t)
		}
		return v, nil
	}
	dims := make([]int, ndim)
	total := 1
	for i := range dims {
		n := r.uint32()
		r.uint32() // the lower bound
		if uint64(n)*uint64(total) > uint64(len(r.b)/4) {
			r.ok = false
			break
		}
		dims[i] = int(n)
		total *= int(n)
	}
	if !r.ok {
		return Value{}, errBinary(t)
	}
	depth := 0
	for e := t; e.Kind == KindArray; e = e.Elem() {
		depth++
	}
	if depth != len(dims) { // elements of a matrix in a list, or a list for a matrix
		if depth != 1 {
			return Value{}, errBinary(t)
		}
		dims = []int{total}
	}
	v, err := r.array(t, dims)
	if err == nil && len(r.b) > 0 {
		err = errBinary(t)
	}
	return v, err
}

func (r *binaryReader) array(t Type, dims []int) (Value, error) {
	v := Value{Type: t}
	for range dims[0] {
		var e Value
		var err error
		if len(dims) > 1 {
			e, err = r.array(t.Elem(), dims[1:])
		} else {
			e, err = r.sized(t.Elem())
		}
		if err != nil {
			return Value{}, err
		}
		v.List = append(v.List, e)
	}
	return v, nil
}

func parseStructBinary(t Type, b []byte) (Value, error) {
	r := binaryReader{b: b, ok: true}
	v := Value{Type: t}
	if n := r.uint32(); !r.ok || int(n) != len(t.Fields()) {
		return Value{}, sqlerr.New(sqlerr.DatatypeMismatch, "wrong number of columns: %d, expected %d", n, len(t.Fields()))
	}
	for _, f := range t.Fields() {
		r.uint32() // the field's OID: the type is known already
		x, err := r.sized(f.Type)
		if err != nil {
			return Value{}, err
		}
		v.List = append(v.List, x)
	}
	if len(r.b) > 0 {
		return Value{}, errBinary(t)
	}
	return v, nil
}
