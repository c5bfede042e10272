//go:build clients

package kafkadiff

import "github.com/twmb/franz-go/pkg/kmsg"

// findCoordinator waits until there is one.
func findCoordinator(p *player, key string, kind int8) {
	req := kmsg.NewPtrFindCoordinatorRequest()
	req.CoordinatorKey, req.CoordinatorType = key, kind
	req.SetVersion(2)
	p.until("a coordinator", func() bool { return p.call(req).(*kmsg.FindCoordinatorResponse).ErrorCode == 0 })
	if kind == 0 { // it may be loading still
		beat := kmsg.NewPtrHeartbeatRequest()
		beat.Group, beat.MemberID = key, "nobody"
		beat.SetVersion(3)
		p.until("a loaded coordinator", func() bool {
			code := p.call(beat).(*kmsg.HeartbeatResponse).ErrorCode
			return code != 14 && code != 15 && code != 16
		})
	}
}

func offsetFetch(group, topic string, stable bool) *kmsg.OffsetFetchRequest {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Group, req.RequireStable = group, stable
	t := kmsg.NewOffsetFetchRequestTopic()
	t.Topic, t.Partitions = topic, []int32{0, 1}
	req.Topics = []kmsg.OffsetFetchRequestTopic{t}
	req.SetVersion(7)
	return req
}

func fetchOffsets(p *player, what, group, topic string, stable bool) {
	p.do(what, 7, offsetFetch(group, topic, stable))
}

func (p *player) awaitStable(group, topic string) {
	p.t.Helper()
	p.until("a stable offset", func() bool {
		resp := p.call(offsetFetch(group, topic, true)).(*kmsg.OffsetFetchResponse)
		return resp.Topics[0].Partitions[0].ErrorCode != 88
	})
}

// A member is one consumer of a group.
type member struct {
	p          *player
	group, id  string
	generation int32
	instance   *string
}

func (m *member) joinRequest(protocols ...string) *kmsg.JoinGroupRequest {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Group, req.MemberID, req.InstanceID = m.group, m.id, m.instance
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis, req.ProtocolType = 10_000, 10_000, "consumer"
	for _, name := range protocols {
		pr := kmsg.NewJoinGroupRequestProtocol()
		sub := kmsg.NewConsumerMemberMetadata()
		sub.Topics, sub.UserData = []string{"g-topic"}, []byte(name)
		pr.Name, pr.Metadata = name, sub.AppendTo(nil)
		req.Protocols = append(req.Protocols, pr)
	}
	return req
}

// join sends JoinGroup, once more when the group wants the member to say the number it was given.
func (m *member) join(what string, protocols ...string) *kmsg.JoinGroupResponse {
	resp := m.p.do(what, 5, m.joinRequest(protocols...)).(*kmsg.JoinGroupResponse)
	if resp.ErrorCode == 79 {
		m.id = resp.MemberID
		resp = m.p.do(what+" with the number", 5, m.joinRequest(protocols...)).(*kmsg.JoinGroupResponse)
	}
	m.id, m.generation = resp.MemberID, resp.Generation
	return resp
}

func (m *member) sync(what string, to ...*member) {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Group, req.MemberID, req.Generation, req.InstanceID = m.group, m.id, m.generation, m.instance
	for _, other := range to {
		a := kmsg.NewSyncGroupRequestGroupAssignment()
		a.MemberID, a.MemberAssignment = other.id, []byte("all of it")
		req.GroupAssignment = append(req.GroupAssignment, a)
	}
	m.p.do(what, 3, req)
}

func (m *member) heartbeat(what string) {
	req := kmsg.NewPtrHeartbeatRequest()
	req.Group, req.MemberID, req.Generation, req.InstanceID = m.group, m.id, m.generation, m.instance
	m.p.do(what, 3, req)
}

func (m *member) commit(what, topic string, offset int64) {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.MemberID, req.Generation, req.InstanceID = m.group, m.id, m.generation, m.instance
	part := kmsg.NewOffsetCommitRequestTopicPartition()
	part.Offset, part.Metadata = offset, kmsg.StringPtr("so far")
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic, t.Partitions = topic, []kmsg.OffsetCommitRequestTopicPartition{part}
	req.Topics = []kmsg.OffsetCommitRequestTopic{t}
	m.p.do(what, 7, req)
}

