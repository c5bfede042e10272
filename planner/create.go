package planner

import (
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
	rel := &catalog.Relation{Name: st.Name.Last(), Schema: schemaOf(ctx, st.Name), TimeColumn: -1, Kind: catalog.Stream}
	switch st.What {
	case "STREAM":
	case "TABLE":
		rel.Kind = catalog.Table
	default:
		return nil, sqlerr.At(st.Pos(), sqlerr.SyntaxError, "CREATE %s needs AS and a query", st.What)
	}
	if len(st.Columns) == 0 {
		return nil, refuse(st.Name.Pos(), "CREATE %s without columns", st.What).
			WithHint("List the columns: they are not inferred from a schema registry.")
	}
	for i := range st.Columns {
		if err := addColumn(rel, st, &st.Columns[i]); err != nil {
			return nil, err
		}
	}
	if err := tableKey(rel, st); err != nil {
		return nil, err
	}
	props, err := parseProps(st.Props)
	if err != nil {
		return nil, err
	}
	if err := props.apply(rel, st); err != nil {
		return nil, err
	}
	return rel, nil
}

// checkCreate refuses what is not done yet, of either form of CREATE.
func checkCreate(st *ast.Create) error {
	switch {
	case st.What == "VIEW":
		return refuse(st.Pos(), "CREATE VIEW").WithHint("CREATE MATERIALIZED VIEW keeps the query's result up to date.")
	case st.OrReplace:
		return refuse(st.Pos(), "CREATE OR REPLACE").WithHint("DROP it first.")
	case st.Source:
		return refuse(st.Pos(), "CREATE SOURCE %s", st.What)
	case st.Temp:
		return refuse(st.Pos(), "CREATE TEMPORARY %s", st.What)
	}
	return nil
}

// schemaOf gives the schema that a new relation belongs to.
func schemaOf(ctx *Context, name ast.Name) string {
	if n := len(name.Parts); n > 1 {
		return name.Parts[n-2]
	}
	if path := ctx.path(); len(path) > 0 {
		return path[0]
	}
	return catalog.Public
}

// addColumn adds a column definition to rel.
func addColumn(rel *catalog.Relation, st *ast.Create, c *ast.ColumnDef) error {
	switch {
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
	case c.Headers || c.Header != "":
		return refuse(c.Pos(), "a HEADERS column")
	case c.Default != nil:
		return refuse(c.Default.Pos(), "DEFAULT of a column")
	}
	t, err := resolveType(c.Type)
	if err != nil {
		return err
	}
	if t.Kind == types.KindUnknown || t.Kind == types.KindVoid || t.Kind == types.KindCharByte {
		return sqlerr.At(c.Type.Pos(), sqlerr.InvalidTableDefinition, "column \"%s\" has pseudo-type %s", c.Name, t)
	}
	if c.Key || c.PrimaryKey {
		rel.Key = append(rel.Key, len(rel.Columns))
	}
	rel.Columns = append(rel.Columns, catalog.Column{Name: c.Name, Type: t, NotNull: c.NotNull || c.PrimaryKey})
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
		rel.Key = append(rel.Key, i)
		rel.Columns[i].NotNull = true
	}
	return nil
}
