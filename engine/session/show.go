package session

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// lines is a result of text columns made by the session itself.
type lines struct {
	tag  string
	rows *vec.Batch
}

func (l *lines) Next(context.Context) (*vec.Batch, error) {
	b := l.rows
	if l.rows = nil; b == nil || b.N == 0 {
		return nil, eof
	}
	return b, nil
}

func (l *lines) Tag() (string, bool) { return l.tag, false }
func (l *lines) Close()              {}

// answer makes a statement one that gives rows of text.
func (p *Prepared) answer(tag string, columns []string, rows func() ([][]string, error)) {
	p.cols = []catalog.Column{}
	var ts []types.Type
	for _, c := range columns {
		p.cols = append(p.cols, catalog.Column{Name: c, Type: types.Text})
		ts = append(ts, types.Text)
	}
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) {
		if err := p.s.flushImplicit(ctx); err != nil {
			return nil, err
		}
		all, err := rows()
		if err != nil {
			return nil, err
		}
		b := vec.NewBatch(ts)
		for _, r := range all {
			for i, v := range r {
				b.Cols[i].AppendString(v)
			}
			b.N++
		}
		return &lines{tag: tag, rows: b}, nil
	}
}

// bindShow binds SHOW and LIST.
func (s *Session) bindShow(p *Prepared, st *ast.Show) error {
	switch st.What {
	case "STREAMS":
		s.showRelations(p, catalog.Stream)
	case "TABLES":
		s.showRelations(p, catalog.Table, catalog.View)
	case "QUERIES":
		p.answer("SHOW", []string{"query_id", "kind", "relation", "state", "query"}, s.queryRows)
	case "TOPICS":
		p.answer("SHOW", []string{"topic", "partitions"}, s.topicRows)
	case "VIEWS":
		p.answer("SHOW", []string{"name", "kind", "query"}, s.viewRows)
	case "MATERIALIZED VIEWS":
		s.showRelations(p, catalog.View)
	case "TYPES":
		p.answer("SHOW", []string{"name", "type"}, s.typeRows)
	case "SETTING":
		return s.showSetting(p, st)
	default:
		return sqlerr.At(st.Pos(), sqlerr.FeatureNotSupported, "SHOW %s is not supported yet", st.What).
			WithHint("There are SHOW STREAMS, TABLES, QUERIES, TOPICS, ALL and SHOW name_of_a_setting.")
	}
	return nil
}

func (s *Session) showRelations(p *Prepared, kinds ...catalog.Kind) {
	cols := []string{"name", "topic", "key_format", "value_format", "partitions", "kind"}
	p.answer("SHOW", cols, func() ([][]string, error) {
		var out [][]string
		for _, r := range s.eng.Catalog().Relations() {
			for _, k := range kinds {
				if r.Kind == k && r.Schema != "leat_catalog" {
					kind := strings.ToLower(string(r.Kind))
					if r.Windowed {
						kind = "windowed " + kind
					}
					out = append(out, []string{qualified(r), r.Topic, r.KeyFormat, r.ValueFormat, fmt.Sprint(r.Partitions), kind})
				}
			}
		}
		return out, nil
	})
}

func qualified(r *catalog.Relation) string {
	if r.Schema == "public" {
		return r.Name
	}
	return r.Schema + "." + r.Name
}

func (s *Session) queryRows() ([][]string, error) {
	var out [][]string
	for _, r := range s.eng.Catalog().Relations() {
		if r.QueryID != "" {
			out = append(out, []string{r.QueryID, string(r.Kind), qualified(r), s.eng.QueryState(r), oneLine(r.Query)})
		}
	}
	return out, nil
}

func (s *Session) topicRows() ([][]string, error) {
	var out [][]string
	for _, t := range s.eng.Topics() {
		out = append(out, []string{t.Name, fmt.Sprint(t.Partitions)})
	}
	sort.Slice(out, func(i, j int) bool { return out[i][0] < out[j][0] })
	return out, nil
}

// viewRows lists views of both kinds.
func (s *Session) viewRows() ([][]string, error) {
	var out [][]string
	for _, r := range s.eng.Catalog().Relations() {
		if r.Kind == catalog.PlainView || r.Kind == catalog.View {
			out = append(out, []string{qualified(r), strings.ToLower(string(r.Kind)), oneLine(r.Query)})
		}
	}
	return out, nil
}

