package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/group"
)

// ConsumerGroupHeartbeat, versions 0 to 1.
//
// It is all that consumers of the newer protocol say to their group (KIP-848); the coordinator assigns. Version 1 has
// patterns of topics, and members choose their own IDs.

func (c *conn) consumerGroupHeartbeat(_ context.Context, req *kmsg.ConsumerGroupHeartbeatRequest) response {
	return c.srv.groups.ConsumerHeartbeat(group.Client{ID: c.clientID, Host: c.clientHost()}, req)
}
