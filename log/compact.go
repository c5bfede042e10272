package log

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
)

// ErrStopped means that a compaction was told to stop. The log is as it was.
var ErrStopped = errors.New("log: compaction was stopped")

// compactRead is how much of a segment is read at once to be compacted, and written at once.
const compactRead = 1 << 20

// Roll begins a new segment, so that all that is there can be compacted. It belongs to whoever appends.
func (p *Partition) Roll() error {
	_, next, last, err := p.trimmable()
	if err != nil || last.size == 0 {
		return err
	}
	_, err = p.addSegment(next)
	return err
}

// Compact writes the part of the log below c.Upto anew without what is obsolete: offsets stay as they are, and have
// gaps afterwards. It may run beside appends and trims, after a Roll at or behind c.Upto. The old segments' files stay
// until Durable says that no manifest needs them. Before readers see the new files, removed is told which markers of
// aborted transactions are not in them. The same log and the same Compaction give the same bytes.
func (p *Partition) Compact(c Compaction, stop <-chan struct{}, removed func(markers []int64)) error {
	p.compacting.Lock()
	defer p.compacting.Unlock()
	in, cleaned, gen, err := p.compactable(c.Upto)
	if err != nil || len(in) == 0 {
		return err
	}
	k := newCleaner(c)
	for _, s := range in {
		if err := k.scan(&s, cleaned, stop); err != nil {
			return err
		}
	}
	w := compactWriter{p: p, gen: gen, first: in[0].seg.base}
	for _, s := range in {
		err := s.eachBatch(stop, func(h *Header, batch []byte) error {
			if h.LastOffset() < c.Upto {
				batch = k.clean(h, batch)
			}
			return w.write(batch)
		})
		if err != nil {
			return errors.Join(err, w.abandon())
		}
	}
	if err := w.flush(); err != nil {
		return errors.Join(err, w.abandon())
	}
	if len(k.removed) > 0 {
		removed(k.removed)
	}
	return p.replace(in, w.out, c.Upto)
}

// sealed is a segment to be compacted, as it was when the compaction began.
type sealedSegment struct {
	seg       *segment
	size, end int64
}

// compactable lists the segments that hold offsets below upto, when there are any that were not compacted yet.
func (p *Partition) compactable(upto int64) (in []sealedSegment, cleaned int64, gen uint32, err error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.failed != nil {
		return nil, 0, 0, p.failed
	}
	if upto <= p.cleaned || upto <= p.start {
		return nil, 0, 0, nil
	}
	for i, s := range p.segments {
		gen = max(gen, s.gen)
		if s.base >= upto || s.size == 0 {
			break
		}
		if i == len(p.segments)-1 {
			return nil, 0, 0, fmt.Errorf("%w: compact to %d, and the last segment begins at %d",
				ErrOffsetOutOfRange, upto, s.base)
		}
		in = append(in, sealedSegment{s, s.size, p.endLocked(i)})
	}
	return in, p.cleaned, max(gen, p.lastGen) + 1, nil
}

// scan looks at everything once before anything is decided.
func (k *cleaner) scan(s *sealedSegment, cleaned int64, stop <-chan struct{}) error {
	if s.end <= cleaned {
		return s.seg.walk(make([]byte, walkBytes), 0, s.size, func(h *Header, _ int64) bool {
			k.noteHeader(h)
			return true
		})
	}
	return s.eachBatch(stop, func(h *Header, batch []byte) error {
		if h.LastOffset() >= k.Upto {
			return nil
		}
		k.noteHeader(h)
		if h.BaseOffset < cleaned {
			return nil
		}
		err := k.noteKeys(h, batch)
		if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrCodec) {
			return nil // it stays as it is
		}
		return err
	})
}

