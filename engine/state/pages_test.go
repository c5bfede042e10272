package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"unsafe"
)

// filled is a file with checkpoints of several operators: small ones, large ones, large values, long keys, changes and
// deletions; and what it holds.
func filled(t testing.TB, path string) map[opID]map[string]string {
	t.Helper()
	s, err := Open(path, Options{TxChanges: 500, ChunkBytes: 8 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := map[opID]map[string]string{}
	maps := map[opID]*Map{}
	rnd := rand.New(rand.NewPCG(1, 2))
	for round := range 4 {
		c := s.Begin()
		for op, n := range []int{3, 400, 2000} {
			id := opID{uint64(op%2 + 1), uint32(op)}
			if maps[id] == nil {
				maps[id], want[id] = NewMap(), map[string]string{}
			}
			for range n {
				k, v := fmt.Sprintf("key %06d", rnd.IntN(3*n)), fmt.Sprint("value ", rnd.Uint64(), round)
				switch rnd.IntN(100) {
				case 0:
					v = string(bytes.Repeat([]byte(v), 300))
				case 1:
					k += string(bytes.Repeat([]byte("long "), MaxKey/5))
				}
				if rnd.IntN(5) == 0 {
					maps[id].Delete([]byte(k))
					delete(want[id], k)
					continue
				}
				maps[id].Set([]byte(k), []byte(v))
				want[id][k] = v
			}
			if err := maps[id].WriteChanges(c.Writer(id.owner, id.op)); err != nil {
				t.Fatal(err)
			}
		}
		c.Commit([]byte("meta"))
		if err := s.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	return want
}

// TestSoundMeanwhile looks at a page that a reader found in the tree of a version before, once it has left the newest.
func TestSoundMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flow.db")
	want := filled(t, path)
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	held := s.pinned()
	c := s.newCursor(held.v.tx, opID{1, 2})
	k, _ := c.c.Last()
	at := uintptr(unsafe.Pointer(unsafe.SliceData(k))) - c.data
	id := uint64(at) / uint64(s.sums.size)
	if s.sums.of(id) == 0 {
		t.Fatal("the page has no sum")
	}
	if err := overwrite(t, s, want); err != nil {
		t.Fatal(err)
	}
	if s.sums.of(id) != 0 {
		t.Fatal("the page has a sum still")
	}
	page := unsafe.Add(unsafe.Pointer(unsafe.SliceData(k)), -int(at%uintptr(s.sums.size)))
	if !s.sums.sound(id, page) {
		t.Error("it is taken for damaged")
	}
	runtime.KeepAlive(held)
}

// holds reads a store in every way, and returns the first difference.
func holds(s *Store, want map[opID]map[string]string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if err, _ = p.(error); !IsDamage(err) {
				panic(p)
			}
		}
	}()
	if meta, err := s.Meta(); err != nil {
		return err
	} else if string(meta) != "meta" {
		return fmt.Errorf("WRONG: meta %q", meta)
	}
	for id, rows := range want {
		n := 0
		if err := s.Load(id.owner, id.op, func(k, v []byte) error {
			if n++; rows[string(k)] != string(v) {
				return fmt.Errorf("WRONG: loaded %q", k)
			}
			return nil
		}); err != nil {
			return err
		}
		if n != len(rows) {
			return fmt.Errorf("WRONG: %d of %d keys", n, len(rows))
		}
		m := NewMap()
		if err := m.Attach(s.Region(id.owner, id.op)); err != nil {
			return err
		}
		for k, v := range rows {
			for _, ask := range []string{k, k + "?"} {
				if got, ok := m.Get([]byte(ask)); ok != (ask == k) || ok && string(got) != v {
					return fmt.Errorf("WRONG: %q is %q", ask, got)
				}
			}
		}
		at := len(rows)
		m.Snapshot().Scan(nil, nil, func(k, v []byte) bool {
			if at--; rows[string(k)] != string(v) {
				err = fmt.Errorf("WRONG: found %q", k)
			}
			return err == nil
		})
		if err == nil && at != 0 {
			err = fmt.Errorf("WRONG: %d too few", at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var trials = flag.Int("trials", 150, "how many damaged files are opened")

// TestFlippedBits opens files of which a bit, or a page, is not what was written: what is read is right, or an error.
func TestFlippedBits(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "flow.db")
	want := filled(t, path)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(path + sumsSuffix)
	if err != nil {
		t.Fatal(err)
	}
	found, reach := 0, min(len(good), (len(sums)-sumsHead-4)/4*4096)
	for i := range *trials {
		rnd := rand.New(rand.NewPCG(uint64(i), 7))
		bad := bytes.Clone(good)
		at := rnd.IntN(reach)
		for rnd.IntN(10) > 0 && binary.BigEndian.Uint32(sums[sumsHead+at>>12<<2:]) == 0 { // free pages are of no interest
			at = rnd.IntN(reach)
		}
		switch rnd.IntN(10) {
		case 0: // a page that was never written
			clear(bad[at&^4095 : at&^4095+4096])
		case 1: // one in the place of another
			from := rnd.IntN(len(bad)) &^ 4095
			copy(bad[at&^4095:at&^4095+4096], good[from:])
		case 2:
			bad = bad[:at]
		case 3: // of the meta pages
			bad[at%8192] ^= 1 << rnd.IntN(8)
		default:
			bad[at] ^= 1 << rnd.IntN(8)
		}
		for name, b := range map[string][]byte{path: bad, path + sumsSuffix: sums} {
			if err := os.WriteFile(name, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, err := Open(path, Options{})
		if err != nil {
			if found++; !IsDamage(err) {
				t.Fatalf("trial %d: %v", i, err)
			}
			continue
		}
		if err := holds(s, want); err != nil {
			t.Fatalf("trial %d: %v", i, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if found < *trials/2 {
		t.Errorf("damage was found in %d of %d files", found, *trials)
	}
}

// TestFlippedWhileOpen changes pages with keys under a store that is open: who reads meets an error, and who copies what
// is in them too; the file is known to be damaged then.
func TestFlippedWhileOpen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "flow.db")
	want := filled(t, path)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		rnd := rand.New(rand.NewPCG(uint64(i), 8))
		told := false
		s, err := Open(path, Options{Failed: func(error) { told = true }})
		if err != nil {
			t.Fatal(i, err)
		}
		at := int64(-1)
		for at < 0 || s.sums.of(uint64(at/4096)) == 0 || binary.NativeEndian.Uint16(good[at&^4095+8:]) != leafPage ||
			good[at&^4095+pageHead]&bucketLeaf != 0 { // free, or not with keys
			at = int64(rnd.IntN(len(good)))
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{good[at] ^ 1<<rnd.IntN(8)}, at); err != nil {
			t.Fatal(err)
		}
		if err := holds(s, want); err == nil || !IsDamage(err) || !told {
			t.Fatalf("trial %d: %v", i, err)
		}
		if i%4 == 0 { // it is written over
			m := NewMap()
			c := s.Begin()
			for id, rows := range want {
				for k := range rows {
					m.Set([]byte(k), []byte("new"))
				}
				if err := m.WriteChanges(c.Writer(id.owner, id.op)); err != nil {
					t.Fatal(err)
				}
			}
			c.Commit([]byte("meta"))
			if err := s.Wait(); !IsDamage(err) {
				t.Fatalf("trial %d: written: %v", i, err)
			}
		}
		_ = s.Close() // it says again what has failed
		if err := Check(path); !IsDamage(err) {
			t.Fatalf("trial %d: after it: %v", i, err)
		}
		if _, err := f.WriteAt(good, 0); err != nil {
			t.Fatal(err)
		}
		f.Close()
		if err := os.Remove(path + sumsSuffix); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNoSums opens files without sums, with damaged ones, and with those of a transaction before: they are taken as they are, and
// have sums from then on.
func TestNoSums(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flow.db")
	want := filled(t, path)
	sums, err := os.ReadFile(path + sumsSuffix)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []func() []byte{
		func() []byte { return nil },
		func() []byte { return sums[:len(sums)/2] },
		func() []byte { b := bytes.Clone(sums); b[100] ^= 1; return b },
		func() []byte { // a binary that knows of no sums has written since
			s, err := Open(path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			s.Begin().Commit([]byte("meta"))
			if err := errors.Join(s.Wait(), s.Close()); err != nil {
				t.Fatal(err)
			}
			return sums
		},
	} {
		if err := os.WriteFile(path+sumsSuffix, bad(), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := holds(s, want); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if list, err := check(path); err != nil || list == nil {
			t.Fatal("no sums were written", err)
		}
	}
}

// TestCopiesHaveSums copies files: a copy gets sums, and one of a page that is not what was written is not made.
func TestCopiesHaveSums(t *testing.T) {
	dir := t.TempDir()
	path, to := filepath.Join(dir, "flow.db"), filepath.Join(dir, "copy.db")
	want := filled(t, path)
	for range 3 { // the transactions of copies are even and odd
		s, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		s.Begin().Commit([]byte("meta"))
		if err := s.Wait(); err != nil {
			t.Fatal(err)
		}
		write := func() error {
			c, err := s.Copy()
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			_, err = c.WriteTo(&b)
			return errors.Join(err, c.Close(), os.WriteFile(to, b.Bytes(), 0o600))
		}
		if err := errors.Join(write(), RemoveSums(to), WriteSums(to)); err != nil {
			t.Fatal(err)
		}
		if list, err := check(to); list == nil || err != nil {
			t.Error("a copy has no sums", err)
		}
		copied, err := Open(to, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(holds(copied, want), copied.Close()); err != nil {
			t.Fatal(err)
		}
		id := uint64(2)
		for s.sums.of(id) == 0 {
			id++
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		var one [1]byte
		at := int64(id*4096 + 4000)
		f.ReadAt(one[:], at)
		for _, is := range []bool{true, false} { // damaged, and as it was
			one[0] ^= 1
			f.WriteAt(one[:], at)
			if err := write(); IsDamage(err) != is {
				t.Error(is, err)
			}
		}
		f.Close()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkSpilled reads keys of a map of a million that are all in the file only.
func BenchmarkSpilled(b *testing.B) {
	s, err := Open(filepath.Join(b.TempDir(), "flow.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	m := NewMap()
	const n = 1_000_000
	key := func(i int) []byte { return fmt.Appendf(nil, "group %09d", i*7919%n) }
	for i := range n {
		m.Set(key(i), []byte("some value of a middling length"))
	}
	c := s.Begin()
	if err := m.WriteChanges(c.Writer(1, 1)); err != nil {
		b.Fatal(err)
	}
	c.Commit(nil)
	if err := s.Wait(); err != nil {
		b.Fatal(err)
	}
	if err := s.Settle(); err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		if i%10_000 == 0 {
			m.Evict(1 << 40)
		}
		m.Set(key(i), []byte("another value of some length"))
		if i%100_000 == 99_999 {
			b.StopTimer()
			m = NewMap()
			if err := m.Attach(s.Region(1, 1)); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	}
}

// BenchmarkCheckpointLarge writes a checkpoint of a million groups.
func BenchmarkCheckpointLarge(b *testing.B) {
	for b.Loop() {
		s, err := Open(filepath.Join(b.TempDir(), "flow.db"), Options{})
		if err != nil {
			b.Fatal(err)
		}
		m := NewMap()
		for i := range 1_000_000 {
			m.Set(fmt.Appendf(nil, "group %09d", i), []byte("some value of a middling length"))
		}
		c := s.Begin()
		if err := m.WriteChanges(c.Writer(1, 1)); err != nil {
			b.Fatal(err)
		}
		c.Commit(nil)
		if err := s.Wait(); err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}
