package pgcatalog

import (
	"fmt"
	"strconv"

	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/types"
)

// shown lists the relations that information_schema shows: those on which the user may do something. Materialized views
// are among them, which PostgreSQL leaves out, as tools that read nothing else would not find them.
func (s *Source) shown() []*catalog.Relation {
	var out []*catalog.Relation
	for _, rel := range s.all() {
		theirs := !catalog.Temporary(rel.Schema) || rel.Schema == s.setting("leat.temp", "")
		if rel.Kind != catalog.Sequence && theirs && s.may(rel) {
			out = append(out, rel)
		}
	}
	return out
}

// writable reports whether an INSERT of a client may name the relation.
func writable(rel *catalog.Relation) bool {
	return (rel.Kind == catalog.Stream || rel.Kind == catalog.Table) && rel.Query == "" && !rel.ReadOnly
}

func infoTables(s *Source, t *table) {
	for _, rel := range s.shown() {
		what := "BASE TABLE"
		switch {
		case kind(rel) != 'r':
			what = "VIEW"
		case catalog.Temporary(rel.Schema):
			what = "LOCAL TEMPORARY"
		}
		t.add("table_catalog", s.database(), "table_schema", rel.Schema, "table_name", rel.Name, "table_type", what,
			"is_insertable_into", yes(writable(rel)), "is_typed", "NO")
	}
}

func infoColumns(s *Source, t *table) {
	for _, rel := range s.shown() {
		for i, c := range rel.Columns {
			var def any
			if c.Identity == "" {
				def = text(c.ShownDefault())
			}
			generated := "NEVER"
			if c.Generated != "" {
				generated = "ALWAYS"
			}
			row := []any{"table_catalog", s.database(), "table_schema", rel.Schema, "table_name", rel.Name,
				"column_name", c.Name, "ordinal_position", i + 1, "column_default", def, "is_nullable", yes(!notNull(rel, i)),
				"udt_catalog", s.database(), "udt_schema", udtSchema(c.Type), "udt_name", udtName(c.Type),
				"dtd_identifier", strconv.Itoa(i + 1), "is_self_referencing", "NO", "is_identity", yes(c.Identity != ""),
				"identity_generation", text(c.Identity), "identity_cycle", "NO", "is_generated", generated,
				"generation_expression", text(c.Generated),
				"is_updatable", yes(writable(rel) && rel.Kind == catalog.Table)}
			if d := s.domain(c); d != nil {
				row = append(row, "domain_catalog", s.database(), "domain_schema", d.Schema, "domain_name", d.Name)
			}
			t.add(append(row, measures(c.Type)...)...)
		}
	}
}

// udtSchema and udtName are where a type is, and its name there.
func udtSchema(t types.Type) string {
	if t.Kind == types.KindArray {
		t = t.Elem()
	}
	if e := t.Enum(); e != nil {
		return e.Schema
	}
	return "pg_catalog"
}

func udtName(t types.Type) string {
	if e := t.Enum(); e != nil {
		return e.Name
	}
	if e := t.Elem().Enum(); e != nil && t.Kind == types.KindArray {
		return "_" + e.Name
	}
	return typeByID()[t.OID()]["typname"]
}

