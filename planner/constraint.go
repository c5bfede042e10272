package planner

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// serials are the types that are integers with a sequence.
var serials = map[string]types.Type{"serial": types.Int4, "serial4": types.Int4, "bigserial": types.Int8,
	"serial8": types.Int8, "smallserial": types.Int2, "serial2": types.Int2}

// columnType resolves the type of a column and what stands in for it: its DEFAULT, or the next number of its sequence.
func (ctx *Context) columnType(rel *catalog.Relation, c *ast.ColumnDef, col *catalog.Column) (types.Type, error) {
	if t, ok := serials[c.Type.Name[len(c.Type.Name)-1]]; ok && len(c.Type.Name) == 1 && !c.Type.Quoted {
		if c.Default != nil || c.Identity != "" {
			return t, sqlerr.At(c.Pos(), sqlerr.SyntaxError,
				"multiple default values specified for column \"%s\" of table \"%s\"", c.Name, rel.Name)
		}
		col.NotNull = true
		return t, ctx.numbered(rel, c, col, catalog.Upward(t))
	}
	t, domain, err := ctx.domainType(c.Type)
	if domain != nil {
		if rel.Ksql || rel.Kind != catalog.Table {
			return t, refuse(c.Type.Pos(), "a column of a domain in a relation over a topic").
				WithHint("Producers write to the topic as they like; a table without kafka_topic can have it.")
		}
		col.Domain = domain.ID
	}
	switch {
	case err != nil:
		return t, err
	case c.Generated && c.Identity != "":
		return t, sqlerr.At(c.Pos(), sqlerr.SyntaxError,
			"both identity and generation expression specified for column \"%s\" of table \"%s\"", c.Name, rel.Name)
	case c.Generated:
		if rel.Kind != catalog.Table {
			return t, refuse(c.Pos(), "a generated column of a stream")
		}
		col.Generated = c.DefaultText // checked when all columns are known
	case c.Identity != "":
		if !wholeNumber(t) {
			return t, sqlerr.At(c.Type.Pos(), sqlerr.InvalidParameterValue,
				"identity column type must be smallint, integer, or bigint")
		}
		if c.Default != nil {
			return t, sqlerr.At(c.Pos(), sqlerr.SyntaxError,
				"both default and identity specified for column \"%s\" of table \"%s\"", c.Name, rel.Name)
		}
		col.NotNull, col.Identity = true, c.Identity
		err = ctx.identity(rel, c, col, t)
	case c.Default != nil:
		col.Default, err = ctx.defaultOf(c.Name, t, c.Default, c.DefaultText)
	}
	return t, err
}

// defaultOf checks the expression of a DEFAULT and gives the text that is kept of it, in which sequences that it draws
// from are named in full.
func (ctx *Context) defaultOf(column string, t types.Type, e ast.Expr, text string) (string, error) {
	if err := ctx.checkDefault(column, t, e); err != nil {
		return "", err
	}
	var missing error
	text = drawCall.ReplaceAllStringFunc(text, func(call string) string {
		name := strings.ReplaceAll(drawCall.FindStringSubmatch(call)[1], "''", "'")
		schema, last := fn.SplitName(name)
		parts := []string{last}
		if schema != "" {
			parts = []string{schema, last}
		}
		q, err := ctx.Catalog.Resolve(ctx.path(), parts)
		switch {
		case err != nil:
			missing = sqlerr.New(sqlerr.UndefinedTable, "relation \"%s\" does not exist", name)
		case q.Kind == catalog.Sequence:
			return catalog.Draw(q.Schema, q.Name)
		}
		return call
	})
	return text, missing
}

// drawCall is a call that draws from a sequence by its name.
var drawCall = regexp.MustCompile(`(?i)\bnextval\s*\(\s*'((?:[^']|'')*)'\s*(?:::\s*(?:pg_catalog\.)?regclass\s*)?\)`)

