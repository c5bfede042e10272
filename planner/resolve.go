package planner

import (
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/types"
)

// ResolveType returns the type that a type name stands for.
func ResolveType(ctx *Context, t *ast.Type) (types.Type, error) { return ctx.resolveType(t) }
