package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// ListGroups, versions 0 to 5.
//
// Version 4 asks for states, 5 for types.

func (c *conn) listGroups(_ context.Context, req *kmsg.ListGroupsRequest) response {
	resp := req.ResponseKind().(*kmsg.ListGroupsResponse)
	resp.Groups = c.srv.groups.List(req.StatesFilter, req.TypesFilter)
	return resp
}
