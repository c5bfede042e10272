package cluster

import (
	"context"
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
	return Producer{}, errNotYet
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
	pending *Pending
	node    *Node
	part    PartitionID
}

// Done is closed when Wait will not block.
func (p *PendingProduce) Done() <-chan struct{} { return p.pending.Done() }

// Wait waits until the records are durable and can be read. When ctx ends first the outcome is unknown
// (ErrUnknownOutcome).
func (p *PendingProduce) Wait(ctx context.Context) (Produced, error) {
	bases, err := p.pending.Wait(ctx)
	if err != nil {
		return Produced{}, err
	}
	start, _, err := p.node.Bounds(p.part)
	return Produced{Base: bases[0], AppendTime: -1, Start: start}, err
}

// Produce appends what a producer sent, without waiting. It checks the batches against the topic's settings at once;
// sequence numbers, epochs and transactions are checked when the entry is applied. Calls of one goroutine are committed
// in their order. Errors at once: log.ErrCorrupt, log.ErrMagic, ErrRecord, ErrTimestamp, ErrBatchTooLarge,
// ErrNoPartition, ErrDiskFull; from Wait: ErrOutOfOrder, ErrProducerEpoch, ErrTxnState, ErrProducerMapping,
// ErrProducerFenced, ErrConcurrentTxn and those of Append.
func (n *Node) Produce(ctx context.Context, r Produce) (*PendingProduce, error) {
	p, err := n.AppendAsync(ctx, Append{r.Partition, r.Batches})
	if err != nil {
		return nil, err
	}
	return &PendingProduce{p, n, r.Partition}, nil
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
func (n *Node) Producers(p PartitionID) ([]PartitionProducer, error) { return nil, errNotYet }
