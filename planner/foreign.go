package planner

import (
	"slices"
	"strings"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// Defaults gives what stands in for columns that are not given.
func Defaults(ctx *Context, rel *catalog.Relation, columns []int) ([]plan.Expr, error) {
	in := &inserter{b: newBinder(ctx, modePull), rel: rel}
	var out []plan.Expr
	for _, pos := range columns {
		x, err := in.standard(pos)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// Converted is column pos of a row, of one type, as another.
func Converted(pos int, from, to types.Type) (plan.Expr, error) {
	b := newBinder(&Context{Catalog: catalog.New(0, nil)}, modePull)
	return b.coerce(&plan.Col{Index: pos, Typ: from}, to, fn.Assignment, 0)
}

// addForeign gives a relation a foreign key.
func (ctx *Context) addForeign(rel *catalog.Relation, f *ast.Foreign) error {
	if rel.Kind != catalog.Table || rel.Ksql {
		return refuse(f.Pos(), "a foreign key of a relation over a topic").
			WithHint("Producers write to the topic as they like; a table without kafka_topic can have foreign keys.")
	}
	out := catalog.Foreign{Name: f.Name, OnUpdate: f.OnUpdate, OnDelete: f.OnDelete, Full: f.Full,
		Deferrable: f.Deferrable, Deferred: f.Deferred, NotValid: f.NotValid}
	for _, name := range f.Columns {
		i := rel.ColumnIndex(name)
		if i < 0 {
			return sqlerr.At(f.Pos(), sqlerr.UndefinedColumn,
				"column \"%s\" referenced in foreign key constraint does not exist", name)
		}
		out.Columns = append(out.Columns, i)
	}
	of, err := ctx.referredTable(rel, f)
	if err != nil {
		return err
	}
	out.Table = of.ID
	if out.Refs, err = ctx.referredColumns(of, f); err != nil {
		return err
	}
	if out.Name == "" {
		out.Name = freeName(rel, objectName(rel.Name, strings.Join(f.Columns, "_"), "fkey"))
	} else if constraintNamed(rel, out.Name) {
		return sqlerr.At(f.Pos(), sqlerr.DuplicateObject, "constraint \"%s\" for relation \"%s\" already exists", out.Name,
			rel.Name)
	}
	for _, name := range f.Clear {
		i := rel.ColumnIndex(name)
		switch {
		case i < 0:
			return sqlerr.At(f.Pos(), sqlerr.UndefinedColumn,
				"column \"%s\" referenced in foreign key constraint does not exist", name)
		case !slices.Contains(out.Columns, i):
			return sqlerr.At(f.Pos(), sqlerr.InvalidColumnReference,
				"column \"%s\" referenced in ON DELETE SET action must be part of foreign key", name)
		}
		out.Clear = append(out.Clear, i)
	}
	if err := sameKeyTypes(rel, of, &out, f.Pos()); err != nil {
		return err
	}
	rel.Foreign = append(rel.Foreign, out)
	return nil
}

// sameKeyTypes checks that what refers and what is referred to is written alike.
func sameKeyTypes(rel, of *catalog.Relation, f *catalog.Foreign, pos int) error {
	if len(f.Columns) != len(f.Refs) {
		return sqlerr.At(pos, sqlerr.InvalidForeignKey,
			"number of referencing and referenced columns for foreign key disagree")
	}
	if _, _, ok := f.KeyOf(of); !ok {
		return sqlerr.At(pos, sqlerr.InvalidForeignKey,
			"there is no unique constraint matching given keys for referenced table \"%s\"", of.Name)
	}
	for i, at := range f.Columns {
		a, b := rel.Columns[at].Type.Base(), of.Columns[of.ColumnIndex(f.Refs[i])].Type.Base()
		text := func(t types.Type) bool { return t.Kind == types.KindText || t.Kind == types.KindVarchar }
		if a == b || wholeNumber(a) && wholeNumber(b) || text(a) && text(b) {
			continue
		}
		err := sqlerr.At(pos, sqlerr.DatatypeMismatch, "foreign key constraint \"%s\" cannot be implemented", f.Name).
			WithDetail("Key columns \"%s\" and \"%s\" are of incompatible types: %s and %s.", rel.Columns[at].Name,
				f.Refs[i], a, b)
		if a.Class() != types.ClassBytes && b.Class() != types.ClassBytes && fn.CanCast(a, b, fn.Assignment) {
			err.Code = sqlerr.FeatureNotSupported // PostgreSQL compares them
		}
		return err
	}
	return nil
}

// referredTable finds the table that a foreign key refers to.
func (ctx *Context) referredTable(rel *catalog.Relation, f *ast.Foreign) (*catalog.Relation, error) {
	parts := f.Table.Parts
	if parts[len(parts)-1] == rel.Name && (len(parts) == 1 || parts[len(parts)-2] == rel.Schema) {
		return rel, nil
	}
	of, err := newBinder(ctx, modePull).relation(parts, f.Table.Pos())
	switch {
	case err != nil:
		return nil, err
	case of.Kind != catalog.Table || of.Query != "":
		return nil, sqlerr.At(f.Table.Pos(), sqlerr.WrongObjectType, "referenced relation \"%s\" is not a table", of.Name)
	case of.Ksql:
		return nil, refuse(f.Table.Pos(), "a foreign key to a relation over a topic").
			WithHint("Producers write to the topic as they like; a table without kafka_topic can be referred to.")
	case of.KeepMs > 0:
		return nil, refuse(f.Table.Pos(), "a foreign key to a table whose rows go with time")
	case catalog.Temporary(rel.Schema) && !catalog.Temporary(of.Schema):
		return nil, sqlerr.At(f.Pos(), sqlerr.InvalidTableDefinition,
			"constraints on temporary tables may reference only temporary tables")
	case !catalog.Temporary(rel.Schema) && catalog.Temporary(of.Schema):
		return nil, sqlerr.At(f.Pos(), sqlerr.InvalidTableDefinition,
			"constraints on permanent tables may reference only permanent tables")
	case ctx.Needs != nil:
		*ctx.Needs = append(*ctx.Needs, Need{Rel: of, Can: catalog.MayRefer})
	}
	return of, nil
}

// referredColumns are the columns that a foreign key refers to: those of the primary key where none are named.
func (ctx *Context) referredColumns(of *catalog.Relation, f *ast.Foreign) ([]string, error) {
	if len(f.Refs) > 0 {
		for _, name := range f.Refs {
			if of.ColumnIndex(name) < 0 {
				return nil, sqlerr.At(f.Pos(), sqlerr.UndefinedColumn,
					"column \"%s\" referenced in foreign key constraint does not exist", name)
			}
		}
		return f.Refs, nil
	}
	key := of.Key
	for _, u := range of.Uniques {
		if u.Primary {
			key = u.Columns
		}
	}
	if len(key) == 0 {
		return nil, sqlerr.At(f.Pos(), sqlerr.UndefinedObject, "there is no primary key for referenced table \"%s\"", of.Name)
	}
	return of.ColumnNames(key), nil
}

// constraintNamed reports whether a constraint of the relation has a name.
func constraintNamed(rel *catalog.Relation, name string) bool {
	return rel.KeyName == name ||
		slices.ContainsFunc(rel.Uniques, func(u catalog.Unique) bool { return u.Name == name }) ||
		slices.ContainsFunc(rel.Checks, func(c catalog.Check) bool { return c.Name == name }) ||
		slices.ContainsFunc(rel.Foreign, func(f catalog.Foreign) bool { return f.Name == name })
}

// ForeignDefinition is the definition of a foreign key.
func ForeignDefinition(rel, of *catalog.Relation, f *catalog.Foreign) string {
	list := func(names []string) string {
		quoted := make([]string, len(names))
		for i, n := range names {
			quoted[i] = fn.QuoteIdent(n)
		}
		return "(" + strings.Join(quoted, ", ") + ")"
	}
	table := fn.QuoteIdent(of.Name)
	if of.Schema != catalog.Public {
		table = fn.QuoteIdent(of.Schema) + "." + table
	}
	def := "FOREIGN KEY " + list(rel.ColumnNames(f.Columns)) + " REFERENCES " + table + list(f.Refs)
	if f.Full {
		def += " MATCH FULL"
	}
	if f.OnUpdate != "" {
		def += " ON UPDATE " + f.OnUpdate
	}
	if f.OnDelete != "" {
		def += " ON DELETE " + f.OnDelete
	}
	if f.Clear != nil {
		def += " " + list(rel.ColumnNames(f.Clear))
	}
	if f.Deferrable {
		def += " DEFERRABLE"
	}
	if f.Deferred {
		def += " INITIALLY DEFERRED"
	}
	if f.NotValid {
		def += " NOT VALID"
	}
	return def
}
