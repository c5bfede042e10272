package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// ConsumerGroupDescribe, versions 0 to 1.
//
// A group of the classic protocol is GROUP_ID_NOT_FOUND: DescribeGroups describes it.

func (c *conn) consumerGroupDescribe(_ context.Context, req *kmsg.ConsumerGroupDescribeRequest) response {
	resp := req.ResponseKind().(*kmsg.ConsumerGroupDescribeResponse)
	for _, name := range req.Groups {
		resp.Groups = append(resp.Groups, c.srv.groups.DescribeConsumers(name))
	}
	return resp
}
