package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// ElectLeaders, versions 0 to 2.
//
// The nodes see to it themselves who leads: ELECTION_NOT_NEEDED.

func (c *conn) electLeaders(_ context.Context, req *kmsg.ElectLeadersRequest) response {
	resp := req.ResponseKind().(*kmsg.ElectLeadersResponse)
	for _, rt := range req.Topics {
		out := kmsg.NewElectLeadersResponseTopic()
		out.Topic = rt.Topic
		for _, n := range rt.Partitions {
			op := kmsg.NewElectLeadersResponseTopicPartition()
			_, wrong := c.partition(kmsg.ACLOperationDescribe, rt.Topic, n)
			if wrong == code.None {
				wrong = code.ElectionNotNeeded
			}
			op.Partition = n
			op.ErrorCode, op.ErrorMessage = codeAndText(wrong)
			out.Partitions = append(out.Partitions, op)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}
