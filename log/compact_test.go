package log_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/leatdb/leat/log"
	"github.com/leatdb/leat/log/logtest"
)

// keyed is a record of a history: what the model knows of it.
type keyed struct {
	offset     int64
	key, value string // value "": a tombstone
	aborted    bool
	cleaned    int64 // when it was first compacted, 0 before
}

// history is a run of commands over one partition, and the model of it: a list of records.
type history struct {
	random   *rand.Rand
	commands []historyCommand
	records  []keyed
	aborted  []log.Aborted
	next     int64
	start    int64
	now      int64
	cleaned  int64
}

type historyCommand struct {
	batches []byte
	compact log.Compaction
	trim    int64
}

const tombstoneMs = 1000

// batch appends a batch of a producer, or of none (-1).
func (h *history) batch(producer int64, seq int32, transactional bool) []int {
	var b log.Builder
	if transactional {
		b.SetAttributes(log.AttrTransactional)
	}
	if producer >= 0 {
		b.SetProducer(producer, 0, seq)
	}
	var added []int
	for range 1 + h.random.IntN(6) {
		r := keyed{offset: h.next, key: fmt.Sprint("key", h.random.IntN(12)), value: strings.Repeat("v", h.random.IntN(40))}
		var headers []log.RecordHeader
		if h.random.IntN(4) == 0 {
			headers = []log.RecordHeader{{Key: []byte("h"), Value: []byte("x")}, {Key: []byte("n")}}
		}
		var value []byte
		if h.random.IntN(4) > 0 {
			r.value = fmt.Sprint(r.value, r.offset)
			value = []byte(r.value)
		} else {
			r.value = ""
		}
		b.Append([]byte(r.key), value, h.now+int64(h.random.IntN(9)), headers)
		added = append(added, len(h.records))
		h.records = append(h.records, r)
		h.next++
	}
	packed, err := log.Recompress(b.Finish(), log.Codec(h.random.IntN(5)))
	if err != nil {
		panic(err)
	}
	h.commands = append(h.commands, historyCommand{batches: bytes.Clone(packed)})
	return added
}

// transaction appends the batches of a transaction, others between them, and its marker.
func (h *history) transaction(producer int64) {
	first, commit := h.next, h.random.IntN(2) == 0
	var added []int
	for i := range 1 + h.random.IntN(3) {
		added = append(added, h.batch(producer, int32(100*i), true)...)
		if h.random.IntN(2) == 0 {
			h.batch(-1, -1, false)
		}
	}
	key := make([]byte, 4)
	if commit {
		key[3] = 1
	} else {
		h.aborted = append(h.aborted, log.Aborted{Producer: producer, First: first, Last: h.next})
		for _, i := range added {
			h.records[i].aborted = true
		}
	}
	var b log.Builder
	b.SetAttributes(log.AttrTransactional | log.AttrControl)
	b.SetProducer(producer, 0, -1)
	b.Append(key, binary.BigEndian.AppendUint32([]byte{0, 0}, 7), h.now, nil)
	h.commands = append(h.commands, historyCommand{batches: bytes.Clone(b.Finish())})
	h.next++
}

func (h *history) compact() {
	if h.next == h.cleaned {
		return
	}
	h.cleaned = h.next
	latest := map[string]int64{}
	for _, r := range h.records {
		if !r.aborted {
			latest[r.key] = r.offset
		}
	}
	h.records = slices.DeleteFunc(h.records, func(r keyed) bool {
		expired := r.value == "" && r.cleaned > 0 && h.now >= r.cleaned+tombstoneMs
		return r.aborted || latest[r.key] != r.offset || expired
	})
	for i := range h.records {
		if h.records[i].cleaned == 0 {
			h.records[i].cleaned = h.now
		}
	}
	h.commands = append(h.commands, historyCommand{compact: log.Compaction{Upto: h.next, NowMs: h.now,
		DeleteRetentionMs: tombstoneMs, ProducerExpiryMs: 3000, Aborted: slices.Clone(h.aborted)}})
}

func makeHistory(random *rand.Rand, n int) *history {
	h := &history{random: random, now: 1}
	for range n {
		h.now += h.random.Int64N(150)
		switch h.random.IntN(12) {
		case 0, 1:
			h.transaction(h.random.Int64N(3))
		case 2:
			h.compact()
		case 3:
			h.batch(10+h.random.Int64N(3), int32(h.next), false)
		case 4:
			if h.random.IntN(3) == 0 && h.next > 0 {
				h.start = max(h.start, h.start+h.random.Int64N(h.next-h.start+1)/3)
				h.commands = append(h.commands, historyCommand{trim: h.start})
			}
		default:
			h.batch(-1, -1, false)
		}
	}
	return h
}

