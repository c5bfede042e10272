package log

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Errors of partitions. The ones returned wrap these and say where.
var (
	// ErrOffsetOutOfRange means an offset below the start of the log or above its end.
	ErrOffsetOutOfRange = errors.New("log: offset out of range")
	// ErrEpoch means an append of a leader epoch older than the newest in the log.
	ErrEpoch = errors.New("log: leader epoch went backwards")
	// ErrFailed means that an fsync failed: what is on disk is unknown, and the partition neither writes nor reads
	// any more.
	ErrFailed = errors.New("log: partition failed")
	// ErrClosed means that the partition was closed.
	ErrClosed = errors.New("log: partition is closed")
)

// Partition is one partition's log. One goroutine at a time may call Append and Trim; everything else may be called
// from anywhere at any time.
type Partition struct {
	dir string
	cfg Config
	fs  FS

	gather []byte // the appender's: small batches on their way to one write

	syncing    sync.Mutex // one Sync at a time; taken before mu
	compacting sync.Mutex // one Compact at a time; taken before changing
	changing   sync.Mutex // the front of segments changes: Trim or Compact; taken before mu

	mu           sync.RWMutex
	segments     []*segment    // never empty while open; the last one is appended to
	start        int64         // first readable offset
	next         int64         // offset of the next record
	epochs       []EpochStart  // ascending
	mark         int64         // the durable mark of the start, see markStart
	dirDirty     bool          // files came or went since the last SyncDir
	rollNext     bool          // the next Append begins a segment
	cleaned      int64         // compacted up to here
	stale        []segmentKey  // replaced by a compaction; the last manifest may list them
	lastGen      uint32        // of a segment that was replaced
	segmentBytes int64         // when a segment is full
	segmentAge   time.Duration // or when it is old, by the timestamps in it
	recent       *segment      // the sealed segment whose index was loaded last
	failed       error         // why nothing is done any more: ErrFailed or ErrClosed
}

// Open opens the partition in dir as state, the last snapshot's manifest, describes it. Whatever the files hold
// beyond the state is cut away: the replicated log replays it. Bytes that the state promises and that are not there
// are ErrCorrupt. An empty State gives an empty partition.
func Open(dir string, cfg Config, state State) (*Partition, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := state.validate(); err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	cfg = cfg.withDefaults()
	p := &Partition{
		dir: dir, cfg: cfg, fs: cfg.FS,
		start: state.Start, next: state.Next, epochs: slices.Clone(state.Epochs), cleaned: state.Cleaned,
		segmentBytes: cfg.SegmentSizeBytes,
	}
	if err := p.recover(state); err != nil {
		p.closeFiles()
		return nil, err
	}
	return p, nil
}

// Bounds gives the first readable offset and the offset that the next record will get.
func (p *Partition) Bounds() (start, next int64) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.start, p.next
}

// SetSegments says when a new segment begins: at a size, and when the newest record is so much newer than the first of
// the segment. 0 is the Config's size, and no age.
func (p *Partition) SetSegments(sizeBytes int64, age time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.segmentBytes, p.segmentAge = p.cfg.SegmentSizeBytes, age
	if sizeBytes > 0 {
		p.segmentBytes = min(sizeBytes, maxSegmentSize)
	}
}

func (p *Partition) segmentSize() int64 {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.segmentBytes
}

// SizeBytes is the size of all segments.
func (p *Partition) SizeBytes() int64 {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.sizeLocked()
}

func (p *Partition) sizeLocked() int64 {
	var size int64
	for _, s := range p.segments {
		size += s.size
	}
	return size
}

// Epochs is the list of leader epochs and where each begins.
func (p *Partition) Epochs() []EpochStart {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return slices.Clone(p.epochs)
}

