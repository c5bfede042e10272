package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// wholeRow binds the name of an item of FROM where a value is wanted: it stands for the item's row, as t and t.* do in
// to_json(t), count(t.*). It is nil when no item in scope has the name.
func (b *binder) wholeRow(sc *scope, table, schema string, pos int) (plan.Expr, error) {
	if cols := sc.rangeColumns(table, schema); cols != nil {
		vals := make([]plan.Expr, len(cols))
		for i, c := range cols {
			vals[i] = b.refer(c, pos)
		}
		return b.rowOf(cols, vals, b.absent(sc, cols, table, schema, pos)), nil
	}
	for level := len(b.outer) - 1; level >= 0; level-- {
		outer := b.outer[level].sc
		cols := outer.rangeColumns(table, schema)
		if cols == nil {
			continue
		}
		vals := make([]plan.Expr, len(cols))
		for i, c := range cols {
			var err error
			if vals[i], err = b.fromOuter(len(b.outer), &ast.ColRef{P: ast.P(pos), Name: []string{table, c.name}}); err != nil {
				return nil, err
			}
		}
		var absent plan.Expr
		if cols[0].optional {
			absent = allNull(vals)
		}
		return b.rowOf(cols, vals, absent), nil
	}
	return nil, nil
}

// rangeColumns gives the columns that users see of an item of FROM; nil when there is none of that name.
func (sc *scope) rangeColumns(table, schema string) []*scopeColumn {
	if sc.src == nil || table == "" {
		return nil
	}
	var out []*scopeColumn
	for i := range sc.src.cols {
		if c := &sc.src.cols[i]; c.in(table, schema) && !c.hidden && !c.argument {
			out = append(out, c)
		}
	}
	return out
}

// rowOf makes a row of the values of columns; it is NULL where absent holds, which may be nil.
func (b *binder) rowOf(cols []*scopeColumn, vals []plan.Expr, absent plan.Expr) plan.Expr {
	fields := make([]types.Field, len(cols))
	for i, c := range cols {
		fields[i] = types.Field{Name: c.name, Type: vals[i].Type().Base()}
	}
	row := &plan.Struct{Vals: vals, Typ: types.StructOf(fields...)}
	if absent == nil {
		return row
	}
	return &plan.Case{When: []plan.When{{Cond: absent, Then: &plan.Const{Value: types.NullOf(row.Typ)}}}, Else: row,
		Typ: row.Typ}
}

// absent is the condition that an outer join found no row of an item of FROM: then its row is NULL, and not a row of
// NULLs. A relation has its times to tell by; of a subquery all columns are NULL.
func (b *binder) absent(sc *scope, cols []*scopeColumn, table, schema string, pos int) plan.Expr {
	if !cols[0].optional {
		return nil
	}
	for i := range sc.src.cols {
		if c := &sc.src.cols[i]; c.in(table, schema) && c.hidden && c.name == "rowtime" {
			return &plan.IsNull{X: b.refer(c, pos)}
		}
	}
	vals := make([]plan.Expr, len(cols))
	for i, c := range cols {
		vals[i] = b.refer(c, pos)
	}
	return allNull(vals)
}

func allNull(vals []plan.Expr) plan.Expr {
	and := &plan.And{}
	for _, x := range vals {
		and.Args = append(and.Args, &plan.IsNull{X: x})
	}
	if len(and.Args) == 1 {
		return and.Args[0]
	}
	return and
}

// star binds t.* where a value is wanted.
func (b *binder) star(sc *scope, e *ast.Star) (plan.Expr, error) {
	if n := len(e.Qual); n > 0 {
		schema := ""
		if n > 1 {
			schema = e.Qual[n-2]
		}
		x, err := b.wholeRow(sc, e.Qual[n-1], schema, e.Pos())
		if x != nil || err != nil {
			return x, err
		}
		return nil, sqlerr.At(e.Pos(), sqlerr.UndefinedTable, "missing FROM-clause entry for table \"%s\"", e.Qual[n-1])
	}
	return nil, b.refuseExpr(e)
}
