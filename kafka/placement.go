package kafka

import (
	"context"
	"slices"

	"github.com/leatdb/leat/kafka/code"
)

// Placement says which nodes of a cluster serve partitions.
type Placement interface {
	// Controller is the number of the node that leads the cluster, -1 while none is known to.
	Controller() int32
	// Leader is the number of the node that leads a partition, -1 while none is known to.
	Leader(p PartitionID) int32
	// Serves reports whether this node does, and has all that was acknowledged.
	Serves(p PartitionID) bool
	// Confirm returns when it is certain that no other node has led the partitions since before it was called.
	Confirm(ctx context.Context, ps []PartitionID) error
}

// serves reports whether this node serves a partition.
func (s *Server) serves(p PartitionID) bool { return s.cfg.Placed == nil || s.cfg.Placed.Serves(p) }

// controllerID is the number of the node that leads the cluster, -1 for none.
func (s *Server) controllerID() int32 {
	if s.cfg.Placed == nil {
		return s.selfID()
	}
	return s.cfg.Placed.Controller()
}

// controller is where the client finds the node that leads the cluster; it is not ok when that is not known.
func (c *conn) controller() (broker, bool) {
	all := c.brokers()
	id := c.srv.controllerID()
	i := slices.IndexFunc(all, func(b broker) bool { return b.id == id })
	if i < 0 {
		return broker{id: -1, port: -1}, false
	}
	return all[i], true
}

// leaders returns the function that says which node leads a partition: one that clients can reach, or -1.
func (c *conn) leaders() func(PartitionID) int32 {
	placed := c.srv.cfg.Placed
	if placed == nil {
		self := c.srv.selfID()
		return func(PartitionID) int32 { return self }
	}
	all := c.brokers()
	return func(p PartitionID) int32 {
		id := placed.Leader(p)
		if slices.ContainsFunc(all, func(b broker) bool { return b.id == id }) {
			return id
		}
		return -1
	}
}

// currentLeader is who leads a partition, as a client is told that has asked the wrong node (KIP-951): -1 for nobody.
type currentLeader struct{ id, epoch int32 }

// nobody leads.
var nobody = currentLeader{-1, -1}

// lead finds out who leads a partition for which a client has got an error, where it helps to know. The node is added
// to those that the response is to name.
func (c *conn) lead(p PartitionID, wrong code.Code, named *[]broker) currentLeader {
	placed := c.srv.cfg.Placed
	if placed == nil || wrong != code.NotLeaderOrFollower && wrong != code.FencedLeaderEpoch {
		return nobody
	}
	id := placed.Leader(p)
	epoch, err := c.srv.cfg.Positions.LeaderEpoch(p)
	if err != nil || id < 0 {
		return nobody
	}
	for _, b := range c.brokers() {
		if b.id == id {
			if !slices.Contains(*named, b) {
				*named = append(*named, b)
			}
			return currentLeader{id, epoch}
		}
	}
	return nobody
}
