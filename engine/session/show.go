package session

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"github.com/leatdb/leat/engine"
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
	for _, c := range columns {
		p.cols = append(p.cols, catalog.Column{Name: c, Type: types.Text})
	}
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) {
		if err := p.s.flushImplicit(ctx); err != nil {
			return nil, err
		}
		all, err := rows()
		if err != nil {
			return nil, err
		}
		return p.lines(tag, all), nil
	}
}

// lines gives rows of text as the result of the statement.
func (p *Prepared) lines(tag string, all [][]string) Result {
	ts := make([]types.Type, len(p.cols))
	for i := range ts {
		ts[i] = types.Text
	}
	b := vec.NewBatch(ts)
	for _, r := range all {
		for i, v := range r {
			b.Cols[i].AppendString(v)
		}
		b.N++
	}
	return &lines{tag: tag, rows: b}
}

// bindShow binds SHOW and LIST.
func (s *Session) bindShow(p *Prepared, st *ast.Show) error {
	switch st.What {
	case "STREAMS":
		s.showRelations(p, st.Extended, catalog.Stream)
	case "TABLES":
		s.showRelations(p, st.Extended, catalog.Table, catalog.View)
	case "MATERIALIZED VIEWS":
		s.showRelations(p, st.Extended, catalog.View)
	case "TOPICS":
		s.showTopics(p, st.Extended)
	case "PROPERTIES":
		return s.showSetting(p, &ast.Show{P: st.P, What: "SETTING", Setting: "all"})
	case "CREATE":
		return s.showCreate(p, st)
	case "SETTING":
		return s.showSetting(p, st)
	default:
		return s.showList(p, st)
	}
	return nil
}

// showList answers SHOW of what is listed the same with EXTENDED and without.
func (s *Session) showList(p *Prepared, st *ast.Show) error {
	lists := map[string]struct {
		columns []string
		rows    func() ([][]string, error)
	}{
		"QUERIES":   {[]string{"query_id", "kind", "relation", "state", "query"}, s.queryRows},
		"VIEWS":     {[]string{"name", "kind", "query"}, s.viewRows},
		"TYPES":     {[]string{"name", "type"}, s.typeRows},
		"FUNCTIONS": {[]string{"name", "kind", "category"}, s.functionRows},
		"VARIABLES": {[]string{"name", "value"}, s.variableRows},
		"USERS":     {[]string{"name", "login", "superuser", "password", "member_of"}, s.roleRows},
		"ROLES":     {[]string{"name", "login", "superuser", "password", "member_of"}, s.roleRows},
		"GRANTS":    {[]string{"role", "on", "name", "privileges", "grantable"}, s.grantRows},
		"SCHEMAS":   {[]string{"name"}, s.schemaRows},
		"DATABASES": {[]string{"name"}, func() ([][]string, error) { return [][]string{{s.cfg.Database}}, nil }},
	}
	l, ok := lists[st.What]
	if !ok {
		return sqlerr.At(st.Pos(), sqlerr.FeatureNotSupported, "SHOW %s is not supported yet", st.What).
			WithHint("There are SHOW STREAMS, TABLES, VIEWS, QUERIES, TOPICS, FUNCTIONS, TYPES, SCHEMAS, USERS, GRANTS, " +
				"VARIABLES, PROPERTIES and SHOW name_of_a_setting.")
	}
	p.answer("SHOW", l.columns, l.rows)
	return nil
}

func (s *Session) schemaRows() ([][]string, error) {
	out := [][]string{{"leat_catalog"}, {catalog.Public}}
	for _, sc := range s.eng.Catalog().Schemas() {
		out = append(out, []string{sc.Name})
	}
	sort.Slice(out, func(i, j int) bool { return out[i][0] < out[j][0] })
	return out, nil
}

// showCreate answers SHOW CREATE: the statement that made a relation.
func (s *Session) showCreate(p *Prepared, st *ast.Show) error {
	rel, err := s.eng.Catalog().Resolve(s.set.path, st.Name.Parts)
	if err != nil {
		return sqlerr.Locate(err, st.Name.Pos())
	}
	p.answer("SHOW", []string{"name", "statement"}, func() ([][]string, error) {
		return [][]string{{qualified(rel), rel.Statement}}, nil
	})
	return nil
}

