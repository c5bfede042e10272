package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// SyncGroup, versions 0 to 5.
//
// Version 3 has static members, 5 says which protocol it is about.

func (c *conn) syncGroup(_ context.Context, req *kmsg.SyncGroupRequest) response {
	return c.srv.groups.Sync(c.live, req)
}
