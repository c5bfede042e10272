package group

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// Heartbeat says that a member is alive, and tells it whether there is a rebalance to take part in.
func (c *Coordinator) Heartbeat(req *kmsg.HeartbeatRequest) code.Code {
	if req.Group == "" {
		return code.InvalidGroupID
	}
	g, err := c.lock(req.Group, false)
	if err != nil {
		return storeError(err)
	}
	if g == nil {
		return code.UnknownMemberID
	}
	defer g.leave()
	m, wrong := g.memberLocked(req.MemberID, req.InstanceID)
	switch {
	case wrong != code.None:
		return wrong
	case req.Generation != g.generation:
		return code.IllegalGeneration
	}
	g.touchLocked(m)
	if g.state == preparing {
		return code.RebalanceInProgress
	}
	return code.None
}

// Leave takes members out of a group.
func (c *Coordinator) Leave(req *kmsg.LeaveGroupRequest) *kmsg.LeaveGroupResponse {
	resp := req.ResponseKind().(*kmsg.LeaveGroupResponse)
	if req.Group == "" {
		resp.ErrorCode = int16(code.InvalidGroupID)
		return resp
	}
	leaving := req.Members
	if req.Version < 3 {
		leaving = []kmsg.LeaveGroupRequestMember{{MemberID: req.MemberID}}
	}
	g, err := c.lock(req.Group, false)
	if err != nil {
		resp.ErrorCode = int16(storeError(err))
		return resp
	}
	if g != nil {
		defer g.leave()
	}
	left := false
	for i := range leaving {
		out := kmsg.NewLeaveGroupResponseMember()
		out.MemberID, out.InstanceID = leaving[i].MemberID, leaving[i].InstanceID
		wrong := code.UnknownMemberID
		if g != nil {
			wrong = g.leaveLocked(&leaving[i])
		}
		left = left || wrong == code.None
		out.ErrorCode = int16(wrong)
		resp.Members = append(resp.Members, out)
	}
	if left {
		g.changedLocked()
	}
	if req.Version < 3 {
		resp.ErrorCode, resp.Members = resp.Members[0].ErrorCode, nil
	}
	return resp
}

// leaveLocked takes a member out. A static one may be named by its instance alone.
func (g *group) leaveLocked(l *kmsg.LeaveGroupRequestMember) code.Code {
	id := l.MemberID
	if !g.consumers.vacant() {
		return g.leaveConsumersLocked(id, l.InstanceID)
	}
	if l.InstanceID != nil && id == "" {
		id = g.static[*l.InstanceID]
	}
	if t, ok := g.pending[id]; ok && l.InstanceID == nil {
		stop(t)
		delete(g.pending, id)
		return code.None
	}
	m, wrong := g.memberLocked(id, l.InstanceID)
	if wrong == code.None {
		g.removeLocked(m)
	}
	return wrong
}

// leaveConsumersLocked takes a member of the newer protocol out, as tools do.
func (g *group) leaveConsumersLocked(id string, instance *string) code.Code {
	cs := g.consumers
	if instance != nil && id == "" {
		if m := cs.holder(*instance); m != nil {
			id = m.ID
		}
	}
	m, wrong := cs.find(id, instance)
	if wrong != code.None {
		return wrong
	}
	cs.remove(m)
	if err := cs.store(); err != nil {
		return storeError(err)
	}
	return code.None
}
