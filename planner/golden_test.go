package planner

import (
	"fmt"
	"strings"
	"testing"

	"github.com/leatdb/leat/internal/golden"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// testRelations is the schema of the golden files.
const testRelations = `
CREATE STREAM flights (flight_no text KEY, ts timestamptz, origin text, dest text, delay int, distance double,
	tags text[], plane struct<model text, seats int>, price numeric(10,2)) WITH (kafka_topic = 'flights', timestamp = 'ts');
CREATE STREAM clicks (user_id bigint, url text) WITH (value_format = 'delimited');
CREATE TABLE airports (iata varchar PRIMARY KEY, city text, country text, elevation int);
CREATE TABLE seats (flight_no text, seat int, class text, PRIMARY KEY (flight_no, seat));
CREATE TABLE notes (id int, body text, at date, data json, attrs map<text, int>);
CREATE STREAM csv (origin text, delay int) WITH (kafka_topic = 'csv', value_format = 'delimited');
CREATE STREAM left_w (k text KEY, v int) WITH (kafka_topic = 'l', window_type = 'TUMBLING', window_size = '1 HOUR');
CREATE STREAM right_w (k text KEY, v int) WITH (kafka_topic = 'r', window_type = 'TUMBLING', window_size = '1 HOUR');
CREATE STREAM sessions_w (k text KEY, v int) WITH (kafka_topic = 'sw', window_type = 'SESSION');
CREATE TABLE keyed (k int PRIMARY KEY, v int) WITH (kafka_topic = 'keyed');
CREATE STREAM left_s (k text KEY, v text) WITH (kafka_topic = 'ls');
CREATE STREAM right_s (k text KEY, v text) WITH (kafka_topic = 'rs');
CREATE TABLE hourly AS SELECT origin, count(*) AS n FROM flights WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY origin;
CREATE MATERIALIZED VIEW delays AS SELECT origin, avg(delay) AS mean FROM flights GROUP BY origin;
`

// testContext is a context over testRelations.
func testContext(t testing.TB) *Context {
	t.Helper()
	setting := func(name string) string { return map[string]string{"timezone": "UTC"}[name] }
	ctx := &Context{Catalog: catalog.New(1, nil), System: testSystem,
		Env: &fn.Env{Now: 1_700_000_000_000_000, Setting: setting}}
	stmts, err := parse.Parse(testRelations)
	if err != nil {
		t.Fatal(err)
	}
	var rels []*catalog.Relation
	for i, st := range stmts {
		c := st.Stmt.(*ast.Create)
		var rel *catalog.Relation
		if c.As != nil {
			_, rel, err = CreateAs(ctx, c)
		} else {
			rel, err = Create(ctx, c)
		}
		if err != nil {
			t.Fatalf("%s: %v", st.Text, err)
		}
		rel.ID = uint32(16384 + i)
		rels = append(rels, rel)
		ctx.Catalog = catalog.New(uint64(i+2), rels)
	}
	return ctx
}

func testSystem(schema, name string) (*catalog.Relation, bool) {
	if schema == "leat_catalog" && name == "errors" {
		return &catalog.Relation{ID: 12, Schema: schema, Name: name, Kind: catalog.System, TimeColumn: -1,
			Columns: []catalog.Column{{Name: "topic", Type: types.Text}, {Name: "reason", Type: types.Text}}}, true
	}
	return nil, false
}

func TestGolden(t *testing.T) {
	golden.Run(t, "plan/*.txt", func(t *testing.T, c *golden.Case) string {
		return explainText(testContext(t), c.Input)
	})
}

// TestGoldenOrder plans joins of tables that hold many rows.
func TestGoldenOrder(t *testing.T) {
	golden.Run(t, "./testdata/order.txt", func(t *testing.T, c *golden.Case) string {
		ctx := testContext(t)
		ctx.Sample = func(rel *catalog.Relation) *Sample { return &Sample{Count: testRows[rel.Name]} }
		return explainText(ctx, c.Input)
	})
}

var testRows = map[string]int64{"flights": 1_000_000, "clicks": 200_000, "airports": 50, "seats": 300_000, "notes": 10}

// explainText plans every statement of a text and prints the plans, or the error with a mark at its place.
func explainText(ctx *Context, text string) string {
	stmts, err := parse.Parse(text)
	if err != nil {
		return errorText(text, err)
	}
	var b strings.Builder
	for _, st := range stmts {
		out, err := explainStatement(ctx, st.Stmt)
		if err != nil {
			return b.String() + errorText(text, err)
		}
		b.WriteString(out)
	}
	return b.String()
}

func explainStatement(ctx *Context, st ast.Stmt) (string, error) {
	switch st := st.(type) {
	case *ast.Set: // for the plans that follow in the case
		env := *ctx.Env
		env.Setting = func(name string) string {
			if name == st.Name {
				return st.Values[0].(*ast.Lit).Text
			}
			return ctx.Env.Setting(name)
		}
		inner := *ctx
		ctx.Env, ctx = &env, &inner
		return "", nil
	case *ast.QueryStmt:
		q, err := Query(ctx, st.Q)
		if err != nil {
			return "", err
		}
		return Explain(q), nil
	case *ast.Create:
		if st.As == nil {
			rel, err := Create(ctx, st)
			if err != nil {
				return "", err
			}
			return relationText(rel), nil
		}
		q, rel, err := CreateAs(ctx, st)
		if err != nil {
			return "", err
		}
		return relationText(rel) + Explain(q), nil
	case *ast.Insert:
		p, err := Insert(ctx, st)
		if err != nil {
			return "", err
		}
		out := "insert into " + p.Rel.Name
		if p.RowTime >= 0 {
			out += fmt.Sprintf(" with event time in column %d", p.RowTime)
		}
		return out + "\n" + Explain(p.Source), nil
	case *ast.Copy:
		p, err := CopyFrom(ctx, st)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("copy into %s columns %v\n", p.Rel.Name, p.Cols), nil
	}
	return "", fmt.Errorf("no plan for %T", st)
}

// relationText prints the relation that a statement would make.
func relationText(r *catalog.Relation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s (", strings.ToLower(string(r.Kind)), r.Name)
	for i, c := range r.Columns {
		if i > 0 {
			b.WriteString(", ")
		}
		if r.IsKey(i) {
			b.WriteString("*")
		}
		b.WriteString(identifier(c.Name) + " " + c.Type.String())
	}
	fmt.Fprintf(&b, ") key %s, value %s", r.KeyFormat, r.ValueFormat)
	if r.Delimiter != "" {
		fmt.Fprintf(&b, " by %q", r.Delimiter)
	}
	if r.TimeColumn >= 0 {
		fmt.Fprintf(&b, ", time %s %s", r.Columns[r.TimeColumn].Name, r.TimeFormat)
	}
	if r.Windowed {
		b.WriteString(", windowed")
	}
	return strings.TrimSpace(b.String()) + "\n"
}

// errorText prints an error as psql does: the line with a mark below the place.
func errorText(text string, err error) string {
	e := sqlerr.From(err)
	out := fmt.Sprintf("ERROR %s: %s\n", e.Code, e.Message)
	if e.Offset >= 0 && e.Offset <= len(text) {
		start := strings.LastIndexByte(text[:e.Offset], '\n') + 1
		end := len(text)
		if i := strings.IndexByte(text[e.Offset:], '\n'); i >= 0 {
			end = e.Offset + i
		}
		out += text[start:end] + "\n" + strings.Repeat(" ", len([]rune(text[start:e.Offset]))) + "^\n"
	}
	if e.Detail != "" {
		out += "DETAIL: " + e.Detail + "\n"
	}
	if e.Hint != "" {
		out += "HINT: " + e.Hint + "\n"
	}
	return out
}
