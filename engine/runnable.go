package engine

import (
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// later is the error for what is planned and cannot be run yet.
func later(pos int, what string) *sqlerr.Error {
	return sqlerr.At(pos, sqlerr.FeatureNotSupported, "%s cannot be run yet", what)
}

// RunnableRelation refuses a relation that is written and read in a way that is not done yet. pos is the place of the
// statement.
func RunnableRelation(rel *catalog.Relation, pos int) error {
	switch {
	case rel.WindowKind != "" && rel.Query == "":
		return later(pos, "a relation over windowed records")
	case rel.Windowed && rel.Kind == catalog.Stream:
		return later(pos, "a stream of windows")
	}
	return nil
}
