package types

import (
	"cmp"
	"math"
	"strings"
)

// Compare compares two values of the same class in SQL order: -1, 0 or 1. NULLs equal each other and come last. Maps,
// which SQL does not order, compare entry by entry as they stand.
func Compare(a, b Value) int {
	if a.Null || b.Null {
		return compareBool(a.Null, b.Null)
	}
	switch a.Type.Class() {
	case ClassBool:
		return compareBool(a.Bool, b.Bool)
	case ClassInt:
		return cmpInt(a.Int, b.Int)
	case ClassFloat:
		if an, bn := math.IsNaN(a.Float), math.IsNaN(b.Float); an || bn {
			return compareBool(an, bn)
		}
		return cmp.Compare(a.Float, b.Float)
	case ClassDecimal:
		return a.Dec.Cmp(b.Dec)
	case ClassInterval:
		return a.Ivl.Cmp(b.Ivl)
	case ClassBytes:
		switch a.Type.Kind {
		case KindChar:
			return strings.Compare(strings.TrimRight(a.Str, " "), strings.TrimRight(b.Str, " "))
		case KindJSONB:
			return CompareJSONB([]byte(a.Str), []byte(b.Str))
		}
		return strings.Compare(a.Str, b.Str)
	}
	for i := range min(len(a.List), len(b.List)) {
		if c := Compare(a.List[i], b.List[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a.List), len(b.List))
}

func compareBool(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return 1
	default:
		return -1
	}
}
