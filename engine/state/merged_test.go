package state

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestMerged compares lists that are sorted by pieces with such that are sorted as a whole.
func TestMerged(t *testing.T) {
	type pair struct{ key, place int }
	byKey := func(a, b pair) int { return cmp.Compare(a.key, b.key) }
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 3))
		var pieces [][]pair
		var want []pair
		for range r.IntN(9) {
			var piece []pair
			for range r.IntN(40) {
				p := pair{r.IntN(1 + 10*r.IntN(20)), len(want)}
				piece, want = append(piece, p), append(want, p)
			}
			pieces = append(pieces, piece)
		}
		slices.SortStableFunc(want, byKey)
		rests := 0
		n := len(pieces)
		got := merged(pieces, byKey, func() { rests++ })
		if !slices.Equal(got, want) || rests < n {
			t.Fatalf("seed %d: %v, not %v; %d rests", seed, got, want, rests)
		}
	}
}