// eachBatch calls visit with every batch of a segment.
func (s *sealedSegment) eachBatch(stop <-chan struct{}, visit func(h *Header, batch []byte) error) error {
	var buf []byte
	for pos := int64(0); pos < s.size; {
		select {
		case <-stop:
			return ErrStopped
		default:
		}
		first, err := s.seg.readHeader(pos, s.size)
		if err != nil {
			return err
		}
		n := min(s.size-pos, int64(max(compactRead, first.Size())))
		if buf, err = s.seg.readBatches(pos, n, buf[:0]); err != nil {
			return err
		}
		pos += int64(len(buf))
		for rest := buf; len(rest) > 0; {
			h, batch, tail, err := NextBatch(rest)
			if err != nil {
				return err
			}
			if err := visit(&h, batch); err != nil {
				return err
			}
			rest = tail
		}
	}
	return nil
}

// compactWriter writes the segments that come out of a compaction.
type compactWriter struct {
	p     *Partition
	gen   uint32
	first int64 // what the first segment is named after: where the first one that is read begins
	out   []*segment
	buf   []byte
	at    int64 // where buf belongs in the last of out
}

func (w *compactWriter) write(batch []byte) error {
	if len(batch) == 0 {
		return nil
	}
	h, err := ParseHeader(batch)
	if err != nil {
		return fmt.Errorf("BUG: log: compaction made a batch that is none: %w", err)
	}
	var s *segment
	if n := len(w.out); n > 0 {
		s = w.out[n-1]
	}
	if s == nil || s.size+int64(len(batch)) > w.p.segmentSize() || h.LastOffset()-s.base > math.MaxUint32 {
		if s, err = w.begin(&h); err != nil {
			return err
		}
	}
	s.noteLocked(&h, s.size, w.p.cfg.IndexIntervalBytes) // nobody else has it yet
	s.size += int64(len(batch))
	if w.buf = append(w.buf, batch...); len(w.buf) >= compactRead {
		return w.flush()
	}
	return nil
}

// begin begins the next segment.
func (w *compactWriter) begin(h *Header) (*segment, error) {
	if err := w.flush(); err != nil {
		return nil, err
	}
	base := h.BaseOffset
	if len(w.out) == 0 {
		base = w.first
	}
	s := &segment{dir: w.p.dir, base: base, gen: w.gen, index: &index{}, dirty: true}
	f, err := w.p.fs.Open(s.path(), true)
	if err == nil {
		s.file = f
		w.out, w.at = append(w.out, s), 0
		err = f.Truncate(0)
	}
	if err != nil {
		return nil, fmt.Errorf("begin segment: %w", err)
	}
	return s, nil
}

func (w *compactWriter) flush() (err error) {
	if len(w.out) > 0 {
		w.at, err = writeAt(w.out[len(w.out)-1].file, w.buf, w.at)
	}
	w.buf = w.buf[:0]
	return err
}

// abandon unlinks what was written.
func (w *compactWriter) abandon() error {
	var errs []error
	for _, s := range w.out {
		errs = append(errs, w.p.unlink(s))
	}
	return errors.Join(errs...)
}

// replace puts the new segments in the place of the old ones. Those are made durable before: a manifest under way may
// list them, and no Sync will find them any more.
func (p *Partition) replace(in []sealedSegment, out []*segment, upto int64) error {
	p.syncing.Lock()
	defer p.syncing.Unlock()
	p.changing.Lock() // no trim meanwhile
	defer p.changing.Unlock()
	if err := p.syncOld(in); err != nil {
		return err
	}
	p.mu.Lock()
	end := in[len(in)-1].end
	n := 0
	for n < len(p.segments) && slices.ContainsFunc(in, func(s sealedSegment) bool { return s.seg == p.segments[n] }) {
		n++
	}
	if p.failed != nil || n == 0 { // everything was trimmed away
		failed := p.failed
		p.mu.Unlock()
		w := compactWriter{p: p, out: out}
		return errors.Join(failed, w.abandon())
	}
	old := slices.Clone(p.segments[:n])
	cut := 0
	for cut+1 < len(out) && out[cut+1].base <= p.start {
		cut++
	}
	if len(out) == cut+1 && end <= p.start {
		panic("BUG: log: a segment was kept that ends below the start")
	}
	p.segments = slices.Concat(out[cut:], p.segments[n:])
	p.cleaned = max(p.cleaned, upto)
	p.dirDirty, p.recent = true, nil
	for _, s := range old {
		p.stale = append(p.stale, segmentKey{s.base, s.gen})
		p.lastGen = max(p.lastGen, s.gen)
	}
	p.mu.Unlock()

	var errs []error
	for _, s := range old {
		errs = append(errs, s.file.Close())
	}
	for _, s := range out[:cut] {
		errs = append(errs, p.unlink(s))
	}
	return errors.Join(errs...)
}

