package fn

import (
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// enumDecls declares what tells the values of an enum. The type of the argument says of which; its value may be NULL.
func enumDecls() []Scalar {
	return []Scalar{
		{Name: "enum_first", Args: in(AnyEnum), Ret: AnyEnum, Stable: true, Kernel: rowwise(enumEnd(false)),
			Doc: Doc{Category: "enum", Summary: "Gives the first value of the argument's enum type."}},
		{Name: "enum_last", Args: in(AnyEnum), Ret: AnyEnum, Stable: true, Kernel: rowwise(enumEnd(true)),
			Doc: Doc{Summary: "Gives the last value of the argument's enum type."}},
		{Name: "enum_range", Args: in(AnyEnum), Ret: AnyArray, Stable: true,
			Kernel: rowwise(func(r Row, out *vec.Column) error {
				col, _ := r.Col(0)
				appendEnums(out, col.Type.Enum().Range(nil, nil))
				return nil
			}), Doc: Doc{Summary: "Lists the values of the argument's enum type in their order."}},
		{Name: "enum_range", Args: in(AnyEnum, AnyEnum), Ret: AnyArray, Stable: true, Kernel: rowwise(enumRange),
			Doc: Doc{Summary: "Lists the values from one to another; a bound that is NULL is none."}},
	}
}

func enumEnd(last bool) func(Row, *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		col, _ := r.Col(0)
		all := col.Type.Enum().Range(nil, nil)
		if len(all) == 0 {
			return sqlerr.New(sqlerr.ObjectNotInPrerequisite, "enum %s contains no values", col.Type)
		}
		if last {
			out.AppendInt(all[len(all)-1])
		} else {
			out.AppendInt(all[0])
		}
		return nil
	}
}

func enumRange(r Row, out *vec.Column) error {
	var bounds [2]*int64
	for k := range bounds {
		if !r.IsNull(k) {
			n := r.Int(k)
			bounds[k] = &n
		}
	}
	col, _ := r.Col(0)
	appendEnums(out, col.Type.Enum().Range(bounds[0], bounds[1]))
	return nil
}

func appendEnums(out *vec.Column, numbers []int64) {
	list := types.Value{Type: out.Type}
	for _, n := range numbers {
		list.List = append(list.List, types.Value{Type: out.Type.Elem(), Int: n})
	}
	out.AppendValue(list)
}
