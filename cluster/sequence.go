package cluster

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/leatdb/leat/log"
)

// keptBatches is how many of a producer's last batches are remembered, to know them again: as many as an idempotent
// producer may have under way.
const keptBatches = 5

// noOffset stands for an offset that there is not.
const noOffset int64 = -1

// producerExpiry is how long a partition remembers a producer that does not write, milliseconds.
const producerExpiry = 24 * 60 * 60 * 1000

// producerState is what a partition knows of one producer. It is part of a snapshot's manifest.
type producerState struct {
	ID      int64       `json:"id"`
	Epoch   int16       `json:"epoch"` // of its last batch or marker; -1 before there is one
	Batches []sentBatch `json:"batches,omitempty"`
	Time    int64       `json:"time"`   // of the entry that touched it last
	Marked  int32       `json:"marked"` // coordinator epoch of the last marker, -1 before there is one
	Joined  bool        `json:"joined"` // the partition has joined a transaction
	Seq     uint64      `json:"seq"`    // its number, or that of the last one
	Txn     int16       `json:"txn"`    // the producer's epoch in it
	First   int64       `json:"first"`  // its first offset, noOffset while it has none
}

// sentBatch is a batch that a producer wrote.
type sentBatch struct {
	First  int32 `json:"first"` // sequence numbers
	Last   int32 `json:"last"`
	Base   int64 `json:"base"` // offsets
	End    int64 `json:"end"`
	TimeMs int64 `json:"time"`
}

// sequences are the producers of one partition and what their transactions leave visible. Apply alone changes them.
type sequences struct {
	mu      sync.RWMutex
	known   map[int64]*producerState
	open    map[int64]int64 // producer to first offset of its transaction, when it has written any
	aborted []AbortedTxn    // by Last, which is the order in which they ended
	halves  []half          // by producer
	stable  int64           // the last stable offset
}

// sequencesState is the sequences in a manifest.
type sequencesState struct {
	Producers []*producerState `json:"producers,omitempty"`
	Aborted   []AbortedTxn     `json:"aborted,omitempty"`
	Halves    []half           `json:"halves,omitempty"`
}

func newSequences(from sequencesState, next int64) *sequences {
	q := &sequences{known: map[int64]*producerState{}, open: map[int64]int64{}, aborted: from.Aborted,
		halves: slices.Clone(from.Halves)}
	for _, p := range from.Producers {
		q.known[p.ID] = p
		if p.First != noOffset {
			q.open[p.ID] = p.First
		}
	}
	q.settleLocked(next)
	return q
}

