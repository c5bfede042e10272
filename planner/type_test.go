package planner

import (
	"testing"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
)

// bindText binds the statements of a text, each against the catalog that those before it made.
func bindText(ctx *Context, text string) error {
	stmts, err := parse.Parse(text)
	if err != nil {
		return err
	}
	rels := append([]*catalog.Relation(nil), ctx.Catalog.Relations()...)
	for _, st := range stmts {
		var rel *catalog.Relation
		switch st := st.Stmt.(type) {
		case *ast.CreateType:
			rel, err = CreateType(ctx, st)
		case *ast.Create:
			if st.As != nil {
				_, rel, err = CreateAs(ctx, st)
			} else {
				rel, err = Create(ctx, st)
			}
		case *ast.QueryStmt:
			_, err = Query(ctx, st.Q)
		case *ast.Insert:
			_, err = Insert(ctx, st)
		}
		if err != nil {
			return err
		}
		if rel != nil {
			rel.ID = uint32(20000 + len(rels))
			rels = append(rels, rel)
			ctx.Catalog = catalog.New(uint64(len(rels)), rels)
		}
	}
	return nil
}

// TestScripts binds scripts whose statements need what those before them made.
func TestScripts(t *testing.T) {
	for _, c := range []struct {
		text string
		code sqlerr.Code
	}{
		{"CREATE TYPE address AS STRUCT<street text, zip int>; CREATE TYPE people AS ARRAY<STRUCT<home address>>;" +
			"CREATE STREAM s (id int KEY, who people); SELECT who[1]->home->zip + 1 FROM s", ""},
		{"CREATE TYPE a AS int; CREATE TYPE a AS text", sqlerr.DuplicateObject},
		{"CREATE TYPE a AS int; CREATE TYPE IF NOT EXISTS a AS text", ""},
		{"CREATE TYPE integer AS text", sqlerr.DuplicateObject},
		{"CREATE TYPE a AS int; SELECT * FROM a", sqlerr.UndefinedTable},
		{"CREATE TYPE a AS int; SELECT '1'::a + 1", ""},
		{"CREATE VIEW v (x, y) AS SELECT origin, count(*) FROM flights GROUP BY origin; SELECT x, y + 1 FROM v w", ""},
		{"CREATE VIEW v AS SELECT origin FROM flights; SELECT dest FROM v", sqlerr.UndefinedColumn},
		{"CREATE VIEW v AS SELECT 1 AS a; INSERT INTO v VALUES (1)", sqlerr.WrongObjectType},
		{"CREATE SOURCE STREAM s (a int); INSERT INTO s VALUES (1)", sqlerr.WrongObjectType},
		{"CREATE SOURCE STREAM s (a int); CREATE OR REPLACE STREAM s (a int, b int)", sqlerr.InvalidTableDefinition},
		{"CREATE STREAM d AS SELECT * FROM clicks; INSERT INTO d SELECT * FROM clicks", ""},
		{"CREATE STREAM w (id int KEY, v int) WITH (window_type = 'session');" +
			"CREATE STREAM x AS SELECT id, v + 1 AS v FROM w; SELECT windowstart, id FROM x WHERE windowend > 3", ""},
		{"CREATE STREAM w (id int KEY, v int) WITH (window_type = 'tumbling', window_size = '1 hour');" +
			"CREATE STREAM x AS SELECT w.id, w.v, f.origin FROM w JOIN flights f WITHIN 1 HOUR ON w.id = f.delay",
			sqlerr.WrongObjectType},
		{"CREATE STREAM h (id int, t bytes HEADER('t')); INSERT INTO h (t) VALUES (NULL)", sqlerr.WrongObjectType},
	} {
		err := bindText(testContext(t), c.text)
		if got := sqlerr.From(err); (err == nil) != (c.code == "") || err != nil && got.Code != c.code {
			t.Errorf("%s\ngot %v, want %q", c.text, err, c.code)
		}
	}
}
