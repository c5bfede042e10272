package engine

import (
	"slices"
	"sync"

	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
)

// clients are the sessions of this node, and what they say to each other.
type clients struct {
	mu     sync.Mutex // guards the fields of every Client, too
	byPID  map[int32]*Client
	schema map[int]bool // the numbers of temporary schemas in use
}

// Client is a session of this node as others see it. Its functions may be called from any goroutine.
type Client struct {
	e       *Engine
	pid     int32
	signals Signals

	shown    fn.ClientState  // guarded by the mutex of clients, as are the others below
	channels map[string]bool // of LISTEN
	inbox    []Notification
	bytes    int // in inbox
}

// Signals are how a session is reached from outside of it; nil does nothing.
type Signals struct {
	Cancel func() // ends the statement that runs
	End    func() // ends the session
	Wake   func() // says that there are notifications
}

// Notification is what NOTIFY sends.
type Notification struct {
	PID              int32
	Channel, Payload string
}

// maxInbox is how much may wait for a session that does not take its notifications.
const maxInbox = 64 << 20

func newClients() *clients { return &clients{byPID: map[int32]*Client{}, schema: map[int]bool{}} }

// Attach makes a session known until Detach.
func (e *Engine) Attach(s fn.ClientState, signals Signals) *Client {
	c := &Client{e: e, pid: s.PID, signals: signals, shown: s, channels: map[string]bool{}}
	e.clients.mu.Lock()
	defer e.clients.mu.Unlock()
	e.clients.byPID[s.PID] = c
	return c
}

// Detach forgets a session.
func (c *Client) Detach() {
	c.e.clients.mu.Lock()
	defer c.e.clients.mu.Unlock()
	if c.e.clients.byPID[c.pid] == c {
		delete(c.e.clients.byPID, c.pid)
	}
}

// Show changes what others see of the session.
func (c *Client) Show(change func(s *fn.ClientState)) {
	c.e.clients.mu.Lock()
	defer c.e.clients.mu.Unlock()
	change(&c.shown)
}

// Clients lists the sessions in the order of their numbers.
func (e *Engine) Clients() []fn.ClientState {
	e.clients.mu.Lock()
	defer e.clients.mu.Unlock()
	out := make([]fn.ClientState, 0, len(e.clients.byPID))
	for _, c := range e.clients.byPID {
		out = append(out, c.shown)
	}
	slices.SortFunc(out, func(a, b fn.ClientState) int { return int(a.PID) - int(b.PID) })
	return out
}

// Client finds a session.
func (e *Engine) Client(pid int32) (fn.ClientState, bool) {
	e.clients.mu.Lock()
	defer e.clients.mu.Unlock()
	if c := e.clients.byPID[pid]; c != nil {
		return c.shown, true
	}
	return fn.ClientState{}, false
}

// Signal cancels the statement of a session, or ends the session, and reports whether there is one.
func (e *Engine) Signal(pid int32, end bool) bool {
	e.clients.mu.Lock()
	c := e.clients.byPID[pid]
	e.clients.mu.Unlock()
	if c == nil {
		return false
	}
	f := c.signals.Cancel
	if end {
		f = c.signals.End
	}
	if f != nil {
		f()
	}
	return true
}

// Listen begins or ends listening on a channel; "" stands for all channels to end with.
func (c *Client) Listen(channel string, begin bool) {
	c.e.clients.mu.Lock()
	defer c.e.clients.mu.Unlock()
	switch {
	case begin:
		c.channels[channel] = true
	case channel == "":
		clear(c.channels)
	default:
		delete(c.channels, channel)
	}
}

// Channels lists what the session listens on, in order.
func (c *Client) Channels() []string {
	c.e.clients.mu.Lock()
	defer c.e.clients.mu.Unlock()
	var out []string
	for name := range c.channels {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// MayNotify reports an error when there is a session that has not taken what it was sent before.
func (e *Engine) MayNotify(ns []Notification) error {
	e.clients.mu.Lock()
	defer e.clients.mu.Unlock()
	for _, c := range e.clients.byPID {
		if c.bytes > maxInbox && slices.ContainsFunc(ns, func(n Notification) bool { return c.channels[n.Channel] }) {
			return sqlerr.New(sqlerr.ProgramLimitExceeded, "too many notifications in the NOTIFY queue").
				WithDetail("The session with PID %d does not take its notifications.", c.pid)
		}
	}
	return nil
}

// Notify sends notifications to every session that listens.
func (e *Engine) Notify(ns []Notification) {
	var woken []*Client
	e.clients.mu.Lock()
	for _, c := range e.clients.byPID {
		had := len(c.inbox)
		for _, n := range ns {
			if c.channels[n.Channel] {
				c.inbox = append(c.inbox, n)
				c.bytes += len(n.Channel) + len(n.Payload) + 16
			}
		}
		if len(c.inbox) > had {
			woken = append(woken, c)
		}
	}
	e.clients.mu.Unlock()
	for _, c := range woken {
		if c.signals.Wake != nil {
			c.signals.Wake()
		}
	}
}

// Notifications takes what has come for the session.
func (c *Client) Notifications() []Notification {
	c.e.clients.mu.Lock()
	defer c.e.clients.mu.Unlock()
	out := c.inbox
	c.inbox, c.bytes = nil, 0
	return out
}
