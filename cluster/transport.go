package cluster

import (
	"errors"
	"io"

	"github.com/hashicorp/raft"
)

// errNoPeer is what a node without peers answers when raft wants to talk to one.
var errNoPeer = errors.New("cluster: this node has no peers")

// localServer is the name and the address of the only voter.
const localServer = "local"

// A transport carries one group's messages, and lets the node hand a message to its own replica.
type transport interface {
	raft.Transport
	// deliver hands a message to the group on this node, as if it had come from a peer.
	deliver(raft.RPC)
}

// lone is the transport of a group of one: there is nobody to talk to.
type lone struct{ inbox chan raft.RPC }

func newLone() transport { return &lone{inbox: make(chan raft.RPC, 1)} }

// deliver implements transport. A message that finds another one waiting is dropped, as a network may.
func (t *lone) deliver(m raft.RPC) {
	select {
	case t.inbox <- m:
	default:
	}
}

// Consumer implements raft.Transport.
func (t *lone) Consumer() <-chan raft.RPC { return t.inbox }

// LocalAddr implements raft.Transport.
func (t *lone) LocalAddr() raft.ServerAddress { return localServer }

// EncodePeer implements raft.Transport.
func (t *lone) EncodePeer(_ raft.ServerID, addr raft.ServerAddress) []byte { return []byte(addr) }

// DecodePeer implements raft.Transport.
func (t *lone) DecodePeer(b []byte) raft.ServerAddress { return raft.ServerAddress(b) }

// SetHeartbeatHandler implements raft.Transport.
func (t *lone) SetHeartbeatHandler(func(raft.RPC)) {}

// AppendEntriesPipeline implements raft.Transport.
func (t *lone) AppendEntriesPipeline(raft.ServerID, raft.ServerAddress) (raft.AppendPipeline, error) {
	return nil, errNoPeer
}

// AppendEntries implements raft.Transport.
func (t *lone) AppendEntries(raft.ServerID, raft.ServerAddress, *raft.AppendEntriesRequest,
	*raft.AppendEntriesResponse) error {
	return errNoPeer
}

// RequestVote implements raft.Transport.
func (t *lone) RequestVote(raft.ServerID, raft.ServerAddress, *raft.RequestVoteRequest,
	*raft.RequestVoteResponse) error {
	return errNoPeer
}

// InstallSnapshot implements raft.Transport.
func (t *lone) InstallSnapshot(raft.ServerID, raft.ServerAddress, *raft.InstallSnapshotRequest,
	*raft.InstallSnapshotResponse, io.Reader) error {
	return errNoPeer
}

// TimeoutNow implements raft.Transport.
func (t *lone) TimeoutNow(raft.ServerID, raft.ServerAddress, *raft.TimeoutNowRequest,
	*raft.TimeoutNowResponse) error {
	return errNoPeer
}
