package planner

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// checkNode returns what is wrong with a plan: columns out of range, types that disagree, leftovers of binding.
func checkNode(n plan.Node) error {
	for _, in := range n.Inputs() {
		if err := checkNode(in); err != nil {
			return err
		}
	}
	for _, k := range n.Schema().Key {
		if k < 0 || k >= len(n.Schema().Cols) {
			return fmt.Errorf("%T: key column %d of %d", n, k, len(n.Schema().Cols))
		}
	}
	switch n := n.(type) {
	case *plan.Scan:
		return checkScan(n)
	case *plan.Values:
		for _, r := range n.Rows {
			if err := checkColumns(r, nil, n.Sch.Cols); err != nil {
				return fmt.Errorf("values: %w", err)
			}
		}
	case *plan.Filter:
		return checkExpr(n.Cond, n.In.Schema().Cols, types.Bool)
	case *plan.Project:
		return checkColumns(n.Exprs, n.In.Schema().Cols, n.Sch.Cols)
	case *plan.Window:
		in := n.In.Schema().Cols
		want := types.Int8
		if n.StreamTime < 0 {
			want = n.Of
		} else if in[n.StreamTime].Type != want {
			return fmt.Errorf("window: stream time")
		}
		if len(n.Sch.Cols) != len(in)+2 || in[n.Time].Type.Base() != want {
			return fmt.Errorf("window: columns")
		}
	case *plan.Aggregate:
		return checkAggregate(n)
	case *plan.Join:
		return checkJoin(n)
	case *plan.Sort:
		for _, k := range n.By {
			if err := checkExpr(k.X, n.In.Schema().Cols, k.X.Type()); err != nil {
				return err
			}
		}
	case *plan.Union:
		for _, in := range n.Ins {
			for i, c := range in.Schema().Cols {
				if len(n.Sch.Cols) != len(in.Schema().Cols) || c.Type.Base() != n.Sch.Cols[i].Type.Base() {
					return fmt.Errorf("union: input has %s, want %s", schemaString(in.Schema()), schemaString(&n.Sch))
				}
			}
		}
	}
	return checkAppending(n)
}

// checkAppending checks the nodes that add columns to those of their input.
func checkAppending(n plan.Node) error {
	switch n := n.(type) {
	case *plan.Apply:
		both := append(append([]plan.Column(nil), n.In.Schema().Cols...), n.Query.Schema().Cols...)
		if n.On != nil {
			if err := checkExpr(n.On, both, types.Bool); err != nil {
				return err
			}
		}
		var test []plan.Column
		for _, x := range n.Left {
			test = append(test, plan.Column{Type: x.Type()})
		}
		if n.Test != nil {
			if err := checkExpr(n.Test, append(test, n.Query.Schema().Cols...), types.Bool); err != nil {
				return err
			}
		}
		for _, x := range append(append([]plan.Expr(nil), n.Args...), n.Left...) {
			if err := checkExpr(x, n.In.Schema().Cols, x.Type()); err != nil {
				return err
			}
		}
	case *plan.TableFunc, *plan.WindowAgg, *plan.GroupTop:
		var err error
		eachExpr(n, func(e plan.Expr) {
			if bad := checkExpr(e, n.Schema().Cols, e.Type()); bad != nil {
				err = bad
			}
		})
		return err
	case *plan.SetOp:
		for _, in := range n.Inputs() {
			if len(in.Schema().Cols) != len(n.Sch.Cols) {
				return fmt.Errorf("set operation: input has %s", schemaString(in.Schema()))
			}
		}
	}
	return nil
}

func checkScan(n *plan.Scan) error {
	for i, c := range n.Cols {
		if c >= len(n.Rel.Columns) || c < plan.Envelope || c >= 0 && n.Rel.Columns[c].Type != n.Sch.Cols[i].Type {
			return fmt.Errorf("scan: column %d", c)
		}
	}
	if len(n.Lookup) > len(n.By) || len(n.Sch.Cols) != len(n.Cols) {
		return fmt.Errorf("scan: %d columns, %d values of the key", len(n.Sch.Cols), len(n.Lookup))
	}
	return nil
}

