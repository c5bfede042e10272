package fn

import (
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// arrayDecls declares what works on arrays and maps. Arrays have one dimension and are counted from 1.
func arrayDecls() []Scalar {
	i4, text := types.Int4, types.Text
	return []Scalar{
		{Name: "subscript", Args: in(AnyArray, i4), Ret: AnyElement, Strict: true, Kernel: rowwise(subscript),
			Doc: Doc{Category: "array", Summary: "Gives an element of an array, counted from 1, or the value of a key of a " +
				"map; NULL when there is none.", Examples: ex("subscript(ARRAY[3,4], 2)", "4", "subscript(ARRAY[3,4], 5)", "")}},
		{Name: "subscript", Resolve: mapSubscript, Strict: true, Kernel: rowwise(mapElement)},
		{Name: "array_length", Args: in(AnyArray, i4), Ret: i4, Strict: true, Kernel: rowwise(arrayLength),
			Doc: Doc{Summary: "Counts the elements along a dimension.",
				Examples: ex("array_length(ARRAY[1,2,3], 1)", "3")}},
		{Name: "array_length", Args: in(AnyArray), Ret: i4, Strict: true, Kernel: rowwise(outerLength)},
		{Name: "array_upper", Args: in(AnyArray, i4), Ret: i4, Strict: true, Kernel: rowwise(arrayUpper),
			Doc: Doc{Summary: "Gives the last subscript along a dimension."}},
		{Name: "array_lower", Args: in(AnyArray, i4), Ret: i4, Strict: true,
			Kernel: rowwise(func(r Row, out *vec.Column) error {
				if a, _, _ := r.List(0); along(r) == 0 {
					out.AppendNull()
				} else {
					out.AppendInt(firstSubscript(a.Type))
				}
				return nil
			}), Doc: Doc{Summary: "Gives the first subscript along a dimension."}},
		{Name: "cardinality", Args: in(AnyArray), Ret: i4, Strict: true, Kernel: rowwise(cardinality),
			Doc: Doc{Summary: "Counts the elements, those of inner arrays too.",
				Examples: ex("cardinality(ARRAY[[1,2],[3,4]])", "4")}},
		{Name: "array_append", Args: in(AnyCompatArray, AnyCompat), Ret: AnyCompatArray,
			Kernel: rowwise(arrayConcat(false, true)),
			Doc:    Doc{Summary: "Adds an element at the end.", Examples: ex("array_append(ARRAY[1,2], 3)", "{1,2,3}")}},
		{Name: "array_prepend", Args: in(AnyCompat, AnyCompatArray), Ret: AnyCompatArray,
			Kernel: rowwise(arrayConcat(true, false)),
			Doc: Doc{Summary: "Adds an element at the beginning.",
				Examples: ex("array_prepend(1, ARRAY[2,3])", "{1,2,3}")}},
		{Name: "array_cat", Args: in(AnyCompatArray, AnyCompatArray), Ret: AnyCompatArray,
			Kernel: rowwise(arrayConcat(false, false)),
			Doc:    Doc{Summary: "Joins two arrays.", Examples: ex("array_cat(ARRAY[1,2], ARRAY[3])", "{1,2,3}")}},
		{Name: "||", Args: in(AnyCompatArray, AnyCompat), Ret: AnyCompatArray,
			Kernel: rowwise(arrayConcat(false, true)),
			Doc:    Doc{Summary: "Joins arrays and elements.", Examples: ex("ARRAY[1,2] || 3", "{1,2,3}")}},
		{Name: "||", Args: in(AnyCompat, AnyCompatArray), Ret: AnyCompatArray,
			Kernel: rowwise(arrayConcat(true, false))},
		{Name: "||", Args: in(AnyCompatArray, AnyCompatArray), Ret: AnyCompatArray,
			Kernel: rowwise(arrayConcat(false, false))},
		{Name: "array_position", Args: in(AnyCompatArray, AnyCompat), Ret: i4, Kernel: rowwise(arrayPosition),
			Doc: Doc{Summary: "Gives the subscript of the first element that equals a value.",
				Examples: ex("array_position(ARRAY['a','b'], 'b')", "2")}},
		{Name: "array_contains", Args: in(AnyCompatArray, AnyCompat), Ret: types.Bool, Kernel: rowwise(arrayContains),
			Doc: Doc{Summary: "Tells whether an array holds a value.",
				Examples: ex("array_contains(ARRAY[1,2], 2)", "t")}},
		{Name: "@>", Args: in(AnyArray, AnyArray), Ret: types.Bool, Strict: true, Kernel: contains(0, 1),
			Doc: Doc{Summary: "Tells whether the first array holds every element of the second.",
				Examples: ex("ARRAY[1,4,3] @> ARRAY[3,1]", "t")}},
		{Name: "<@", Args: in(AnyArray, AnyArray), Ret: types.Bool, Strict: true, Kernel: contains(1, 0),
			Doc: Doc{Summary: "Tells whether the second array holds every element of the first.",
				Examples: ex("ARRAY[2,7] <@ ARRAY[1,7,4,2,6]", "t")}},
		{Name: "&&", Args: in(AnyArray, AnyArray), Ret: types.Bool, Strict: true, Kernel: rowwise(overlaps),
			Doc: Doc{Summary: "Tells whether two arrays have an element in common.",
				Examples: ex("ARRAY[1,4,3] && ARRAY[2,1]", "t")}},
		{Name: "array_to_string", Args: in(AnyArray, text), Ret: text, Strict: true, Stable: true,
			Kernel: rowwise(arrayToString),
			Doc: Doc{Summary: "Joins the elements with a delimiter; NULLs are left out, or stand as the third argument.",
				Examples: ex("array_to_string(ARRAY[1,2,3], ',')", "1,2,3")}},
		{Name: "array_to_string", Args: in(AnyArray, text, text), Ret: text, Stable: true,
			Kernel: rowwise(arrayToString)},
		{Name: "string_to_array", Args: in(text, text), Ret: types.ArrayOf(text), Kernel: rowwise(stringToArray),
			Doc: Doc{Summary: "Splits a text at a delimiter, or, when that is NULL, into characters.",
				Examples: ex("string_to_array('xx~yy~zz', '~')", "{xx,yy,zz}")}},
		{Name: "string_to_array", Args: in(text, text, text), Ret: types.ArrayOf(text), Kernel: rowwise(stringToArray)},
	}
}

// firstSubscript is where the elements of an array are counted from.
func firstSubscript(array types.Type) int64 {
	if array.IsVector() {
		return 0
	}
	return 1
}

func subscript(r Row, out *vec.Column) error {
	a, lo, hi := r.List(0)
	first := firstSubscript(a.Type)
	if i := r.Int(1) - first; i < 0 || i >= int64(hi-lo) {
		out.AppendNull()
	} else {
		out.AppendFrom(a.Kids[0], lo+int(i))
	}
	return nil
}

// mapSubscript resolves map[key].
func mapSubscript(args []types.Type) (params []types.Type, ret types.Type, ok bool) {
	if len(args) != 2 || args[0].Kind != types.KindMap || !CanCast(args[1], args[0].Key(), Implicit) {
		return nil, types.Unknown, false
	}
	return in(args[0], args[0].Key()), args[0].Elem(), true
}

func mapElement(r Row, out *vec.Column) error {
	m, lo, hi := r.List(0)
	key, at := r.Col(1)
	for k := lo; k < hi; k++ {
		if vec.Compare(m.Kids[0], k, key, at) == 0 {
			out.AppendFrom(m.Kids[1], k)
			return nil
		}
	}
	out.AppendNull()
	return nil
}

// dimensions returns the lengths of an array and, where its elements are arrays, of those within: all must be as long
// as the first. An empty array has no dimensions.
func dimensions(r Row) (dims []int) {
	a, lo, hi := r.List(0)
	for hi > lo {
		dims = append(dims, hi-lo)
		if a.Type.Elem().Kind != types.KindArray || a.Kids[0].IsNull(lo) {
			break
		}
		a = a.Kids[0]
		i := a.At(lo)
		lo, hi = int(a.Off[i]), int(a.Off[i+1])
	}
	return dims
}

// appendSome appends a number, NULL for 0.
func appendSome(out *vec.Column, n int64) {
	if n == 0 {
		out.AppendNull()
	} else {
		out.AppendInt(n)
	}
}

func outerLength(r Row, out *vec.Column) error {
	_, lo, hi := r.List(0)
	out.AppendInt(int64(hi - lo))
	return nil
}

func cardinality(r Row, out *vec.Column) error {
	n := int64(0)
	for k, d := range dimensions(r) {
		if k == 0 {
			n = 1
		}
		n *= int64(d)
	}
	out.AppendInt(n)
	return nil
}

// along returns the length of the dimension that the second argument numbers, 0 where there is none.
func along(r Row) int64 {
	dims := dimensions(r)
	if d := r.Int(1); d >= 1 && d <= int64(len(dims)) {
		return int64(dims[d-1])
	}
	return 0
}

func arrayLength(r Row, out *vec.Column) error {
	appendSome(out, along(r))
	return nil
}

func arrayUpper(r Row, out *vec.Column) error {
	a, _, _ := r.List(0)
	if n := along(r); n == 0 {
		out.AppendNull()
	} else {
		out.AppendInt(n - 1 + firstSubscript(a.Type))
	}
	return nil
}

// arrayConcat joins two arguments, of which the first or the second may be an element. A NULL array is an empty one,
// unless both are.
func arrayConcat(firstElem, secondElem bool) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		if !firstElem && !secondElem && r.IsNull(0) && r.IsNull(1) {
			out.AppendNull()
			return nil
		}
		for k, elem := range [...]bool{firstElem, secondElem} {
			switch {
			case elem:
				col, i := r.Col(k)
				out.Kids[0].AppendFrom(col, i)
			case !r.IsNull(k):
				a, lo, hi := r.List(k)
				out.Kids[0].AppendRange(a.Kids[0], lo, hi)
			}
		}
		out.CloseList()
		return nil
	}
}

