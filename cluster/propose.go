package cluster

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/leatdb/leat/log"
)

const (
	// proposeWait is how long an operation waits for a shard to have a leader.
	proposeWait = 10 * time.Second
	// proposeAgain is how long it waits before it looks again.
	proposeAgain = 10 * time.Millisecond
)

// A proposal is the header of a stream that passes an operation on to the leader of its shard. The operation follows,
// as it is in an entry; an outcome comes back.
type proposal struct {
	Shard int `json:"shard"`
	// Reign is the term in which the sender leads the control group, where only the cluster's leader may ask for it.
	Reign uint64 `json:"reign,omitempty"`
}

// An outcome is what became of it.
type outcome struct {
	Bases      []int64  `json:"bases,omitempty"`
	Epoch      uint64   `json:"epoch,omitempty"`
	LastSeq    uint64   `json:"lastSeq,omitempty"`
	Producer   Producer `json:"producer"`
	Unfinished bool     `json:"unfinished,omitempty"`
	Seq        uint64   `json:"seq,omitempty"`
	Index      uint64   `json:"index,omitempty"`
	Term       uint64   `json:"term,omitempty"`
	// Error is the name of one of ours (see errorNames), Why its text.
	Error string `json:"error,omitempty"`
	Why   string `json:"why,omitempty"`
}

// errorNames are the errors that an operation can end with, as nodes name them to each other.
var errorNames = map[string]error{
	"not leader": ErrNotLeader, "unknown": ErrUnknownOutcome, "no partition": ErrNoPartition, "fenced": ErrFenced,
	"moved": ErrMoved, "disk full": ErrDiskFull, "too large": ErrTooLarge, "order": ErrOutOfOrder,
	"producer epoch": ErrProducerEpoch, "producer fenced": ErrProducerFenced, "producer mapping": ErrProducerMapping,
	"txn state": ErrTxnState, "concurrent txn": ErrConcurrentTxn, "record": ErrRecord,
}

// anywhere is do for a shard that any node may lead: the operation is passed on to whichever does. With fresh it
// returns when the replica here has applied it as well.
func (n *Node) anywhere(ctx context.Context, shard int, o op, fresh bool) (result, error) {
	end := time.Now().Add(proposeWait)
	for {
		r, err := n.proposeOnce(ctx, shard, &o)
		again := errors.Is(err, ErrNotLeader) && !errors.Is(err, ErrUnknownOutcome) ||
			errors.Is(err, ErrUnknownOutcome) && o.repeatable() && ctx.Err() == nil ||
			errors.Is(err, ErrNoPartition) && n.knows(&o) // and the other node does not yet
		if !again || time.Now().After(end) || n.usable() != nil {
			if err == nil && fresh {
				if err = n.applied(ctx, shard, r.index); err != nil {
					err = fmt.Errorf("%w: it is not here yet: %w", ErrUnknownOutcome, err)
				}
			}
			return r, err
		}
		select {
		case <-time.After(proposeAgain):
		case <-n.stop:
			return r, err
		case <-ctx.Done():
			return r, err
		}
	}
}

// knows reports whether there is every partition that an append names.
func (n *Node) knows(o *op) bool {
	for _, a := range o.appends {
		if _, err := n.place(a.Partition); err != nil {
			return false
		}
	}
	return len(o.appends) > 0
}

// repeatable says whether the operation comes to the same when it is applied once more.
func (o *op) repeatable() bool {
	switch o.kind {
	case opAppend: // of an idempotent producer
		h, err := log.ParseHeader(o.appends[0].Batches)
		return err == nil && h.ProducerID != NoProducer
	case opTrim, opCreate, opDrop, opJoin, opBegin, opMark, opDone, opExpire, opCompact:
		return true
	}
	return false
}

// leaders says whether only the cluster's leader may ask for the operation: it knows which records are needed still.
func (o *op) leaders() bool {
	switch o.kind {
	case opTrim, opDrop, opCompact:
		return true
	}
	return false
}

// reignTerm is the term in which this node leads the control group.
func (n *Node) reignTerm() (uint64, error) {
	if r := n.reign.Load(); r != nil {
		return r.terms[0], nil
	}
	return 0, ErrNotLeader
}

// proposeOnce proposes an operation where its shard is led now.
func (n *Node) proposeOnce(ctx context.Context, shard int, o *op) (result, error) {
	if p, err := n.pumpOf(shard); err == nil {
		c, err := p.submit(ctx, *o)
		if err != nil {
			return result{}, err
		}
		return p.wait(ctx, c)
	}
	leader := n.groups[1+shard].leaderOf()
	if leader == 0 || leader == n.Self() || n.alone() {
		return result{}, fmt.Errorf("%w: shard %d", ErrNotLeader, shard)
	}
	return n.proposeTo(ctx, leader, shard, o)
}

