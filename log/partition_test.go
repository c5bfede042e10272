package log_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/leatdb/leat/log"
	"github.com/leatdb/leat/log/logtest"
)

const dir = "data/partition-0"

var small = log.Config{SegmentSizeBytes: 4000, IndexIntervalBytes: 300}

func open(t *testing.T, disk log.FS, state log.State) *log.Partition {
	t.Helper()
	cfg := small
	cfg.FS = disk
	p, err := log.Open(dir, cfg, state)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// batchOf makes a batch of records whose times are first, first+1, and so on.
func batchOf(records int, first int64, value string) []byte {
	var b log.Builder
	b.Reset()
	for i := range records {
		b.Append([]byte("k"), []byte(value), first+int64(i), nil)
	}
	return b.Finish()
}

func mustAppend(t *testing.T, p *log.Partition, batches []byte, epoch int32) int64 {
	t.Helper()
	base, err := p.Append(batches, epoch)
	if err != nil {
		t.Fatal(err)
	}
	return base
}

// contents reads everything from start on, in small reads.
func contents(t *testing.T, p *log.Partition) []byte {
	t.Helper()
	var all []byte
	offset, next := p.Bounds()
	for offset < next {
		n := len(all)
		var err error
		if all, err = p.Read(offset, 700, all); err != nil {
			t.Fatal(err)
		}
		for rest := all[n:]; len(rest) > 0; {
			h, m, err := log.Check(rest)
			if err != nil || h.LastOffset() < offset {
				t.Fatalf("at offset %d: %+v, %v", offset, h, err)
			}
			offset, rest = h.LastOffset()+1, rest[m:]
		}
	}
	return all
}

// synced is the state of a partition after it was made durable.
func synced(t *testing.T, p *log.Partition) log.State {
	t.Helper()
	state := p.State()
	if err := p.Sync(); err != nil {
		t.Fatal(err)
	}
	return state
}

func TestAppendAndRead(t *testing.T) {
	for name, cfg := range map[string]log.Config{"memory": {FS: new(logtest.FS)}, "files": {}} {
		t.Run(name, func(t *testing.T) {
			home := filepath.Join(t.TempDir(), "topics", "p-0")
			cfg.SegmentSizeBytes, cfg.IndexIntervalBytes = 5000, 300
			p, err := log.Open(home, cfg, log.State{})
			if err != nil {
				t.Fatal(err)
			}
			for i := range int64(100) {
				two := append(bytes.Clone(batchOf(3, i*10, "one")), batchOf(2, i*10+3, "two")...)
				before := bytes.Clone(two)
				if base := mustAppend(t, p, two, 4); base != i*5 {
					t.Fatalf("base %d, want %d", base, i*5)
				}
				if !bytes.Equal(before, two) {
					t.Fatal("Append changed the caller's bytes")
				}
			}
			if start, next := p.Bounds(); start != 0 || next != 500 {
				t.Fatalf("bounds %d to %d", start, next)
			}
			dst := []byte("prefix")
			for offset := range int64(500) {
				for _, maxBytes := range []int{0, 100, 1000} {
					got, err := p.Read(offset, maxBytes, dst)
					if err != nil || string(got[:6]) != "prefix" {
						t.Fatal(err)
					}
					h, n, err := log.Check(got[6:])
					if err != nil || offset < h.BaseOffset || offset > h.LastOffset() || h.LeaderEpoch != 4 {
						t.Fatalf("read at %d gives %+v, %v", offset, h, err)
					}
					if len(got)-6 > max(maxBytes, n) {
						t.Fatalf("read at %d gives %d bytes, at most %d asked for", offset, len(got)-6, maxBytes)
					}
				}
			}
			state := synced(t, p)
			all := contents(t, p)
			if int64(len(all)) != p.SizeBytes() || len(state.Segments) < 3 {
				t.Fatalf("%d bytes, SizeBytes %d, %d segments", len(all), p.SizeBytes(), len(state.Segments))
			}
			if err := errors.Join(p.Close(), p.Close()); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Read(0, 1, nil); !errors.Is(err, log.ErrClosed) {
				t.Fatalf("read after Close: %v", err)
			}
			if p, err = log.Open(home, cfg, state); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(contents(t, p), all) {
				t.Fatal("other bytes after opening again")
			}
			if err := p.Remove(); err != nil {
				t.Fatal(err)
			}
			if p, err = log.Open(home, cfg, log.State{Start: 7, Next: 7}); err != nil {
				t.Fatal(err)
			}
			if base := mustAppend(t, p, batchOf(1, 0, "x"), 0); base != 7 {
				t.Fatalf("base %d, want 7", base)
			}
		})
	}
}

func TestReadOutOfRange(t *testing.T) {
	p := open(t, new(logtest.FS), log.State{Start: 10, Next: 10})
	mustAppend(t, p, batchOf(5, 0, "x"), 0)
	if b, err := p.Read(15, 100, nil); err != nil || len(b) != 0 {
		t.Fatalf("read at the end: %d bytes, %v", len(b), err)
	}
	for _, offset := range []int64{-1, 9, 16} {
		if _, err := p.Read(offset, 100, nil); !errors.Is(err, log.ErrOffsetOutOfRange) {
			t.Errorf("read at %d: %v", offset, err)
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	p := open(t, new(logtest.FS), log.State{})
	good := batchOf(2, 0, "x")
	mustAppend(t, p, good, 5)
	for name, c := range map[string]struct {
		bytes []byte
		epoch int32
		want  error
	}{
		"torn batch":      {good[:len(good)-1], 5, log.ErrShort},
		"torn second":     {append(bytes.Clone(good), good[:70]...), 5, log.ErrShort},
		"old magic":       {bytes.Replace(good, []byte{2}, []byte{1}, 1), 5, log.ErrMagic},
		"epoch backwards": {good, 4, log.ErrEpoch},
	} {
		if _, err := p.Append(c.bytes, c.epoch); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if base, err := p.Append(nil, 5); base != 2 || err != nil {
		t.Errorf("nothing: %d, %v", base, err)
	}
	if _, next := p.Bounds(); next != 2 {
		t.Errorf("next offset %d", next)
	}
}

func TestLargeBatches(t *testing.T) {
	p := open(t, new(logtest.FS), log.State{})
	var want []byte
	next := int64(0)
	for i := range 20 {
		run := append(bytes.Clone(batchOf(1, 0, strings.Repeat("v", i*9000))), batchOf(2, 0, "small")...)
		mustAppend(t, p, run, int32(i))
		for len(run) > 0 {
			h, batch, rest, err := log.NextBatch(run)
			if err != nil {
				t.Fatal(err)
			}
			log.PutOffsetEpoch(batch, next, int32(i))
			want = append(want, batch...)
			next += int64(h.Records)
			run = rest
		}
	}
	if !bytes.Equal(contents(t, p), want) {
		t.Fatal("other bytes than appended")
	}
}

func TestEpochs(t *testing.T) {
	p := open(t, new(logtest.FS), log.State{})
	if _, _, ok := p.EpochEnd(9); ok {
		t.Fatal("an empty log knows an epoch")
	}
	for _, epoch := range []int32{2, 2, 5, 9} {
		mustAppend(t, p, batchOf(10, 0, "x"), epoch)
	}
	check := func(asked, found int32, end int64, ok bool) {
		t.Helper()
		if f, e, k := p.EpochEnd(asked); f != found || e != end || k != ok {
			t.Errorf("EpochEnd(%d) = %d, %d, %v; want %d, %d, %v", asked, f, e, k, found, end, ok)
		}
	}
	check(1, 0, 0, false)
	check(2, 2, 20, true)
	check(4, 2, 20, true)
	check(5, 5, 30, true)
	check(9, 9, 40, true)
	check(99, 9, 40, true)
	if err := p.Trim(25); err != nil {
		t.Fatal(err)
	}
	check(4, 0, 0, false)
	check(5, 5, 30, true)
	if got := fmt.Sprint(p.Epochs()); got != "[{5 25} {9 30}]" {
		t.Errorf("epochs %s", got)
	}
}

func TestOffsetForTime(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	disk := new(logtest.FS)
	p := open(t, disk, log.State{})
	var times []int64
	var b log.Builder
	for range 300 {
		b.Reset()
		for range 1 + random.IntN(5) {
			ms := int64(len(times)*10) + random.Int64N(500)
			times = append(times, ms)
			b.Append(nil, []byte("value"), ms, nil)
		}
		mustAppend(t, p, b.Finish(), 0)
	}
	check := func(start int64) {
		t.Helper()
		for range 500 {
			ms := random.Int64N(int64(len(times)*10) + 600)
			want := start
			for want < int64(len(times)) && times[want] < ms {
				want++
			}
			offset, timestamp, ok, err := p.OffsetForTime(ms)
			if err != nil || ok != (want < int64(len(times))) || ok && (offset != want || timestamp != times[want]) {
				t.Fatalf("from %d, time %d: offset %d, %v, %v; want %d", start, ms, offset, ok, err, want)
			}
		}
	}
	check(0)
	if err := p.Trim(400); err != nil {
		t.Fatal(err)
	}
	check(400)
	state := synced(t, p)
	p = open(t, disk, state)
	check(400)
}

func TestTrim(t *testing.T) {
	disk := new(logtest.FS)
	p := open(t, disk, log.State{})
	for range 60 {
		mustAppend(t, p, batchOf(10, 0, "some text"), 0)
	}
	all := contents(t, p)
	segments := p.State().Segments
	last := segments[len(segments)-1].Base
	for _, start := range []int64{0, 3, segments[2].Base - 1, segments[2].Base, segments[1].Base, last + 1} {
		if err := p.Trim(start); err != nil {
			t.Fatal(err)
		}
	}
	if start, next := p.Bounds(); start != last+1 || next != 600 {
		t.Fatalf("bounds %d to %d", start, next)
	}
	if got := contents(t, p); !bytes.HasSuffix(all, got) || len(p.State().Segments) != 1 {
		t.Fatal("what is left is not the end of what was there")
	}
	if _, err := p.Read(last, 1, nil); !errors.Is(err, log.ErrOffsetOutOfRange) {
		t.Fatalf("read below the start: %v", err)
	}
	if err := p.Trim(601); !errors.Is(err, log.ErrOffsetOutOfRange) {
		t.Fatalf("trim beyond the end: %v", err)
	}
	if err := p.Trim(600); err != nil || p.SizeBytes() != 0 {
		t.Fatalf("trim everything: %d bytes, %v", p.SizeBytes(), err)
	}
	names, err := disk.List(dir)
	if err != nil || fmt.Sprint(names) != "[00000000000000000600.log 00000000000000000600.start]" {
		t.Fatalf("files %v, %v", names, err)
	}
	if base := mustAppend(t, p, batchOf(1, 0, "x"), 0); base != 600 {
		t.Fatalf("base %d", base)
	}
	p = open(t, disk, synced(t, p))
	if start, next := p.Bounds(); start != 600 || next != 601 {
		t.Fatalf("bounds %d to %d", start, next)
	}
}

func TestRetention(t *testing.T) {
	p := open(t, new(logtest.FS), log.State{})
	const hour = int64(time.Hour / time.Millisecond)
	for i := range int64(60) {
		mustAppend(t, p, batchOf(10, i*hour, "some text"), 0)
	}
	segments := p.State().Segments
	if len(segments) < 3 {
		t.Fatalf("%d segments", len(segments))
	}
	tail := p.SizeBytes() - segments[0].Size
	for name, c := range map[string]struct {
		now   int64
		keep  time.Duration
		bytes int64
		want  int64
	}{
		"no limit":             {1000 * hour, -1, -1, 0},
		"all is young":         {60 * hour, 100 * time.Hour, -1, 0},
		"first segment is old": {segments[0].MaxTimestamp + hour + 1, time.Hour, -1, segments[1].Base},
		"not quite old":        {segments[0].MaxTimestamp + hour, time.Hour, -1, 0},
		"all is old":           {1000 * hour, time.Hour, -1, 600},
		"one segment too many": {0, -1, tail, segments[1].Base},
		"a byte less than one": {0, -1, tail + 1, 0},
		"nothing by size":      {0, -1, 0, segments[len(segments)-1].Base},
	} {
		if got := p.RetentionOffset(c.now, c.keep, c.bytes); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestRetentionRollsOldSegment(t *testing.T) {
	p := open(t, new(logtest.FS), log.State{})
	mustAppend(t, p, append(bytes.Clone(batchOf(1, 0, "old")), batchOf(1, 5000, "new")...), 0)
	if got := p.RetentionOffset(5500, time.Second, -1); got != 0 {
		t.Fatalf("retention asks for %d while the segment has a young record", got)
	}
	mustAppend(t, p, batchOf(1, 5600, "newer"), 0)
	if got := len(p.State().Segments); got != 2 {
		t.Fatalf("%d segments, want a new one", got)
	}
	if got := p.RetentionOffset(6500, time.Second, -1); got != 2 {
		t.Fatalf("retention asks for %d, want 2", got)
	}
}

func TestFullDisk(t *testing.T) {
	disk := &logtest.FS{CapacityBytes: 10_000}
	p := open(t, disk, log.State{})
	batch := batchOf(20, 0, "some text")
	appended := 0
	for {
		_, err := p.Append(batch, 0)
		if err == nil {
			appended++
			continue
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		break
	}
	before := contents(t, p)
	if _, err := p.Append(batch, 0); !errors.Is(err, syscall.ENOSPC) || len(before) != appended*len(batch) {
		t.Fatalf("%d appends, %d bytes, %v", appended, len(before), err)
	}
	segments := p.State().Segments
	last := segments[len(segments)-1]
	if n := int64(len(disk.Bytes(logName(last.Base)))); n != last.Size {
		t.Fatalf("a failed append left %d bytes behind %d", n-last.Size, last.Size)
	}
	disk.SetCapacity(20_000)
	if base := mustAppend(t, p, batch, 0); base != int64(appended*20) {
		t.Fatalf("base %d", base)
	}
	all := contents(t, p)
	if !bytes.HasPrefix(all, before) || len(all) != len(before)+len(batch) {
		t.Fatal("the disk was full and that changed the log")
	}
	if p = open(t, disk, synced(t, p)); !bytes.Equal(contents(t, p), all) {
		t.Fatal("other bytes after opening again")
	}
}

func TestFailedSync(t *testing.T) {
	broken := errors.New("broken disk")
	for _, op := range []logtest.Op{logtest.OpSync, logtest.OpSyncDir} {
		disk := new(logtest.FS)
		p := open(t, disk, log.State{})
		mustAppend(t, p, batchOf(1, 0, "x"), 0)
		syncs := 0
		disk.Before = func(o logtest.Op, _ string) error {
			if o == op {
				syncs++
				return broken
			}
			return nil
		}
		if err := p.Sync(); !errors.Is(err, log.ErrFailed) || !errors.Is(err, broken) {
			t.Fatalf("%s: %v", op, err)
		}
		_, appendErr := p.Append(batchOf(1, 0, "x"), 0)
		_, readErr := p.Read(0, 1, nil)
		_, _, _, timeErr := p.OffsetForTime(0)
		for _, err := range []error{appendErr, readErr, timeErr, p.Trim(1), p.Sync()} {
			if !errors.Is(err, log.ErrFailed) {
				t.Errorf("%s: afterwards %v", op, err)
			}
		}
		if syncs != 1 {
			t.Errorf("%s: tried %d times", op, syncs)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestConfigValidate(t *testing.T) {
	for _, c := range []log.Config{{SegmentSizeBytes: -1}, {SegmentSizeBytes: 1 << 40}, {IndexIntervalBytes: -1}} {
		if _, err := log.Open(dir, c, log.State{}); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
	for _, s := range []log.State{
		{Start: 2, Next: 1},
		{Next: 5},
		{Next: 5, Segments: []log.SegmentState{{Base: 0, Size: 0}}},
		{Start: 1, Next: 5, Segments: []log.SegmentState{{Base: 2, Size: 100}}},
		{Next: 5, Segments: []log.SegmentState{{Base: 0, Size: 100}, {Base: 0, Size: 100}}},
		{Next: 5, Segments: []log.SegmentState{{Base: 0, Size: 100}, {Base: 6, Size: 100}}},
		{Epochs: []log.EpochStart{{Epoch: 2}, {Epoch: 1}}},
	} {
		if _, err := log.Open(dir, log.Config{FS: new(logtest.FS)}, s); !errors.Is(err, log.ErrState) {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

// TestReadersBesideAppender reads while one goroutine appends and trims and another syncs: what is seen is always
// whole and in order.
func TestReadersBesideAppender(t *testing.T) {
	cfg := small
	p, err := log.Open(filepath.Join(t.TempDir(), "p"), cfg, log.State{})
	if err != nil {
		t.Fatal(err)
	}
	const appends = 1500
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			var buf []byte
			var offset int64
			for finished := false; ; {
				start, next := p.Bounds()
				offset = max(offset, start)
				if offset == next {
					if finished {
						return
					}
					select {
					case <-done:
						finished = true
					default:
					}
					continue
				}
				var err error
				buf, err = p.Read(offset, 1000, buf[:0])
				if errors.Is(err, log.ErrOffsetOutOfRange) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				for rest := buf; len(rest) > 0; {
					h, n, err := log.Check(rest)
					if err != nil || h.BaseOffset > offset || h.LastOffset() < offset {
						t.Errorf("read at %d: %+v, %v", offset, h, err)
						return
					}
					offset, rest = h.LastOffset()+1, rest[n:]
				}
				if found, _, ok, err := p.OffsetForTime(offset); err != nil || ok && found < offset {
					t.Errorf("time %d is at offset %d, %v", offset, found, err)
					return
				}
			}
		})
	}
	readers.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			p.State()
			if err := p.Sync(); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for i := range int64(appends) {
		two := append(bytes.Clone(batchOf(3, i*5, "one")), batchOf(2, i*5+3, "two")...)
		if _, err := p.Append(two, 0); err != nil {
			t.Error(err)
			break
		}
		if i%400 == 399 {
			if err := p.Trim(i * 3); err != nil {
				t.Error(err)
			}
		}
	}
	close(done)
	readers.Wait()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}
