package planner

import (
	"strings"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// source is something to select from: a node, and the names that reach its columns.
type source struct {
	node plan.Node
	cols []scopeColumn
	// rowTime and streamTime are the event time of a row and its partition's, where rows have one: what WINDOW needs.
	rowTime, streamTime plan.Expr
	stream              bool // rows only ever come
	// key is ksqlDB's key of the rows, nil when they have none.
	key    []keyPart
	window *plan.Window // of WINDOW; nil without
	joined bool         // it is a join
	now    bool         // FOR SYSTEM_TIME AS OF now()
}

// scopeColumn is a name in scope.
type scopeColumn struct {
	table  string // the name of the range: its alias, or the relation's name
	schema string // of an unaliased relation
	name   string
	expr   plan.Expr // over the source's node
	rel    *catalog.Relation
	// hidden columns are not in * (pseudo columns); a visible one of the same name wins over them.
	hidden bool
	// merged columns of USING have no table; those they were made of are left out of * and need their table's name.
	shadowed bool
	millis   bool
	origin   plan.Origin // the column of a relation that it is, for clients
	rowKey   bool        // ksqlDB's ROWKEY of a join
	// argument columns are the parameters of a function: what stands for one is the argument itself.
	argument bool
	// optional columns are NULL where an outer join found no row.
	optional bool
}

// scope is what an expression may refer to.
type scope struct {
	src *source
	// clause names the clause for errors: "WHERE", "JOIN conditions".
	clause string
	// aggs collects aggregates where they are allowed; nil where they are not.
	aggs *aggregation
	// srfs and wins tell whether set-returning and window functions may stand here.
	srfs, wins bool
	windows    []ast.NamedWindow
}

// column finds the column that name means.
func (b *binder) column(sc *scope, e *ast.ColRef) (plan.Expr, error) {
	if v := b.variable(e); v != nil {
		return v, nil
	}
	c, err := sc.find(e.Name, e.Pos())
	if err != nil {
		if len(b.outer) > 0 && undefined(err) {
			if x, outerErr := b.fromOuter(len(b.outer), e); x != nil || outerErr != nil {
				return x, outerErr
			}
		}
		if len(e.Name) == 1 && undefined(err) {
			if x, rowErr := b.wholeRow(sc, e.Name[0], "", e.Pos()); x != nil || rowErr != nil {
				return x, rowErr
			}
		}
		return nil, err
	}
	if err := b.keptRecord(c, e.Pos()); err != nil {
		return nil, err
	}
	return b.refer(c, e.Pos()), nil
}

// refer makes a new reference to c.
func (b *binder) refer(c *scopeColumn, pos int) plan.Expr {
	b.ctx.Found.column(c, pos)
	if c.argument {
		return c.expr
	}
	name := c.name
	if c.table != "" {
		name = c.table + "." + c.name
	}
	var x plan.Expr
	switch e := c.expr.(type) {
	case *plan.Col:
		x = &plan.Col{Index: e.Index, Typ: e.Typ, Name: e.Name}
	case *plan.Call:
		call := *e
		x = &call
	default:
		return e
	}
	b.refs[x] = reference{pos: pos, name: name, rel: c.rel, millis: c.millis, origin: c.origin}
	return x
}

// find resolves a perhaps qualified name.
func (sc *scope) find(name []string, pos int) (*scopeColumn, error) {
	col := name[len(name)-1]
	var table, schema string
	if len(name) > 1 {
		table = name[len(name)-2]
	}
	if len(name) > 2 {
		schema = name[len(name)-3]
	}
	var found *scopeColumn
	if sc.src != nil {
		for i := range sc.src.cols {
			c := &sc.src.cols[i]
			if c.name != col || !c.in(table, schema) || table == "" && c.shadowed {
				continue
			}
			switch {
			case found == nil || found.hidden && !c.hidden:
				found = c
			case c.hidden && !found.hidden:
			default:
				return nil, sqlerr.At(pos, sqlerr.AmbiguousColumn, "column reference \"%s\" is ambiguous", col)
			}
		}
	}
	if found == nil {
		return nil, sc.undefined(name, table, schema, pos)
	}
	return found, nil
}

func (c *scopeColumn) in(table, schema string) bool {
	return (table == "" || c.table == table) && (schema == "" || c.schema == schema)
}

// undefined is the error for a name that is not in scope.
func (sc *scope) undefined(name []string, table, schema string, pos int) error {
	known := table == ""
	var cands []string
	if sc.src != nil {
		for i := range sc.src.cols {
			c := &sc.src.cols[i]
			known = known || c.in(table, schema)
			if !c.hidden && c.in(table, schema) {
				cands = append(cands, c.name)
			}
		}
	}
	if !known {
		return sqlerr.At(pos, sqlerr.UndefinedTable, "missing FROM-clause entry for table \"%s\"",
			strings.Join(name[:len(name)-1], "."))
	}
	last := name[len(name)-1]
	err := sqlerr.At(pos, sqlerr.UndefinedColumn, "column \"%s\" does not exist", last)
	if table != "" {
		err = sqlerr.At(pos, sqlerr.UndefinedColumn, "column %s does not exist", strings.Join(name, "."))
	}
	if strings.HasPrefix(last, "window") && table == "" {
		return err.WithHint("Window bounds exist in a query that has a WINDOW clause, and over windowed relations.")
	}
	near, ok := catalog.Nearest(last, cands)
	if !ok {
		return err
	}
	for i := range sc.src.cols {
		if c := &sc.src.cols[i]; c.name == near && !c.hidden && c.in(table, schema) {
			if c.table != "" {
				near = c.table + "." + near
			}
			break
		}
	}
	return err.WithHint("Perhaps you meant to reference the column \"%s\".", near)
}

// has reports whether an unqualified name is a column in scope.
func (sc *scope) has(name string) bool {
	if sc.src == nil {
		return false
	}
	for i := range sc.src.cols {
		if c := &sc.src.cols[i]; c.name == name && !c.shadowed {
			return true
		}
	}
	return false
}

// star returns the columns that * or t.* stands for.
func (sc *scope) star(e *ast.Star) ([]*scopeColumn, error) {
	var table, schema string
	if n := len(e.Qual); n > 0 {
		table = e.Qual[n-1]
		if n > 1 {
			schema = e.Qual[n-2]
		}
	}
	var out []*scopeColumn
	known := false
	if sc.src != nil {
		for i := range sc.src.cols {
			c := &sc.src.cols[i]
			if !c.in(table, schema) {
				continue
			}
			known = true
			if !c.hidden && (table != "" || !c.shadowed) {
				out = append(out, c)
			}
		}
	}
	switch {
	case known:
		return out, nil
	case table == "" && (sc.src == nil || len(sc.src.cols) == 0):
		return nil, sqlerr.At(e.Pos(), sqlerr.SyntaxError, "SELECT * with no tables specified is not valid")
	case table == "":
		return nil, nil
	}
	return nil, sqlerr.At(e.Pos(), sqlerr.UndefinedTable, "missing FROM-clause entry for table \"%s\"", table)
}

// column makes a plan.Col for column i of a node.
func colOf(n plan.Node, i int) *plan.Col {
	c := n.Schema().Cols[i]
	return &plan.Col{Index: i, Typ: c.Type, Name: c.Name}
}

// colType is a column of a schema.
func colType(name string, t types.Type) plan.Column { return plan.Column{Name: name, Type: t} }
