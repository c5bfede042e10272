package fn

import (
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// Cast converts in to the type of out, modifiers applied.
func Cast(c *Call, in, out *vec.Column, explicit bool) {}

func SameValues(from, to types.Type) bool    { return false }
func ImmutableCast(from, to types.Type) bool { return false }
