package fn

import (
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// The OIDs of the types that the functions of information_schema tell apart.
const (
	oidInt8, oidInt2, oidInt4     = 20, 21, 23
	oidText, oidFloat4, oidFloat8 = 25, 700, 701
	oidChar, oidVarchar, oidDate  = 1042, 1043, 1082
	oidTime, oidTimestamp, oidTZ  = 1083, 1114, 1184
	oidInterval, oidTimeTZ        = 1186, 1266
	oidBit, oidVarbit, oidNumeric = 1560, 1562, 1700
	fullFraction                  = 0xffff
)

// infoTypeDecls declares the functions of information_schema that say what a type's modifier means. BI tools ask them
// of pg_attribute and pg_type.
func infoTypeDecls() []Scalar {
	oid, i4, text := types.OID, types.Int4, types.Text
	var fs []Scalar
	add := func(name string, ret types.Type, f func(typ, mod int64) (v int64, ok bool), summary string) {
		fs = append(fs, Scalar{Name: name, Args: in(oid, i4), Ret: ret, Strict: true,
			Kernel: rowwise(func(r Row, out *vec.Column) error {
				if v, ok := f(r.Int(0), r.Int(1)); ok {
					out.AppendInt(v)
				} else {
					out.AppendNull()
				}
				return nil
			}), Doc: Doc{Category: "catalog", Summary: summary + " It is in information_schema."}})
	}
	add("_pg_char_max_length", i4, charLength, "Gives the longest length of a text type, in characters.")
	add("_pg_char_octet_length", i4, func(typ, mod int64) (int64, bool) {
		if typ != oidText && typ != oidChar && typ != oidVarchar {
			return 0, false
		}
		if n, ok := charLength(typ, mod); ok {
			return n * 4, true
		}
		return 1 << 30, true
	}, "Gives the longest length of a text type, in bytes.")
	add("_pg_numeric_precision", i4, func(typ, mod int64) (int64, bool) {
		switch typ {
		case oidInt2:
			return 16, true
		case oidInt4:
			return 32, true
		case oidInt8:
			return 64, true
		case oidNumeric:
			return (mod - 4) >> 16 & 0xffff, mod != -1
		case oidFloat4:
			return 24, true
		case oidFloat8:
			return 53, true
		}
		return 0, false
	}, "Gives the precision of a number type.")
	add("_pg_numeric_precision_radix", i4, func(typ, _ int64) (int64, bool) {
		switch typ {
		case oidInt2, oidInt4, oidInt8, oidFloat4, oidFloat8:
			return 2, true
		}
		return 10, typ == oidNumeric
	}, "Gives the base in which the precision of a number type is told.")
	add("_pg_numeric_scale", i4, func(typ, mod int64) (int64, bool) {
		switch typ {
		case oidInt2, oidInt4, oidInt8:
			return 0, true
		}
		return (mod - 4) & 0xffff, typ == oidNumeric && mod != -1
	}, "Gives the scale of a number type.")
	add("_pg_datetime_precision", i4, datetimePrecision, "Gives the digits of the seconds of a type of time.")
	fs = append(fs, Scalar{Name: "_pg_interval_type", Args: in(oid, i4), Ret: text, Strict: true, Kernel: rowwise(null),
		Doc: Doc{Category: "catalog", Summary: "Is NULL: intervals are not limited to fields. It is in information_schema."}})
	return append(fs, trueTypeDecls()...)
}

func charLength(typ, mod int64) (int64, bool) {
	switch {
	case mod == -1:
	case typ == oidChar || typ == oidVarchar:
		return mod - 4, true
	case typ == oidBit || typ == oidVarbit:
		return mod, true
	}
	return 0, false
}

func datetimePrecision(typ, mod int64) (int64, bool) {
	switch typ {
	case oidDate:
		return 0, true
	case oidTime, oidTimeTZ, oidTimestamp, oidTZ:
		if mod < 0 {
			mod = 6
		}
		return mod, true
	case oidInterval:
		if mod < 0 || mod&fullFraction == fullFraction {
			return 6, true
		}
		return mod & fullFraction, true
	}
	return 0, false
}

// trueTypeDecls declares what looks through a domain: the type, or the modifier, of a row of pg_attribute and of the
// row of pg_type of its type.
func trueTypeDecls() []Scalar {
	var fs []Scalar
	for _, d := range []struct {
		name, attribute, base string
		ret                   types.Type
	}{{"_pg_truetypid", "atttypid", "typbasetype", types.OID}, {"_pg_truetypmod", "atttypmod", "typtypmod", types.Int4}} {
		fs = append(fs, Scalar{Name: d.name, Args: in(AnyStruct, AnyStruct), Ret: d.ret, Strict: true,
			Resolve: func(args []types.Type) ([]types.Type, types.Type, bool) {
				ok := len(args) == 2 && args[0].Kind == types.KindStruct && args[1].Kind == types.KindStruct &&
					args[0].FieldIndex(d.attribute) >= 0 && args[1].FieldIndex("typtype") >= 0 && args[1].FieldIndex(d.base) >= 0
				return args, d.ret, ok
			},
			Kernel: rowwise(func(r Row, out *vec.Column) error {
				attribute, i := r.Col(0)
				typ, k := r.Col(1)
				field := func(c *vec.Column, at int, name string) (*vec.Column, int) {
					kid := c.Kids[c.Type.FieldIndex(name)]
					return kid, kid.At(at)
				}
				c, at := field(attribute, i, d.attribute)
				if kind, n := field(typ, k, "typtype"); string(kind.Bytes(n)) == "d" {
					c, at = field(typ, k, d.base)
				}
				out.AppendFrom(c, at)
				return nil
			}), Doc: Doc{Category: "catalog",
				Summary: "Gives " + d.attribute + " of a row of pg_attribute, or of a domain what it stands for. It is in " +
					"information_schema."}})
	}
	return fs
}
