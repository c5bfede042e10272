package pgcatalog

import (
	"strings"

	"github.com/leatdb/leat/sql/catalog"
)

// The numbers of what every database has, as in PostgreSQL.
const (
	databaseID    = 5
	heapID        = 2
	btreeID       = 403
	tablespaceID  = 1663
	collationID   = 100
	classID       = 1259 // of pg_class
	typeID        = 1247
	procID        = 1255
	namespaceID   = 2615
	constraintsID = 2606
)

// kind is pg_class's relkind of a relation: streams and tables are tables.
func kind(rel *catalog.Relation) byte {
	switch rel.Kind {
	case catalog.View:
		return 'm'
	case catalog.PlainView:
		return 'v'
	case catalog.Sequence:
		return 'S'
	case catalog.System:
		if relations().views[rel.ID] {
			return 'v'
		}
	}
	return 'r'
}

// made lists the relations that users made and can read.
func (s *Source) made() []*catalog.Relation {
	var out []*catalog.Relation
	for _, r := range s.Catalog.Relations() {
		if r.Kind != catalog.Type && r.Kind != catalog.Insert {
			out = append(out, r)
		}
	}
	return out
}

// all lists the relations, those of the server itself first.
func (s *Source) all() []*catalog.Relation {
	var out []*catalog.Relation
	out = append(out, relations().all...)
	out = append(out, s.System...)
	return append(out, s.made()...)
}

func (s *Source) schemaID(name string) uint32 {
	id, _ := s.Catalog.SchemaID(name)
	return id
}

func (s *Source) roleID(name string) uint32 {
	id, _ := s.Catalog.RoleID(name)
	return id
}

// setting reads a setting of the session, or gives otherwise when there is none.
func (s *Source) setting(name, otherwise string) string {
	if s.Env != nil && s.Env.Setting != nil {
		if v := s.Env.Setting(name); v != "" {
			return v
		}
	}
	return otherwise
}

func (s *Source) database() string { return s.setting("leat.database", "leat") }

// user is the role whose privileges count.
func (s *Source) user() string { return s.setting("leat.user", catalog.Bootstrap) }

// may reports whether the user has a privilege on a relation, without which information_schema does not show it.
func (s *Source) may(rel *catalog.Relation) bool {
	if rel.Kind == catalog.System {
		return true
	}
	for _, p := range []catalog.Privilege{catalog.MaySelect, catalog.MayInsert, catalog.MayUpdate, catalog.MayDelete,
		catalog.MayUse} {
		if s.Catalog.Can(s.user(), rel, p) {
			return true
		}
	}
	return false
}

// schemas lists the names of the schemas.
func (s *Source) schemas() []string {
	names := []string{"pg_catalog", "information_schema", "leat_catalog", catalog.Public}
	for _, n := range s.Catalog.Schemas() {
		if n.Name != catalog.Public {
			names = append(names, n.Name)
		}
	}
	return names
}

// schemaOwner is the role that owns a schema.
func (s *Source) schemaOwner(name string) string {
	for _, n := range s.Catalog.Schemas() {
		if n.Name == name {
			return n.OwnedBy()
		}
	}
	return catalog.Bootstrap
}

// numbers are the positions of the columns of a key counted from 1.
func numbers(k catalog.Key) []int {
	ns := make([]int, len(k.Columns))
	for i, c := range k.Columns {
		ns[i] = c + 1
	}
	return ns
}

// query is the text of the query of a view, "" for anything else.
func query(rel *catalog.Relation) string {
	if rel.Kind != catalog.View && rel.Kind != catalog.PlainView || rel.Query == "" {
		return ""
	}
	return strings.TrimSuffix(strings.TrimSpace(rel.Query), ";") + ";"
}
