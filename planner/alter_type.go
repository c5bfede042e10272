package planner

import (
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// sameType lets a column be given the type that it has, and no other.
func (ctx *Context) sameType(c *catalog.Column, a *ast.AlterAction) error {
	t, err := ctx.resolveType(a.Def.Type)
	if err == nil && t != c.Type {
		err = sqlerr.At(a.Def.Pos(), sqlerr.FeatureNotSupported, "a change of a column's type is not supported").
			WithHint("Make a relation with the other type, and insert the rows into it.")
	}
	return err
}
