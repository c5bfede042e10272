// Package relay passes clients of the Postgres door on to the server of another node, and takes their conversations to
// the next server when that one ends. It follows the messages both ways: what the client has sent and the server has
// not dealt with, and what the server tells of the session and of a push query that runs (pgwire/carry.go). It knows
// where messages end and what the few kinds mean that it acts on, nothing more.
//
// What a server was doing when it ended goes on at the next one when nothing is lost by it: a push query, from the row
// on that its client had last; a session that waits for its client, when the client speaks again; a statement that was
// not answered, when it is sent again and changes nothing. Everything else ends with Gone.
package relay

import (
	"bufio"
	"context"
	"crypto/tls"
	bigendian "encoding/binary"
	"net"
	"sync"
	"time"

	"github.com/leatdb/leat/pgwire"
)

// Config says how clients are passed on.
type Config struct {
	// Reach opens a connection to the server that is to be asked now, for a client from an address.
	Reach func(ctx context.Context, from net.Addr) (net.Conn, error)
	// TLS has the certificate for clients that ask for encryption; nil for none.
	TLS *tls.Config
	// Patience is how long a client waits for the next server.
	Patience time.Duration
}

const (
	// readBytes is the buffer of what a server says.
	readBytes = 32 << 10
	// keepBytes is how much of what the client has sent is kept until it has been dealt with. What is longer cannot be
	// sent again.
	keepBytes = 4 << 20
	// heldBytes is how much of a push query's rows waits until the server tells their place.
	heldBytes = 8 << 20
	// poll is how often the next server is looked for.
	poll = 10 * time.Millisecond
)

// relay is one client.
type relay struct {
	cfg     Config
	ctx     context.Context
	client  net.Conn
	in      *bufio.Reader // of the client
	hello   pgwire.Hello
	startup []byte

	// What follows is of the goroutine that reads from servers.
	parts  map[string][]byte
	place  []byte // of the push query that runs; nil for none
	held   []byte // messages whose place is not known yet
	out    []byte // messages that have not been written
	told   map[string]string
	turn   bool      // it is the client's
	quiet  bool      // the server tells what the client knows
	shown  bool      // something was passed on of what the client waits for
	partly bool      // the client has a part of a message
	over   bool      // the server has told the client why the conversation ends
	since  time.Time // the last server ended; zero when the conversation has gone on since
	tries  int       // since then

	mu     sync.Mutex
	moved  *sync.Cond // something that mu guards
	up     net.Conn   // guarded by mu, as is what follows
	ready  bool       // what the client sends may be written to it
	age    int        // of up
	frames frames
	// started means that the client has been told that it is its turn, once; before that nothing goes on elsewhere.
	started bool
	wanted  bool // the client waits with a message that is not kept
	ended   bool
}

// Serve passes a client on, beginning with a server that has been reached, until the conversation ends.
func Serve(ctx context.Context, client, server net.Conn, cfg Config) {
	r := &relay{cfg: cfg, ctx: ctx, client: client, in: bufio.NewReaderSize(client, readBytes), up: server,
		parts: map[string][]byte{}, told: map[string]string{}}
	r.moved = sync.NewCond(&r.mu)
	defer func() {
		r.end()
		r.client.Close()
	}()
	if !r.begin() {
		return
	}
	var reading sync.WaitGroup
	reading.Go(r.fromClient)
	defer reading.Wait()
	defer func() { r.client.Close() }()
	for {
		if err := r.fromServer(); err != nil { // the client is gone
			return
		}
		if why := r.next(); why != nil {
			r.client.Write(why) // it may be gone
			return
		}
		if r.isOver() {
			return
		}
	}
}

// end lets everything go that waits.
func (r *relay) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	r.up.Close()
	r.moved.Broadcast()
}

func (r *relay) isOver() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended || r.over || r.partly
}

// next takes the conversation to the next server after the end of one. It returns what the client is told when it does
// not go on.
func (r *relay) next() []byte {
	r.mu.Lock()
	r.ready = false
	r.age++
	r.up.Close()
	started := r.started
	r.mu.Unlock()
	if r.since.IsZero() {
		r.since, r.tries = time.Now(), 0
	}
	r.held = nil
	switch {
	case r.isOver():
		return nil
	case !started || r.parts[pgwire.StaysPart] != nil || len(r.parts) == 0:
		return Gone
	}
	if r.place == nil && r.turn && !r.awaitClient() {
		return nil
	}
	for time.Since(r.since) < r.cfg.Patience {
		r.mu.Lock()
		again, whole := r.frames.sent()
		known := (r.frames.left() > 0 || r.wanted) && !r.shown
		ended := r.ended
		r.mu.Unlock()
		switch {
		case ended:
			return nil
		case !whole || r.place == nil && !known:
			return Gone
		}
		if r.tries++; r.tries > 1 {
			select {
			case <-time.After(poll):
			case <-r.ctx.Done():
				return nil
			}
		}
		if r.takeTo(again) {
			return nil
		}
	}
	return NoLeader
}

// awaitClient waits until the client has something to say. It reports false when the client is gone.
func (r *relay) awaitClient() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.frames.left() == 0 && !r.wanted && !r.ended {
		r.moved.Wait()
		r.since, r.tries = time.Now(), 0
	}
	return !r.ended
}

// takeTo gives the session to the server that is to be asked now.
func (r *relay) takeTo(again int) bool {
	s, err := r.cfg.Reach(r.ctx, r.client.RemoteAddr())
	if err != nil {
		return false
	}
	h := r.hello
	h.Known, h.Parts, h.Place, h.Again = true, r.parts, r.place, again
	first, err := h.Append(nil)
	if err == nil {
		_, err = s.Write(append(first, r.startup...))
	}
	if err != nil {
		s.Close()
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		s.Close()
		return true
	}
	r.up, r.quiet = s, true
	r.frames.rewind()
	go r.resend(s, r.age)
	return true
}

// resend writes what the client has sent and no server has dealt with, and lets the client go on then.
func (r *relay) resend(s net.Conn, age int) {
	for {
		r.mu.Lock()
		if r.age != age || r.ended {
			r.mu.Unlock()
			return
		}
		data, more := r.frames.next()
		if !more {
			r.ready = true
			r.moved.Broadcast()
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
		if _, err := s.Write(data); err != nil {
			return // whoever reads from it notices
		}
	}
}

// fatal is an ErrorResponse that ends a session.
func fatal(code, message, hint string) []byte {
	b := []byte{'E', 0, 0, 0, 0}
	for _, f := range []string{"SFATAL", "VFATAL", "C" + code, "M" + message, "H" + hint} {
		b = append(append(b, f...), 0)
	}
	b = append(b, 0)
	bigendian.BigEndian.PutUint32(b[1:], uint32(len(b)-1))
	return b
}

// What clients are told of a conversation that does not begin, or does not go on.
var (
	NoLeader = fatal("57P03", "the cluster has no leader", "More than half of the nodes that vote must run.")
	Gone     = fatal("57P01", "the node that answered has gone",
		"Connect again, to any node: another one takes over. What was acknowledged is there.")
)
