package cluster

import (
	"context"
	"time"
)

// Settings are a topic's settings under Kafka's names, with defaults where nothing was set.
type Settings struct {
	Compact, Delete   bool          // cleanup.policy
	Compression       string        // compression.type
	DeleteRetention   time.Duration // delete.retention.ms
	MaxCompactionLag  time.Duration // max.compaction.lag.ms
	MaxMessageBytes   int           // max.message.bytes
	TimestampsBefore  time.Duration // message.timestamp.before.max.ms
	TimestampsAfter   time.Duration // message.timestamp.after.max.ms
	LogAppendTime     bool          // message.timestamp.type
	MinCleanableRatio float64       // min.cleanable.dirty.ratio
	MinCompactionLag  time.Duration // min.compaction.lag.ms
	RetentionBytes    int64         // retention.bytes, -1: no limit
	Retention         time.Duration // retention.ms, -1: for ever
	SegmentBytes      int64         // segment.bytes
	SegmentAge        time.Duration // segment.ms
}

// A Setting is one setting of a topic as text.
type Setting struct {
	Name, Value string
	Set         bool   // by somebody; else it is the default
	Kind        string // boolean, int, long, double, list, string
	Doc         string
}

// Settings returns what t's configuration comes to.
func (c *TopicConfig) Settings() Settings { return Settings{} }

// DescribeSettings lists all settings of a topic, by name.
func (c *TopicConfig) DescribeSettings() []Setting { return nil }

// AlterTopic changes settings of a topic: Kafka's names and values, null where a setting goes back to its default.
// With replace, settings that are not named go back too. Errors: ErrNoTopic, ErrTopicConfig.
func (n *Node) AlterTopic(ctx context.Context, name string, settings map[string]*string, replace bool) error {
	return errNotYet
}

// AddPartitions makes a topic have so many partitions in all. Errors: ErrNoTopic, ErrTopicConfig.
func (n *Node) AddPartitions(ctx context.Context, name string, partitions int) error {
	return errNotYet
}

// TopicByUUID finds a topic.
func (n *Node) TopicByUUID(id [16]byte) (Topic, bool) { return Topic{}, false }
