package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/leatdb/leat/kafka/group"
)

// Config says how the door is.
type Config struct {
	// Addr is where to listen; port 0 picks a free one.
	Addr string
	// TLSAddr is where to listen besides, for clients that speak TLS; "" for nowhere.
	TLSAddr string
	// TLS has the certificate for them.
	TLS *tls.Config
	// Advertised is the address clients are told to connect to; default: the one they have connected to.
	Advertised string
	// Listener and TLSListener, where they are set, are used in place of Addr and TLSAddr.
	Listener, TLSListener net.Listener
	// Surrender, where it is set, is given the clients that nothing has been read from when the server closes, and whether
	// they have come by TLSListener: clients take a connection that ends so for a broken broker. It may not block.
	Surrender func(nc net.Conn, secure bool)
	// Brokers lists the nodes of a cluster, this one first. Nil is no cluster.
	Brokers func() []Broker
	// Placed says which of them serve partitions. Where it is nil this one serves all, and leads the cluster.
	Placed Placement
	// Pass, where it is set, opens a way to the server of the node that leads the cluster, where it comes out of Vouched:
	// this one leads it not, and passes on what is the leader's to answer. It needs no Admin, Offsets, Groups and
	// Transactions then.
	Pass func(ctx context.Context, of Client) (net.Conn, error)
	// Learn returns when the topics here are those that the leader had when it was asked. It is nil where Pass is.
	Learn func(context.Context) error
	// Vouched is a listener for Vouched connections; nil for none.
	Vouched net.Listener
	// Confirm returns when it is certain that no other node leads: what there is then is all that anybody was told of. Nil
	// is a server that runs alone.
	Confirm func(context.Context) error
	// Dir is the directory that clients are told of.
	Dir string
	// ClusterID names the cluster to clients.
	ClusterID string

	Topics       Topics
	Admin        Admin
	Records      Records
	Positions    Positions
	Storage      Storage
	Watcher      Watcher
	Offsets      Offsets
	Groups       group.Store
	Transactions Transactions
	Views        TransactionViews
	// Security says who clients are and what they may do; nil lets everybody do everything.
	Security Security
	// ACLs and Users change that; nil where it cannot be changed.
	ACLs   ACLs
	Users  ScramUsers
	Logger *slog.Logger

	// AutoCreate lets a client that asks for a topic have it made, when the client allows it.
	AutoCreate bool
	// Partitions is how many a topic gets when nobody says; default 1.
	Partitions int
	// MaxRequestBytes is the longest request a client may send; default 100 MiB.
	MaxRequestBytes int
	// MaxBatchBytes is the largest batch a producer may send; default 1 MiB and 12 bytes, as Kafka's.
	MaxBatchBytes int
	// MaxConnections is how many clients there may be at once; default 10000.
	MaxConnections int
	// IdleTimeout is how long a connection may be silent; default 10 minutes.
	IdleTimeout time.Duration
	// Grace is how long Close lets requests run on; default 1 second.
	Grace time.Duration
}

