package session_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// TestPauseRestarts pauses and resumes queries at random, while rows come and the server is closed or killed: once all
// go on they show what their twins show, which were never paused.
func TestPauseRestarts(t *testing.T) {
	dir := t.TempDir()
	db := filepath.Join(dir, "flow-1.db")
	s := open(t, dir)
	c := s.session()
	defer func() { s.close() }()
	must := func(sql string) string {
		t.Helper()
		out := c.run(sql)
		if len(out) > 5 && out[:5] == "ERROR" {
			t.Fatalf("%s: %s", sql, out)
		}
		return out
	}
	must("CREATE STREAM s (k int, v int) WITH (partitions = 2); CREATE TABLE names (k int PRIMARY KEY, name text)")
	for _, x := range []string{"a", "b"} { // a is paused, b is not
		must(fmt.Sprintf(`CREATE STREAM %[1]s_big AS SELECT k, v FROM s WHERE v %% 2 = 0;
			CREATE STREAM %[1]s_in (k int, v int);
			INSERT INTO %[1]s_big WITH (query_id = '%[1]s_one') SELECT k, v FROM s WHERE v %% 3 = 0;
			INSERT INTO %[1]s_in WITH (query_id = '%[1]s_two') SELECT k, v FROM %[1]s_big;
			CREATE MATERIALIZED VIEW %[1]s_sums AS SELECT k, sum(v) AS v, count(*) AS n FROM %[1]s_in GROUP BY k;
			CREATE MATERIALIZED VIEW %[1]s_join AS SELECT n.name, s.v, s.n FROM names n LEFT JOIN %[1]s_sums s ON s.k = n.k;
			CREATE MATERIALIZED VIEW %[1]s_self AS SELECT x.name, count(*) AS n FROM names x JOIN names y ON x.name = y.name
				GROUP BY x.name`, x))
	}
	var ids []string
	for _, id := range []string{"%a_one", "%a_two", "%a_big%", "%a_sums%", "%a_join%", "%a_self%"} {
		out := must("SELECT id FROM leat_catalog.queries WHERE id ILIKE '" + id + "'")
		ids = append(ids, out[:len(out)-1])
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	saved, err := os.ReadFile(db)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		switch rnd.IntN(12) {
		case 0, 1:
			must("PAUSE " + ids[rnd.IntN(len(ids))])
		case 2, 3:
			must("RESUME " + ids[rnd.IntN(len(ids))])
		case 4, 5, 6, 7:
			must(fmt.Sprintf("INSERT INTO s VALUES (%d, %d), (%d, %d)", rnd.IntN(4), i, rnd.IntN(4), i+1))
		case 8:
			must(fmt.Sprintf("INSERT INTO names VALUES (%d, '%c') ON CONFLICT (k) DO UPDATE SET name = excluded.name",
				rnd.IntN(4), 'a'+rune(rnd.IntN(3))))
		case 9:
			must(fmt.Sprintf("DELETE FROM names WHERE k = %d", rnd.IntN(4)))
		case 10:
			s.close()
			if rnd.IntN(2) == 0 { // as if it had been killed: the last checkpoint is not there
				if err := os.WriteFile(db, saved, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s = open(t, dir)
			c = s.session()
			if saved, err = os.ReadFile(db); err != nil {
				t.Fatal(err)
			}
		case 11:
			must("RESUME ALL")
			for _, view := range []string{"sums", "join", "self"} {
				sql := "SELECT * FROM %s_" + view + " ORDER BY 1"
				a, b := must(fmt.Sprintf(sql, "a")), must(fmt.Sprintf(sql, "b"))
				if a != b {
					t.Fatalf("after %d: %s\n%s\nwant\n%s", i, view, a, b)
				}
			}
		}
	}
}
