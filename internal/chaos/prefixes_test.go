package chaos

import (
	"strings"
	"testing"
)

// TestPrefixes checks answers with one thing wrong with each.
func TestPrefixes(t *testing.T) {
	good := func(n int64) *Answer { return &Answer{Transfers: n, Noted: []int64{n, n}} }
	for want, harm := range map[string]func(a *Answer){
		"":                   func(*Answer) {},
		"the balance is 5":   func(a *Answer) { a.Balance = 5 },
		"and 5 by the view":  func(a *Answer) { a.Total = 5 },
		"has seen 7":         func(a *Answer) { *a = *good(6) },
		"and 8 by count 1":   func(a *Answer) { a.Noted[1]-- },
		"2 rows of a view":   func(a *Answer) { a.Differs = 2 },
		"and 10 by count 0":  func(a *Answer) { a.Noted[0]++ },
		"9 transfers, and 0": func(a *Answer) { a.Noted = []int64{9, 0} },
	} {
		var p Prefixes
		for _, n := range []int64{0, 3, 3, 7} {
			if err := p.Take(good(n)); err != nil {
				t.Fatal(err)
			}
		}
		a := good(9)
		harm(a)
		if err := p.Take(a); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v, not %q", err, want)
		}
	}
}
