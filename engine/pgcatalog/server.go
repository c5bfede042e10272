package pgcatalog

import (
	"github.com/leatdb/leat/sql/catalog"
)

// connections is the highest number of connections, where none is set.
const noLimit = -1

// encodingUTF8 is PostgreSQL's number of UTF-8.
const encodingUTF8 = 6

func databases(s *Source, t *table) {
	t.add("oid", databaseID, "datname", s.database(), "datdba", catalog.BootstrapID, "encoding", encodingUTF8,
		"datlocprovider", byte('c'), "datallowconn", true, "datconnlimit", noLimit, "dattablespace", tablespaceID,
		"datcollate", "C", "datctype", "C")
}

func roles(s *Source, t *table) {
	for _, r := range s.Catalog.Roles() {
		if r.Name != catalog.Everybody {
			t.add("rolname", r.Name, "rolsuper", r.Superuser, "rolinherit", true, "rolcreaterole", r.Superuser,
				"rolcreatedb", r.Superuser, "rolcanlogin", r.Login, "rolreplication", false, "rolconnlimit", noLimit,
				"rolpassword", "********", "rolbypassrls", r.Superuser, "oid", s.roleID(r.Name))
		}
	}
}

// authIDs are the roles with what only PostgreSQL's superusers may see: passwords, of which nothing is shown here.
func authIDs(s *Source, t *table) {
	for _, r := range s.Catalog.Roles() {
		if r.Name != catalog.Everybody {
			t.add("oid", s.roleID(r.Name), "rolname", r.Name, "rolsuper", r.Superuser, "rolinherit", true,
				"rolcreaterole", r.Superuser, "rolcreatedb", r.Superuser, "rolcanlogin", r.Login, "rolreplication", false,
				"rolbypassrls", r.Superuser, "rolconnlimit", noLimit)
		}
	}
}

func shadow(s *Source, t *table) {
	for _, r := range s.Catalog.Roles() {
		if r.Login {
			t.add("usename", r.Name, "usesysid", s.roleID(r.Name), "usecreatedb", r.Superuser, "usesuper", r.Superuser,
				"userepl", false, "usebypassrls", r.Superuser)
		}
	}
}

func users(s *Source, t *table) {
	for _, r := range s.Catalog.Roles() {
		if r.Login {
			t.add("usename", r.Name, "usesysid", s.roleID(r.Name), "usecreatedb", r.Superuser, "usesuper", r.Superuser,
				"userepl", false, "usebypassrls", r.Superuser, "passwd", "********")
		}
	}
}

func groups(s *Source, t *table) {
	for _, r := range s.Catalog.Roles() {
		if r.Login || r.Name == catalog.Everybody {
			continue
		}
		members := []int{}
		for _, m := range s.Catalog.Roles() {
			for _, of := range m.MemberOf {
				if of == r.Name {
					members = append(members, int(s.roleID(m.Name)))
				}
			}
		}
		t.add("groname", r.Name, "grosysid", s.roleID(r.Name), "grolist", members)
	}
}

func members(s *Source, t *table) {
	for _, r := range s.Catalog.Roles() {
		for _, of := range r.MemberOf {
			t.add("roleid", s.roleID(of), "member", s.roleID(r.Name), "grantor", catalog.BootstrapID)
		}
	}
}

func accessMethods(_ *Source, t *table) {
	t.add("oid", heapID, "amname", "heap", "amtype", byte('t'))
	t.add("oid", btreeID, "amname", "btree", "amtype", byte('i'))
}

func languages(_ *Source, t *table) {
	t.add("oid", internalID, "lanname", "internal", "lanowner", catalog.BootstrapID)
	t.add("oid", sqlID, "lanname", "sql", "lanowner", catalog.BootstrapID, "lanpltrusted", true)
}

func collations(_ *Source, t *table) {
	t.add("oid", collationID, "collname", "default", "collnamespace", catalog.SystemSchemaID,
		"collowner", catalog.BootstrapID, "collprovider", byte('d'), "collisdeterministic", true, "collencoding", -1)
	t.add("oid", 950, "collname", "C", "collnamespace", catalog.SystemSchemaID, "collowner", catalog.BootstrapID,
		"collprovider", byte('c'), "collisdeterministic", true, "collencoding", -1, "collcollate", "C", "collctype", "C")
}

func tablespaces(_ *Source, t *table) {
	t.add("oid", tablespaceID, "spcname", "pg_default", "spcowner", catalog.BootstrapID)
	t.add("oid", tablespaceID+1, "spcname", "pg_global", "spcowner", catalog.BootstrapID)
}

func settings(s *Source, t *table) {
	if s.Env == nil || s.Env.Settings == nil {
		return
	}
	for _, d := range s.Env.Settings() {
		var words any
		if len(d.Words) > 0 {
			words = d.Words
		}
		t.add("name", d.Name, "setting", d.Value, "unit", text(d.Unit), "category", d.Group(),
			"min_val", text(d.Lowest), "max_val", text(d.Highest), "short_desc", d.Doc,
			"context", d.Context(), "vartype", d.Kind, "enumvals", words, "source", d.Source(), "boot_val", d.Initial,
			"reset_val", d.Initial, "pending_restart", false)
	}
}

// cursors lists the cursors of the session that asks.
func cursors(s *Source, t *table) {
	if s.Env == nil || s.Env.Cursors == nil {
		return
	}
	for _, c := range s.Env.Cursors() {
		t.add("name", c.Name, "statement", c.Statement, "is_holdable", c.Hold, "is_binary", c.Binary,
			"is_scrollable", c.Scroll, "creation_time", c.Made.UnixMicro())
	}
}
