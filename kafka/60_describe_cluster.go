package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// DescribeCluster, versions 0 to 2.
//
// Version 1 may ask for controllers, which are not reached through brokers here.

func (c *conn) describeCluster(_ context.Context, req *kmsg.DescribeClusterRequest) response {
	resp := req.ResponseKind().(*kmsg.DescribeClusterResponse)
	resp.EndpointType = req.EndpointType
	if req.Version >= 1 && req.EndpointType != 1 {
		resp.ErrorCode, resp.ErrorMessage = codeAndText(code.InvalidRequest)
		return resp
	}
	resp.ClusterID, resp.ControllerID = c.srv.cfg.ClusterID, c.srv.controllerID()
	resp.ClusterAuthorizedOperations = noOperations
	for _, at := range c.brokers() {
		b := kmsg.NewDescribeClusterResponseBroker()
		b.NodeID, b.Host, b.Port = at.id, at.host, at.port
		resp.Brokers = append(resp.Brokers, b)
	}
	return resp
}
