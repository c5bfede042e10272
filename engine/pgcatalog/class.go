package pgcatalog

import (
	"slices"
	"strconv"
	"strings"

	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/types"
)

func namespaces(s *Source, t *table) {
	for _, name := range s.schemas() {
		t.add("oid", s.schemaID(name), "nspname", name, "nspowner", s.roleID(s.schemaOwner(name)))
	}
}

func classes(s *Source, t *table) {
	for _, rel := range s.all() {
		k, ks := kind(rel), rel.IndexKeys()
		am, tuples, identity := heapID, -1, byte('d')
		switch k {
		case 'v':
			am, tuples = 0, 0
		case 'S':
			am, tuples, identity = 0, 1, 'n'
		}
		rowType := uint32(0)
		if !rel.Computed() {
			rowType = rel.RowType()
		}
		t.add("oid", rel.ID, "reltype", rowType, "reloptions", options(s.Catalog, rel), "relname", rel.Name,
			"relnamespace", s.schemaID(rel.Schema),
			"relowner", s.roleID(rel.OwnedBy()), "relam", am,
			"reltuples", tuples, "relhasindex", len(ks) > 0, "relpersistence", persistence(rel), "relkind", k,
			"relnatts", len(rel.Columns), "relchecks", len(rel.Checks), "relhasrules", k == 'v' || k == 'm',
			"relhastriggers", s.Catalog.Linked(rel.ID),
			"relacl", s.acl(rel), "relispopulated", true, "relreplident", identity)
		for _, x := range ks {
			t.add("oid", x.ID, "relname", x.Name, "relnamespace", s.schemaID(rel.Schema), "relowner", s.roleID(rel.OwnedBy()),
				"relam", btreeID, "relpersistence", persistence(rel), "relkind", byte('i'), "relnatts", len(x.Columns),
				"relispopulated", true, "relreplident", byte('n'))
		}
	}
}

// persistence tells what lasts from what is temporary.
func persistence(rel *catalog.Relation) byte {
	if catalog.Temporary(rel.Schema) {
		return 't'
	}
	return 'p'
}

