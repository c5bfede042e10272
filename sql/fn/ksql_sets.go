package fn

import (
	"slices"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// ksqlSetDecls declares what takes arrays for sets: the first of equal elements stays, and NULL equals NULL.
func ksqlSetDecls() []Scalar {
	two := in(AnyCompatArray, AnyCompatArray)
	return []Scalar{
		{Name: "array_concat", Args: two, Ret: AnyCompatArray, Kernel: rowwise(arrayConcat(false, false)),
			Doc: Doc{Category: "array", Summary: "Joins two arrays; a NULL is an empty one unless both are.",
				Examples: ex("array_concat(ARRAY[1,2], ARRAY[2,3])", "{1,2,2,3}")}},
		{Name: "array_distinct", Args: in(AnyArray), Ret: AnyArray, Strict: true,
			Kernel: rowwise(asSet(func(_, _ bool) bool { return true })),
			Doc: Doc{Summary: "Leaves equal elements out.",
				Examples: ex("array_distinct(ARRAY[1,2,1,NULL,NULL])", "{1,2,NULL}")}},
		{Name: "array_except", Args: two, Ret: AnyCompatArray, Strict: true,
			Kernel: rowwise(asSet(func(_, second bool) bool { return !second })),
			Doc: Doc{Summary: "Gives the distinct elements of the first array that are not in the second.",
				Examples: ex("array_except(ARRAY[1,2,1,3], ARRAY[2])", "{1,3}")}},
		{Name: "array_intersect", Args: two, Ret: AnyCompatArray, Strict: true,
			Kernel: rowwise(asSet(func(first, second bool) bool { return first && second })),
			Doc: Doc{Summary: "Gives the distinct elements of the first array that are in the second too.",
				Examples: ex("array_intersect(ARRAY[1,2,1,3], ARRAY[3,1])", "{1,3}")}},
		{Name: "array_union", Args: two, Ret: AnyCompatArray, Strict: true,
			Kernel: rowwise(asSet(func(_, _ bool) bool { return true })),
			Doc: Doc{Summary: "Gives the distinct elements of both arrays.",
				Examples: ex("array_union(ARRAY[1,2,1], ARRAY[3,2])", "{1,2,3}")}},
	}
}

// asSet appends the distinct elements for which keep is true: it is told whether the first array holds them, and the
// second.
func asSet(keep func(first, second bool) bool) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		in := map[string]int{} // bit k: array k holds it
		var key []byte
		for k := range r.Args() {
			a, lo, hi := r.List(k)
			for i := lo; i < hi; i++ {
				key = vec.AppendKey(key[:0], a.Kids[0], i, false, false)
				in[string(key)] |= 1 << k
			}
		}
		for k := range r.Args() {
			a, lo, hi := r.List(k)
			for i := lo; i < hi; i++ {
				key = vec.AppendKey(key[:0], a.Kids[0], i, false, false)
				if where := in[string(key)]; where > 0 {
					in[string(key)] = 0
					if first := where&1 != 0; (k == 0 || !first) && keep(first, where&2 != 0) {
						out.Kids[0].AppendFrom(a.Kids[0], i)
					}
				}
			}
		}
		out.CloseList()
		return nil
	}
}

