package serial

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func app(key, v int) Op                  { return Op{Key: key, Value: v} }
func get(key int, list ...int) Op        { return Op{Read: true, Key: key, List: list} }
func ok(begin, end int64, ops ...Op) Txn { return Txn{ops, begin, end, Committed} }

// TestCheck gives histories, and what is wrong with each; nothing is with the first ones.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name string
		txns []Txn
		want string
	}{
		{"nothing", nil, ""},
		{"one after the other", []Txn{ok(0, 1, app(1, 1)), ok(2, 3, get(1, 1), app(1, 2)), ok(4, 5, get(1, 1, 2))}, ""},
		{"at the same time", []Txn{ok(0, 9, app(1, 1)), ok(0, 9, app(1, 2)), ok(0, 9, get(1, 2)), ok(10, 11, get(1, 2, 1))}, ""},
		{"unknown, and much later", []Txn{{[]Op{app(1, 1)}, 0, 1, Unknown}, ok(2, 3, get(1)), ok(4, 5, get(1, 1))}, ""},
		{"unknown, and not", []Txn{{[]Op{app(1, 1)}, 0, 1, Unknown}, ok(2, 3, get(1)), ok(4, 5, get(1))}, ""},
		{"its own appends", []Txn{ok(0, 1, get(1), app(1, 1), get(1, 1), app(1, 2), get(1, 1, 2))}, ""},
		{"stale read", []Txn{ok(0, 1, app(1, 1)), ok(2, 3, get(1)), ok(4, 5, get(1, 1))}, "G-single in real time"},
		{"lost append", []Txn{ok(0, 1, app(1, 1)), ok(2, 3, get(1))}, "G-single in real time"},
		{"lost update", []Txn{ok(0, 9, get(1), app(1, 1)), ok(0, 9, get(1), app(1, 2)), ok(10, 11, get(1, 1, 2))}, "G-single"},
		{"write skew", []Txn{ok(0, 9, get(1), app(2, 1)), ok(0, 9, get(2), app(1, 2)), ok(10, 11, get(1, 2), get(2, 1))}, "G2"},
		{"dirty write", []Txn{ok(0, 9, app(1, 1), app(2, 1)), ok(0, 9, app(1, 2), app(2, 2)),
			ok(10, 11, get(1, 1, 2), get(2, 2, 1))}, "G0"},
		{"round and round", []Txn{ok(0, 9, app(1, 1), get(2, 2)), ok(0, 9, app(2, 2), get(1, 1))}, "G1c"},
		{"half a transaction", []Txn{ok(0, 9, app(1, 1), app(2, 2)), ok(0, 9, get(1, 1), get(2)), ok(10, 11, get(2, 2))}, "G-single"},
		{"aborted read", []Txn{{[]Op{app(1, 1)}, 0, 1, Refused}, ok(2, 3, get(1, 1))}, "G1a"},
		{"intermediate read", []Txn{ok(0, 9, app(1, 1), app(1, 2)), ok(0, 9, get(1, 1)), ok(10, 11, get(1, 1, 2))}, "G1b"},
		{"twice", []Txn{ok(0, 1, app(1, 1)), ok(2, 3, get(1, 1, 1))}, "twice"},
		{"nobody's", []Txn{ok(2, 3, get(1, 7))}, "nobody"},
		{"two histories", []Txn{ok(0, 9, app(1, 1)), ok(0, 9, app(1, 2)), ok(0, 9, get(1, 1)), ok(10, 11, get(1, 2, 1))}, "no prefix"},
		{"not its own append", []Txn{ok(0, 1, app(1, 1), get(1))}, "itself"},
		{"another list the second time", []Txn{ok(0, 9, get(1), get(1, 1)), ok(0, 9, app(1, 1))}, "after"},
		{"order of real time", []Txn{ok(0, 1, app(1, 1)), ok(2, 3, app(1, 2)), ok(4, 5, get(1, 2, 1))}, "G0 in real time"},
	} {
		wrong := Check(c.txns)
		text := ""
		for _, w := range wrong {
			text += w.Error() + "\n"
		}
		if c.want == "" && text != "" || !strings.Contains(text, c.want) {
			t.Errorf("%s: %q, want %q", c.name, text, c.want)
		}
	}
}

// history runs random transactions one after the other, with ends that overlap.
func history(r *rand.Rand, n int) []Txn {
	lists := map[int][]int{}
	var txns []Txn
	value := 0
	for i := range n {
		t := Txn{Begin: int64(10*i - r.IntN(50)), End: int64(10*i + r.IntN(50)), Outcome: Committed}
		happens := true
		if r.IntN(10) == 0 {
			t.Outcome = Unknown
			happens = r.IntN(2) == 0
		}
		for range 1 + r.IntN(4) {
			key := i/40*3 + r.IntN(3)
			if r.IntN(2) == 0 {
				t.Ops = append(t.Ops, get(key, lists[key]...))
				continue
			}
			value++
			t.Ops = append(t.Ops, app(key, value))
			lists[key] = append(slices.Clone(lists[key]), value)
		}
		if !happens { // it leaves nothing
			for _, op := range t.Ops {
				if !op.Read {
					lists[op.Key] = slices.DeleteFunc(slices.Clone(lists[op.Key]), func(v int) bool { return v == op.Value })
				}
			}
		}
		txns = append(txns, t)
	}
	for key, list := range lists {
		txns = append(txns, ok(int64(10*n+100), int64(10*n+101), get(key, list...)))
	}
	return txns
}

// TestHistories checks histories that can be, and the same with a value taken away, moved, or shown twice.
func TestHistories(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		txns := history(r, 120)
		if wrong := Check(txns); len(wrong) > 0 {
			t.Fatalf("seed %d: %v", seed, wrong)
		}
		i := len(txns) - 1 // a last read
		for len(txns[i].Ops[0].List) < 3 {
			i--
		}
		op := &txns[i].Ops[0]
		good := op.List
		n := len(good)
		for name, bad := range map[string][]int{
			"lost":  good[:n-1],
			"twice": append(slices.Clone(good), good[0]),
			"moved": append(append(slices.Clone(good[:n-2]), good[n-1]), good[n-2]),
			"hole":  append(slices.Clone(good[:n-2]), good[n-1]),
		} {
			if name == "lost" && lastUnknown(txns, good[n-1]) || name == "hole" && lastUnknown(txns, good[n-2]) ||
				name == "moved" && !ordered(txns, good[n-2], good[n-1], op.Key) {
				continue // it can be
			}
			op.List = bad
			if len(Check(txns)) == 0 {
				t.Errorf("seed %d: %s is not found: %v instead of %v", seed, name, bad, good)
			}
		}
	}
}

// lastUnknown reports whether nobody knows that a value was appended.
func lastUnknown(txns []Txn, v int) bool {
	for _, t := range txns {
		if slices.ContainsFunc(t.Ops, func(op Op) bool { return !op.Read && op.Value == v }) {
			return t.Outcome == Unknown
		}
	}
	return false
}

// ordered reports whether somebody has seen one value of a list without the other.
func ordered(txns []Txn, a, b, key int) bool {
	for _, t := range txns {
		for _, op := range t.Ops {
			if op.Read && op.Key == key && t.Outcome == Committed && slices.Contains(op.List, a) && !slices.Contains(op.List, b) {
				return true
			}
		}
	}
	return false
}
