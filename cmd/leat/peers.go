package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/cluster/mesh"
	"github.com/leatdb/leat/engine"
)

// tryAgain is how long a node waits that could not take over, before it looks whether it is to lead again.
const tryAgain = time.Second

// peers is the part of a server that belongs to a cluster.
type peers struct {
	config cluster.Peers
	self   cluster.Member
	copies *engine.Copies
	// The gates for clients; nil where there are none.
	pg, kafka, kafkaTLS *gate
	// kafkaPassed is the gate for clients of Kafka whose requests other nodes pass on. It has no address.
	kafkaPassed *gate

	cancel context.CancelFunc
	done   chan struct{} // nil before supervise runs

	follower     atomic.Pointer[follower] // nil while there is none
	unable       unable
	notFollowing reasons // why this node does not follow; of the goroutine that keeps the follower
}

// validatePeers says whether the flags about other nodes fit.
func (c *config) validatePeers() error {
	if c.cluster+c.join == "" {
		if c.advertise+c.peerCert+c.peerKey+c.peerCA != "" || c.peerPlain {
			return errors.New("--advertise and the flags that begin with --cluster- need --cluster or --join")
		}
		return nil
	}
	set := 0
	for _, file := range []string{c.peerCert, c.peerKey, c.peerCA} {
		if file != "" {
			set++
		}
	}
	if set != 0 && set != 3 {
		return errors.New("--cluster-tls-cert, --cluster-tls-key and --cluster-tls-ca need each other")
	}
	if c.cluster == "" {
		return nil
	}
	at, _, err := net.SplitHostPort(c.cluster)
	if err != nil {
		return fmt.Errorf("--cluster: %w", err)
	}
	if ip := net.ParseIP(at); (at == "" || ip != nil && ip.IsUnspecified()) && c.advertise == "" {
		return errors.New("--cluster listens everywhere: --advertise says under which name others find this node")
	}
	return nil
}

// openPeers opens the addresses, so that the others can be told of them.
func (c *config) openPeers(logger *slog.Logger) (p *peers, err error) {
	var open []net.Listener
	defer func() {
		if err != nil {
			for _, l := range open {
				l.Close()
			}
		}
	}()
	listen := func(flag, addr string) (net.Listener, error) {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return nil, fmt.Errorf("--%s: %w", flag, err)
		}
		open = append(open, l)
		return l, nil
	}
	addr, err := c.clusterAddr()
	if err != nil {
		return nil, err
	}
	if !isLoopback(addr) && c.peerCA == "" && !c.peerPlain {
		return nil, fmt.Errorf("--cluster %s can be reached from other machines, and nothing proves who they are: "+
			"set --cluster-tls-cert, --cluster-tls-key and --cluster-tls-ca, or --cluster-plain in a network of your own", addr)
	}
	between, err := listen("cluster", addr)
	if err != nil {
		return nil, err
	}
	if err := c.rememberAddr(between.Addr()); err != nil {
		return nil, err
	}
	p = &peers{self: c.member()}
	p.self.Addr = c.found(between)
	pg, err := listen("pg", c.pg)
	if err != nil {
		return nil, err
	}
	p.pg, p.self.Postgres = newGate(pg, cluster.StreamPostgres, logger, passPostgres), c.found(pg)
	if c.kafka != "" {
		l, err := listen("kafka", c.kafka)
		if err != nil {
			return nil, err
		}
		p.kafka, p.self.Kafka = newGate(l, cluster.StreamKafka, logger, splice), c.found(l)
	}
	if c.kafkaTLS != "" {
		l, err := listen("kafka-tls", c.kafkaTLS)
		if err != nil {
			return nil, err
		}
		p.kafkaTLS, p.self.KafkaTLS = newGate(l, cluster.StreamKafkaTLS, logger, splice), c.found(l)
	}
	if c.kafka+c.kafkaTLS != "" {
		p.kafkaPassed = newGate(newDoor(&net.TCPAddr{}), cluster.StreamKafkaPassed, logger, nil)
	}
	p.config = cluster.Peers{Addr: addr, Self: p.self, Network: ready{between}}
	if c.join != "" {
		p.config.Join = strings.Split(c.join, ",")
	}
	p.config.TLS, err = c.peerTLS()
	return p, err
}

// member is what every node tells of itself.
func (c *config) member() cluster.Member {
	return cluster.Member{Version: version, HoldLevel: c.holdLevel, Spread: c.kafka+c.kafkaTLS != ""}
}

// found is where others find an address that this node listens at.
func (c *config) found(l net.Listener) string {
	at, port, _ := net.SplitHostPort(l.Addr().String())
	if ip := net.ParseIP(at); c.advertise != "" && (ip == nil || !ip.IsLoopback()) {
		at = c.advertise
	}
	return net.JoinHostPort(at, port)
}

// clusterAddr is where to listen for other nodes. A node that joins without saying takes a free port, once, on the
// address that it reaches the cluster from.
func (c *config) clusterAddr() (string, error) {
	if c.cluster != "" {
		return c.cluster, nil
	}
	if b, err := os.ReadFile(c.addrFile()); err == nil {
		return string(b), nil
	}
	target, _, _ := strings.Cut(c.join, ",")
	probe, err := net.Dial("udp", target) // sends nothing
	if err != nil {
		return "", fmt.Errorf("--join: %w", err)
	}
	defer probe.Close()
	return net.JoinHostPort(host(probe.LocalAddr()), "0"), nil
}

