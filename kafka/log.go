package kafka

import "context"

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

// A NewTopic is what a topic is created with.
type NewTopic struct {
	Name       string
	Partitions int
}

// Topics is the door's view of the catalog.
type Topics interface {
	// Topic finds a topic by its name.
	Topic(name string) (Topic, bool)
	// Topics returns all topics, by name.
	Topics() []Topic
	// CreateTopic makes a topic. When it returns it can be appended to.
	CreateTopic(ctx context.Context, t NewTopic) error
	// DeleteTopic deletes a topic and its records.
	DeleteTopic(ctx context.Context, name string) error
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
	// Append begins to append whole batches, all or none. The bytes must not change until the Pending's Wait has
	// returned. Appends of one goroutine are committed in the order of the calls.
	Append(ctx context.Context, p PartitionID, batches []byte) (Pending, error)
	// Read appends whole batches to dst, beginning with the one that holds offset: at least one, and more up to
	// maxBytes. At the end it appends nothing.
	Read(p PartitionID, offset int64, maxBytes int, dst []byte) ([]byte, error)
	// Bounds says what there is of a partition.
	Bounds(p PartitionID) (Bounds, error)
	// OffsetForTime finds the first record that is not older than ms, milliseconds since 1970; the offset is -1 when all
	// are older.
	OffsetForTime(p PartitionID, ms int64) (offset, timestamp int64, err error)
}

// Pending is an append on its way.
type Pending interface {
	// Wait waits until the batches are durable, and returns the offset of the first record.
	Wait(ctx context.Context) (base int64, err error)
}

// Watcher tells when partitions grow.
type Watcher interface {
	// Watch returns a channel that gets a signal after any partition grew, until stop is called.
	Watch() (grew <-chan struct{}, stop func())
}
