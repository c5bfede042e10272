package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// FindCoordinator, versions 0 to 6.
//
// Version 1 asks for coordinators of transactions too, 4 for several. The node that leads the cluster coordinates
// everything; while none is known to, it is COORDINATOR_NOT_AVAILABLE.

func (c *conn) findCoordinator(_ context.Context, req *kmsg.FindCoordinatorRequest) response {
	resp := req.ResponseKind().(*kmsg.FindCoordinatorResponse)
	leader, known := c.controller()
	find := func(key string) kmsg.FindCoordinatorResponseCoordinator {
		out := kmsg.NewFindCoordinatorResponseCoordinator()
		out.Key, out.NodeID, out.Host, out.Port = key, leader.id, leader.host, leader.port
		switch {
		case req.CoordinatorType < 0 || req.CoordinatorType > 1:
			out.ErrorCode, out.ErrorMessage = codeAndText(code.InvalidRequest)
		case req.CoordinatorType == 1 && key == "":
			out.ErrorCode, out.ErrorMessage = codeAndText(code.InvalidRequest)
		case !known:
			out.ErrorCode, out.ErrorMessage = codeAndText(code.CoordinatorNotAvailable)
		}
		wrong := code.None
		switch {
		case out.ErrorCode != 0:
		case req.CoordinatorType == 0:
			wrong = c.mayGroup(kmsg.ACLOperationDescribe, key)
		default:
			wrong = c.mayTxn(kmsg.ACLOperationDescribe, key)
		}
		if wrong != code.None {
			out.ErrorCode, out.ErrorMessage = codeAndText(wrong)
		}
		if out.ErrorCode != 0 {
			out.NodeID, out.Host, out.Port = -1, "", -1
		}
		return out
	}
	if req.Version >= 4 {
		for _, key := range req.CoordinatorKeys {
			resp.Coordinators = append(resp.Coordinators, find(key))
		}
		return resp
	}
	one := find(req.CoordinatorKey)
	resp.NodeID, resp.Host, resp.Port = one.NodeID, one.Host, one.Port
	resp.ErrorCode, resp.ErrorMessage = one.ErrorCode, one.ErrorMessage
	return resp
}