// proposeTo passes an operation on to a node.
func (n *Node) proposeTo(ctx context.Context, node uint64, shard int, o *op) (r result, err error) {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	p := proposal{Shard: shard}
	if o.leaders() {
		if p.Reign, err = n.reignTerm(); err != nil {
			return result{}, err
		}
	}
	header, err := json.Marshal(&p)
	if err != nil {
		return result{}, err
	}
	c, err := n.mesh.Open(ctx, node, streamPropose, header)
	if err != nil {
		return result{}, fmt.Errorf("%w: node %d: %w", ErrNotLeader, node, err)
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	var out outcome
	if _, err = c.Write(o.encode(nil)); err == nil {
		err = json.NewDecoder(c).Decode(&out)
	}
	if err != nil {
		return result{}, fmt.Errorf("%w: node %d: %w", ErrUnknownOutcome, node, errors.Join(err, ctx.Err()))
	}
	r = result{bases: out.Bases, epoch: out.Epoch, lastSeq: out.LastSeq, producer: out.Producer,
		unfinished: out.Unfinished, seq: out.Seq, index: out.Index, term: out.Term}
	if out.Error != "" {
		is, ok := errorNames[out.Error]
		if !ok {
			is = ErrUnknownOutcome
		}
		return r, fmt.Errorf("%w: node %d: %s", is, node, out.Why)
	}
	if n.isSpread(shard) { // it leads in the term of what it proposes
		n.learn(shard, node, out.Term, place{out.Index, out.Term})
	}
	return r, nil
}

// serveProposal does what another node has passed on.
func (n *Node) serveProposal(from uint64, header []byte, c net.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), adminTimeout)
	defer cancel()
	r, err := n.takeProposal(ctx, header, c)
	out := outcome{Bases: r.bases, Epoch: r.epoch, LastSeq: r.lastSeq, Producer: r.producer, Unfinished: r.unfinished,
		Seq: r.seq, Index: r.index, Term: r.term}
	if err != nil {
		out.Error, out.Why = errorName(err), err.Error()
	}
	if err := json.NewEncoder(c).Encode(&out); err != nil {
		n.cfg.Logger.Debug("an outcome was lost", "to", from, "error", err)
	}
}

// errorName finds the name of an error. One that has none says nothing of what was done.
func errorName(err error) string {
	if errors.Is(err, ErrUnknownOutcome) {
		return "unknown"
	}
	if errors.Is(err, ErrClosed) || errors.Is(err, ErrFailed) {
		return "not leader"
	}
	for name, is := range errorNames {
		if errors.Is(err, is) {
			return name
		}
	}
	return "unknown"
}

// takeProposal reads an operation and proposes it, when this node leads its shard.
func (n *Node) takeProposal(ctx context.Context, header []byte, in io.Reader) (result, error) {
	var p proposal
	if err := json.Unmarshal(header, &p); err != nil || p.Shard < 0 || p.Shard >= n.control.shards() {
		return result{}, fmt.Errorf("%w: shard of a proposal", errEntry)
	}
	o, err := readOp(in)
	if err != nil {
		return result{}, err
	}
	if o.leaders() && n.groups[0].raft.CurrentTerm() > p.Reign {
		return result{}, fmt.Errorf("%w: another node does since", ErrNotLeader)
	}
	if err := n.checkProposal(ctx, p.Shard, &o); err != nil {
		return result{}, err
	}
	at, err := n.pumpOf(p.Shard)
	if err != nil {
		return result{}, err
	}
	call, err := at.submit(ctx, o)
	if err != nil {
		return result{}, err
	}
	r, err := at.wait(ctx, call)
	if errors.Is(err, ErrFailed) { // it may be in the write-ahead log, and this node may lead again with it
		err = fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
	}
	return r, err
}

// checkProposal verifies the batches of a proposal. Those of a producer have been checked by who passes them on, but
// not since they were sent.
func (n *Node) checkProposal(ctx context.Context, shard int, o *op) (err error) {
	if len(o.appends) == 0 {
		return nil
	}
	if h, err := log.ParseHeader(o.appends[0].Batches); err == nil && h.ProducerID != NoProducer {
		at, err := n.placed(o.appends[0].Partition)
		if err != nil {
			return err
		}
		if _, err := n.shards[shard].partition(o.appends[0].Partition); err != nil {
			return err
		}
		if o.stamp = nil; at.settings.LogAppendTime {
			o.stamp = []bool{true}
		}
		_, _, err = log.Check(o.appends[0].Batches)
		return err
	}
	o.appends, o.stamp, err = n.check(ctx, shard, o.appends)
	return err
}

// readOp reads an operation as it is in an entry.
func readOp(r io.Reader) (op, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return op{}, err
	}
	size := binary.LittleEndian.Uint32(head[1:])
	if size > MaxEntryBytes {
		return op{}, fmt.Errorf("%w: operation of %d bytes", errEntry, size)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return op{}, err
	}
	return decodeOp(opKind(head[0]), body)
}
