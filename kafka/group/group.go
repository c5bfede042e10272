package group

import (
	"cmp"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// A state is what a classic group is doing: see the package comment. Its value is Kafka's name.
type state string

const (
	empty      state = "Empty"
	preparing  state = "PreparingRebalance"
	completing state = "CompletingRebalance"
	stable     state = "Stable"
	dead       state = "Dead" // of groups that are not there
)

// A group is one consumer group. Everything but its name belongs to the mutex.
type group struct {
	c    *Coordinator
	name string

	mu         sync.Mutex
	gone       bool // the coordinator has forgotten it
	state      state
	generation int32

	protocolType string
	protocol     string // that the members have agreed upon
	leader       string
	members      map[string]*member
	static       map[string]string      // members by the name of their instance
	pending      map[string]*time.Timer // members that have been given an ID and have not come back with it

	rebalance *time.Timer // ends preparing, or completing
	delayed   bool        // an empty group waits for more than its first member

	consumers *consumers // of the newer protocol; nil when there are none
	epoch     int32      // of the consumers, when they are gone
	kind      string     // the type that was stored last
}

// A member is a member of a classic group.
type member struct {
	id, instance             string // instance is "" for a dynamic member
	clientID, clientHost     string
	session, rebalance       time.Duration
	protocols                []kmsg.JoinGroupRequestProtocol
	assignment               []byte
	join                     chan *kmsg.JoinGroupResponse // of who waits for the rebalance; nil when nobody does
	sync                     chan *kmsg.SyncGroupResponse // of who waits for the leader
	synced                   bool                         // in this generation
	fresh                    bool                         // has joined for the first time, and waits
	seen                     time.Time
	timer                    *time.Timer
	joinVersion, syncVersion int16
}

// vacantLocked says whether nobody is or is about to be in the group.
func (g *group) vacantLocked() bool {
	return len(g.members) == 0 && len(g.pending) == 0 && g.consumers.vacant()
}

// membersLocked lists the members by ID: what depends on an order is the same every time then.
func (g *group) membersLocked() []*member {
	out := make([]*member, 0, len(g.members))
	for _, m := range g.members {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b *member) int { return cmp.Compare(a.id, b.id) })
	return out
}

// stopTimersLocked stops all timers.
func (g *group) stopTimersLocked() {
	for _, m := range g.members {
		stop(m.timer)
	}
	for _, t := range g.pending {
		stop(t)
	}
	stop(g.rebalance)
	g.consumers.stopTimers()
}

func stop(t *time.Timer) {
	if t != nil {
		t.Stop()
	}
}

// touchLocked says that a member is alive.
func (g *group) touchLocked(m *member) {
	m.seen = time.Now()
	g.watchLocked(m, m.session)
}

// touchAllLocked gives all members a whole session's time: while the group was not served they could not say anything.
func (g *group) touchAllLocked() {
	for _, m := range g.members {
		g.touchLocked(m)
	}
	g.consumers.touchAll()
}

// watchLocked looks at a member again after a time. One that waits for an answer is alive.
func (g *group) watchLocked(m *member, d time.Duration) {
	stop(m.timer)
	m.timer = g.after(d, func() {
		if g.members[m.id] != m || m.join != nil || m.sync != nil {
			return
		}
		if left := m.session - time.Since(m.seen); left > 0 {
			g.watchLocked(m, left)
			return
		}
		g.c.cfg.Logger.Info("a group's member was not heard of", "group", g.name, "member", m.id)
		g.removeLocked(m)
		g.changedLocked()
	})
}

// removeLocked takes a member out of the group.
func (g *group) removeLocked(m *member) {
	stop(m.timer)
	delete(g.members, m.id)
	if m.instance != "" && g.static[m.instance] == m.id {
		delete(g.static, m.instance)
	}
	if g.leader == m.id {
		g.leader = ""
		for _, other := range g.membersLocked() {
			if g.leader == "" || other.join != nil && g.members[g.leader].join == nil {
				g.leader = other.id
			}
		}
	}
	m.answerJoin(code.UnknownMemberID)
	m.answerSync(code.UnknownMemberID)
}

// changedLocked does what follows when members have come or gone.
func (g *group) changedLocked() {
	switch g.state {
	case stable, completing:
		g.prepareLocked()
	case preparing:
		g.tryJoinedLocked()
	}
}