// state is what a manifest says of the sequences. It is valid until the next entry is applied.
func (q *sequences) state() sequencesState {
	q.mu.RLock() // compactions forget markers when they like
	defer q.mu.RUnlock()
	s := sequencesState{Aborted: q.aborted, Halves: slices.Clone(q.halves)}
	for _, p := range q.known {
		s.Producers = append(s.Producers, p)
	}
	slices.SortFunc(s.Producers, func(a, b *producerState) int { return compare(a.ID, b.ID) })
	return s
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// settle moves the last stable offset to where it belongs when the partition ends at next.
func (q *sequences) settle(next int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.settleLocked(next)
}

func (q *sequences) settleLocked(next int64) {
	q.stable = next
	for _, first := range q.open {
		q.stable = min(q.stable, first)
	}
}

// lastStable is the last stable offset.
func (q *sequences) lastStable() int64 {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return q.stable
}

// admit checks a batch of an idempotent producer before it is appended. For a batch that is there already, it returns
// the offset of it.
func (q *sequences) admit(h *log.Header) (base int64, duplicate bool, err error) {
	p, transactional := q.known[h.ProducerID], h.Attributes&log.AttrTransactional != 0
	if p == nil {
		if transactional {
			return 0, false, fmt.Errorf("%w: producer %d has none open here", ErrTxnState, h.ProducerID)
		}
		return 0, false, nil
	}
	if h.ProducerEpoch < max(p.Epoch, p.txnEpoch()) {
		return 0, false, fmt.Errorf("%w: epoch %d of producer %d, after epoch %d",
			ErrProducerEpoch, h.ProducerEpoch, p.ID, max(p.Epoch, p.txnEpoch()))
	}
	last := addSequence(h.BaseSequence, h.LastOffsetDelta)
	if h.ProducerEpoch == p.Epoch {
		for _, b := range p.Batches {
			if b.First == h.BaseSequence && b.Last == last {
				return b.Base, true, nil
			}
		}
	}
	switch {
	case transactional && (!p.Joined || p.Txn != h.ProducerEpoch):
		err = fmt.Errorf("%w: producer %d of epoch %d has none open here", ErrTxnState, p.ID, h.ProducerEpoch)
	case !transactional && p.Joined:
		err = fmt.Errorf("%w: producer %d has one open here and writes outside of it", ErrTxnState, p.ID)
	default:
		err = p.inOrder(h)
	}
	return 0, false, err
}

// txnEpoch is the producer's epoch in the transaction that the partition has joined.
func (p *producerState) txnEpoch() int16 {
	if p.Joined {
		return p.Txn
	}
	return -1
}

// inOrder checks that a batch follows the producer's last one. An epoch begins with sequence number 0; a producer of
// which nothing is known begins anywhere.
func (p *producerState) inOrder(h *log.Header) error {
	want := int32(0)
	switch n := len(p.Batches); {
	case p.Epoch < 0:
		return nil
	case h.ProducerEpoch == p.Epoch && n > 0:
		want = addSequence(p.Batches[n-1].Last, 1)
	}
	if h.BaseSequence != want {
		return fmt.Errorf("%w: %d of producer %d in epoch %d, expected %d",
			ErrOutOfOrder, h.BaseSequence, p.ID, h.ProducerEpoch, want)
	}
	return nil
}

// addSequence adds to a sequence number; after the largest comes 0.
func addSequence(seq, n int32) int32 { return int32((int64(seq) + int64(n)) % (math.MaxInt32 + 1)) }

// producer returns what is known of a producer, made when there is nothing.
func (q *sequences) producer(id int64) *producerState {
	p := q.known[id]
	if p == nil {
		p = &producerState{ID: id, Epoch: -1, Marked: -1, Txn: -1, First: noOffset}
		q.known[id] = p
	}
	return p
}

// note takes a batch of a producer into account that was admitted and appended at base.
func (q *sequences) note(h *log.Header, base, nowMs int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := q.producer(h.ProducerID)
	if h.ProducerEpoch != p.Epoch {
		p.Epoch, p.Batches = h.ProducerEpoch, nil
	}
	if len(p.Batches) == keptBatches {
		copy(p.Batches, p.Batches[1:])
		p.Batches = p.Batches[:keptBatches-1]
	}
	p.Batches = append(p.Batches, sentBatch{
		First: h.BaseSequence, Last: addSequence(h.BaseSequence, h.LastOffsetDelta),
		Base: base, End: base + int64(h.LastOffsetDelta), TimeMs: h.MaxTimestamp,
	})
	p.Time = nowMs
	if h.Attributes&log.AttrTransactional != 0 && p.First == noOffset {
		p.First = base
		q.open[p.ID] = base
	}
}

// mayJoin says whether a producer may take the partition into its transaction number seq: one that has ended stays so.
func (q *sequences) mayJoin(by Producer, seq uint64) error {
	p := q.known[by.ID]
	switch {
	case p == nil:
		return nil
	case by.Epoch < max(p.Epoch, p.txnEpoch()):
		return fmt.Errorf("%w: epoch %d of producer %d", ErrProducerEpoch, by.Epoch, by.ID)
	case seq < p.Seq || seq == p.Seq && !p.Joined:
		return fmt.Errorf("%w: transaction %d of producer %d has ended", ErrTxnState, seq, by.ID)
	}
	return nil
}

// join takes the partition into a producer's transaction.
func (q *sequences) join(by Producer, seq uint64, nowMs int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := q.producer(by.ID)
	p.Joined, p.Seq, p.Txn, p.Time = true, seq, by.Epoch, nowMs
	q.halves = slices.DeleteFunc(slices.Clone(q.halves), func(h half) bool { return h.Producer == by.ID })
}

// joined says whether the partition is in a producer's transaction.
func (q *sequences) joined(by Producer) bool {
	q.mu.RLock()
	defer q.mu.RUnlock()
	p := q.known[by.ID]
	return p != nil && p.Joined && p.Txn == by.Epoch
}

// anySeq is the number of whatever transaction is open.
const anySeq = math.MaxUint64

// mayEnd says whether a marker of this epoch may end the producer's transaction number seq, and whether it has to be
// written: only when there are records to decide about.
func (q *sequences) mayEnd(by Producer, seq uint64) (write bool, err error) {
	p := q.known[by.ID]
	if p == nil || seq < p.Seq {
		return false, nil
	}
	if by.Epoch < max(p.Epoch, p.txnEpoch()) {
		return false, fmt.Errorf("%w: marker of epoch %d for producer %d", ErrProducerEpoch, by.Epoch, by.ID)
	}
	return p.First != noOffset, nil
}

// end takes a producer's transaction off the partition. marker is where its marker is, noOffset when none was needed.
func (q *sequences) end(c *cmdMark, marker, nowMs int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	by := c.Producer
	p := q.producer(by.ID)
	if c.Seq < p.Seq {
		return
	}
	if c.Seq != anySeq {
		p.Seq = c.Seq
	}
	if marker != noOffset && c.ID != "" {
		q.keepHalf(half{Producer: by.ID, ID: c.ID, Seq: c.Seq, First: p.First})
	}
	if marker != noOffset && !c.Commit {
		q.aborted = append(q.aborted, AbortedTxn{Producer: by.ID, First: p.First, Last: marker})
	}
	if by.Epoch > p.Epoch && p.Epoch >= 0 {
		p.Batches = nil
	}
	if p.Epoch >= 0 || by.Epoch != p.Txn { // of a producer that wrote nothing, only a new epoch is news
		p.Epoch = max(p.Epoch, by.Epoch)
	}
	p.Joined, p.Txn, p.First, p.Marked, p.Time = false, -1, noOffset, c.Epoch, nowMs
	delete(q.open, by.ID)
}

// forget drops what a trim to start has made pointless.
func (q *sequences) forget(start int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.aborted = slices.DeleteFunc(slices.Clone(q.aborted), func(a AbortedTxn) bool { return a.Last < start })
	for id, first := range q.open {
		q.open[id] = max(first, start)
	}
	for i := range q.halves {
		q.halves[i].First = max(q.halves[i].First, start)
	}
	q.stable = max(q.stable, start)
}

// forgetMarkers takes aborted transactions off the list whose markers compaction has taken away, with all before them.
func (q *sequences) forgetMarkers(markers []int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.aborted = slices.DeleteFunc(slices.Clone(q.aborted), func(a AbortedTxn) bool {
		return slices.Contains(markers, a.Last)
	})
}

// expire forgets the producers that have not written for a long time.
func (q *sequences) expire(nowMs int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for id, p := range q.known {
		if p.expired(nowMs) {
			delete(q.known, id)
		}
	}
	q.halves = slices.DeleteFunc(slices.Clone(q.halves), func(h half) bool { return q.known[h.Producer] == nil })
}

func (p *producerState) expired(nowMs int64) bool { return !p.Joined && nowMs-p.Time > producerExpiry }

// between lists the aborted transactions with records in [from, to), by their first offset.
func (q *sequences) between(from, to int64) (list []AbortedTxn) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	i, _ := slices.BinarySearchFunc(q.aborted, from, func(a AbortedTxn, at int64) int { return compare(a.Last, at) })
	for _, a := range q.aborted[i:] {
		if a.First < to {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b AbortedTxn) int { return compare(a.First, b.First) })
	return list
}

// producers describes the producers, by id.
func (q *sequences) producers() []PartitionProducer {
	q.mu.RLock()
	defer q.mu.RUnlock()
	list := make([]PartitionProducer, 0, len(q.known))
	for _, p := range q.known {
		d := PartitionProducer{
			Producer: Producer{p.ID, max(p.Epoch, p.txnEpoch())}, LastSequence: -1, LastTime: p.Time,
			CoordinatorEpoch: p.Marked, TxnStart: p.First,
		}
		if n := len(p.Batches); n > 0 {
			d.LastSequence, d.LastTime = p.Batches[n-1].Last, p.Batches[n-1].TimeMs
		}
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b PartitionProducer) int { return compare(a.ID, b.ID) })
	return list
}
