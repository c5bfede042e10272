package session_test

import (
	"os"
	"path/filepath"
	"testing"
)

// TestReplayErrors loses checkpoints: the steps that are computed again give up the same queries, stop the same tables,
// and write no dead letter twice.
func TestReplayErrors(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	c := s.session()
	state := filepath.Join(dir, "flow-1.db")
	c.run(`CREATE STREAM raw (k int KEY, v text) WITH (kafka_topic = 't', value_format = 'KAFKA');
		CREATE STREAM pairs (k int KEY, a int, b int) WITH (kafka_topic = 't') ON ERROR DEAD LETTER INTO letters;
		CREATE STREAM strict (k int KEY, a int, b int) WITH (kafka_topic = 't') ON ERROR FAIL;
		CREATE TABLE rows (k int PRIMARY KEY, a int, b int) WITH (kafka_topic = 't') ON ERROR FAIL;
		CREATE MATERIALIZED VIEW sent ON ERROR DEAD LETTER INTO letters AS SELECT a / b AS q FROM pairs;
		CREATE MATERIALIZED VIEW failed ON ERROR FAIL AS SELECT a / b AS q FROM pairs;
		CREATE STREAM failing ON ERROR FAIL AS SELECT k, a / b AS q FROM pairs;
		CREATE MATERIALIZED VIEW none AS SELECT count(*) AS n FROM strict;
		CREATE MATERIALIZED VIEW above AS SELECT count(*) AS n FROM letters;`)
	c.run(`INSERT INTO raw VALUES (1, '{"a": 4, "b": 2}'); FLUSH`)
	c.run(`INSERT INTO raw VALUES (2, '{"a": 1, "b": 0}'), (3, '{'), (4, '{"a": 6, "b": 2}'); FLUSH`)
	const look = `SELECT n FROM above; SELECT relation, reason FROM letters ORDER BY relation; SELECT q FROM sent ORDER BY q;
		SELECT id, state, detail FROM leat_catalog.queries ORDER BY id; SELECT count(*) FROM leat_catalog.errors;
		SELECT name, stopped FROM leat_catalog.relations WHERE stopped IS NOT NULL AND query_id IS NULL`
	crash := func(to []byte) {
		t.Helper()
		want := c.run(look)
		s.close()
		var err error
		if to == nil {
			err = os.Remove(state)
		} else {
			err = os.WriteFile(state, to, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		s = open(t, dir)
		c = s.session()
		if got := c.run(look); got != want {
			t.Fatalf("after a replay:\n%s\nbefore it:\n%s", got, want)
		}
	}
	if got := c.run("SELECT n FROM above"); got != "2\n" {
		t.Fatal(got)
	}
	crash(nil)
	if got := c.run(`ALTER STREAM failing SET ON ERROR SKIP; ALTER MATERIALIZED VIEW failed SET ON ERROR SKIP;
		ALTER TABLE rows SET ON ERROR DEAD LETTER INTO letters; RESUME CSAS_FAILING_16391; RESUME MV_FAILED_16390;
		SELECT k, q FROM failing ORDER BY k; SELECT q FROM failed ORDER BY q; SELECT k FROM rows ORDER BY k;
		SELECT n FROM above`); got != "ALTER STREAM\nALTER MATERIALIZED VIEW\nALTER TABLE\nRESUME\nRESUME\n"+
		"1|2\n2|NULL\n4|3\n2\n3\n1\n2\n4\n3\n" {
		t.Fatal(got)
	}
	s.close()
	saved, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	c = s.session()
	c.run(`INSERT INTO raw VALUES (5, '{"a": 1, "b": 0}'), (6, '['), (7, '{"a": 8, "b": 2}'); FLUSH`)
	crash(saved)
	if got := c.run("SELECT count(*) FROM letters; SELECT count(*) FROM failing; SELECT count(*) FROM rows"); got != "6\n5\n5\n" {
		t.Fatal(got)
	}
	s.close()
}
