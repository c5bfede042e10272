package log_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leatdb/leat/log"
	"github.com/leatdb/leat/log/logtest"
)

// errPower is what every operation returns once the power is gone.
var errPower = errors.New("no power")

// powerCut makes the operation after n others, and all that follow, fail.
func powerCut(n int) func(logtest.Op, string) error {
	return func(logtest.Op, string) error {
		if n--; n < 0 {
			return errPower
		}
		return nil
	}
}

// command is an entry of the replicated log: an append, or a trim.
type command struct {
	batches []byte
	epoch   int32
	trim    int64
}

// machine is a partition with what the layer above keeps: the committed commands, and the last snapshot's manifest.
type machine struct {
	commands []command
	manifest log.State
	covered  int // commands that the manifest covers
	model    []byte
	next     int64
	start    int64
}

func (m *machine) appendCommand(random *rand.Rand) {
	c := command{epoch: int32(len(m.commands) / 7)}
	for range 1 + random.IntN(3) {
		c.batches = append(c.batches, batchOf(1+random.IntN(5), random.Int64N(1000), "some text")...)
	}
	m.commands = append(m.commands, c)
}

// apply applies the commands from the one at index from on, as a node does, with a snapshot now and then.
func (m *machine) apply(p *log.Partition, from int, snapshots bool) error {
	for i := from; i < len(m.commands); i++ {
		c := m.commands[i]
		var err error
		if c.batches == nil {
			err = p.Trim(c.trim)
		} else {
			_, err = p.Append(c.batches, c.epoch)
		}
		if err != nil {
			return err
		}
		if snapshots && i%5 == 4 {
			state := p.State()
			if err := p.Sync(); err != nil {
				return err
			}
			m.manifest, m.covered = state, i+1
		}
	}
	return nil
}

// script makes a run of appends and trims, and the bytes that they amount to.
func script(random *rand.Rand, n int) *machine {
	m := new(machine)
	for range n {
		if m.next > 0 && random.IntN(6) == 0 {
			at := m.start + random.Int64N(m.next-m.start+1)
			if random.IntN(4) == 0 {
				at = m.next
			}
			m.commands = append(m.commands, command{trim: at})
			m.start = max(m.start, at)
			continue
		}
		m.appendCommand(random)
		c := m.commands[len(m.commands)-1]
		for rest := bytes.Clone(c.batches); len(rest) > 0; {
			h, batch, tail, err := log.NextBatch(rest)
			if err != nil {
				panic("BUG: " + err.Error())
			}
			log.PutOffsetEpoch(batch, m.next, c.epoch)
			m.next += int64(h.Records)
			m.model = append(m.model, batch...)
			rest = tail
		}
	}
	return m
}

// verify compares a partition to which everything was applied with the script.
func (m *machine) verify(t *testing.T, p *log.Partition) {
	t.Helper()
	start, next := p.Bounds()
	got := contents(t, p)
	if start != m.start || next != m.next {
		t.Fatalf("offsets %d to %d, want %d to %d", start, next, m.start, m.next)
	}
	if !bytes.HasSuffix(m.model, got) {
		t.Fatal("other bytes than appended")
	}
	if start < next {
		if h, _, err := log.Check(got); err != nil || h.BaseOffset > start || h.LastOffset() < start {
			t.Fatalf("the first batch is %+v, %v; want offset %d", h, err, start)
		}
	}
}

// TestPowerCutAtEveryOperation cuts the power before each operation of a run in turn, then again somewhere in the
// recovery, recovers from the last manifest and replays.
func TestPowerCutAtEveryOperation(t *testing.T) {
	for seed := range uint64(3) {
		for cut := 0; ; cut++ {
			random := rand.New(rand.NewPCG(seed, 9))
			m := script(random, 60)
			disk := &logtest.FS{Before: powerCut(cut)}
			cfg := small
			cfg.SegmentSizeBytes, cfg.FS = 1500, disk
			p, err := log.Open(dir, cfg, log.State{})
			if err == nil {
				err = m.apply(p, 0, true)
			}
			if err == nil {
				m.verify(t, p)
				break
			}
			if !errors.Is(err, errPower) {
				t.Fatal(err)
			}
			luck := rand.New(rand.NewPCG(seed, uint64(cut)))
			recoverTwice(t, m, disk, luck)
		}
	}
}

