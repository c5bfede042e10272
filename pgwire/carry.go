package pgwire

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/types"
)

// A client may come by a relay, which is the door of another node. The relay is told what it takes to let the
// conversation go on at another server when this one ends:
//
//   - the parts of the session, by name, whenever they have changed (PartMessage). A part without a value is gone.
//     "stays" says that there is something that cannot be taken along. They count from the place that follows.
//   - how many of the client's messages have been dealt with, before each ReadyForQuery and while a push query runs.
//     With it comes the place that the push query's client has got to with what was sent before (PlaceMessage).
//
// A relay says hello before the client's startup message; after the end of another server it has parts and a place, and
// then the conversation goes on there. Only this package knows what parts and places mean.

// What a server sends to a relay beside the protocol's own messages.
const (
	// PartMessage is followed by a name that ends in NUL, and a value.
	PartMessage = 'k'
	// PlaceMessage is followed by a number of messages (4 bytes) and a place, which is empty when no push query runs
	// that can be taken up.
	PlaceMessage = 'q'
)

// StaysPart is the part that says that the session cannot be taken to another server.
const StaysPart = "stays"

// NearPart is the part that says that the session may be served by a server that follows, beside the relay.
const NearPart = "near"

// helloCode stands where a startup message has its protocol version.
const helloCode = 80877200

// maxHello is the longest hello.
const maxHello = 512 << 20

// Hello is what a relay says first.
type Hello struct {
	// Secure tells that the client's connection to the relay is encrypted; Binding is the data of its channel binding.
	Secure  bool   `json:"secure,omitempty"`
	Binding []byte `json:"binding,omitempty"`
	// Known tells that the client has proved who it is to another server before. Parts and Place are what that server
	// has told last, and Again how many messages come first that it may have dealt with: what changes anything is
	// refused among them.
	Known bool              `json:"known,omitempty"`
	Parts map[string][]byte `json:"parts,omitempty"`
	Place []byte            `json:"place,omitempty"`
	Again int               `json:"again,omitempty"`
}

// Append appends the message.
func (h *Hello) Append(dst []byte) ([]byte, error) {
	body, err := json.Marshal(h)
	if err != nil || len(body) > maxHello {
		return dst, fmt.Errorf("pgwire: a session of %d bytes cannot be taken along: %w", len(body), err)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(body)+8))
	dst = binary.BigEndian.AppendUint32(dst, helloCode)
	return append(dst, body...), nil
}

// Relayed is a connection by a relay.
type Relayed interface{ Relayed() bool }

// Carried is a Session that can be taken to another server.
type Carried interface {
	// State is what Restore of another session takes; not ok while there is something that cannot be taken along.
	State() (state []byte, ok bool)
	// Restore makes the session that one. finish is called when its prepared statements are there.
	Restore(state []byte) (finish func(), err error)
	// Resume has the next push query begin at a place, which its Result has told before: Place(n int) (string, bool)
	// is the one after n rows of what Next gave last, after all of them when n is negative.
	Resume(place string)
	// Again tells whether the statements that follow may have been run before.
	Again(on bool)
}

// Nearby is a Session that a server which follows may serve while Near says so.
type Nearby interface{ Near() bool }

// Maker is a Session that knows the texts of the PREPARE statements that were run.
type Maker interface{ Made() []string }

// Deferrer is a Session that keeps statements which were prepared elsewhere and cannot be prepared here now.
type Deferrer interface {
	// Defer gives a Late statement; of PREPARE the one that has the name.
	Defer(stmt parse.Statement, params []types.Type) Prepared
}

// Late is a Planner that may not have been planned yet: it has no parameters and columns before it is revised.
type Late interface{ Late() bool }

// placed is a result that tells how far its client is.
type placed interface{ Place(n int) (string, bool) }

// relaying is the part of a connection that a relay needs.
type relaying struct {
	hello Hello
	sent  map[string][]byte // parts that the relay knows
	dealt uint32            // messages of the client that the relay does not know of
	from  *place            // where the statement begins that is taken up; nil for none
}

// offer says which statement runs: one of a Query message, or a portal. cursor is the one that it reads.
type offer struct {
	Text   string  `json:"text,omitempty"`
	Nth    int     `json:"nth,omitempty"`
	Portal *string `json:"portal,omitempty"`
	Limit  int     `json:"limit,omitempty"`
	Cursor *string `json:"cursor,omitempty"`
}

// place is how far the client is within a statement: the rows it has, whether it has been told their columns, and where
// the push query is.
type place struct {
	rows  int
	begun bool
	at    string
}

func (p place) append(dst []byte) []byte { return fmt.Appendf(dst, "%d %t %s", p.rows, p.begun, p.at) }

func parsePlace(text string) (*place, error) {
	f := strings.SplitN(text, " ", 3)
	if len(f) != 3 {
		return nil, errProtocol("a place")
	}
	rows, err := strconv.Atoi(f[0])
	if err != nil {
		return nil, errProtocol("a place")
	}
	return &place{rows, f[1] == "true", f[2]}, nil
}

// readHello reads the rest of a hello.
func (c *conn) readHello(body []byte) error {
	if err := json.Unmarshal(body, &c.relay.hello); err != nil {
		return errProtocol("a relay's hello")
	}
	h := &c.relay.hello
	c.secure, c.binding, c.relay.sent = h.Secure, h.Binding, maps.Clone(h.Parts)
	return nil
}

