package cluster

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/leatdb/leat/cluster/mesh"
)

// Kinds of streams between nodes.
const (
	streamRaft  mesh.Kind = 1 // header: group u64
	streamAdmin mesh.Kind = 2 // header: a request in JSON; the answer comes back
	// streamSegment has a scrubRequest in its header; the bytes come back.
	streamSegment mesh.Kind = 3
	// streamPropose has a proposal in its header, and then an operation; its outcome comes back.
	streamPropose mesh.Kind = 4
)

// Kinds of streams of the layers above.
const (
	// StreamCheckpoints copies checkpoints of dataflows.
	StreamCheckpoints mesh.Kind = 16
	// StreamPostgres, StreamKafka and StreamKafkaTLS are clients that have connected to another node.
	StreamPostgres mesh.Kind = 17
	StreamKafka    mesh.Kind = 18
	StreamKafkaTLS mesh.Kind = 19
	// StreamKafkaPassed is a client of Kafka whose requests another node passes on, one by one, and vouches for.
	StreamKafkaPassed mesh.Kind = 20
)

// rpcTimeout bounds what raft asks of another node.
const rpcTimeout = 10 * time.Second

// A wire is the transport of one group: the library's, over streams of the mesh.
type wire struct {
	*raft.NetworkTransport
	inbox chan raft.RPC
	ship  shipper
	stop  chan struct{}
	once  sync.Once
	done  sync.WaitGroup
}

// A shipper makes of a snapshot's body what another node needs besides: the files that it names.
type shipper func(body io.Reader) (stream io.ReadCloser, size int64, err error)

// newWire makes a group's transport.
func newWire(l *layer, ship shipper, logger hclog.Logger) *wire {
	w := &wire{inbox: make(chan raft.RPC), ship: ship, stop: make(chan struct{})}
	w.NetworkTransport = raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream: l, MaxPool: 3, Timeout: rpcTimeout, Logger: logger, MsgpackUseNewTimeFormat: true,
	})
	w.done.Add(1)
	go w.pass()
	return w
}

// pass hands on what others send.
func (w *wire) pass() {
	defer w.done.Done()
	for {
		select {
		case m := <-w.NetworkTransport.Consumer():
			select {
			case w.inbox <- m:
			case <-w.stop:
				return
			}
		case <-w.stop:
			return
		}
	}
}

// deliver implements transport.
func (w *wire) deliver(m raft.RPC) {
	select {
	case w.inbox <- m:
	case <-w.stop:
	}
}

// Consumer implements raft.Transport.
func (w *wire) Consumer() <-chan raft.RPC { return w.inbox }

// Close ends the transport.
func (w *wire) Close() (err error) {
	w.once.Do(func() {
		close(w.stop)
		err = w.NetworkTransport.Close()
	})
	w.done.Wait()
	return err
}

// InstallSnapshot implements raft.Transport: it sends the files that the snapshot names as well.
func (w *wire) InstallSnapshot(id raft.ServerID, target raft.ServerAddress, args *raft.InstallSnapshotRequest,
	resp *raft.InstallSnapshotResponse, data io.Reader) error {
	if w.ship == nil {
		return w.NetworkTransport.InstallSnapshot(id, target, args, resp, data)
	}
	stream, size, err := w.ship(data)
	if err != nil {
		return err
	}
	defer stream.Close()
	whole := *args
	whole.Size = size
	return w.NetworkTransport.InstallSnapshot(id, target, &whole, resp, stream)
}

// A layer is raft.StreamLayer for one group.
type layer struct {
	mesh     *mesh.Mesh
	self     uint64
	group    uint64
	incoming chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

// Accept implements net.Listener.
func (l *layer) Accept() (net.Conn, error) {
	select {
	case c := <-l.incoming:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *layer) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener.
func (l *layer) Addr() net.Addr { return serverAddr(serverOf(l.self)) }

// Dial implements raft.StreamLayer.
func (l *layer) Dial(addr raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	node := nodeOf(raft.ServerID(addr))
	if node == 0 {
		return nil, fmt.Errorf("cluster: %q is no node", addr)
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return l.mesh.Open(ctx, node, streamRaft, binary.LittleEndian.AppendUint64(nil, l.group))
}

// serve takes a stream in, and returns when it is closed: the mesh closes what its handler leaves.
func (l *layer) serve(c net.Conn) {
	owned := &owned{Conn: c, gone: make(chan struct{})}
	select {
	case l.incoming <- owned:
	case <-l.closed:
		return
	}
	select {
	case <-owned.gone:
	case <-l.closed:
	}
}

// owned is a stream that somebody else closes.
type owned struct {
	net.Conn
	once sync.Once
	gone chan struct{}
}

// Close implements net.Conn.
func (o *owned) Close() error {
	o.once.Do(func() { close(o.gone) })
	return o.Conn.Close()
}

// serverAddr is a name of raft's as an address.
type serverAddr raft.ServerID

// Network implements net.Addr.
func (serverAddr) Network() string { return "leat" }

// String implements net.Addr.
func (a serverAddr) String() string { return string(a) }

// layers are those of all groups, by number.
type layers struct {
	mu  sync.Mutex
	all map[uint64]*layer
}

var errNoGroup = errors.New("cluster: no such group")

// find returns the layer of a stream's header.
func (ls *layers) find(header []byte) (*layer, error) {
	if len(header) != 8 {
		return nil, errNoGroup
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if l := ls.all[binary.LittleEndian.Uint64(header)]; l != nil {
		return l, nil
	}
	return nil, errNoGroup
}
