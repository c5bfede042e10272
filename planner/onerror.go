package planner

import (
	"strings"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// OnError gives the policy of ON ERROR for rel. Into is 0 for a stream that is not there: whoever runs the statement
// makes it.
func OnError(ctx *Context, rel *catalog.Relation, o *ast.OnError) (p catalog.ErrorPolicy, err error) {
	switch {
	case o == nil, o.Do == "SKIP":
		return p, nil
	case o.Do == "FAIL":
		p.Fail = true
		return p, nil
	}
	into, err := ctx.Catalog.Resolve(ctx.path(), o.Into.Parts)
	if err != nil {
		return p, nil
	}
	at := o.Into.Pos()
	switch {
	case into.Kind != catalog.Stream, into.Query != "", into.ReadOnly, into.Schema == "leat_catalog":
		return p, sqlerr.At(at, sqlerr.WrongObjectType, "dead letters cannot go to \"%s\"", into.Name).
			WithHint("They go to a stream that can be written to.")
	case catalog.Temporary(into.Schema) && !catalog.Temporary(rel.Schema):
		return p, sqlerr.At(at, sqlerr.InvalidTableDefinition, "dead letters cannot go to \"%s\", which is temporary",
			into.Name)
	case into.Placement == catalog.Spread:
		return p, sqlerr.At(at, sqlerr.FeatureNotSupported,
			"dead letters cannot go to \"%s\": its topic is spread over the nodes", into.Name).
			WithHint("They go to a stream with placement = 'home'.")
	}
	if err := HoldsLetters(into); err != nil {
		return p, sqlerr.Locate(err, at)
	}
	if ctx.Needs != nil {
		*ctx.Needs = append(*ctx.Needs, Need{into, catalog.MayInsert, ctx.as})
	}
	p.Into = into.ID
	return p, nil
}

// HoldsLetters checks that a stream has the columns of dead letters.
func HoldsLetters(rel *catalog.Relation) error {
	var names []string
	for _, l := range catalog.ErrorColumns() {
		names = append(names, l.Name+" "+l.Type.String())
		if i := rel.ColumnIndex(l.Name); i < 0 || rel.Columns[i].Type != l.Type || rel.Columns[i].Headers {
			return sqlerr.New(sqlerr.InvalidTableDefinition, "stream \"%s\" has no column \"%s\" of type %s for dead letters",
				rel.Name, l.Name, l.Type).
				WithHint("It is made where it is not there; its columns are those of leat_catalog.errors.")
		}
	}
	for _, c := range rel.Columns {
		if c.NotNull {
			return sqlerr.New(sqlerr.InvalidTableDefinition,
				"column \"%s\" of stream \"%s\" must not be NOT NULL for dead letters", c.Name, rel.Name).
				WithHint("The columns are %s.", strings.Join(names, ", "))
		}
	}
	return nil
}