// measures gives what information_schema says of a type: its name, and its length or precision.
func measures(t types.Type) []any {
	row := []any{"data_type", t.Base().String()}
	switch t.Kind {
	case types.KindArray:
		if !t.IsVector() {
			row[1] = "ARRAY"
		}
	case types.KindEnum:
		row[1] = "USER-DEFINED"
	case types.KindStruct:
		row[1] = "record"
	case types.KindMap:
		row[1] = "jsonb"
	case types.KindVarchar, types.KindChar:
		octets := 1 << 30
		if t.Mod >= 4 {
			octets = int(t.Mod-4) * 4
			row = append(row, "character_maximum_length", int(t.Mod-4))
		}
		row = append(row, "character_octet_length", octets)
	case types.KindText:
		row = append(row, "character_octet_length", 1<<30)
	case types.KindInt2, types.KindInt4, types.KindInt8:
		row = append(row, "numeric_precision", t.Bits(), "numeric_precision_radix", 2, "numeric_scale", 0)
	case types.KindFloat4:
		row = append(row, "numeric_precision", 24, "numeric_precision_radix", 2)
	case types.KindFloat8:
		row = append(row, "numeric_precision", 53, "numeric_precision_radix", 2)
	case types.KindNumeric:
		row = append(row, "numeric_precision_radix", 10)
		if p, scale := t.PrecisionScale(); p > 0 {
			row = append(row, "numeric_precision", p, "numeric_scale", scale)
		}
	case types.KindDate:
		row = append(row, "datetime_precision", 0)
	case types.KindTime, types.KindTimestamp, types.KindTimestampTZ, types.KindInterval:
		digits := 6
		if t.Mod >= 0 {
			digits = int(t.Mod)
		}
		row = append(row, "datetime_precision", digits)
	}
	return row
}

func infoViews(s *Source, t *table) {
	for _, rel := range s.shown() {
		if k := kind(rel); k == 'v' || k == 'm' {
			t.add("table_catalog", s.database(), "table_schema", rel.Schema, "table_name", rel.Name,
				"view_definition", text(query(rel)), "check_option", "NONE", "is_updatable", "NO", "is_insertable_into", "NO",
				"is_trigger_updatable", "NO", "is_trigger_deletable", "NO", "is_trigger_insertable_into", "NO")
		}
	}
}

func infoDomains(s *Source, t *table) {
	for _, d := range s.domains() {
		of := d.Columns[0].Type
		row := []any{"domain_catalog", s.database(), "domain_schema", d.Schema, "domain_name", d.Name,
			"domain_default", text(d.Domain.Default), "udt_catalog", s.database(), "udt_schema", udtSchema(of),
			"udt_name", udtName(of), "dtd_identifier", "1"}
		t.add(append(row, measures(of)...)...)
	}
}

func infoDomainConstraints(s *Source, t *table) {
	for _, d := range s.domains() {
		for _, c := range d.Domain.Checks {
			t.add("constraint_catalog", s.database(), "constraint_schema", d.Schema, "constraint_name", c.Name,
				"domain_catalog", s.database(), "domain_schema", d.Schema, "domain_name", d.Name, "is_deferrable", "NO",
				"initially_deferred", "NO")
		}
	}
}

func infoDomainColumns(s *Source, t *table) {
	for _, rel := range s.shown() {
		for _, c := range rel.Columns {
			if d := s.domain(c); d != nil {
				t.add("domain_catalog", s.database(), "domain_schema", d.Schema, "domain_name", d.Name,
					"table_catalog", s.database(), "table_schema", rel.Schema, "table_name", rel.Name, "column_name", c.Name)
			}
		}
	}
}

func infoSchemata(s *Source, t *table) {
	for _, name := range s.schemas() {
		if s.Catalog.Has(s.user(), s.schemaOwner(name)) {
			t.add("catalog_name", s.database(), "schema_name", name, "schema_owner", s.schemaOwner(name))
		}
	}
}

func infoConstraints(s *Source, t *table) {
	for _, rel := range s.made() {
		if !s.may(rel) {
			continue
		}
		deferrable, deferred := "NO", "NO"
		add := func(name, kind string, distinct any) {
			t.add("constraint_catalog", s.database(), "constraint_schema", rel.Schema, "constraint_name", name,
				"table_catalog", s.database(), "table_schema", rel.Schema, "table_name", rel.Name, "constraint_type", kind,
				"is_deferrable", deferrable, "initially_deferred", deferred, "enforced", "YES", "nulls_distinct", distinct)
		}
		for _, k := range rel.Keys() {
			if k.Primary {
				add(k.Name, "PRIMARY KEY", nil)
			} else {
				add(k.Name, "UNIQUE", "YES")
			}
		}
		for _, c := range rel.Checks {
			add(c.Name, "CHECK", nil)
		}
		for _, f := range rel.Foreign {
			deferrable, deferred = yes(f.Deferrable), yes(f.Deferred)
			add(f.Name, "FOREIGN KEY", nil)
			deferrable, deferred = "NO", "NO"
		}
		for i := range rel.Columns {
			if notNull(rel, i) { // PostgreSQL has no name for it either
				add(fmt.Sprintf("%d_%d_%d_not_null", s.schemaID(rel.Schema), rel.ID, i+1), "CHECK", nil)
			}
		}
	}
}

