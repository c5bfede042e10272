package session_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestForeignKeysTogether writes rows that refer to others, and takes those away, in many sessions: whatever the level
// and whenever a key is checked, no row is left that refers to nothing, after a kill too.
func TestForeignKeysTogether(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	c := s.session()
	c.run(`CREATE TABLE p (id int PRIMARY KEY, u int UNIQUE);
		CREATE TABLE c (id serial PRIMARY KEY, pid int REFERENCES p ON UPDATE CASCADE, u int REFERENCES p (u) ON DELETE CASCADE);
		CREATE TABLE d (id serial PRIMARY KEY, pid int REFERENCES p ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED);
		CREATE INDEX ON d (pid);
		INSERT INTO p SELECT i, i FROM generate_series(0, 5) i`)
	for _, level := range []string{"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"} {
		s.parallel(6, func(c *client, r *rand.Rand) {
			for range 12 {
				a, b := r.IntN(6), r.IntN(6)
				statement := []string{
					fmt.Sprintf("INSERT INTO c (pid, u) VALUES (%d, %d)", a, b),
					fmt.Sprintf("INSERT INTO d (pid) VALUES (%d), (%d)", a, b),
					fmt.Sprintf("DELETE FROM p WHERE id = %d", a),
					fmt.Sprintf("INSERT INTO p VALUES (%d, %d) ON CONFLICT DO NOTHING", a, a),
					fmt.Sprintf("UPDATE p SET id = %d WHERE id = %d", b, a),
					fmt.Sprintf("DELETE FROM c WHERE pid = %d", a),
				}
				out := c.run(fmt.Sprintf("BEGIN ISOLATION LEVEL %s; %s; %s; COMMIT", level, statement[r.IntN(6)],
					statement[r.IntN(6)]))
				if i := strings.Index(out, "ERROR "); i >= 0 {
					if code := out[i+6 : i+11]; code != "23503" && code != "23505" && code != "40001" && code != "40P01" {
						t.Error(out)
					}
					c.run("ROLLBACK")
				}
			}
		})
	}
	const orphans = `SELECT (SELECT count(*) FROM c WHERE pid NOT IN (SELECT id FROM p) OR u NOT IN (SELECT u FROM p)),
		(SELECT count(*) FROM d WHERE pid NOT IN (SELECT id FROM p))`
	if out := c.run(orphans); out != "0|0\n" {
		t.Errorf("rows that refer to nothing: %s", out)
	}
	s.close()
	s = open(t, dir)
	defer s.close()
	if out := s.session().run(orphans); out != "0|0\n" {
		t.Errorf("rows that refer to nothing after a restart: %s", out)
	}
}
