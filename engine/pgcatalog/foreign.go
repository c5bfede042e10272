package pgcatalog

import (
	"github.com/leatdb/leat/sql/catalog"
)

// eachForeign calls f for every foreign key, with what it refers to: a table and the number and name of its key.
func (s *Source) eachForeign(rel *catalog.Relation, f func(i int, k *catalog.Foreign, of *catalog.Relation,
	key catalog.Key)) {
	for i := range rel.Foreign {
		k := &rel.Foreign[i]
		of, ok := s.Catalog.ByID(k.Table)
		if !ok {
			continue
		}
		constraint, _, ok := k.KeyOf(of)
		if !ok {
			continue
		}
		keys := of.Keys()
		if len(of.Key) > 0 {
			constraint++
		}
		f(i, k, of, keys[min(constraint, len(keys)-1)])
	}
}

// actions are what pg_constraint calls the actions of foreign keys.
var actions = map[string]byte{"": 'a', "RESTRICT": 'r', "CASCADE": 'c', "SET NULL": 'n', "SET DEFAULT": 'd'}

// foreignKeys adds the foreign keys of a relation to pg_constraint.
func (s *Source) foreignKeys(t *table, rel *catalog.Relation) {
	s.eachForeign(rel, func(i int, f *catalog.Foreign, of *catalog.Relation, key catalog.Key) {
		match := byte('s')
		if f.Full {
			match = 'f'
		}
		var clear any
		if f.Clear != nil {
			clear = fromOne(f.Clear)
		}
		var refs []int
		for _, name := range f.Refs {
			refs = append(refs, of.ColumnIndex(name))
		}
		t.add("oid", rel.ForeignID(i), "conname", f.Name, "connamespace", s.schemaID(rel.Schema), "contype", byte('f'),
			"condeferrable", f.Deferrable, "condeferred", f.Deferred, "convalidated", !f.NotValid, "conrelid", rel.ID,
			"conindid", key.ID, "confrelid", of.ID, "confupdtype", actions[f.OnUpdate], "confdeltype", actions[f.OnDelete],
			"confmatchtype", match, "conislocal", true, "connoinherit", true, "conkey", fromOne(f.Columns),
			"confkey", fromOne(refs), "confdelsetcols", clear)
	})
}

// fromOne are positions counted from 1.
func fromOne(positions []int) []int {
	out := make([]int, len(positions))
	for i, p := range positions {
		out[i] = p + 1
	}
	return out
}

func infoReferences(s *Source, t *table) {
	rule := func(action string) string {
		if action == "" {
			return "NO ACTION"
		}
		return action
	}
	for _, rel := range s.made() {
		if !s.may(rel) {
			continue
		}
		s.eachForeign(rel, func(_ int, f *catalog.Foreign, of *catalog.Relation, key catalog.Key) {
			match := "NONE"
			if f.Full {
				match = "FULL"
			}
			t.add("constraint_catalog", s.database(), "constraint_schema", rel.Schema, "constraint_name", f.Name,
				"unique_constraint_catalog", s.database(), "unique_constraint_schema", of.Schema,
				"unique_constraint_name", key.Name, "match_option", match, "update_rule", rule(f.OnUpdate),
				"delete_rule", rule(f.OnDelete))
		})
	}
}

// infoForeignColumns adds the columns of foreign keys to key_column_usage.
func (s *Source) infoForeignColumns(t *table) {
	for _, rel := range s.made() {
		if !s.may(rel) {
			continue
		}
		s.eachForeign(rel, func(_ int, f *catalog.Foreign, of *catalog.Relation, key catalog.Key) {
			for i, pos := range f.Columns {
				at := 0
				for k, c := range key.Columns {
					if of.Columns[c].Name == f.Refs[i] {
						at = k + 1
					}
				}
				t.add("constraint_catalog", s.database(), "constraint_schema", rel.Schema, "constraint_name", f.Name,
					"table_catalog", s.database(), "table_schema", rel.Schema, "table_name", rel.Name,
					"column_name", rel.Columns[pos].Name, "ordinal_position", i+1, "position_in_unique_constraint", at)
			}
		})
	}
}

// infoReferred adds the columns that foreign keys refer to, to constraint_column_usage.
func (s *Source) infoReferred(t *table) {
	for _, rel := range s.made() {
		s.eachForeign(rel, func(_ int, f *catalog.Foreign, of *catalog.Relation, _ catalog.Key) {
			if !s.Catalog.Has(s.user(), of.OwnedBy()) {
				return
			}
			for _, name := range f.Refs {
				t.add("table_catalog", s.database(), "table_schema", of.Schema, "table_name", of.Name, "column_name", name,
					"constraint_catalog", s.database(), "constraint_schema", rel.Schema, "constraint_name", f.Name)
			}
		})
	}
}
