package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/raft"
	"github.com/leatdb/leat/log"
)

// applyRetry is how long Apply waits before it tries a write again that found no space.
const applyRetry = 100 * time.Millisecond

// A result is what one operation of an entry came to.
type result struct {
	bases          []int64  // opAppend, opStep, opGuarded: the first offset of each append
	epoch, lastSeq uint64   // opClaim
	producer       Producer // opInit, opEnd
	unfinished     bool     // other shards have yet to end a transaction
	seq            uint64   // opJoin: the number of the transaction
	index, term    uint64   // of the entry
	err            error
}

// flowState is what a shard knows of a flow whose home it is.
type flowState struct {
	Flow    uint64 `json:"flow"`
	Epoch   uint64 `json:"epoch"`
	LastSeq uint64 `json:"lastSeq"`
}

// A shard is the state machine of one data group. Raft's one goroutine applies entries to it; anybody may read.
type shard struct {
	index    int
	homes    int // home shards of the cluster
	dir      string
	cfg      log.Config
	logger   *slog.Logger
	grew     func()                      // tells watchers that there is more to read
	failed   func(error)                 // tells the node that this shard cannot go on
	stop     chan struct{}               // closed when the node closes
	broken   chan struct{}               // closed when the node has failed
	compact  func()                      // tells the node that a compaction waits
	resnap   func()                      // asks for a snapshot
	mend     func(PartitionID)           // repairs a partition that was found damaged
	settings func(PartitionID) *Settings // of a partition's topic, nil when there is none: not for Apply's decisions

	// applying is held while an entry is applied, so that whoever shares it sees partitions between two entries.
	applying sync.RWMutex

	// mu guards the maps. Only Apply and Restore change them.
	mu         sync.RWMutex
	partitions map[PartitionID]*partition
	flows      map[uint64]flowState

	// What follows belongs to Apply; others read it while they share applying.
	txns         map[string]*txn // that this shard coordinates
	groups       groupTable
	nextProducer int64
	lastTime     int64 // of an entry, milliseconds
	// after are the last entries of other shards, by shard, that what is here follows from: see Ends.
	after map[int]uint64

	// dropped waits for a snapshot without them before their files go: a restart before that needs the files, to
	// replay entries that came before the drop. Apply's and Persist's, hence the lock.
	dropMu  sync.Mutex
	dropped []*partition
	kept    atomic.Int32 // who reads files, which stay meanwhile

	reached position // the last entry that was applied

	halted error // Apply's own: why nothing is applied any more
}

// A partition is one log, opened on first use.
type partition struct {
	id  PartitionID
	dir string
	cfg log.Config
	seq *sequences

	guarded  guardedRun // Apply's
	settings func(PartitionID) *Settings

	mu          sync.Mutex
	state       log.State      // what to open it with
	log         *log.Partition // nil until then
	compactions []compaction   // to be done, in order
}

func newShard(index, homes int, dir string, cfg log.Config, logger *slog.Logger) *shard {
	return &shard{
		index: index, homes: homes, dir: dir, cfg: cfg, logger: logger.With("shard", index),
		partitions: map[PartitionID]*partition{},
		flows:      map[uint64]flowState{},
		txns:       map[string]*txn{},
		groups:     groupTable{byName: map[string]*groupState{}},
	}
}

func (s *shard) newPartition(id PartitionID, state log.State, seq sequencesState) *partition {
	q := newSequences(seq, state.Next)
	q.forget(state.Start)
	return &partition{id: id, dir: s.partitionDir(id), cfg: s.cfg, state: state, seq: q, settings: s.settings}
}

// settle moves the last stable offset, after an append or the end of a transaction.
func (p *partition) settle() {
	_, next := p.bounds()
	p.seq.settle(next)
}

// open returns the partition's log.
func (p *partition) open() (*log.Partition, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.log == nil {
		l, err := log.Open(p.dir, p.cfg, p.state)
		if err != nil {
			return nil, err
		}
		if s := p.settings(p.id); s != nil {
			l.SetSegments(s.segments())
		}
		p.log = l
	}
	return p.log, nil
}

// opened returns the partition's log if it is open.
func (p *partition) opened() *log.Partition {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log
}

