package engine

import (
	"maps"
	"testing"

	"pgregory.net/rapid"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// The table agrees with a map, also when many keys share a hash.
func TestGroupTableIsAMap(t *testing.T) {
	ts := []types.Type{types.Int8, types.Text, types.Numeric}
	rows := smallRows(true, 5, 3, 2)
	rapid.Check(t, func(t *rapid.T) {
		table, model := newGroupTable(ts), map[row]int32{}
		hashBits := rapid.SampledFrom([]uint64{0, 3, 1<<64 - 1}).Draw(t, "hash bits")
		for range rapid.IntRange(1, 20).Draw(t, "batches") {
			var batch []opChange
			for range rapid.IntRange(1, 20).Draw(t, "rows") {
				batch = append(batch, opChange{rows.Draw(t, "row"), 1, 0})
			}
			b := batchOf(ts, batch, false)
			hashes := vec.Hash(b.Cols, b.N, nil)
			for i := range hashes {
				hashes[i] &= hashBits
			}
			groups := make([]int32, b.N)
			table.find(b.Cols, hashes, groups)
			for i, ch := range batch {
				if want, ok := model[ch.r]; ok && want != groups[i] {
					t.Fatalf("%s is in group %d, then in %d", ch.r, want, groups[i])
				}
				model[ch.r] = groups[i]
			}
			byGroup := map[int32]row{}
			for r, g := range model {
				if other, taken := byGroup[g]; taken {
					t.Fatalf("%s and %s share group %d", r, other, g)
				}
				byGroup[g] = r
			}
			got := vec.NewBatch(ts)
			for g, r := range byGroup {
				got.Reset()
				for k, s := range table.keys {
					s.appendTo([]int32{g}, got.Cols[k])
				}
				if text := rowText(got, 0); text != r {
					t.Fatalf("key of group %d is %s, want %s", g, text, r)
				}
			}
			maps.DeleteFunc(model, func(r row, g int32) bool {
				gone := g%3 == int32(len(batch)%3)
				if gone {
					table.remove(g)
				}
				return gone
			})
		}
	})
}

func TestArenaReclaims(t *testing.T) {
	var a arena
	long := make([]byte, 1000)
	for i := range 10_000 {
		g := int32(i % 10)
		if i >= 10 {
			a.drop(g)
		}
		long[0] = byte(i)
		a.set(g, long, false)
	}
	if cap(a.data) > 1<<20 || a.at(3)[0] != byte(9993&0xff) {
		t.Fatal(cap(a.data), a.at(3)[0])
	}
}
