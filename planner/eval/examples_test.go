package eval_test

import (
	"testing"

	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/types"
)

// TestExamples evaluates every example of the reference.
func TestExamples(t *testing.T) {
	n := 0
	for _, f := range fn.Scalars() {
		if f.Doc.Category == "" {
			t.Errorf("%s has no category", f.Name)
		}
		for _, x := range f.Doc.Examples {
			n++
			v, err := evaluate(x.SQL)
			if err != nil {
				t.Errorf("%s: %s: %v", f.Name, x.SQL, err)
			} else if got := show(v); got != x.Want && v.Type != types.Regtype { // the catalog has its names
				t.Errorf("%s: %s = %q, want %q", f.Name, x.SQL, got, x.Want)
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d examples", n)
	}
}
