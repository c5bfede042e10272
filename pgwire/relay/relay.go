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
	"bytes"
	"context"
	"crypto/tls"
	bigendian "encoding/binary"
	"io"
	"net"
	"sync"
	"time"

	"github.com/leatdb/leat/pgwire"
)

// Config says how clients are passed on.
type Config struct {
	// Reach opens a connection to the server that is to be asked now, for a client from an address.
	Reach func(ctx context.Context, from net.Addr) (net.Conn, error)
	// Near opens a connection to the server here that follows, for sessions that may be served by it; it is not ok while
	// there is none, which NearOpen tells. Both may be nil.
	Near     func(from net.Addr) (s net.Conn, ok bool)
	NearOpen func() bool
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
	// nearPatience is how long a session waits for a server that follows, and nearRest for how long it leaves one alone
	// that could not serve it.
	nearPatience = 500 * time.Millisecond
	nearRest     = 5 * time.Second
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
	fresh  map[string][]byte // parts that count from the next place on
	place  []byte            // of the push query that runs; nil for none
	held   []byte            // messages whose place is not known yet
	out    []byte            // messages that have not been written
	told   map[string]string
	turn   bool      // it is the client's
	quiet  bool      // the server tells what the client knows
	shown  bool      // something was passed on of what the client waits for
	partly bool      // the client has a part of a message
	over   bool      // the server has told the client why the conversation ends
	since  time.Time // the last server ended; zero when the conversation has gone on since
	tries  int       // since then
	near   bool      // the server is one that follows
	moves  bool      // the conversation goes on at another server, although this one has not ended
	apart  time.Time // until then servers that follow are left alone

	mu    sync.Mutex
	moved *sync.Cond // something that mu guards
	up    net.Conn   // guarded by mu, as is what follows
	ready bool       // what the client sends may be written to it
	age   int        // of up
	// takes says that up takes the session up: it reads nothing yet of what the client has sent.
	takes  bool
	frames frames
	// started means that the client has been told that it is its turn, once; before that nothing goes on elsewhere.
	started bool
	wanted  bool // the client waits with a message that is not kept
	ended   bool
	leaving bool // the relay is to end
}

// Serve passes a client on, beginning with a server that has been reached, until the conversation ends. When ctx ends
// clients are told so as soon as they have the answer that they wait for, or when that takes too long.
func Serve(ctx context.Context, client, server net.Conn, cfg Config) {
	r := newRelay(ctx, client, client, cfg)
	r.up = server
	defer func() {
		r.end()
		r.client.Close()
	}()
	if r.begin() {
		r.pass(r.fromServer)
	}
}

func newRelay(ctx context.Context, client net.Conn, in io.Reader, cfg Config) *relay {
	r := &relay{cfg: cfg, ctx: ctx, client: client, in: newReader(in), up: nowhere{}, parts: map[string][]byte{},
		told: map[string]string{}}
	r.moved = sync.NewCond(&r.mu)
	return r
}

// Continue passes a client on that a server of this process has left, until the conversation ends.
func Continue(ctx context.Context, left *pgwire.Left, cfg Config) {
	r := newRelay(ctx, left.Conn, io.MultiReader(bytes.NewReader(left.Unread), left.Conn), cfg)
	r.hello = pgwire.Hello{Secure: left.Hello.Secure, Binding: left.Hello.Binding}
	r.startup, r.told, r.out = left.Startup, left.Told, left.Unsent
	r.parts, r.place, r.turn = left.Hello.Parts, left.Hello.Place, left.Turn
	if len(r.place) == 0 {
		r.place = nil
	}
	r.started = true
	for rest := left.Sent; len(rest) >= 5; {
		size := min(int(bigendian.BigEndian.Uint32(rest[1:]))+1, len(rest))
		r.frames.add(rest[:size:size], true)
		rest = rest[size:]
	}
	defer func() {
		r.end()
		r.client.Close()
	}()
	r.pass(r.flush)
}

// Refuse tells a client why nobody serves it. The client has to say what it wants before: libpq does not show an error
// that answers a request for encryption. When ctx ends nothing is waited for.
func Refuse(ctx context.Context, client net.Conn, cfg Config, why []byte) {
	r := newRelay(ctx, client, client, cfg)
	defer context.AfterFunc(ctx, func() { client.Close() })()
	if r.begin() {
		r.client.Write(why) // it may be gone
	}
	r.client.Close()
}

// nowhere is the server of a conversation that has none.
type nowhere struct{ net.Conn }

// Write implements net.Conn.
func (nowhere) Write(b []byte) (int, error) { return len(b), nil }

// Read implements net.Conn.
func (nowhere) Read([]byte) (int, error) { return 0, io.EOF }

// Close implements net.Conn.
func (nowhere) Close() error { return nil }

