package session_test

import (
	"context"
	"slices"
	"testing"

	"github.com/leatdb/leat/sql/parse"
)

// TestDeferred takes statements of PREPARE to another session, of which one cannot be bound there, in a transaction
// block: it is bound when it is used, once it can be, and the block does not fail before.
func TestDeferred(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.close()
	one := s.session()
	defer one.s.Close()
	one.run("CREATE TABLE g (a int); CREATE TABLE t (a int); INSERT INTO t VALUES (5)")
	one.run("PREPARE g (int) AS SELECT a FROM g WHERE a = $1; PREPARE p AS SELECT a FROM t; DROP TABLE g; BEGIN")
	state, ok := one.s.State()
	if !ok {
		t.Fatal("it stays")
	}
	other := s.session()
	defer other.s.Close()
	finish, err := other.s.Restore(state)
	if err != nil {
		t.Fatal(err)
	}
	made := one.s.Made()
	for _, text := range made {
		st, err := parse.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		p, err := other.s.Prepare(context.Background(), st[0], nil)
		if err != nil {
			other.s.Keep("g", other.s.Defer(st[0], nil))
			continue
		}
		if _, err := p.Execute(context.Background(), nil); err != nil {
			t.Fatal(err)
		}
	}
	finish()
	if got := other.s.Made(); len(got) != 2 || !slices.Equal(got, made) {
		t.Errorf("%q, want %q", got, made)
	}
	for _, c := range []struct{ text, want string }{
		{"EXECUTE p", "5\n"},
		{"COMMIT", "COMMIT\n"},
		{"EXECUTE g (7)", "ERROR 42P01 at 33: relation \"g\" does not exist\n"},
		{"SELECT name, from_sql FROM pg_prepared_statements ORDER BY name", "g|t\np|t\n"},
		{"CREATE TABLE g (a int); INSERT INTO g VALUES (7); EXECUTE g (7)", "CREATE TABLE\nINSERT 0 1\n7\n"},
		{"EXECUTE g", "ERROR 42601 at 0: wrong number of parameters for prepared statement \"g\"\n" +
			"DETAIL: Expected 1 parameters but got 0.\n"},
		{"DEALLOCATE g; EXECUTE g (7)", "DEALLOCATE\nERROR 26000 at 14: prepared statement \"g\" does not exist\n"},
	} {
		if got := other.run(c.text); got != c.want {
			t.Errorf("%s gives %q, want %q", c.text, got, c.want)
		}
	}
}