// applyHistory applies one command as the layer above does.
func applyHistory(p *log.Partition, c *historyCommand) error {
	switch {
	case c.batches != nil:
		_, err := p.Append(c.batches, 1)
		return err
	case c.compact.Upto > 0:
		if err := p.Roll(); err != nil {
			return err
		}
		return p.Compact(c.compact, nil, func([]int64) {})
	default:
		return p.Trim(c.trim)
	}
}

// visible reads the records that a reader of committed records sees.
func (h *history) visible(t *testing.T, p *log.Partition) (all []keyed) {
	t.Helper()
	start, _ := p.Bounds()
	for rest := contents(t, p); len(rest) > 0; {
		head, one, tail, err := log.NextBatch(rest)
		if err != nil {
			t.Fatal(err)
		}
		rest = tail
		gone := slices.ContainsFunc(h.aborted, func(a log.Aborted) bool {
			return a.Producer == head.ProducerID && a.First <= head.BaseOffset && head.BaseOffset < a.Last
		})
		if head.Control() || gone && head.Transactional() {
			continue
		}
		var r log.Reader
		var rec log.Record
		if err := r.Reset(one); err != nil {
			t.Fatal(err)
		}
		for r.Next(&rec) {
			if rec.Offset >= start {
				all = append(all, keyed{offset: rec.Offset, key: string(rec.Key), value: string(rec.Value)})
			}
		}
		if r.Err() != nil {
			t.Fatal(r.Err())
		}
	}
	return all
}

func (h *history) verify(t *testing.T, p *log.Partition) {
	t.Helper()
	var want []keyed
	for _, r := range h.records {
		if r.offset >= h.start && !r.aborted {
			want = append(want, keyed{offset: r.offset, key: r.key, value: r.value})
		}
	}
	if got := h.visible(t, p); !slices.Equal(got, want) {
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Fatalf("record %d is %+v, want %+v", i, got[i], want[i])
			}
		}
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	if start, next := p.Bounds(); start != h.start || next != h.next {
		t.Fatalf("offsets %d to %d, want %d to %d", start, next, h.start, h.next)
	}
}

