// Package pgcatalog gives the relations of pg_catalog and information_schema, as PostgreSQL 15 has them, over a
// snapshot of the catalog. Their rows are made when a query reads them.
//
// Which relations there are, and their columns, stands in relations.txt. A relation for which there is no source of
// rows here is empty: it lists what Leat does not have. Types and their numbers are in types.txt.
package pgcatalog

import (
	"maps"

	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/vec"
)

// Source is what the rows are made from.
type Source struct {
	Catalog *catalog.Snapshot
	Env     *fn.Env
	// System are the other relations of the server itself.
	System []*catalog.Relation
	// LastValue tells the number that was drawn last of a sequence, if any was.
	LastValue func(id uint32) (n int64, ok bool)
}

// rowsOf are the relations that have rows, by schema and name.
var rowsOf map[string]func(s *Source, t *table)

func init() { // not an initialiser, as the rows of some say which relations there are
	rowsOf = map[string]func(s *Source, t *table){
		"pg_catalog.pg_namespace":                    namespaces,
		"pg_catalog.pg_class":                        classes,
		"pg_catalog.pg_attribute":                    attributes,
		"pg_catalog.pg_attrdef":                      defaults,
		"pg_catalog.pg_index":                        indexes,
		"pg_catalog.pg_constraint":                   constraints,
		"pg_catalog.pg_description":                  descriptions,
		"pg_catalog.pg_rewrite":                      rules,
		"pg_catalog.pg_type":                         typeRows,
		"pg_catalog.pg_proc":                         procs,
		"pg_catalog.pg_database":                     databases,
		"pg_catalog.pg_roles":                        roles,
		"pg_catalog.pg_user":                         users,
		"pg_catalog.pg_authid":                       authIDs,
		"pg_catalog.pg_shadow":                       shadow,
		"pg_catalog.pg_depend":                       dependencies,
		"pg_catalog.pg_sequence":                     sequenceRows,
		"pg_catalog.pg_sequences":                    sequenceList,
		"information_schema.sequences":               infoSequences,
		"pg_catalog.pg_locks":                        locks,
		"pg_catalog.pg_prepared_statements":          preparedStatements,
		"pg_catalog.pg_timezone_names":               zones,
		"pg_catalog.pg_group":                        groups,
		"pg_catalog.pg_auth_members":                 members,
		"pg_catalog.pg_am":                           accessMethods,
		"pg_catalog.pg_language":                     languages,
		"pg_catalog.pg_collation":                    collations,
		"pg_catalog.pg_tablespace":                   tablespaces,
		"pg_catalog.pg_settings":                     settings,
		"pg_catalog.pg_cursors":                      cursors,
		"pg_catalog.pg_stat_activity":                activity,
		"pg_catalog.pg_stat_user_tables":             tableStatistics,
		"pg_catalog.pg_stat_all_tables":              tableStatistics,
		"pg_catalog.pg_stat_database":                databaseStatistics,
		"pg_catalog.pg_stat_xact_user_tables":        transactionStatistics,
		"pg_catalog.pg_stat_xact_all_tables":         transactionStatistics,
		"pg_catalog.pg_statio_user_tables":           tableBlocks,
		"pg_catalog.pg_statio_all_tables":            tableBlocks,
		"pg_catalog.pg_stat_user_indexes":            indexStatistics,
		"pg_catalog.pg_stat_all_indexes":             indexStatistics,
		"pg_catalog.pg_statio_user_indexes":          indexBlocks,
		"pg_catalog.pg_statio_all_indexes":           indexBlocks,
		"pg_catalog.pg_stat_bgwriter":                nothingYet,
		"pg_catalog.pg_stat_archiver":                nothingYet,
		"pg_catalog.pg_stat_wal":                     nothingYet,
		"pg_catalog.pg_tables":                       tables,
		"pg_catalog.pg_views":                        views,
		"pg_catalog.pg_matviews":                     materializedViews,
		"pg_catalog.pg_indexes":                      indexDefinitions,
		"information_schema.tables":                  infoTables,
		"information_schema.columns":                 infoColumns,
		"information_schema.views":                   infoViews,
		"information_schema.schemata":                infoSchemata,
		"information_schema.referential_constraints": infoReferences,
		"information_schema.table_constraints":       infoConstraints,
		"information_schema.key_column_usage":        infoKeyColumns,
		"information_schema.constraint_column_usage": infoConstraintColumns,
		"information_schema.character_sets":          infoCharacterSets,
		"information_schema.routines":                infoRoutines,
		"information_schema.sql_implementation_info": infoImplementation,
		"information_schema.enabled_roles":           infoRoles,
		"information_schema.applicable_roles":        func(*Source, *table) {},
		"information_schema.information_schema_catalog_name": func(s *Source, t *table) {
			t.add("catalog_name", s.database())
		},
	}
	maps.Copy(rowsOf, madeTypes)
}

// madeTypes are those that tell of enums and domains.
var madeTypes = map[string]func(s *Source, t *table){
	"pg_catalog.pg_enum":                     enumRows,
	"information_schema.domains":             infoDomains,
	"information_schema.domain_constraints":  infoDomainConstraints,
	"information_schema.column_domain_usage": infoDomainColumns,
}

// Batch gives the rows of one of the relations. Of the columns only those of want are sure to hold something.
func Batch(rel *catalog.Relation, s *Source, want []int) *vec.Batch {
	t := newTable(rel, want)
	if rows := rowsOf[rel.Schema+"."+rel.Name]; rows != nil {
		rows(s, t)
	}
	return t.batch
}
