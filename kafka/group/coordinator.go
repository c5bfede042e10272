package group

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/leatdb/leat/kafka/code"
)

// Config says how groups are coordinated.
type Config struct {
	Store Store
	// Topics are those that members of the newer protocol may consume.
	Topics func() []Topic
	Logger *slog.Logger
	// MinSession and MaxSession bound the session timeouts of classic members; default 6 seconds and 30 minutes, as
	// Kafka's.
	MinSession, MaxSession time.Duration
	// FirstRebalance is how long an empty group waits for more members after the first; default none.
	FirstRebalance time.Duration
}

// A Coordinator coordinates the groups of a node.
type Coordinator struct {
	cfg  Config
	ctx  context.Context // ends when Close begins
	stop context.CancelFunc
	done sync.WaitGroup // timers that have fired

	mu      sync.Mutex // guards what follows
	closing bool
	groups  map[string]*group // those with members, or about to have some
}

// New starts a coordinator with the groups that are stored. Their members have a session's time to show up.
func New(cfg Config) (*Coordinator, error) {
	if cfg.Store == nil || cfg.Topics == nil {
		return nil, errors.New("group: Config needs Store and Topics")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.MinSession == 0 {
		cfg.MinSession = 6 * time.Second
	}
	if cfg.MaxSession == 0 {
		cfg.MaxSession = 30 * time.Minute
	}
	c := &Coordinator{cfg: cfg, groups: map[string]*group{}}
	c.ctx, c.stop = context.WithCancel(context.Background())
	for _, s := range cfg.Store.All() {
		if s.Empty || len(s.Data) == 0 {
			continue
		}
		g, err := c.restore(s)
		if err != nil {
			return nil, fmt.Errorf("group %q: %w", s.Name, err)
		}
		c.groups[s.Name] = g
		g.mu.Lock()
		g.touchAllLocked()
		g.mu.Unlock()
	}
	return c, nil
}

// Close ends the waiting of members, and waits for timers that have fired. What is stored stays.
func (c *Coordinator) Close() {
	c.stop()
	c.mu.Lock()
	c.closing = true
	groups := c.groups
	c.groups = map[string]*group{}
	c.mu.Unlock()
	for _, g := range groups {
		g.mu.Lock()
		g.stopTimersLocked()
		g.mu.Unlock()
	}
	c.done.Wait()
}

// enter says whether a timer that has fired may do something; the caller calls c.done.Done then.
func (c *Coordinator) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return false
	}
	c.done.Add(1)
	return true
}

// after calls f under the group's mutex when some time has passed.
func (g *group) after(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() {
		if !g.c.enter() {
			return
		}
		defer g.c.done.Done()
		g.mu.Lock()
		defer g.leave()
		if !g.gone {
			f()
		}
	})
}

// lock finds a group and locks it; the caller leaves it. With create a group that is not there is made. Else it is nil
// when there is none.
func (c *Coordinator) lock(name string, create bool) (*group, error) {
	for {
		g, err := c.find(name, create)
		if g == nil || err != nil {
			return nil, err
		}
		g.mu.Lock()
		if !g.gone {
			return g, nil
		}
		g.mu.Unlock() // it was forgotten since: look again
	}
}

func (c *Coordinator) find(name string, create bool) (*group, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return nil, code.CoordinatorNotAvailable
	}
	if g := c.groups[name]; g != nil {
		return g, nil
	}
	s, ok := c.cfg.Store.Find(name)
	if !ok && !create {
		return nil, nil
	}
	s.Name, s.Empty = name, true
	g, err := c.restore(s)
	if err != nil {
		return nil, err
	}
	c.groups[name] = g
	return g, nil
}

// leave unlocks a group, and forgets it when it has no members (invariant 4).
func (g *group) leave() {
	if g.vacantLocked() && !g.gone {
		g.gone = true
		g.stopTimersLocked()
		defer func() {
			g.c.mu.Lock()
			defer g.c.mu.Unlock()
			if g.c.groups[g.name] == g {
				delete(g.c.groups, g.name)
			}
		}()
	}
	g.mu.Unlock()
}

// newMemberID makes a name for a member: the client's and a random number.
func newMemberID(client string) string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return fmt.Sprintf("%s-%x-%x-%x-%x-%x", client, b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// storeError says what members are told when a group cannot be stored.
func storeError(err error) code.Code {
	var c code.Code
	if errors.As(err, &c) {
		return c
	}
	return code.CoordinatorNotAvailable
}