// pass passes on what either side says, until the conversation ends. first does so with the server of now.
func (r *relay) pass(first func() error) {
	defer context.AfterFunc(r.ctx, r.leave)()
	var reading sync.WaitGroup
	reading.Go(r.fromClient)
	defer reading.Wait()
	defer func() { r.client.Close() }()
	for say := first; ; say = r.fromServer {
		if err := say(); err != nil { // the client is gone
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

// leaveAfter is how long a client is waited for that waits for an answer, when the relay is to end.
const leaveAfter = time.Second

// leave ends the conversation, when the client has its answer.
func (r *relay) leave() {
	r.mu.Lock()
	r.leaving = true
	r.parting()
	r.moved.Broadcast()
	r.mu.Unlock()
	time.AfterFunc(leaveAfter, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.up.Close()
	})
}

// parting ends the server's part of a conversation that is to end, once all that the client has said is dealt with.
// r.mu is held.
func (r *relay) parting() {
	if r.leaving && r.frames.left() == 0 && !r.wanted {
		r.up.Close()
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
	r.moved.Broadcast()
	r.up.Close()
	started, leaving := r.started, r.leaving
	planned := r.moves
	r.moves = false
	r.mu.Unlock()
	if r.since.IsZero() {
		r.since, r.tries = time.Now(), 0
	}
	if r.near && !planned && r.cfg.NearOpen() { // it is there, and cannot serve this session
		r.apart = time.Now().Add(nearRest)
	}
	r.held, r.fresh = nil, nil
	switch {
	case r.isOver():
		return nil
	case leaving:
		return Ends
	case !started && (r.shown || len(r.told) > 0 || r.hasSent()):
		return Gone // the client was about to prove who it is
	case started && (r.parts[pgwire.StaysPart] != nil || len(r.parts) == 0):
		return Gone
	}
	if r.place == nil && r.turn && !r.awaitClient() {
		return r.why()
	}
	for time.Since(r.since) < r.cfg.Patience {
		r.mu.Lock()
		again, whole := r.frames.sent()
		known := (r.frames.left() > 0 || r.wanted) && !r.shown
		ended, leaving := r.ended, r.leaving
		r.mu.Unlock()
		switch {
		case ended:
			return nil
		case leaving:
			return Ends
		case !whole || started && r.place == nil && !known:
			return Gone
		}
		if r.tries++; r.tries > 1 {
			select {
			case <-time.After(poll):
			case <-r.ctx.Done():
				return Ends
			}
		}
		if r.takeTo(again) {
			return nil
		}
	}
	return NoLeader
}

// hasSent reports whether the client has sent anything that nobody has dealt with.
func (r *relay) hasSent() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.frames.left() > 0 || r.wanted
}

// begun reports whether the client has had its first turn.
func (r *relay) begun() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.started
}

// awaitClient waits until the client has something to say. It reports false when the conversation ends before.
func (r *relay) awaitClient() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.frames.left() == 0 && !r.wanted && !r.ended && !r.leaving {
		r.moved.Wait()
		r.since, r.tries = time.Now(), 0
	}
	return !r.ended && !r.leaving
}

// why is what the client is told when the conversation ends before it has said anything.
func (r *relay) why() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return nil
	}
	return Ends
}

// takeTo gives the session to the server that is to be asked now.
func (r *relay) takeTo(again int) bool {
	s, near := r.reachNear()
	if s == nil && near {
		return false
	}
	if s == nil {
		var err error
		if s, err = r.cfg.Reach(r.ctx, r.client.RemoteAddr()); err != nil {
			return false
		}
	}
	h := r.hello
	started := r.begun()
	if started {
		h.Known, h.Parts, h.Place, h.Again = true, r.parts, r.place, again
	}
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
	if r.ended || r.leaving {
		s.Close()
		return r.ended
	}
	r.up, r.quiet, r.near, r.takes = s, started, near, started
	r.frames.rewind()
	go r.resend(s, r.age)
	return true
}

// reachNear opens a connection to a server that follows, where the session may be served by one. Without one, near says
// that it is worth waiting for.
func (r *relay) reachNear() (s net.Conn, near bool) {
	if r.parts[pgwire.NearPart] == nil || r.cfg.Near == nil || time.Now().Before(r.apart) {
		return nil, false
	}
	if s, ok := r.cfg.Near(r.client.RemoteAddr()); ok {
		return s, true
	}
	return nil, time.Since(r.since) < nearPatience
}

// mayMove lets the conversation go on elsewhere, between two messages of the client, where the session may be served by
// a server that follows and is not, or the other way round. status is that of its transaction.
func (r *relay) mayMove(status byte) {
	near := r.parts[pgwire.NearPart] != nil
	if status != 'I' || r.parts[pgwire.StaysPart] != nil || len(r.parts) == 0 || near == r.near ||
		near && (r.cfg.NearOpen == nil || !r.cfg.NearOpen() || time.Now().Before(r.apart)) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.frames.left() == 0 && !r.leaving {
		r.moves, r.ready = true, false
	}
}

// resend writes what the client has sent and no server has dealt with, and lets the client go on then. It waits until
// the server has taken the session up: one that ends before has dealt with nothing.
func (r *relay) resend(s net.Conn, age int) {
	for {
		r.mu.Lock()
		for r.takes && r.age == age && !r.ended {
			r.moved.Wait()
		}
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
	NoLeader = fatal("57P03", "the cluster has no leader",
		"More than half of the nodes that vote must run; leat status says how they are.")
	Gone = fatal("57P01", "the node that answered has gone",
		"Connect again, to any node: another one takes over. What was acknowledged is there.")
	Ends = fatal("57P01", "terminating connection due to administrator command", "Connect again, to any node.")
)
