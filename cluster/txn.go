package cluster

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/leatdb/leat/log"
)

// A Txn names the transaction of a transactional producer.
type Txn struct {
	TransactionalID string
	Producer        Producer
}

// AddToTxn adds partitions and consumer groups to a transaction, which begins when there is none. Errors:
// ErrProducerMapping, ErrProducerFenced, ErrConcurrentTxn, ErrNoPartition.
func (n *Node) AddToTxn(ctx context.Context, t Txn, partitions []PartitionID, groups []string) error {
	if err := n.usable(); err != nil {
		return err
	}
	c := cmdJoin{Txn: t}
	for _, id := range partitions {
		if _, err := n.find(id); err != nil {
			return err
		}
		shard, err := n.place(id)
		if err != nil {
			return err
		}
		c.Parts = append(c.Parts, txnPart{Partition: id, Shard: shard})
	}
	for _, g := range groups {
		c.Parts = append(c.Parts, txnPart{Group: g, Shard: n.coordinatorOf(g)})
	}
	r, err := n.coordinate(ctx, t.TransactionalID, func() op { return commandOp(opJoin, &c) })
	if err != nil {
		return err
	}
	home := n.coordinatorOf(t.TransactionalID)
	for shard, parts := range byShard(c.Parts) {
		if shard == home {
			continue
		}
		begin := cmdBegin{Producer: t.Producer, Seq: r.seq, Parts: parts, After: map[int]uint64{home: r.index}}
		if _, err := n.do(ctx, shard, commandOp(opBegin, &begin)); err != nil {
			return err
		}
	}
	return nil
}

// byShard divides parts by their shard.
func byShard(parts []txnPart) map[int][]txnPart {
	m := map[int][]txnPart{}
	for _, p := range parts {
		m[p.Shard] = append(m[p.Shard], p)
	}
	return m
}

// coordinatorOf is the shard that coordinates a transactional id, or keeps a group.
func (n *Node) coordinatorOf(name string) int {
	h := fnv.New64a()
	h.Write([]byte(name))
	return int(h.Sum64() % uint64(n.control.homes))
}

// coordinate proposes an operation on a transactional id. When the transaction before has not ended everywhere, it
// helps to end it and tries once more; and it helps to end what the operation leaves open in other shards.
func (n *Node) coordinate(ctx context.Context, id string, o func() op) (result, error) {
	shard := n.coordinatorOf(id)
	for tries := 0; ; tries++ {
		r, err := n.coordinateOnce(ctx, shard, o())
		if !r.unfinished {
			return r, err
		}
		if !n.Leads() { // who does ends it
			return r, errors.Join(err, fmt.Errorf("%w: %w", ErrUnknownOutcome, ErrNotLeader))
		}
		if ended := n.endEverywhere(ctx, shard, id); ended != nil {
			return r, ended
		}
		if err == nil || tries > 0 {
			return r, err
		}
	}
}

// coordinateOnce proposes it. That a partition joins is passed on to the cluster's leader: the leader of a spread shard
// asks for it, for a producer.
func (n *Node) coordinateOnce(ctx context.Context, shard int, o op) (result, error) {
	if o.kind == opJoin && !n.Leads() {
		return n.anywhere(ctx, shard, o, false)
	}
	return n.do(ctx, shard, o)
}