// sendTurn tells the relay, before it is the client's turn, how the session is.
func (c *conn) sendTurn() {
	if c.relay == nil {
		return
	}
	parts := c.parts(nil)
	if runs := c.relay.hello.Parts[offerPart]; runs != nil && len(c.relay.hello.Place) > 0 && parts[StaysPart] == nil {
		parts[offerPart] = runs // it has not been taken up yet, and this server may end before that
	}
	c.sendParts(parts)
	c.sendPlace(nil)
}

// sendParts tells the relay of the parts that have changed.
func (c *conn) sendParts(parts map[string][]byte) {
	for name, value := range parts {
		if old, ok := c.relay.sent[name]; !ok || !bytes.Equal(old, value) {
			c.sendPart(name, value)
		}
	}
	for name := range c.relay.sent {
		if _, ok := parts[name]; !ok {
			c.sendPart(name, nil)
		}
	}
	c.relay.sent = parts
}

func (c *conn) sendPart(name string, value []byte) {
	c.out = binary.BigEndian.AppendUint32(append(c.out, PartMessage), uint32(len(name)+len(value)+5))
	c.out = append(append(append(c.out, name...), 0), value...)
}

// sendPlace tells the relay what has been dealt with.
func (c *conn) sendPlace(p *place) {
	at := len(c.out)
	c.out = append(c.out, PlaceMessage, 0, 0, 0, 0)
	c.out = binary.BigEndian.AppendUint32(c.out, c.relay.dealt)
	c.relay.dealt = 0
	if p != nil {
		c.out = p.append(c.out)
	}
	binary.BigEndian.PutUint32(c.out[at+1:], uint32(len(c.out)-at-1))
}

// followTick is how often a relay hears of the place of a push query that gives no rows.
const followTick = time.Second

// follower tells a relay how far the client of a push query is, or notes that where there is none. A nil one does
// nothing.
type follower struct {
	c     *conn
	of    placed
	told  string
	rows  int
	begun bool
	nth   int
	state []byte // of the session when the query began, as its parts have it; an error may end the transaction
	ok    bool
}

// follow begins to tell of a push query's result, where it can be taken up.
func (c *conn) follow(r Result) *follower {
	if c.offer == nil || !isLive(r) {
		return nil
	}
	of, ok := r.(placed)
	if !ok {
		return nil
	}
	if _, ok := of.Place(-1); !ok {
		return nil
	}
	o := c.offer
	if f, ok := r.(*fetched); ok {
		o.Cursor = &f.p.name
	}
	if c.relay == nil {
		f := &follower{c: c, of: of}
		f.state, f.ok = c.state()
		return f
	}
	parts := c.parts(o)
	if parts[StaysPart] != nil {
		return nil
	}
	c.sendParts(parts)
	return &follower{c: c, of: of}
}

// at tells that the client has so many rows, the last of them the nth of what the result gave last.
func (f *follower) at(rows int, begun bool, nth int) {
	if f == nil {
		return
	}
	if f.c.relay == nil {
		f.rows, f.begun, f.nth = rows, begun, nth
		return
	}
	at, ok := f.of.Place(nth)
	if !ok {
		return
	}
	p := place{rows, begun, at}
	if text := string(p.append(nil)); text != f.told {
		f.told = text
		f.c.sendPlace(&p)
	}
}

// until is when the relay should hear of the query again; the zero time when it need not.
func (f *follower) until() time.Time {
	if f == nil || f.c.relay == nil {
		return time.Time{}
	}
	return time.Now().Add(followTick)
}

// goesOn returns where the statement begins that is taken up, the zero place otherwise.
func (c *conn) goesOn() place {
	if c.relay == nil || c.relay.from == nil {
		return place{}
	}
	p := *c.relay.from
	c.relay.from = nil
	return p
}

// again counts the messages that may have been dealt with before. It returns what is to be called after the message.
func (c *conn) again() (after func()) {
	if c.relay == nil || c.relay.hello.Again == 0 {
		return func() {}
	}
	s, ok := c.session.(Carried)
	if ok {
		s.Again(true)
	}
	return func() {
		if c.relay.hello.Again--; c.relay.hello.Again == 0 && ok {
			s.Again(false)
		}
	}
}

// takeUp lets the statement go on that ran when the server before ended.
func (c *conn) takeUp(ctx context.Context) error {
	h := &c.relay.hello
	defer func() { h.Parts, h.Place = nil, nil }()
	if len(h.Place) == 0 {
		return nil
	}
	var o offer
	p, err := parsePlace(string(h.Place))
	h.Place = nil
	if err == nil && json.Unmarshal(h.Parts[offerPart], &o) != nil {
		err = errProtocol("a statement")
	}
	if err != nil {
		return err
	}
	c.turn, c.relay.from = false, p
	defer func() { c.relay.from = nil }()
	if o.Portal != nil {
		if err := c.executePortal(ctx, *o.Portal, o.Limit); err != nil {
			c.sendErrorIn(err, c.textOf(*o.Portal))
			c.skip = true
		}
		c.flush()
		return nil
	}
	if s, ok := c.session.(Carried); ok && o.Cursor == nil {
		s.Resume(p.at)
	}
	c.simpleText(ctx, o.Text, o.Nth)
	return nil
}
