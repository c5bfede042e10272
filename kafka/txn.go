package kafka

import (
	"context"
	"time"

	"github.com/leatdb/leat/kafka/code"
)

// A Producer is an idempotent producer: its number and its epoch.
type Producer struct {
	ID    int64
	Epoch int16
}

// NoProducer is the number of a producer that is none.
const NoProducer = -1

// A ProducerRequest asks for a producer's number.
type ProducerRequest struct {
	// TransactionalID names a transactional producer; "" is any idempotent one.
	TransactionalID string
	// Timeout is how long a transaction may last.
	Timeout time.Duration
	// Known is what the producer had before, or has the ID NoProducer.
	Known Producer
}

// A Txn names the transaction of a producer.
type Txn struct {
	TransactionalID string
	Producer        Producer
}

// An EndTxn ends a transaction.
type EndTxn struct {
	Txn
	Commit bool
	// Bump gives the producer a new epoch.
	Bump bool
}

// Transactions coordinates transactions.
type Transactions interface {
	// InitProducer gives a producer its number and epoch. With a transactional ID it fences those that had it before.
	InitProducer(ctx context.Context, r ProducerRequest) (Producer, error)
	// AddToTxn adds partitions and groups to a transaction, which begins when there is none.
	AddToTxn(ctx context.Context, t Txn, partitions []PartitionID, groups []string) error
	// EndTxn commits or aborts a transaction, and returns the producer to go on as.
	EndTxn(ctx context.Context, e EndTxn) (Producer, error)
	// WriteMarker ends what a producer has open in a partition, whatever its coordinator thinks.
	WriteMarker(ctx context.Context, p PartitionID, of Producer, commit bool, coordinatorEpoch int32) error
}

// A Transaction describes a transactional ID and its last transaction.
type Transaction struct {
	Txn
	State      string // Kafka's name of it
	Timeout    time.Duration
	Started    int64 // milliseconds, -1 when it is not ongoing
	Partitions []Place
}

// A Place is where a partition is: in a topic, under a number.
type Place struct {
	Topic  string
	Number int32
}

// A PartitionProducer is what a partition knows of a producer.
type PartitionProducer struct {
	Producer
	LastSequence     int32 // -1: none
	LastTime         int64 // of its last batch, milliseconds
	CoordinatorEpoch int32
	TxnStart         int64 // first offset of its open transaction, -1: none
}

// An AbortedTxn is a part of a partition that readers of committed records skip: the batches of a producer from an
// offset on, to the marker that ends it.
type AbortedTxn struct {
	Producer    int64
	FirstOffset int64
}

// TransactionViews shows transactions.
type TransactionViews interface {
	// Transactions lists the transactional IDs, in order.
	Transactions() []Transaction
	// Transaction finds a transactional ID.
	Transaction(id string) (Transaction, bool)
	// Producers lists the producers that a partition knows.
	Producers(p PartitionID) ([]PartitionProducer, error)
	// Aborted lists the aborted transactions with records between two offsets, by the first of them.
	Aborted(p PartitionID, from, to int64) ([]AbortedTxn, error)
}

// fencing is codeOf for APIs that did not know PRODUCER_FENCED before a version.
func fencing(err error, known bool) int16 {
	c := codeOf(err)
	switch {
	case c == code.ProducerFenced && !known:
		c = code.InvalidProducerEpoch
	case c == code.InvalidProducerEpoch && known:
		c = code.ProducerFenced
	}
	return int16(c)
}
