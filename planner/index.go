package planner

import (
	"slices"
	"strings"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// CreateIndex plans CREATE INDEX on rel. An index that is unique in more than name is made as a constraint is, by the
// plan of an ALTER; of others the relation with the index is given.
func CreateIndex(rel *catalog.Relation, st *ast.CreateIndex) (*catalog.Relation, *AlterPlan, error) {
	r := *rel
	r.Uniques, r.Indexes = slices.Clone(r.Uniques), slices.Clone(r.Indexes)
	x := catalog.Index{Name: st.Name, Number: r.Indexed + 1}
	var names []string
	for i, c := range st.Columns {
		if c.X != nil {
			made, err := indexExpr(rel, c)
			if err != nil {
				return nil, nil, err
			}
			if x.Exprs == nil {
				x.Exprs = make([]catalog.IndexExpr, len(st.Columns))
			}
			x.Exprs[i] = made
			x.Columns, x.Orders, names = append(x.Columns, -1), append(x.Orders, c.Order), append(names, made.Name)
			continue
		}
		at := r.ColumnIndex(c.Name)
		switch {
		case at < 0:
			return nil, nil, sqlerr.At(c.Pos(), sqlerr.UndefinedColumn, "column \"%s\" does not exist", c.Name)
		case hasMap(r.Columns[at].Type):
			return nil, nil, mapKey(c.Pos(), c.Name, r.Columns[at].Type)
		}
		if err := ordered(r.Columns[at].Type, c.Pos()); err != nil {
			return nil, nil, sqlerr.At(c.Pos(), sqlerr.UndefinedObject,
				"data type %s has no default operator class for access method \"btree\"", r.Columns[at].Type.Base()).
				WithHint("You must specify an operator class for the index or define a default operator class for the data type.")
		}
		if err := operatorClass(c, r.Columns[at].Type); err != nil {
			return nil, nil, err
		}
		x.Columns, x.Orders, names = append(x.Columns, at), append(x.Orders, c.Order), append(names, c.Name)
	}
	for _, name := range st.Include {
		at := r.ColumnIndex(name)
		if at < 0 {
			return nil, nil, sqlerr.At(st.IncludePos.Pos(), sqlerr.UndefinedColumn, "column \"%s\" does not exist", name)
		}
		x.Include = append(x.Include, at)
	}
	if st.Where != nil {
		if err := indexWhere(rel, st); err != nil {
			return nil, nil, err
		}
		x.Where = st.WhereText
	}
	if x.Name == "" {
		x.Name = freeName(&r, r.Name+"_"+strings.Join(names, "_")+"_idx")
	}
	for _, had := range r.Indexes {
		x.Number = max(x.Number, had.Number+1)
	}
	if st.Unique && !x.Plain() {
		return nil, nil, refuse(st.Pos(), "UNIQUE of an index on expressions or with WHERE").
			WithHint("An index that is not UNIQUE may have them; a UNIQUE constraint is of columns, and of all rows.")
	}
	if st.Unique && !holdsKey(&r, x.Columns) {
		p, err := uniqueIndex(&r, &x, st)
		return nil, p, err
	}
	x.Unique = st.Unique
	r.Indexes = append(r.Indexes, x)
	return &r, nil, nil
}

// operatorClass checks the operator class of a column of an index. Text is ordered by its code points, so that those
// for patterns order as the others do.
func operatorClass(c *ast.IndexColumn, t types.Type) error {
	if c.Class == nil {
		return nil
	}
	name, isClass := strings.CutSuffix(c.Class.Last(), "_ops")
	of, isPattern := strings.CutSuffix(name, "_pattern")
	typ, known := typeNames[of]
	isArray := of == "array"
	if !isClass || !known && !isArray || isPattern && (!typ.IsString() || typ.Kind == types.KindName) {
		return sqlerr.At(c.Class.Pos(), sqlerr.UndefinedObject,
			"operator class \"%s\" does not exist for access method \"btree\"", c.Class.Last())
	}
	if isArray && t.Kind == types.KindArray || typ.Kind == t.Kind || typ.IsString() && t.IsString() {
		return nil
	}
	return sqlerr.At(c.Class.Pos(), sqlerr.DatatypeMismatch, "operator class \"%s\" does not accept data type %s",
		c.Class.Last(), t.Base())
}

// holdsKey reports whether columns hold all of a relation's key, so that no two rows share their values.
func holdsKey(r *catalog.Relation, columns []int) bool {
	return len(r.Key) > 0 && !slices.ContainsFunc(r.Key, func(k int) bool { return !slices.Contains(columns, k) })
}

// uniqueIndex plans an index that rows have to be checked for.
func uniqueIndex(r *catalog.Relation, x *catalog.Index, st *ast.CreateIndex) (*AlterPlan, error) {
	if len(x.Include) > 0 {
		return nil, refuse(st.IncludePos.Pos(), "INCLUDE in a unique index")
	}
	if r.Kind != catalog.Table || r.Ksql || r.Query != "" {
		return nil, refuse(st.Pos(), "UNIQUE of rows that are not written by SQL").
			WithHint("An index is unique there when its columns hold the key.")
	}
	r.Uniques = append(r.Uniques, catalog.Unique{Name: x.Name, Columns: x.Columns, Index: true})
	return relayPlan(r), nil
}

// DropUniqueIndex plans DROP INDEX of an index that rows are checked for.
func DropUniqueIndex(rel *catalog.Relation, name string) *AlterPlan {
	r := *rel
	r.Uniques = slices.DeleteFunc(slices.Clone(r.Uniques), func(u catalog.Unique) bool { return u.Name == name })
	return relayPlan(&r)
}

// relayPlan keeps the columns of a relation, whose rows are laid out anew with their indexes.
func relayPlan(r *catalog.Relation) *AlterPlan {
	r.Layout++
	p := &AlterPlan{Rel: r}
	for i := range r.Columns {
		p.From, p.Fill = append(p.From, i), append(p.Fill, nil)
	}
	return p
}

// indexLookup finds the index whose leading columns conds fix most of, where they fix more than of the key. One that is
// kept for a constraint has no rows with NULLs, and is asked for all of its columns.
func indexLookup(s *plan.Scan, conds []plan.Expr) {
	try := func(name string, fields []plan.Column, values []plan.Expr, whole bool) {
		if len(values) > len(s.Lookup) && (!whole || len(values) == len(fields)) {
			s.Lookup, s.Index, s.By = values, name, fields[:len(values)]
		}
	}
	for _, u := range s.Rel.Uniques {
		try(u.Name, fieldsOf(s.Rel, u.Columns), fixedColumns(s, u.Columns, conds), true)
	}
	for i := range s.Rel.Indexes {
		if x := indexFields(s, i, conds); x != nil {
			try(x.index.Name, x.fields, x.fixed(conds), false)
		}
	}
}
