package session_test

import (
	"strings"
	"testing"

	"github.com/leatdb/leat/sql/fn"
)

// TestExamples runs the examples of set-returning, aggregate and window functions as queries.
func TestExamples(t *testing.T) {
	s := open(t, t.TempDir())
	t.Cleanup(func() { s.close() })
	c := s.session()
	check := func(examples []fn.Example, before, after string, ignore *strings.Replacer) {
		for _, x := range examples {
			got := strings.TrimSuffix(c.run(before+x.SQL+after), "\n")
			got = strings.NewReplacer("|", ", ", "\n", "; ").Replace(got)
			if ignore.Replace(got) != ignore.Replace(x.Want) {
				t.Errorf("%s: got %s, want %s", x.SQL, got, x.Want)
			}
		}
	}
	n, none := 0, strings.NewReplacer()
	for _, f := range fn.Windows() {
		n += len(f.Doc.Examples)
		check(f.Doc.Examples, "SELECT ", " FROM (VALUES (1), (1), (2)) AS v(x)", none)
		if f.Doc.Summary != "" && len(f.Doc.Examples) == 0 {
			t.Errorf("%s has no example", f.Name)
		}
	}
	for _, f := range fn.Aggregates() {
		n += len(f.Doc.Examples)
		check(f.Doc.Examples, "SELECT ", " FROM (VALUES (1), (1), (2), (NULL)) AS v(x)", none)
	}
	for _, f := range fn.Tables() {
		n += len(f.Doc.Examples)
		check(f.Doc.Examples, "SELECT * FROM ", "", strings.NewReplacer("NULL", "", " ", ""))
	}
	t.Logf("%d examples", n)
}