// EpochEnd answers Kafka's OffsetForLeaderEpoch: the largest epoch known that is not above the one asked for, and the
// offset at which it ends. ok is false when there is none.
func (p *Partition) EpochEnd(epoch int32) (found int32, end int64, ok bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for i := len(p.epochs) - 1; i >= 0; i-- {
		if p.epochs[i].Epoch > epoch {
			continue
		}
		end = p.next
		if i+1 < len(p.epochs) {
			end = p.epochs[i+1].Start
		}
		return p.epochs[i].Epoch, end, true
	}
	return 0, 0, false
}

// EpochAt is the leader epoch that wrote the record at an offset, -1 when that is not known.
func (p *Partition) EpochAt(offset int64) int32 {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for i := len(p.epochs) - 1; i >= 0; i-- {
		if p.epochs[i].Start <= offset {
			return p.epochs[i].Epoch
		}
	}
	return -1
}

// State describes the partition for a snapshot's manifest. The manifest may be kept once a Sync that began afterwards
// has succeeded (L3); appends meanwhile do no harm.
func (p *Partition) State() State {
	p.mu.RLock()
	defer p.mu.RUnlock()
	s := State{
		Start: p.start, Next: p.next, Cleaned: p.cleaned,
		Segments: make([]SegmentState, len(p.segments)), Epochs: slices.Clone(p.epochs),
	}
	for i, seg := range p.segments {
		s.Segments[i] = SegmentState{
			Base: seg.base, Gen: seg.gen, Size: seg.size, FirstTime: seg.firstTime, MaxTimestamp: seg.maxTime,
		}
	}
	return s
}

// Sync makes what was appended before it durable. It may run beside appends. After an error the partition has failed.
func (p *Partition) Sync() error {
	p.syncing.Lock()
	defer p.syncing.Unlock()

	p.mu.Lock()
	if p.failed != nil {
		defer p.mu.Unlock()
		return p.failed
	}
	var dirty []*segment
	for _, s := range p.segments {
		if s.dirty {
			dirty = append(dirty, s)
			s.dirty = false
		}
	}
	dirDirty := p.dirDirty
	p.dirDirty = false
	p.mu.Unlock()

	for _, s := range dirty {
		if err := s.file.Sync(); err != nil && !p.gone(s, err) {
			return p.fail(fmt.Errorf("sync %s: %w", s.path(), err))
		}
		p.saveIndex(s)
	}
	if dirDirty {
		if err := p.fs.SyncDir(p.dir); err != nil {
			return p.fail(fmt.Errorf("sync %s: %w", p.dir, err))
		}
	}
	return nil
}

// gone reports whether err only says that the segment was trimmed away meanwhile.
func (p *Partition) gone(s *segment, err error) bool {
	if !errors.Is(err, fs.ErrClosed) {
		return false
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	return !slices.Contains(p.segments, s)
}

// fail ends the partition's service (L6).
func (p *Partition) fail(cause error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failLocked(cause)
}

func (p *Partition) failLocked(cause error) error {
	if p.failed == nil {
		p.failed = fmt.Errorf("%w: %w", ErrFailed, cause)
		if p.cfg.Failed != nil {
			p.cfg.Failed(p.failed)
		}
	}
	return p.failed
}

// Close closes the files. It does not sync: what no Sync covered is replayed.
func (p *Partition) Close() error {
	p.syncing.Lock()
	defer p.syncing.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if errors.Is(p.failed, ErrClosed) {
		return nil
	}
	p.failed = fmt.Errorf("%w: %s", ErrClosed, p.dir)
	return p.closeFiles()
}

func (p *Partition) closeFiles() error {
	var errs []error
	for _, s := range p.segments {
		errs = append(errs, s.file.Close())
	}
	return errors.Join(errs...)
}

// Remove closes the partition and deletes its files and its directory.
func (p *Partition) Remove() error {
	errs := []error{p.Close()}
	names, err := p.fs.List(p.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return errors.Join(errs...)
	}
	errs = append(errs, err)
	for _, name := range names {
		errs = append(errs, p.fs.Remove(filepath.Join(p.dir, name)))
	}
	errs = append(errs, p.fs.Remove(p.dir), p.fs.SyncDir(filepath.Dir(p.dir)))
	return errors.Join(errs...)
}