// answerJoin answers a member that waits for a rebalance with an error.
func (m *member) answerJoin(c code.Code) {
	if m.join != nil {
		m.join <- joinError(m.joinVersion, m.id, c)
		m.join = nil
	}
}

// answerSync answers a member that waits for the leader with an error.
func (m *member) answerSync(c code.Code) {
	if m.sync != nil {
		m.sync <- syncError(m.syncVersion, c)
		m.sync = nil
	}
}

// document is a classic group as it is stored.
type document struct {
	Type         string           `json:"type,omitempty"` // that of the newer protocol, or ""
	Epoch        int32            `json:"epoch,omitempty"`
	Consumers    *consumers       `json:"consumers,omitempty"`
	ProtocolType string           `json:"protocolType,omitempty"`
	Protocol     string           `json:"protocol,omitempty"`
	Leader       string           `json:"leader,omitempty"`
	Members      []memberDocument `json:"members,omitempty"`
}

type memberDocument struct {
	ID         string            `json:"id"`
	Instance   string            `json:"instance,omitempty"`
	ClientID   string            `json:"clientId,omitempty"`
	ClientHost string            `json:"clientHost,omitempty"`
	Session    time.Duration     `json:"session"`
	Rebalance  time.Duration     `json:"rebalance"`
	Protocols  map[string][]byte `json:"protocols,omitempty"`
	Order      []string          `json:"order,omitempty"` // of the protocols
	Assignment []byte            `json:"assignment,omitempty"`
}

// storeLocked stores the group as it is (invariant 3).
func (g *group) storeLocked() error {
	d := document{ProtocolType: g.protocolType, Protocol: g.protocol, Leader: g.leader, Epoch: g.epoch}
	if g.consumers != nil {
		d.Type, d.Epoch, d.ProtocolType = consumerType, g.consumers.Epoch, "consumer"
		if !g.consumers.vacant() {
			d.Consumers = g.consumers
		}
	}
	g.kind, g.epoch = d.Type, d.Epoch
	for _, m := range g.membersLocked() {
		md := memberDocument{ID: m.id, Instance: m.instance, ClientID: m.clientID, ClientHost: m.clientHost,
			Session: m.session, Rebalance: m.rebalance, Assignment: m.assignment, Protocols: map[string][]byte{}}
		for _, p := range m.protocols {
			md.Protocols[p.Name] = p.Metadata
			md.Order = append(md.Order, p.Name)
		}
		d.Members = append(d.Members, md)
	}
	data, err := json.Marshal(&d)
	if err != nil {
		return err
	}
	began := time.Now()
	s := Stored{Name: g.name, Generation: g.generation, Empty: len(g.members) == 0 && g.consumers.vacant(), Data: data}
	err = g.c.cfg.Store.Put(g.c.ctx, s)
	if time.Since(began) > time.Second {
		g.touchAllLocked() // members could not be heard meanwhile
	}
	return err
}

// restore makes a group of what is stored of it.
func (c *Coordinator) restore(s Stored) (*group, error) {
	g := &group{
		c: c, name: s.Name, state: empty, generation: s.Generation,
		members: map[string]*member{}, static: map[string]string{}, pending: map[string]*time.Timer{},
	}
	if len(s.Data) == 0 {
		return g, nil
	}
	var d document
	if err := json.Unmarshal(s.Data, &d); err != nil {
		return nil, err
	}
	g.protocolType, g.protocol, g.leader = d.ProtocolType, d.Protocol, d.Leader
	g.kind, g.epoch, g.consumers = d.Type, d.Epoch, d.Consumers
	if g.consumers != nil {
		g.consumers.g = g
	}
	for _, md := range d.Members {
		m := &member{id: md.ID, instance: md.Instance, clientID: md.ClientID, clientHost: md.ClientHost,
			session: md.Session, rebalance: md.Rebalance, assignment: md.Assignment, synced: true}
		for _, name := range md.Order {
			m.protocols = append(m.protocols, kmsg.JoinGroupRequestProtocol{Name: name, Metadata: md.Protocols[name]})
		}
		g.members[m.id] = m
		if m.instance != "" {
			g.static[m.instance] = m.id
		}
	}
	if len(g.members) > 0 {
		g.state = stable
	}
	return g, nil
}
