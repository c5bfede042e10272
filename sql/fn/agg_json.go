package fn

import (
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// jsonAggDecls declares the aggregates that collect values in json: json_agg and jsonb_agg.
func jsonAggDecls() []Aggregate {
	var fs []Aggregate
	for _, t := range in(types.JSON, types.JSONB) {
		prefix := t.String()
		fs = append(fs,
			Aggregate{Name: prefix + "_agg", Args: in(Any), Ret: t, Arrival: true,
				New: func(_ []types.Type, ret types.Type, _ bool) Accumulator {
					return &jsonLists{lists: lists{args: in(types.Text)}, ret: ret}
				}, Doc: Doc{Summary: "Collects the values, NULLs included, in an array of json."}})
	}
	return fs
}

// jsonLists is the state of json_agg: the JSON texts of the values, in the order of their coming.
type jsonLists struct {
	lists
	ret types.Type
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
				text = append(text, ", "...)
			}
			text = append(text, cols[0].Bytes(i)...)
		}
		out.AppendBytes(append(text, ']'))
	}
}
