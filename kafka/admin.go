package kafka

import "context"

// Admin changes topics.
type Admin interface {
	// CreateTopic makes a topic. When it returns it can be appended to.
	CreateTopic(ctx context.Context, t NewTopic) error
	// DeleteTopic deletes a topic and its records.
	DeleteTopic(ctx context.Context, name string) error
	// AddPartitions makes a topic have so many partitions in all.
	AddPartitions(ctx context.Context, name string, partitions int) error
	// AlterTopic changes settings: to their default where the value is nil. With replace those that are not named go
	// back to theirs too.
	AlterTopic(ctx context.Context, name string, settings map[string]*string, replace bool) error
}

// A NewTopic is what a topic is created with.
type NewTopic struct {
	Name       string
	Partitions int
	// Settings are Kafka's, by name.
	Settings map[string]string
	// ValidateOnly asks whether it would work.
	ValidateOnly bool
}

// A Setting is one setting of a topic, as text.
type Setting struct {
	Name, Value string
	Set         bool   // by somebody; else it is the default
	Kind        string // boolean, int, long, double, list or string
	Doc         string
}

// Storage is what the door needs of the files.
type Storage interface {
	// SizeBytes is the size of a partition's files.
	SizeBytes(p PartitionID) (int64, error)
	// Trim deletes the records of a partition before an offset.
	Trim(ctx context.Context, p PartitionID, start int64) error
}