func (s *Session) showRelations(p *Prepared, extended bool, kinds ...catalog.Kind) {
	cols := []string{"name", "topic", "key_format", "value_format", "partitions", "kind"}
	if extended {
		cols = append(cols, "query_id", "state", "columns", "comment", "statement")
	}
	p.answer("SHOW", cols, func() ([][]string, error) {
		var out [][]string
		for _, r := range s.eng.Catalog().Relations() {
			for _, k := range kinds {
				if r.Kind == k && r.Schema != "leat_catalog" {
					kind := strings.ToLower(string(r.Kind))
					if r.Windowed {
						kind = "windowed " + kind
					}
					row := []string{qualified(r), r.Topic, r.KeyFormat, r.ValueFormat, fmt.Sprint(r.Partitions), kind}
					if extended {
						row = append(row, r.QueryID, s.eng.QueryState(r), columnList(r), r.Comment, oneLine(r.Statement))
					}
					out = append(out, row)
				}
			}
		}
		return out, nil
	})
}

// columnList prints the columns of a relation on one line.
func columnList(r *catalog.Relation) string {
	var parts []string
	for i, c := range r.Columns {
		parts = append(parts, strings.TrimSpace(c.Name+" "+c.Type.String()+" "+keyRole(r, i)))
	}
	return strings.Join(parts, ", ")
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
			into := r
			if target, ok := s.eng.Catalog().ByID(r.Target); ok {
				into = target
			}
			out = append(out, []string{r.QueryID, string(r.Kind), qualified(into), s.eng.QueryState(r), oneLine(r.Query)})
		}
	}
	return out, nil
}

// showTopics answers SHOW TOPICS; EXTENDED tells how many records there are and which relations are over them.
func (s *Session) showTopics(p *Prepared, extended bool) {
	cols := []string{"topic", "partitions"}
	if extended {
		cols = append(cols, "records", "relations", "placement")
	}
	p.answer("SHOW", cols, func() ([][]string, error) {
		var out [][]string
		for _, t := range s.eng.Topics() {
			row := []string{t.Name, fmt.Sprint(t.Partitions)}
			if extended {
				var rels []string
				for _, r := range s.eng.Catalog().Relations() {
					if r.Topic == t.Name {
						rels = append(rels, qualified(r))
					}
				}
				row = append(row, fmt.Sprint(s.eng.Records(t)), strings.Join(rels, ", "), engine.Placement(t))
			}
			out = append(out, row)
		}
		sort.Slice(out, func(i, j int) bool { return out[i][0] < out[j][0] })
		return out, nil
	})
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
	p.answer("SHOW", []string{reportName(name)}, func() ([][]string, error) {
		return [][]string{{s.set.show(name)}}, nil
	})
	return nil
}

// bindDescribe binds DESCRIBE.
func (s *Session) bindDescribe(p *Prepared, st *ast.Describe) error {
	if st.Function {
		return s.describeFunction(p, st)
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
	if rel.Kind == catalog.Type {
		return sqlerr.At(st.Name.Pos(), sqlerr.WrongObjectType, "\"%s\" is a type", rel.Name).
			WithHint("SHOW TYPES lists them.")
	}
	p.answer("DESCRIBE", []string{"column", "type", "key"}, func() ([][]string, error) {
		var out [][]string
		for i, c := range rel.Columns {
			out = append(out, []string{c.Name, c.Type.String(), keyRole(rel, i)})
		}
		if st.Extended {
			out = append(out, commentRows(rel)...)
			out = append(out, extendedRows(rel, s.eng.QueryState(rel), ctx.Catalog.PolicyText(rel.OnError))...)
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

// commentRows are the comments of a relation's columns.
func commentRows(rel *catalog.Relation) [][]string {
	var out [][]string
	for _, c := range rel.Columns {
		if c.Comment != "" {
			out = append(out, []string{"(comment)", c.Comment, c.Name})
		}
	}
	return out
}

// partitions says how many partitions the topic of a relation has, and where they are unless that is at home.
func partitions(rel *catalog.Relation) string {
	s := fmt.Sprintf("%d partitions", rel.Partitions)
	if rel.Placement != "" {
		s += ", " + rel.Placement
	}
	return s
}

func extendedRows(rel *catalog.Relation, state, policy string) [][]string {
	out := [][]string{
		{"", "", ""},
		{"(kind)", strings.ToLower(string(rel.Kind)), ""},
	}
	if rel.Comment != "" {
		out = append(out, []string{"(comment)", rel.Comment, ""})
	}
	if rel.Stored() {
		out = append(out, []string{"(topic)", rel.Topic, partitions(rel)},
			[]string{"(formats)", "key " + rel.KeyFormat + ", value " + rel.ValueFormat, ""})
	}
	if rel.OnError != (catalog.ErrorPolicy{}) {
		out = append(out, []string{"(on error)", policy, ""})
	}
	out = append(out, []string{"(statement)", oneLine(rel.Statement), ""})
	if rel.QueryID != "" {
		out = append(out, []string{"(query)", rel.QueryID, state})
	}
	return out
}