// indexOf finds argument 1 in the array that is argument 0; NULL equals NULL. -1 when it is not there.
func indexOf(r Row) int {
	a, lo, hi := r.List(0)
	x, at := r.Col(1)
	null := r.IsNull(1)
	for k := lo; k < hi; k++ {
		if elemNull := a.Kids[0].IsNull(k); elemNull && null || !elemNull && !null && vec.Compare(a.Kids[0], k, x, at) == 0 {
			return k - lo
		}
	}
	return -1
}

func arrayPosition(r Row, out *vec.Column) error {
	if r.IsNull(0) {
		out.AppendNull()
	} else if k := indexOf(r); k < 0 {
		out.AppendNull()
	} else {
		out.AppendInt(int64(k) + 1)
	}
	return nil
}

func arrayContains(r Row, out *vec.Column) error {
	if r.IsNull(0) {
		out.AppendNull()
	} else {
		out.AppendBool(indexOf(r) >= 0)
	}
	return nil
}

// member reports whether elements lo to hi of kid hold x's row at; a NULL is never found.
func member(kid *vec.Column, lo, hi int, x *vec.Column, at int) bool {
	if x.IsNull(at) {
		return false
	}
	for k := lo; k < hi; k++ {
		if !kid.IsNull(k) && vec.Compare(kid, k, x, at) == 0 {
			return true
		}
	}
	return false
}

