package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// The settings that guard a server against pull queries that cost much. ksqlDB has them under these names.
const (
	settingTableScan = "ksql.query.pull.table.scan.enabled"
	settingRangeScan = "ksql.query.pull.range.scan.enabled"
	settingPullLimit = "ksql.query.pull.limit.clause.enabled"
)

// guarded refuses a pull query that reads more of a table than the session allows.
func (b *binder) guarded(root plan.Node, q *ast.Query) error {
	if b.mode != modePull || q == nil {
		return nil
	}
	if q.Limit != nil && off(b.env.Setting(settingPullLimit)) {
		return sqlerr.At(q.Limit.Pos(), sqlerr.FeatureNotSupported, "LIMIT is switched off for queries that are run once").
			WithHint("SET \"%s\" = 'true' allows it.", settingPullLimit)
	}
	if !off(b.env.Setting(settingTableScan)) {
		return nil
	}
	return b.scans(root, nil, q.Pos())
}

// scans checks the scans below n, whose rows are those for which all of conds are true.
func (b *binder) scans(n plan.Node, conds []plan.Expr, pos int) error {
	switch n := n.(type) {
	case *plan.Filter:
		return b.scans(n.In, conjuncts(n.Cond, conds), pos)
	case *plan.Scan:
		if n.Rel.Kind != catalog.Table && n.Rel.Kind != catalog.View || len(n.Lookup) >= plainWidth(n.Rel) ||
			b.narrow(n, conds) {
			return nil
		}
		return sqlerr.At(pos, sqlerr.FeatureNotSupported, "the query reads all of \"%s\", which is switched off", n.Rel.Name).
			WithHint("Compare every key column with a value, or SET \"%s\" = 'true'.", settingTableScan)
	}
	for _, in := range n.Inputs() {
		if err := b.scans(in, nil, pos); err != nil {
			return err
		}
	}
	return nil
}

// plainWidth is the number of key columns that are no bounds of a window.
func plainWidth(rel *catalog.Relation) int {
	if n := len(rel.Key); rel.Windowed && n > 2 {
		return n - 2
	}
	return len(rel.Key)
}

// narrow reports whether conds ask for rows by the whole key, or for one range of a key of one column.
func (b *binder) narrow(scan *plan.Scan, conds []plan.Expr) bool {
	key := scan.Rel.Key[:plainWidth(scan.Rel)]
	for _, c := range conds {
		if or, ok := c.(*plan.Or); ok && b.eachNarrow(scan, or.Args) {
			return true
		}
	}
	fixed, ranges := 0, 0
	for _, k := range key {
		found := false
		for _, c := range conds {
			switch compares(c, scan, k) {
			case "=":
				found = true
			case "<":
				ranges++
			}
		}
		if found {
			fixed++
		}
	}
	if len(key) > 0 && fixed == len(key) {
		return true
	}
	return len(key) == 1 && ranges == 1 && !off(b.env.Setting(settingRangeScan))
}

// eachNarrow reports whether every branch of an OR asks for rows by their key.
func (b *binder) eachNarrow(scan *plan.Scan, branches []plan.Expr) bool {
	for _, x := range branches {
		conds := conjuncts(x, nil)
		for _, c := range conds {
			for _, k := range scan.Rel.Key[:plainWidth(scan.Rel)] {
				if compares(c, scan, k) == "<" {
					return false
				}
			}
		}
		if !b.narrow(scan, conds) {
			return false
		}
	}
	return true
}

// compares tells how a condition compares column k of the relation with a constant: "=" for one value or a list, "<"
// for a range, "" for anything else.
func compares(c plan.Expr, scan *plan.Scan, k int) string {
	is := func(x plan.Expr) bool {
		col, ok := relabelled(x).(*plan.Col)
		return ok && scan.Cols[col.Index] == k
	}
	switch c := c.(type) {
	case *plan.In:
		if is(c.X) && !c.Not {
			return "="
		}
	case *plan.Call:
		if len(c.Args) != 2 || !(is(c.Args[0]) && constant(c.Args[1]) || is(c.Args[1]) && constant(c.Args[0])) {
			return ""
		}
		switch c.Fn.Name {
		case "=":
			return "="
		case "<", "<=", ">", ">=":
			return "<"
		}
	}
	return ""
}