func infoKeyColumns(s *Source, t *table) {
	s.keyColumns(func(k catalog.Key, i int) {
		t.add("constraint_catalog", s.database(), "constraint_schema", k.Rel.Schema, "constraint_name", k.Name,
			"table_catalog", s.database(), "table_schema", k.Rel.Schema, "table_name", k.Rel.Name,
			"column_name", k.Rel.Columns[k.Columns[i]].Name, "ordinal_position", i+1)
	})
	s.infoForeignColumns(t)
}

func infoConstraintColumns(s *Source, t *table) {
	s.keyColumns(func(k catalog.Key, i int) {
		t.add("table_catalog", s.database(), "table_schema", k.Rel.Schema, "table_name", k.Rel.Name,
			"column_name", k.Rel.Columns[k.Columns[i]].Name, "constraint_catalog", s.database(),
			"constraint_schema", k.Rel.Schema, "constraint_name", k.Name)
	})
	s.infoReferred(t)
}

// keyColumns calls f for every column of every key.
func (s *Source) keyColumns(f func(k catalog.Key, i int)) {
	for _, rel := range s.made() {
		if !s.may(rel) {
			continue
		}
		for _, k := range rel.Keys() {
			for i := range k.Columns {
				f(k, i)
			}
		}
	}
}

func infoCharacterSets(s *Source, t *table) {
	t.add("character_set_name", "UTF8", "character_repertoire", "UCS", "form_of_use", "UTF8",
		"default_collate_catalog", s.database(), "default_collate_schema", "pg_catalog", "default_collate_name", "ucs_basic")
}

func infoRoutines(s *Source, t *table) {
	for _, f := range s.Catalog.AllFunctions() {
		id := f.Name + "_" + strconv.Itoa(int(f.ID))
		t.add("specific_catalog", s.database(), "specific_schema", f.Schema, "specific_name", id,
			"routine_catalog", s.database(), "routine_schema", f.Schema, "routine_name", f.Name, "routine_type", "FUNCTION",
			"data_type", f.Returns.Base().String(), "type_udt_catalog", s.database(), "type_udt_schema", udtSchema(f.Returns),
			"type_udt_name", udtName(f.Returns), "dtd_identifier", "0", "routine_body", "EXTERNAL",
			"routine_definition", f.Body, "external_language", "SQL", "parameter_style", "GENERAL", "is_deterministic", "NO",
			"sql_data_access", "MODIFIES", "is_null_call", yes(f.Strict), "schema_level_routine", "YES",
			"max_dynamic_result_sets", 0, "security_type", "INVOKER")
	}
}

// infoImplementation holds what standard numbers say of the server, for those that clients read.
func infoImplementation(_ *Source, t *table) {
	t.add("implementation_info_id", "17", "implementation_info_name", "DBMS NAME", "character_value", "PostgreSQL")
	t.add("implementation_info_id", "18", "implementation_info_name", "DBMS VERSION", "character_value", "15.00.0000")
	t.add("implementation_info_id", "26", "implementation_info_name", "DEFAULT TRANSACTION ISOLATION", "integer_value", 2)
	t.add("implementation_info_id", "28", "implementation_info_name", "IDENTIFIER CASE", "integer_value", 3)
	t.add("implementation_info_id", "85", "implementation_info_name", "NULL COLLATION", "integer_value", 0)
}

func infoRoles(s *Source, t *table) {
	for _, r := range s.Catalog.Roles() {
		if r.Name != catalog.Everybody && s.Catalog.Has(s.user(), r.Name) {
			t.add("role_name", r.Name)
		}
	}
}
