package fn

import (
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// Domain declares what brings values into a domain: it takes the value and, as lambdas of it, the conditions of the
// constraints that checks names, and gives the value, or fails with what it violates.
func Domain(schema, name string, base types.Type, notNull bool, checks []string) *Scalar {
	return &Scalar{Name: name, Ret: base, LambdaAt: 1,
		LambdaParams: func([]types.Type) ([]types.Type, bool) { return in(base), true },
		Kernel: func(c *Call, args []*vec.Column, out *vec.Column) {
			values := args[0].Flat(c.N)
			var rows []int32
			given := vec.NewColumn(values.Type)
			for i := range c.N {
				if c.Skips(i) {
					continue
				}
				if notNull && values.IsNull(i) {
					e := sqlerr.New(sqlerr.NotNullViolation, "domain %s does not allow null values", name)
					e.Schema = schema
					c.Fail(i, e)
					continue
				}
				rows = append(rows, int32(i))
				given.AppendFrom(values, i)
			}
			for k, constraint := range checks {
				holds, errs := c.Lambdas[k](rows, []*vec.Column{given})
				for at, i := range rows {
					switch err := errs[at]; {
					case err != nil:
						c.Fail(int(i), err)
					case !holds.IsNull(at) && !holds.Bool[holds.At(at)]:
						e := sqlerr.New(sqlerr.CheckViolation, "value for domain %s violates check constraint \"%s\"", name, constraint)
						e.Schema, e.Constraint = schema, constraint
						c.Fail(int(i), e)
					}
				}
			}
			out.AppendRange(values, 0, c.N)
		}}
}
