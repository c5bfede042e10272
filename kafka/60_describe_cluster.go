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
	resp.ClusterID, resp.ControllerID, resp.ClusterAuthorizedOperations = c.srv.cfg.ClusterID, nodeID, noOperations
	b := kmsg.NewDescribeClusterResponseBroker()
	b.NodeID, b.Host, b.Port = nodeID, c.host, c.port
	resp.Brokers = append(resp.Brokers, b)
	return resp
}
