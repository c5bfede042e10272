package fn

import (
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// nullDecls declares the functions that count NULLs.
func nullDecls() []Scalar {
	count := func(null bool) Kernel {
		return rowwise(func(r Row, out *vec.Column) error {
			n := int64(0)
			for k := range r.Args() {
				if r.IsNull(k) == null {
					n++
				}
			}
			out.AppendInt(n)
			return nil
		})
	}
	return []Scalar{
		{Name: "num_nulls", Args: in(Any), Variadic: true, Ret: types.Int4, Kernel: count(true),
			Doc: Doc{Category: "comparison", Summary: "Counts the arguments that are NULL.",
				Examples: ex("num_nulls(1, NULL, 2)", "1")}},
		{Name: "num_nonnulls", Args: in(Any), Variadic: true, Ret: types.Int4, Kernel: count(false),
			Doc: Doc{Summary: "Counts the arguments that are not NULL.", Examples: ex("num_nonnulls(1, NULL, 2)", "2")}},
	}
}