// current returns what a snapshot says about the partition.
func (p *partition) current() log.State {
	if l := p.opened(); l != nil {
		return l.State()
	}
	return p.state
}

func (p *partition) bounds() (start, next int64) {
	if l := p.opened(); l != nil {
		return l.Bounds()
	}
	return p.state.Start, p.state.Next
}

// partition finds a partition.
func (s *shard) partition(id PartitionID) (*partition, error) {
	s.mu.RLock()
	p := s.partitions[id]
	s.mu.RUnlock()
	if p == nil {
		return nil, fmt.Errorf("%w: %d", ErrNoPartition, id)
	}
	return p, nil
}

// Apply implements raft.FSM. It returns a []result, or an error when the shard has halted.
func (s *shard) Apply(l *raft.Log) any {
	s.applying.Lock()
	defer s.applying.Unlock()
	if s.halted != nil {
		return s.halted
	}
	now, ops, err := decodeEntry(l.Data)
	if err != nil {
		return s.halt(fmt.Errorf("entry %d: %w", l.Index, err))
	}
	s.lastTime = max(s.lastTime, now)
	e := entry{epoch: int32(l.Term), now: s.lastTime}
	results := make([]result, len(ops))
	for i := range ops {
		if results[i], err = s.apply(&ops[i], &e); err != nil {
			return s.halt(fmt.Errorf("entry %d: %w", l.Index, err))
		}
		results[i].index, results[i].term = l.Index, l.Term
	}
	s.reached.set(l.Index, l.Term)
	if e.grew {
		s.grew()
	}
	return results
}

// halt stops the state machine for good: an entry that cannot be applied must not be skipped.
func (s *shard) halt(err error) error {
	s.halted = fmt.Errorf("%w: shard %d: %w", ErrFailed, s.index, err)
	s.failed(s.halted)
	return s.halted
}

// apply applies one operation. The result's error is the proposer's business; an error besides halts the shard.
func (s *shard) apply(o *op, e *entry) (result, error) {
	switch o.kind {
	case opAppend:
		return s.applyAppends(o.appends, e)
	case opStep:
		f, ok := s.flows[o.flow]
		if !ok || o.epoch != f.Epoch || o.seq != f.LastSeq+1 {
			return result{err: fmt.Errorf("%w: step %d of epoch %d of flow %d, after step %d of epoch %d",
				ErrFenced, o.seq, o.epoch, o.flow, f.LastSeq, f.Epoch)}, nil
		}
		r, err := s.applyAppends(o.appends, e)
		if err == nil && r.err == nil {
			f.LastSeq = o.seq
			s.setFlow(f)
		}
		return r, err
	case opGuarded:
		return s.applyGuarded(o, e)
	case opClaim:
		f := s.flows[o.flow]
		f.Flow, f.Epoch = o.flow, f.Epoch+1
		s.setFlow(f)
		return result{epoch: f.Epoch, lastSeq: f.LastSeq}, nil
	case opTrim:
		return s.applyTrim(o.partitions[0], o.start)
	case opCreate:
		s.applyCreate(o.partitions)
	case opDrop:
		s.applyDrop(o.partitions)
	default:
		c := newCommand(o.kind)
		if err := json.Unmarshal(o.body, c); err != nil {
			return result{}, fmt.Errorf("%w: operation %d: %w", errEntry, o.kind, err)
		}
		return c.apply(s, e)
	}
	return result{}, nil
}

func (s *shard) setFlow(f flowState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flows[f.Flow] = f
}

// applyAppends appends to all partitions, or to none when one of them does not exist or an idempotent producer's batch
// is refused. A batch of such a producer comes alone.
func (s *shard) applyAppends(appends []Append, e *entry) (result, error) {
	r := result{bases: make([]int64, len(appends))}
	parts := make([]*partition, len(appends))
	for i, a := range appends {
		p, err := s.partition(a.Partition)
		if err != nil {
			return result{err: err}, nil
		}
		parts[i] = p
	}
	for i, a := range appends {
		h, err := log.ParseHeader(a.Batches)
		if err != nil {
			return result{}, err
		}
		if h.ProducerID != NoProducer {
			base, duplicate, err := parts[i].seq.admit(&h)
			if err != nil {
				return result{err: err}, nil
			}
			if r.bases[i] = base; duplicate {
				continue
			}
		}
		if r.bases[i], err = s.append(parts[i], a.Batches, e); err != nil {
			return result{}, err
		}
		if h.ProducerID != NoProducer {
			parts[i].seq.note(&h, r.bases[i], e.now)
		}
		parts[i].settle()
	}
	return r, nil
}

