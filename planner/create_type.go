package planner

import (
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// CreateType gives the catalog's entry for CREATE TYPE: a relation of kind Type, whose one column has the type.
func CreateType(ctx *Context, st *ast.CreateType) (*catalog.Relation, error) {
	name := st.Name.Last()
	if _, system := typeNames[name]; system {
		return nil, sqlerr.At(st.Name.Pos(), sqlerr.DuplicateObject, "type \"%s\" already exists", name)
	}
	schema := schemaOfName(ctx, st.Name)
	if r, ok := ctx.Catalog.Relation(schema, name); ok && !(st.IfNotExists && r.Kind == catalog.Type) {
		return nil, sqlerr.At(st.Name.Pos(), sqlerr.DuplicateObject, "type \"%s\" already exists", name)
	}
	t, err := ctx.resolveType(st.Type)
	if err != nil {
		return nil, err
	}
	return &catalog.Relation{Schema: schema, Name: name, Kind: catalog.Type, TimeColumn: -1,
		Columns: []catalog.Column{{Name: name, Type: t}}}, nil
}
