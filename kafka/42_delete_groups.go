package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// DeleteGroups, versions 0 to 2.
//
// A group with members is NON_EMPTY_GROUP.

func (c *conn) deleteGroups(ctx context.Context, req *kmsg.DeleteGroupsRequest) response {
	resp := req.ResponseKind().(*kmsg.DeleteGroupsResponse)
	for _, name := range req.Groups {
		out := kmsg.NewDeleteGroupsResponseGroup()
		wrong := c.mayGroup(kmsg.ACLOperationDelete, name)
		if wrong == code.None {
			wrong = c.srv.groups.Delete(ctx, name)
		}
		out.Group, out.ErrorCode = name, int16(wrong)
		resp.Groups = append(resp.Groups, out)
	}
	return resp
}
