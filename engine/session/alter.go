package session

import (
	"context"
	"strings"

	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// bindAlter binds ALTER TABLE and ALTER STREAM.
func (s *Session) bindAlter(p *Prepared, st *ast.Alter) error {
	rel, err := s.eng.Catalog().Resolve(s.set.path, st.Name.Parts)
	if err != nil {
		if kinds[st.What] == catalog.Type {
			_, err = s.typeNamed(st.Name)
		}
		if !st.IfExists {
			return sqlerr.Locate(err, st.Name.Pos())
		}
		p.run = func(context.Context, []types.Value) (Result, error) {
			s.warn(sqlerr.UndefinedTable, "relation %q does not exist, skipping", st.Name.Last())
			return done("ALTER " + st.What), nil
		}
		return nil
	}
	if len(st.Actions) == 1 && st.Actions[0].Do == "OWNER" {
		s.bindOwner(p, st, rel)
		return nil
	}
	if st.What == "DOMAIN" {
		return s.bindAlterDomain(p, st, rel)
	}
	if st.What == "TYPE" {
		return s.bindRenameType(p, st, rel)
	}
	if st.What == "SEQUENCE" {
		return s.bindRenameSequence(p, st, rel)
	}
	if want := kinds[st.What]; rel.Kind != want {
		return sqlerr.At(st.Name.Pos(), sqlerr.WrongObjectType, "%q is not a %s", rel.Name, strings.ToLower(st.What))
	}
	if len(st.Actions) == 1 && st.Actions[0].Do == "SET ON ERROR" {
		return s.bindOnError(p, st, rel)
	}
	if rel.Query != "" {
		return sqlerr.At(st.Name.Pos(), sqlerr.FeatureNotSupported, "cannot alter %q: a query makes it", rel.Name).
			WithHint("DROP it, and create it with another query.")
	}
	if err := s.owns(rel); err != nil {
		return err
	}
	ap, err := planner.Alter(s.planContext(p), rel, st)
	if err != nil {
		return err
	}
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) {
		if err := s.checkWritable("ALTER "+st.What, st.Pos()); err != nil {
			return nil, err
		}
		if err := s.flushImplicit(ctx); err != nil {
			return nil, err
		}
		if s.tx.wrote(rel.ID) {
			return nil, sqlerr.At(st.Pos(), sqlerr.ObjectInUse,
				"cannot ALTER %s %q because this transaction has changed it", st.What, rel.Name).WithHint("COMMIT first.")
		}
		s.noteDDL()
		for _, n := range ap.Notices {
			s.warn(sqlerr.SuccessfulCompletion, "%s", n)
		}
		if err := s.eng.Alter(ctx, rel, ap, s.env()); err != nil {
			return nil, sqlerr.Locate(err, st.Name.Pos())
		}
		for _, what := range ap.Gone {
			s.cascades(what)
		}
		return done("ALTER " + st.What), nil
	}
	return nil
}

// bindOwner binds ALTER … OWNER TO, which is for relations of all kinds.
func (s *Session) bindOwner(p *Prepared, st *ast.Alter, rel *catalog.Relation) {
	to := st.Actions[0]
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) {
		if err := s.beginDDL(ctx, "ALTER "+st.What, st.Pos()); err != nil {
			return nil, err
		}
		cat := s.eng.Catalog()
		owner := to.To
		if owner == "" {
			owner = s.role()
		}
		if _, ok := cat.Role(owner); !ok || owner == catalog.Everybody {
			return nil, sqlerr.At(to.Pos(), sqlerr.UndefinedObject, "role \"%s\" does not exist", owner)
		}
		if err := s.owns(rel); err != nil || owner == rel.OwnedBy() {
			return done("ALTER " + st.What), err
		}
		if !cat.Has(s.role(), owner) {
			return nil, sqlerr.At(to.Pos(), sqlerr.InsufficientPrivilege, "must be member of role \"%s\"", owner)
		}
		if !cat.CanSchema(owner, rel.Schema, catalog.MayCreate) && !cat.IsSuperuser(s.role()) {
			return nil, sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied for schema %s", rel.Schema)
		}
		return done("ALTER " + st.What), sqlerr.Locate(s.eng.SetOwner(ctx, rel, owner), st.Name.Pos())
	}
}
