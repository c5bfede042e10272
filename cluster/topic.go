package cluster

import (
	"fmt"
	"time"
)

// maxPartitions bounds the partitions of one topic.
const maxPartitions = 1 << 16

// PartitionID names a partition in the cluster. Numbers are never used again.
type PartitionID uint64

// TopicConfig is what a topic is created with.
type TopicConfig struct {
	Name       string `json:"name"`
	Partitions int    `json:"partitions"`
	// Retention is how long records are kept; 0 is for ever.
	Retention time.Duration `json:"retention,omitempty"`
	// RetentionBytes is how much of each partition is kept; 0 is no limit.
	RetentionBytes int64 `json:"retentionBytes,omitempty"`
	// Internal marks topics that belong to the system.
	Internal bool `json:"internal,omitempty"`
	// Home puts all partitions into one shard: that of the flow with this number, which can then append to them in
	// one step. 0 spreads the partitions over the shards.
	Home uint64 `json:"home,omitempty"`
	// Config are settings under Kafka's names; see Settings. retention.ms and retention.bytes come before the fields.
	Config map[string]string `json:"config,omitempty"`
	// UUID is the topic's identity for Kafka clients. Update chooses one when it is zero.
	UUID [16]byte `json:"uuid,omitzero"`
}

// Validate says whether a topic can be made of c.
func (c *TopicConfig) Validate() error {
	switch {
	case c.Name == "":
		return fmt.Errorf("%w: no name", ErrTopicConfig)
	case c.Partitions < 1 || c.Partitions > maxPartitions:
		return fmt.Errorf("%w: topic %q with %d partitions, 1 to %d are possible", ErrTopicConfig, c.Name, c.Partitions,
			maxPartitions)
	case c.Retention < 0 || c.RetentionBytes < 0:
		return fmt.Errorf("%w: topic %q with a negative retention", ErrTopicConfig, c.Name)
	}
	_, err := c.settings()
	return err
}

// Topic is a topic and where its partitions are: IDs[i] is its partition i.
type Topic struct {
	TopicConfig
	ID  uint64        `json:"id"`
	IDs []PartitionID `json:"ids"`
}

// A Change is one atomic command to the control group.
type Change struct {
	// IfVersion is the version that Documents must have for the change to happen; 0 is any.
	IfVersion    uint64            `json:"ifVersion,omitempty"`
	Put          map[string][]byte `json:"put,omitempty"`
	Delete       []string          `json:"delete,omitempty"`
	CreateTopics []TopicConfig     `json:"createTopics,omitempty"`
	AlterTopics  []AlterTopic      `json:"alterTopics,omitempty"`
	// DeleteTopics go before CreateTopics come: a topic may be made anew under its name.
	DeleteTopics []string `json:"deleteTopics,omitempty"`
}
