package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// explainOptions checks the options of EXPLAIN: those of PostgreSQL that tell more than there is can be switched off.
func explainOptions(options []ast.Prop) error {
	for _, o := range options {
		switch o.Key {
		case "analyze", "verbose", "logical", "summary", "timing", "format":
		case "costs", "buffers", "wal", "settings": // there are none to tell of, and PostgreSQL leaves out what is not there
		default:
			return sqlerr.At(o.Pos(), sqlerr.SyntaxError, "unrecognized EXPLAIN option \"%s\"", o.Key)
		}
	}
	return nil
}

func isOn(o ast.Prop) bool {
	lit, ok := o.Val.(*ast.Lit)
	return !ok || lit.Text != "false" && lit.Text != "0" && lit.Text != "off"
}

// bindAnalyze binds EXPLAIN ANALYZE: the query is run, and what it took is told below its plan.
func (s *Session) bindAnalyze(p *Prepared, st *ast.Explain) error {
	if st.Stmt == nil {
		return s.bindRunning(p, st)
	}
	inner, ok := st.Stmt.(*ast.QueryStmt)
	if !ok || inner.Q.Emit != ast.EmitNone {
		return sqlerr.At(st.Pos(), sqlerr.FeatureNotSupported, "EXPLAIN ANALYZE is for queries that are run once")
	}
	q, err := planner.Query(s.planContext(p), inner.Q)
	if err != nil {
		return err
	}
	if len(q.Params) > 0 {
		return sqlerr.At(st.Pos(), sqlerr.UndefinedParameter, "there is no parameter $1")
	}
	p.answer("EXPLAIN", []string{"QUERY PLAN"}, nil)
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) {
		if err := s.flushImplicit(ctx); err != nil {
			return nil, err
		}
		begin := time.Now()
		r, meter, err := s.work().Measure(ctx, q, s.env(), time.Now)
		if err != nil {
			return nil, err
		}
		rows, err := count(ctx, r)
		if err != nil {
			return nil, err
		}
		text := planner.ExplainWith(q, func(n plan.Node) string { return measured(meter.Of(n)) + s.held(ctx, n) }) +
			fmt.Sprintf("Rows: %d\nExecution Time: %.3f ms\n", rows, millis(time.Since(begin)))
		return p.lines("EXPLAIN", textLines(text)), nil
	}
	return nil
}

// bindRunning binds EXPLAIN of a continuous query. With ANALYZE it tells what its operators have done since the server
// started, and what they keep.
func (s *Session) bindRunning(p *Prepared, st *ast.Explain) error {
	p.answer("EXPLAIN", []string{"QUERY PLAN"}, nil)
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) {
		q, meter, err := s.eng.MeasureRunning(ctx, st.QueryID)
		if err != nil {
			return nil, sqlerr.Locate(err, st.Pos())
		}
		note := func(n plan.Node) string {
			if meter == nil {
				return ""
			}
			return running(meter.Of(n), st.Analyze)
		}
		return p.lines("EXPLAIN", textLines(planner.ExplainWith(q, note))), nil
	}
	return nil
}

// running prints what an operator of a continuous query shares and, to analyse it, what it did and keeps.
func running(m *engine.Measure, analyse bool) (text string) {
	if m == nil {
		return ""
	}
	if analyse {
		text = measured(m)
	}
	if analyse && m.State > 0 {
		text += fmt.Sprintf(" (state=%d bytes)", m.State)
	}
	if analyse && m.Passed > 0 {
		text += fmt.Sprintf(" (passed over=%d)", m.Passed)
	}
	if m.Parts > 1 {
		text += fmt.Sprintf(" (by %d queries)", m.Parts)
	}
	if m.Joined > 1 {
		text += fmt.Sprintf(" (rows found so by %d queries)", m.Joined)
	}
	if analyse && m.Index > 0 {
		text += fmt.Sprintf(" (index=%d bytes)", m.Index)
	}
	if m.Shared > 0 {
		text += fmt.Sprintf(" (keys shared by %d queries)", m.Shared)
	}
	return text
}

// measured prints what an operator did.
func measured(m *engine.Measure) string {
	if m == nil {
		return ""
	}
	took, ok := m.Time()
	if !ok {
		return fmt.Sprintf(" (rows=%d)", m.Rows)
	}
	return fmt.Sprintf(" (rows=%d time=%.3f ms)", m.Rows, millis(took))
}