// endEverywhere writes the markers of a transaction that is prepared to the other shards, and completes it. One caller
// does it at a time, and in one reign: the id's next transaction may have the same producer and epoch, and must not be
// completed by who has not written its markers.
func (n *Node) endEverywhere(ctx context.Context, shard int, id string) error {
	give, err := n.ending.take(ctx, id)
	if err != nil {
		return err
	}
	defer give()
	home, err := n.pumpOf(shard)
	if err != nil {
		return err
	}
	s := n.shards[shard]
	s.applying.RLock()
	t := s.txns[id]
	if t == nil || !t.preparing() {
		s.applying.RUnlock()
		return nil
	}
	mark := cmdMark{Producer: t.Marker, Seq: t.Seq, Commit: t.State == TxnPrepareCommit, ID: id,
		Epoch: int32(n.groups[1+shard].raft.CurrentTerm())}
	parts := slices.Concat(t.Parts, t.Groups)
	mark.After = map[int]uint64{shard: s.reached.index()}
	s.applying.RUnlock()
	done := cmdDone{ID: id, Marker: mark.Producer, After: map[int]uint64{}}
	for other, of := range byShard(parts) {
		if other == shard {
			continue
		}
		mark.Parts = of
		r, err := n.do(ctx, other, commandOp(opMark, &mark))
		if err != nil {
			return fmt.Errorf("end of transaction %q in shard %d: %w", id, other, err)
		}
		done.After[other] = r.index
	}
	c, err := home.submit(ctx, commandOp(opDone, &done))
	if err == nil {
		_, err = home.wait(ctx, c)
	}
	return err
}

// An EndTxn ends a transaction.
type EndTxn struct {
	Txn
	Commit bool
	// Bump gives the producer a new epoch (EndTxn version 5): a request that is repeated or late cannot touch the next
	// transaction then.
	Bump bool
}

// EndTxn commits or aborts a transaction: its records in all partitions and its groups' offsets become visible, or
// none. It returns the producer to go on as. Asked again it gives the same answer. Errors: ErrTxnState,
// ErrProducerMapping, ErrProducerFenced, ErrConcurrentTxn.
func (n *Node) EndTxn(ctx context.Context, e EndTxn) (Producer, error) {
	if err := n.usable(); err != nil {
		return nobody, err
	}
	c := cmdEnd{Txn: e.Txn, Commit: e.Commit, Bump: e.Bump}
	r, err := n.coordinate(ctx, e.TransactionalID, func() op { return commandOp(opEnd, &c) })
	if err != nil {
		return nobody, err
	}
	return r.producer, nil
}

// TxnState is the state of a transaction; its String is Kafka's name of it.
type TxnState uint8

// The states of transactions.
const (
	TxnEmpty TxnState = iota
	TxnOngoing
	TxnPrepareCommit
	TxnPrepareAbort
	TxnCompleteCommit
	TxnCompleteAbort
)

// String is Kafka's name of the state.
func (s TxnState) String() string {
	return [...]string{"Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort"}[s]
}

// A Transaction describes a transactional id and its last transaction.
type Transaction struct {
	Txn
	State      TxnState
	Timeout    time.Duration
	Started    int64 // milliseconds, -1 when it is not ongoing
	Partitions []PartitionID
	Groups     []string
}

// Transactions lists the transactional ids, in order.
func (n *Node) Transactions() (list []Transaction) {
	for _, s := range n.shards {
		s.applying.RLock()
		for t := range maps.Values(s.txns) {
			list = append(list, t.describe())
		}
		s.applying.RUnlock()
	}
	slices.SortFunc(list, func(a, b Transaction) int { return strings.Compare(a.TransactionalID, b.TransactionalID) })
	return list
}

// Transaction finds a transactional id.
func (n *Node) Transaction(id string) (Transaction, bool) {
	s := n.shards[n.coordinatorOf(id)]
	s.applying.RLock()
	defer s.applying.RUnlock()
	if t := s.txns[id]; t != nil {
		return t.describe(), true
	}
	return Transaction{}, false
}

// WriteMarker ends what a producer has open in a partition, whatever its coordinator thinks: the remedy for a hanging
// transaction. Errors: ErrProducerEpoch.
func (n *Node) WriteMarker(ctx context.Context, p PartitionID, of Producer, commit bool, coordinatorEpoch int32) error {
	shard, err := n.place(p)
	if err != nil {
		return err
	}
	c := cmdMark{Producer: of, Seq: anySeq, Commit: commit, Epoch: coordinatorEpoch, Parts: []txnPart{{Partition: p}}}
	_, err = n.do(ctx, shard, commandOp(opMark, &c))
	return err
}

