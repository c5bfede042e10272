package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// DeleteGroups, versions 0 to 2.
//
// A group with members is NON_EMPTY_GROUP.

func (c *conn) deleteGroups(ctx context.Context, req *kmsg.DeleteGroupsRequest) response {
	resp := req.ResponseKind().(*kmsg.DeleteGroupsResponse)
	for _, name := range req.Groups {
		out := kmsg.NewDeleteGroupsResponseGroup()
		out.Group, out.ErrorCode = name, int16(c.srv.groups.Delete(ctx, name))
		resp.Groups = append(resp.Groups, out)
	}
	return resp
}
