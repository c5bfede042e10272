package session

import (
	"context"
	"slices"

	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// changesWith returns the WITH queries in front of a statement when some of them change rows.
func changesWith(st ast.Stmt) []ast.CTE {
	var ctes []ast.CTE
	switch st := st.(type) {
	case *ast.QueryStmt:
		ctes = st.Q.With
	case *ast.Insert:
		ctes = queriesOf(st.With)
	case *ast.Update:
		ctes = queriesOf(st.With)
	case *ast.Delete:
		ctes = queriesOf(st.With)
	case *ast.Merge:
		ctes = queriesOf(st.With)
	}
	if !slices.ContainsFunc(ctes, func(c ast.CTE) bool { return c.Change != nil }) {
		return nil
	}
	return ctes
}

func queriesOf(w *ast.With) []ast.CTE {
	if w == nil {
		return nil
	}
	return w.Queries
}

// refuseChanges refuses a statement with WITH queries that change rows where what can only be a query.
func refuseChanges(what string, st ast.Stmt) error {
	for _, c := range changesWith(st) {
		if c.Change != nil {
			return sqlerr.At(c.Pos(), sqlerr.FeatureNotSupported,
				"%s of statements in WITH that change rows is not supported", what)
		}
	}
	return nil
}

// withParts is a statement with WITH queries that change rows. They run first, in their order, and then the statement
// itself, planned over what they returned; none sees what another has changed.
type withParts struct {
	p     *Prepared
	ctes  []ast.CTE
	given map[string]*planner.Given
}

// bindWith binds a statement with WITH queries that change rows.
func (s *Session) bindWith(p *Prepared, ctes []ast.CTE) error {
	if st, ok := p.stmt.Stmt.(*ast.QueryStmt); ok && st.Q.Emit != ast.EmitNone {
		return sqlerr.At(st.Q.Pos(), sqlerr.FeatureNotSupported, "WITH queries that change rows cannot stand before EMIT").
			WithHint("Run the statements one after the other.")
	}
	w := &withParts{p, ctes, map[string]*planner.Given{}}
	for i := range ctes {
		if ctes[i].Change == nil {
			continue
		}
		q, err := w.bind(s, w.part(i))
		if err != nil {
			return err
		}
		w.give(i, q.cols, nil)
	}
	q, err := w.bind(s, p.stmt.Stmt)
	if err != nil {
		return err
	}
	p.cols = q.cols
	var rels []*catalog.Relation
	for _, n := range s.needs {
		rels = append(rels, n.Rel)
	}
	p.run = func(ctx context.Context, args []types.Value) (out Result, err error) {
		err = s.work().Together(ctx, rels, func() error {
			out, err = w.run(ctx, s, args)
			return err
		})
		return out, err
	}
	return nil
}

// part is a statement in WITH behind the WITH queries that it can see.
func (w *withParts) part(i int) ast.Stmt {
	before := func(own *ast.With) *ast.With {
		with := &ast.With{Queries: slices.Clone(w.ctes[:i])}
		if own != nil {
			with.Queries, with.Recursive = append(with.Queries, own.Queries...), own.Recursive
		}
		return with
	}
	switch st := w.ctes[i].Change.(type) {
	case *ast.Insert:
		c := *st
		c.With = before(st.With)
		return &c
	case *ast.Update:
		c := *st
		c.With = before(st.With)
		return &c
	case *ast.Delete:
		c := *st
		c.With = before(st.With)
		return &c
	}
	panic("BUG: a statement in WITH that is none")
}

// bind binds a part. What is learnt of the types of parameters is kept.
func (w *withParts) bind(s *Session, st ast.Stmt) (*Prepared, error) {
	stmt := w.p.stmt
	stmt.Stmt = st
	q := &Prepared{s: s, stmt: stmt, params: w.p.params, given: w.given}
	if err := s.bindKind(q); err != nil {
		return nil, err
	}
	all := slices.Clone(q.params)
	for i, t := range w.p.params {
		switch {
		case i >= len(all):
			all = append(all, t)
		case all[i] == types.Unknown:
			all[i] = t
		}
	}
	w.p.params = all
	return q, nil
}

// give makes rows those of a WITH query.
func (w *withParts) give(i int, cols []catalog.Column, rows *vec.Batch) {
	g := &planner.Given{}
	for _, c := range cols {
		g.Cols = append(g.Cols, plan.Column{Name: c.Name, Type: c.Type})
	}
	for r := range rowsIn(rows) {
		row := make([]plan.Expr, len(rows.Cols))
		for k, c := range rows.Cols {
			row[k] = &plan.Const{Value: c.Value(r)}
		}
		g.Rows = append(g.Rows, row)
	}
	w.given[w.ctes[i].Name] = g
}

func rowsIn(b *vec.Batch) int {
	if b == nil {
		return 0
	}
	return b.N
}

// run runs the parts.
func (w *withParts) run(ctx context.Context, s *Session, args []types.Value) (Result, error) {
	for i := range w.ctes {
		if w.ctes[i].Change == nil {
			continue
		}
		q, rows, err := w.runPart(ctx, s, w.part(i), args)
		if err != nil {
			return nil, err
		}
		w.give(i, q.cols, rows)
	}
	q, err := w.bind(s, w.p.stmt.Stmt)
	if err != nil {
		return nil, err
	}
	return q.run(ctx, args)
}

// runPart runs a statement in WITH and returns what its RETURNING gives.
func (w *withParts) runPart(ctx context.Context, s *Session, st ast.Stmt, args []types.Value) (*Prepared, *vec.Batch,
	error) {
	q, err := w.bind(s, st)
	if err != nil {
		return nil, nil, err
	}
	r, err := q.run(ctx, args)
	if err != nil {
		return nil, nil, err
	}
	var ts []types.Type
	for _, c := range q.cols {
		ts = append(ts, c.Type)
	}
	rows, err := readAll(ctx, r, ts)
	return q, rows, err
}
