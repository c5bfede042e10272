package cluster

import "errors"

// Errors that callers tell apart; what is returned wraps them and says which partition, topic or flow.
var (
	// ErrClosed says that the node is closed or closing.
	ErrClosed = errors.New("cluster: node is closed")
	// ErrFailed says that the node had to stop applying entries, because its disk does not keep what it is given.
	ErrFailed = errors.New("cluster: node has failed")
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
	// ErrConflict says that the documents have changed since the version that the change expects.
	ErrConflict = errors.New("cluster: version conflict")
	// ErrTopicExists says that a topic of that name exists.
	ErrTopicExists = errors.New("cluster: topic exists")
	// ErrNoTopic says that no topic of that name exists.
	ErrNoTopic = errors.New("cluster: no such topic")
	// ErrTopicConfig says that a topic's configuration makes no sense.
	ErrTopicConfig = errors.New("cluster: invalid topic configuration")
)