// held prints how much of the state of what a node scans is in memory, where that may be less than all.
func (s *Session) held(ctx context.Context, n plan.Node) string {
	scan, ok := n.(*plan.Scan)
	if !ok || !scan.Rel.Stored() {
		return ""
	}
	u := s.eng.StateUse(ctx, scan.Rel)
	if u.Limit == 0 && !u.Partial {
		return ""
	}
	text := fmt.Sprintf(" (state=%d kB", (u.Bytes+1023)>>10)
	if u.Limit > 0 {
		text += " of " + planner.FormatBytes(u.Limit)
	}
	if u.Partial {
		text += fmt.Sprintf(", spilled, reads=%d", u.Reads)
	}
	return text + ")"
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// count reads the rows of a query and counts them.
func count(ctx context.Context, r *engine.Rows) (int, error) {
	defer r.Close()
	n := 0
	for {
		b, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
		n += b.N
	}
}

// textLines are the lines of a text as rows of one column.
func textLines(text string) [][]string {
	var out [][]string
	for _, l := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		out = append(out, []string{l})
	}
	return out
}

// bindExplain binds EXPLAIN of a statement or of a running query.
func (s *Session) bindExplain(p *Prepared, st *ast.Explain) error {
	if err := explainOptions(st.Options); err != nil {
		return err
	}
	if err := refuseChanges("EXPLAIN", st.Stmt); err != nil {
		return err
	}
	format, err := explainFormat(st.Options)
	if err != nil {
		return err
	}
	if ex, ok := st.Stmt.(*ast.Execute); ok {
		return s.explainExecute(p, st, ex)
	}
	if format != "text" && st.Stmt != nil {
		return s.explainDocument(p, st, format)
	}
	if st.Analyze {
		return s.bindAnalyze(p, st)
	}
	if st.Stmt == nil {
		return s.bindRunning(p, st)
	}
	text, err := s.explain(p, st)
	if err != nil {
		return err
	}
	p.answer("EXPLAIN", []string{"QUERY PLAN"}, func() ([][]string, error) {
		return textLines(text), nil
	})
	return nil
}

func (s *Session) explain(p *Prepared, st *ast.Explain) (string, error) {
	ctx := s.planContext(p)
	for _, o := range st.Options {
		ctx.Logical = ctx.Logical || (o.Key == "logical" || o.Key == "verbose") && isOn(o)
	}
	switch inner := st.Stmt.(type) {
	case *ast.QueryStmt:
		if len(inner.Q.Locking) > 0 {
			break
		}
		q, err := planner.Query(ctx, inner.Q)
		if err != nil {
			return "", err
		}
		return planner.Explain(q), nil
	case *ast.Create:
		if inner.As == nil {
			break
		}
		q, rel, err := planner.CreateAs(ctx, inner)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%s %s\n", rel.Kind, qualified(rel)) + indent(planner.Explain(q)), nil
	}
	c, err := rowChange(ctx, st.Stmt)
	if err != nil {
		return "", err
	}
	if c == nil {
		return "", sqlerr.At(st.Pos(), sqlerr.FeatureNotSupported,
			"EXPLAIN is for queries, CREATE ... AS and changes of rows")
	}
	return c.verb + " " + qualified(c.rel) + "\n" + indent(planner.Explain(c.source)), nil
}

// change is what a statement does to the rows of a relation, and the query that gives it the rows.
type change struct {
	verb   string
	rel    *catalog.Relation
	source *plan.Query
}

// rowChange plans a statement that changes rows; nil for others.
func rowChange(ctx *planner.Context, stmt ast.Stmt) (*change, error) {
	switch st := stmt.(type) {
	case *ast.Insert:
		ip, err := planner.Insert(ctx, st)
		if err != nil {
			return nil, err
		}
		return &change{"Insert into", ip.Rel, ip.Source}, nil
	case *ast.Update:
		cp, err := planner.Update(ctx, st)
		if err != nil {
			return nil, err
		}
		return &change{"Update", cp.Rel, cp.Source}, nil
	case *ast.Delete:
		cp, err := planner.Delete(ctx, st)
		if err != nil {
			return nil, err
		}
		return &change{"Delete from", cp.Rel, cp.Source}, nil
	case *ast.QueryStmt:
		if len(st.Q.Locking) == 0 {
			return nil, nil
		}
		lp, err := planner.Locking(ctx, st.Q)
		if err != nil || len(lp.Targets) == 0 {
			return nil, err
		}
		return &change{"Lock rows of", lp.Targets[0].Rel, lp.Rows}, nil
	case *ast.Merge:
		mp, err := planner.Merge(ctx, st)
		if err != nil {
			return nil, err
		}
		return &change{"Merge into", mp.Rel, mp.Source}, nil
	}
	return nil, nil
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ") + "\n"
}
