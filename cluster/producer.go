package cluster

import (
	"context"
	"fmt"
	"time"
)

// NoProducer is the producer id of batches that no idempotent producer wrote.
const NoProducer int64 = -1

// A Producer is an idempotent producer: its number in the cluster and its epoch.
type Producer struct {
	ID    int64 `json:"id"`
	Epoch int16 `json:"epoch"`
}

// A ProducerRequest asks for a producer id.
type ProducerRequest struct {
	// TransactionalID names a transactional producer, whose id is the same for ever; "" is any idempotent producer.
	TransactionalID string
	// Timeout is how long a transaction may last. 0 < Timeout <= MaxTxnTimeout for a transactional producer.
	Timeout time.Duration
	// Known is what the producer had before, or an ID of NoProducer: when it is no longer current the producer is fenced.
	Known Producer
}

// MaxTxnTimeout is the longest transaction timeout.
const MaxTxnTimeout = 15 * time.Minute

// InitProducer gives a producer its id and epoch. For a transactional id it fences the producers that had it before,
// and aborts what they left open. Errors: ErrTxnTimeout, ErrProducerFenced, ErrConcurrentTxn.
func (n *Node) InitProducer(ctx context.Context, r ProducerRequest) (Producer, error) {
	if err := n.usable(); err != nil {
		return nobody, err
	}
	if r.TransactionalID != "" && (r.Timeout <= 0 || r.Timeout > MaxTxnTimeout) {
		return nobody, fmt.Errorf("%w: %v, %v at most", ErrTxnTimeout, r.Timeout, MaxTxnTimeout)
	}
	c := cmdInit{ID: r.TransactionalID, TimeoutMs: r.Timeout.Milliseconds(), Known: r.Known}
	result, err := n.coordinate(ctx, r.TransactionalID, func() op { return commandOp(opInit, &c) })
	return result.producer, err
}

// A Produce is one partition's part of a produce request: exactly one batch when a producer id is in it.
type Produce struct {
	Partition PartitionID
	Batches   []byte
	// TransactionalID is the request's. With AddToTxn, the partition joins the producer's transaction, which begins when
	// there is none; without, AddToTxn must have been called before.
	TransactionalID string
	AddToTxn        bool
}

// Produced says where records went.
type Produced struct {
	Base       int64 // offset of the first record; of the first attempt when the batch is a duplicate
	AppendTime int64 // milliseconds, when the topic's timestamps are of the append; else -1
	Start      int64 // the partition's first offset
}

// A PendingProduce is a produce on its way.
type PendingProduce struct {
	join   *Pending // the partition's way into the transaction, nil when it needs none
	append *Pending
	node   *Node
	part   PartitionID
}

// Done is closed when Wait will not block.
func (p *PendingProduce) Done() <-chan struct{} { return p.append.Done() }

// Wait waits until the records are durable and can be read. When ctx ends first the outcome is unknown
// (ErrUnknownOutcome).
func (p *PendingProduce) Wait(ctx context.Context) (Produced, error) {
	r, err := p.append.wait(ctx)
	if err != nil {
		if p.join != nil { // why it could not join says more
			if _, joinErr := p.join.Wait(ctx); joinErr != nil {
				err = joinErr
			}
		}
		return Produced{}, err
	}
	start, _, err := p.node.Bounds(p.part)
	return Produced{Base: r.bases[0], AppendTime: p.append.call.appendTime(), Start: start}, err
}

// Produce appends what a producer sent, without waiting. It checks the batches against the topic's settings at once;
// sequence numbers, epochs and transactions are checked when the entry is applied. Calls of one goroutine are committed
// in their order. Errors at once: log.ErrCorrupt, log.ErrMagic, ErrRecord, ErrTimestamp, ErrBatchTooLarge,
// ErrNoPartition, ErrDiskFull; from Wait: ErrOutOfOrder, ErrProducerEpoch, ErrTxnState, ErrProducerMapping,
// ErrProducerFenced, ErrConcurrentTxn and those of Append. Either may return any of them.
func (n *Node) Produce(ctx context.Context, r Produce) (*PendingProduce, error) {
	if err := n.usable(); err != nil {
		return nil, err
	}
	at, err := n.placed(r.Partition)
	if err != nil {
		return nil, err
	}
	h, err := checkProduce(r.Batches, at.settings, n.Now().UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("cluster: produce to partition %d: %w", r.Partition, err)
	}
	part, err := n.find(r.Partition)
	if err != nil {
		return nil, err
	}
	p := &PendingProduce{node: n, part: r.Partition}
	if by := (Producer{h.ProducerID, h.ProducerEpoch}); r.AddToTxn && h.Transactional() && !part.seq.joined(by) {
		if p.join, err = n.joinAsync(ctx, Txn{r.TransactionalID, by}, r.Partition, at.shard); err != nil {
			return nil, err
		}
	}
	batches, err := at.settings.compressed(r.Batches)
	if err != nil {
		return nil, err
	}
	o := op{kind: opAppend, appends: []Append{{r.Partition, batches}}}
	if at.settings.LogAppendTime {
		o.stamp = []bool{true}
	}
	p.append, err = n.submit(ctx, at.shard, o)
	return p, err
}

// joinAsync takes a partition into a transaction. Where the transaction is coordinated by the partition's own shard
// the records can be sent right behind, and the Pending is that; else it waits and returns nil.
func (n *Node) joinAsync(ctx context.Context, t Txn, p PartitionID, shard int) (*Pending, error) {
	if n.coordinatorOf(t.TransactionalID) != shard {
		return nil, n.AddToTxn(ctx, t, []PartitionID{p}, nil)
	}
	return n.submit(ctx, shard, commandOp(opJoin, &cmdJoin{t, []txnPart{{Partition: p, Shard: shard}}}))
}

// A PartitionProducer is what a partition knows of a producer.
type PartitionProducer struct {
	Producer
	LastSequence     int32 // -1: none
	LastTime         int64 // of its last batch, milliseconds
	CoordinatorEpoch int32
	TxnStart         int64 // first offset of its open transaction, -1: none
}

// Producers lists the producers that a partition knows, by id.
func (n *Node) Producers(p PartitionID) ([]PartitionProducer, error) {
	part, err := n.find(p)
	if err != nil {
		return nil, err
	}
	return part.seq.producers(), nil
}
