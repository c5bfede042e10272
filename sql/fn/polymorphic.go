package fn

import (
	"strings"

	"github.com/leatdb/leat/sql/types"
)

// The pseudo-types stand in declarations for "any type such that …". No column has one: resolution replaces them. As in
// PostgreSQL the "element" family must agree exactly, the "compatible" family is converted to a common type.
var (
	Any               = pseudo(0) // any type, converted to nothing
	AnyElement        = pseudo(1)
	AnyArray          = pseudo(2)
	AnyNonArray       = pseudo(3)
	AnyCompat         = pseudo(4)
	AnyCompatArray    = pseudo(5)
	AnyCompatNonArray = pseudo(6)
	AnyMap            = pseudo(7)
	AnyStruct         = pseudo(8)
	AnyEnum           = pseudo(9)
)

const firstPseudo types.Kind = 200

func pseudo(n types.Kind) types.Type { return types.Type{Kind: firstPseudo + n, Mod: -1} }

// IsPseudo reports whether a type of a declaration stands for many.
func IsPseudo(t types.Type) bool { return t.Kind >= firstPseudo }

var pseudoNames = [...]string{
	"\"any\"", "anyelement", "anyarray", "anynonarray", "anycompatible", "anycompatiblearray", "anycompatiblenonarray",
	"map", "struct", "anyenum",
}

// TypeName spells a type of a declaration, pseudo-types included.
func TypeName(t types.Type) string {
	if IsPseudo(t) {
		return pseudoNames[t.Kind-firstPseudo]
	}
	return t.String()
}

// Signature spells a list of types as in error messages: "integer, text".
func Signature(ts []types.Type) string {
	names := make([]string, len(ts))
	for i, t := range ts {
		names[i] = TypeName(t)
	}
	return strings.Join(names, ", ")
}

// base strips type modifiers, those of array elements included.
func base(t types.Type) types.Type {
	if t.Kind == types.KindArray {
		if e := t.Elem(); base(e) != e {
			return types.ArrayOf(base(e))
		}
	}
	return t.Base()
}

// binding is what the pseudo-types of one declaration stand for in one call.
type binding struct {
	elem, compat types.Type
	undetermined bool // nothing says what elem is
}

// bind finds what the pseudo-types of want stand for, given the actual types. The lists have one length.
func bind(want, have []types.Type) (b binding, ok bool) {
	b.elem, b.compat = types.Unknown, types.Unknown
	var compat []types.Type
	sawElem, sawCompat, sawEnum := false, false, false
	for i, w := range want {
		h := base(have[i])
		switch w {
		case AnyElement, AnyNonArray, AnyArray, AnyEnum:
			sawElem, sawEnum = true, sawEnum || w == AnyEnum
			if h == types.Unknown {
				continue
			}
			if w == AnyArray {
				if h.Kind != types.KindArray {
					return b, false
				}
				h = h.Elem()
			} else if w == AnyNonArray && h.Kind == types.KindArray || w == AnyEnum && h.Kind != types.KindEnum {
				return b, false
			}
			if b.elem != types.Unknown && b.elem != h {
				return b, false
			}
			b.elem = h
		case AnyCompat, AnyCompatNonArray, AnyCompatArray:
			sawCompat = true
			if h == types.Unknown {
				continue
			}
			if w == AnyCompatArray {
				if h.Kind != types.KindArray {
					return b, false
				}
				h = h.Elem()
			}
			compat = append(compat, h)
		case AnyMap:
			if h.Kind != types.KindMap {
				return b, false
			}
		case AnyStruct:
			if h.Kind != types.KindStruct {
				return b, false
			}
		}
	}
	if sawCompat {
		c, err := CommonType(compat, "")
		if err != nil {
			return b, false
		}
		b.compat = c
		for i, w := range want {
			if w == AnyCompatNonArray && b.compat.Kind == types.KindArray {
				return b, false
			}
			if w == AnyCompatArray && base(have[i]) != types.Unknown &&
				!CanCast(base(have[i]), types.ArrayOf(c), Implicit) {
				return b, false
			}
		}
	}
	if sawEnum && b.elem == types.Unknown {
		return b, false
	}
	if sawElem && b.elem == types.Unknown {
		b.elem, b.undetermined = types.Text, true
	}
	return b, true
}

// apply replaces a pseudo-type by what it stands for; have is the argument's actual type.
func (b binding) apply(want, have types.Type) types.Type {
	switch want {
	case AnyElement, AnyNonArray, AnyEnum:
		return b.elem
	case AnyArray:
		if h := base(have); h.IsVector() && h.Elem() == b.elem {
			return h
		}
		return types.ArrayOf(b.elem)
	case AnyCompat, AnyCompatNonArray:
		return b.compat
	case AnyCompatArray:
		return types.ArrayOf(b.compat)
	case Any:
		if have == types.Unknown {
			return types.Text
		}
		return have
	case AnyMap, AnyStruct:
		return have
	default:
		return want
	}
}
