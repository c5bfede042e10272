package kafka

import (
	"cmp"
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// DescribeTopicPartitions, version 0.
//
// It is Metadata for admins, by name, a limited number of partitions at a time; a cursor says where to go on. No topic
// named asks for all.

// maxDescribed is how many partitions are described at a time at most.
const maxDescribed = 2000

func (c *conn) describeTopicPartitions(_ context.Context, req *kmsg.DescribeTopicPartitionsRequest) response {
	resp := req.ResponseKind().(*kmsg.DescribeTopicPartitionsResponse)
	var names []string
	for _, t := range req.Topics {
		names = append(names, t.Topic)
	}
	if len(names) == 0 {
		for _, t := range c.topics() {
			names = append(names, t.Name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	first := 0
	if req.Cursor != nil {
		names = slices.DeleteFunc(names, func(n string) bool { return cmp.Less(n, req.Cursor.Topic) })
		if len(names) > 0 && names[0] == req.Cursor.Topic {
			first = max(int(req.Cursor.Partition), 0)
		}
	}
	left := min(int(req.ResponsePartitionLimit), maxDescribed)
	if left < 1 {
		left = maxDescribed
	}
	for _, name := range names {
		if left == 0 {
			resp.NextCursor = &kmsg.DescribeTopicPartitionsResponseNextCursor{Topic: name}
			break
		}
		out, more := c.describePartitions(name, first, left)
		resp.Topics = append(resp.Topics, out)
		left -= len(out.Partitions)
		if more {
			resp.NextCursor = &kmsg.DescribeTopicPartitionsResponseNextCursor{
				Topic: name, Partition: int32(first + len(out.Partitions)),
			}
			break
		}
		first = 0
	}
	return resp
}

// describePartitions describes partitions of a topic, and says whether there are more.
func (c *conn) describePartitions(name string, first, limit int,
) (out kmsg.DescribeTopicPartitionsResponseTopic, more bool) {
	out = kmsg.NewDescribeTopicPartitionsResponseTopic()
	out.Topic, out.AuthorizedOperations = &name, noOperations
	t, wrong := c.topicNamed(kmsg.ACLOperationDescribe, name)
	if wrong != code.None {
		out.ErrorCode = int16(wrong)
		return out, false
	}
	out.TopicID = t.ID
	for _, p := range c.describeTopic(t).Partitions[min(first, len(t.Partitions)):] {
		if len(out.Partitions) == limit {
			return out, true
		}
		op := kmsg.NewDescribeTopicPartitionsResponseTopicPartition()
		op.Partition, op.LeaderID, op.LeaderEpoch, op.ErrorCode = p.Partition, p.Leader, p.LeaderEpoch, p.ErrorCode
		op.Replicas, op.ISR, op.OfflineReplicas = p.Replicas, p.ISR, p.OfflineReplicas
		op.EligibleLeaderReplicas, op.LastKnownELR = []int32{}, []int32{}
		out.Partitions = append(out.Partitions, op)
	}
	return out, false
}