// recoverTwice recovers after a power cut, is interrupted, and recovers again.
func recoverTwice(t *testing.T, m *machine, disk *logtest.FS, luck *rand.Rand) {
	t.Helper()
	if luck.IntN(4) == 0 {
		disk = disk.Crash(nil)
	} else {
		disk = disk.Crash(luck)
	}
	cfg := small
	cfg.SegmentSizeBytes, cfg.FS = 1500, disk
	disk.Before = powerCut(luck.IntN(60))
	p, err := log.Open(dir, cfg, m.manifest)
	if err == nil {
		err = m.apply(p, m.covered, luck.IntN(2) == 0)
	}
	if err != nil && !errors.Is(err, errPower) {
		t.Fatal(err)
	}
	disk = disk.Crash(luck)
	cfg.FS = disk
	if p, err = log.Open(dir, cfg, m.manifest); err != nil {
		t.Fatal(err)
	}
	verifyFiles(t, p, disk)
	contents(t, p)
	if err := m.apply(p, m.covered, true); err != nil {
		t.Fatal(err)
	}
	m.verify(t, p)
	state := synced(t, p)
	if p, err = log.Open(dir, cfg, state); err != nil {
		t.Fatal(err)
	}
	m.verify(t, p)
	if _, _, _, err := p.OffsetForTime(500); err != nil {
		t.Fatal(err)
	}
}

// verifyFiles checks that a partition just opened has the segment files of its state, and nothing beyond them.
func verifyFiles(t *testing.T, p *log.Partition, disk *logtest.FS) {
	t.Helper()
	names, err := disk.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, name := range names {
		found[filepath.Join(dir, name)] = filepath.Ext(name) == ".log"
	}
	for _, s := range p.State().Segments {
		name := logName(s.Base)
		if size := int64(len(disk.Bytes(name))); !found[name] || size != s.Size {
			t.Fatalf("%s has %d bytes, want %d", name, size, s.Size)
		}
		delete(found, name)
	}
	for name, segment := range found {
		if segment {
			t.Fatalf("%s is left over", name)
		}
	}
}

