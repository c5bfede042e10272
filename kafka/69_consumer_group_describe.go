package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// ConsumerGroupDescribe, versions 0 to 1.
//
// A group of the classic protocol is GROUP_ID_NOT_FOUND: DescribeGroups describes it.

func (c *conn) consumerGroupDescribe(_ context.Context, req *kmsg.ConsumerGroupDescribeRequest) response {
	resp := req.ResponseKind().(*kmsg.ConsumerGroupDescribeResponse)
	for _, name := range req.Groups {
		if wrong := c.mayGroup(kmsg.ACLOperationDescribe, name); wrong != code.None {
			g := kmsg.NewConsumerGroupDescribeResponseGroup()
			g.Group = name
			g.ErrorCode, g.ErrorMessage = codeAndText(wrong)
			resp.Groups = append(resp.Groups, g)
			continue
		}
		resp.Groups = append(resp.Groups, c.srv.groups.DescribeConsumers(name))
	}
	return resp
}
