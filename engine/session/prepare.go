package session

import (
	"context"
	"slices"
	"strings"

	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// bindPrepare binds PREPARE name (types) AS statement.
func (s *Session) bindPrepare(p *Prepared, st *ast.Prepare) error {
	if s.prepared[st.Name] != nil {
		return sqlerr.At(st.Pos(), sqlerr.DuplicatePreparedStatement, "prepared statement %q already exists", st.Name)
	}
	params, err := s.declared(p, st)
	if err != nil {
		return err
	}
	inner := &Prepared{s: s, stmt: p.stmt, params: params, version: p.version, role: p.role}
	inner.stmt.Stmt = st.Stmt
	if err := s.bind(inner); err != nil {
		return err
	}
	p.run = func(context.Context, []types.Value) (Result, error) {
		inner.fromSQL = true
		s.Keep(st.Name, inner)
		return done("PREPARE"), nil
	}
	return nil
}

// declared are the types of parameters that PREPARE names.
func (s *Session) declared(p *Prepared, st *ast.Prepare) (params []types.Type, err error) {
	for _, t := range st.Types {
		typ, err := planner.ResolveType(s.planContext(p), t)
		if err != nil {
			return nil, err
		}
		params = append(params, typ)
	}
	return params, nil
}

// Defer is Prepare of a statement that was prepared elsewhere and cannot be bound here now, a relation being gone for
// instance: it is bound, or says why it cannot be, when it is used. Of PREPARE it is the statement that gets a name.
func (s *Session) Defer(stmt parse.Statement, params []types.Type) *Prepared {
	p := &Prepared{s: s, stmt: stmt, params: params, late: true}
	if st, ok := stmt.Stmt.(*ast.Prepare); ok {
		p.stmt.Stmt, p.by, p.fromSQL = st.Stmt, st, true
	}
	return p
}

// Late reports whether the statement has not been bound yet.
func (p *Prepared) Late() bool { return p.late }

// Keep gives a statement a name, which PREPARE and the protocol share.
func (s *Session) Keep(name string, p *Prepared) {
	p.kept = s.cfg.Now()
	s.prepared[name] = p
}

// Kept finds a statement by its name.
func (s *Session) Kept(name string) (*Prepared, bool) {
	p, ok := s.prepared[name]
	return p, ok
}

// Forget takes the name of a statement away.
func (s *Session) Forget(name string) { delete(s.prepared, name) }

// bindExecute binds EXECUTE name (values).
func (s *Session) bindExecute(p *Prepared, st *ast.Execute) error {
	inner := s.prepared[st.Name]
	if inner == nil {
		return sqlerr.At(st.Pos(), sqlerr.InvalidSQLStatementName, "prepared statement %q does not exist", st.Name)
	}
	if inner.late {
		if err := inner.Revise(context.Background()); err != nil {
			return err
		}
	}
	if len(st.Args) != len(inner.params) {
		return sqlerr.At(st.Pos(), sqlerr.SyntaxError, "wrong number of parameters for prepared statement %q", st.Name).
			WithDetail("Expected %d parameters but got %d.", len(inner.params), len(st.Args))
	}
	var args []types.Value
	for i, x := range st.Args {
		v, err := planner.Constant(s.planContext(p), x)
		if err != nil {
			return err
		}
		if !v.Null && v.Type != inner.params[i] {
			if v, err = types.Parse(inner.params[i], v.String(), s.OutputEnv()); err != nil {
				return sqlerr.Locate(err, x.Pos())
			}
		}
		if v.Null {
			v = types.NullOf(inner.params[i])
		}
		args = append(args, v)
	}
	p.cols = inner.cols
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) { return inner.Execute(ctx, args) }
	return nil
}

// deallocate runs DEALLOCATE.
func (s *Session) deallocate(st *ast.Deallocate) (Result, error) {
	if st.Name == "" {
		clear(s.prepared)
		return done("DEALLOCATE ALL"), nil
	}
	if s.prepared[st.Name] == nil {
		return nil, sqlerr.At(st.Pos(), sqlerr.InvalidSQLStatementName, "prepared statement %q does not exist", st.Name)
	}
	delete(s.prepared, st.Name)
	return done("DEALLOCATE"), nil
}

// preparedStates lists the statements that have names, for pg_prepared_statements.
func (s *Session) preparedStates() []fn.PreparedState {
	var out []fn.PreparedState
	for name, p := range s.prepared {
		out = append(out, fn.PreparedState{Name: name, Text: p.stmt.Text, At: p.kept, Types: p.params, FromSQL: p.fromSQL})
	}
	slices.SortFunc(out, func(a, b fn.PreparedState) int { return strings.Compare(a.Name, b.Name) })
	return out
}
