package kafka

import (
	"context"
	"io"
)

// PartitionID names a partition in the log, and no other one ever.
type PartitionID uint64

// A Topic is a topic that clients may see.
type Topic struct {
	Name string
	// ID is never given to another topic.
	ID [16]byte
	// Partitions are the topic's, by number.
	Partitions []PartitionID
	// Writer says who alone appends to the topic, and that clients therefore may not; "" when they may.
	Writer string
}

// Topics are those that clients may see.
type Topics interface {
	// Topic finds a topic by its name.
	Topic(name string) (Topic, bool)
	// TopicByID finds a topic by its ID.
	TopicByID(id [16]byte) (Topic, bool)
	// Topics returns all topics, by name.
	Topics() []Topic
	// Settings lists all settings of a topic, by name.
	Settings(topic string) []Setting
}

// Bounds says what there is of a partition.
type Bounds struct {
	// Start is the first offset that can be read.
	Start int64
	// Stable is the offset before which all transactions have ended.
	Stable int64
	// Next is the offset that the next record gets.
	Next int64
}

// Records is what the door needs of partitions.
type Records interface {
	// Produce begins to append whole batches, all or none. The bytes must not change until the Pending's Wait has
	// returned. Calls of one goroutine are committed in their order.
	Produce(ctx context.Context, p Produce) (Pending, error)
	// Read appends whole batches to dst, beginning with the one that holds offset: at least one, and more up to
	// maxBytes. At the end it appends nothing.
	Read(p PartitionID, offset int64, maxBytes int, dst []byte) ([]byte, error)
	// File is Read without reading: where the batches are. Those at limit and behind, when it is not negative, are left
	// out. It is nil at the end, and when the batches cannot be had as a file.
	File(p PartitionID, offset, limit int64, maxBytes int) (FileRange, error)
	// Bounds says what there is of a partition.
	Bounds(p PartitionID) (Bounds, error)
}

// A FileRange is whole batches in a file, to be sent as they are.
type FileRange interface {
	// Size is how many bytes there are.
	Size() int64
	// WriteTo writes them, by sendfile to a connection of TCP.
	WriteTo(w io.Writer) (int64, error)
	// Close closes the file.
	Close() error
}

// A TimedOffset is the place of a record.
type TimedOffset struct {
	Offset      int64
	Timestamp   int64 // milliseconds
	LeaderEpoch int32
}

// Positions finds offsets of partitions.
type Positions interface {
	// FindTime finds the first record that is not older than ms, milliseconds since 1970; ok is false when there is none.
	FindTime(p PartitionID, ms int64) (at TimedOffset, ok bool, err error)
	// MaxTimestamp finds the first record with the newest timestamp; ok is false when there is none.
	MaxTimestamp(p PartitionID) (at TimedOffset, ok bool, err error)
	// LeaderEpoch is the current leader epoch.
	LeaderEpoch(p PartitionID) (int32, error)
	// EpochEnd finds the newest leader epoch that is not newer than one, and the offset behind its last record. found is
	// -1 when there is none.
	EpochEnd(p PartitionID, epoch int32) (found int32, end int64, err error)
}

// A Produce is one partition's part of a produce request: exactly one batch when a producer's number is in it.
type Produce struct {
	Partition PartitionID
	Batches   []byte
	// TransactionalID is the request's. With AddToTxn the partition joins the producer's transaction, which begins when
	// there is none; without, it must have been added before.
	TransactionalID string
	AddToTxn        bool
}

// Produced says where records went.
type Produced struct {
	Base       int64 // offset of the first record
	AppendTime int64 // milliseconds, when the topic's timestamps are of the append; else -1
	Start      int64 // the partition's first offset
}

// Pending is an append on its way.
type Pending interface {
	// Wait waits until the batches are durable.
	Wait(ctx context.Context) (Produced, error)
}

// Watcher tells when partitions grow.
type Watcher interface {
	// Watch returns a channel that gets a signal after any partition grew, until stop is called.
	Watch() (grew <-chan struct{}, stop func())
}

// A GroupOffset is how far a consumer group has come in a partition.
type GroupOffset struct {
	Partition   PartitionID
	Offset      int64
	LeaderEpoch int32 // -1: unknown
	Metadata    string
}

// An OffsetCommit commits offsets of a group.
type OffsetCommit struct {
	Group string
	// Generation is that of the member who commits; -1 is no member.
	Generation int32
	Offsets    []GroupOffset
	// Txn makes the offsets part of a transaction, unless its transactional ID is "". The group must have been added to
	// it, unless AddToTxn does that first.
	Txn      Txn
	AddToTxn bool
}

// A CommittedOffset is a committed offset of a group.
type CommittedOffset struct {
	GroupOffset
	Topic  string
	Number int32 // of the partition in its topic
	// Pending says that an open transaction has another offset for the partition. Offset is -1 when nothing else was
	// ever committed.
	Pending bool
}

// Offsets keeps the offsets of consumer groups.
type Offsets interface {
	// Commit commits offsets. When it returns they are durable.
	Commit(ctx context.Context, c OffsetCommit) error
	// Committed lists what a group has committed in partitions that exist, by partition.
	Committed(group string) ([]CommittedOffset, error)
	// Forget forgets a group's offsets in some partitions.
	Forget(ctx context.Context, group string, partitions []PartitionID) error
}
