package kafka

import (
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// ListGroups, versions 0 to 5.
//
// Version 4 asks for states, 5 for types. Each node lists the groups that it coordinates.

func (c *conn) listGroups(_ context.Context, req *kmsg.ListGroupsRequest) response {
	resp := req.ResponseKind().(*kmsg.ListGroupsResponse)
	if c.srv.groups == nil {
		return resp
	}
	resp.Groups = c.srv.groups.List(req.StatesFilter, req.TypesFilter)
	if c.mayCluster(kmsg.ACLOperationDescribe) != code.None {
		resp.Groups = slices.DeleteFunc(resp.Groups, func(g kmsg.ListGroupsResponseGroup) bool {
			return c.mayGroup(kmsg.ACLOperationDescribe, g.Group) != code.None
		})
	}
	return resp
}