// append appends batches to one partition.
func (s *shard) append(p *partition, batches []byte, e *entry) (base int64, err error) {
	l, err := retry(s, "open", p.id, p.open)
	if err != nil {
		return 0, err
	}
	e.grew = true
	return retry(s, "append", p.id, func() (int64, error) { return l.Append(batches, e.epoch) })
}

func (s *shard) applyTrim(id PartitionID, start int64) (result, error) {
	p, err := s.partition(id)
	if err != nil {
		return result{err: err}, nil
	}
	l, err := retry(s, "open", id, p.open)
	if err != nil {
		return result{}, err
	}
	_, next := l.Bounds()
	_, err = retry(s, "trim", id, func() (struct{}, error) { return struct{}{}, l.Trim(min(start, next)) })
	if err == nil {
		p.seq.forget(min(start, next))
	}
	return result{}, err
}

// applyCreate adds partitions; those that exist stay as they are.
func (s *shard) applyCreate(ids []PartitionID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		if s.partitions[id] == nil {
			s.partitions[id] = s.newPartition(id, log.State{}, sequencesState{})
		}
	}
}

// applyDrop takes partitions out of service. Their files go after the next snapshot.
func (s *shard) applyDrop(ids []PartitionID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropMu.Lock()
	defer s.dropMu.Unlock()
	for _, id := range ids {
		if p := s.partitions[id]; p != nil {
			delete(s.partitions, id)
			s.dropped = append(s.dropped, p)
		}
	}
}

// retry does what a committed entry needs until the disk has room for it: the entry can be neither lost nor skipped.
// Errors other than a full disk end it.
func retry[T any](s *shard, what string, id PartitionID, do func() (T, error)) (T, error) {
	for tries := 0; ; tries++ {
		v, err := do()
		if err == nil || !isNoSpace(err) {
			return v, err
		}
		if tries%100 == 0 {
			s.logger.Error("no space to apply a committed entry: waiting for some", "operation", what,
				"partition", uint64(id), "error", err)
		}
		select {
		case <-time.After(applyRetry):
		case <-s.stop:
			return v, fmt.Errorf("%w while an entry waits for space: %w", ErrClosed, err)
		case <-s.broken:
			return v, fmt.Errorf("%w while an entry waits for space: %w", ErrFailed, err)
		}
	}
}

// isNoSpace says whether a write failed for lack of space. After a failed fsync space is not the question any more.
func isNoSpace(err error) bool {
	return (errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)) && !errors.Is(err, log.ErrFailed)
}

// ids returns the partitions that exist, in order.
func (s *shard) ids() []PartitionID {
	s.mu.RLock()
	defer s.mu.RUnlock()
	ids := make([]PartitionID, 0, len(s.partitions))
	for id := range s.partitions {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// removeOrphans deletes the directories of partitions that are gone: their drop was in the last snapshot, and the
// machine stopped before their files went. It is called when everything has been replayed.
func (s *shard) removeOrphans() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.dropMu.Lock()
	defer s.dropMu.Unlock()
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		id, err := strconv.ParseUint(e.Name(), 10, 64)
		waits := slices.ContainsFunc(s.dropped, func(p *partition) bool { return p.id == PartitionID(id) })
		if err != nil || waits || s.partitions[PartitionID(id)] != nil {
			continue
		}
		if err := os.RemoveAll(filepath.Join(s.dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// close closes the partitions. What they hold beyond the last snapshot is replayed.
func (s *shard) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropMu.Lock()
	defer s.dropMu.Unlock()
	var errs []error
	for _, p := range s.partitions {
		errs = append(errs, p.close())
	}
	for _, p := range s.dropped {
		errs = append(errs, p.close())
	}
	return errors.Join(errs...)
}

func (p *partition) close() error {
	if l := p.opened(); l != nil {
		return l.Close()
	}
	return nil
}
