package session

import (
	"context"
	"slices"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// setConstraints runs SET CONSTRAINTS.
func (s *Session) setConstraints(ctx context.Context, st *ast.SetConstraints) (Result, error) {
	if !s.tx.explicit {
		s.warn(sqlerr.NoActiveSQLTransaction, "SET CONSTRAINTS can only be used in transaction blocks")
	}
	var names []engine.ConstraintName
	for _, n := range st.Names {
		schemas := s.set.path
		if len(n.Parts) > 1 {
			schemas = n.Parts[len(n.Parts)-2 : len(n.Parts)-1]
		}
		names = append(names, engine.ConstraintName{Schemas: schemas, Name: n.Last()})
	}
	tx := s.work()
	return done("SET CONSTRAINTS"), tx.Settle(ctx, func(c *engine.Change) error {
		return tx.SetConstraints(c, names, st.Deferred)
	})
}

// truncated lists the tables that TRUNCATE empties: with cascade also those that refer to one of them, which else stand
// in the way. ordered has those that refer to others first.
func (s *Session) truncated(st *ast.Truncate) (rels []*catalog.Relation, ordered []ast.Name, err error) {
	cat := s.eng.Catalog()
	names := map[uint32]ast.Name{}
	for _, n := range st.Names {
		r, err := cat.Resolve(s.set.path, n.Parts)
		if err != nil {
			return nil, nil, sqlerr.Locate(err, n.Pos())
		}
		if _, twice := names[r.ID]; !twice {
			names[r.ID] = n
			rels = append(rels, r)
		}
	}
	for i := 0; i < len(rels); i++ {
		for _, child := range cat.Referring(rels[i].ID) {
			if _, ok := names[child.ID]; ok {
				continue
			}
			if !st.Cascade {
				if err := s.unchecked(rels...); err != nil {
					return nil, nil, err
				}
				return nil, nil, sqlerr.New(sqlerr.FeatureNotSupported,
					"cannot truncate a table referenced in a foreign key constraint").
					WithDetail("Table \"%s\" references \"%s\".", child.Name, rels[i].Name).
					WithHint("Truncate table \"%s\" at the same time, or use TRUNCATE ... CASCADE.", child.Name)
			}
			names[child.ID] = ast.Name{P: st.P, Parts: []string{child.Schema, child.Name}}
			rels = append(rels, child)
		}
	}
	var visit func(r *catalog.Relation)
	visited := map[uint32]bool{}
	visit = func(r *catalog.Relation) {
		if visited[r.ID] {
			return
		}
		visited[r.ID] = true
		for _, child := range cat.Referring(r.ID) {
			visit(child)
		}
		ordered = append(ordered, names[r.ID])
	}
	for _, r := range rels {
		visit(r)
	}
	return rels, ordered, nil
}

// unchecked refuses to empty tables while checks of what was done to their rows are put off.
func (s *Session) unchecked(rels ...*catalog.Relation) error {
	for _, r := range rels {
		if s.tx.work != nil && s.tx.work.Defers(r.ID) {
			return sqlerr.New(sqlerr.ObjectInUse, "cannot TRUNCATE \"%s\" because it has pending trigger events", r.Name)
		}
	}
	return nil
}

// cascadesTo tells the client which tables TRUNCATE empties besides those that it names.
func (s *Session) cascadesTo(st *ast.Truncate, all []ast.Name) {
	for _, n := range all {
		if !slices.ContainsFunc(st.Names, func(o ast.Name) bool { return slices.Equal(o.Parts, n.Parts) }) {
			s.warn(sqlerr.SuccessfulCompletion, "truncate cascades to table \"%s\"", n.Last())
		}
	}
}
