package pgwire

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Config says how the door is.
type Config struct {
	// Addr is where to listen; port 0 picks a free one.
	Addr    string
	Backend Backend
	Logger  *slog.Logger
	// MaxMessageBytes is the longest message a client may send; default 64 MiB.
	MaxMessageBytes int
	// MaxConnections is how many clients may be connected at once; default 1000.
	MaxConnections int
	// StartupTimeout is how long a client may take to say who it is; default 30 seconds.
	StartupTimeout time.Duration
}

func (c *Config) validate() error {
	if c.Backend == nil || c.Addr == "" {
		return errors.New("pgwire: Config needs Addr and Backend")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.MaxMessageBytes == 0 {
		c.MaxMessageBytes = 64 << 20
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = 1000
	}
	if c.StartupTimeout == 0 {
		c.StartupTimeout = 30 * time.Second
	}
	return nil
}

// Server accepts clients.
type Server struct {
	cfg      Config
	listener net.Listener
	done     sync.WaitGroup // the accepting goroutine and every connection

	mu      sync.Mutex
	conns   map[int32]*conn // by process ID, as clients are told
	nextPID int32
	closing bool
}

// Listen opens the door. Clients are served until Close.
func Listen(cfg Config) (*Server, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, listener: l, conns: map[int32]*conn{}, nextPID: 1}
	s.done.Add(1)
	go s.accept()
	return s, nil
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

func (s *Server) accept() {
	defer s.done.Done()
	for {
		nc, err := s.listener.Accept()
		if err != nil {
			s.mu.Lock()
			closing := s.closing
			s.mu.Unlock()
			if closing || errors.Is(err, net.ErrClosed) {
				return
			}
			s.cfg.Logger.Warn("cannot accept a connection", "error", err)
			time.Sleep(10 * time.Millisecond) // out of file descriptors, say: do not spin
			continue
		}
		c := newConn(s, nc)
		if !s.add(c) {
			continue
		}
		go func() {
			defer s.done.Done()
			defer s.remove(c)
			c.serve()
		}()
	}
}

// add registers a connection and gives it its identity; false when the server is closing.
func (s *Server) add(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		c.net.Close()
		return false
	}
	for s.conns[s.nextPID] != nil || s.nextPID <= 0 {
		s.nextPID = max(s.nextPID+1, 1)
	}
	c.pid = s.nextPID
	s.nextPID++
	var key [4]byte
	rand.Read(key[:]) // never fails
	c.secret = binary.BigEndian.Uint32(key[:])
	c.crowded = len(s.conns) >= s.cfg.MaxConnections
	s.conns[c.pid] = c
	s.done.Add(1)
	return true
}

func (s *Server) remove(c *conn) {
	s.mu.Lock()
	delete(s.conns, c.pid)
	s.mu.Unlock()
	c.net.Close()
}

// cancel ends the statement that runs on the connection with this identity, if there is one.
func (s *Server) cancel(pid int32, secret uint32) {
	s.mu.Lock()
	c := s.conns[pid]
	s.mu.Unlock()
	if c != nil && c.secret == secret {
		c.cancelStatement()
	}
}

// Close stops accepting, cancels what runs, tells clients that the server goes away, and waits for their connections.
// When ctx ends first they are cut.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	for _, c := range s.conns {
		c.shutdown()
	}
	s.mu.Unlock()
	err := s.listener.Close()
	gone := make(chan struct{})
	go func() { s.done.Wait(); close(gone) }()
	select {
	case <-gone:
		return err
	case <-ctx.Done():
	}
	s.mu.Lock()
	for _, c := range s.conns {
		c.net.Close()
	}
	s.mu.Unlock()
	<-gone
	return err
}
