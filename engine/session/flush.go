package session

import (
	"context"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// flush runs FLUSH. Of relations it fails as long as what makes one of them has failed. For all, a query that has
// failed is told once: the error is for those who were there when it happened, and not one that everybody gets for
// ever.
func (s *Session) flush(ctx context.Context, st *ast.Flush) (Result, error) {
	if err := s.flushImplicit(ctx); err != nil {
		return nil, err
	}
	if len(st.Names) > 0 {
		return s.flushSome(ctx, st.Names)
	}
	if err := s.eng.Flush(ctx); err != nil {
		return nil, err
	}
	failures := s.eng.Failures()
	var failed error
	for _, r := range s.eng.Catalog().Relations() {
		id := r.StateID()
		at, is := failures[id]
		switch {
		case !is:
		case s.failures[id] == at:
			s.warn(sqlerr.Warning, "%s", sqlerr.From(s.eng.Sound(r)).Message)
		case failed == nil:
			s.failures[id], failed = at, s.eng.Sound(r)
		}
	}
	return done("FLUSH"), failed
}

// flushSome waits for some relations.
func (s *Session) flushSome(ctx context.Context, names []ast.Name) (Result, error) {
	var rels []*catalog.Relation
	for _, n := range names {
		r, err := s.eng.Catalog().Resolve(s.set.path, n.Parts)
		if err != nil {
			return nil, sqlerr.Locate(err, n.Pos())
		}
		if !r.Stored() {
			return nil, sqlerr.At(n.Pos(), sqlerr.WrongObjectType, "\"%s\" has no rows of its own", r.Name)
		}
		rels = append(rels, r)
	}
	if err := s.eng.Flush(ctx, rels...); err != nil {
		return nil, err
	}
	for i, r := range rels {
		if err := s.eng.Sound(r); err != nil {
			return nil, sqlerr.Locate(err, names[i].Pos())
		}
	}
	return done("FLUSH"), nil
}