// TestFaultAtEveryOperation lets each operation but a sync of a run fail once, and tries the command again.
func TestFaultAtEveryOperation(t *testing.T) {
	broken := errors.New("one bad moment")
	for at := 0; ; at++ {
		m := script(rand.New(rand.NewPCG(7, 7)), 60)
		failed := false
		n := at
		disk := &logtest.FS{Before: func(op logtest.Op, _ string) error {
			if op == logtest.OpSync || op == logtest.OpSyncDir {
				return nil
			}
			if n--; n == -1 {
				failed = true
				return broken
			}
			return nil
		}}
		cfg := small
		cfg.SegmentSizeBytes, cfg.FS = 1500, disk
		p, err := log.Open(dir, cfg, log.State{})
		if errors.Is(err, broken) {
			p, err = log.Open(dir, cfg, log.State{})
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range m.commands {
			one := machine{commands: m.commands[i : i+1]}
			err := one.apply(p, 0, false)
			if errors.Is(err, broken) {
				err = one.apply(p, 0, false)
			}
			if err != nil {
				t.Fatal(err)
			}
			if i%5 == 4 {
				if err := p.Sync(); err != nil {
					t.Fatal(err)
				}
			}
		}
		m.verify(t, p)
		state := synced(t, p)
		if p, err = log.Open(dir, cfg, state); err != nil {
			t.Fatal(err)
		}
		m.verify(t, p)
		if !failed {
			return
		}
	}
}

// filled is a synced partition of several segments and its disk.
func filled(t *testing.T) (*logtest.FS, log.State, []byte) {
	t.Helper()
	disk := new(logtest.FS)
	p := open(t, disk, log.State{})
	for i := range int64(80) {
		mustAppend(t, p, batchOf(5, i*5, "some text"), 0)
	}
	all := contents(t, p)
	return disk, synced(t, p), all
}

func logName(base int64) string { return filepath.Join(dir, fmt.Sprintf("%020d.log", base)) }

func TestMissingBytesAreNamed(t *testing.T) {
	for i, want := range map[int]string{0: "at byte 100", 1: "at byte 100", -1: "at byte 100"} {
		disk, state, _ := filled(t)
		i = (i + len(state.Segments)) % len(state.Segments)
		name := logName(state.Segments[i].Base)
		disk.Put(name, disk.Bytes(name)[:100])
		cfg := small
		cfg.FS = disk
		_, err := log.Open(dir, cfg, state)
		if !errors.Is(err, log.ErrCorrupt) || !strings.Contains(err.Error(), name+" "+want) {
			t.Errorf("segment %d cut short: %v", i, err)
		}
		if err := disk.Remove(name); err != nil {
			t.Fatal(err)
		}
		if _, err := log.Open(dir, cfg, state); !errors.Is(err, log.ErrCorrupt) {
			t.Errorf("segment %d gone: %v", i, err)
		}
	}
}

func TestDamagedHeaderIsNamed(t *testing.T) {
	disk, state, _ := filled(t)
	name := logName(state.Segments[0].Base)
	b := disk.Bytes(name)
	h, n, err := log.Check(b)
	if err != nil {
		t.Fatal(err)
	}
	b[n+16] = 1
	disk.Put(name, b)
	p := open(t, disk, state)
	if got, err := p.Read(0, 1<<20, nil); err != nil || len(got) != n {
		t.Fatalf("read in front of the damage: %d bytes, %v", len(got), err)
	}
	_, err = p.Read(h.LastOffset()+1, 1<<20, nil)
	place := fmt.Sprintf("%s at byte %d", name, n)
	if !errors.Is(err, log.ErrCorrupt) || !strings.Contains(err.Error(), place) {
		t.Fatalf("read at the damage: %v", err)
	}
}

// TestIndexesAreCaches damages index files in every way and finds every record all the same.
func TestIndexesAreCaches(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	reseal := func(entry []byte) {
		binary.BigEndian.PutUint32(entry[len(entry)-4:], crc(entry[:len(entry)-4]))
	}
	damages := map[string]func(disk *logtest.FS, name string, entryLen int){
		"none":    func(*logtest.FS, string, int) {},
		"removed": func(disk *logtest.FS, name string, _ int) { _ = disk.Remove(name) },
		"empty":   func(disk *logtest.FS, name string, _ int) { disk.Put(name, nil) },
		"cut":     func(disk *logtest.FS, name string, n int) { disk.Put(name, disk.Bytes(name)[:n+3]) },
		"garbage": func(disk *logtest.FS, name string, _ int) { disk.Put(name, bytes.Repeat([]byte{7}, 999)) },
		"flipped": func(disk *logtest.FS, name string, _ int) {
			b := disk.Bytes(name)
			b[random.IntN(len(b))] ^= 1 << random.IntN(8)
			disk.Put(name, b)
		},
		"lying about an offset": func(disk *logtest.FS, name string, n int) {
			b := disk.Bytes(name)
			entry, rel := b[n:2*n], (n-12)*2 // the second entry, and where its relative offset is
			entry[rel+3]--
			reseal(entry)
			disk.Put(name, b)
		},
		"lying about a position": func(disk *logtest.FS, name string, n int) {
			b := disk.Bytes(name)
			entry := b[n*(1+random.IntN(len(b)/n-1)):][:n]
			entry[7]++
			reseal(entry)
			disk.Put(name, b)
		},
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			disk, state, all := filled(t)
			for _, s := range state.Segments {
				base := logName(s.Base)
				damage(disk, base[:len(base)-3]+"index", 12)
				damage(disk, base[:len(base)-3]+"timeindex", 16)
			}
			p := open(t, disk, state)
			for offset := state.Next - 1; offset >= 0; offset-- {
				b, err := p.Read(offset, 1, nil)
				if err != nil {
					t.Fatal(err)
				}
				if h, _, err := log.Check(b); err != nil || offset < h.BaseOffset || offset > h.LastOffset() {
					t.Fatalf("read at %d: %+v, %v", offset, h, err)
				}
				if found, _, ok, err := p.OffsetForTime(offset); err != nil || !ok || found != offset {
					t.Fatalf("time %d: %d, %v, %v", offset, found, ok, err)
				}
			}
			if !bytes.Equal(contents(t, p), all) {
				t.Fatal("other bytes")
			}
		})
	}
}

// TestOpenLeavesOthersAlone opens a directory with foreign files and with leftovers.
func TestOpenLeavesOthersAlone(t *testing.T) {
	home := t.TempDir()
	for _, name := range []string{"notes.txt", "00000000000000000009.log", "00000000000000000009.index", "1.log"} {
		if err := os.WriteFile(filepath.Join(home, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := log.Open(home, log.Config{}, log.State{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	names, err := log.OS.List(home)
	if err != nil || fmt.Sprint(names) != "[00000000000000000000.log 1.log notes.txt]" {
		t.Fatalf("files %v, %v", names, err)
	}
}