// typeRows lists what CREATE TYPE has made.
func (s *Session) typeRows() ([][]string, error) {
	var out [][]string
	for _, r := range s.eng.Catalog().Relations() {
		if r.Kind == catalog.Type {
			out = append(out, []string{qualified(r), r.Columns[0].Type.String()})
		}
	}
	return out, nil
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func (s *Session) showSetting(p *Prepared, st *ast.Show) error {
	name := canonical(st.Setting)
	if name == "all" {
		p.answer("SHOW", []string{"name", "setting", "description"}, func() ([][]string, error) {
			var out [][]string
			for _, n := range s.set.names() {
				doc := ""
				if d, ok := lookup(n); ok {
					doc = d.doc
				}
				out = append(out, []string{n, s.set.show(n), doc})
			}
			return out, nil
		})
		return nil
	}
	_, known := lookup(name)
	if !known && !s.set.chosen(name) {
		return sqlerr.At(st.Pos(), sqlerr.UndefinedObject, "unrecognized configuration parameter %q", st.Setting)
	}
	p.answer("SHOW", []string{reportName(name)}, func() ([][]string, error) { return [][]string{{s.set.show(name)}}, nil })
	return nil
}

// bindDescribe binds DESCRIBE.
func (s *Session) bindDescribe(p *Prepared, st *ast.Describe) error {
	if st.Function {
		return sqlerr.At(st.Pos(), sqlerr.FeatureNotSupported, "DESCRIBE FUNCTION is not supported yet").
			WithHint("docs/functions.md lists the functions.")
	}
	ctx := s.planContext(p)
	rel, err := ctx.Catalog.Resolve(s.set.path, st.Name.Parts)
	if err != nil {
		sys, ok := ctx.System(schemaName(st.Name), st.Name.Last())
		if !ok {
			return sqlerr.Locate(err, st.Name.Pos())
		}
		rel = sys
	}
	p.answer("DESCRIBE", []string{"column", "type", "key"}, func() ([][]string, error) {
		var out [][]string
		for i, c := range rel.Columns {
			out = append(out, []string{c.Name, c.Type.String(), keyRole(rel, i)})
		}
		if st.Extended {
			out = append(out, extendedRows(rel, s.eng.QueryState(rel))...)
		}
		return out, nil
	})
	return nil
}

func keyRole(rel *catalog.Relation, pos int) string {
	for _, k := range rel.Key {
		if k == pos {
			if rel.Kind == catalog.Stream {
				return "KEY"
			}
			return "PRIMARY KEY"
		}
	}
	if pos == rel.TimeColumn {
		return "EVENT TIME"
	}
	return ""
}

func extendedRows(rel *catalog.Relation, state string) [][]string {
	out := [][]string{
		{"", "", ""},
		{"(kind)", strings.ToLower(string(rel.Kind)), ""},
		{"(topic)", rel.Topic, fmt.Sprintf("%d partitions", rel.Partitions)},
		{"(formats)", "key " + rel.KeyFormat + ", value " + rel.ValueFormat, ""},
		{"(statement)", oneLine(rel.Statement), ""},
	}
	if rel.QueryID != "" {
		out = append(out, []string{"(query)", rel.QueryID, state})
	}
	return out
}

// bindExplain binds EXPLAIN of a statement or of a running query.
func (s *Session) bindExplain(p *Prepared, st *ast.Explain) error {
	if st.Analyze {
		return sqlerr.At(st.Pos(), sqlerr.FeatureNotSupported, "EXPLAIN ANALYZE is not supported yet")
	}
	text, err := s.explain(p, st)
	if err != nil {
		return err
	}
	p.answer("EXPLAIN", []string{"QUERY PLAN"}, func() ([][]string, error) {
		var out [][]string
		for _, l := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
			out = append(out, []string{l})
		}
		return out, nil
	})
	return nil
}

func (s *Session) explain(p *Prepared, st *ast.Explain) (string, error) {
	ctx := s.planContext(p)
	for _, o := range st.Options {
		lit, _ := o.Val.(*ast.Lit)
		ctx.Logical = ctx.Logical || (o.Key == "logical" || o.Key == "verbose") && (lit == nil || lit.Text != "false")
	}
	if st.Stmt == nil {
		q, err := s.eng.RunningQuery(st.QueryID)
		if err != nil {
			return "", sqlerr.Locate(err, st.Pos())
		}
		return planner.Explain(q), nil
	}
	switch inner := st.Stmt.(type) {
	case *ast.QueryStmt:
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
	case *ast.Insert:
		ip, err := planner.Insert(ctx, inner)
		if err != nil {
			return "", err
		}
		return "Insert into " + qualified(ip.Rel) + "\n" + indent(planner.Explain(ip.Source)), nil
	}
	return "", sqlerr.At(st.Pos(), sqlerr.FeatureNotSupported, "EXPLAIN is for queries, CREATE ... AS and INSERT")
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ") + "\n"
}
