package group

import (
	"bytes"
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// A Client is who asks.
type Client struct{ ID, Host string }

// freshTimeout is how long a new member that waits for its first rebalance may be silent: it does not send heartbeats
// yet.
const freshTimeout = 5 * time.Minute

// Join makes the client a member, or has it take part in a rebalance. It waits for the others, until ctx ends.
func (c *Coordinator) Join(ctx context.Context, client Client, req *kmsg.JoinGroupRequest) *kmsg.JoinGroupResponse {
	id := req.MemberID
	session := time.Duration(req.SessionTimeoutMillis) * time.Millisecond
	switch {
	case req.Group == "":
		return joinError(req.Version, id, code.InvalidGroupID)
	case session < c.cfg.MinSession || session > c.cfg.MaxSession:
		return joinError(req.Version, id, code.InvalidSessionTimeout)
	}
	answer, now := c.join(client, req, session)
	if now != nil {
		return now
	}
	select {
	case resp := <-answer:
		return resp
	case <-ctx.Done():
		c.abandon(req, answer)
	case <-c.ctx.Done():
	}
	select {
	case resp := <-answer:
		return resp
	default:
		return joinError(req.Version, id, code.CoordinatorNotAvailable)
	}
}

// abandon takes out a new member whose client has gone before it was told its ID: it cannot come back.
func (c *Coordinator) abandon(req *kmsg.JoinGroupRequest, answer <-chan *kmsg.JoinGroupResponse) {
	if req.MemberID != "" || req.InstanceID != nil {
		return
	}
	g, err := c.lock(req.Group, false)
	if g == nil || err != nil {
		return
	}
	defer g.leave()
	for _, m := range g.members {
		if m.join == answer {
			g.removeLocked(m)
			g.changedLocked()
			return
		}
	}
}

// join does all of Join but the waiting: it has an answer, or says where one will come.
func (c *Coordinator) join(client Client, req *kmsg.JoinGroupRequest, session time.Duration,
) (<-chan *kmsg.JoinGroupResponse, *kmsg.JoinGroupResponse) {
	g, err := c.lock(req.Group, req.MemberID == "")
	if err != nil {
		return nil, joinError(req.Version, req.MemberID, storeError(err))
	}
	if g == nil {
		return nil, joinError(req.Version, req.MemberID, code.UnknownMemberID)
	}
	defer g.leave()
	if !g.consumers.vacant() || !g.agreesLocked(req) {
		return nil, joinError(req.Version, req.MemberID, code.InconsistentGroupProtocol)
	}
	g.consumers = nil
	m := &member{clientID: client.ID, clientHost: client.Host, session: session, joinVersion: req.Version}
	m.rebalance = session // what version 0 means
	if req.Version >= 1 {
		m.rebalance = time.Duration(req.RebalanceTimeoutMillis) * time.Millisecond
	}
	if req.InstanceID != nil {
		m.instance = *req.InstanceID
	}
	m.protocols = req.Protocols
	if req.MemberID != "" {
		return g.rejoinLocked(m, req)
	}
	m.id = newMemberID(client.ID)
	if m.instance != "" {
		m.id = newMemberID(m.instance)
		if old := g.members[g.static[m.instance]]; old != nil {
			return g.replaceLocked(old, m, req)
		}
	} else if req.Version >= 4 {
		// The member is told its ID first, and joins with it: one that does not hear the answer leaves nothing behind.
		g.pending[m.id] = g.after(session, func() {
			delete(g.pending, m.id)
			g.changedLocked()
		})
		return nil, joinError(req.Version, m.id, code.MemberIDRequired)
	}
	return g.addLocked(m, req), nil
}

// agreesLocked says whether a joining member has a protocol in common with those that are there.
func (g *group) agreesLocked(req *kmsg.JoinGroupRequest) bool {
	if req.ProtocolType == "" || len(req.Protocols) == 0 {
		return false
	}
	others := 0
	for _, m := range g.members {
		if m.id != req.MemberID && (req.InstanceID == nil || m.instance != *req.InstanceID) {
			others++
		}
	}
	if others == 0 {
		return true
	}
	if g.protocolType != req.ProtocolType {
		return false
	}
	for _, p := range req.Protocols {
		n := 0
		for _, m := range g.members {
			if m.id != req.MemberID && (req.InstanceID == nil || m.instance != *req.InstanceID) && m.supports(p.Name) {
				n++
			}
		}
		if n == others {
			return true
		}
	}
	return false
}

func (m *member) supports(protocol string) bool {
	for _, p := range m.protocols {
		if p.Name == protocol {
			return true
		}
	}
	return false
}

// metadata is what a member says about a protocol.
func (m *member) metadata(protocol string) []byte {
	for _, p := range m.protocols {
		if p.Name == protocol {
			return p.Metadata
		}
	}
	return nil
}

// sameProtocols says whether two members say the same.
func (m *member) sameProtocols(other *member) bool {
	if len(m.protocols) != len(other.protocols) {
		return false
	}
	for i, p := range m.protocols {
		if p.Name != other.protocols[i].Name || !bytes.Equal(p.Metadata, other.protocols[i].Metadata) {
			return false
		}
	}
	return true
}

// addLocked adds a new member and begins a rebalance.
func (g *group) addLocked(m *member, req *kmsg.JoinGroupRequest) <-chan *kmsg.JoinGroupResponse {
	m.fresh = true
	g.members[m.id] = m
	if m.instance != "" {
		g.static[m.instance] = m.id
	}
	if g.leader == "" {
		g.leader = m.id
	}
	g.protocolType = req.ProtocolType
	return g.waitLocked(m)
}

// waitLocked lets a member wait for a rebalance, which begins unless it has.
func (g *group) waitLocked(m *member) <-chan *kmsg.JoinGroupResponse {
	m.answerJoin(code.RebalanceInProgress) // an older request of the same member
	answer := make(chan *kmsg.JoinGroupResponse, 1)
	m.join = answer
	m.seen = time.Now()
	stop(m.timer)
	if m.fresh {
		m.timer = g.after(freshTimeout, func() {
			if g.members[m.id] == m && m.fresh {
				g.removeLocked(m)
				g.changedLocked()
			}
		})
	}
	if g.state == preparing {
		g.tryJoinedLocked()
	} else {
		g.prepareLocked()
	}
	return answer
}

// rejoinLocked is a member with an ID that joins.
func (g *group) rejoinLocked(m *member, req *kmsg.JoinGroupRequest,
) (<-chan *kmsg.JoinGroupResponse, *kmsg.JoinGroupResponse) {
	m.id = req.MemberID
	if t, ok := g.pending[m.id]; ok && m.instance == "" {
		stop(t)
		delete(g.pending, m.id)
		return g.addLocked(m, req), nil
	}
	old, wrong := g.memberLocked(m.id, req.InstanceID)
	if wrong != code.None {
		return nil, joinError(req.Version, m.id, wrong)
	}
	same := old.sameProtocols(m)
	old.update(m)
	switch {
	case g.state == completing && same:
		// It has not heard the answer. What it is told is the same.
		return nil, g.joinedLocked(old)
	case g.state == stable && same && old.id != g.leader:
		g.touchLocked(old)
		return nil, g.joinedLocked(old)
	}
	return g.waitLocked(old), nil
}

// update takes over what a member says when it joins again.
func (m *member) update(from *member) {
	m.clientID, m.clientHost = from.clientID, from.clientHost
	m.session, m.rebalance, m.protocols = from.session, from.rebalance, from.protocols
	m.joinVersion = from.joinVersion
}

// replaceLocked lets a static member that has lost its ID, in a restart, have its old place under a new one. A stable
// group goes on without a rebalance when nothing else has changed.
func (g *group) replaceLocked(old, m *member, req *kmsg.JoinGroupRequest,
) (<-chan *kmsg.JoinGroupResponse, *kmsg.JoinGroupResponse) {
	oldLeader := g.leader
	stop(old.timer)
	delete(g.members, old.id)
	old.answerJoin(code.FencedInstanceID)
	old.answerSync(code.FencedInstanceID)
	m.assignment, m.synced = old.assignment, old.synced
	g.members[m.id], g.static[m.instance] = m, m.id
	if oldLeader == old.id {
		g.leader = m.id
	}
	if g.state != stable || g.protocol != g.electProtocolLocked() || !bytes.Equal(old.metadata(g.protocol),
		m.metadata(g.protocol)) {
		return g.waitLocked(m), nil
	}
	if err := g.storeLocked(); err != nil {
		return nil, joinError(req.Version, "", storeError(err))
	}
	g.touchLocked(m)
	resp := g.joinedLocked(m)
	switch {
	case m.id == g.leader && req.Version >= 9:
		resp.SkipAssignment = true
	case m.id == g.leader:
		// It must not take itself for the leader: nobody would hear what it assigns.
		resp.LeaderID, resp.Members = oldLeader, nil
	}
	return nil, resp
}

// memberLocked finds a member that must be there.
func (g *group) memberLocked(id string, instance *string) (*member, code.Code) {
	if instance != nil {
		switch holder, ok := g.static[*instance]; {
		case !ok:
			return nil, code.UnknownMemberID
		case holder != id:
			return nil, code.FencedInstanceID
		}
	}
	m := g.members[id]
	if m == nil {
		return nil, code.UnknownMemberID
	}
	return m, code.None
}

// prepareLocked begins a rebalance: all members are to join again.
func (g *group) prepareLocked() {
	var wait time.Duration
	for _, m := range g.members {
		wait = max(wait, m.rebalance)
		if m.sync != nil {
			m.answerSync(code.RebalanceInProgress)
			g.touchLocked(m)
		}
	}
	g.delayed = g.state == empty && g.c.cfg.FirstRebalance > 0
	g.state = preparing
	stop(g.rebalance)
	if !g.delayed {
		g.rebalance = g.after(wait, g.timeUpLocked)
		g.tryJoinedLocked()
		return
	}
	g.rebalance = g.after(g.c.cfg.FirstRebalance, func() {
		g.delayed = false
		g.rebalance = g.after(wait, g.timeUpLocked)
		g.tryJoinedLocked()
	})
}

// tryJoinedLocked ends the preparation when everybody has joined.
func (g *group) tryJoinedLocked() {
	if g.state != preparing || g.delayed || len(g.pending) > 0 {
		return
	}
	for _, m := range g.members {
		if m.join == nil {
			return
		}
	}
	g.beginGenerationLocked()
}

// timeUpLocked ends the preparation without those that have not joined. Static members keep their place until their
// session ends.
func (g *group) timeUpLocked() {
	if g.state != preparing {
		return
	}
	joined := false
	for _, m := range g.membersLocked() {
		if m.join == nil && m.instance == "" {
			g.removeLocked(m)
		}
		joined = joined || m.join != nil
	}
	for id, t := range g.pending {
		stop(t)
		delete(g.pending, id)
	}
	if len(g.members) > 0 && !joined {
		g.rebalance = g.after(g.members[g.leader].rebalance, g.timeUpLocked)
		return
	}
	g.beginGenerationLocked()
}

// beginGenerationLocked tells everybody who has joined about the new generation.
func (g *group) beginGenerationLocked() {
	stop(g.rebalance)
	g.generation++
	if len(g.members) == 0 {
		g.emptyLocked()
		return
	}
	if leader := g.members[g.leader]; leader == nil || leader.join == nil {
		for _, m := range g.membersLocked() {
			if m.join != nil {
				g.leader = m.id
				break
			}
		}
	}
	g.protocol = g.electProtocolLocked()
	g.state = completing
	var wait time.Duration
	for _, m := range g.membersLocked() {
		wait = max(wait, m.rebalance)
		m.synced, m.assignment = false, nil
		if m.join != nil {
			m.join <- g.joinedLocked(m)
			m.join, m.fresh = nil, false
		}
		g.touchLocked(m)
	}
	g.rebalance = g.after(wait, g.syncTimeUpLocked)
}

// emptyLocked is what becomes of a group whose last member has gone.
func (g *group) emptyLocked() {
	g.state, g.protocol, g.leader = empty, "", ""
	if err := g.storeLocked(); err != nil {
		g.c.cfg.Logger.Warn("cannot store that a group is empty", "group", g.name, "error", err)
	}
}

// electProtocolLocked chooses among the protocols that all members know: each votes for the first of them on its list.
func (g *group) electProtocolLocked() string {
	known := map[string]int{}
	for _, m := range g.members {
		for _, p := range m.protocols {
			known[p.Name]++
		}
	}
	votes := map[string]int{}
	best := ""
	for _, m := range g.membersLocked() {
		for _, p := range m.protocols {
			if known[p.Name] == len(g.members) {
				votes[p.Name]++
				if best == "" || votes[p.Name] > votes[best] {
					best = p.Name
				}
				break
			}
		}
	}
	return best
}

// joinedLocked is what a member is told of the generation. The leader is told everything.
func (g *group) joinedLocked(m *member) *kmsg.JoinGroupResponse {
	resp := kmsg.NewPtrJoinGroupResponse()
	resp.Version, resp.Generation, resp.MemberID, resp.LeaderID = m.joinVersion, g.generation, m.id, g.leader
	resp.ProtocolType, resp.Protocol = kmsg.StringPtr(g.protocolType), kmsg.StringPtr(g.protocol)
	if m.id != g.leader {
		return resp
	}
	for _, other := range g.membersLocked() {
		o := kmsg.NewJoinGroupResponseMember()
		o.MemberID, o.ProtocolMetadata = other.id, other.metadata(g.protocol)
		if other.instance != "" {
			o.InstanceID = kmsg.StringPtr(other.instance)
		}
		resp.Members = append(resp.Members, o)
	}
	return resp
}

func joinError(version int16, id string, c code.Code) *kmsg.JoinGroupResponse {
	resp := kmsg.NewPtrJoinGroupResponse()
	resp.Version, resp.MemberID, resp.ErrorCode, resp.Generation = version, id, int16(c), -1
	if version < 7 {
		resp.Protocol = kmsg.StringPtr("") // which cannot be null there
	}
	return resp
}
