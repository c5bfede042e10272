package engine

import (
	"slices"
	"strings"

	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// condition is a CHECK constraint that is added to rows.
type condition struct {
	name string
	prog *eval.Program
}

type conditions []condition

func compileConditions(xs map[string]plan.Expr) (conditions, error) {
	var out conditions
	for name, x := range xs {
		p, err := eval.Compile(x)
		if err != nil {
			return nil, err
		}
		out = append(out, condition{name, p})
	}
	slices.SortFunc(out, func(a, b condition) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

// check fails when a row does not fulfil one of the conditions.
func (cs conditions) check(env *fn.Env, rel *catalog.Relation, cols []*vec.Column) error {
	for _, c := range cs {
		out, errs := c.prog.Eval(env, &vec.Batch{N: 1, Cols: cols})
		if err := errs[0]; err != nil {
			return err
		}
		if !out.IsNull(0) && !out.Bool[out.At(0)] {
			return sqlerr.New(sqlerr.CheckViolation, "check constraint %q of relation %q is violated by some row", c.name,
				rel.Name)
		}
	}
	return nil
}

// unique fails when another row has the values of a row in the columns of a UNIQUE constraint.
func (t *table) unique(cols []*vec.Column) error {
	for n, x := range t.uniq {
		entry, ok := x.entry(nil, cols, 0)
		if !ok {
			continue
		}
		if _, taken := x.keys.Get(entry); taken {
			var names, values []string
			for _, pos := range x.cols {
				names = append(names, t.rel.Columns[pos].Name)
				values = append(values, string(cols[pos].AppendText(nil, 0, types.Env{})))
			}
			return sqlerr.New(sqlerr.UniqueViolation, "could not create unique index %q", t.rel.Uniques[n].Name).
				WithDetail("Key (%s)=(%s) is duplicated.", strings.Join(names, ", "), strings.Join(values, ", "))
		}
	}
	return nil
}