// syncOld makes segments durable that are about to be replaced.
func (p *Partition) syncOld(in []sealedSegment) error {
	for _, s := range in {
		p.mu.Lock()
		dirty := s.seg.dirty && p.failed == nil
		s.seg.dirty = false
		p.mu.Unlock()
		if !dirty {
			continue
		}
		if err := s.seg.file.Sync(); err != nil && !p.gone(s.seg, err) {
			return p.fail(fmt.Errorf("sync %s: %w", s.seg.path(), err))
		}
	}
	return nil
}

// Durable says that a manifest with this state is durable and the older ones are gone: files of segments that a
// compaction replaced, and that the state does not list, are unlinked.
func (p *Partition) Durable(state *State) error {
	p.mu.Lock()
	var gone []segmentKey
	p.stale = slices.DeleteFunc(p.stale, func(k segmentKey) bool {
		listed := slices.ContainsFunc(state.Segments, func(s SegmentState) bool { return s.key() == k })
		if !listed {
			gone = append(gone, k)
		}
		return !listed
	})
	p.mu.Unlock()
	var errs []error
	for _, k := range gone {
		s := segment{dir: p.dir, base: k.base, gen: k.gen}
		errs = append(errs, p.removeFiles(&s))
	}
	return errors.Join(errs...)
}

// Settled says that no compaction could be undone by a crash: a manifest knows them all.
func (p *Partition) Settled() bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return len(p.stale) == 0
}

// Cleaned is the offset up to which the log was compacted.
func (p *Partition) Cleaned() int64 {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.cleaned
}

// Dirty measures the part of the log below upto: how many bytes there are, and how many of them were never compacted.
// It moves upto down to the beginning of a batch, and no further than span offsets behind what was compacted.
func (p *Partition) Dirty(upto, span int64) (at, dirty, all int64, err error) {
	start, _ := p.Bounds()
	cleaned := max(p.Cleaned(), start)
	upto = min(upto, cleaned+span)
	if upto <= cleaned {
		return cleaned, 0, 0, nil
	}
	before, _, err := p.bytesBelow(cleaned)
	if err != nil {
		return 0, 0, 0, err
	}
	all, at, err = p.bytesBelow(upto)
	return at, all - before, all, err
}

// bytesBelow measures the batches below the one that holds offset, and gives that one's base offset.
func (p *Partition) bytesBelow(offset int64) (size, base int64, err error) {
	for tries := 0; ; tries++ {
		at, err := p.locate(offset)
		if err != nil {
			return 0, 0, err
		}
		p.mu.RLock()
		size = 0
		for _, s := range p.segments {
			if s == at.seg {
				break
			}
			size += s.size
		}
		p.mu.RUnlock()
		if at.seg == nil {
			return size, offset, nil
		}
		pos, n, err := at.find(offset)
		if err == nil && n == 0 {
			return size + at.size, offset, nil
		}
		if err == nil {
			var h Header
			if h, err = at.seg.readHeader(pos, at.size); err == nil {
				return size + pos, min(h.BaseOffset, offset), nil
			}
		}
		if !errors.Is(err, fs.ErrClosed) || tries > 3 {
			return 0, 0, err
		}
	}
}
