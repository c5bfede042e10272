package planner

import (
	"slices"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// Indexes may have expressions in the place of columns, and a condition of the rows that are in them. Both are computed
// whenever a row changes, and the same values are looked up later: they can depend on nothing else.

// lone is a binder of what indexes have: it knows no relations and no functions of users.
func lone() *binder { return newBinder(&Context{Catalog: catalog.New(0, nil)}, modePull) }

// indexExpr binds an expression of CREATE INDEX.
func indexExpr(rel *catalog.Relation, c *ast.IndexColumn) (catalog.IndexExpr, error) {
	x, err := lone().bind(&scope{src: rowSource(rel), clause: "index expressions"}, c.X)
	if err != nil {
		return catalog.IndexExpr{}, err
	}
	if err := lasting(x, c.X.Pos(), "index expression"); err != nil {
		return catalog.IndexExpr{}, err
	}
	if x.Type() == types.Unknown {
		x = &plan.Cast{X: x, Typ: types.Text}
	}
	if hasMap(x.Type()) {
		return catalog.IndexExpr{}, mapKey(c.X.Pos(), "expr", x.Type())
	}
	if err := ordered(x.Type(), c.X.Pos()); err != nil {
		return catalog.IndexExpr{}, err
	}
	if err := operatorClass(c, x.Type()); err != nil {
		return catalog.IndexExpr{}, err
	}
	name := "expr"
	if call, ok := c.X.(*ast.Call); ok && len(call.Name) > 0 {
		name = call.Name[len(call.Name)-1]
	}
	return catalog.IndexExpr{Text: c.Text, Name: name, Type: x.Type().String()}, nil
}

// indexWhere binds the condition of CREATE INDEX.
func indexWhere(rel *catalog.Relation, st *ast.CreateIndex) error {
	x, err := lone().condition(&scope{src: rowSource(rel), clause: "index predicates"}, st.Where, "WHERE")
	if err != nil {
		return err
	}
	return lasting(x, st.Where.Pos(), "index predicate")
}

// lasting refuses expressions whose value may change while their row stays.
func lasting(x plan.Expr, pos int, what string) error {
	if err := plainExpr(x, pos, "CREATE INDEX"); err != nil {
		return err
	}
	if !visit(x, func(e plan.Expr) bool {
		c, isCall := e.(*plan.Call)
		return !(isCall && (c.Fn.Volatile || c.Fn.Stable)) && !zoned(e)
	}) {
		return sqlerr.At(pos, sqlerr.InvalidObjectDefinition, "functions in %s must be marked IMMUTABLE", what)
	}
	return nil
}

// zoned reports whether a cast is by the time zone of the session, or a call may be, comparisons excepted.
func zoned(e plan.Expr) bool {
	switch e := e.(type) {
	case *plan.Cast:
		return e.Typ != e.X.Type() && (e.Typ == types.TimestampTZ || e.X.Type() == types.TimestampTZ)
	case *plan.Call:
		return e.Type() != types.Bool && slices.ContainsFunc(e.Args, func(x plan.Expr) bool {
			return x.Type() == types.TimestampTZ
		})
	}
	return false
}

// IndexExprs gives what an index of rel holds as expressions over the relation's columns, and the condition of its
// rows, nil for none.
func IndexExprs(rel *catalog.Relation, x *catalog.Index) (exprs []plan.Expr, where plan.Expr, err error) {
	b, sc := lone(), &scope{src: rowSource(rel), clause: "index expressions"}
	for i, at := range x.Columns {
		var e plan.Expr
		if at >= 0 {
			e = &plan.Col{Index: at, Typ: rel.Columns[at].Type, Name: rel.Columns[at].Name}
		} else if e, err = b.kept(sc, x.Exprs[i].Text); err != nil {
			return nil, nil, err
		} else if e.Type() == types.Unknown {
			e = &plan.Cast{X: e, Typ: types.Text}
		}
		exprs = append(exprs, e)
	}
	if x.Where != "" {
		if where, err = b.kept(sc, x.Where); err != nil {
			return nil, nil, err
		}
		if where, err = b.coerce(where, types.Bool, fn.Implicit, 0); err != nil {
			return nil, nil, err
		}
	}
	return exprs, where, nil
}

// namesIndexed reports whether an expression or the condition of an index is about column i of a relation.
func namesIndexed(r *catalog.Relation, x *catalog.Index, i int) bool {
	texts := []string{x.Where}
	for _, e := range x.Exprs {
		texts = append(texts, e.Text)
	}
	return slices.ContainsFunc(texts, func(t string) bool { return t != "" && namesColumn(r, t, i) })
}

// usedIndex is an index that a scan under certain conditions may use.
type usedIndex struct {
	scan   *plan.Scan
	index  *catalog.Index
	exprs  []plan.Expr // over the columns of the scan; nil for those that it does not have
	fields []plan.Column
}

// indexFields makes the n-th index of a scan's relation ready; nil when conds let rows through that it may not have.
func indexFields(s *plan.Scan, n int, conds []plan.Expr) *usedIndex {
	x := &s.Rel.Indexes[n]
	u := &usedIndex{scan: s, index: x}
	if x.Plain() {
		u.fields = fieldsOf(s.Rel, x.Columns)
		return u
	}
	exprs, where, err := IndexExprs(s.Rel, x)
	if err != nil {
		return nil
	}
	for _, c := range conjuncts(where, nil) {
		c = overScan(s, c)
		if c == nil || !slices.ContainsFunc(conds, func(o plan.Expr) bool { return equal(o, c) }) {
			return nil
		}
	}
	for i, e := range exprs {
		name := "expr"
		if at := x.Columns[i]; at >= 0 {
			name = s.Rel.Columns[at].Name
		} else {
			name = x.Exprs[i].Text
		}
		u.fields = append(u.fields, plan.Column{Name: name, Type: e.Type()})
		u.exprs = append(u.exprs, overScan(s, e))
	}
	return u
}

// fieldsOf describes columns of a relation.
func fieldsOf(rel *catalog.Relation, columns []int) []plan.Column {
	out := make([]plan.Column, len(columns))
	for i, at := range columns {
		out[i] = plan.Column{Name: rel.Columns[at].Name, Type: rel.Columns[at].Type}
	}
	return out
}

// overScan makes an expression over a relation's columns one over those of a scan; nil when it does not have them all.
func overScan(s *plan.Scan, e plan.Expr) plan.Expr {
	whole := true
	out := rewrite(e, func(e plan.Expr) plan.Expr {
		c, ok := e.(*plan.Col)
		if !ok {
			return nil
		}
		at := slices.Index(s.Cols, c.Index)
		if at < 0 {
			whole = false
			return e
		}
		moved := *c
		moved.Index = at
		return &moved
	})
	if !whole {
		return nil
	}
	return out
}

// fixed finds the one value that conds leave to each field of the index, or to the first of them.
func (u *usedIndex) fixed(conds []plan.Expr) []plan.Expr {
	if u.exprs == nil {
		return fixedColumns(u.scan, u.index.Columns, conds)
	}
	return fixedBy(len(u.exprs), conds, u.is, func(i int) types.Type { return u.fields[i].Type })
}

// is reports whether e is the i'th field of the index, perhaps cast from varchar to text.
func (u *usedIndex) is(e plan.Expr, i int) bool {
	if u.exprs == nil {
		return isColumn(u.scan, e, u.index.Columns[i])
	}
	return u.exprs[i] != nil && equal(relabelled(e), relabelled(u.exprs[i]))
}
