package fn

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// ksqlArrayDecls declares ksqlDB's functions over one array.
func ksqlArrayDecls() []Scalar {
	text, i4, i8 := types.Text, types.Int4, types.Int8
	fs := []Scalar{
		{Name: "array_max", Args: in(AnyArray), Ret: AnyElement, Strict: true, Kernel: rowwise(arrayExtreme(1)),
			Doc: Doc{Category: "array", Summary: "Gives the greatest element that is not NULL.",
				Examples: ex("array_max(ARRAY[3,NULL,7])", "7")}},
		{Name: "array_min", Args: in(AnyArray), Ret: AnyElement, Strict: true, Kernel: rowwise(arrayExtreme(-1)),
			Doc: Doc{Summary: "Gives the least element that is not NULL.", Examples: ex("array_min(ARRAY[3,NULL,7])", "3")}},
		{Name: "array_sort", Args: in(AnyArray), Ret: AnyArray, Strict: true, Kernel: rowwise(arraySort),
			Doc: Doc{Summary: "Sorts the elements, ascending or descending (ASC, DESC); NULLs come last.",
				Examples: ex("array_sort(ARRAY[3,NULL,1])", "{1,3,NULL}", "array_sort(ARRAY[3,NULL,1], 'desc')", "{3,1,NULL}")}},
		{Name: "array_sort", Args: in(AnyArray, text), Ret: AnyArray, Strict: true, Kernel: rowwise(arraySort)},
		{Name: "array_join", Args: in(AnyArray), Ret: text, Kernel: rowwise(arrayJoin), Stable: true,
			Doc: Doc{Summary: "Joins the elements with a delimiter, a comma without one; NULLs are written null.",
				Examples: ex("array_join(ARRAY[1,NULL,3])", "1,null,3", "array_join(ARRAY['a','b'], '-')", "a-b")}},
		{Name: "array_join", Args: in(AnyArray, text), Ret: text, Kernel: rowwise(arrayJoin), Stable: true},
		{Name: "slice", Args: in(AnyArray, i4, i4), Ret: AnyArray, Kernel: rowwise(slice),
			Doc: Doc{Summary: "Gives the elements from one place to another, both included; NULL stands for the ends.",
				Examples: ex("slice(ARRAY['a','b','c','d'], 2, 3)", "{b,c}", "slice(ARRAY[1,2], 1, 5)", "")}},
	}
	for k, t := range in(i4, i8) {
		fs = append(fs, Scalar{Name: "generate_series", Args: in(t, t), Ret: types.ArrayOf(t), Strict: true,
			Kernel: rowwise(seriesArray),
			Doc: first(k, "array", "Gives the numbers from one to another in an array; as a set-returning function, in rows.",
				"generate_series(1, 3)", "{1,2,3}", "generate_series(9, 0, -3)", "{9,6,3,0}")},
			Scalar{Name: "generate_series", Args: in(t, t, t), Ret: types.ArrayOf(t), Strict: true,
				Kernel: rowwise(seriesArray)})
	}
	return fs
}

// arrayExtreme finds the greatest element (order 1) or the least (-1).
func arrayExtreme(order int) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		a, lo, hi := r.List(0)
		best := -1
		for k := lo; k < hi; k++ {
			if !a.Kids[0].IsNull(k) && (best < 0 || vec.Compare(a.Kids[0], k, a.Kids[0], best)*order > 0) {
				best = k
			}
		}
		if best < 0 {
			out.AppendNull()
		} else {
			out.AppendFrom(a.Kids[0], best)
		}
		return nil
	}
}

func arraySort(r Row, out *vec.Column) error {
	a, lo, hi := r.List(0)
	order := 1
	if r.Args() > 1 {
		switch strings.ToUpper(r.Text(1)) {
		case "ASC", "ASCENDING":
		case "DESC", "DESCENDING":
			order = -1
		default:
			out.AppendNull()
			return nil
		}
	}
	kid := a.Kids[0]
	var sel, null []int32
	for k := lo; k < hi; k++ {
		if kid.IsNull(k) {
			null = append(null, int32(k))
		} else {
			sel = append(sel, int32(k))
		}
	}
	slices.SortStableFunc(sel, func(i, j int32) int { return order * vec.Compare(kid, int(i), kid, int(j)) })
	out.Kids[0].Gather(kid, append(sel, null...))
	out.CloseList()
	return nil
}

