package pgcatalog

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"

	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/types"
)

// relationLines describes the relations, one a line: schema, name, number, kind (r for a table, v for a view) and the
// columns, each with its type and, where it is never NULL, an exclamation mark.
//
//go:embed relations.txt
var relationLines string

// listed are the relations, in the order of the list.
type listed struct {
	all    []*catalog.Relation
	byName map[string]*catalog.Relation
	byID   map[uint32]*catalog.Relation
	views  map[uint32]bool // those that PostgreSQL has as views
}

// relations reads the list, once and when something is first looked for in it.
var relations = sync.OnceValue(func() *listed {
	l := &listed{byName: map[string]*catalog.Relation{}, byID: map[uint32]*catalog.Relation{}, views: map[uint32]bool{}}
	for _, line := range strings.Split(strings.TrimSpace(relationLines), "\n") {
		f := strings.Split(line, "|")
		id, err := strconv.ParseUint(f[2], 10, 32)
		if len(f) != 5 || err != nil {
			panic("BUG: pgcatalog: " + line)
		}
		r := &catalog.Relation{ID: uint32(id), Schema: f[0], Name: f[1], Kind: catalog.System, TimeColumn: -1}
		for _, c := range strings.Split(f[4], ",") {
			name, spelled, _ := strings.Cut(c, " ")
			spelled, notNull := strings.CutSuffix(spelled, " !")
			t, ok := types.ByName(spelled)
			if !ok {
				panic("BUG: pgcatalog: type " + spelled)
			}
			r.Columns = append(r.Columns, catalog.Column{Name: name, Type: t, NotNull: notNull})
		}
		l.all = append(l.all, r)
		l.byName[r.Schema+"."+r.Name] = r
		l.byID[r.ID] = r
		l.views[r.ID] = f[3] == "v"
	}
	return l
})

// Relation finds a relation by name.
func Relation(schema, name string) (*catalog.Relation, bool) {
	if schema != "pg_catalog" && schema != "information_schema" {
		return nil, false
	}
	r, ok := relations().byName[schema+"."+name]
	return r, ok
}

// ByID finds a relation by its number.
func ByID(id uint32) (*catalog.Relation, bool) {
	r, ok := relations().byID[id]
	return r, ok
}