func (c *config) addrFile() string { return filepath.Join(c.data, "cluster-address") }

// rememberAddr keeps the address that clusterAddr has chosen: the others look for the node there.
func (c *config) rememberAddr(a net.Addr) error {
	if c.cluster != "" {
		return nil
	}
	return os.WriteFile(c.addrFile(), []byte(a.String()), 0o644)
}

// peerTLS is the configuration between nodes: each proves who it is.
func (c *config) peerTLS() (*tls.Config, error) {
	if c.peerCA == "" {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(c.peerCert, c.peerKey)
	if err != nil {
		return nil, fmt.Errorf("--cluster-tls-cert: %w", err)
	}
	pem, err := os.ReadFile(c.peerCA)
	if err != nil {
		return nil, fmt.Errorf("--cluster-tls-ca: %w", err)
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--cluster-tls-ca %s: no certificate in it", c.peerCA)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: authorities, ClientCAs: authorities,
		ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13}, nil
}

// ready is the network with a listener that is open already.
type ready struct{ listener net.Listener }

// Listen implements mesh.Network.
func (r ready) Listen(string) (net.Listener, error) { return r.listener, nil }

// Dial implements mesh.Network.
func (ready) Dial(ctx context.Context, addr string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
}

var _ mesh.Network = ready{}

func (p *peers) gates() (all []*gate) {
	for _, g := range []*gate{p.pg, p.kafka, p.kafkaTLS, p.kafkaPassed} {
		if g != nil {
			all = append(all, g)
		}
	}
	return all
}

func (p *peers) addrs() addrs {
	at := addrs{pg: p.pg.listener.Addr()}
	if p.kafka != nil {
		at.kafka = p.kafka.listener.Addr()
	}
	if p.kafkaTLS != nil {
		at.kafkaTLS = p.kafkaTLS.listener.Addr()
	}
	return at
}

// run opens the gates, begins to take turns, and returns when the cluster has a leader that serves.
func (p *peers) run(ctx context.Context, s *server, c *config, logger *slog.Logger) error {
	p.copies = engine.NewCopies(s.node, engineDir(c), logger)
	s.node.TellEngine(func() *cluster.EngineState { return p.engineState(s) })
	for _, g := range p.gates() {
		g.run(s.node)
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.cancel, p.done = cancel, make(chan struct{})
	serves := make(chan struct{}, 1)
	go func() {
		defer close(p.done)
		p.supervise(life, s, c, logger, serves)
	}()
	tick := time.NewTicker(leaderPoll)
	defer tick.Stop()
	for {
		select {
		case <-serves:
			return nil
		case <-tick.C:
			if id := s.node.Leader(); id != 0 && id != s.node.Self() {
				return nil
			}
		case err := <-s.failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// supervise runs a turn whenever this node leads.
func (p *peers) supervise(ctx context.Context, s *server, c *config, logger *slog.Logger, serves chan<- struct{}) {
	gone := make(<-chan struct{})
	defer func() { <-gone }()
	for first := true; ; first = false {
		unfollow, closeNear := p.follow(ctx, s, c, logger), p.nearKafka(s, c, logger, first)
		over, err := s.node.Lead(ctx)
		gone = closeNear()
		warm := unfollow()
		if err != nil {
			if err := warm.close(); err != nil {
				logger.Warn("the end of following", "error", err)
			}
			if ctx.Err() == nil && !errors.Is(err, cluster.ErrClosed) {
				s.failed <- err // the others go on without this node
			}
			return
		}
		began := time.Now()
		t, err := openTurn(ctx, s, c, logger, warm)
		if err != nil {
			if ctx.Err() == nil {
				p.unable.tell(logger, err)
			}
			// A transfer that fails is tried again with everything else: the others need this node's vote.
			if s.node.Resign() != nil && len(s.node.Voters()) < 2 && ctx.Err() == nil {
				s.failed <- advised(err, clusterAdvice)
				return
			}
			select {
			case <-time.After(tryAgain):
				continue
			case <-ctx.Done():
				return
			}
		}
		p.unable.over()
		logger.Info("this node serves", "took", time.Since(began).Round(time.Millisecond))
		select {
		case serves <- struct{}{}:
		default:
		}
		select {
		case <-over:
		case <-ctx.Done():
		}
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		err = t.closeDoors(end)
		if ctx.Err() != nil && s.node.Leads() { // the next one begins while the engine writes its last checkpoint
			if err := s.node.Resign(); err != nil {
				logger.Info("no other node takes over", "error", err)
			}
		}
		if err = errors.Join(err, t.close(end)); err != nil {
			logger.Warn("the end of a turn", "error", err)
		}
		cancel()
		if ctx.Err() != nil {
			return
		}
	}
}

// close ends the turn and the gates.
func (p *peers) close() error {
	if p.done != nil {
		p.cancel()
		<-p.done
	}
	var errs []error
	for _, g := range p.gates() {
		if g.node == nil { // it never ran
			errs = append(errs, g.listener.Close())
			continue
		}
		errs = append(errs, g.close())
	}
	return errors.Join(errs...)
}