func arrayJoin(r Row, out *vec.Column) error {
	if r.IsNull(0) {
		out.AppendNull()
		return nil
	}
	sep := []byte(",")
	if r.Args() > 1 {
		sep = nil
		if !r.IsNull(1) {
			sep = r.Bytes(1)
		}
	}
	a, lo, hi := r.List(0)
	for k := lo; k < hi; k++ {
		if k > lo {
			out.Data = append(out.Data, sep...)
		}
		out.Data = appendJavaText(out.Data, a.Kids[0], k, r.Env)
	}
	out.CloseBytes()
	return nil
}

// appendJavaText appends a value as ksqlDB writes it: true, 1.0E10, null.
func appendJavaText(dst []byte, c *vec.Column, i int, env *Env) []byte {
	switch {
	case c.IsNull(i):
		return append(dst, "null"...)
	case c.Type.Class() == types.ClassBool:
		return strconv.AppendBool(dst, c.Bool[i])
	case c.Type.Class() == types.ClassFloat:
		return appendJavaFloat(dst, c.Float[i])
	}
	return AppendText(dst, c, i, env)
}

// appendJavaFloat appends a number as Java's Double.toString does.
func appendJavaFloat(dst []byte, f float64) []byte {
	abs := math.Abs(f)
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 0):
		return append(dst, map[bool]string{true: "Infinity", false: "-Infinity"}[f > 0]...)
	case f == 0 || abs >= 1e-3 && abs < 1e7:
		at := len(dst)
		if dst = strconv.AppendFloat(dst, f, 'f', -1, 64); bytes.IndexByte(dst[at:], '.') < 0 {
			dst = append(dst, ".0"...)
		}
		return dst
	}
	digits, exp, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	dst = append(dst, digits...)
	if !strings.Contains(digits, ".") {
		dst = append(dst, ".0"...)
	}
	n, _ := strconv.Atoi(exp)
	return strconv.AppendInt(append(dst, 'E'), int64(n), 10)
}

func slice(r Row, out *vec.Column) error {
	a, lo, hi := r.List(0)
	from, to := int64(1), int64(hi-lo)
	if !r.IsNull(1) {
		from = r.Int(1)
	}
	if !r.IsNull(2) {
		to = r.Int(2)
	}
	if r.IsNull(0) || from < 1 || to > int64(hi-lo) || from > to+1 {
		out.AppendNull()
		return nil
	}
	out.Kids[0].AppendRange(a.Kids[0], lo+int(from)-1, lo+int(to))
	out.CloseList()
	return nil
}

// maxSeriesArray is how many numbers an array of them may have.
const maxSeriesArray = 10_000_000

func seriesArray(r Row, out *vec.Column) error {
	from, to, step := r.Int(0), r.Int(1), int64(1)
	if r.Args() > 2 {
		step = r.Int(2)
	} else if to < from {
		step = -1
	}
	switch {
	case step == 0:
		return sqlerr.New(sqlerr.InvalidParameterValue, "step size cannot equal zero")
	case (to < from) == (step > 0) && to != from:
		out.CloseList()
		return nil
	case math.Abs(float64(to)-float64(from))/math.Abs(float64(step)) >= maxSeriesArray:
		return sqlerr.New(sqlerr.ProgramLimitExceeded, "a series in an array has at most %d numbers", maxSeriesArray)
	}
	n := (uint64(to) - uint64(from)) / uint64(step)
	if step < 0 {
		n = (uint64(from) - uint64(to)) / -uint64(step)
	}
	for k := range n + 1 {
		out.Kids[0].AppendInt(from + int64(k)*step)
	}
	out.CloseList()
	return nil
}
