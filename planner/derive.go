package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/types"
)

// maxKeys bounds how many keys of a node are followed; the first is the one the schema gets.
const maxKeys = 8

// grouping remembers of an Aggregate what its node does not say: how many of its keys the user grouped by (the rest
// depend on them), and whether the last two of those are the bounds of a window, either of which tells windows apart.
type grouping struct {
	given    int
	windowed bool
}

// derive sets the keys of n and everything below, and whether their rows only ever come. It returns the keys n has.
func (b *binder) derive(n plan.Node) [][]int {
	switch n := n.(type) {
	case *plan.Scan:
		return settle(&n.Sch, scanKeys(n), n.Rel.Kind == catalog.Stream)
	case *plan.Values:
		var keys [][]int
		if len(n.Rows) <= 1 {
			keys = [][]int{{}}
		}
		return settle(&n.Sch, keys, true)
	case *plan.Filter:
		return b.derive(n.In)
	case *plan.Project:
		keys := projectKeys(n, b.derive(n.In))
		return settle(&n.Sch, keys, n.In.Schema().AppendOnly)
	case *plan.Window:
		keys := b.derive(n.In)
		if n.Advance < n.Size || n.Kind == "SESSION" {
			keys = nil
		}
		return settle(&n.Sch, keys, n.In.Schema().AppendOnly && n.Kind != "SESSION")
	case *plan.Aggregate:
		b.derive(n.In)
		return settle(&n.Sch, b.groupKeys(n), false)
	case *plan.Join:
		l, r := b.derive(n.Left), b.derive(n.Right)
		return settle(&n.Sch, joinKeys(n, l, r), joinAppends(n))
	case *plan.Distinct:
		keys := b.derive(n.In)
		n.Sch.Cols = n.In.Schema().Cols
		if n.On != nil {
			if on, ok := columnsOf(n.On); ok {
				keys = append(keys, on)
			}
			return settle(&n.Sch, keys, false)
		}
		return settle(&n.Sch, append(keys, identity(len(n.Sch.Cols))), n.In.Schema().AppendOnly && oneForm(n.Sch.Cols))
	case *plan.Sort:
		keys := b.derive(n.In)
		n.Sch.Cols = n.In.Schema().Cols
		top := isLimited(n) && (len(n.By) > 0 || len(n.Per) > 0)
		return settle(&n.Sch, keys, n.In.Schema().AppendOnly && !top)
	case *plan.Union:
		grows := true
		for _, in := range n.Ins {
			b.derive(in)
			grows = grows && in.Schema().AppendOnly
		}
		return settle(&n.Sch, nil, grows)
	}
	return b.deriveMore(n)
}

// deriveMore is derive for the rest of the nodes.
func (b *binder) deriveMore(n plan.Node) [][]int {
	switch n := n.(type) {
	case *plan.Apply:
		keys := b.derive(n.In)
		b.derive(n.Query)
		switch n.Kind {
		case plan.ApplySemi, plan.ApplyAnti:
			return settle(&n.Sch, keys, false)
		case plan.ApplyRows, plan.ApplyLeft:
			return settle(&n.Sch, nil, n.Kind == plan.ApplyRows && n.In.Schema().AppendOnly && n.Query.Schema().AppendOnly)
		}
		return settle(&n.Sch, keys, n.In.Schema().AppendOnly && !scans(n.Query))
	case *plan.TableFunc:
		b.derive(n.In)
		return settle(&n.Sch, nil, n.In.Schema().AppendOnly)
	case *plan.WindowAgg:
		return settle(&n.Sch, b.derive(n.In), false)
	case *plan.SetOp:
		l, r := b.derive(n.Left), b.derive(n.Right)
		keys := l
		if !n.Except {
			keys = append(append([][]int(nil), l...), r...)
		}
		if !n.All {
			keys = append(keys, identity(len(n.Sch.Cols)))
		}
		grows := !n.Except && n.Left.Schema().AppendOnly && n.Right.Schema().AppendOnly
		return settle(&n.Sch, keys, grows && oneForm(n.Sch.Cols))
	case *plan.GroupTop:
		return b.groupTopKeys(n)
	case *plan.Recursive:
		b.derive(n.Base)
		b.derive(n.Step)
		return settle(&n.Sch, nil, false)
	case *plan.Final:
		return b.derive(n.In)
	case *plan.ClockFilter:
		return settle(&n.Sch, b.derive(n.In), !n.Above && n.In.Schema().AppendOnly)
	}
	return nil
}

