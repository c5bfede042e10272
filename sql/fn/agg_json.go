package fn

import (
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// jsonAggDecls declares the aggregates that collect values in json: arrays of them, and objects of keys and values.
func jsonAggDecls() []Aggregate {
	var fs []Aggregate
	for _, t := range in(types.JSON, types.JSONB) {
		prefix := t.String()
		fs = append(fs,
			Aggregate{Name: prefix + "_agg", Args: in(Any), Ret: t, Arrival: true,
				New: func(args []types.Type, ret types.Type, _ bool) Accumulator {
					a := &jsonLists{lists: lists{args: in(types.Text)}, ret: ret, separator: ", "}
					if k := args[0].Kind; t == types.JSON && (k == types.KindStruct || k == types.KindArray) {
						a.separator = ", \n " // as PostgreSQL does between what has parts
					}
					return a
				}, Doc: Doc{Summary: "Collects the values, NULLs included, in an array of json.",
					Examples: ex(prefix+"_agg(x)", "[1, 1, 2, null]")}},
			Aggregate{Name: prefix + "_object_agg", Args: in(Any, Any), Ret: t, Arrival: true,
				New: func(_ []types.Type, ret types.Type, _ bool) Accumulator {
					return &jsonObjects{lists: lists{args: in(types.Text)}, ret: ret}
				}, Doc: Doc{Summary: "Collects keys and values in an object; of equal keys jsonb keeps the last."}})
	}
	return fs
}

// jsonLists is the state of json_agg: the JSON texts of the values, in the order of their coming.
type jsonLists struct {
	lists
	ret       types.Type
	separator string
}

// Update implements Accumulator.
func (a *jsonLists) Update(c *Call, groups []int32, diff []int32, args []*vec.Column) {
	texts := vec.NewColumn(types.Text)
	var in, times []int32
	for i, g := range groups {
		text := appendAsJSON(nil, args[0], i, c.Env)
		if a.ret.Kind == types.KindJSONB {
			var err error
			if text, err = types.NormalizeJSONB(nil, string(text)); err != nil {
				c.Fail(i, err)
				continue
			}
		}
		texts.AppendBytes(text)
		in, times = append(in, g), append(times, int32(diffAt(diff, i)))
	}
	a.lists.Update(c, in, times, []*vec.Column{texts})
}

// Result implements Accumulator.
func (a *jsonLists) Result(groups []int32, out *vec.Column) {
	for _, g := range groups {
		cols, n := a.rows(g)
		if n == 0 {
			out.AppendNull()
			continue
		}
		text := []byte("[")
		for i := range n {
			if i > 0 {
				text = append(text, a.separator...)
			}
			text = append(text, cols[0].Bytes(i)...)
		}
		out.AppendBytes(append(text, ']'))
	}
}

// jsonObjects is the state of json_object_agg: the JSON texts of the members, in the order of their coming.
type jsonObjects struct {
	lists
	ret types.Type
}

// Update implements Accumulator.
func (a *jsonObjects) Update(c *Call, groups []int32, diff []int32, args []*vec.Column) {
	texts := vec.NewColumn(types.Text)
	var in, times []int32
	for i, g := range groups {
		text, err := appendJSONKey(nil, Row{c, args, i}, 0)
		if args[0].IsNull(i) {
			err = sqlerr.New(sqlerr.InvalidParameterValue, "field name must not be null")
		}
		if err == nil {
			text = appendAsJSON(append(text, " : "...), args[1], i, c.Env)
			if a.ret.Kind == types.KindJSONB { // which refuses values that json holds
				_, err = types.NormalizeJSONB(nil, "{"+string(text)+"}")
			}
		}
		if err != nil {
			c.Fail(i, err)
			continue
		}
		texts.AppendBytes(text)
		in, times = append(in, g), append(times, int32(diffAt(diff, i)))
	}
	a.lists.Update(c, in, times, []*vec.Column{texts})
}

// Result implements Accumulator.
func (a *jsonObjects) Result(groups []int32, out *vec.Column) {
	for _, g := range groups {
		cols, n := a.rows(g)
		if n == 0 {
			out.AppendNull()
			continue
		}
		text := []byte("{ ")
		for i := range n {
			if i > 0 {
				text = append(text, ", "...)
			}
			text = append(text, cols[0].Bytes(i)...)
		}
		text = append(text, " }"...)
		if a.ret.Kind == types.KindJSONB {
			var err error
			if text, err = types.NormalizeJSONB(nil, string(text)); err != nil {
				panic("BUG: the members were checked when they came: " + err.Error())
			}
		}
		out.AppendBytes(text)
	}
}
