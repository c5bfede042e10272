package planner

import (
	"github.com/leatdb/leat/sql/ast"
)

// storedNames names the columns of a stream or table as ksqlDB does: in a join a name that both sides have gets that of
// its side before it, also in a push query; a field of a struct whose name is taken is name_1, name_2 …, and what has
// no name of its own, or one that is taken, is ksql_col_0, ksql_col_1 …
func (s *selection) storedNames() {
	if !s.b.keyed() && s.b.mode != modePush {
		return
	}
	joined := s.src.tables() > 1
	for i := range s.items {
		it := &s.items[i]
		ref, ok := it.e.(*ast.ColRef)
		if !joined || !ok || it.alias {
			continue
		}
		if table := s.src.clashing(ref.Name); table != "" {
			it.name = table + "_" + it.name
		}
	}
	if !s.b.keyed() {
		return
	}
	seen := map[string]int{}
	for _, it := range s.items {
		seen[it.name]++
	}
	s.fieldNames(seen)
	n := 0
	for i := range s.items {
		it := &s.items[i]
		_, isName := it.e.(*ast.ColRef)
		_, isField := it.e.(*ast.Field)
		if it.alias || it.e == nil || isName {
			continue
		}
		if it.name == nameless || seen[it.name] > 1 {
			name := ordinalName("ksql_col_", n)
			for ; seen[name] > 0; name = ordinalName("ksql_col_", n) {
				n++
			}
			seen[it.name]--
			it.name = name
			seen[name]++
		} else if isField {
			continue
		}
		n++
	}
}

// fieldNames numbers the fields of structs whose names are taken; seen counts the names there are.
func (s *selection) fieldNames(seen map[string]int) {
	first := map[string]bool{}
	for i := range s.items {
		it := &s.items[i]
		_, isField := it.e.(*ast.Field)
		if !isField || it.alias || seen[it.name] < 2 || !first[it.name] {
			first[it.name] = true
			continue
		}
		base, n := it.name+"_", 1
		for seen[ordinalName(base, n)] > 0 {
			n++
		}
		seen[it.name]--
		it.name = ordinalName(base, n)
		seen[it.name]++
	}
}

// tables counts the ranges of a source.
func (src *source) tables() int {
	seen := map[string]bool{}
	for i := range src.cols {
		if t := src.cols[i].table; t != "" {
			seen[t] = true
		}
	}
	return len(seen)
}

// clashing gives the range of a column whose name others have too; "" when it is the only one.
func (src *source) clashing(name []string) string {
	col := name[len(name)-1]
	table, n := "", 0
	for i := range src.cols {
		c := &src.cols[i]
		if c.name != col || c.table == "" {
			continue
		}
		n++
		if len(name) == 1 || c.table == name[len(name)-2] {
			table = c.table
		}
	}
	if n < 2 {
		return ""
	}
	return table
}
