package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// DescribeGroups, versions 0 to 6.
//
// A group that is not there is Dead; version 6 says GROUP_ID_NOT_FOUND.

func (c *conn) describeGroups(_ context.Context, req *kmsg.DescribeGroupsRequest) response {
	resp := req.ResponseKind().(*kmsg.DescribeGroupsResponse)
	for _, name := range req.Groups {
		if wrong := c.mayGroup(kmsg.ACLOperationDescribe, name); wrong != code.None {
			g := kmsg.NewDescribeGroupsResponseGroup()
			g.Group = name
			g.ErrorCode, g.ErrorMessage = codeAndText(wrong)
			resp.Groups = append(resp.Groups, g)
			continue
		}
		g := c.srv.groups.Describe(name)
		if g.State == "Dead" && req.Version >= 6 {
			g.ErrorCode, g.ErrorMessage = codeAndText(fmt.Errorf("%w: there is no group %q", code.GroupIDNotFound, name))
		}
		resp.Groups = append(resp.Groups, g)
	}
	return resp
}
