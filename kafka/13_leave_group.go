package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// LeaveGroup, versions 0 to 5.
//
// Version 3 takes several members out, and static ones by their instance.

func (c *conn) leaveGroup(_ context.Context, req *kmsg.LeaveGroupRequest) response {
	return c.srv.groups.Leave(req)
}
