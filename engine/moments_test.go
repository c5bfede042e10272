package engine

import (
	"slices"
	"testing"
)

// TestMomentsLieApart: of what is kept the newest lie close together, and the older the further apart; the first stays.
func TestMomentsLieApart(t *testing.T) {
	k := &kept{}
	for n := range int64(1000) {
		k.list = append(k.list, &keptRows{records: n * 100, bytes: 1})
		if len(k.list) > momentsKept {
			k.drop(k.sparest())
		}
	}
	var at []int64
	bytes := int64(0)
	for _, x := range k.list {
		at, bytes = append(at, x.records), bytes+x.bytes
	}
	if len(at) != momentsKept || at[0] != 0 || at[len(at)-1] != 99900 || bytes != 1000 {
		t.Fatalf("%v, %d bytes", at, bytes)
	}
	var gaps []int64
	for i := range at[1:] {
		gaps = append(gaps, at[i+1]-at[i])
	}
	if len(gaps) != momentsKept-1 || gaps[len(gaps)-1] > 1000 || slices.Max(gaps) != gaps[0] && slices.Max(gaps) != gaps[1] {
		t.Fatalf("%v", gaps)
	}
}

// TestMomentsAreBounded: the oldest go until what is left is cheap enough.
func TestMomentsAreBounded(t *testing.T) {
	m := moments{of: map[uint32]*kept{1: {list: []*keptRows{{bytes: 0}, {bytes: 5}, {bytes: 7}}}, 2: {list: []*keptRows{{bytes: 3}}}}}
	for m.cost() > 7 {
		m.dropOldest()
	}
	if m.cost() > 7 {
		t.Errorf("%d bytes", m.cost())
	}
}
