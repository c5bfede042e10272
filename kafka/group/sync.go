package group

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// Sync gives a member its part of what the leader has assigned, or takes that from the leader. It waits for the leader,
// until ctx ends.
func (c *Coordinator) Sync(ctx context.Context, req *kmsg.SyncGroupRequest) *kmsg.SyncGroupResponse {
	answer, now := c.sync(req)
	if now != nil {
		return now
	}
	select {
	case resp := <-answer:
		return resp
	case <-ctx.Done():
	case <-c.ctx.Done():
	}
	select {
	case resp := <-answer:
		return resp
	default:
		return syncError(req.Version, code.CoordinatorNotAvailable)
	}
}

// sync does all of Sync but the waiting.
func (c *Coordinator) sync(req *kmsg.SyncGroupRequest) (<-chan *kmsg.SyncGroupResponse, *kmsg.SyncGroupResponse) {
	if req.Group == "" {
		return nil, syncError(req.Version, code.InvalidGroupID)
	}
	g, err := c.lock(req.Group, false)
	if err != nil {
		return nil, syncError(req.Version, storeError(err))
	}
	if g == nil {
		return nil, syncError(req.Version, code.UnknownMemberID)
	}
	defer g.leave()
	m, wrong := g.memberLocked(req.MemberID, req.InstanceID)
	switch {
	case wrong != code.None:
	case req.Generation != g.generation:
		wrong = code.IllegalGeneration
	case req.ProtocolType != nil && *req.ProtocolType != g.protocolType,
		req.Protocol != nil && *req.Protocol != g.protocol:
		wrong = code.InconsistentGroupProtocol
	case g.state == preparing:
		wrong = code.RebalanceInProgress
	}
	if wrong != code.None {
		return nil, syncError(req.Version, wrong)
	}
	m.syncVersion = req.Version
	if g.state == stable {
		g.touchLocked(m)
		return nil, g.syncedLocked(m)
	}
	m.answerSync(code.RebalanceInProgress) // an older request of the same member
	answer := make(chan *kmsg.SyncGroupResponse, 1)
	m.sync, m.synced = answer, true
	if m.id == g.leader {
		g.assignLocked(req.GroupAssignment)
	}
	return answer, nil
}

// assignLocked takes the leader's assignment, and tells it to those that wait.
func (g *group) assignLocked(assignment []kmsg.SyncGroupRequestGroupAssignment) {
	for _, a := range assignment {
		if m := g.members[a.MemberID]; m != nil {
			m.assignment = a.MemberAssignment
		}
	}
	if err := g.storeLocked(); err != nil {
		g.c.cfg.Logger.Warn("cannot store a group", "group", g.name, "error", err)
		for _, m := range g.members {
			m.assignment = nil
			if m.sync != nil {
				m.answerSync(storeError(err))
				g.touchLocked(m)
			}
		}
		g.prepareLocked()
		return
	}
	g.state = stable
	for _, m := range g.membersLocked() {
		if m.sync != nil {
			m.sync <- g.syncedLocked(m)
			m.sync = nil
			g.touchLocked(m)
		}
	}
	if g.allSyncedLocked() {
		stop(g.rebalance)
	}
}

// allSyncedLocked says whether every member has asked for its part.
func (g *group) allSyncedLocked() bool {
	for _, m := range g.members {
		if !m.synced {
			return false
		}
	}
	return true
}

// syncTimeUpLocked takes those out that have not asked for their part in time.
func (g *group) syncTimeUpLocked() {
	if g.state != completing && g.state != stable || g.allSyncedLocked() {
		return
	}
	for _, m := range g.membersLocked() {
		if !m.synced {
			g.removeLocked(m)
		}
	}
	g.prepareLocked()
}

// syncedLocked is what a member is told of its part.
func (g *group) syncedLocked(m *member) *kmsg.SyncGroupResponse {
	m.synced = true
	resp := kmsg.NewPtrSyncGroupResponse()
	resp.Version, resp.MemberAssignment = m.syncVersion, m.assignment
	if resp.MemberAssignment == nil {
		resp.MemberAssignment = []byte{}
	}
	resp.ProtocolType, resp.Protocol = kmsg.StringPtr(g.protocolType), kmsg.StringPtr(g.protocol)
	return resp
}

func syncError(version int16, c code.Code) *kmsg.SyncGroupResponse {
	resp := kmsg.NewPtrSyncGroupResponse()
	resp.Version, resp.ErrorCode, resp.MemberAssignment = version, int16(c), []byte{}
	return resp
}