// TestCompaction compares what compaction leaves with a model, and the bytes of two replicas whose segments differ, one
// of which is closed and opened again all the time.
func TestCompaction(t *testing.T) {
	for seed := range uint64(60) {
		h := makeHistory(rand.New(rand.NewPCG(seed, 1)), 90)
		var disks [2]logtest.FS
		cfg := small
		cfg.FS = &disks[0]
		one, err := log.Open(dir, cfg, log.State{})
		if err != nil {
			t.Fatal(err)
		}
		cfg.SegmentSizeBytes, cfg.IndexIntervalBytes, cfg.FS = 700, 64, &disks[1]
		other, err := log.Open(dir, cfg, log.State{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range h.commands {
			for _, p := range []*log.Partition{one, other} {
				if err := applyHistory(p, &h.commands[i]); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
			if i%7 == 0 {
				state := synced(t, other)
				if err := errors.Join(other.Durable(&state), other.Close()); err != nil {
					t.Fatal(err)
				}
				if other, err = log.Open(dir, cfg, state); err != nil {
					t.Fatal(err)
				}
			}
		}
		h.verify(t, one)
		if !bytes.Equal(contents(t, one), contents(t, other)) {
			t.Fatalf("seed %d: the replicas differ", seed)
		}
		if _, _, _, err := other.OffsetForTime(h.now / 2); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPowerCutInCompaction cuts the power before each operation of a run with compactions, recovers and replays: the
// bytes are those of a run without a cut.
func TestPowerCutInCompaction(t *testing.T) {
	for seed := range uint64(2) {
		h := makeHistory(rand.New(rand.NewPCG(seed, 3)), 60)
		p, err := log.Open(dir, compactConfig(&logtest.FS{}), log.State{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range h.commands {
			if err := applyHistory(p, &h.commands[i]); err != nil {
				t.Fatal(err)
			}
		}
		h.verify(t, p)
		want := contents(t, p)
		for cut := 0; ; cut++ {
			disk := &logtest.FS{Before: powerCut(cut)}
			r := replica{h: h}
			if err := r.run(disk, true); err == nil {
				break
			} else if !errors.Is(err, errPower) {
				t.Fatal(err)
			}
			luck := rand.New(rand.NewPCG(seed, uint64(cut)))
			disk = disk.Crash(luck)
			disk.Before = powerCut(luck.IntN(80)) // and once more in the recovery
			if err := r.run(disk, true); err != nil && !errors.Is(err, errPower) {
				t.Fatal(err)
			}
			disk = disk.Crash(luck)
			if err := r.run(disk, false); err != nil {
				t.Fatalf("cut %d: %v", cut, err)
			}
			if !bytes.Equal(contents(t, r.p), want) {
				t.Fatalf("seed %d: other bytes after a power cut at operation %d", seed, cut)
			}
			verifyNoOthers(t, r.p, disk)
		}
	}
}

func compactConfig(disk log.FS) log.Config {
	return log.Config{SegmentSizeBytes: 1500, IndexIntervalBytes: 200, FS: disk}
}

// replica runs a history from its last manifest on.
type replica struct {
	h        *history
	p        *log.Partition
	manifest log.State
	covered  int
	state    log.State // of a snapshot under way,
	at       int       // and where it was taken
}

func (r *replica) run(disk *logtest.FS, snapshots bool) (err error) {
	r.at = 0
	if r.p, err = log.Open(dir, compactConfig(disk), r.manifest); err != nil {
		return err
	}
	for i := r.covered; i < len(r.h.commands); i++ {
		if err := applyHistory(r.p, &r.h.commands[i]); err != nil {
			return err
		}
		switch {
		case snapshots && i%7 == 3: // others are applied before it is durable
			r.state, r.at = r.p.State(), i+1
		case r.at > 0 && i%7 == 5:
			if err := r.p.Sync(); err != nil {
				return err
			}
			r.manifest, r.covered, r.at = r.state, r.at, 0
			if err := r.p.Durable(&r.manifest); err != nil {
				return err
			}
		}
	}
	return nil
}

// verifyNoOthers checks that only the files of the state are left, once its manifest is durable.
func verifyNoOthers(t *testing.T, p *log.Partition, disk *logtest.FS) {
	t.Helper()
	state := synced(t, p)
	if err := p.Durable(&state); err != nil {
		t.Fatal(err)
	}
	names, err := disk.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	segments := 0
	for _, name := range names {
		if filepath.Ext(name) == ".log" {
			segments++
		}
	}
	if segments != len(state.Segments) {
		t.Fatalf("%d segment files for %d segments: %v", segments, len(state.Segments), names)
	}
}

// TestCompactionRefuses asks for what cannot be done.
func TestCompactionRefuses(t *testing.T) {
	p := open(t, &logtest.FS{}, log.State{})
	mustAppend(t, p, batchOf(3, 1, "x"), 0)
	if err := p.Compact(log.Compaction{Upto: 3}, nil, nil); !errors.Is(err, log.ErrOffsetOutOfRange) {
		t.Fatalf("without a roll: %v", err)
	}
	if err := p.Roll(); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	close(stop)
	before := contents(t, p)
	if err := p.Compact(log.Compaction{Upto: 3}, stop, nil); !errors.Is(err, log.ErrStopped) {
		t.Fatalf("stopped: %v", err)
	}
	if !bytes.Equal(contents(t, p), before) {
		t.Fatal("a compaction that was stopped has changed something")
	}
}

// TestRecompress compresses with every codec and reads the records again.
func TestRecompress(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	for _, n := range []int{1, 3, 500} {
		samples := randomSamples(random, n)
		samples[0].value = bytes.Repeat([]byte("so long "), 30<<10)
		var b log.Builder
		want := bytes.Clone(build(&b, samples))
		for codec := log.CodecNone; codec <= log.CodecZstd; codec++ {
			packed, err := log.Recompress(want, codec)
			if err != nil {
				t.Fatal(err)
			}
			h, _, err := log.Check(packed)
			if err != nil || h.Codec() != codec {
				t.Fatalf("%s: %+v, %v", codec, h, err)
			}
			if codec != log.CodecNone && len(packed) > len(want)*3/4 {
				t.Errorf("%s: %d bytes of %d", codec, len(packed), len(want))
			}
			again, err := log.Recompress(packed, log.CodecNone)
			if err != nil || !bytes.Equal(again, want) {
				t.Fatalf("%s: other records, %v", codec, err)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(map[string]bool{"none": true, "lz4": true, "uncompressed": true})) {
		if _, err := log.ParseCodec(name); err != nil {
			t.Error(err)
		}
	}
	if _, err := log.ParseCodec("producer"); !errors.Is(err, log.ErrCodec) {
		t.Error(err)
	}
}
