package session

import (
	"context"

	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// bindCreateIndex binds CREATE INDEX.
func (s *Session) bindCreateIndex(p *Prepared, st *ast.CreateIndex) error {
	rel, err := s.eng.Catalog().Resolve(s.set.path, st.Table.Parts)
	if err != nil {
		return sqlerr.Locate(err, st.Table.Pos())
	}
	if rel.Kind != catalog.Table && rel.Kind != catalog.View {
		return sqlerr.At(st.Table.Pos(), sqlerr.WrongObjectType, "cannot create index on relation \"%s\"", rel.Name).
			WithDetail("This operation is not supported for %s.", map[catalog.Kind]string{catalog.Stream: "streams",
				catalog.PlainView: "views", catalog.System: "system tables"}[rel.Kind])
	}
	if err := s.owns(rel); err != nil {
		return err
	}
	made, alter, err := planner.CreateIndex(rel, st)
	if err != nil {
		return err
	}
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) {
		if err := s.beginDDL(ctx, "CREATE INDEX", st.Pos()); err != nil {
			return nil, err
		}
		cat := s.eng.Catalog()
		_, isRelation := cat.Relation(rel.Schema, st.Name)
		_, isIndex := cat.KeyByName(rel.Schema, st.Name)
		switch {
		case !isRelation && !isIndex:
		case st.IfNotExists:
			s.warn(sqlerr.DuplicateTable, "relation %q already exists, skipping", st.Name)
			return done("CREATE INDEX"), nil
		default:
			return nil, sqlerr.At(st.Pos(), sqlerr.DuplicateTable, "relation %q already exists", st.Name)
		}
		if s.tx.wrote(rel.ID) {
			return nil, sqlerr.At(st.Pos(), sqlerr.ObjectInUse,
				"cannot CREATE INDEX on \"%s\" because this transaction has changed it", rel.Name).WithHint("COMMIT first.")
		}
		if alter != nil {
			return done("CREATE INDEX"), sqlerr.Locate(s.eng.Alter(ctx, rel, alter, s.env()), st.Table.Pos())
		}
		return done("CREATE INDEX"), sqlerr.Locate(s.eng.CreateIndex(ctx, rel, made), st.Table.Pos())
	}
	return nil
}

// dropIndexes runs DROP INDEX.
func (s *Session) dropIndexes(ctx context.Context, st *ast.Drop) (Result, error) {
	if err := s.beginDDL(ctx, "DROP INDEX", st.Pos()); err != nil {
		return nil, err
	}
	for _, n := range st.Names {
		k, ok := s.index(n)
		switch {
		case !ok && st.IfExists:
			s.warn(sqlerr.UndefinedObject, "index %q does not exist, skipping", n.Last())
			continue
		case !ok:
			if r, err := s.eng.Catalog().Resolve(s.set.path, n.Parts); err == nil {
				return nil, sqlerr.At(n.Pos(), sqlerr.WrongObjectType, "\"%s\" is not an index", r.Name)
			}
			return nil, sqlerr.At(n.Pos(), sqlerr.UndefinedObject, "index \"%s\" does not exist", n.Last())
		case k.Constraint:
			return nil, sqlerr.At(n.Pos(), sqlerr.DependentObjectsStillExist,
				"cannot drop index %s because constraint %s on table %s requires it", k.Name, k.Name, k.Rel.Name).
				WithHint("You can drop constraint %s on table %s instead.", k.Name, k.Rel.Name)
		}
		if err := s.owns(k.Rel); err != nil {
			return nil, err
		}
		if err := s.dropIndex(ctx, k); err != nil {
			return nil, sqlerr.Locate(err, n.Pos())
		}
	}
	return done("DROP INDEX"), nil
}

// dropIndex drops an index. One that rows are checked for goes as a constraint does.
func (s *Session) dropIndex(ctx context.Context, k catalog.Key) error {
	for _, u := range k.Rel.Uniques {
		if u.Name == k.Name {
			return s.eng.Alter(ctx, k.Rel, planner.DropUniqueIndex(k.Rel, u.Name), s.env())
		}
	}
	return s.eng.DropIndex(ctx, k.Rel, k.Name)
}

// index finds an index by its name.
func (s *Session) index(n ast.Name) (catalog.Key, bool) {
	cat := s.eng.Catalog()
	if len(n.Parts) > 1 {
		return cat.KeyByName(n.Parts[len(n.Parts)-2], n.Last())
	}
	path := s.set.path
	if path == nil {
		path = []string{catalog.Public}
	}
	for _, schema := range path {
		if k, ok := cat.KeyByName(schema, n.Last()); ok {
			return k, true
		}
	}
	return catalog.Key{}, false
}
