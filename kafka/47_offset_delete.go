package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// OffsetDelete, versions 0.
//
// A topic that a member of the group consumes is GROUP_SUBSCRIBED_TO_TOPIC.

func (c *conn) offsetDelete(ctx context.Context, req *kmsg.OffsetDeleteRequest) response {
	resp := req.ResponseKind().(*kmsg.OffsetDeleteResponse)
	subscribed, wrong := c.srv.groups.Subscribed(req.Group)
	if wrong != code.None {
		resp.ErrorCode = int16(wrong)
		return resp
	}
	var forget []PartitionID
	for _, rt := range req.Topics {
		out := kmsg.NewOffsetDeleteResponseTopic()
		out.Topic = rt.Topic
		t, missing := c.topicNamed(kmsg.ACLOperationRead, rt.Topic)
		for _, rp := range rt.Partitions {
			op := kmsg.NewOffsetDeleteResponseTopicPartition()
			op.Partition = rp.Partition
			switch {
			case missing == code.TopicAuthorizationFailed:
				op.ErrorCode = int16(missing)
			case subscribed[rt.Topic]:
				op.ErrorCode = int16(code.GroupSubscribedToTopic)
			case rp.Partition < 0 || int(rp.Partition) >= len(t.Partitions):
				op.ErrorCode = int16(code.UnknownTopicOrPartition)
			default:
				forget = append(forget, t.Partitions[rp.Partition])
			}
			out.Partitions = append(out.Partitions, op)
		}
		resp.Topics = append(resp.Topics, out)
	}
	if len(forget) > 0 {
		resp.ErrorCode = int16(codeOf(c.srv.cfg.Offsets.Forget(ctx, req.Group, forget)))
	}
	return resp
}