func (c *Config) validate() error {
	for name, missing := range map[string]bool{
		"Addr":   c.Addr+c.TLSAddr == "" && c.Listener == nil && c.TLSListener == nil,
		"TLS":    (c.TLSAddr != "" || c.TLSListener != nil) && c.TLS == nil,
		"Topics": c.Topics == nil, "Admin": c.Admin == nil && c.Pass == nil, "Records": c.Records == nil,
		"Positions": c.Positions == nil, "Storage": c.Storage == nil, "Watcher": c.Watcher == nil,
		"Offsets": c.Offsets == nil && c.Pass == nil, "Groups": c.Groups == nil && c.Pass == nil,
		"Transactions": c.Transactions == nil && c.Pass == nil, "Views": c.Views == nil,
	} {
		if missing {
			return fmt.Errorf("kafka: Config needs %s", name)
		}
	}
	if c.Advertised != "" {
		if _, _, err := splitAddr(c.Advertised); err != nil {
			return err
		}
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	orDefault(&c.ClusterID, "leat")
	orDefault(&c.Partitions, 1)
	orDefault(&c.MaxRequestBytes, 100<<20)
	orDefault(&c.MaxBatchBytes, 1<<20+12)
	orDefault(&c.MaxConnections, 10000)
	orDefault(&c.IdleTimeout, 10*time.Minute)
	orDefault(&c.Grace, time.Second)
	return nil
}

// groupTopics are the topics as consumers of the newer protocol may want them.
func (c *Config) groupTopics() []group.Topic {
	all := c.Topics.Topics()
	out := make([]group.Topic, len(all))
	for i, t := range all {
		out[i] = group.Topic{Name: t.Name, ID: t.ID, Partitions: len(t.Partitions)}
	}
	return out
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Server accepts clients.
type Server struct {
	cfg      Config
	plain    net.Listener       // nil for none
	secure   net.Listener       // nil for none
	groups   *group.Coordinator // nil: another node coordinates
	done     sync.WaitGroup     // the accepting goroutine and every connection's
	draining context.Context    // ends when Close begins
	drain    context.CancelFunc

	mu      sync.Mutex // guards what follows
	conns   map[*conn]struct{}
	closing bool
}

// Listen opens the door. Clients are served until Close.
func Listen(cfg Config) (*Server, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, conns: map[*conn]struct{}{}}
	if cfg.Pass == nil {
		var err error
		s.groups, err = group.New(group.Config{Store: cfg.Groups, Logger: cfg.Logger, Topics: cfg.groupTopics})
		if err != nil {
			return nil, err
		}
	}
	s.draining, s.drain = context.WithCancel(context.Background())
	if err := s.listen(); err != nil {
		s.closeGroups()
		return nil, errors.Join(err, s.closeListeners())
	}
	for _, l := range s.listeners() {
		s.done.Add(1)
		go s.accept(l)
	}
	return s, nil
}

// listen opens the addresses.
func (s *Server) listen() (err error) {
	s.plain = s.cfg.Listener
	if s.cfg.TLSListener != nil {
		s.secure = tls.NewListener(s.cfg.TLSListener, s.cfg.TLS)
	}
	if s.cfg.Addr != "" && s.plain == nil {
		if s.plain, err = net.Listen("tcp", s.cfg.Addr); err != nil {
			return err
		}
	}
	if s.cfg.TLSAddr != "" && s.secure == nil {
		l, err := net.Listen("tcp", s.cfg.TLSAddr)
		if err != nil {
			return err
		}
		s.secure = tls.NewListener(l, s.cfg.TLS)
	}
	return nil
}

func (s *Server) listeners() (all []net.Listener) {
	for _, l := range []net.Listener{s.plain, s.secure, s.cfg.Vouched} {
		if l != nil {
			all = append(all, l)
		}
	}
	return all
}

func (s *Server) closeListeners() error {
	var errs []error
	for _, l := range s.listeners() {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) { // by an earlier call
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Addr is where the server listens, nil for nowhere.
func (s *Server) Addr() net.Addr { return addrOf(s.plain) }

// TLSAddr is where the server listens for TLS, nil for nowhere.
func (s *Server) TLSAddr() net.Addr { return addrOf(s.secure) }

func addrOf(l net.Listener) net.Addr {
	if l == nil {
		return nil
	}
	return l.Addr()
}

func (s *Server) accept(l net.Listener) {
	defer s.done.Done()
	for {
		nc, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			s.cfg.Logger.Warn("cannot accept a connection", "error", err)
			select {
			case <-time.After(10 * time.Millisecond): // out of file descriptors, say: do not spin
			case <-s.draining.Done():
			}
			continue
		}
		s.serve(nc)
	}
}

// serve begins to serve a client.
func (s *Server) serve(nc net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing && s.surrender(nc) {
		return
	}
	if s.closing {
		reset(nc)
		return
	}
	if len(s.conns) >= s.cfg.MaxConnections {
		nc.Close()
		return
	}
	c := newConn(s, nc)
	s.conns[c] = struct{}{}
	s.done.Add(1)
	go func() {
		defer s.done.Done()
		c.serve()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.conns, c)
	}()
}

// surrender gives a client away that nothing has been read from. It reports false where nobody takes it, and for one of
// another node, which looks for the next leader itself.
func (s *Server) surrender(nc net.Conn) bool {
	if _, passed := nc.(Vouched); passed || s.cfg.Surrender == nil {
		return false
	}
	t, secure := nc.(*tls.Conn)
	if secure {
		nc = t.NetConn()
	}
	s.cfg.Surrender(nc, secure)
	return true
}

// Close stops accepting, ends what waits for records that may never come, and lets other requests run for Config.Grace.
// When ctx ends first, clients are cut.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	err := s.closeListeners()
	s.drain()
	s.each((*conn).drain)
	defer s.closeGroups()
	gone := make(chan struct{})
	go func() { s.done.Wait(); close(gone) }()
	grace := time.NewTimer(s.cfg.Grace)
	defer grace.Stop()
	select {
	case <-gone:
		return err
	case <-grace.C:
	case <-ctx.Done():
	}
	s.each((*conn).cut)
	s.closeGroups() // who waits for one to be stored waits no longer
	<-gone
	return err
}

// closeGroups ends the coordination of groups.
func (s *Server) closeGroups() {
	if s.groups != nil {
		s.groups.Close()
	}
}

// each calls f for every connection.
func (s *Server) each(f func(*conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		f(c)
	}
}
