package session

import (
	"context"
	"fmt"

	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// bindCreateDomain binds CREATE DOMAIN.
func (s *Session) bindCreateDomain(p *Prepared, st *ast.CreateDomain) error {
	rel, err := planner.CreateDomain(s.planContext(p), st)
	if err != nil {
		return err
	}
	rel.Statement = p.stmt.Text
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) {
		if err := s.beginDDL(ctx, "CREATE DOMAIN", st.Pos()); err != nil {
			return nil, err
		}
		if err := s.mayCreateIn(rel.Schema); err != nil {
			return nil, err
		}
		rel.Owner = s.role()
		_, err := s.eng.Create(ctx, rel, false)
		return done("CREATE DOMAIN"), err
	}
	return nil
}

// bindAlterDomain binds ALTER DOMAIN.
func (s *Session) bindAlterDomain(p *Prepared, st *ast.Alter, rel *catalog.Relation) error {
	if rel.Domain == nil {
		return sqlerr.New(sqlerr.WrongObjectType, "%s is not a domain", rel.QualifiedName())
	}
	a := st.Actions[0]
	if _, err := planner.AlterDomain(s.planContext(p), rel, a); err != nil {
		return err
	}
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) {
		if err := s.beginDDL(ctx, "ALTER DOMAIN", st.Pos()); err != nil {
			return nil, err
		}
		if err := s.owns(rel); err != nil {
			return nil, err
		}
		var before, after *catalog.Relation
		err := s.eng.AlterType(ctx, rel, func(cat *catalog.Snapshot, now *catalog.Relation) (*catalog.Relation, error) {
			if what := spelling(cat, now, now.Name); what != "" && a.Do == "RENAME" {
				return nil, cannotRename(now, what)
			}
			var err error
			before = now
			after, err = planner.AlterDomain(s.planContext(&Prepared{}), now, a)
			return after, err
		})
		if err != nil {
			return nil, err
		}
		if a.Do == "DROP CONSTRAINT" && len(after.Domain.Checks) == len(before.Domain.Checks) {
			s.warn(sqlerr.SuccessfulCompletion, "constraint %q of domain %q does not exist, skipping", a.To, rel.Name)
		}
		if err := s.fulfils(ctx, before, after); err != nil {
			back := func(*catalog.Snapshot, *catalog.Relation) (*catalog.Relation, error) { return before, nil }
			if undo := s.eng.AlterType(ctx, rel, back); undo != nil {
				return nil, undo
			}
			return nil, err
		}
		return done("ALTER DOMAIN"), nil
	}
	return nil
}

// fulfils checks that the rows that are there fulfil what a domain asks for that it did not before. What is written
// from now on does.
func (s *Session) fulfils(ctx context.Context, before, after *catalog.Relation) error {
	var violates, fault string
	code := sqlerr.CheckViolation
	switch was, is := before.Domain, after.Domain; {
	case is.NotNull && !was.NotNull:
		code, violates, fault = sqlerr.NotNullViolation, "value IS NULL", "contains null values"
	case len(is.Checks) > len(was.Checks):
		violates = "NOT (" + is.Checks[len(is.Checks)-1].Text + ")"
		fault = "contains values that violate the new constraint"
	default:
		return nil
	}
	cat := s.eng.Catalog()
	of := map[uint32]bool{after.ID: true}
	for range cat.Relations() { // domains of domains
		for _, r := range cat.Relations() {
			if r.Domain != nil && of[r.Columns[0].Domain] {
				of[r.ID] = true
			}
		}
	}
	for _, r := range cat.Relations() {
		for _, c := range r.Columns {
			if !of[c.Domain] || !r.Stored() {
				continue
			}
			query := fmt.Sprintf("SELECT 1 FROM (SELECT %s AS value FROM %s.%s) AS v WHERE %s LIMIT 1", fn.QuoteIdent(c.Name),
				fn.QuoteIdent(r.Schema), fn.QuoteIdent(r.Name), violates)
			found, err := s.finds(ctx, query)
			if err != nil {
				return err
			}
			if found {
				e := sqlerr.New(code, "column \"%s\" of table \"%s\" %s", c.Name, r.Name, fault)
				e.Schema, e.Table, e.Column = r.Schema, r.Name, c.Name
				return e
			}
		}
	}
	return nil
}

// finds reports whether a query that the session asks by itself has a row. It needs no privileges.
func (s *Session) finds(ctx context.Context, query string) (bool, error) {
	q, err := parse.Query(query)
	if err != nil {
		return false, err
	}
	c := s.planContext(&Prepared{})
	c.Needs = nil
	pq, err := planner.Query(c, q)
	if err != nil {
		return false, err
	}
	result, err := s.pull(ctx, pq, nil)
	if err != nil {
		return false, err
	}
	defer result.Close()
	for {
		b, err := result.Next(ctx)
		switch {
		case err == eof:
			return false, nil
		case err != nil:
			return false, err
		case b != nil && b.N > 0:
			return true, nil
		}
	}
}
