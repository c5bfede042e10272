package wal_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/hashicorp/raft"
	"github.com/leatdb/leat/cluster/internal/crash"
	"github.com/leatdb/leat/cluster/wal"
)

// small makes a log with segments of 16 KiB on a disk that forgets.
func small(d *crash.Disk) wal.Config {
	return wal.Config{SegmentBytes: 16 << 10, FirstBytes: 8 << 10, TailBytes: 4 << 10, MaxBytes: 64 << 10, FS: d.WAL()}
}

func mustOpen(t testing.TB, cfg wal.Config) *wal.WAL {
	t.Helper()
	w, err := wal.Open("wal", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func payload(group, index, term uint64) []byte {
	n := 20 + int(index*7919%900)
	return bytes.Repeat(fmt.Appendf(nil, "g%d i%d t%d;", group, index, term), n/9+1)[:n]
}

func logs(group, first, last, term uint64) (out []*raft.Log) {
	for i := first; i <= last; i++ {
		out = append(out, &raft.Log{Index: i, Term: term, Data: payload(group, i, term)})
	}
	return out
}

// model is what one group must hold: the term of each entry from first on.
type model struct {
	first uint64
	terms []uint64
}

func (m *model) last() uint64 {
	if m.first == 0 {
		return 0
	}
	return m.first + uint64(len(m.terms)) - 1
}

func (m model) stored(first, last, term uint64) model {
	terms := slices.Clone(m.terms)
	if m.first == 0 {
		m.first = first
	}
	for i := first; i <= last; i++ {
		terms = append(terms, term)
	}
	return model{m.first, terms}
}

func (m model) deleted(lo, hi uint64) model {
	switch {
	case lo <= m.first && hi >= m.last():
		return model{}
	case lo <= m.first:
		return model{hi + 1, slices.Clone(m.terms[hi+1-m.first:])}
	}
	return model{m.first, slices.Clone(m.terms[:lo-m.first])}
}

// diff says how a group differs from the model; nil when it does not.
func (m model) diff(g *wal.Group) error {
	first, _ := g.FirstIndex()
	last, _ := g.LastIndex()
	if first != m.first || last != m.last() {
		return fmt.Errorf("group %d holds [%d, %d], want [%d, %d]", g.ID(), first, last, m.first, m.last())
	}
	for i, term := range m.terms {
		var l raft.Log
		index := m.first + uint64(i)
		if err := g.GetLog(index, &l); err != nil {
			return err
		}
		if l.Term != term || !bytes.Equal(l.Data, payload(g.ID(), index, term)) {
			return fmt.Errorf("group %d index %d has term %d, want %d", g.ID(), index, l.Term, term)
		}
	}
	return nil
}

// workload runs random requests on two groups until one fails. It returns what was acknowledged, and what the groups
// may hold instead because of the request that failed.
func workload(w *wal.WAL, r *rand.Rand, models [2]model, requests int) (acked [2]model, maybe [2][]model) {
	for range requests {
		k := r.IntN(2)
		g, m := w.Group(uint64(k+1)), models[k]
		var next model
		var prefixes []model
		var err error
		term := uint64(1)
		if n := len(m.terms); n > 0 {
			term = m.terms[n-1] + uint64(r.IntN(2))
		}
		switch what := r.IntN(10); {
		case what < 7 || m.first == 0:
			first, n := m.last()+1, uint64(1+r.IntN(6))
			for i := first; i < first+n; i++ {
				prefixes = append(prefixes, m.stored(first, i, term))
			}
			next = prefixes[n-1]
			err = g.StoreLogs(logs(g.ID(), first, first+n-1, term))
		case what < 9:
			hi := m.first + uint64(r.IntN(len(m.terms)))
			next = m.deleted(m.first, hi)
			err = g.DeleteRange(m.first, hi)
		default:
			lo := m.first + uint64(r.IntN(len(m.terms)))
			next = m.deleted(lo, m.last())
			err = g.DeleteRange(lo, m.last())
		}
		if err != nil {
			maybe[k] = append(prefixes, next)
			return models, maybe
		}
		models[k] = next
	}
	return models, maybe
}

// TestCrashAtEveryWrite turns the power off before every single change of the disk, and again in the run after it.
func TestCrashAtEveryWrite(t *testing.T) {
	const requests = 60
	var d crash.Disk
	workload(mustOpen(t, small(&d)), rand.New(rand.NewPCG(1, 1)), [2]model{}, requests)
	total := d.Ops()
	if total < 100 {
		t.Fatalf("only %d changes", total)
	}
	for at := 1; at <= total+2; at++ {
		var d crash.Disk
		d.PowerOffAt = at
		var models [2]model
		var maybe [2][]model
		r := rand.New(rand.NewPCG(1, 1))
		for life := range 6 {
			w, err := wal.Open("wal", small(&d))
			if err == nil {
				for k := range models {
					g := w.Group(uint64(k + 1))
					diff := models[k].diff(g)
					for _, m := range maybe[k] {
						if diff != nil && m.diff(g) == nil {
							models[k], diff = m, nil
						}
					}
					if diff != nil && !errors.Is(diff, crash.ErrPower) {
						t.Fatalf("power off at %d, life %d: %v", at, life, diff)
					}
				}
				if d.On() {
					models, maybe = workload(w, r, models, requests)
				}
				w.Close()
			} else if !errors.Is(err, crash.ErrPower) {
				t.Fatalf("power off at %d, life %d: %v", at, life, err)
			}
			d.Crash(rand.New(rand.NewPCG(uint64(at), uint64(life))))
			if life < 4 {
				d.PowerOffAt = 1 + (at*7+life)%29
			}
			r = rand.New(rand.NewPCG(uint64(at), uint64(life)))
		}
	}
}

func TestRecycledSegments(t *testing.T) {
	var d crash.Disk
	w := mustOpen(t, small(&d))
	g := w.Group(1)
	m := model{}
	for i := uint64(1); i < 2000; i++ {
		if err := g.StoreLogs(logs(1, i, i, i)); err != nil {
			t.Fatal(err)
		}
		m = m.stored(i, i, i)
		if i%50 == 0 {
			if err := g.DeleteRange(1, i-10); err != nil {
				t.Fatal(err)
			}
			m = m.deleted(m.first, i-10)
		}
		if i%333 == 0 { // stale segments and stale tails must not come back
			w.Close()
			d.Crash(rand.New(rand.NewPCG(i, 0)))
			w = mustOpen(t, small(&d))
			g = w.Group(1)
			if err := m.diff(g); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := len(d.Names()); n > 8 {
		t.Fatalf("%d files: %v", n, d.Names())
	}
	if w.LiveBytes() > 64<<10 {
		t.Fatalf("%d live bytes", w.LiveBytes())
	}
}

// TestDamage changes every byte of a log in turn: recovery must lose nothing that was acknowledged, or refuse and say
// where; only the last batch cannot be told from a torn one.
func TestDamage(t *testing.T) {
	var d crash.Disk
	w := mustOpen(t, small(&d))
	m, before := model{}, model{}
	for i := uint64(1); i <= 24; i++ {
		before = m
		if err := w.Group(1).StoreLogs(logs(1, i, i, 1)); err != nil {
			t.Fatal(err)
		}
		m = m.stored(i, i, 1)
	}
	w.Close()
	refused, cut, same := 0, 0, 0
	for _, name := range d.Names() {
		if !strings.HasSuffix(name, ".seg") {
			continue
		}
		whole := d.Bytes(name)
		for pos := 0; pos < len(whole); pos += 3 {
			broken := slices.Clone(whole)
			broken[pos] ^= 0x41
			d.Put(name, broken)
			w, err := wal.Open("wal", small(&d))
			var corrupt *wal.CorruptError
			switch {
			case errors.As(err, &corrupt):
				if corrupt.File == "" || !errors.Is(err, wal.ErrCorrupt) {
					t.Fatalf("%v", err)
				}
				refused++
			case err != nil:
				t.Fatal(err)
			case m.diff(w.Group(1)) == nil:
				same++
			case before.diff(w.Group(1)) == nil:
				cut++
			default:
				t.Fatalf("%s: byte %d changed: %v", name, pos, m.diff(w.Group(1)))
			}
			if w != nil {
				w.Close()
			}
			d.Put(name, whole)
		}
	}
	if refused == 0 || cut == 0 || same == 0 || cut > 400 {
		t.Fatalf("refused %d, cut %d, unchanged %d", refused, cut, same)
	}
}

// TestMissingSegment removes each segment in turn.
func TestMissingSegment(t *testing.T) {
	var d crash.Disk
	w := mustOpen(t, small(&d))
	for i := uint64(1); i <= 100; i++ {
		if err := w.Group(1).StoreLogs(logs(1, i, i, 1)); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	live := 0
	for _, name := range d.Names() {
		b := d.Bytes(name)
		if !strings.HasSuffix(name, ".seg") || bytes.Count(b, []byte{0}) == len(b) {
			continue
		}
		live++
		d.Put(name, make([]byte, len(b)))
		_, err := wal.Open("wal", small(&d))
		if !errors.Is(err, wal.ErrCorrupt) && !strings.HasSuffix(name, "00000006.seg") {
			w := mustOpen(t, small(&d))
			last, _ := w.Group(1).LastIndex()
			if last == 100 {
				t.Fatalf("%s is missing, and nobody noticed", name)
			}
			t.Logf("%s was the newest: the log ends at %d", name, last)
		}
		d.Put(name, b)
	}
	if live < 4 {
		t.Fatalf("only %d segments", live)
	}
}

func TestNoSpace(t *testing.T) {
	var d crash.Disk
	var mu sync.Mutex
	full := false
	d.Fault = func(op, name string) error {
		mu.Lock()
		defer mu.Unlock()
		if full && op == "write" && !strings.HasSuffix(name, "stable") {
			return syscall.ENOSPC
		}
		return nil
	}
	set := func(v bool) { mu.Lock(); full = v; mu.Unlock() }
	w := mustOpen(t, small(&d))
	g, m := w.Group(1), model{}
	for i := range uint64(30) {
		first := 1 + i*3
		set(true)
		if err := g.StoreLogs(logs(1, first, first+9, 7)); !errors.Is(err, wal.ErrNoSpace) {
			t.Fatalf("on a full disk: %v", err)
		}
		if err := m.diff(g); err != nil {
			t.Fatal(err)
		}
		if err := g.SetUint64([]byte("CurrentTerm"), i); err != nil {
			t.Fatalf("a term on a full disk: %v", err)
		}
		set(false)
		if err := g.StoreLogs(logs(1, first, first+2, 1)); err != nil {
			t.Fatal(err)
		}
		m = m.stored(first, first+2, 1)
		w.Close() // what the refused batch left behind must not come back
		d.Crash(rand.New(rand.NewPCG(3, i)))
		w = mustOpen(t, small(&d))
		if g = w.Group(1); m.diff(g) != nil {
			t.Fatal(m.diff(g))
		}
	}
}

func TestFailedSyncIsFinal(t *testing.T) {
	var d crash.Disk
	w := mustOpen(t, small(&d))
	g := w.Group(1)
	if err := g.StoreLogs(logs(1, 1, 3, 1)); err != nil {
		t.Fatal(err)
	}
	bad := true
	d.Fault = func(op, _ string) error {
		if op == "sync" && bad {
			bad = false
			return syscall.EIO
		}
		return nil
	}
	for range 3 {
		if err := g.StoreLogs(logs(1, 4, 5, 1)); !errors.Is(err, wal.ErrFailed) {
			t.Fatalf("after a failed sync: %v", err)
		}
	}
	if err := w.Err(); !errors.Is(err, wal.ErrFailed) {
		t.Fatalf("Err: %v", err)
	}
	if err := (model{}).stored(1, 3, 1).diff(g); err != nil {
		t.Fatal(err)
	}
}

func TestManyGroups(t *testing.T) {
	var d crash.Disk
	cfg := small(&d)
	asked := make(chan uint64, 1000)
	cfg.Pinned = func(id uint64) {
		select {
		case asked <- id:
		default:
		}
	}
	w := mustOpen(t, cfg)
	const groups, rounds = 16, 60
	models := make([]model, groups)
	var all sync.WaitGroup
	for k := range models {
		all.Go(func() {
			g := w.Group(uint64(k))
			for i := range uint64(rounds) {
				if err := g.StoreLogs(logs(g.ID(), 1+2*i, 2+2*i, 1)); err != nil {
					t.Error(err)
					return
				}
				models[k] = models[k].stored(1+2*i, 2+2*i, 1)
				if k > 0 && i%20 == 19 {
					if err := g.DeleteRange(1, 2*i); err != nil {
						t.Error(err)
						return
					}
					models[k] = models[k].deleted(models[k].first, 2*i)
				}
				var l raft.Log
				if err := g.GetLog(2+2*i, &l); err != nil || l.Index != 2+2*i {
					t.Errorf("group %d index %d: %v", k, 2+2*i, err)
				}
			}
		})
	}
	all.Wait()
	select {
	case <-asked:
	default:
		t.Error("group 0 pins all segments, and no snapshot was asked for")
	}
	for range 2 {
		for k := range models {
			if err := models[k].diff(w.Group(uint64(k))); err != nil {
				t.Fatal(err)
			}
		}
		w.Close()
		w = mustOpen(t, cfg)
	}
}

func TestRefusals(t *testing.T) {
	var d crash.Disk
	w := mustOpen(t, small(&d))
	g := w.Group(1)
	if err := g.StoreLogs(logs(1, 5, 9, 1)); err != nil {
		t.Fatal(err)
	}
	want := model{}.stored(5, 9, 1)
	for name, err := range map[string]error{
		"a gap":               g.StoreLogs(logs(1, 11, 12, 1)),
		"an index again":      g.StoreLogs(logs(1, 9, 10, 1)),
		"a hole":              g.DeleteRange(6, 8),
		"a range upside down": g.DeleteRange(9, 5),
	} {
		if err == nil {
			t.Errorf("%s was allowed", name)
		}
	}
	if err := want.diff(g); err != nil {
		t.Fatal(err)
	}
	big := &raft.Log{Index: 10, Term: 1, Data: make([]byte, 100<<10)} // larger than a segment
	if err := g.StoreLog(big); err != nil {
		t.Fatal(err)
	}
	w.Close()
	w = mustOpen(t, small(&d))
	var l raft.Log
	if err := w.Group(1).GetLog(10, &l); err != nil || len(l.Data) != 100<<10 {
		t.Fatalf("%d bytes, %v", len(l.Data), err)
	}
}

// FuzzRecover opens logs of any bytes: recovery must not panic, and what it accepts it must be able to read and extend.
func FuzzRecover(f *testing.F) {
	var d crash.Disk
	w := mustOpen(f, small(&d))
	for i := uint64(1); i <= 12; i++ {
		if err := w.Group(1).StoreLogs(logs(1, i, i, 1)); err != nil {
			f.Fatal(err)
		}
	}
	w.Group(1).DeleteRange(1, 3)
	w.Close()
	seed := d.Bytes("wal/00000000.seg")
	second := d.Bytes("wal/00000001.seg")
	stable := d.Bytes("wal/stable")[:200]
	f.Add(seed, second, stable)
	f.Add(seed[:5000], []byte{}, []byte{1})
	f.Fuzz(func(t *testing.T, a, b, stable []byte) {
		if len(a) > 64<<10 || len(b) > 64<<10 || len(stable) > 64<<10 {
			return
		}
		var d crash.Disk
		d.Put("wal/00000000.seg", a)
		d.Put("wal/00000001.seg", b)
		d.Put("wal/stable", append(stable, make([]byte, 128<<10-len(stable))...))
		w, err := wal.Open("wal", small(&d))
		if err != nil {
			return
		}
		defer w.Close()
		g := w.Group(1)
		first, _ := g.FirstIndex()
		last, _ := g.LastIndex()
		var l raft.Log
		for i := first; i != 0 && i <= last; i++ {
			if err := g.GetLog(i, &l); err != nil {
				t.Fatal(err)
			}
		}
		if last < 1<<62 {
			if err := g.StoreLogs(logs(1, last+1, last+1, 1)); err != nil {
				t.Fatal(err)
			}
		}
	})
}
