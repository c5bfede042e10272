package pgcatalog

import (
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/types"
)

// tableStatistics tells of relations how many rows they have, and of streams how many came. Nothing else is counted by
// relation.
func tableStatistics(s *Source, t *table) {
	for _, rel := range s.made() {
		k := kind(rel)
		if k != 'r' && k != 'm' {
			continue
		}
		rows, inserted := int64(0), int64(0)
		if s.Env != nil && s.Env.Storage != nil {
			_, rows, _ = s.Env.Storage.Size(rel.ID)
		}
		if rel.Kind == catalog.Stream {
			inserted = rows
		}
		t.add("relid", rel.ID, "schemaname", rel.Schema, "relname", rel.Name, "seq_scan", 0, "seq_tup_read", 0,
			"n_tup_ins", inserted, "n_tup_upd", 0, "n_tup_del", 0, "n_tup_hot_upd", 0, "n_live_tup", rows, "n_dead_tup", 0,
			"n_mod_since_analyze", 0, "n_ins_since_vacuum", 0, "vacuum_count", 0, "autovacuum_count", 0, "analyze_count", 0,
			"autoanalyze_count", 0)
	}
}

// transactionStatistics are those of the transaction that asks, in which nothing is counted.
func transactionStatistics(s *Source, t *table) {
	for _, rel := range s.made() {
		if k := kind(rel); k == 'r' || k == 'm' {
			t.add("relid", rel.ID, "schemaname", rel.Schema, "relname", rel.Name, "seq_scan", 0, "seq_tup_read", 0,
				"n_tup_ins", 0, "n_tup_upd", 0, "n_tup_del", 0, "n_tup_hot_upd", 0)
		}
	}
}

// tableBlocks lists the relations of users: no blocks are counted.
func tableBlocks(s *Source, t *table) {
	for _, rel := range s.made() {
		if k := kind(rel); k == 'r' || k == 'm' {
			t.add("relid", rel.ID, "schemaname", rel.Schema, "relname", rel.Name, "heap_blks_read", 0, "heap_blks_hit", 0)
		}
	}
}

// indexStatistics lists the indexes of users: look-ups by them are not counted.
func indexStatistics(s *Source, t *table) {
	s.eachIndex(func(k catalog.Key) {
		t.add("relid", k.Rel.ID, "indexrelid", k.ID, "schemaname", k.Rel.Schema, "relname", k.Rel.Name,
			"indexrelname", k.Name, "idx_scan", 0, "idx_tup_read", 0, "idx_tup_fetch", 0)
	})
}

// indexBlocks lists them again: no blocks are counted.
func indexBlocks(s *Source, t *table) {
	s.eachIndex(func(k catalog.Key) {
		t.add("relid", k.Rel.ID, "indexrelid", k.ID, "schemaname", k.Rel.Schema, "relname", k.Rel.Name,
			"indexrelname", k.Name, "idx_blks_read", 0, "idx_blks_hit", 0)
	})
}

func (s *Source) eachIndex(f func(k catalog.Key)) {
	for _, rel := range s.made() {
		for _, k := range rel.IndexKeys() {
			f(k)
		}
	}
}

// nothingYet is the one row of statistics of the server in which everything is 0 or has not happened.
func nothingYet(_ *Source, t *table) {
	var row []any
	for _, c := range t.rel.Columns {
		if c.Type.Kind == types.KindInt8 || c.Type.Kind == types.KindFloat8 {
			row = append(row, c.Name, 0)
		}
	}
	t.add(row...)
}

func databaseStatistics(s *Source, t *table) {
	t.add("datid", databaseID, "datname", s.database(), "numbackends", len(s.clients()), "xact_commit", 0,
		"xact_rollback", 0, "blks_read", 0, "blks_hit", 0, "tup_returned", 0, "tup_fetched", 0, "tup_inserted", 0,
		"tup_updated", 0, "tup_deleted", 0, "conflicts", 0, "temp_files", 0, "temp_bytes", 0, "deadlocks", 0,
		"blk_read_time", 0, "blk_write_time", 0, "session_time", 0, "active_time", 0, "idle_in_transaction_time", 0,
		"sessions", 0, "sessions_abandoned", 0, "sessions_fatal", 0, "sessions_killed", 0)
}
