package fn

import (
	"strconv"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// arrayChangeDecls declares what searches, makes and changes arrays.
func arrayChangeDecls() []Scalar {
	i4, ints := types.Int4, types.ArrayOf(types.Int4)
	return []Scalar{
		{Name: "array_ndims", Args: in(AnyArray), Ret: i4, Strict: true,
			Kernel: rowwise(func(r Row, out *vec.Column) error {
				appendSome(out, int64(len(dimensions(r))))
				return nil
			}), Doc: Doc{Category: "array", Summary: "Counts the dimensions.", Examples: ex("array_ndims(ARRAY[1,2])", "1")}},
		{Name: "array_dims", Args: in(AnyArray), Ret: types.Text, Strict: true,
			Kernel: rowwise(func(r Row, out *vec.Column) error {
				text := ""
				for _, n := range dimensions(r) {
					text += "[1:" + strconv.Itoa(n) + "]"
				}
				if text == "" {
					out.AppendNull()
				} else {
					out.AppendString(text)
				}
				return nil
			}), Doc: Doc{Summary: "Tells the dimensions as text.", Examples: ex("array_dims(ARRAY[1,2])", "[1:2]")}},
		{Name: "array_position", Args: in(AnyCompatArray, AnyCompat, i4), Ret: i4, Kernel: rowwise(arrayPositionFrom)},
		{Name: "array_positions", Args: in(AnyCompatArray, AnyCompat), Ret: ints, Kernel: rowwise(arrayPositions),
			Doc: Doc{Summary: "Lists the subscripts of the elements that equal a value.",
				Examples: ex("array_positions(ARRAY['A','B','A'], 'A')", "{1,3}")}},
		{Name: "array_remove", Args: in(AnyCompatArray, AnyCompat), Ret: AnyCompatArray, Kernel: rowwise(arrayReplace),
			Doc: Doc{Summary: "Removes the elements that equal a value.",
				Examples: ex("array_remove(ARRAY[1,2,3,2], 2)", "{1,3}")}},
		{Name: "array_replace", Args: in(AnyCompatArray, AnyCompat, AnyCompat), Ret: AnyCompatArray,
			Kernel: rowwise(arrayReplace), Doc: Doc{Summary: "Replaces the elements that equal a value by another.",
				Examples: ex("array_replace(ARRAY[1,2,5,4], 5, 3)", "{1,2,3,4}")}},
		{Name: "array_fill", Args: in(AnyElement, ints), Ret: AnyArray, Kernel: rowwise(arrayFill),
			Doc: Doc{Summary: "Makes an array of one value and the length given.",
				Examples: ex("array_fill(7, ARRAY[3])", "{7,7,7}")}},
		{Name: "array_fill", Args: in(AnyElement, ints, ints), Ret: AnyArray, Kernel: rowwise(arrayFill)},
		{Name: "trim_array", Args: in(AnyArray, i4), Ret: AnyArray, Strict: true, Kernel: rowwise(trimArray),
			Doc: Doc{Summary: "Removes so many elements at the end.",
				Examples: ex("trim_array(ARRAY[1,2,3,4,5,6], 2)", "{1,2,3,4}")}},
		{Name: "width_bucket", Args: in(AnyCompat, AnyCompatArray), Ret: i4, Strict: true, Kernel: rowwise(listBucket)},
	}
}

// unnestDecls declares unnest of one array, and of several side by side.
func unnestDecls() []Table {
	return []Table{
		{Name: "unnest", Args: in(AnyArray), Cols: column(AnyElement), Strict: true, Kernel: tablewise(unnest),
			Doc: Doc{Category: "array", Summary: "Gives the elements of an array, or of several side by side.",
				Examples: ex("unnest(ARRAY[1,2])", "1; 2")}},
		{Name: "unnest", Resolve: unnestSeveral, Kernel: tablewise(unnest)},
	}
}

func unnestSeveral(args []types.Type) (params []types.Type, cols []types.Field, ok bool) {
	for _, a := range args {
		if a.Kind != types.KindArray {
			return nil, nil, false
		}
		cols = append(cols, types.Field{Type: a.Elem()})
	}
	return args, cols, len(args) > 1
}

func unnest(r Row, out []*vec.Column) error {
	longest := 0
	for k := range out {
		if !r.IsNull(k) {
			_, lo, hi := r.List(k)
			longest = max(longest, hi-lo)
		}
	}
	for k, col := range out {
		n := 0
		if !r.IsNull(k) {
			a, lo, hi := r.List(k)
			col.AppendRange(a.Kids[0], lo, hi)
			n = hi - lo
		}
		for ; n < longest; n++ {
			col.AppendNull()
		}
	}
	return nil
}

// equals tells whether element k of an array equals argument 1, NULL equalling NULL.
func equals(r Row, elems *vec.Column, k int) bool {
	x, at := r.Col(1)
	if elems.IsNull(k) || r.IsNull(1) {
		return elems.IsNull(k) && r.IsNull(1)
	}
	return vec.Compare(elems, k, x, at) == 0
}

func arrayPositionFrom(r Row, out *vec.Column) error {
	if r.IsNull(0) {
		out.AppendNull()
		return nil
	}
	if r.IsNull(2) {
		return sqlerr.New(sqlerr.NullValueNotAllowed, "initial position must not be null")
	}
	a, lo, hi := r.List(0)
	for k := lo + int(max(r.Int(2), 1)) - 1; k < hi; k++ {
		if equals(r, a.Kids[0], k) {
			out.AppendInt(int64(k-lo) + 1)
			return nil
		}
	}
	out.AppendNull()
	return nil
}

func arrayPositions(r Row, out *vec.Column) error {
	if r.IsNull(0) {
		out.AppendNull()
		return nil
	}
	a, lo, hi := r.List(0)
	for k := lo; k < hi; k++ {
		if equals(r, a.Kids[0], k) {
			out.Kids[0].AppendInt(int64(k-lo) + 1)
		}
	}
	out.CloseList()
	return nil
}

// arrayReplace puts argument 2 in the place of elements that equal argument 1, or nothing when there is none.
func arrayReplace(r Row, out *vec.Column) error {
	if r.IsNull(0) {
		out.AppendNull()
		return nil
	}
	a, lo, hi := r.List(0)
	for k := lo; k < hi; k++ {
		switch {
		case !equals(r, a.Kids[0], k):
			out.Kids[0].AppendFrom(a.Kids[0], k)
		case r.Args() == 3:
			col, i := r.Col(2)
			out.Kids[0].AppendFrom(col, i)
		}
	}
	out.CloseList()
	return nil
}

func arrayFill(r Row, out *vec.Column) error {
	for k := 1; k < r.Args(); k++ {
		if r.IsNull(k) {
			return sqlerr.New(sqlerr.NullValueNotAllowed, "dimension array or low bound array cannot be null")
		}
		list, lo, hi := r.List(k)
		for e := lo; e < hi; e++ {
			if list.Kids[0].IsNull(e) {
				return sqlerr.New(sqlerr.NullValueNotAllowed, "dimension values cannot be null")
			}
		}
	}
	dims, lo, hi := r.List(1)
	if r.Args() == 3 {
		low, llo, lhi := r.List(2)
		switch {
		case lhi-llo != hi-lo:
			return sqlerr.New(arrayElementError, "wrong number of array subscripts").
				WithDetail("Low bound array has different size than dimensions array.")
		case lhi > llo && low.Kids[0].Int[llo] != 1:
			return sqlerr.New(sqlerr.FeatureNotSupported, "arrays begin at 1")
		}
	}
	n := int64(0)
	switch {
	case hi-lo > 1:
		return sqlerr.New(sqlerr.FeatureNotSupported, "arrays have one dimension")
	case hi > lo:
		n = dims.Kids[0].Int[lo]
	}
	if n < 0 || n > maxText/8 {
		return sqlerr.New(sqlerr.ProgramLimitExceeded, "array size exceeds the maximum allowed (%d)", maxText/8)
	}
	col, i := r.Col(0)
	for range n {
		out.Kids[0].AppendFrom(col, i)
	}
	out.CloseList()
	return nil
}

func trimArray(r Row, out *vec.Column) error {
	a, lo, hi := r.List(0)
	n := r.Int(1)
	if n < 0 || n > int64(hi-lo) {
		return sqlerr.New(arrayElementError, "number of elements to trim must be between 0 and %d", hi-lo)
	}
	out.Kids[0].AppendRange(a.Kids[0], lo, hi-int(n))
	out.CloseList()
	return nil
}

// listBucket counts the bounds, which are in order, up to a value.
func listBucket(r Row, out *vec.Column) error {
	x, at := r.Col(0)
	a, lo, hi := r.List(1)
	for k := lo; k < hi; k++ {
		if a.Kids[0].IsNull(k) {
			return sqlerr.New(sqlerr.NullValueNotAllowed, "thresholds array must not contain NULLs")
		}
	}
	n := hi - lo
	for from := 0; from < n; {
		mid := (from + n) / 2
		if vec.Compare(x, at, a.Kids[0], lo+mid) < 0 {
			n = mid
		} else {
			from = mid + 1
		}
	}
	out.AppendInt(int64(n))
	return nil
}
