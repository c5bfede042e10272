package cluster

import "errors"

// Errors that callers tell apart; what is returned wraps them and says which partition, topic or flow.
var (
	// ErrClosed says that the node is closed or closing.
	ErrClosed = errors.New("cluster: node is closed")
	// ErrFailed says that the node had to stop applying entries, because its disk does not keep what it is given.
	ErrFailed = errors.New("cluster: node has failed")
	// ErrNotLeader says that this node does not lead the cluster (any more). Nothing was done.
	ErrNotLeader = errors.New("cluster: this node does not lead")
	// ErrNoLeader says that nobody leads a shard that is asked for, for longer than one waits. Nothing was done.
	ErrNoLeader = errors.New("cluster: a shard has no leader")
	// ErrLevel says that a binary does not work at the level of a cluster, a data directory or a backup.
	ErrLevel = errors.New("cluster: wrong version of Leat")
	// ErrMember says that a change of the cluster's nodes is not possible.
	ErrMember = errors.New("cluster: membership")
	// ErrUnknownOutcome says that an entry was proposed and that nobody knows whether it was committed.
	ErrUnknownOutcome = errors.New("cluster: outcome unknown")
	// ErrDiskFull says that the disk has less room than Config.ReserveBytes. Nothing was done.
	ErrDiskFull = errors.New("cluster: disk is full")
	// ErrTooLarge says that one entry would be larger than MaxEntryBytes.
	ErrTooLarge = errors.New("cluster: entry too large")
	// ErrNoPartition says that there is no such partition (any more).
	ErrNoPartition = errors.New("cluster: no such partition")
	// ErrManyShards says that one entry names partitions of several shards.
	ErrManyShards = errors.New("cluster: partitions of more than one shard in one entry")
	// ErrFenced says that another owner has claimed the flow, or that the step is not the next one.
	ErrFenced = errors.New("cluster: flow is fenced")
	// ErrMoved says that a guard of an append did not hold. Nothing was appended.
	ErrMoved = errors.New("cluster: partition has moved")
	// ErrConflict says that the documents have changed since the version that the change expects.
	ErrConflict = errors.New("cluster: version conflict")
	// ErrTopicExists says that a topic of that name exists.
	ErrTopicExists = errors.New("cluster: topic exists")
	// ErrNoTopic says that no topic of that name exists.
	ErrNoTopic = errors.New("cluster: no such topic")
	// ErrTopicConfig says that a topic's configuration makes no sense.
	ErrTopicConfig = errors.New("cluster: invalid topic configuration")

	// ErrOutOfOrder says that a producer's sequence number is not the next one.
	ErrOutOfOrder = errors.New("cluster: sequence number out of order")
	// ErrProducerEpoch says that a producer writes with an epoch older than the partition's newest.
	ErrProducerEpoch = errors.New("cluster: producer epoch is too old")
	// ErrProducerFenced says that another producer has taken over the transactional id.
	ErrProducerFenced = errors.New("cluster: producer is fenced")
	// ErrProducerMapping says that a transactional id does not belong to the producer id.
	ErrProducerMapping = errors.New("cluster: producer id does not belong to the transactional id")
	// ErrTxnState says that no such transaction is open, or that it has ended another way.
	ErrTxnState = errors.New("cluster: transaction is not in a state for this")
	// ErrTxnTimeout says that a transaction timeout is not positive or larger than MaxTxnTimeout.
	ErrTxnTimeout = errors.New("cluster: invalid transaction timeout")
	// ErrConcurrentTxn says that the transaction before is still being ended: try again.
	ErrConcurrentTxn = errors.New("cluster: transaction is being ended")
	// ErrRecord says that a batch breaks a rule of its topic, or is none that a client may send.
	ErrRecord = errors.New("cluster: invalid record")
	// ErrTimestamp says that a record's timestamp is outside what its topic allows.
	ErrTimestamp = errors.New("cluster: invalid timestamp")
	// ErrBatchTooLarge says that a batch is larger than its topic allows.
	ErrBatchTooLarge = errors.New("cluster: batch too large")
	// ErrGeneration says that a group has gone on to a newer generation.
	ErrGeneration = errors.New("cluster: group has a newer generation")
	// ErrNoGroup says that there is no such group.
	ErrNoGroup = errors.New("cluster: no such group")
)
