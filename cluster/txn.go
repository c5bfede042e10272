package cluster

import (
	"context"
	"errors"
	"time"
)

var errNotYet = errors.New("cluster: not built yet")

// A Txn names the transaction of a transactional producer.
type Txn struct {
	TransactionalID string
	Producer        Producer
}

// AddToTxn adds partitions and consumer groups to a transaction, which begins when there is none. Errors:
// ErrProducerMapping, ErrProducerFenced, ErrConcurrentTxn, ErrNoPartition.
func (n *Node) AddToTxn(ctx context.Context, t Txn, partitions []PartitionID, groups []string) error {
	return errNotYet
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
func (n *Node) EndTxn(ctx context.Context, e EndTxn) (Producer, error) { return Producer{}, errNotYet }

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
func (n *Node) Transactions() []Transaction { return nil }

// Transaction finds a transactional id.
func (n *Node) Transaction(id string) (Transaction, bool) { return Transaction{}, false }

// WriteMarker ends what a producer has open in a partition, whatever its coordinator thinks: the remedy for a hanging
// transaction. Errors: ErrProducerEpoch.
func (n *Node) WriteMarker(ctx context.Context, p PartitionID, of Producer, commit bool, coordinatorEpoch int32) error {
	return errNotYet
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
	_, next, err := n.Bounds(p)
	return next, err
}

// Aborted lists the aborted transactions with records in [from, to), by their first offset. Ask after reading the
// records: what compaction took away meanwhile is then not listed.
func (n *Node) Aborted(p PartitionID, from, to int64) ([]AbortedTxn, error) { return nil, nil }