// tend looks after transactions until the node closes: it aborts those that take too long, and ends those that a
// restart has left prepared.
func (n *Node) tend(ctx context.Context) {
	defer n.done.Done()
	tick := time.NewTicker(n.cfg.TxnCheck)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if !n.Leads() {
				continue
			}
			n.tendTxns(ctx, n.Now().UnixMilli())
		case <-n.stop:
			return
		}
	}
}

func (n *Node) tendTxns(ctx context.Context, nowMs int64) {
	for shard, s := range n.shards {
		for id, c := range s.dueTxns(nowMs, &n.txnsSeen) {
			if n.usable() != nil {
				return
			}
			err := error(nil)
			if c == nil {
				err = n.endEverywhere(ctx, shard, id)
			} else {
				_, err = n.coordinate(ctx, id, func() op { return commandOp(opEnd, c) })
			}
			if err != nil {
				n.cfg.Logger.Warn("a transaction cannot be ended", "transactional id", id, "error", err)
			}
		}
	}
}

// txnsSeen says since when this process has seen transactions open, by a clock that never jumps: where that of the
// machine has gone back, one that nobody ends would be open for as long as it went. Of the goroutine that ends them.
type txnsSeen map[string]txnSeen

type txnSeen struct {
	started int64
	first   time.Time
}

// since says how long the transaction of an id has been seen open, and notes it when it is new.
func (s *txnsSeen) since(id string, started int64) time.Duration {
	if *s == nil {
		*s = txnsSeen{}
	}
	t, ok := (*s)[id]
	if !ok || t.started != started {
		t = txnSeen{started, time.Now()}
		(*s)[id] = t
	}
	return time.Since(t.first)
}

// dueTxns finds the transactions to be ended, and for those that took too long how.
func (s *shard) dueTxns(nowMs int64, seen *txnsSeen) map[string]*cmdEnd {
	s.applying.RLock()
	defer s.applying.RUnlock()
	var due map[string]*cmdEnd
	for id, t := range s.txns {
		late := false
		if t.State == TxnOngoing {
			late = max(nowMs-t.Started, seen.since(id, t.Started).Milliseconds()) > t.TimeoutMs
		} else {
			delete(*seen, id)
		}
		if !late && !t.preparing() {
			continue
		}
		if due == nil {
			due = map[string]*cmdEnd{}
		}
		if due[id] = nil; late {
			due[id] = &cmdEnd{Txn: Txn{id, t.Producer}, Started: t.Started}
		}
	}
	return due
}

// An AbortedTxn is a part of a partition that read-committed readers skip: the batches of a producer from First to
// the marker at Last.
type AbortedTxn struct {
	Producer int64 `json:"producer"`
	First    int64 `json:"first"`
	Last     int64 `json:"last"`
}

// LastStable returns the end of what is decided: the first offset of the oldest transaction that is open, or the
// partition's end.
func (n *Node) LastStable(p PartitionID) (int64, error) {
	part, err := n.here(p)
	if err != nil || part == nil {
		return 0, err
	}
	return part.seq.lastStable(), nil
}

// Aborted lists the aborted transactions with records in [from, to), by their first offset. Ask after reading the
// records: what compaction took away meanwhile is then not listed.
func (n *Node) Aborted(p PartitionID, from, to int64) ([]AbortedTxn, error) {
	part, err := n.find(p)
	if err != nil {
		return nil, err
	}
	return part.seq.between(from, to), nil
}

// Skip says whether a reader of committed records passes a batch over: a control batch, or one that list says was
// aborted.
func Skip(h *log.Header, list []AbortedTxn) bool {
	if h.Control() {
		return true
	}
	if !h.Transactional() {
		return false
	}
	return slices.ContainsFunc(list, func(a AbortedTxn) bool {
		return a.Producer == h.ProducerID && a.First <= h.BaseOffset && h.BaseOffset < a.Last
	})
}
