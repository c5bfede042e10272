package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestReplaceAtRandom replaces queries one upon the other, with checkpoints and kills at random: steps that are computed
// again come to what they did, whatever was swapped meanwhile, and views are what their queries say.
func TestReplaceAtRandom(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { replaceAtRandom(t, rand.New(rand.NewPCG(seed, 7))) })
	}
}

// replaceable are views, and their queries with a factor; those below read those above.
var replaceable = []struct{ kind, name, query string }{
	{"MATERIALIZED VIEW", "paid", "SELECT k %% 7 AS g, count(*) AS n, sum(v) * %d AS v FROM t GROUP BY k %% 7"},
	{"MATERIALIZED VIEW", "large", "SELECT v * %d AS v FROM t WHERE v > 20"},
	{"TABLE", "counts", "SELECT k, count(*) * %d AS n FROM s GROUP BY k"},
	{"MATERIALIZED VIEW", "sheet", "SELECT t.k, p.v * %d AS v, c.n FROM t LEFT JOIN paid p ON t.k = p.g LEFT JOIN counts c ON c.k = t.k"},
	{"MATERIALIZED VIEW", "total", "SELECT sum(v) * %d AS v, count(*) AS n FROM sheet"},
}

func replaceAtRandom(t *testing.T, r *rand.Rand) {
	dir := t.TempDir()
	s := serve(t, dir)
	s.want("CREATE TABLE t (k int PRIMARY KEY, v int); CREATE STREAM s (k int, v int)", "")
	for _, v := range replaceable {
		s.want(fmt.Sprintf("CREATE %s %s AS "+v.query, v.kind, v.name, 1), "")
	}
	for range 60 {
		k := r.IntN(60)
		switch r.IntN(12) {
		case 0:
			s.want(fmt.Sprintf("DELETE FROM t WHERE k = %d", k), "")
		case 1, 2, 3, 4:
			s.want(fmt.Sprintf("INSERT INTO t VALUES (%d, %d) ON CONFLICT (k) DO UPDATE SET v = excluded.v", k, r.IntN(40)), "")
			s.want(fmt.Sprintf("INSERT INTO s VALUES (%d, 1), (%d, 2)", k, r.IntN(60)), "")
		case 5:
			s.want(fmt.Sprintf("INSERT INTO t SELECT n, n %% %d FROM generate_series(100, 400) AS g(n) ON CONFLICT DO NOTHING", 2+k), "")
		case 6, 7, 8:
			v := replaceable[r.IntN(len(replaceable))]
			stmt := fmt.Sprintf("CREATE OR REPLACE %s %s WITH (backfill_rate = %d) AS "+v.query, v.kind, v.name, []int{500, 100000}[r.IntN(2)],
				1+r.IntN(3))
			if r.IntN(3) == 0 {
				s.launch(stmt)
			} else {
				if out := s.ask(stmt); out != "" && out != "ERROR 55006" && out != "ERROR 57014" { // one that was launched came between
					t.Fatal(out)
				}
			}
		case 9:
			if err := s.eng.Checkpoint(t.Context()); err != nil {
				t.Fatal(err)
			}
		default:
			s.eng.Kill()
			s.close()
			s = serve(t, dir)
			if d := s.eng.Doubts(); len(d) != 0 {
				t.Fatal(d)
			}
		}
	}
	for _, v := range replaceable {
		const differ = "SELECT count(*) FROM ((TABLE %[1]s EXCEPT ALL (%[2]s)) UNION ALL ((%[2]s) EXCEPT ALL TABLE %[1]s)) AS x"
		var got []string
		for n := range 3 {
			got = append(got, s.ask(fmt.Sprintf(differ, v.name, fmt.Sprintf(v.query, n+1))))
		}
		if !slices.Contains(got, "0") {
			t.Errorf("%s is that of none of its queries: so many rows are others: %s", v.name, got)
		}
	}
	s.close()
}
