package cluster

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// clockEvery is how often a node asks the others for the time.
	clockEvery = 5 * time.Second
	// clockSoon is how often while none has answered.
	clockSoon = 250 * time.Millisecond
	// clockWait bounds how long an answer may take that tells the time.
	clockWait = time.Second
	// clockTrust is how far a node's own clock may be from what most nodes say before it is not followed.
	clockTrust = 2 * time.Second
)

// A clock tells the time that is stored, and by which what is old goes. It is this node's own as long as the other
// nodes do not say that it is wrong: else it is what the one in the middle says. So one node whose clock has jumped
// neither ages the records of all nor has retention take what is young. What the others said goes on with a clock that
// never jumps.
type clock struct {
	own   func() time.Time
	began time.Time // of the clock that never jumps

	mu     sync.Mutex // guards what follows
	others map[uint64]time.Duration
	wrong  bool // this node's own is, as was logged
}

// newClock makes a clock that has heard of no others.
func newClock(own func() time.Time) *clock {
	return &clock{own: own, began: time.Now(), others: map[uint64]time.Duration{}}
}

// now tells the time.
func (c *clock) now() time.Time {
	t, _ := c.look()
	return t
}

// alone reports whether it has heard of no others.
func (c *clock) alone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.others) == 0
}

// look tells the time, and how far this node's own clock is from it.
func (c *clock) look() (now time.Time, off time.Duration) {
	own := c.own()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.others) == 0 {
		return own, 0
	}
	all := []int64{own.UnixNano()}
	passed := time.Since(c.began)
	for _, at := range c.others {
		all = append(all, int64(at+passed))
	}
	slices.Sort(all)
	middle := all[(len(all)-1)/2] // of two the earlier, by which nothing is old too soon
	if off = time.Duration(own.UnixNano() - middle); off.Abs() <= clockTrust {
		return own, off
	}
	return time.Unix(0, middle), off
}

// heard notes what another node said the time was between two moments.
func (c *clock) heard(node uint64, unixNano int64, asked, answered time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.others[node] = time.Duration(unixNano) - asked.Sub(c.began) - answered.Sub(asked)/2
}

// only forgets nodes that are no longer there.
func (c *clock) only(members map[uint64]Member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.others {
		if _, ok := members[id]; !ok {
			delete(c.others, id)
		}
	}
}

// changed reports whether this node's clock has become wrong, or right again, since it was asked before.
func (c *clock) changed() (off time.Duration, wrong, changed bool) {
	_, off = c.look()
	c.mu.Lock()
	defer c.mu.Unlock()
	wrong = off.Abs() > clockTrust
	changed = wrong != c.wrong
	c.wrong = wrong
	return off, wrong, changed
}

// Now is the time that is stored: this node's, or what most nodes say when its clock is wrong.
func (n *Node) Now() time.Time { return n.clock.now() }

// tendClock asks the other nodes for the time until the node closes.
func (n *Node) tendClock(ctx context.Context) {
	defer n.done.Done()
	for {
		n.askTime(ctx)
		wait := clockEvery
		if n.timeless() {
			wait = clockSoon
		}
		select {
		case <-time.After(wait):
		case <-n.stop:
			return
		}
	}
}

// timeless reports whether there are other nodes, and none of them has told the time yet.
func (n *Node) timeless() bool { return n.clock.alone() && len(n.control.view.Load().members) > 1 }

// hearTime asks for the time before this node begins to write it, when it has started a moment ago and heard of no
// other clock: what an entry says counts for all that come after it.
func (n *Node) hearTime(ctx context.Context) {
	if n.timeless() {
		n.askTime(ctx)
	}
}

// askTime asks the other nodes for the time, and says when this node's clock is wrong.
func (n *Node) askTime(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, clockWait)
	defer cancel()
	members := n.control.view.Load().members
	var wait sync.WaitGroup
	for id := range members {
		if id == n.Self() {
			continue
		}
		wait.Go(func() {
			var a adminAnswer
			asked := time.Now()
			if n.ask(ctx, id, &adminRequest{Op: "progress"}, &a) == nil && a.Time != 0 {
				n.clock.heard(id, a.Time, asked, time.Now())
			}
		})
	}
	wait.Wait()
	n.clock.only(members)
	switch off, wrong, changed := n.clock.changed(); {
	case changed && wrong:
		n.cfg.Logger.Error("the clock of this machine is wrong: the time is what the other nodes say", "off", off)
	case changed:
		n.cfg.Logger.Info("the clock of this machine is right again", "off", off)
	}
}
