package session

import (
	"context"

	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// bindCreateFunction binds CREATE FUNCTION.
func (s *Session) bindCreateFunction(p *Prepared, st *ast.CreateFunction) error {
	f, err := planner.CreateFunction(s.planContext(p), st)
	if err != nil {
		return err
	}
	f.Statement = p.stmt.Text
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) {
		if err := s.beginDDL(ctx, "CREATE FUNCTION", st.Pos()); err != nil {
			return nil, err
		}
		if err := s.mayCreateIn(f.Schema); err != nil {
			return nil, err
		}
		for _, had := range s.eng.Catalog().Functions(f.Schema, f.Name) {
			if had.Signature() == f.Signature() {
				if err := s.ownsFunction(had); err != nil {
					return nil, err
				}
			}
		}
		f.Owner = s.role()
		return done("CREATE FUNCTION"), sqlerr.Locate(s.eng.CreateFunction(ctx, f), st.Name.Pos())
	}
	return nil
}

// dropFunction runs DROP FUNCTION.
func (s *Session) dropFunction(ctx context.Context, p *Prepared, st *ast.DropFunction) (Result, error) {
	if err := s.beginDDL(ctx, "DROP FUNCTION", st.Pos()); err != nil {
		return nil, err
	}
	var fs []*catalog.Function
	for _, name := range st.Funcs {
		f, err := s.function(p, name)
		switch {
		case err != nil && st.IfExists && sqlerr.From(err).Code == sqlerr.UndefinedFunction:
			s.warn(sqlerr.UndefinedFunction, "function %s does not exist, skipping", name.Plain().Last())
			continue
		case err != nil:
			return nil, err
		}
		if err := s.ownsFunction(f); err != nil {
			return nil, err
		}
		fs = append(fs, f)
	}
	return done("DROP FUNCTION"), s.eng.DropFunctions(ctx, fs, st.Cascade, s.cascades)
}

// function finds the function that a name means, which may leave out the types of its parameters if there is one only.
func (s *Session) function(p *Prepared, name ast.FuncName) (*catalog.Function, error) {
	last := name.Plain().Last()
	var all []*catalog.Function
	path := s.set.path
	if len(name.Parts) > 1 {
		path = []string{schemaName(name.Plain())}
	}
	for _, schema := range path {
		if all = s.eng.Catalog().Functions(schema, last); all != nil {
			break
		}
	}
	if !name.HasArgs {
		switch len(all) {
		case 0:
			return nil, sqlerr.At(name.Pos(), sqlerr.UndefinedFunction, "could not find a function named \"%s\"", last)
		case 1:
			return all[0], nil
		}
		return nil, sqlerr.At(name.Pos(), sqlerr.AmbiguousFunction, "function name \"%s\" is not unique", last).
			WithHint("Specify the argument list to select the function unambiguously.")
	}
	want := &catalog.Function{Name: last}
	for _, a := range name.Args {
		t, err := planner.ResolveType(s.planContext(p), a)
		if err != nil {
			return nil, err
		}
		want.Params = append(want.Params, catalog.Parameter{Type: t.Base()})
	}
	for _, f := range all {
		if f.Signature() == want.Signature() {
			return f, nil
		}
	}
	return nil, sqlerr.At(name.Pos(), sqlerr.UndefinedFunction, "function %s does not exist", want.Signature())
}

// bindCreateSchema binds CREATE SCHEMA.
func (s *Session) bindCreateSchema(p *Prepared, st *ast.CreateSchema) {
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) {
		if err := s.beginDDL(ctx, "CREATE SCHEMA", st.Pos()); err != nil {
			return nil, err
		}
		if err := s.superuser(-1, "permission denied for database %s", s.cfg.Database); err != nil {
			return nil, err
		}
		created, err := s.eng.CreateSchema(ctx, st.Name.Last(), s.role(), st.IfNotExists)
		if err == nil && !created {
			s.warn(sqlerr.DuplicateSchema, "schema %q already exists, skipping", st.Name.Last())
		}
		return done("CREATE SCHEMA"), sqlerr.Locate(err, st.Name.Pos())
	}
}

// dropSchemas runs DROP SCHEMA.
func (s *Session) dropSchemas(ctx context.Context, st *ast.Drop) (Result, error) {
	if err := s.beginDDL(ctx, "DROP SCHEMA", st.Pos()); err != nil {
		return nil, err
	}
	for _, n := range st.Names {
		if err := s.ownsSchema(n.Last()); err != nil {
			return nil, err
		}
		err := s.eng.DropSchema(ctx, n.Last(), st.Cascade, s.cascades)
		switch {
		case err == nil:
		case st.IfExists && sqlerr.From(err).Code == sqlerr.InvalidSchemaName:
			s.warn(sqlerr.InvalidSchemaName, "schema %q does not exist, skipping", n.Last())
		default:
			return nil, sqlerr.Locate(err, n.Pos())
		}
	}
	return done("DROP SCHEMA"), nil
}

// bindComment binds COMMENT ON.
func (s *Session) bindComment(p *Prepared, st *ast.Comment) {
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) {
		if err := s.beginDDL(ctx, "COMMENT", st.Pos()); err != nil {
			return nil, err
		}
		return done("COMMENT"), s.comment(ctx, p, st)
	}
}

func (s *Session) comment(ctx context.Context, p *Prepared, st *ast.Comment) error {
	name := st.Name.Plain()
	switch st.What {
	case "FUNCTION":
		f, err := s.function(p, st.Name)
		if err != nil {
			return err
		}
		if err := s.ownsFunction(f); err != nil {
			return err
		}
		return s.eng.CommentFunction(ctx, f, st.Text)
	case "SCHEMA":
		if err := s.ownsSchema(name.Last()); err != nil {
			return err
		}
		return sqlerr.Locate(s.eng.CommentSchema(ctx, name.Last(), st.Text), name.Pos())
	case "COLUMN":
		if len(name.Parts) < 2 {
			return sqlerr.At(name.Pos(), sqlerr.SyntaxError, "column name must be qualified")
		}
		rel, err := s.eng.Catalog().Resolve(s.set.path, name.Parts[:len(name.Parts)-1])
		if err != nil {
			return sqlerr.Locate(err, name.Pos())
		}
		at := rel.ColumnIndex(name.Last())
		if at < 0 {
			return sqlerr.At(name.Pos(), sqlerr.UndefinedColumn, "column \"%s\" of relation \"%s\" does not exist", name.Last(),
				rel.Name)
		}
		if err := s.owns(rel); err != nil {
			return err
		}
		return sqlerr.Locate(s.eng.Comment(ctx, rel, at, st.Text), name.Pos())
	}
	rel, err := s.eng.Catalog().Resolve(s.set.path, name.Parts)
	if err != nil {
		return sqlerr.Locate(err, name.Pos())
	}
	if kind := kinds[st.What]; rel.Kind != kind {
		return notA(rel, name, st.What)
	}
	if err := s.owns(rel); err != nil {
		return err
	}
	return sqlerr.Locate(s.eng.Comment(ctx, rel, -1, st.Text), name.Pos())
}
