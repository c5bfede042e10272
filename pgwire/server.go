package pgwire

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Config says how the door is.
type Config struct {
	// Addr is where to listen; port 0 picks a free one.
	Addr string
	// Listener, where it is set, is used in place of Addr.
	Listener net.Listener
	Backend  Backend
	// Auth says who must prove who he is; nil for nobody.
	Auth Authenticator
	// TLS has the certificate for clients that ask for encryption; nil for none.
	TLS    *tls.Config
	Logger *slog.Logger
	// MaxMessageBytes is the longest message a client may send; default 64 MiB.
	MaxMessageBytes int
	// MaxStatementBytes is the longest text of a statement; default 16 MiB.
	MaxStatementBytes int
	// MaxSessionBytes is how much a session may keep in prepared statements, bound parameters and rows of cursors;
	// default 256 MiB.
	MaxSessionBytes int64
	// MaxConnections is how many sessions there may be at once; default 10000.
	MaxConnections int
	// MaxStrangers is how many clients there may be besides that have not proved who they are; default 1000. One more
	// takes the place of the one that has been trying for longest.
	MaxStrangers int
	// FirstPID is the number of the first session; default 1. Those of servers that a client may be taken between are
	// far apart.
	FirstPID int32
	// Surrender, where it is set, is given the conversations that are left when the server closes, or the session
	// cannot go on here. It may not block.
	Surrender func(*Left)
	// StartupTimeout is how long a client may take to say who it is; default 30 seconds.
	StartupTimeout time.Duration
	// Grace is how long Close lets statements run on; default 1 second. Push queries end at once.
	Grace time.Duration
}

func (c *Config) validate() error {
	if c.Backend == nil || c.Addr == "" && c.Listener == nil {
		return errors.New("pgwire: Config needs Addr and Backend")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.MaxMessageBytes == 0 {
		c.MaxMessageBytes = 64 << 20
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = 10000
	}
	if c.MaxStatementBytes == 0 {
		c.MaxStatementBytes = 16 << 20
	}
	if c.MaxSessionBytes == 0 {
		c.MaxSessionBytes = 256 << 20
	}
	if c.MaxStrangers == 0 {
		c.MaxStrangers = 1000
	}
	if c.FirstPID == 0 {
		c.FirstPID = 1
	}
	if c.StartupTimeout == 0 {
		c.StartupTimeout = 30 * time.Second
	}
	if c.Grace == 0 {
		c.Grace = time.Second
	}
	return nil
}

// Server accepts clients.
type Server struct {
	cfg      Config
	listener net.Listener
	tls      *tls.Config
	binding  []byte         // of channels of TLS
	done     sync.WaitGroup // the accepting goroutine and every connection

	mu       sync.Mutex      // guards what follows
	conns    map[int32]*conn // by process ID, as clients are told
	sessions int             // how many of them may have a session
	// strangers are those that have not proved who they are, but for dropped ones.
	strangers int
	accepted  int64 // since the server was started
	refused   int64
	nextPID   int32
	closing   bool
	runUntil  time.Time // when statements are cancelled, if it is closing
}

// Listen opens the door. Clients are served until Close.
func Listen(cfg Config) (*Server, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	l := cfg.Listener
	if l == nil {
		var err error
		if l, err = net.Listen("tcp", cfg.Addr); err != nil {
			return nil, err
		}
	}
	s := &Server{cfg: cfg, listener: l, conns: map[int32]*conn{}, nextPID: cfg.FirstPID}
	if cfg.TLS != nil {
		s.tls, s.binding = TLS(cfg.TLS), Binding(cfg.TLS)
	}
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
		ctx, ok := s.add(c)
		if !ok {
			if c.leaving != nil {
				s.cfg.Surrender(&Left{Conn: nc})
			} else {
				nc.Close()
			}
			continue
		}
		go func() {
			defer s.done.Done()
			defer s.remove(c)
			c.serve(ctx)
		}()
	}
}

// add registers a connection and gives it its identity. It is not ok when the server is closing.
func (s *Server) add(c *conn) (ctx context.Context, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return nil, false
	}
	s.accepted++
	s.makeRoomLocked()
	for s.conns[s.nextPID] != nil || s.nextPID <= 0 {
		s.nextPID = max(s.nextPID+1, 1)
	}
	c.pid = s.nextPID
	s.nextPID++
	c.since = time.Now()
	rand.Read(c.secret[:]) // never fails
	ctx, c.cut = context.WithCancel(context.Background())
	s.conns[c.pid] = c
	s.strangers++
	s.done.Add(1)
	return ctx, true
}

// Counts are numbers of connections: those that have a session now, those that have not proved who they are, and since
// the server was started all that came and those there was no room for.
type Counts struct {
	Sessions, Strangers int
	Accepted, Refused   int64
}

// Counts counts the connections.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Counts{s.sessions, s.strangers, s.accepted, s.refused}
}

// makeRoomLocked lets go of the stranger that came first when there are as many as there may be.
func (s *Server) makeRoomLocked() {
	if s.strangers < s.cfg.MaxStrangers {
		return
	}
	var oldest *conn
	for _, c := range s.conns {
		if !c.admitted && !c.dropped && (oldest == nil || c.since.Before(oldest.since)) {
			oldest = c
		}
	}
	if oldest != nil {
		s.refused++
		s.strangers--
		oldest.dropped = true
		oldest.raw.Close() // an error means that it is closed already
	}
}

// admit reports whether a connection may have a session, and counts it then.
func (s *Server) admit(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions >= s.cfg.MaxConnections {
		s.refused++
		return false
	}
	if c.dropped {
		return false
	}
	s.sessions++
	s.strangers--
	c.admitted = true
	return true
}

func (s *Server) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns[c.pid] == c { // else the session has come back
		delete(s.conns, c.pid)
	}
	switch {
	case c.admitted:
		s.sessions--
	case !c.dropped:
		s.strangers--
	}
	c.cut()
}

// cancel ends the statement that runs on the connection with this identity, if there is one.
func (s *Server) cancel(pid int32, secret []byte) {
	s.mu.Lock()
	c := s.conns[pid]
	s.mu.Unlock()
	if c != nil && subtle.ConstantTimeCompare(c.secret[:c.secretBytes()], secret) == 1 {
		c.cancelStatement()
	}
}

// Close stops accepting, tells clients that the server goes away, and waits for their connections. Push queries end at
// once, other statements are cancelled after Config.Grace. When ctx ends first, clients are cut.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	s.runUntil = time.Now().Add(s.cfg.Grace)
	deadline := s.runUntil.Add(s.cfg.Grace)
	for _, c := range s.conns {
		c.shutdown(deadline, true)
	}
	s.mu.Unlock()
	err := s.listener.Close()
	gone := make(chan struct{})
	go func() { s.done.Wait(); close(gone) }()
	grace := time.NewTimer(s.cfg.Grace)
	defer grace.Stop()
	select {
	case <-gone:
		return err
	case <-grace.C:
		s.each((*conn).cancelStatement)
	case <-ctx.Done():
	}
	select {
	case <-gone:
		return err
	case <-ctx.Done():
	}
	s.each(func(c *conn) {
		c.cut()
		c.raw.Close()
	})
	<-gone
	return err
}

// mayGoOn reports whether the server is closing, and statements still may run.
func (s *Server) mayGoOn() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing && time.Now().Before(s.runUntil)
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// each calls f for every connection.
func (s *Server) each(f func(*conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		f(c)
	}
}
