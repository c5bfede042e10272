package planner

import (
	"strings"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// reserved are the names of pseudo columns that no column may have.
var reserved = map[string]bool{"rowtime": true, "rowpartition": true, "rowoffset": true}

// Create gives the relation that CREATE STREAM or CREATE TABLE with a list of columns makes. ID, topic settings that
// the statement leaves open (Topic "", Partitions 0) and times are the caller's to fill in.
func Create(ctx *Context, st *ast.Create) (*catalog.Relation, error) {
	if err := checkCreate(st); err != nil {
		return nil, err
	}
	rel := &catalog.Relation{Name: st.Name.Last(), Schema: schemaOf(ctx, st), TimeColumn: -1, Kind: catalog.Stream,
		ReadOnly: st.Source}
	switch st.What {
	case "STREAM":
	case "TABLE":
		rel.Kind = catalog.Table
	default:
		return nil, sqlerr.At(st.Pos(), sqlerr.SyntaxError, "CREATE %s needs AS and a query", st.What)
	}
	props, err := parseProps(st.Props, false)
	if err != nil {
		return nil, err
	}
	if len(st.Columns) == 0 {
		if err := props.formats(ctx, rel, st); err != nil {
			return nil, err
		}
		return nil, refuse(st.Name.Pos(), "CREATE %s without columns", st.What).
			WithHint("List the columns: they are not inferred from a schema registry.")
	}
	for i := range st.Columns {
		if err := ctx.addColumn(rel, &st.Columns[i]); err != nil {
			return nil, err
		}
	}
	if err := tableKey(rel, st); err != nil {
		return nil, err
	}
	_, named := props["kafka_topic"]
	if rel.Ksql = named || rel.ReadOnly; named {
		keyFirst(rel)
	}
	if err := props.window(rel); err != nil {
		return nil, err
	}
	if err := props.apply(ctx, rel, st); err != nil {
		return nil, err
	}
	if err := checkMapKeys(st, rel); err != nil {
		return nil, err
	}
	if err := ctx.constraints(rel, st); err != nil {
		return nil, err
	}
	return rel, ctx.checkReplace(rel, st)
}

// keyFirst puts the KEY columns of a stream before the others, as ksqlDB does with its statements, which all name a
// topic: INSERT without a list of columns and SELECT * follow this order.
func keyFirst(rel *catalog.Relation) {
	if rel.Kind != catalog.Stream || len(rel.Key) == 0 {
		return
	}
	var cols []catalog.Column
	for _, k := range rel.Key {
		cols = append(cols, rel.Columns[k])
	}
	for i, c := range rel.Columns {
		if !rel.IsKey(i) {
			cols = append(cols, c)
		}
	}
	for i := range rel.Key {
		rel.Key[i] = i
	}
	rel.Columns = cols
}

// checkCreate refuses what is not done yet, of either form of CREATE.
func checkCreate(st *ast.Create) error {
	switch {
	case st.OrReplace && st.Source:
		return sqlerr.At(st.Pos(), sqlerr.InvalidTableDefinition, "CREATE OR REPLACE is not possible for a source %s",
			strings.ToLower(st.What))
	case st.Temp && st.What != "TABLE" && st.What != "VIEW":
		return refuse(st.Pos(), "CREATE TEMPORARY %s", st.What)
	case st.What == "VIEW":
		return checkView(st)
	}
	return nil
}

// schemaOf gives the schema that a new relation belongs to: the session's own for what is temporary, or the first of
// the path that is there.
func schemaOf(ctx *Context, st *ast.Create) string {
	if st.Temp {
		return ctx.Temp
	}
	return schemaOfName(ctx, st.Name)
}

func schemaOfName(ctx *Context, name ast.Name) string {
	if n := len(name.Parts); n > 1 {
		return name.Parts[n-2]
	}
	for _, name := range ctx.path() {
		if name != ctx.Temp && (name == catalog.Public || ctx.Catalog.HasSchema(name)) {
			return name
		}
	}
	if path := ctx.path(); len(path) > 0 && path[0] != ctx.Temp {
		return path[0]
	}
	return catalog.Public
}

// addColumn adds a column definition to rel.
func (ctx *Context) addColumn(rel *catalog.Relation, c *ast.ColumnDef) error {
	switch {
	case c.Like != nil:
		return ctx.like(rel, c.Like)
	case rel.ColumnIndex(c.Name) >= 0:
		return sqlerr.At(c.Pos(), sqlerr.DuplicateColumn, "column \"%s\" specified more than once", c.Name)
	case reserved[c.Name]:
		return sqlerr.At(c.Pos(), sqlerr.InvalidTableDefinition, "column name \"%s\" is reserved for a pseudo column", c.Name)
	case c.Key && rel.Kind == catalog.Table:
		return sqlerr.At(c.Pos(), sqlerr.InvalidTableDefinition, "column \"%s\" of a table cannot be a KEY column", c.Name).
			WithHint("Tables have PRIMARY KEY columns.")
	case c.PrimaryKey && rel.Kind == catalog.Stream:
		return sqlerr.At(c.Pos(), sqlerr.InvalidTableDefinition,
			"column \"%s\" of a stream cannot be a PRIMARY KEY column", c.Name).WithHint("Streams have KEY columns.")
	}
	col := catalog.Column{Name: c.Name, NotNull: c.NotNull || c.PrimaryKey}
	t, err := ctx.columnType(rel, c, &col)
	if err != nil {
		return err
	}
	if t.Kind == types.KindUnknown || t.Kind == types.KindVoid || t.Kind == types.KindCharByte {
		return sqlerr.At(c.Type.Pos(), sqlerr.InvalidTableDefinition, "column \"%s\" has pseudo-type %s", c.Name, t)
	}
	if err := headerColumn(rel, c, t); err != nil {
		return err
	}
	if c.Key || c.PrimaryKey {
		if hasMap(t) {
			return mapKey(c.Pos(), c.Name, t)
		}
		rel.Key = append(rel.Key, len(rel.Columns))
	}
	col.Type, col.Headers, col.Header = t, c.Headers || c.Header != "", c.Header
	rel.Columns = append(rel.Columns, col)
	return nil
}

// allHeaders is the type of a column of all headers of a record.
var allHeaders = types.ArrayOf(types.StructOf(types.Field{Name: "key", Type: types.Text},
	types.Field{Name: "value", Type: types.Bytea}))

// headerColumn checks a column that is made of a record's headers.
func headerColumn(rel *catalog.Relation, c *ast.ColumnDef, t types.Type) error {
	if !c.Headers && c.Header == "" {
		return nil
	}
	want := allHeaders
	if c.Header != "" {
		want = types.Bytea
	}
	switch {
	case c.Key || c.PrimaryKey:
		return sqlerr.At(c.Pos(), sqlerr.InvalidTableDefinition, "column \"%s\" of headers cannot be a key", c.Name)
	case !sameShape(t, want):
		return sqlerr.At(c.Type.Pos(), sqlerr.DatatypeMismatch, "column \"%s\" of headers has type %s, not %s", c.Name,
			want, t)
	}
	for _, had := range rel.Columns {
		if had.Headers && (had.Header == "" || c.Header == "" || had.Header == c.Header) {
			return sqlerr.At(c.Pos(), sqlerr.InvalidTableDefinition, "columns \"%s\" and \"%s\" hold the same headers",
				had.Name, c.Name)
		}
	}
	return nil
}

// sameShape compares types as ksqlDB does: its STRING is both text and varchar.
func sameShape(a, b types.Type) bool {
	if a.IsString() && b.IsString() {
		return true
	}
	if a.Kind != b.Kind {
		return false
	}
	switch a.Kind {
	case types.KindArray:
		return sameShape(a.Elem(), b.Elem())
	case types.KindMap:
		return sameShape(a.Key(), b.Key()) && sameShape(a.Elem(), b.Elem())
	case types.KindStruct:
		fa, fb := a.Fields(), b.Fields()
		if len(fa) != len(fb) {
			return false
		}
		for i := range fa {
			if fa[i].Name != fb[i].Name || !sameShape(fa[i].Type, fb[i].Type) {
				return false
			}
		}
		return true
	}
	return a == b
}

// hasMap reports whether a value of type t holds a map.
func hasMap(t types.Type) bool {
	switch t.Kind {
	case types.KindMap:
		return true
	case types.KindArray:
		return hasMap(t.Elem())
	case types.KindStruct:
		for _, f := range t.Fields() {
			if hasMap(f.Type) {
				return true
			}
		}
	}
	return false
}

// mapKey refuses a key that holds a map: equal maps may have different bytes.
func mapKey(pos int, name string, t types.Type) error {
	return sqlerr.At(pos, sqlerr.InvalidTableDefinition, "column \"%s\" of type %s cannot be a key", name, t).
		WithDetail("Equal maps may be written in different ways.")
}

// checkReplace checks that rel may take the place of the relation of its name: it may only have more columns.
func (ctx *Context) checkReplace(rel *catalog.Relation, st *ast.Create) error {
	old, ok := ctx.Catalog.Relation(rel.Schema, rel.Name)
	if !ok || !st.OrReplace {
		return nil
	}
	fail := func(format string, args ...any) error {
		return sqlerr.At(st.Name.Pos(), sqlerr.InvalidTableDefinition, "cannot replace \"%s\": "+format,
			append([]any{rel.Name}, args...)...).WithHint("A replacement may have more columns at the end; DROP it for more.")
	}
	switch {
	case old.ReadOnly:
		return fail("it is a source %s", strings.ToLower(string(old.Kind)))
	case old.Kind != rel.Kind:
		return fail("it is a %s", strings.ToLower(string(old.Kind)))
	case old.Kind == catalog.PlainView:
		return sameLeading(old, rel, st.Name.Pos())
	case old.Kind == catalog.View, old.Kind == catalog.Table && old.Query != "" && rel.Query != "":
		return nil // see replaceQuery
	case (old.Query == "") != (rel.Query == ""):
		return fail("one of the two is made by a query")
	case st.As == nil && (rel.KeyFormat != old.KeyFormat || rel.ValueFormat != old.ValueFormat):
		return fail("its formats are %s and %s", old.KeyFormat, old.ValueFormat)
	case len(old.Key) != len(rel.Key):
		return fail("its key has %d columns, not %d", len(old.Key), len(rel.Key))
	}
	for i, c := range old.Columns {
		at := rel.ColumnIndex(c.Name)
		if at < 0 {
			return fail("column \"%s\" is missing", c.Name)
		}
		if !sameShape(rel.Columns[at].Type, c.Type) {
			return fail("column \"%s\" is of type %s, not %s", c.Name, c.Type, rel.Columns[at].Type)
		}
		if rel.IsKey(at) != old.IsKey(i) {
			return fail("column \"%s\" is in one of the keys only", c.Name)
		}
	}
	return nil
}

// sameLeading checks that a view which takes the place of old has its columns, and further ones at most at the end.
func sameLeading(old, rel *catalog.Relation, pos int) error {
	if len(rel.Columns) < len(old.Columns) {
		return sqlerr.At(pos, sqlerr.InvalidTableDefinition, "cannot drop columns from view")
	}
	for i, had := range old.Columns {
		switch c := rel.Columns[i]; {
		case c.Name != had.Name:
			return sqlerr.At(pos, sqlerr.InvalidTableDefinition,
				"cannot change name of view column \"%s\" to \"%s\"", had.Name, c.Name)
		case c.Type != had.Type:
			return sqlerr.At(pos, sqlerr.InvalidTableDefinition,
				"cannot change data type of view column \"%s\" from %s to %s", had.Name, had.Type, c.Type)
		}
	}
	return nil
}

// tableKey applies the constraint PRIMARY KEY (a, b).
func tableKey(rel *catalog.Relation, st *ast.Create) error {
	if len(st.PrimaryKey) == 0 {
		return nil
	}
	if rel.Kind == catalog.Stream {
		return sqlerr.At(st.Name.Pos(), sqlerr.InvalidTableDefinition, "a stream cannot have a PRIMARY KEY").
			WithHint("Streams have KEY columns.")
	}
	if len(rel.Key) > 0 {
		return sqlerr.At(st.Name.Pos(), sqlerr.InvalidTableDefinition,
			"multiple primary keys for table \"%s\" are not allowed", rel.Name)
	}
	for _, name := range st.PrimaryKey {
		i := rel.ColumnIndex(name)
		if i < 0 {
			return sqlerr.At(st.Name.Pos(), sqlerr.UndefinedColumn, "column \"%s\" named in key does not exist", name)
		}
		if rel.IsKey(i) {
			return sqlerr.At(st.Name.Pos(), sqlerr.DuplicateColumn,
				"column \"%s\" appears twice in primary key constraint", name)
		}
		if hasMap(rel.Columns[i].Type) {
			return mapKey(st.Name.Pos(), name, rel.Columns[i].Type)
		}
		rel.Key = append(rel.Key, i)
		rel.Columns[i].NotNull = true
	}
	return nil
}
