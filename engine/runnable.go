package engine

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// Runnable refuses a plan with what cannot be run yet, by name and at its place in the text.
func Runnable(n plan.Node) error {
	if err := runnable(n); err != nil {
		return err
	}
	for _, in := range n.Inputs() {
		if err := Runnable(in); err != nil {
			return err
		}
	}
	return nil
}

// later is the error for what is planned and cannot be run yet.
func later(pos int, what string) *sqlerr.Error {
	return sqlerr.At(pos, sqlerr.FeatureNotSupported, "%s cannot be run yet", what)
}

// runnable is Runnable for one node.
func runnable(n plan.Node) error {
	switch n := n.(type) {
	case *plan.Recursive:
		return later(n.Pos, "WITH RECURSIVE")
	}
	return nil
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
