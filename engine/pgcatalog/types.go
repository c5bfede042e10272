package pgcatalog

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/types"
)

// typeLines are the types that Leat has, and those that PostgreSQL's catalog is made of, one a line, with the columns
// of pg_type that typeColumns names.
//
//go:embed types.txt
var typeLines string

var typeColumns = []string{"oid", "typname", "typlen", "typbyval", "typtype", "typcategory", "typispreferred",
	"typdelim", "typsubscript", "typelem", "typarray", "typinput", "typoutput", "typreceive", "typsend", "typmodin",
	"typmodout", "typanalyze", "typalign", "typstorage", "typcollation"}

// typeLine is a row of pg_type, as text, by column.
type typeLine map[string]string

func (l typeLine) int(column string) int {
	n, _ := strconv.Atoi(l[column])
	return n
}

var typeList = sync.OnceValue(func() []typeLine {
	var out []typeLine
	for _, line := range strings.Split(strings.TrimSpace(typeLines), "\n") {
		l := typeLine{}
		for i, v := range strings.Split(line, "\t") {
			l[typeColumns[i]] = v
		}
		out = append(out, l)
	}
	return out
})

var typeByID = sync.OnceValue(func() map[uint32]typeLine {
	m := map[uint32]typeLine{}
	for _, l := range typeList() {
		m[uint32(l.int("oid"))] = l
	}
	return m
})

func typeRows(s *Source, t *table) {
	for _, l := range typeList() {
		t.add(l.row("typnamespace", catalog.SystemSchemaID, "typowner", catalog.BootstrapID, "typisdefined", true)...)
	}
	s.rowTypes(t)
	for _, rel := range s.Catalog.Relations() {
		if rel.Kind != catalog.Type {
			continue
		}
		of := rel.Columns[0].Type
		if rel.IsEnum() {
			s.enumType(t, rel)
			continue
		}
		base := of.OID()
		if rel.Columns[0].Domain != 0 {
			base = rel.Columns[0].Domain
		}
		asks := rel.Domain
		if asks == nil {
			asks = &catalog.Domain{}
		}
		l := lineOf(of).with("oid", rel.ID, "typname", rel.Name, "typtype", "d", "typarray", 0, "typelem", 0,
			"typsubscript", 0, "typispreferred", "f")
		t.add(l.row("typnamespace", s.schemaID(rel.Schema), "typowner", s.roleID(rel.OwnedBy()), "typisdefined", true,
			"typbasetype", base, "typtypmod", int(modifier(of)), "typnotnull", asks.NotNull, "typdefault", text(asks.Default),
			"typndims", dimensions(of))...)
	}
}

// lineOf is the row of a type, where an enum, or an array of one, has that of what is like it.
func lineOf(t types.Type) typeLine {
	switch {
	case t.Kind == types.KindEnum:
		return typeByID()[anyEnumID].with("typtype", "e", "typcategory", "E")
	case t.Kind == types.KindArray && t.Elem().Kind == types.KindEnum:
		return typeByID()[textArrayID].with("typcollation", 0)
	}
	return typeByID()[t.OID()]
}

// dimensions counts how deep arrays are.
func dimensions(t types.Type) (n int) {
	for ; t.Kind == types.KindArray && !t.IsVector(); t = t.Elem() {
		n++
	}
	return n
}

// domains lists the types of CREATE DOMAIN.
func (s *Source) domains() (out []*catalog.Relation) {
	for _, rel := range s.Catalog.Relations() {
		if rel.Domain != nil {
			out = append(out, rel)
		}
	}
	return out
}

// domain is the domain of a column, nil where it has none.
func (s *Source) domain(c catalog.Column) *catalog.Relation {
	d, ok := s.Catalog.ByID(c.Domain)
	if !ok || c.Domain == 0 {
		return nil
	}
	return d
}

// The numbers of anyenum, whose row in pg_type enums have in most, and of anyarray's.
const (
	anyEnumID    = 3500
	textArrayID  = 1009
	enumIn       = 3506
	enumOut      = 3507
	enumReceive  = 3532
	enumSend     = 3533
	elementAlign = "i"
)

// enumType adds an enum, and the type of arrays of it.
func (s *Source) enumType(t *table, rel *catalog.Relation) {
	common := []any{"typnamespace", s.schemaID(rel.Schema), "typowner", s.roleID(rel.OwnedBy()), "typisdefined", true}
	t.add(typeByID()[anyEnumID].with("oid", rel.ID, "typname", rel.Name, "typtype", "e", "typcategory", "E",
		"typarray", rel.RowArray(), "typinput", enumIn, "typoutput", enumOut, "typreceive", enumReceive,
		"typsend", enumSend).row(common...)...)
	t.add(typeByID()[textArrayID].with("oid", rel.RowArray(), "typname", "_"+rel.Name, "typelem", rel.ID,
		"typcollation", 0, "typalign", elementAlign).row(common...)...)
}

// enumRows are the labels of enums.
func enumRows(s *Source, t *table) {
	for _, rel := range s.Catalog.Relations() {
		for i, l := range rel.Labels {
			t.add("oid", rel.LabelID(l), "enumtypid", rel.ID, "enumsortorder", i+1, "enumlabel", l.Label)
		}
	}
}

// rowTypes adds the types of the rows of relations, and of arrays of them.
func (s *Source) rowTypes(t *table) {
	for _, rel := range s.made() {
		if rel.Computed() {
			continue
		}
		common := []any{"typnamespace", s.schemaID(rel.Schema), "typowner", s.roleID(rel.OwnedBy()), "typisdefined", true}
		record, array := typeByID()[recordID], typeByID()[recordArrayID]
		t.add(record.with("oid", rel.RowType(), "typname", rel.Name, "typtype", "c", "typcategory", "C",
			"typarray", rel.RowArray()).row(append(common, "typrelid", rel.ID)...)...)
		t.add(array.with("oid", rel.RowArray(), "typname", "_"+rel.Name, "typtype", "b", "typcategory", "A",
			"typelem", rel.RowType()).row(common...)...)
	}
}

// The numbers of the types record and record[].
const (
	recordID      = 2249
	recordArrayID = 2287
)

// with returns the line with other values in some columns.
func (l typeLine) with(pairs ...any) typeLine {
	out := typeLine{}
	for name, v := range l {
		out[name] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i].(string)] = fmt.Sprint(pairs[i+1])
	}
	return out
}

// row gives the values of a line, after more.
func (l typeLine) row(more ...any) []any {
	hasMod := false
	for _, v := range more {
		hasMod = hasMod || v == "typtypmod"
	}
	if !hasMod {
		more = append(more, "typtypmod", -1)
	}
	for i, name := range typeColumns {
		switch v := l[name]; {
		case name == "typbyval" || name == "typispreferred":
			more = append(more, name, v == "t")
		case i == 0 || name == "typlen" || name == "typelem" || name == "typarray" || name == "typcollation",
			strings.HasPrefix(name, "typsub"), strings.HasPrefix(name, "typmod"), strings.HasSuffix(name, "put"),
			name == "typreceive", name == "typsend", name == "typanalyze":
			more = append(more, name, l.int(name))
		default:
			more = append(more, name, v)
		}
	}
	return more
}