// checkDefault checks the expression of a DEFAULT.
func (ctx *Context) checkDefault(column string, t types.Type, e ast.Expr) error {
	b := newBinder(ctx, modePull)
	if ref, ok := e.(*ast.ColRef); ok {
		return sqlerr.At(ref.Pos(), sqlerr.FeatureNotSupported, "cannot use column reference in DEFAULT expression")
	}
	x, err := b.bind(&scope{clause: "DEFAULT"}, e)
	if err != nil {
		return err
	}
	if err := plainExpr(x, e.Pos(), "DEFAULT"); err != nil {
		return err
	}
	if from := x.Type(); from != types.Unknown && !fn.CanCast(from, t, fn.Assignment) {
		return sqlerr.At(e.Pos(), sqlerr.DatatypeMismatch,
			"column \"%s\" is of type %s but default expression is of type %s", column, t.Base(), from.Base()).
			WithHint("You will need to rewrite or cast the expression.")
	}
	_, err = b.coerce(x, t, fn.Assignment, leftmost(e))
	return err
}

// constraints gives a relation the constraints of its statement. A table over a topic that the statement names is one
// in ksqlDB's sense: a row replaces the one before it.
func (ctx *Context) constraints(rel *catalog.Relation, st *ast.Create) error {
	if rel.Kind == catalog.Table && len(rel.Key) > 0 && !rel.Ksql {
		if rel.KeyName = st.KeyName; rel.KeyName == "" {
			rel.KeyName = rel.Name + "_pkey"
		}
	}
	if err := ctx.checkGenerated(rel, st.Columns); err != nil {
		return err
	}
	for _, u := range st.Uniques {
		if rel.Kind != catalog.Table || rel.Ksql {
			return refuse(u.Pos(), "UNIQUE of a relation over a topic").
				WithHint("Producers write to the topic as they like; a table without kafka_topic can be UNIQUE.")
		}
		if err := addUnique(rel, u); err != nil {
			return err
		}
	}
	for _, c := range st.Checks {
		if err := ctx.addCheck(rel, c); err != nil {
			return err
		}
	}
	for _, f := range st.Foreign {
		if err := ctx.addForeign(rel, f); err != nil {
			return err
		}
	}
	return nil
}

func addUnique(rel *catalog.Relation, u ast.Unique) error {
	out := catalog.Unique{Name: u.Name}
	for _, name := range u.Columns {
		i := rel.ColumnIndex(name)
		switch {
		case i < 0:
			return sqlerr.At(u.Pos(), sqlerr.UndefinedColumn, "column \"%s\" named in key does not exist", name)
		case slices.Contains(out.Columns, i):
			return sqlerr.At(u.Pos(), sqlerr.DuplicateColumn, "column \"%s\" appears twice in unique constraint", name)
		case hasMap(rel.Columns[i].Type):
			return mapKey(u.Pos(), name, rel.Columns[i].Type)
		}
		out.Columns = append(out.Columns, i)
	}
	if out.Name == "" {
		out.Name = freeName(rel, rel.Name+"_"+strings.Join(u.Columns, "_")+"_key")
	}
	rel.Uniques = append(rel.Uniques, out)
	return nil
}

func (ctx *Context) addCheck(rel *catalog.Relation, c *ast.Check) error {
	b := newBinder(ctx, modePull)
	x, err := b.condition(&scope{src: rowSource(rel), clause: "CHECK"}, c.X, "CHECK")
	if err != nil {
		return err
	}
	if err := plainExpr(x, c.X.Pos(), "CHECK"); err != nil {
		return err
	}
	name := c.Name
	if name == "" {
		column := c.Column
		if column == "" {
			column = onlyColumn(x)
		}
		if name = rel.Name + "_check"; column != "" {
			name = rel.Name + "_" + column + "_check"
		}
		name = freeName(rel, name)
	}
	rel.Checks = append(rel.Checks, catalog.Check{Name: name, Text: c.Text})
	return nil
}

// onlyColumn is the name of the one column that an expression is about; "" when there are others.
func onlyColumn(x plan.Expr) string {
	name, n := "", 0
	visit(x, func(e plan.Expr) bool {
		if c, ok := e.(*plan.Col); ok && c.Name != name {
			name, n = c.Name, n+1
		}
		return true
	})
	if n != 1 {
		return ""
	}
	return name
}

