package state

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// memory is a checkpoint in memory.
type memory map[string]string

func (m memory) Put(key, value []byte) error { m[string(key)] = string(value); return nil }
func (m memory) Delete(key []byte) error     { delete(m, string(key)); return nil }

func contents(scan func(from, to []byte, fn func(k, v []byte) bool), from, to []byte) (list []string) {
	scan(from, to, func(k, v []byte) bool {
		list = append(list, string(k)+"="+string(v))
		return true
	})
	return list
}

func modelContents(m map[string]string, from, to string) (list []string) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if k >= from && (to == "" || k < to) {
			list = append(list, k+"="+m[k])
		}
	}
	return list
}

func TestMapIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, model, saved := NewMap(), map[string]string{}, memory{}
		type frozen struct {
			snap *Snapshot
			want []string
		}
		var snaps []frozen
		key := rapid.StringMatching(`[abc]{0,3}`)
		for range rapid.IntRange(1, 200).Draw(t, "n") {
			k, v := key.Draw(t, "k"), key.Draw(t, "v")
			switch rapid.IntRange(0, 9).Draw(t, "op") {
			case 0, 1, 2, 3:
				m.Set([]byte(k), []byte(v))
				model[k] = v
			case 4, 5, 6:
				_, had := model[k]
				if m.Delete([]byte(k)) != had {
					t.Fatalf("Delete(%q) is not %v", k, had)
				}
				delete(model, k)
			case 7:
				snaps = append(snaps, frozen{m.Snapshot(), modelContents(model, "", "")})
			case 8:
				if err := m.WriteChanges(saved); err != nil {
					t.Fatal(err)
				}
				if !maps.Equal(map[string]string(saved), model) {
					t.Fatalf("checkpoint is %v, want %v", saved, model)
				}
			case 9: // a restart
				if err := m.WriteChanges(saved); err != nil {
					t.Fatal(err)
				}
				m = NewMap()
				for k, v := range saved {
					m.Restore([]byte(k), []byte(v))
				}
			}
			got, ok := m.Get([]byte(k))
			if want, had := model[k]; ok != had || string(got) != want {
				t.Fatalf("Get(%q) = %q, %v, want %q, %v", k, got, ok, want, had)
			}
			if got, want := contents(m.Scan, []byte(k), []byte("c")), modelContents(model, k, "c"); !slices.Equal(got, want) {
				t.Fatalf("Scan = %v, want %v", got, want)
			}
		}
		size := int64(0)
		for k, v := range model {
			size += int64(len(k)+len(v)) + entryOverhead
		}
		if m.Len() != len(model) || m.Bytes() != size {
			t.Fatalf("Len, Bytes = %d, %d, want %d, %d", m.Len(), m.Bytes(), len(model), size)
		}
		for _, f := range snaps {
			if got := contents(f.snap.Scan, nil, nil); !slices.Equal(got, f.want) {
				t.Fatalf("snapshot changed: %v, want %v", got, f.want)
			}
		}
	})
}

func TestPrefixVisitsOnlyIt(t *testing.T) {
	m := NewMap()
	for _, k := range []string{"", "a", "ab", "abc", "ac", "b"} {
		m.Set([]byte(k), nil)
	}
	var got []string
	m.Snapshot().Prefix([]byte("ab"), func(k, _ []byte) bool { got = append(got, string(k)); return true })
	if !slices.Equal(got, []string{"ab", "abc"}) {
		t.Fatal(got)
	}
	m.Prefix([]byte("x"), func(k, _ []byte) bool { t.Errorf("visited %q", k); return true })
}

func TestKeysThatComeAndGoDoNotPileUp(t *testing.T) {
	m := NewMap()
	for i := range 10_000 {
		k := []byte{byte(i % 7)}
		m.Set(k, k)
		m.Delete(k)
	}
	if n := len(slices.Concat(m.dirty.pieces...)); n != 7 {
		t.Fatalf("%d keys noted", n)
	}
	saved := memory{"\x03": "old"}
	if err := m.WriteChanges(saved); err != nil || len(saved) != 0 {
		t.Fatal(saved, err)
	}
}

func BenchmarkMapSet(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m := NewMap()
			var key [8]byte
			for i := 0; b.Loop(); i++ {
				binary.BigEndian.PutUint64(key[:], uint64(i)*0x9e3779b97f4a7c15%uint64(n))
				m.Set(key[:], key[:2])
			}
		})
	}
}
