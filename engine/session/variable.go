package session

import (
	"sort"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
)

// Parse parses a message of the client, in which ${name} stands for the value of a variable of DEFINE.
func (s *Session) Parse(text string) ([]parse.Statement, error) {
	return parse.WithVariables(text, s.variables)
}

// define runs DEFINE and UNDEFINE.
func (s *Session) define(st *ast.Define) (Result, error) {
	if !st.Undo {
		s.variables[st.Name] = st.Value
		return done("DEFINE"), nil
	}
	if _, ok := s.variables[st.Name]; !ok {
		return nil, sqlerr.At(st.Pos(), sqlerr.UndefinedObject, "variable %q is not defined", st.Name)
	}
	delete(s.variables, st.Name)
	return done("UNDEFINE"), nil
}

func (s *Session) variableRows() ([][]string, error) {
	var out [][]string
	for name, value := range s.variables {
		out = append(out, []string{name, value})
	}
	sort.Slice(out, func(i, j int) bool { return out[i][0] < out[j][0] })
	return out, nil
}