// contains tells whether one argument holds all of another.
func contains(whole, some int) Kernel {
	return rowwise(func(r Row, out *vec.Column) error {
		a, alo, ahi := r.List(whole)
		b, blo, bhi := r.List(some)
		all := true
		for k := blo; k < bhi && all; k++ {
			all = member(a.Kids[0], alo, ahi, b.Kids[0], k)
		}
		out.AppendBool(all)
		return nil
	})
}

func overlaps(r Row, out *vec.Column) error {
	a, alo, ahi := r.List(0)
	b, blo, bhi := r.List(1)
	any := false
	for k := blo; k < bhi && !any; k++ {
		any = member(a.Kids[0], alo, ahi, b.Kids[0], k)
	}
	out.AppendBool(any)
	return nil
}

func arrayToString(r Row, out *vec.Column) error {
	if r.IsNull(0) || r.IsNull(1) {
		out.AppendNull()
		return nil
	}
	a, lo, hi := r.List(0)
	begun := false
	for k := lo; k < hi; k++ {
		null := a.Kids[0].IsNull(k)
		if null && (r.Args() < 3 || r.IsNull(2)) {
			continue
		}
		if begun {
			out.Data = append(out.Data, r.Bytes(1)...)
		}
		begun = true
		if null {
			out.Data = append(out.Data, r.Bytes(2)...)
		} else {
			out.Data = appendOutput(out.Data, a.Kids[0], k, r.Env)
		}
	}
	out.CloseBytes()
	return nil
}