// options are the properties of a relation, as WITH takes them, and PostgreSQL's storage parameters that it was given.
func options(cat *catalog.Snapshot, rel *catalog.Relation) any {
	out := slices.Clone(rel.Options)
	if rel.Stored() {
		out = append(out, "kafka_topic="+rel.Topic, "partitions="+strconv.Itoa(rel.Partitions),
			"key_format="+strings.ToLower(rel.KeyFormat), "value_format="+strings.ToLower(rel.ValueFormat))
		if rel.Placement != "" {
			out = append(out, "placement="+rel.Placement)
		}
		if rel.TimeColumn >= 0 {
			out = append(out, "timestamp="+rel.Columns[rel.TimeColumn].Name)
		}
		if rel.RetentionMs > 0 {
			out = append(out, "retention_ms="+strconv.FormatInt(rel.RetentionMs, 10))
		}
		if rel.KeepMs > 0 {
			keep := types.Value{Type: types.IntervalType, Ivl: types.Interval{Micros: rel.KeepMs * 1000}}
			out = append(out, "retention="+keep.String())
		}
		if rel.RetentionBytes > 0 {
			out = append(out, "retention_bytes="+strconv.FormatInt(rel.RetentionBytes, 10))
		}
		if rel.OnError != (catalog.ErrorPolicy{}) {
			out = append(out, "on_error="+strings.ToLower(cat.PolicyText(rel.OnError)))
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// rulePart is the part of a view that is the rule PostgreSQL keeps its query in.
const rulePart = 1

func rules(s *Source, t *table) {
	for _, rel := range s.made() {
		if k := kind(rel); k == 'v' || k == 'm' {
			t.add("oid", rel.PartID(rulePart), "rulename", "_RETURN", "ev_class", rel.ID, "ev_type", byte('1'),
				"ev_enabled", byte('O'), "is_instead", true, "ev_qual", "<>", "ev_action", query(rel))
		}
	}
}

// acl writes the grants on a relation as PostgreSQL does; it is NULL where there are none.
func (s *Source) acl(rel *catalog.Relation) any {
	letters := []struct {
		can    catalog.Privilege
		letter string
	}{{catalog.MayInsert, "a"}, {catalog.MaySelect, "r"}, {catalog.MayUpdate, "w"}, {catalog.MayDelete, "d"},
		{catalog.MayTruncate, "D"}, {catalog.MayUse, "U"}}
	all := "arwdD"
	if rel.Kind == catalog.Sequence {
		all = "rwU"
	}
	items := []string{fn.QuoteIdent(rel.OwnedBy()) + "=" + all + "/" + fn.QuoteIdent(rel.OwnedBy())}
	for _, r := range s.Catalog.Roles() {
		can, pass := r.Allows(catalog.Grant{On: catalog.OnRelation, ID: rel.ID})
		item := ""
		for _, l := range letters {
			if can&l.can != 0 {
				item += l.letter
			}
			if pass&l.can != 0 {
				item += "*"
			}
		}
		if item == "" {
			continue
		}
		name := fn.QuoteIdent(r.Name)
		if r.Name == catalog.Everybody {
			name = ""
		}
		items = append(items, name+"="+item+"/"+fn.QuoteIdent(rel.OwnedBy()))
	}
	if len(items) == 1 {
		return nil
	}
	return items
}

func attributes(s *Source, t *table) {
	for _, rel := range s.all() {
		for i, c := range rel.Columns {
			identity := map[string]string{"ALWAYS": "a", "BY DEFAULT": "d"}[c.Identity]
			hasDefault := (c.Default != "" || c.Generated != "") && identity == ""
			attribute(t, rel.ID, i+1, c, notNull(rel, i), hasDefault, identity)
		}
		for _, k := range rel.IndexKeys() {
			for i := range k.Columns {
				attribute(t, k.ID, i+1, k.Column(i), false, false, "")
			}
		}
	}
}

// attribute adds the row of one column of a relation or an index.
func attribute(t *table, of uint32, number int, c catalog.Column, notNull, hasDefault bool, identity string) {
	d, oid, mod := lineOf(c.Type), c.Type.OID(), int(modifier(c.Type))
	if c.Domain != 0 {
		oid, mod = c.Domain, -1
	}
	generated := ""
	if c.Generated != "" {
		generated = "s"
	}
	t.add("attrelid", of, "attname", c.Name, "atttypid", oid, "attstattarget", -1, "attlen", d.int("typlen"),
		"attnum", number, "attndims", dimensions(c.Type), "attcacheoff", -1, "atttypmod", mod,
		"attbyval", d["typbyval"] == "t", "attalign", d["typalign"], "attstorage", d["typstorage"], "attnotnull", notNull,
		"atthasdef", hasDefault, "attidentity", identity,
		"attgenerated", generated, "attislocal", true, "attcollation", d.int("typcollation"))
}

// modifier is the type modifier of a column, which for an array is that of the elements.
func modifier(t types.Type) int32 {
	for t.Kind == types.KindArray {
		t = t.Elem()
	}
	return t.PgMod()
}

// notNull reports whether a column is never NULL: the key of a table is not either.
func notNull(rel *catalog.Relation, i int) bool {
	return rel.Columns[i].NotNull || rel.Kind == catalog.Table && rel.IsKey(i)
}

func defaults(s *Source, t *table) {
	for _, rel := range s.made() {
		for i, c := range rel.Columns {
			if def := c.ShownDefault() + c.Generated; def != "" && c.Identity == "" {
				t.add("oid", rel.PartID(i+1), "adrelid", rel.ID, "adnum", i+1, "adbin", def)
			}
		}
	}
}

// expressions is the text of what an index has in place of columns, NULL for nothing.
func expressions(k catalog.Key) any {
	var out []string
	for i, at := range k.Columns {
		if at < 0 {
			out = append(out, k.Exprs[i].Text)
		}
	}
	return text(strings.Join(out, ", "))
}

func indexes(s *Source, t *table) {
	for _, rel := range s.made() {
		for _, k := range rel.IndexKeys() {
			collations, classes, options := make([]int, len(k.Columns)), make([]int, len(k.Columns)), make([]int, len(k.Columns))
			for i := range k.Columns {
				collations[i] = typeByID()[k.Column(i).Type.OID()].int("typcollation")
			}
			all := k
			all.Columns = slices.Concat(k.Columns, k.Include)
			t.add("indexrelid", k.ID, "indrelid", rel.ID, "indnatts", len(all.Columns), "indnkeyatts", len(k.Columns),
				"indisunique", k.Unique, "indisprimary", k.Primary, "indimmediate", true, "indisvalid", true, "indisready", true,
				"indislive", true, "indkey", numbers(all), "indcollation", collations, "indclass", classes, "indoption", options,
				"indexprs", expressions(k), "indpred", text(k.Where))
		}
	}
}

func constraints(s *Source, t *table) {
	s.domainChecks(t)
	for _, rel := range s.made() {
		for _, k := range rel.Keys() {
			contype := byte('u')
			if k.Primary {
				contype = 'p'
			}
			t.add("oid", k.ID, "conname", k.Name, "connamespace", s.schemaID(rel.Schema), "contype", contype,
				"convalidated", true, "conrelid", rel.ID, "conindid", k.ID, "confupdtype", " ", "confdeltype", " ",
				"confmatchtype", " ", "conislocal", true, "connoinherit", true, "conkey", numbers(k))
		}
		s.foreignKeys(t, rel)
		for i, c := range rel.Checks {
			t.add("oid", rel.CheckID(i), "conname", c.Name, "connamespace", s.schemaID(rel.Schema), "contype", byte('c'),
				"convalidated", true, "conrelid", rel.ID, "confupdtype", " ", "confdeltype", " ", "confmatchtype", " ",
				"conislocal", true, "conbin", c.Text)
		}
	}
}

// domainChecks are the constraints of domains.
func (s *Source) domainChecks(t *table) {
	for _, rel := range s.domains() {
		for i, c := range rel.Domain.Checks {
			t.add("oid", rel.CheckID(i), "conname", c.Name, "connamespace", s.schemaID(rel.Schema), "contype", byte('c'),
				"convalidated", true, "contypid", rel.ID, "confupdtype", " ", "confdeltype", " ", "confmatchtype", " ",
				"conislocal", true, "conbin", c.Text)
		}
	}
}

func descriptions(s *Source, t *table) {
	add := func(id, class uint32, column int, comment string) {
		if comment != "" {
			t.add("objoid", id, "classoid", class, "objsubid", column, "description", comment)
		}
	}
	add(catalog.PublicSchemaID, namespaceID, 0, "standard public schema")
	for _, n := range s.Catalog.Schemas() {
		add(s.schemaID(n.Name), namespaceID, 0, n.Comment)
	}
	for _, rel := range s.made() {
		add(rel.ID, classID, 0, rel.Comment)
		for i, c := range rel.Columns {
			add(rel.ID, classID, i+1, c.Comment)
		}
	}
	for _, rel := range s.Catalog.Relations() {
		if rel.Kind == catalog.Type {
			add(rel.ID, typeID, 0, rel.Comment)
		}
	}
	for _, f := range s.Catalog.AllFunctions() {
		add(f.ID, procID, 0, f.Comment)
	}
}

func tables(s *Source, t *table) {
	for _, rel := range s.all() {
		if kind(rel) == 'r' {
			t.add("schemaname", rel.Schema, "tablename", rel.Name, "tableowner", rel.OwnedBy(), "hasindexes",
				len(rel.IndexKeys()) > 0, "hasrules", false, "hastriggers", false, "rowsecurity", false)
		}
	}
}

func views(s *Source, t *table) {
	for _, rel := range s.all() {
		if kind(rel) == 'v' {
			t.add("schemaname", rel.Schema, "viewname", rel.Name, "viewowner", rel.OwnedBy(), "definition", text(query(rel)))
		}
	}
}

func materializedViews(s *Source, t *table) {
	for _, rel := range s.made() {
		if kind(rel) == 'm' {
			t.add("schemaname", rel.Schema, "matviewname", rel.Name, "matviewowner", rel.OwnedBy(), "hasindexes",
				len(rel.IndexKeys()) > 0, "ispopulated", true, "definition", text(query(rel)))
		}
	}
}

func indexDefinitions(s *Source, t *table) {
	for _, rel := range s.made() {
		for _, k := range rel.IndexKeys() {
			t.add("schemaname", rel.Schema, "tablename", rel.Name, "indexname", k.Name, "indexdef", planner.IndexDefinition(k))
		}
	}
}
