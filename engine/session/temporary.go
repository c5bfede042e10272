package session

import (
	"context"
	"fmt"
	"slices"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// temporary is the schema of a session's temporary relations: tables and views that only it sees, and that go with it.
// They are relations like others, in a schema that comes first in the search path. What a server that ended at once
// leaves of them is dropped when it starts.
type temporary struct {
	schema string // "" before the first statement that may make one
	there  bool   // the schema has been made
	// emptied and ended are the tables that lose their rows, and those that go, with every transaction.
	emptied, ended []uint32
}

// name is the name of the schema.
func (t *temporary) name(s *Session) string {
	if t.schema == "" {
		t.schema = s.eng.TakeTemporary()
	}
	return t.schema
}

// make makes the schema.
func (t *temporary) make(ctx context.Context, s *Session, st *ast.Create) error {
	if n := len(st.Name.Parts); n > 1 && st.Name.Parts[n-2] != catalog.TempAlias && st.Name.Parts[n-2] != t.schema {
		return sqlerr.At(st.Name.Pos(), sqlerr.InvalidTableDefinition,
			"cannot create temporary relation in non-temporary schema")
	}
	if t.there {
		return nil
	}
	if err := s.eng.MakeTemporary(ctx, t.schema, s.role()); err != nil {
		return err
	}
	t.there, s.set.temp = true, t.schema
	s.set.apply("search_path")
	return nil
}

// made notes a relation that was made, and what is to become of it when a transaction ends.
func (t *temporary) made(s *Session, rel *catalog.Relation, onCommit string) {
	r, ok := s.eng.Catalog().Relation(rel.Schema, rel.Name)
	if !ok {
		return
	}
	s.tx.temps = append(s.tx.temps, r.ID)
	switch onCommit {
	case "DROP":
		t.ended = append(t.ended, r.ID)
	case "DELETE ROWS":
		t.emptied = append(t.emptied, r.ID)
	}
}

// drop drops all relations of the schema.
func (t *temporary) drop(ctx context.Context, s *Session) error {
	if !t.there {
		return nil
	}
	t.there, t.emptied, t.ended, s.set.temp = false, nil, nil, ""
	s.set.apply("search_path")
	return s.eng.DropSchema(context.WithoutCancel(ctx), t.schema, true, nil)
}

// close drops everything when the session ends.
func (t *temporary) close(s *Session) {
	if err := t.drop(context.Background(), s); err != nil {
		s.warn(sqlerr.Warning, "temporary relations stay until the server starts again: %s", sqlerr.From(err).Message)
	}
	if t.schema != "" {
		s.eng.ReturnTemporary(t.schema)
	}
}

// committing takes the rows out of tables that keep none, within the transaction.
func (t *temporary) committing(ctx context.Context, s *Session) error {
	for _, id := range t.emptied {
		rel, ok := s.eng.Catalog().ByID(id)
		if !ok || !s.tx.wrote(id) {
			continue
		}
		p := &Prepared{s: s}
		cp, err := planner.Delete(s.planContext(p), &ast.Delete{Table: ast.Name{Parts: []string{rel.Schema, rel.Name}}})
		if err != nil {
			return err
		}
		if _, err := s.change(ctx, cp, (*engine.Change).Delete, s.env()); err != nil {
			return err
		}
	}
	return nil
}

// transactionEnded drops the tables that go with every transaction, and when it is rolled back those that it made.
func (t *temporary) transactionEnded(s *Session, made []uint32, commit bool) {
	doomed := t.ended
	if !commit {
		doomed = slices.Concat(doomed, made)
	}
	t.ended = nil
	t.rolledBack(s, doomed)
}

// rolledBack drops relations.
func (t *temporary) rolledBack(s *Session, doomed []uint32) {
	var rels []*catalog.Relation
	for _, id := range doomed {
		if rel, ok := s.eng.Catalog().ByID(id); ok && !slices.Contains(rels, rel) {
			rels = append(rels, rel)
		}
	}
	if len(rels) == 0 {
		return
	}
	if err := s.eng.Drop(context.Background(), rels, true, false, nil); err != nil {
		s.warn(sqlerr.Warning, "a temporary table stays until the session ends: %s", sqlerr.From(err).Message)
	}
}

// lasting refuses a relation that is kept up to date, and outlives the session, over temporary ones.
func (s *Session) lasting(st *ast.Create, rel *catalog.Relation) error {
	if st.Temp || rel.Query == "" || rel.Kind == catalog.PlainView {
		return nil
	}
	for _, id := range rel.Reads {
		if r, ok := s.eng.Catalog().ByID(id); ok && catalog.Temporary(r.Schema) {
			what := "materialized views"
			if rel.Kind != catalog.View {
				what = kindName(rel) + "s that queries make"
			}
			return sqlerr.At(st.Name.Pos(), sqlerr.FeatureNotSupported, "%s must not use temporary tables or views", what)
		}
	}
	return nil
}

// copies reports whether CREATE TABLE AS copies the rows of its query once: that of a temporary table, and SELECT INTO.
func copies(st *ast.Create) bool { return st.As != nil && st.What == "TABLE" && (st.Once || st.Temp) }

// copyQuery fills a table that was made of a query.
func (s *Session) copyQuery(ctx context.Context, rel *catalog.Relation, st *ast.Create) (Result, error) {
	p := &Prepared{s: s}
	ip, err := planner.Insert(s.planContext(p), &ast.Insert{P: st.P, Q: st.As,
		Table: ast.Name{P: st.Name.P, Parts: []string{rel.Schema, rel.Name}}})
	if err != nil {
		return nil, err
	}
	r, err := s.insert(ctx, ip)
	if err != nil {
		return nil, err
	}
	tag, _ := r.Tag()
	n := 0
	if _, err := fmt.Sscanf(tag, "INSERT 0 %d", &n); err != nil {
		return nil, err
	}
	return done(fmt.Sprintf("SELECT %d", n)), nil
}