func stringToArray(r Row, out *vec.Column) error {
	if r.IsNull(0) {
		out.AppendNull()
		return nil
	}
	appendParts(r, out.Kids[0])
	out.CloseList()
	return nil
}

// appendParts appends the parts between the delimiters (argument 1) of a text; those that are as argument 2 are NULL.
func appendParts(r Row, out *vec.Column) {
	if r.IsNull(0) {
		return
	}
	s := r.Text(0)
	var parts []string
	switch {
	case s == "":
	case r.IsNull(1):
		parts = strings.Split(s, "")
	case len(r.Bytes(1)) == 0:
		parts = []string{s}
	default:
		parts = strings.Split(s, r.Text(1))
	}
	for _, p := range parts {
		if r.Args() == 3 && !r.IsNull(2) && p == r.Text(2) {
			out.AppendNull()
		} else {
			out.AppendString(p)
		}
	}
}

// ResolveAny resolves x op ANY (array), and ALL: it returns a function of x and the array.
func ResolveAny(op string, all bool, x, array types.Type) (*Scalar, []types.Type, types.Type, error) {
	if array.Kind != types.KindArray && array != types.Unknown {
		return nil, nil, types.Unknown, sqlerr.New(sqlerr.WrongObjectType,
			"op ANY/ALL (array) requires array on right side")
	}
	elem := x
	if array != types.Unknown {
		elem = array.Elem()
	}
	f, params, ret, err := ResolveOperator(op, in(x, elem))
	if err != nil {
		return nil, nil, types.Unknown, err
	}
	if ret != types.Bool {
		return nil, nil, types.Unknown, sqlerr.New(sqlerr.WrongObjectType,
			"op ANY/ALL (array) requires operator to yield boolean")
	}
	name := op + " any"
	if all {
		name = op + " all"
	}
	to := in(params[0], types.ArrayOf(params[1]))
	return &Scalar{Name: name, Args: to, Ret: types.Bool, Strict: true, Stable: f.Stable, Volatile: f.Volatile,
		Kernel: quantified(f, all, params), Doc: f.Doc}, to, types.Bool, nil
}

// quantified applies a comparison to x and every element: one batch of pairs for all rows.
func quantified(f *Scalar, all bool, params []types.Type) Kernel {
	return func(c *Call, args []*vec.Column, out *vec.Column) {
		xs, elems := vec.NewColumn(params[0]), vec.NewColumn(params[1])
		var null []bool
		ends := make([]int, c.N)
		for i := range c.N {
			if !c.Skips(i) {
				a, lo, hi := Row{c, args, i}.List(1)
				elems.AppendRange(a.Kids[0], lo, hi)
				for k := lo; k < hi; k++ {
					xs.AppendFrom(args[0], i)
					null = append(null, a.Kids[0].IsNull(k))
				}
			}
			ends[i] = elems.Len()
		}
		sub := Call{N: elems.Len(), Env: c.Env, Ret: types.Bool, Null: null}
		pairs := vec.NewColumn(types.Bool)
		f.Kernel(&sub, []*vec.Column{xs, elems}, pairs)
		at := 0
		for i, end := range ends {
			decided, unknown := false, false
			for ; at < end; at++ {
				if err := sub.Errs[at]; err != nil {
					c.Fail(i, err)
				}
				switch {
				case null[at] || pairs.IsNull(at):
					unknown = true
				case pairs.Bool[at] != all:
					decided = true
				}
			}
			switch {
			case decided:
				out.AppendBool(!all)
			case unknown:
				out.AppendNull()
			default:
				out.AppendBool(all)
			}
		}
	}
}
