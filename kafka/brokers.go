package kafka

import "github.com/twmb/franz-go/pkg/kmsg"

// A Broker is a node of the cluster as clients are told of it.
type Broker struct {
	ID int32
	// Addr is where it serves Kafka's clients, and TLSAddr those that speak TLS; "" for nowhere.
	Addr, TLSAddr string
	// Down nodes have replicas and serve nobody.
	Down bool
}

// loneID is the number of a node that is no cluster's.
const loneID = 1

// broker is where a client finds a node.
type broker struct {
	id   int32
	host string
	port int32
}

// brokers lists the nodes that a client can reach the way it has reached this one, which is the first.
func (c *conn) brokers() []broker {
	self := broker{c.srv.selfID(), c.host, c.port}
	if c.srv.cfg.Brokers == nil {
		return []broker{self}
	}
	all := []broker{self}
	for i, b := range c.srv.cfg.Brokers() {
		addr := b.Addr
		if c.secure {
			addr = b.TLSAddr
		}
		host, port, err := splitAddr(addr)
		switch {
		case b.Down:
		case err == nil && i == 0:
			all[0] = broker{b.ID, host, port}
		case err == nil:
			all = append(all, broker{b.ID, host, port})
		}
	}
	return all
}

// selfID is the number of this node.
func (s *Server) selfID() int32 {
	if s.cfg.Brokers != nil {
		if all := s.cfg.Brokers(); len(all) > 0 {
			return all[0].ID
		}
	}
	return loneID
}

// replicas are the numbers of the nodes that have every partition.
func (s *Server) replicas() []int32 {
	all, _ := s.replicasInSync()
	return all
}

// replicasInSync are those, and those among them that are up.
func (s *Server) replicasInSync() (all, up []int32) {
	if s.cfg.Brokers == nil {
		return loneReplica, loneReplica
	}
	for _, b := range s.cfg.Brokers() {
		if all = append(all, b.ID); !b.Down {
			up = append(up, b.ID)
		}
	}
	return all, up
}

var loneReplica = []int32{loneID}

// onAll says whether an assignment names nodes of the cluster alone, each once. Where a partition is does not depend on
// it: every node has all.
func (s *Server) onAll(assigned []int32) bool {
	known := map[int32]bool{}
	for _, id := range s.replicas() {
		known[id] = true
	}
	for _, id := range assigned {
		if !known[id] {
			return false
		}
		delete(known, id)
	}
	return len(assigned) > 0
}

// describeBrokers lists the nodes in a Metadata response.
func (c *conn) describeBrokers(resp *kmsg.MetadataResponse) {
	for _, at := range c.brokers() {
		b := kmsg.NewMetadataResponseBroker()
		b.NodeID, b.Host, b.Port = at.id, at.host, at.port
		resp.Brokers = append(resp.Brokers, b)
	}
	resp.ControllerID = c.srv.controllerID()
}
