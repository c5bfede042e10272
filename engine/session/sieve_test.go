package session_test

import (
	"fmt"
	"strings"
	"testing"
)

// sieved makes two streams over one topic, in whose records the column x may be what no double is, and one to write
// them. What reads the first may pass over records while they are decoded, as far as nothing else reads it.
const sieved = `CREATE STREAM raw (line text) WITH (kafka_topic = 't1', value_format = 'KAFKA', partitions = 2);
	CREATE STREAM s (k int, v int, w text, x double) WITH (kafka_topic = 't1', value_format = 'JSON');
	CREATE STREAM other (k int, v int, w text, x double) WITH (kafka_topic = 't1', value_format = 'JSON');`

// TestSieve compares queries that pass over records while these are decoded with others that do not, over runs of records of
// which most or hardly any are let through, with late ones and such as cannot be decoded among them.
func TestSieve(t *testing.T) {
	queries := []string{
		"SELECT k, w, x FROM s WHERE v > 97",
		"SELECT k, w FROM s WHERE v > 70",
		"SELECT k, v, w, rowoffset AS o, rowpartition AS p FROM s WHERE v IN (3, 4) OR k IS NULL",
		"SELECT k, count(*), max(w) AS w FROM s WHERE v > 90 GROUP BY k",
		"SELECT k, windowstart AS ws, count(*) AS n, min(x) AS x FROM s WINDOW TUMBLING (SIZE 10 SECONDS, GRACE PERIOD 0 SECONDS) " +
			"WHERE v > 60 GROUP BY k",
	}
	for i, q := range queries {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			h := newJoinHistory(t, uint64(i))
			made := h.c.run(sieved + "CREATE MATERIALIZED VIEW it AS " + q + "; SET leat.disable_rules = 'early_filters'; " +
				"CREATE MATERIALIZED VIEW off AS " + strings.Replace(q, "FROM s ", "FROM other ", 1))
			if strings.Contains(made, "ERROR") {
				t.Fatal(made)
			}
			at, passed := int64(1_700_000_000_000), false
			for round := range 6 {
				var lines []string
				least := h.r.IntN(100)
				for range 1 + h.r.IntN(300) {
					at += int64(h.r.IntN(4000))
					x := fmt.Sprint(h.r.IntN(50))
					if h.r.IntN(20) == 0 {
						x = `"none"`
					}
					lines = append(lines, fmt.Sprintf(`(%d, '{"w":"w%d","x":%s,"k":%d,"v":%d}')`, at-int64(h.r.IntN(2)*20000),
						h.r.IntN(9), x, h.r.IntN(5), least+h.r.IntN(101-least)))
				}
				if out := h.c.run("INSERT INTO raw (rowtime, line) VALUES " + strings.Join(lines, ", ")); strings.Contains(out, "ERROR") {
					t.Fatal(out)
				}
				h.c.run("FLUSH")
				passed = passed || strings.Contains(explain(h.c, "it"), "passed over=")
				if h.r.IntN(3) == 0 {
					h.reopen()
				}
				if on, off := h.c.sorted("SELECT * FROM it"), h.c.sorted("SELECT * FROM off"); on != off {
					t.Fatalf("round %d: %s\ngives\n%swithout the rule\n%s", round, q, on, off)
				}
			}
			if !passed && i != 1 { // of which too many are let through
				t.Fatal("nothing was passed over")
			}
		})
	}
}

// TestSieveErrors has records that cannot be decoded as a whole: those that no query lets through are no errors, in
// whatever company they come.
func TestSieveErrors(t *testing.T) {
	h := newJoinHistory(t, 1)
	h.c.run(sieved + "CREATE MATERIALIZED VIEW it AS SELECT w, x FROM s WHERE v > 97")
	bad := `'{"v":5,"x":"bad"}', '{"v":99,"x":"bad"}', '{"v":"bad","x":1}'`
	few := func(v, n int) string { return strings.Repeat(fmt.Sprintf(`, '{"v":%d,"x":1}'`, v), n) }
	insert := func(lines string) {
		h.c.run("INSERT INTO raw VALUES (" + strings.ReplaceAll(lines, "}', '{", "}'), ('{") + ")")
	}
	want := 0
	for _, lines := range []string{bad, bad + few(5, 50), bad + few(99, 50), bad, bad + few(5, 9)} {
		insert(lines)
		want += 2
		got := h.c.run("FLUSH; SELECT count(*) FROM leat_catalog.errors WHERE relation = 's'")
		if got != fmt.Sprintf("FLUSH\n%d\n", want) {
			t.Fatalf("after %s: %s errors, not %d", lines, got, want)
		}
	}
	if got := h.c.run("SELECT count(*) FROM it"); got != "50\n" {
		t.Fatal(got)
	}
}
