package session

import (
	"context"
	"strings"

	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// bindOnError binds ALTER … SET ON ERROR, which is for relations of all kinds that have rows.
func (s *Session) bindOnError(p *Prepared, st *ast.Alter, rel *catalog.Relation) error {
	o := st.Actions[0].OnError
	policy, err := planner.OnError(s.planContext(p), rel, o)
	if err != nil {
		return err
	}
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) {
		if err := s.beginDDL(ctx, "ALTER "+st.What, st.Pos()); err != nil {
			return nil, err
		}
		if err := s.owns(rel); err != nil {
			return nil, err
		}
		_, err := s.setOnError(ctx, rel, policy, o)
		return done("ALTER " + st.What), sqlerr.Locate(err, o.Pos())
	}
	return nil
}

// setOnError changes the policy of a relation to one that o asks for, and returns the relation as it is then.
func (s *Session) setOnError(ctx context.Context, rel *catalog.Relation, policy catalog.ErrorPolicy,
	o *ast.OnError) (*catalog.Relation, error) {
	if o == nil {
		return rel, nil
	}
	made, err := s.makeLetters(ctx, &policy, o)
	if err != nil {
		return nil, err
	}
	now, err := s.eng.SetOnError(ctx, rel, policy)
	if err != nil && made != nil {
		_ = s.eng.Drop(ctx, []*catalog.Relation{made}, false, false, nil) // an empty stream stays at worst
	}
	return now, err
}

// makeLetters makes the stream that o sends dead letters to, unless it is there, and makes the policy say so. It
// returns the stream that it made.
func (s *Session) makeLetters(ctx context.Context, policy *catalog.ErrorPolicy,
	o *ast.OnError) (*catalog.Relation, error) {
	if o == nil || o.Do != "DEAD LETTER" || policy.Into != 0 {
		return nil, nil
	}
	var columns, name []string
	for _, c := range catalog.ErrorColumns() {
		columns = append(columns, fn.QuoteIdent(c.Name)+" "+c.Type.String())
	}
	for _, part := range o.Into.Parts {
		name = append(name, fn.QuoteIdent(part))
	}
	text := "CREATE STREAM " + strings.Join(name, ".") + " (" + strings.Join(columns, ", ") + ")"
	stmts, err := parse.Parse(text)
	if err != nil {
		return nil, sqlerr.Locate(err, o.Into.Pos())
	}
	st := stmts[0].Stmt.(*ast.Create)
	rel, err := planner.Create(s.planContext(&Prepared{s: s, stmt: stmts[0]}), st)
	if err == nil {
		rel.Statement = text
		_, err = s.create(ctx, st, rel)
	}
	if err != nil {
		e := *sqlerr.From(err)
		e.Offset = o.Into.Pos() // its place is in a text that the user has not written
		return nil, &e
	}
	made, _ := s.eng.Catalog().Relation(rel.Schema, rel.Name)
	policy.Into = made.ID
	return made, nil
}
