package vec

import (
	"bytes"
	"cmp"
	"math"

	"github.com/leatdb/leat/sql/types"
)

// Compare compares row i of a with row j of b, columns of the same class, in SQL order: -1, 0 or 1. Neither row may be
// NULL; inside arrays, maps and structs NULLs equal each other and come last. Maps, which SQL does not order, compare
// by their entries in key order.
func Compare(a *Column, i int, b *Column, j int) int {
	i, j = a.At(i), b.At(j)
	switch a.Type.Class() {
	case types.ClassBool:
		return compareBool(a.Bool[i], b.Bool[j])
	case types.ClassInt:
		return cmp.Compare(a.Int[i], b.Int[j])
	case types.ClassFloat:
		return compareFloat(a.Float[i], b.Float[j])
	case types.ClassDecimal:
		return a.Dec[i].Cmp(b.Dec[j])
	case types.ClassInterval:
		return a.Ivl[i].Cmp(b.Ivl[j])
	case types.ClassBytes:
		return compareBytes(a.Type.Kind, a.Bytes(i), b.Bytes(j))
	case types.ClassList:
		return compareLists(a, i, b, j)
	case types.ClassMap:
		return bytes.Compare(appendMapKey(nil, a, i), appendMapKey(nil, b, j))
	default:
		for k := range a.Kids {
			if c := compareElems(a.Kids[k], i, b.Kids[k], j); c != 0 {
				return c
			}
		}
		return 0
	}
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

// compareFloat puts NaN after everything else.
func compareFloat(x, y float64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	case x == y:
		return 0
	case math.IsNaN(x) && math.IsNaN(y):
		return 0
	case math.IsNaN(x):
		return 1
	default:
		return -1
	}
}

func compareBytes(k types.Kind, x, y []byte) int {
	switch k {
	case types.KindChar:
		x, y = trimBlanks(x), trimBlanks(y)
	case types.KindJSONB:
		return types.CompareJSONB(x, y)
	}
	return bytes.Compare(x, y)
}

// trimBlanks removes what char(n) pads with, which does not count in comparisons.
func trimBlanks(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}

func compareLists(a *Column, i int, b *Column, j int) int {
	x, xEnd := int(a.Off[i]), int(a.Off[i+1])
	y, yEnd := int(b.Off[j]), int(b.Off[j+1])
	for ; x < xEnd && y < yEnd; x, y = x+1, y+1 {
		if c := compareElems(a.Kids[0], x, b.Kids[0], y); c != 0 {
			return c
		}
	}
	return cmp.Compare(xEnd-x, yEnd-y)
}

// compareElems compares with NULLs last.
func compareElems(a *Column, i int, b *Column, j int) int {
	an, bn := a.IsNull(i), b.IsNull(j)
	if an || bn {
		return compareBool(an, bn)
	}
	return Compare(a, i, b, j)
}
