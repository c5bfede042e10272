package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/kafka"
	"github.com/leatdb/leat/sql/catalog"
)

// In a cluster with spread shards every node serves Kafka's clients itself: between two turns by a door that answers
// what is about partitions and nodes, and passes the rest on to the door of the node that leads. It needs no engine:
// who may do what, and which topics there are, the documents of the cluster say.

// nearKafka keeps the door open until end is called, which returns when no client comes to it any more. Gone is closed
// when it has none left.
func (p *peers) nearKafka(s *server, c *config, logger *slog.Logger, first bool) (end func() (gone <-chan struct{})) {
	gone := make(chan struct{})
	if p.kafkaPassed == nil || s.node.Spread() == 0 {
		close(gone)
		return func() <-chan struct{} { return gone }
	}
	ctx, cancel := context.WithCancel(context.Background())
	shut := make(chan struct{})
	go func() {
		defer close(gone)
		door, err := p.openNearKafka(ctx, s, c, logger, first)
		if err != nil {
			if ctx.Err() == nil {
				logger.Error("this node does not serve Kafka's clients", "error", err)
			}
			close(shut)
			return
		}
		<-ctx.Done()
		closed := make(chan error, 1)
		go func() {
			late, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			closed <- door.Close(late)
		}()
		for _, g := range []*gate{p.kafka, p.kafkaTLS} {
			if g != nil {
				<-g.nearClosed()
			}
		}
		close(shut)
		if err := <-closed; err != nil {
			logger.Warn("the end of a door", "error", err)
		}
	}()
	return func() <-chan struct{} {
		cancel()
		<-shut
		return gone
	}
}

// openNearKafka opens the door once the documents are there that it needs. The first time it waits until another node
// leads: this one may be about to.
func (p *peers) openNearKafka(ctx context.Context, s *server, c *config, logger *slog.Logger, first bool,
) (*kafka.Server, error) {
	if first && !p.followsAfter(ctx, s, 0) {
		return nil, ctx.Err()
	}
	id, err := knownClusterID(ctx, s.node)
	if err != nil {
		return nil, err
	}
	known := &documents{node: s.node, logger: logger}
	if err := known.read(); err != nil {
		return nil, err
	}
	topics, records := &kafkaTopics{node: s.node}, kafkaRecords{s.node}
	conf := kafka.Config{
		TLS: s.tls, Security: users{known}, ClusterID: id, Dir: c.data, AutoCreate: c.autoCreate, Partitions: c.partitions,
		Logger: logger, Topics: topics, Storage: topics, Records: records, Positions: records, Watcher: records,
		Views:    &kafkaTxns{s.node, topics},
		Listener: openedNear(p.kafka), TLSListener: openedNear(p.kafkaTLS), Surrender: p.takeBack,
		Brokers: func() []kafka.Broker { return brokers(s.node) }, Placed: kafkaPlaces{s.node}, Pass: p.passKafka,
		Learn: s.node.Learn,
	}
	return kafka.Listen(conf)
}

// openedNear is the listener of a gate's near door, nil without a gate.
func openedNear(g *gate) net.Listener {
	if g == nil {
		return nil
	}
	return g.openNear()
}

// knownClusterID waits until the cluster has the name that clients are told.
func knownClusterID(ctx context.Context, node *cluster.Node) (string, error) {
	for {
		changed := node.Changed()
		_, docs := node.Documents()
		if id, ok := docs[clusterIDKey]; ok {
			return string(id), nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// documents is the catalog as the documents of the cluster have it at this node.
type documents struct {
	node    *cluster.Node
	logger  *slog.Logger
	mu      sync.Mutex
	changed <-chan struct{} // the moment of the catalog
	cat     *catalog.Snapshot
}

// Catalog implements cataloger.
func (d *documents) Catalog() *catalog.Snapshot {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.readLocked(); err != nil {
		d.logger.Error("the catalog cannot be read: who may do what is as it was", "error", err)
	}
	return d.cat
}

// read reads the catalog, unless it is the newest.
func (d *documents) read() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.readLocked()
}

func (d *documents) readLocked() error {
	changed := d.node.Changed()
	if d.changed == changed {
		return nil
	}
	d.changed = changed
	cat, err := engine.ReadCatalog(d.node)
	if err == nil {
		d.cat = cat
	}
	return err
}

// kafkaPlaces tells the Kafka door which nodes serve what.
type kafkaPlaces struct{ node *cluster.Node }

// Controller implements kafka.Placement.
func (k kafkaPlaces) Controller() int32 { return kafkaNode(k.node.Leader()) }

// Leader implements kafka.Placement.
func (k kafkaPlaces) Leader(p kafka.PartitionID) int32 {
	return kafkaNode(k.node.LeaderOf(cluster.PartitionID(p)))
}

// kafkaNode is the number of a node as clients have it.
func kafkaNode(id uint64) int32 {
	if id == 0 {
		return -1
	}
	return int32(id)
}

// Serves implements kafka.Placement.
func (k kafkaPlaces) Serves(p kafka.PartitionID) bool { return k.node.Serves(cluster.PartitionID(p)) }

// Confirm implements kafka.Placement.
func (k kafkaPlaces) Confirm(ctx context.Context, ps []kafka.PartitionID) error {
	ids := make([]cluster.PartitionID, len(ps))
	for i, p := range ps {
		ids[i] = cluster.PartitionID(p)
	}
	return kafkaError(k.node.ConfirmAt(ctx, ids...))
}

// passedClient is how a node tells the leader of a client whose requests it passes on.
type passedClient struct {
	User   string `json:"user"`
	Addr   string `json:"addr"`
	Secure bool   `json:"tls,omitempty"`
}

// passKafka opens a way to the leader's Kafka door for a client.
func (p *peers) passKafka(ctx context.Context, of kafka.Client) (net.Conn, error) {
	header, err := json.Marshal(passedClient{of.User, of.Remote.String(), of.Secure})
	if err != nil {
		return nil, err
	}
	c, _, err := p.kafkaPassed.reachWith(ctx, header)
	return c, err
}

// vouched is a client of another node as the leader's Kafka door gets it.
type vouched struct {
	remote
	of kafka.Client
}

// Client implements kafka.Vouched.
func (v *vouched) Client() kafka.Client { return v.of }

// newVouched makes a client of a connection that a node has opened for it.
func newVouched(c *net.UnixConn, header []byte) (*vouched, error) {
	var of passedClient
	if err := json.Unmarshal(header, &of); err != nil {
		return nil, err
	}
	if of.User == "" {
		return nil, errors.New("a client without a user")
	}
	addr := clientAddr([]byte(of.Addr))
	return &vouched{remote{UnixConn: c, addr: addr}, kafka.Client{User: of.User, Remote: addr, Secure: of.Secure}}, nil
}
