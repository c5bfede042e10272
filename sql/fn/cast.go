package fn

import (
	"math"
	"sort"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// Cast converts in to the type of out, which is empty; the type's modifier is applied. Rows that are NULL stay NULL;
// rows that cannot be converted are reported to c. explicit says that the user wrote the cast: then text is cut to
// the length of its type instead of refused.
func Cast(c *Call, in, out *vec.Column, explicit bool) {
	from, to := in.Type, out.Type
	if from.Kind == to.Kind && from.Class() >= types.ClassList {
		castNested(c, in, out, explicit)
		return
	}
	f := caster(from, to, explicit)
	out.Grow(c.N)
	for i := range c.N {
		if c.Skips(i) || in.IsNull(i) {
			out.AppendNull()
			continue
		}
		if err := f(Row{c, []*vec.Column{in}, i}, out); err != nil {
			out.Truncate(i)
			out.AppendNull()
			c.Fail(i, err)
		}
	}
}

// SameValues reports whether a cast changes nothing but the name of the type, so that a column can be shared.
func SameValues(from, to types.Type) bool {
	if from == to {
		return true
	}
	if to.Mod != -1 {
		return false
	}
	if from.Kind == to.Kind {
		return from.Class() < types.ClassList
	}
	switch to.Kind {
	case types.KindText, types.KindVarchar:
		return from.Kind == types.KindText || from.Kind == types.KindVarchar || from.Kind == types.KindName ||
			from.Kind == types.KindUnknown
	case types.KindInt8:
		return from.Kind == types.KindInt4 || from.Kind == types.KindInt2
	case types.KindInt4:
		return from.Kind == types.KindInt2
	case types.KindFloat8:
		return from.Kind == types.KindFloat4
	}
	return false
}

// ImmutableCast reports whether a cast gives the same in every session and at any time. Literals count as such: they
// are read once.
func ImmutableCast(from, to types.Type) bool {
	if from == types.Unknown || from.Base() == to.Base() {
		return true
	}
	for _, t := range [...]types.Type{from, to} {
		switch t.Kind {
		case types.KindTimestampTZ, types.KindRegclass, types.KindRegtype, types.KindRegproc, types.KindRegnamespace,
			types.KindRegrole, types.KindRegprocedure, types.KindRegoperator, types.KindRegoper, types.KindRegcollation,
			types.KindRegconfig, types.KindRegdictionary:
			return false
		case types.KindArray, types.KindMap:
			if !ImmutableCast(from.Elem(), to.Elem()) {
				return false
			}
		}
	}
	return !from.IsString() || category(to) != 'D'
}

// typesEnv is what package types needs to know of the session for values of type t.
func (e *Env) typesEnv(t types.Type) types.Env {
	return e.named(t, types.Env{Location: e.Location(), Now: e.Now, Style: e.Style})
}

func (c *Call) typesEnv(t types.Type) types.Env {
	return c.Env.named(t, types.Env{Location: c.Location(), Now: c.Env.Now, Style: c.Env.Style})
}

// named adds the names of objects, which costs allocations, for types that have them in their text.
func (e *Env) named(t types.Type, env types.Env) types.Env {
	if regRelations[t.Kind] == "" && t.Class() < types.ClassList {
		return env
	}
	return RegNames(env, e.Catalog)
}

// A castFunc converts one value, which is not NULL, and appends it; or fails, having appended nothing.
type castFunc = func(r Row, out *vec.Column) error

// caster picks the conversion between two types of different kinds, or of one kind with another modifier.
func caster(from, to types.Type, explicit bool) castFunc {
	switch {
	case from.IsString() || from == types.Unknown || from.Kind == types.KindCharByte && to.Kind != types.KindInt4:
		if to.IsString() || to.Kind == types.KindCharByte || to == types.Unknown {
			return refit(from, to, explicit)
		}
		return parser(to)
	case to.Kind == types.KindInet && from.Kind == types.KindCIDR,
		to.Kind == types.KindCIDR && from.Kind == types.KindInet:
		return networkCaster(to)
	case to.Kind == types.KindXID && from.Kind == types.KindXID8:
		return func(r Row, out *vec.Column) error { out.AppendInt(int64(uint32(r.Int(0)))); return nil }
	case to.IsString():
		return printer(to, explicit)
	case from.Kind == types.KindJSONB && (to.IsNumber() || to.Kind == types.KindBool):
		return jsonScalarCaster(to, explicit)
	case to.Class() == types.ClassInt && from.Class() == types.ClassInt && category(from) != 'D' && category(to) != 'D':
		return intCaster(from, to)
	case to.Kind == types.KindNumeric:
		return toNumeric(from, to)
	case to.Class() == types.ClassFloat:
		return toFloat(from, to)
	case from.Class() == types.ClassFloat && to.Class() == types.ClassInt:
		return floatToInt(to)
	case from.Class() == types.ClassDecimal && to.Class() == types.ClassInt:
		return decToInt(to)
	case from.Kind == types.KindBool && to.Kind == types.KindInt4:
		return func(r Row, out *vec.Column) error { out.AppendInt(boolInt(r.Bool(0))); return nil }
	case from.Kind == types.KindInt4 && to.Kind == types.KindBool:
		return func(r Row, out *vec.Column) error { out.AppendBool(r.Int(0) != 0); return nil }
	case category(from) == 'D' || category(from) == 'T':
		return timeCaster(from, to)
	}
	return throughText(to, explicit)
}

func boolInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// refit converts between string types.
func refit(from, to types.Type, explicit bool) castFunc {
	blank := from.Kind == types.KindChar && to.Kind != types.KindChar
	return func(r Row, out *vec.Column) error {
		s := r.Bytes(0)
		if blank {
			s = trimBlanks(s)
		}
		return appendFitted(out, s, to, explicit)
	}
}

func trimBlanks(s []byte) []byte {
	for len(s) > 0 && s[len(s)-1] == ' ' {
		s = s[:len(s)-1]
	}
	return s
}

const maxNameBytes = 63

// appendFitted appends s brought to the length that t asks for. Explicit casts cut it; others fail, unless what is
// too much are blanks.
func appendFitted(out *vec.Column, s []byte, t types.Type, explicit bool) error {
	switch {
	case t.Kind == types.KindName && len(s) > maxNameBytes:
		n := maxNameBytes
		for n > 0 && s[n]&0xc0 == 0x80 {
			n--
		}
		s = s[:n]
	case t.Kind == types.KindCharByte && len(s) > 1:
		s = s[:1]
	case (t.Kind == types.KindVarchar || t.Kind == types.KindChar) && t.Mod >= 4:
		n := int(t.Mod - 4)
		cut, have := runeOffset(s, n)
		if rest := s[cut:]; !explicit && len(trimBlanks(rest)) > 0 {
			return sqlerr.New(sqlerr.StringDataRightTruncation, "value too long for type %s", t)
		}
		out.Data = append(out.Data, s[:cut]...)
		for ; t.Kind == types.KindChar && have < n; have++ {
			out.Data = append(out.Data, ' ')
		}
		out.CloseBytes()
		return nil
	}
	out.AppendBytes(s)
	return nil
}

// runeOffset returns where the n-th character ends, or the text does; and how many characters that are.
func runeOffset(s []byte, n int) (offset, count int) {
	for offset < len(s) && count < n {
		offset++
		for offset < len(s) && s[offset]&0xc0 == 0x80 {
			offset++
		}
		count++
	}
	return offset, count
}

// parser reads text.
func parser(to types.Type) castFunc {
	intBits := map[types.Kind]int{types.KindInt2: 16, types.KindInt4: 32, types.KindInt8: 64}[to.Kind]
	switch to.Kind {
	case types.KindBool:
		return func(r Row, out *vec.Column) error {
			v, err := types.ParseBool(r.Bytes(0))
			if err == nil {
				out.AppendBool(v)
			}
			return err
		}
	case types.KindInt2, types.KindInt4, types.KindInt8:
		return func(r Row, out *vec.Column) error {
			v, err := types.ParseInt(r.Bytes(0), intBits)
			if err == nil {
				out.AppendInt(v)
			}
			return err
		}
	case types.KindFloat4, types.KindFloat8:
		bits := 64
		if to.Kind == types.KindFloat4 {
			bits = 32
		}
		return func(r Row, out *vec.Column) error {
			v, err := types.ParseFloat(r.Bytes(0), bits)
			if err == nil {
				out.AppendFloat(v)
			}
			return err
		}
	case types.KindNumeric:
		return func(r Row, out *vec.Column) error {
			v, err := types.ParseDecimal(r.Bytes(0))
			if err != nil {
				return err
			}
			return appendFit(out, v)
		}
	}
	return func(r Row, out *vec.Column) error {
		v, err := types.Parse(to, r.Text(0), r.typesEnv(to))
		if err == nil {
			out.AppendValue(v)
		}
		return err
	}
}

// printer writes text.
func printer(to types.Type, explicit bool) castFunc {
	return func(r Row, out *vec.Column) error {
		col, i := r.Col(0)
		var buf [64]byte
		s := buf[:0]
		if to.Kind == types.KindName {
			s = appendOutput(s, col, i, r.Env)
		} else {
			s = AppendText(s, col, i, r.Env)
		}
		return appendFitted(out, s, to, explicit)
	}
}

// throughText converts by printing and reading.
func throughText(to types.Type, explicit bool) castFunc {
	return func(r Row, out *vec.Column) error {
		col, i := r.Col(0)
		v, err := types.Parse(to, string(AppendText(nil, col, i, r.Env)), r.typesEnv(to))
		if err == nil {
			out.AppendValue(v)
		}
		return err
	}
}

// AppendText appends row i of col, which is not NULL, as a cast to text prints it: like the output of a query, but for
// booleans, which are spelled out.
func AppendText(dst []byte, col *vec.Column, i int, env *Env) []byte {
	i = col.At(i)
	switch col.Type.Kind {
	case types.KindBool:
		if col.Bool[i] {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	case types.KindInt2, types.KindInt4, types.KindInt8, types.KindOID:
		return types.AppendInt(dst, col.Int[i])
	case types.KindFloat8, types.KindFloat4:
		return types.AppendFloatStyle(dst, col.Type, col.Float[i], env.Style)
	case types.KindNumeric:
		return types.AppendDecimal(dst, col.Dec[i])
	case types.KindText, types.KindVarchar, types.KindName, types.KindUnknown:
		return append(dst, col.Bytes(i)...)
	case types.KindChar:
		return append(dst, trimBlanks(col.Bytes(i))...)
	case types.KindInet:
		return append(dst, types.NetworkOf(col.Bytes(i)).String()...)
	}
	return types.AppendText(dst, col.Value(i), env.typesEnv(col.Type))
}

func intCaster(from, to types.Type) castFunc {
	lo, hi, name := limits(to.Kind)
	if to.Kind != types.KindInt2 && to.Kind != types.KindInt4 && to.Kind != types.KindInt8 { // the oid family
		lo, hi, name = math.MinInt32, math.MaxUint32, "OID"
		if from.Kind == types.KindInt8 {
			lo = 0
		}
	}
	isOID := name == "OID"
	wraps := to.Kind == types.KindInt4 && category(from) == 'N' && !from.IsNumber()
	return func(r Row, out *vec.Column) error {
		v := r.Int(0)
		if wraps {
			v = int64(int32(v))
		}
		if v < lo || v > hi {
			return outOfRange(name)
		}
		if isOID {
			v = int64(uint32(v))
		}
		out.AppendInt(v)
		return nil
	}
}

// appendFit appends v rounded to the precision and scale of out's type.
func appendFit(out *vec.Column, v types.Decimal) error {
	p, s := out.Type.PrecisionScale()
	v, err := v.Fit(p, s)
	if err == nil {
		out.AppendDec(v)
	}
	return err
}

func toNumeric(from, to types.Type) castFunc {
	switch from.Class() {
	case types.ClassInt:
		return func(r Row, out *vec.Column) error { return appendFit(out, types.DecimalFromInt64(r.Int(0))) }
	case types.ClassFloat:
		bits := 64
		if from.Kind == types.KindFloat4 {
			bits = 32
		}
		return func(r Row, out *vec.Column) error {
			v, err := types.DecimalFromFloat(r.Float(0), bits)
			if err != nil {
				return err
			}
			return appendFit(out, v)
		}
	case types.ClassDecimal:
		return func(r Row, out *vec.Column) error { return appendFit(out, r.Dec(0)) }
	}
	return throughText(to, true)
}

func toFloat(from, to types.Type) castFunc {
	single := to.Kind == types.KindFloat4
	switch from.Class() {
	case types.ClassInt:
		return func(r Row, out *vec.Column) error {
			v := float64(r.Int(0))
			if single {
				v = float64(float32(r.Int(0)))
			}
			out.AppendFloat(v)
			return nil
		}
	case types.ClassFloat:
		return func(r Row, out *vec.Column) error {
			x := r.Float(0)
			v := float64(float32(x))
			switch {
			case math.IsInf(v, 0) && !math.IsInf(x, 0):
				return floatOverflow()
			case v == 0 && x != 0:
				return floatUnderflow()
			}
			out.AppendFloat(v)
			return nil
		}
	case types.ClassDecimal:
		return func(r Row, out *vec.Column) error {
			d := r.Dec(0)
			v := d.Float64()
			if single && !math.IsInf(v, 0) {
				w, err := types.ParseFloat(types.AppendDecimal(nil, d), 32)
				if err != nil {
					return err
				}
				v = w
			}
			if math.IsInf(v, 0) && !d.IsInf() {
				return sqlerr.New(sqlerr.NumericValueOutOfRange, "%q is out of range for type %s", d.String(), to)
			}
			out.AppendFloat(v)
			return nil
		}
	}
	return throughText(to, true)
}

func floatToInt(to types.Type) castFunc {
	lo, hi, name := limits(to.Kind)
	return func(r Row, out *vec.Column) error {
		v := math.RoundToEven(r.Float(0))
		if math.IsNaN(v) || v < float64(lo) || v > float64(hi) || hi == math.MaxInt64 && v >= 1<<63 {
			return outOfRange(name)
		}
		out.AppendInt(int64(v))
		return nil
	}
}

func decToInt(to types.Type) castFunc {
	return func(r Row, out *vec.Column) error {
		v, err := wholeOf(r.Dec(0), to.Kind)
		if err == nil {
			out.AppendInt(v)
		}
		return err
	}
}

// wholeOf rounds a numeric to an integer of a type.
func wholeOf(d types.Decimal, k types.Kind) (int64, error) {
	lo, hi, name := limits(k)
	switch {
	case d.IsNaN():
		return 0, sqlerr.New(sqlerr.FeatureNotSupported, "cannot convert NaN to %s", name)
	case d.IsInf():
		return 0, sqlerr.New(sqlerr.FeatureNotSupported, "cannot convert infinity to %s", name)
	}
	v, ok := d.Int64()
	if !ok || v < lo || v > hi {
		return 0, outOfRange(name)
	}
	return v, nil
}

// castNested converts arrays, maps and structs part by part.
func castNested(c *Call, in, out *vec.Column, explicit bool) {
	if in.Type.Kind == types.KindStruct {
		for k, kid := range in.Kids {
			sub := Call{N: c.N, Env: c.Env, Ret: out.Kids[k].Type, Null: c.Null}
			castPart(&sub, kid, out.Kids[k], explicit)
			for i, err := range sub.Errs {
				c.Fail(i, err)
			}
		}
		out.SetLen(c.N)
		copyNulls(in, out, c.N)
		return
	}
	lo, hi := int(in.Off[0]), int(in.Off[c.N])
	for k, kid := range in.Kids {
		sub := Call{N: hi - lo, Env: c.Env, Ret: out.Kids[k].Type}
		castPart(&sub, kid.Slice(lo, hi), out.Kids[k], explicit)
		for at, err := range sub.Errs {
			c.Fail(sort.Search(c.N, func(i int) bool { return int(in.Off[i+1]) > lo+at }), err)
		}
	}
	out.Off = append(out.Off[:0], in.Off[:c.N+1]...)
	for i := range out.Off {
		out.Off[i] -= uint32(lo)
	}
	out.SetLen(c.N)
	copyNulls(in, out, c.N)
}

// castPart is Cast for the elements or a field of a nested value, of which some may have their type already.
func castPart(c *Call, in, out *vec.Column, explicit bool) {
	if SameValues(in.Type, out.Type) {
		out.AppendRange(in, 0, c.N)
	} else {
		Cast(c, in, out, explicit)
	}
}

func copyNulls(in, out *vec.Column, n int) {
	for i := range n {
		if in.IsNull(i) {
			out.SetNull(i)
		}
	}
}