func (m *member) leave(what string) {
	req := kmsg.NewPtrLeaveGroupRequest()
	one := kmsg.NewLeaveGroupRequestMember()
	one.MemberID, one.InstanceID = m.id, m.instance
	req.Group, req.Members = m.group, []kmsg.LeaveGroupRequestMember{one}
	m.p.do(what, 3, req)
}

func describeGroup(p *player, what, group string) {
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = []string{group}
	p.do(what, 4, req)
}

func deleteGroup(p *player, what, group string) {
	req := kmsg.NewPtrDeleteGroupsRequest()
	req.Groups = []string{group}
	p.do(what, 1, req)
}

// groups joins, commits, rebalances and leaves, in order and out of it.
func groups(p *player) {
	p.create("g-topic", 1)
	findCoordinator(p, "g", 0)
	describeGroup(p, "describe what is not there", "g")
	fetchOffsets(p, "offsets of what is not there", "g", "g-topic", false)
	a := &member{p: p, group: "g"}
	a.join("join", "range", "roundrobin")
	a.heartbeat("heartbeat before sync")
	a.sync("sync", a)
	describeGroup(p, "describe", "g")
	a.heartbeat("heartbeat")
	a.commit("commit", "g-topic", 7)
	fetchOffsets(p, "committed", "g", "g-topic", false)
	late := &member{p: p, group: "g", id: a.id, generation: a.generation + 5}
	late.heartbeat("heartbeat of a wrong generation")
	late.commit("commit of a wrong generation", "g-topic", 9)
	late.sync("sync of a wrong generation")
	stranger := &member{p: p, group: "g", id: "nobody", generation: a.generation}
	stranger.heartbeat("heartbeat of a stranger")
	stranger.commit("commit of a stranger", "g-topic", 9)
	stranger.leave("a stranger leaves")
	stranger.join("a stranger joins", "range")
	odd := &member{p: p, group: "g"}
	odd.join("join with a protocol that nobody shares", "sticky")
	(&member{p: p, group: ""}).join("join without a group", "range")
	outside := &member{p: p, group: "g", generation: -1}
	outside.commit("commit from outside", "g-topic", 1)
	deleteGroup(p, "delete while in use", "g")
	rebalance(p, a)
	a.leave("leave")
	describeGroup(p, "describe the empty group", "g")
	outside.commit("commit to the empty group", "g-topic", 11)
	fetchOffsets(p, "committed from outside", "g", "g-topic", false)
	deleteGroup(p, "delete", "g")
	deleteGroup(p, "delete again", "g")
	static(p)
}

// rebalance has a second member join on a connection of its own.
func rebalance(p *player, a *member) {
	second := *p
	second.conn = dial(p.t, p.addr)
	b := &member{p: &second, group: "g"}
	first := b.joinRequest("roundrobin")
	first.SetVersion(5)
	b.id = second.call(first).(*kmsg.JoinGroupResponse).MemberID
	req := b.joinRequest("roundrobin")
	req.SetVersion(5)
	answer := second.send(req)
	beat := kmsg.NewPtrHeartbeatRequest()
	beat.Group, beat.MemberID, beat.Generation = a.group, a.id, a.generation
	beat.SetVersion(3)
	p.until("a rebalance", func() bool { return p.call(beat).(*kmsg.HeartbeatResponse).ErrorCode != 0 })
	a.heartbeat("heartbeat in a rebalance")
	a.commit("commit in a rebalance", "g-topic", 8)
	a.join("join again", "range", "roundrobin")
	joined := answer().(*kmsg.JoinGroupResponse)
	b.generation = joined.Generation
	p.record("the second member", joined)
	a.sync("sync of the leader", a, b)
	b.sync("sync of the follower")
	describeGroup(p, "describe two", "g")
	b.leave("the second leaves")
	a.heartbeat("heartbeat after it left")
	a.join("join alone", "range", "roundrobin")
	a.sync("sync alone", a)
}

// static has a member with an instance number come back, and a second one claim it.
func static(p *player) {
	findCoordinator(p, "static", 0)
	a := &member{p: p, group: "static", instance: kmsg.StringPtr("one")}
	a.join("static: join", "range")
	a.sync("static: sync", a)
	again := &member{p: p, group: "static", instance: a.instance}
	again.join("static: come back", "range")
	again.sync("static: sync again", again)
	a.heartbeat("static: heartbeat of the one before")
	again.heartbeat("static: heartbeat")
	again.leave("static: leave")
}
