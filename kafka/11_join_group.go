package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/group"
)

// JoinGroup, versions 0 to 9.
//
// Version 1 has a timeout for rebalances of its own, 4 tells a new member its ID first, 5 has static members, 9 lets a
// static leader go on without assigning again.

func (c *conn) joinGroup(_ context.Context, req *kmsg.JoinGroupRequest) response {
	client := group.Client{ID: c.clientID, Host: c.clientHost()}
	return c.srv.groups.Join(c.live, client, req)
}
