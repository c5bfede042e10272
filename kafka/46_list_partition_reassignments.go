package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// ListPartitionReassignments, version 0.
//
// Partitions of one node never move.

func (c *conn) listPartitionReassignments(_ context.Context, req *kmsg.ListPartitionReassignmentsRequest) response {
	return req.ResponseKind().(*kmsg.ListPartitionReassignmentsResponse)
}
