package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// OffsetForLeaderEpoch, versions 2 to 4.
//
// A consumer asks where the records of a leader epoch end, to see whether what it has read is still there (KIP-320).

func (c *conn) offsetForLeaderEpoch(_ context.Context, req *kmsg.OffsetForLeaderEpochRequest) response {
	resp := req.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
	for _, rt := range req.Topics {
		out := kmsg.NewOffsetForLeaderEpochResponseTopic()
		out.Topic = rt.Topic
		for _, rp := range rt.Partitions {
			op := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			op.Partition, op.LeaderEpoch, op.EndOffset = rp.Partition, -1, -1
			p, wrong := c.partition(kmsg.ACLOperationDescribe, rt.Topic, rp.Partition)
			if wrong == code.None && !c.srv.serves(p) {
				wrong = code.NotLeaderOrFollower
			}
			if wrong == code.None {
				_, wrong = c.checkEpoch(p, rp.CurrentLeaderEpoch)
			}
			if wrong == code.None {
				var err error
				op.LeaderEpoch, op.EndOffset, err = c.srv.cfg.Positions.EpochEnd(p, rp.LeaderEpoch)
				wrong = codeOf(err)
			}
			op.ErrorCode = int16(wrong)
			out.Partitions = append(out.Partitions, op)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}