// ksqlMapDecls declares ksqlDB's functions over maps.
func ksqlMapDecls() []Scalar {
	text := types.Text
	return []Scalar{
		{Name: "as_map", Resolve: func(args []types.Type) ([]types.Type, types.Type, bool) {
			if len(args) != 2 || args[0] != types.ArrayOf(text) || args[1].Kind != types.KindArray {
				return nil, types.Unknown, false
			}
			return args, types.MapOf(text, args[1].Elem()), true
		}, Strict: true, Kernel: rowwise(asMap),
			Doc: Doc{Category: "map", Summary: "Makes a map of an array of keys and an array of values.",
				Examples: ex("as_map(ARRAY['a','b'], ARRAY[1,2])", `{"a": 1, "b": 2}`)}},
		{Name: "map_keys", Resolve: ofMap(func(m types.Type) types.Type { return types.ArrayOf(m.Key()) }), Strict: true,
			Kernel: rowwise(mapPart(0)),
			Doc:    Doc{Summary: "Gives the keys of a map.", Examples: ex("map_keys(MAP('a' := 1, 'b' := 2))", "{a,b}")}},
		{Name: "map_values", Resolve: ofMap(func(m types.Type) types.Type { return types.ArrayOf(m.Elem()) }), Strict: true,
			Kernel: rowwise(mapPart(1)),
			Doc:    Doc{Summary: "Gives the values of a map.", Examples: ex("map_values(MAP('a' := 1, 'b' := 2))", "{1,2}")}},
		{Name: "map_union", Resolve: mapUnionTypes, Kernel: rowwise(mapUnion),
			Doc: Doc{Summary: "Joins two maps; of equal keys that of the second wins. A NULL is an empty one unless both are.",
				Examples: ex("map_union(MAP('a' := 1, 'b' := 2), MAP('b' := 3))", `{"a": 1, "b": 3}`)}},
		{Name: "entries", Resolve: func(args []types.Type) ([]types.Type, types.Type, bool) {
			if len(args) != 2 || args[0].Kind != types.KindMap || !CanCast(args[1], types.Bool, Implicit) {
				return nil, types.Unknown, false
			}
			entry := types.StructOf(types.Field{Name: "k", Type: args[0].Key()}, types.Field{Name: "v", Type: args[0].Elem()})
			return in(args[0], types.Bool), types.ArrayOf(entry), true
		}, Strict: true, Kernel: rowwise(entries),
			Doc: Doc{Summary: "Gives the entries of a map as structs of k and v, sorted by key if the second argument is true.",
				Examples: ex("entries(MAP('b' := 2, 'a' := 1), true)", `{"(a,1)","(b,2)"}`)}},
	}
}

func ofMap(ret func(m types.Type) types.Type) func(args []types.Type) ([]types.Type, types.Type, bool) {
	return func(args []types.Type) ([]types.Type, types.Type, bool) {
		if len(args) != 1 || args[0].Kind != types.KindMap {
			return nil, types.Unknown, false
		}
		return args, ret(args[0]), true
	}
}

func mapUnionTypes(args []types.Type) ([]types.Type, types.Type, bool) {
	if len(args) != 2 || args[0].Kind != types.KindMap || args[1].Kind != types.KindMap || args[0].Key() != args[1].Key() {
		return nil, types.Unknown, false
	}
	elem, err := CommonType(in(args[0].Elem(), args[1].Elem()), "MAP_UNION")
	if err != nil {
		return nil, types.Unknown, false
	}
	m := types.MapOf(args[0].Key(), elem)
	return in(m, m), m, true
}

// appendEntries appends the entries lo to hi of a map's keys and values: of equal keys the last wins, NULL is no key.
func appendEntries(out, keys, vals *vec.Column, lo, hi, valueAt int) {
	for i := lo; i < hi; i++ {
		if !keys.IsNull(i) && !repeatedKey(keys, i, hi) {
			out.Kids[0].AppendFrom(keys, i)
			out.Kids[1].AppendFrom(vals, valueAt+i-lo)
		}
	}
}

func asMap(r Row, out *vec.Column) error {
	keys, klo, khi := r.List(0)
	vals, vlo, vhi := r.List(1)
	appendEntries(out, keys.Kids[0], vals.Kids[0], klo, klo+min(khi-klo, vhi-vlo), vlo)
	out.CloseList()
	return nil
}

func mapPart(part int) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		m, lo, hi := r.List(0)
		out.Kids[0].AppendRange(m.Kids[part], lo, hi)
		out.CloseList()
		return nil
	}
}

func mapUnion(r Row, out *vec.Column) error {
	if r.IsNull(0) && r.IsNull(1) {
		out.AppendNull()
		return nil
	}
	keys, vals := vec.NewColumn(out.Kids[0].Type), vec.NewColumn(out.Kids[1].Type)
	for k := range 2 {
		if !r.IsNull(k) {
			m, lo, hi := r.List(k)
			keys.AppendRange(m.Kids[0], lo, hi)
			vals.AppendRange(m.Kids[1], lo, hi)
		}
	}
	appendEntries(out, keys, vals, 0, keys.Len(), 0)
	out.CloseList()
	return nil
}

func entries(r Row, out *vec.Column) error {
	m, lo, hi := r.List(0)
	order := make([]int32, 0, hi-lo)
	for i := lo; i < hi; i++ {
		order = append(order, int32(i))
	}
	if r.Bool(1) {
		slices.SortFunc(order, func(i, j int32) int { return vec.Compare(m.Kids[0], int(i), m.Kids[0], int(j)) })
	}
	for _, i := range order {
		out.Kids[0].Kids[0].AppendFrom(m.Kids[0], int(i))
		out.Kids[0].Kids[1].AppendFrom(m.Kids[1], int(i))
		out.Kids[0].CloseStruct()
	}
	out.CloseList()
	return nil
}
