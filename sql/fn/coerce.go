package fn

import (
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// CastContext says where a cast stands: the more deliberate, the more casts there are.
type CastContext uint8

// The contexts.
const (
	Implicit   CastContext = iota // anywhere in an expression
	Assignment                    // storing into a column
	Explicit                      // written by the user
	noCast
)

// category is PostgreSQL's pg_type.typcategory.
func category(t types.Type) byte {
	switch t.Kind {
	case types.KindBool:
		return 'B'
	case types.KindInt2, types.KindInt4, types.KindInt8, types.KindFloat4, types.KindFloat8, types.KindNumeric,
		types.KindOID, types.KindRegclass, types.KindRegtype, types.KindRegproc, types.KindRegnamespace,
		types.KindRegrole, types.KindRegprocedure, types.KindRegoperator, types.KindRegoper, types.KindRegcollation,
		types.KindRegconfig, types.KindRegdictionary:
		return 'N'
	case types.KindText, types.KindVarchar, types.KindChar, types.KindName:
		return 'S'
	case types.KindCharByte:
		return 'Z'
	case types.KindDate, types.KindTime, types.KindTimestamp, types.KindTimestampTZ:
		return 'D'
	case types.KindInterval:
		return 'T'
	case types.KindInet, types.KindCIDR:
		return 'I'
	case types.KindArray:
		return 'A'
	case types.KindEnum:
		return 'E'
	case types.KindStruct:
		return 'C'
	case types.KindUnknown:
		return 'X'
	}
	if IsPseudo(t) || t.Kind == types.KindVoid {
		return 'P'
	}
	return 'U'
}

// preferred reports whether t is the type its category falls back to.
func preferred(t types.Type) bool {
	switch t.Kind {
	case types.KindBool, types.KindFloat8, types.KindOID, types.KindText, types.KindTimestampTZ, types.KindInterval,
		types.KindInet:
		return true
	}
	return false
}

// castContexts is PostgreSQL's pg_cast for the types there are: for each pair the least deliberate context in which
// the cast is made. Casts through text and those of nested types follow rules instead; see castContext.
var castContexts = map[[2]types.Kind]CastContext{}

func init() {
	add := func(ctx CastContext, from types.Kind, to ...types.Kind) {
		for _, t := range to {
			castContexts[[2]types.Kind{from, t}] = ctx
		}
	}
	const (
		i2, i4, i8, f4, f8, num = types.KindInt2, types.KindInt4, types.KindInt8, types.KindFloat4, types.KindFloat8,
			types.KindNumeric
		txt, vc, ch, name, cb = types.KindText, types.KindVarchar, types.KindChar, types.KindName, types.KindCharByte
		date, tm, ts, tz, ivl = types.KindDate, types.KindTime, types.KindTimestamp, types.KindTimestampTZ,
			types.KindInterval
		oid = types.KindOID
	)
	add(Implicit, i2, i4, i8, f4, f8, num)
	add(Implicit, i4, i8, f4, f8, num)
	add(Assignment, i4, i2)
	add(Explicit, i4, types.KindBool, cb)
	add(Implicit, i8, f4, f8, num)
	add(Assignment, i8, i2, i4)
	add(Implicit, f4, f8)
	add(Assignment, f4, i2, i4, i8, num)
	add(Assignment, f8, i2, i4, i8, f4, num)
	add(Implicit, num, f4, f8)
	add(Assignment, num, i2, i4, i8)
	add(Explicit, types.KindBool, i4)
	regs := []types.Kind{types.KindRegclass, types.KindRegtype, types.KindRegproc, types.KindRegnamespace,
		types.KindRegrole, types.KindRegprocedure, types.KindRegoperator, types.KindRegoper, types.KindRegcollation,
		types.KindRegconfig, types.KindRegdictionary}
	for _, n := range []types.Kind{i2, i4, i8} {
		add(Implicit, n, oid)
		add(Implicit, n, regs...)
	}
	add(Implicit, oid, regs...)
	add(Assignment, oid, i4, i8)
	add(Implicit, types.KindCIDR, types.KindInet)
	add(Assignment, types.KindInet, types.KindCIDR)
	add(Explicit, types.KindXID8, types.KindXID)
	add(Implicit, types.KindRegoper, types.KindRegoperator)
	add(Implicit, types.KindRegoperator, types.KindRegoper)
	add(Implicit, types.KindRegproc, types.KindRegprocedure)
	add(Implicit, types.KindRegprocedure, types.KindRegproc)
	for _, r := range regs {
		add(Implicit, r, oid)
		add(Assignment, r, i4, i8)
	}
	add(Implicit, txt, vc, ch, name, types.KindRegclass)
	add(Assignment, txt, cb)
	add(Implicit, vc, txt, ch, name, types.KindRegclass)
	add(Assignment, vc, cb)
	add(Implicit, ch, txt, vc, name)
	add(Assignment, ch, cb)
	add(Implicit, name, txt)
	add(Assignment, name, ch, vc)
	add(Implicit, cb, txt)
	add(Assignment, cb, ch, vc)
	add(Explicit, cb, i4)
	add(Implicit, types.KindNodeTree, txt)
	add(Implicit, types.KindAnyArray, txt)
	add(Implicit, date, ts, tz)
	add(Implicit, ts, tz)
	add(Assignment, ts, date, tm)
	add(Assignment, tz, date, tm, ts)
	add(Implicit, tm, ivl)
	add(Assignment, ivl, tm)
	add(Assignment, types.KindJSON, types.KindJSONB)
	add(Assignment, types.KindJSONB, types.KindJSON)
	add(Explicit, types.KindJSONB, types.KindBool, i2, i4, i8, f4, f8, num)
}

// castContext returns the least deliberate context in which from becomes to; noCast when there is none.
func castContext(from, to types.Type) CastContext {
	switch {
	case from == to || from.Kind == to.Kind && from.Kind < types.KindArray || from == types.Unknown:
		return Implicit
	case from.Kind == to.Kind && from.Kind == types.KindEnum:
		return noCast
	case from.Kind == to.Kind:
		return nestedContext(from, to)
	}
	if ctx, ok := castContexts[[2]types.Kind{from.Kind, to.Kind}]; ok {
		return ctx
	}
	switch {
	case to.Kind == types.KindVoid || from.Kind == types.KindVoid || to.Kind == types.KindUnknown:
		return noCast
	case to.IsString():
		return Assignment // every type prints itself
	case from.IsString():
		return Explicit // and reads itself
	}
	return noCast
}

// nestedContext is castContext for two arrays, maps or structs.
func nestedContext(from, to types.Type) CastContext {
	switch from.Kind {
	case types.KindMap:
		return max(castContext(from.Key(), to.Key()), castContext(from.Elem(), to.Elem()))
	case types.KindStruct:
		f, t := from.Fields(), to.Fields()
		if len(f) != len(t) {
			return noCast
		}
		ctx := Implicit
		for i := range f {
			ctx = max(ctx, castContext(f[i].Type, t[i].Type))
		}
		return ctx
	default:
		return castContext(from.Elem(), to.Elem())
	}
}

// CanCast reports whether a value of type from is converted to the type to in the context ctx. Modifiers do not
// matter.
func CanCast(from, to types.Type, ctx CastContext) bool {
	return castContext(base(from), base(to)) <= ctx
}

// CommonType returns the type that all of ts are converted to where one is needed, by the rules of PostgreSQL's
// chapter 10.5. what names the construct in the error: "CASE", "UNION", "VALUES", "COALESCE", "ARRAY". Untyped
// literals follow the others; when there is nothing else the type is text.
func CommonType(ts []types.Type, what string) (types.Type, error) {
	if len(ts) > 0 && ts[0] != types.Unknown && allSame(ts) {
		return ts[0], nil
	}
	best := types.Unknown
	for _, t := range ts {
		t = base(t)
		switch {
		case t == types.Unknown || t == best:
		case best == types.Unknown:
			best = t
		case category(best) != category(t):
			return best, sqlerr.New(sqlerr.DatatypeMismatch, "%s types %s and %s cannot be matched", what, best, t)
		case preferred(best):
		case CanCast(best, t, Implicit) && !CanCast(t, best, Implicit):
			best = t
		}
	}
	if best == types.Unknown {
		return types.Text, nil
	}
	for _, t := range ts {
		if !CanCast(t, best, Implicit) {
			return best, sqlerr.New(sqlerr.CannotCoerce, "%s could not convert type %s to %s", what, base(t), best)
		}
	}
	return best, nil
}

func allSame(ts []types.Type) bool {
	for _, t := range ts[1:] {
		if t != ts[0] {
			return false
		}
	}
	return true
}