// oneForm reports whether equal rows look the same, so that a row that stands for several never gives way to another.
func oneForm(cols []plan.Column) bool {
	for _, c := range cols {
		switch c.Type.Class() {
		case types.ClassBool, types.ClassInt, types.ClassFloat:
		case types.ClassBytes:
			if c.Type.Kind == types.KindChar || c.Type.Kind == types.KindJSONB {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// groupTopKeys are the keys of the input and, of numbered rows, what they are numbered by with their number.
func (b *binder) groupTopKeys(n *plan.GroupTop) [][]int {
	keys := b.derive(n.In)
	if by, ok := columnsOf(n.By); ok && n.Rank == plan.RowNumber && (n.Number || n.Limit == 1) {
		if n.Limit != 1 {
			by = append(by, len(n.Sch.Cols)-1)
		}
		keys = append(keys, by)
	}
	return settle(&n.Sch, keys, false)
}

// columnsOf returns the columns that expressions are; ok is false when one is more than a column.
func columnsOf(es []plan.Expr) (at []int, ok bool) {
	at = []int{}
	for _, x := range es {
		c, ok := x.(*plan.Col)
		if !ok {
			return nil, false
		}
		at = append(at, c.Index)
	}
	return at, true
}

// scans reports whether n reads a relation.
func scans(n plan.Node) bool {
	if _, ok := n.(*plan.Scan); ok {
		return true
	}
	for _, in := range n.Inputs() {
		if scans(in) {
			return true
		}
	}
	return false
}

// settle writes what was derived into a schema.
func settle(s *plan.Schema, keys [][]int, appendOnly bool) [][]int {
	if len(keys) > maxKeys {
		keys = keys[:maxKeys]
	}
	s.Key = nil
	if len(keys) > 0 {
		s.Key = keys[0]
	}
	s.AppendOnly = appendOnly
	return keys
}

// scanKeys gives the key of a table or view when all its columns are read.
func scanKeys(n *plan.Scan) [][]int {
	rel := n.Rel
	if rel.Kind != catalog.Table && rel.Kind != catalog.View || len(rel.Key) == 0 {
		return nil
	}
	var keys [][]int
	for _, want := range alternatives(rel.Key, rel.Windowed) {
		key := make([]int, 0, len(want))
		for _, k := range want {
			for i, c := range n.Cols {
				if c == k {
					key = append(key, i)
					break
				}
			}
		}
		if len(key) == len(want) {
			keys = append(keys, key)
		}
	}
	return keys
}

// alternatives are a key and, when its last two columns are the bounds of a window, the same with one of them only.
func alternatives(key []int, windowed bool) [][]int {
	n := len(key)
	if !windowed || n < 2 {
		return [][]int{key}
	}
	last := append(append([]int(nil), key[:n-2]...), key[n-1])
	return [][]int{key, key[: n-1 : n-1], last}
}

func (b *binder) groupKeys(n *plan.Aggregate) [][]int {
	if n.Global && n.Sets == nil {
		return [][]int{{}}
	}
	if n.Sets != nil {
		return [][]int{append(identity(len(n.Keys)), len(n.Sch.Cols)-1)}
	}
	g, ok := b.groups[n]
	if !ok {
		g.given = len(n.Keys)
	}
	return alternatives(identity(g.given), g.windowed)
}

// projectKeys finds the keys whose columns are all still there.
func projectKeys(n *plan.Project, keys [][]int) [][]int {
	var out [][]int
next:
	for _, key := range keys {
		there := make([]int, 0, len(key))
		for _, k := range key {
			at := -1
			for i, e := range n.Exprs {
				if call, ok := e.(*plan.Call); ok && call.Fn == millisToInstant {
					e = call.Args[0]
				}
				if c, ok := relabelled(e).(*plan.Col); ok && c.Index == k {
					at = i
					break
				}
			}
			if at < 0 {
				continue next
			}
			there = append(there, at)
		}
		out = append(out, there)
	}
	return out
}

// joinKeys combines the keys of a join's inputs. When one side's key is among the join keys, a row of the other side
// meets at most one row, and so keeps its own key.
func joinKeys(n *plan.Join, l, r [][]int) [][]int {
	if n.Halves() {
		return l
	}
	lw := len(n.Left.Schema().Cols)
	var out [][]int
	if n.Kind != plan.Full && covers(n.RightKeys, r) {
		out = append(out, l...)
	}
	if n.Kind == plan.Inner && covers(n.LeftKeys, l) {
		for _, key := range r {
			moved := make([]int, len(key))
			for i, k := range key {
				moved[i] = k + lw
			}
			out = append(out, moved)
		}
	}
	if len(out) > 0 {
		return out
	}
	if n.Kind == plan.Full {
		return nil
	}
	for _, lk := range l {
		for _, rk := range r {
			key := append([]int(nil), lk...)
			for _, k := range rk {
				key = append(key, k+lw)
			}
			out = append(out, key)
		}
	}
	return out
}

// covers reports whether the expressions hold all columns of one of the keys.
func covers(es []plan.Expr, keys [][]int) bool {
next:
	for _, key := range keys {
		for _, k := range key {
			found := false
			for _, e := range es {
				c, ok := relabelled(e).(*plan.Col)
				found = found || ok && c.Index == k
			}
			if !found {
				continue next
			}
		}
		return true
	}
	return false
}

// joinAppends reports whether a join's rows only ever come.
func joinAppends(n *plan.Join) bool {
	l, r := n.Left.Schema().AppendOnly, n.Right.Schema().AppendOnly
	if n.Within != nil {
		return l && r
	}
	return l && (n.Lookup || (n.Kind == plan.Inner || n.Kind == plan.Semi) && r)
}
