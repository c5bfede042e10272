package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Heartbeat, versions 0 to 4.
//
// Version 3 has static members.

func (c *conn) heartbeat(_ context.Context, req *kmsg.HeartbeatRequest) response {
	resp := req.ResponseKind().(*kmsg.HeartbeatResponse)
	resp.ErrorCode = int16(c.srv.groups.Heartbeat(req))
	return resp
}