// freeName makes the name of a constraint one that no other of the relation has.
func freeName(rel *catalog.Relation, name string) string {
	taken := map[string]bool{rel.KeyName: true}
	for _, u := range rel.Uniques {
		taken[u.Name] = true
	}
	for _, c := range rel.Checks {
		taken[c.Name] = true
	}
	for _, f := range rel.Foreign {
		taken[f.Name] = true
	}
	for _, x := range rel.Indexes {
		taken[x.Name] = true
	}
	free := name
	for n := 1; taken[free]; n++ {
		free = fmt.Sprintf("%s%d", name, n)
	}
	return free
}

// like adds the columns of another relation, with what INCLUDING asks for.
func (ctx *Context) like(rel *catalog.Relation, l *ast.LikeTable) error {
	from, err := newBinder(ctx, modePull).relation(l.Table.Parts, l.Table.Pos())
	if err != nil {
		return err
	}
	first := len(rel.Columns)
	moved := func(positions []int) []int {
		out := slices.Clone(positions)
		for i := range out {
			out[i] += first
		}
		return out
	}
	for _, c := range from.Columns {
		if rel.ColumnIndex(c.Name) >= 0 {
			return sqlerr.At(l.Pos(), sqlerr.DuplicateColumn, "column \"%s\" specified more than once", c.Name)
		}
		own := catalog.Column{Name: c.Name, Type: c.Type, NotNull: c.NotNull, Domain: c.Domain}
		q, owns := ctx.Catalog.SequenceOf(from.ID, c.Name)
		switch {
		case c.Generated != "":
			if l.Including["generated"] {
				own.Generated = c.Generated
			}
		case c.Identity == "" && l.Including["defaults"]:
			own.Default = c.Default // a sequence is shared, as in PostgreSQL
		case c.Identity != "" && l.Including["identity"] && owns:
			own.Identity = c.Identity
			ctx.own(rel, &own, *q.Numbers)
		}
		rel.Columns = append(rel.Columns, own)
	}
	if l.Including["constraints"] {
		rel.Checks = append(rel.Checks, from.Checks...)
	}
	if l.Including["indexes"] && rel.Kind == catalog.Table && from.Kind == catalog.Table {
		rel.Key = append(rel.Key, moved(from.Key)...)
		for _, u := range from.Uniques {
			rel.Uniques = append(rel.Uniques, catalog.Unique{Columns: moved(u.Columns),
				Name: freeName(rel, strings.Replace(u.Name, from.Name, rel.Name, 1))})
		}
	}
	return nil
}

// CreateEmpty gives the table that CREATE TABLE AS … WITH NO DATA makes: the columns of a query that is not run.
func CreateEmpty(ctx *Context, st *ast.Create) (*catalog.Relation, error) {
	q, err := Query(ctx, st.As)
	if err != nil {
		return nil, err
	}
	if err := checkCreate(st); err != nil {
		return nil, err
	}
	cols := q.Root.Schema().Cols[:q.Visible]
	if len(st.ColNames) > len(cols) {
		return nil, sqlerr.At(st.Name.Pos(), sqlerr.SyntaxError, "too many column names were specified")
	}
	rel := &catalog.Relation{Name: st.Name.Last(), Schema: schemaOf(ctx, st), TimeColumn: -1, Kind: catalog.Table}
	for i, c := range cols {
		name := c.Name
		if i < len(st.ColNames) {
			name = st.ColNames[i]
		}
		if rel.ColumnIndex(name) >= 0 {
			return nil, sqlerr.At(st.Name.Pos(), sqlerr.DuplicateColumn, "column \"%s\" specified more than once", name)
		}
		rel.Columns = append(rel.Columns, catalog.Column{Name: name, Type: c.Type})
	}
	props, err := parseProps(st.Props, false)
	if err != nil {
		return nil, err
	}
	return rel, props.apply(ctx, rel, st)
}