func checkAggregate(n *plan.Aggregate) error {
	in := n.In.Schema().Cols
	width := len(n.Keys) + len(n.Aggs)
	if n.Sets != nil {
		width++
	}
	if len(n.Sch.Cols) != width {
		return fmt.Errorf("aggregate: %d columns for %d keys and %d aggregates", len(n.Sch.Cols), len(n.Keys), len(n.Aggs))
	}
	if err := checkColumns(n.Keys, in, n.Sch.Cols[:len(n.Keys)]); err != nil {
		return err
	}
	for i, a := range n.Aggs {
		if a.Type != n.Sch.Cols[len(n.Keys)+i].Type {
			return fmt.Errorf("aggregate: type of %s", a.Fn.Name)
		}
		for _, x := range append(append([]plan.Expr(nil), a.Args...), a.Filter) {
			if x != nil {
				if err := checkExpr(x, in, x.Type()); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func checkJoin(n *plan.Join) error {
	l, r := n.Left.Schema().Cols, n.Right.Schema().Cols
	width := len(l) + len(r)
	if n.Halves() {
		width = len(l)
	}
	if len(n.LeftKeys) != len(n.RightKeys) || len(n.Sch.Cols) != width {
		return fmt.Errorf("join: %d and %d keys, %d columns", len(n.LeftKeys), len(n.RightKeys), len(n.Sch.Cols))
	}
	for i := range n.LeftKeys {
		if err := checkExpr(n.LeftKeys[i], l, n.RightKeys[i].Type()); err != nil {
			return err
		}
		if err := checkExpr(n.RightKeys[i], r, n.LeftKeys[i].Type()); err != nil {
			return err
		}
	}
	if n.On == nil {
		return nil
	}
	return checkExpr(n.On, n.Sch.Cols, types.Bool)
}

func checkColumns(es []plan.Expr, in, out []plan.Column) error {
	if len(es) != len(out) {
		return fmt.Errorf("%d expressions for %d columns", len(es), len(out))
	}
	for i, e := range es {
		if err := checkExpr(e, in, out[i].Type); err != nil {
			return err
		}
	}
	return nil
}

func checkExpr(e plan.Expr, in []plan.Column, want types.Type) error {
	var err error
	visit(e, func(x plan.Expr) bool {
		switch c := x.(type) {
		case *plan.Col:
			if c.Index < 0 || c.Index >= len(in) {
				err = fmt.Errorf("%s: column %d of %d", ExprString(e, nil), c.Index, len(in))
			} else if c.Typ.Base() != in[c.Index].Type.Base() {
				err = fmt.Errorf("%s: column %s is %s, not %s", ExprString(e, nil), c.Name, in[c.Index].Type, c.Typ)
			}
		case *aggRef, *winRef, *srfRef, *groupingRef, *plan.Subquery:
			err = fmt.Errorf("%s: an aggregate without its node", ExprString(e, nil))
		case *plan.Const, *plan.Param, *plan.Cast:
			if x.Type() == types.Unknown {
				err = fmt.Errorf("%s: no type", ExprString(e, nil))
			}
		}
		return err == nil
	})
	if err == nil && e.Type().Base() != want.Base() {
		err = fmt.Errorf("%s is %s, want %s", ExprString(e, nil), e.Type(), want)
	}
	return err
}

// checkStatement plans a statement and checks the plan; a refusal must have a code of its own and a place in the text.
func checkStatement(ctx *Context, st ast.Stmt, length int) error {
	var q *plan.Query
	var err error
	switch st := st.(type) {
	case *ast.QueryStmt:
		q, err = Query(ctx, st.Q)
	case *ast.Create:
		if st.As == nil {
			_, err = Create(ctx, st)
		} else {
			q, _, err = CreateAs(ctx, st)
		}
	case *ast.CreateFunction:
		_, err = CreateFunction(ctx, st)
	case *ast.CreateType:
		_, err = CreateType(ctx, st)
	case *ast.Explain:
		if st.Stmt != nil {
			return checkStatement(ctx, st.Stmt, length)
		}
	case *ast.Insert:
		var p *InsertPlan
		if p, err = Insert(ctx, st); err == nil {
			q = p.Source
		}
	}
	if err != nil {
		if e := sqlerr.From(err); strings.HasPrefix(string(e.Code), "XX") || e.Offset > length {
			return fmt.Errorf("error %s at %d: %w", e.Code, e.Offset, err)
		}
		return nil
	}
	if q == nil {
		return nil
	}
	Explain(q)
	if q.Visible > len(q.Root.Schema().Cols) {
		return fmt.Errorf("%d of %d columns are visible", q.Visible, len(q.Root.Schema().Cols))
	}
	if err := checkOnce(q.Root, map[plan.Node]bool{}); err != nil {
		return err
	}
	return checkNode(q.Root)
}

// checkOnce checks that no node is in the tree twice, for passes change nodes in place.
func checkOnce(n plan.Node, seen map[plan.Node]bool) error {
	if seen[n] {
		return fmt.Errorf("a node is in the plan twice: %s", describe(n))
	}
	seen[n] = true
	for _, in := range n.Inputs() {
		if err := checkOnce(in, seen); err != nil {
			return err
		}
	}
	return nil
}

// goldenInputs are the statements of the golden files.
func goldenInputs(t testing.TB) []string {
	files, err := filepath.Glob("../testdata/plan/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	var inputs []string
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range strings.Split("\n"+string(text), "\n\n") {
			if in, _, ok := strings.Cut(c, "\n----"); ok {
				inputs = append(inputs, strings.TrimSpace(in))
			}
		}
	}
	return inputs
}

// TestPlansAreSound checks the plan of every golden statement.
func TestPlansAreSound(t *testing.T) {
	ctx := testContext(t)
	for _, in := range goldenInputs(t) {
		stmts, err := parse.Parse(in)
		if err != nil {
			continue
		}
		for _, st := range stmts {
			if err := checkStatement(ctx, st.Stmt, len(in)); err != nil {
				t.Errorf("%s\n%v", in, err)
			}
		}
	}
}

// FuzzPlan plans whatever parses: no panic, no internal error, no unsound plan.
func FuzzPlan(f *testing.F) {
	for _, in := range goldenInputs(f) {
		f.Add(in)
	}
	f.Add("CREATE FUNCTION g(a int, b text DEFAULT 'x') RETURNS TABLE (c int) LANGUAGE SQL AS 'SELECT $1 FROM flights'")
	f.Add("CREATE FUNCTION g(a int) RETURNS text STRICT LANGUAGE SQL RETURN a || repeat('x', $1)")
	f.Add("CREATE TYPE p AS STRUCT<a int, b map<text, array<int>>>; EXPLAIN SELECT 1")
	f.Add("DEFINE a = 'b'; SELECT ${a}, '${v}' FROM ${v} -- ${x}\n; /* ${y} */ SELECT $$${z}$$, ${q}")
	ctx := testContext(f)
	f.Fuzz(func(t *testing.T, in string) {
		stmts, err := parse.WithVariables(in, map[string]string{"v": "flights", "q": "'x' || \"y"})
		if err != nil {
			if e := sqlerr.From(err); strings.HasPrefix(string(e.Code), "XX") || e.Offset > len(in) {
				t.Errorf("error %s at %d: %v", e.Code, e.Offset, err)
			}
			return
		}
		for _, st := range stmts {
			if err := checkStatement(ctx, st.Stmt, len(in)); err != nil {
				t.Errorf("%v", err)
			}
		}
	})
}
