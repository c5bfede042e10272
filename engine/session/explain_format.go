package session

import (
	"context"
	"strings"
	"time"

	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// explainFormat is the format that the options of EXPLAIN ask for, in small letters.
func explainFormat(options []ast.Prop) (string, error) {
	format := "text"
	for _, o := range options {
		if o.Key == "format" {
			switch v := o.Val.(type) {
			case *ast.ColRef:
				format = v.Name[0]
			case *ast.Lit:
				format = v.Text
			}
			switch format = strings.ToLower(format); format {
			case "text", "json", "yaml", "xml":
			default:
				return "", sqlerr.At(o.Val.Pos(), sqlerr.InvalidParameterValue,
					"unrecognized value for EXPLAIN option \"format\": \"%s\"", format)
			}
		}
	}
	return format, nil
}

// isOption reports whether an option of EXPLAIN is there and on.
func isOption(options []ast.Prop, name string) bool {
	for _, o := range options {
		if o.Key == name && isOn(o) {
			return true
		}
	}
	return false
}

// explainDocument binds EXPLAIN of a query in a format for programs.
func (s *Session) explainDocument(p *Prepared, st *ast.Explain, format string) error {
	output := isOption(st.Options, "verbose")
	inner, ok := st.Stmt.(*ast.QueryStmt)
	if !ok {
		c, err := rowChange(s.planContext(p), st.Stmt)
		if err != nil {
			return err
		}
		if c == nil || st.Analyze {
			return sqlerr.At(st.Pos(), sqlerr.FeatureNotSupported,
				"EXPLAIN (FORMAT %s) of this statement is not supported", format)
		}
		p.planColumn(format)
		d := planner.ExplainChange(strings.Fields(c.verb)[0], c.rel, c.source, output)
		p.run = func(context.Context, []types.Value) (Result, error) {
			return p.lines("EXPLAIN", [][]string{{rendered(d, nil, format)}}), nil
		}
		return nil
	}
	q, err := planner.Query(s.planContext(p), inner.Q)
	if err != nil {
		return err
	}
	p.planColumn(format)
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) {
		if err := s.flushImplicit(ctx); err != nil {
			return nil, err
		}
		if !st.Analyze {
			return p.lines("EXPLAIN", [][]string{{rendered(planner.ExplainDocument(q, output, nil), nil, format)}}), nil
		}
		begin := time.Now()
		r, meter, err := s.work().Measure(ctx, q, s.env(), time.Now)
		if err != nil {
			return nil, err
		}
		if _, err := count(ctx, r); err != nil {
			return nil, err
		}
		d := planner.ExplainDocument(q, output, func(n plan.Node) planner.Document {
			m := meter.Of(n)
			if m == nil {
				return nil
			}
			out := planner.Document{{Name: "Actual Rows", Value: m.Rows}, {Name: "Actual Loops", Value: 1}}
			if took, ok := m.Time(); ok {
				out = append(out, planner.DocumentField{Name: "Actual Total Time", Value: millis(took)})
			}
			return out
		})
		more := planner.Document{{Name: "Triggers", Value: []string{}},
			{Name: "Execution Time", Value: millis(time.Since(begin))}}
		return p.lines("EXPLAIN", [][]string{{rendered(d, more, format)}}), nil
	}
	return nil
}

// planColumn is the column of a plan in a format.
func (p *Prepared) planColumn(format string) {
	p.cols = []catalog.Column{{Name: "QUERY PLAN", Type: types.Text}}
	if format == "json" {
		p.cols[0].Type = types.JSON
	}
}

// rendered prints a plan and what is known of the whole.
func rendered(d, more planner.Document, format string) string {
	whole := append(planner.Document{{Name: "Plan", Value: d}}, more...)
	switch format {
	case "json":
		return "[\n  " + whole.JSON(1) + "\n]"
	case "yaml":
		return "- " + whole.YAML(1)
	}
	return "<explain xmlns=\"http://www.postgresql.org/2009/explain\">\n  <Query>\n" + whole.XML(2) +
		"  </Query>\n</explain>"
}

// explainExecute binds EXPLAIN EXECUTE: of the statement that has the name, with the types of its parameters.
func (s *Session) explainExecute(p *Prepared, st *ast.Explain, ex *ast.Execute) error {
	inner := s.prepared[ex.Name]
	if inner == nil {
		return sqlerr.At(ex.Pos(), sqlerr.InvalidSQLStatementName, "prepared statement \"%s\" does not exist", ex.Name)
	}
	if err := s.bindExecute(&Prepared{s: s, stmt: p.stmt}, ex); err != nil {
		return err
	}
	if st.Analyze {
		return sqlerr.At(ex.Pos(), sqlerr.FeatureNotSupported, "EXPLAIN ANALYZE EXECUTE is not supported")
	}
	of := *st
	of.Stmt = inner.stmt.Stmt
	if prepare, ok := of.Stmt.(*ast.Prepare); ok {
		of.Stmt = prepare.Stmt
	}
	had := p.params
	p.params = inner.params
	err := s.bindExplain(p, &of)
	p.params = had
	return err
}
