package engine

import (
	"strings"

	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// CheckRows makes the checks of rows that need no others: that the relation can be written to, NOT NULL, and its CHECK
// constraints, which checks holds in their order. Behind them it holds what generated columns are computed from, which
// comes first, and the columns of domains, which come next. The first row that fails is told, with its number.
func (e *Engine) CheckRows(rel *catalog.Relation, checks []plan.Expr, rows *vec.Batch, env *fn.Env) (int, error) {
	if err := writable(rel); err != nil {
		return 0, err
	}
	if bad, err := generate(rel, checks[len(rel.Checks):], rows, env); err != nil {
		return bad, err
	}
	first, failure := rows.N, error(nil)
	for _, x := range checks[len(rel.Checks)+generatedColumns(rel):] {
		p, err := eval.Compile(x)
		if err != nil {
			return 0, err
		}
		_, errs := p.Eval(env, rows)
		for i := range first {
			if errs[i] != nil {
				first, failure = i, errs[i]
				break
			}
		}
	}
	if i, err := nullRow(rel, rows); err != nil && i < first {
		first, failure = i, err
	}
	for _, k := range catalog.ByName(rel.Checks) {
		p, err := eval.Compile(checks[k])
		if err != nil {
			return 0, err
		}
		out, errs := p.Eval(env, rows)
		for i := range first {
			if err := errs[i]; err != nil {
				first, failure = i, err
				break
			}
			if !out.IsNull(i) && !out.Bool[out.At(i)] {
				failed := sqlerr.New(sqlerr.CheckViolation, "new row for relation %q violates check constraint %q", rel.Name,
					rel.Checks[k].Name).WithDetail("Failing row contains %s.", failingRow(rows.Cols, i))
				failed.Schema, failed.Table, failed.Constraint = rel.Schema, rel.Name, rel.Checks[k].Name
				failure = failed
				first = i
				break
			}
		}
	}
	return first, failure
}

func generatedColumns(rel *catalog.Relation) (n int) {
	for _, c := range rel.Columns {
		if c.Generated != "" {
			n++
		}
	}
	return n
}

// generate computes the generated columns of rows. An error is that of the first row that has one.
func generate(rel *catalog.Relation, exprs []plan.Expr, rows *vec.Batch, env *fn.Env) (int, error) {
	next := 0
	for pos, c := range rel.Columns {
		if c.Generated == "" {
			continue
		}
		p, err := eval.Compile(exprs[next])
		if err != nil {
			return 0, err
		}
		next++
		out, errs := p.Eval(env, rows)
		for i := range rows.N {
			if errs[i] != nil {
				return i, errs[i]
			}
		}
		rows.Cols[pos] = out.Flat(rows.N).Clone()
	}
	return 0, nil
}

// nullRow finds the first row that has NULL where the relation must not: the number of rows and no error when none has.
func nullRow(rel *catalog.Relation, b *vec.Batch) (int, error) {
	first, column := b.N, 0
	for pos, c := range rel.Columns {
		// A null value of a record deletes the row.
		if !c.NotNull && (rel.Kind != catalog.Table || !rel.IsKey(pos) && !writesNullAsNone(rel)) || !b.Cols[pos].HasNulls() {
			continue
		}
		for i := range first {
			if b.Cols[pos].IsNull(i) {
				first, column = i, pos
				break
			}
		}
	}
	if first == b.N {
		return first, nil
	}
	e := sqlerr.New(sqlerr.NotNullViolation,
		"null value in column %q of relation %q violates not-null constraint", rel.Columns[column].Name, rel.Name).
		WithDetail("Failing row contains %s.", failingRow(b.Cols, first))
	e.Schema, e.Table, e.Column = rel.Schema, rel.Name, rel.Columns[column].Name
	return first, e
}

// failingRow writes a row as PostgreSQL does in the details of errors.
func failingRow(cols []*vec.Column, i int) string {
	const longest = 64
	var b strings.Builder
	b.WriteByte('(')
	for k, c := range cols {
		if k > 0 {
			b.WriteString(", ")
		}
		if c.IsNull(i) {
			b.WriteString("null")
			continue
		}
		text := string(c.AppendText(nil, i, types.Env{}))
		if len(text) > longest {
			text = text[:longest] + "..."
		}
		b.WriteString(text)
	}
	b.WriteByte(')')
	return b.String()
}

// duplicate is the error of a row whose values in columns are another row's too.
func duplicate(rel *catalog.Relation, name string, columns []int, cols []*vec.Column, i int) error {
	var names, values []string
	for _, pos := range columns {
		names = append(names, rel.Columns[pos].Name)
		values = append(values, string(cols[pos].AppendText(nil, i, types.Env{})))
	}
	e := sqlerr.New(sqlerr.UniqueViolation, "duplicate key value violates unique constraint %q", name).
		WithDetail("Key (%s)=(%s) already exists.", strings.Join(names, ", "), strings.Join(values, ", "))
	e.Schema, e.Table, e.Constraint = rel.Schema, rel.Name, name
	return e
}
