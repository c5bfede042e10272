package group

import (
	"regexp"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

const (
	// consumerType is the type of a group of the newer protocol, as ListGroups names it.
	consumerType = "consumer"
	// consumerSession is how long a member of it may be silent, consumerHeartbeat how often it is told to say something.
	consumerSession   = 45 * time.Second
	consumerHeartbeat = time.Second
)

// Epochs by which a member leaves: for good, or to come back under the name of its instance.
const (
	leaveEpoch       = -1
	leaveStaticEpoch = -2
)

// consumers are the members of a group of the newer protocol. The target says what everybody is to have in the group's
// epoch; each member gets there by its own heartbeats: it gives up what it must, then gets what nobody else has.
type consumers struct {
	Epoch   int32                `json:"epoch"`
	Target  map[string]parts     `json:"target"` // by member
	Members map[string]*consumer `json:"members"`
	// Topics are the numbers of partitions that the target was made for.
	Topics map[topicID]int `json:"topics"`

	g     *group
	dirty bool // what has changed is not stored yet
}

// A consumer is a member of the newer protocol.
type consumer struct {
	ID         string        `json:"id"`
	Instance   string        `json:"instance,omitempty"`
	Rack       string        `json:"rack,omitempty"`
	ClientID   string        `json:"clientId,omitempty"`
	ClientHost string        `json:"clientHost,omitempty"`
	Topics     []string      `json:"topics,omitempty"`
	Regex      string        `json:"regex,omitempty"`
	Assignor   string        `json:"assignor,omitempty"`
	Rebalance  time.Duration `json:"rebalance"`
	// Epoch is how far the member is, Previous where it was before: it may not have heard.
	Epoch    int32 `json:"epoch"`
	Previous int32 `json:"previous"`
	// Assigned is what it may work on, Revoking what it has to give up before others can have it.
	Assigned parts `json:"assigned,omitempty"`
	Revoking parts `json:"revoking,omitempty"`
	// Away says that it has left to come back.
	Away bool `json:"away,omitempty"`

	told   parts // what it was told last; nil when it has to be told again
	seen   time.Time
	timer  *time.Timer // of the session
	revoke *time.Timer // of what it has to give up
}

func (cs *consumers) vacant() bool { return cs == nil || len(cs.Members) == 0 }

func (cs *consumers) stopTimers() {
	if cs == nil {
		return
	}
	for _, m := range cs.Members {
		stop(m.timer)
		stop(m.revoke)
	}
}

// touchAll gives all members a whole session's time.
func (cs *consumers) touchAll() {
	if cs == nil {
		return
	}
	for _, m := range cs.Members {
		cs.touch(m)
		if len(m.Revoking) > 0 {
			cs.limitRevocation(m)
		}
	}
}

func (cs *consumers) touch(m *consumer) {
	m.seen = time.Now()
	cs.watch(m, consumerSession)
}

// watch looks at a member again after a time.
func (cs *consumers) watch(m *consumer, d time.Duration) {
	stop(m.timer)
	m.timer = cs.g.after(d, func() {
		if cs.Members[m.ID] != m {
			return
		}
		if left := consumerSession - time.Since(m.seen); left > 0 {
			cs.watch(m, left)
			return
		}
		cs.lose(m)
	})
}

// limitRevocation takes a member out that does not give up in time what it must.
func (cs *consumers) limitRevocation(m *consumer) {
	stop(m.revoke)
	m.revoke = cs.g.after(m.Rebalance, func() {
		if cs.Members[m.ID] == m && len(m.Revoking) > 0 {
			cs.lose(m)
		}
	})
}

// lose takes out a member that was not heard of.
func (cs *consumers) lose(m *consumer) {
	cs.g.c.cfg.Logger.Info("a group's member was not heard of", "group", cs.g.name, "member", m.ID)
	cs.remove(m)
	if err := cs.store(); err != nil {
		cs.g.c.cfg.Logger.Warn("cannot store a group", "group", cs.g.name, "error", err)
	}
}

func (cs *consumers) remove(m *consumer) {
	stop(m.timer)
	stop(m.revoke)
	delete(cs.Members, m.ID)
	delete(cs.Target, m.ID)
	cs.retarget()
}

// store stores the group if it has changed. Nobody is told of a change before (invariant 3).
func (cs *consumers) store() error {
	if !cs.dirty {
		return nil
	}
	err := cs.g.storeLocked()
	cs.dirty = err != nil
	return err
}

// retarget begins a new epoch: who has what is decided anew.
func (cs *consumers) retarget() {
	cs.dirty = true
	cs.Epoch++
	topics := cs.g.c.cfg.Topics()
	wanted := map[string]map[topicID]bool{}
	cs.Topics = map[topicID]int{}
	for id, m := range cs.Members {
		wanted[id] = map[topicID]bool{}
		matches := m.matcher()
		for _, t := range topics {
			if matches(t.Name) {
				wanted[id][t.ID] = true
				cs.Topics[t.ID] = t.Partitions
			}
		}
	}
	if cs.assignor() == "range" {
		cs.Target = assignRange(cs.Topics, wanted)
	} else {
		cs.Target = assignUniform(cs.Topics, wanted, cs.Target)
	}
}

// matcher says which topics a member wants.
func (m *consumer) matcher() func(topic string) bool {
	var re *regexp.Regexp
	if m.Regex != "" {
		re = regexp.MustCompile("^(?:" + m.Regex + ")$") // it was compiled when it came
	}
	return func(topic string) bool { return slices.Contains(m.Topics, topic) || re != nil && re.MatchString(topic) }
}

// assignor is the one that most members ask for.
func (cs *consumers) assignor() string {
	votes := map[string]int{}
	for _, m := range cs.Members {
		votes[m.Assignor]++
	}
	if votes["range"] > votes["uniform"] {
		return "range"
	}
	return "uniform"
}

// outdated says whether topics have come, gone or grown since the target was made.
func (cs *consumers) outdated() bool {
	n := 0
	for _, t := range cs.g.c.cfg.Topics() {
		wanted := false
		for _, m := range cs.Members {
			wanted = wanted || m.matcher()(t.Name)
		}
		if !wanted {
			continue
		}
		if have, ok := cs.Topics[t.ID]; !ok || have != t.Partitions {
			return true
		}
		n++
	}
	return n != len(cs.Topics)
}

// reconcile moves a member towards its target. owned is what it says it works on; nil when it does not say.
func (cs *consumers) reconcile(m *consumer, owned parts) {
	if len(m.Revoking) > 0 {
		if owned == nil || len(owned.and(m.Revoking)) > 0 {
			return
		}
		m.Revoking, cs.dirty = nil, true
		stop(m.revoke)
	}
	target := cs.Target[m.ID]
	if gone := m.Assigned.less(target); len(gone) > 0 {
		m.Assigned, m.Revoking, cs.dirty = m.Assigned.and(target), gone, true
		cs.limitRevocation(m)
		return
	}
	missing := target.less(m.Assigned)
	for id, other := range cs.Members {
		if id != m.ID && len(missing) > 0 {
			missing = missing.less(other.Assigned).less(other.Revoking)
		}
	}
	if len(missing) > 0 {
		m.Assigned, cs.dirty = m.Assigned.or(missing), true
	}
	if m.Epoch != cs.Epoch {
		m.Previous, m.Epoch, cs.dirty = m.Epoch, cs.Epoch, true
	}
}

// ConsumerHeartbeat is all that a member of the newer protocol says: that it joins, is alive, has given up partitions,
// wants other topics, or leaves.
func (c *Coordinator) ConsumerHeartbeat(client Client, req *kmsg.ConsumerGroupHeartbeatRequest,
) *kmsg.ConsumerGroupHeartbeatResponse {
	resp := req.ResponseKind().(*kmsg.ConsumerGroupHeartbeatResponse)
	fail := func(wrong code.Code, text string) *kmsg.ConsumerGroupHeartbeatResponse {
		resp.ErrorCode, resp.ErrorMessage = int16(wrong), &text
		return resp
	}
	if text := checkHeartbeat(req); text != "" {
		return fail(code.InvalidRequest, text)
	}
	if req.ServerAssignor != nil && *req.ServerAssignor != "uniform" && *req.ServerAssignor != "range" {
		return fail(code.UnsupportedAssignor, "assignors are uniform and range")
	}
	if req.SubscribedTopicRegex != nil {
		if _, err := regexp.Compile(*req.SubscribedTopicRegex); err != nil {
			return fail(code.InvalidRegularExpression, err.Error())
		}
	}
	g, err := c.lock(req.Group, req.MemberEpoch == 0)
	if err != nil {
		return fail(storeError(err), err.Error())
	}
	if g == nil {
		return fail(code.UnknownMemberID, "there is no such group")
	}
	defer g.leave()
	if len(g.members) > 0 || len(g.pending) > 0 {
		return fail(code.GroupIDNotFound, "the group has members of the classic protocol")
	}
	if g.consumers == nil {
		g.consumers = &consumers{Epoch: g.epoch, Members: map[string]*consumer{}, g: g}
	}
	m, wrong := g.consumers.heartbeat(client, req)
	if wrong == code.None {
		if err := g.consumers.store(); err != nil {
			wrong = storeError(err)
		}
	}
	if wrong != code.None {
		return fail(wrong, wrong.Error())
	}
	resp.MemberID, resp.HeartbeatIntervalMillis = &req.MemberID, int32(consumerHeartbeat.Milliseconds())
	if m == nil {
		resp.MemberEpoch = req.MemberEpoch
		return resp
	}
	resp.MemberID, resp.MemberEpoch = &m.ID, m.Epoch
	if m.told == nil || !m.told.equal(m.Assigned) || req.Topics != nil {
		m.told = m.Assigned.or(nil)
		resp.Assignment = m.Assigned.response()
	}
	return resp
}

// checkHeartbeat says what is wrong with a heartbeat by itself.
func checkHeartbeat(req *kmsg.ConsumerGroupHeartbeatRequest) string {
	switch {
	case req.Group == "":
		return "the group has no name"
	case req.MemberID == "" && (req.Version > 0 || req.MemberEpoch != 0):
		return "the member has no ID"
	case req.MemberEpoch < leaveStaticEpoch:
		return "the epoch is below -2"
	case req.MemberEpoch == leaveStaticEpoch && req.InstanceID == nil:
		return "only a static member leaves to come back"
	case req.InstanceID != nil && *req.InstanceID == "":
		return "the instance has no name"
	case req.MemberEpoch == 0 && req.RebalanceTimeoutMillis <= 0:
		return "a member that joins has a rebalance timeout"
	case req.MemberEpoch == 0 && req.SubscribedTopicNames == nil && req.SubscribedTopicRegex == nil:
		return "a member that joins says which topics it wants"
	case req.MemberEpoch == 0 && len(req.Topics) > 0:
		return "a member that joins has no partitions"
	}
	return ""
}

// heartbeat does what a member says. There is no member when it has left.
func (cs *consumers) heartbeat(client Client, req *kmsg.ConsumerGroupHeartbeatRequest) (*consumer, code.Code) {
	if req.MemberEpoch < 0 {
		return nil, cs.depart(req)
	}
	owned := partsOf(req.Topics)
	var m *consumer
	var wrong code.Code
	if req.MemberEpoch == 0 {
		m, wrong = cs.join(req)
	} else {
		m, wrong = cs.find(req.MemberID, req.InstanceID)
		if wrong == code.None && req.MemberEpoch != m.Epoch {
			if req.MemberEpoch != m.Previous || len(owned.less(m.Assigned)) > 0 {
				return nil, code.FencedMemberEpoch
			}
			m.told = nil // the answer with its new epoch was lost
		}
	}
	if wrong != code.None {
		return nil, wrong
	}
	m.ClientID, m.ClientHost = client.ID, client.Host
	cs.touch(m)
	if cs.subscribe(m, req) || cs.outdated() {
		cs.retarget()
	}
	cs.reconcile(m, owned)
	return m, code.None
}

// find finds a member that must be there.
func (cs *consumers) find(id string, instance *string) (*consumer, code.Code) {
	m := cs.Members[id]
	if instance != nil {
		holder := cs.holder(*instance)
		switch {
		case holder == nil:
			return nil, code.UnknownMemberID
		case holder.ID != id:
			return nil, code.FencedInstanceID
		}
	}
	if m == nil {
		return nil, code.UnknownMemberID
	}
	return m, code.None
}

// holder is the member with the name of an instance.
func (cs *consumers) holder(instance string) *consumer {
	for _, m := range cs.Members {
		if m.Instance == instance {
			return m
		}
	}
	return nil
}

// join finds or makes the member that joins. A static one takes the place of the one that left for it.
func (cs *consumers) join(req *kmsg.ConsumerGroupHeartbeatRequest) (*consumer, code.Code) {
	id := req.MemberID
	if id == "" {
		id = newMemberID("member")
	}
	if m := cs.Members[id]; m != nil {
		m.told = nil
		return m, code.None
	}
	m := &consumer{ID: id, Assignor: "uniform"}
	if req.InstanceID != nil {
		m.Instance = *req.InstanceID
		if old := cs.holder(m.Instance); old != nil {
			if !old.Away {
				return nil, code.UnreleasedInstanceID
			}
			stop(old.timer)
			stop(old.revoke)
			*m = *old
			m.ID, m.Away, m.told, m.Revoking, m.timer, m.revoke = id, false, nil, nil, nil, nil
			cs.Target[id] = cs.Target[old.ID]
			delete(cs.Target, old.ID)
			delete(cs.Members, old.ID)
		}
	}
	cs.Members[id], cs.dirty = m, true
	return m, code.None
}

// subscribe takes over what a member says about itself, and reports whether the target has to be made anew.
func (cs *consumers) subscribe(m *consumer, req *kmsg.ConsumerGroupHeartbeatRequest) (changed bool) {
	if req.RackID != nil {
		m.Rack = *req.RackID
	}
	if req.RebalanceTimeoutMillis > 0 {
		m.Rebalance = time.Duration(req.RebalanceTimeoutMillis) * time.Millisecond
	}
	if req.SubscribedTopicNames != nil && !slices.Equal(m.Topics, req.SubscribedTopicNames) {
		m.Topics, changed = slices.Clone(req.SubscribedTopicNames), true
	}
	if req.SubscribedTopicRegex != nil && m.Regex != *req.SubscribedTopicRegex {
		m.Regex, changed = *req.SubscribedTopicRegex, true
	}
	if req.ServerAssignor != nil && m.Assignor != *req.ServerAssignor {
		m.Assignor, changed = *req.ServerAssignor, true
	}
	return changed || cs.Target[m.ID] == nil
}

// depart lets a member leave, for good or to come back.
func (cs *consumers) depart(req *kmsg.ConsumerGroupHeartbeatRequest) code.Code {
	m, wrong := cs.find(req.MemberID, req.InstanceID)
	if wrong != code.None {
		return wrong
	}
	if req.MemberEpoch == leaveStaticEpoch {
		m.Away, m.Revoking, cs.dirty = true, nil, true
		stop(m.revoke)
		return code.None
	}
	cs.remove(m)
	return code.None
}

// mayCommit says whether a member of an epoch may commit.
func (cs *consumers) mayCommit(epoch int32, id string) code.Code {
	m := cs.Members[id]
	switch {
	case m == nil:
		return code.UnknownMemberID
	case epoch != m.Epoch:
		return code.StaleMemberEpoch
	}
	return code.None
}

// state is Kafka's name of what the group is doing.
func (cs *consumers) state() string {
	if cs.vacant() {
		return string(empty)
	}
	for id, m := range cs.Members {
		if m.Epoch != cs.Epoch || !m.Assigned.equal(cs.Target[id]) {
			return "Reconciling"
		}
	}
	return string(stable)
}

// DescribeConsumers describes a group of the newer protocol.
func (c *Coordinator) DescribeConsumers(name string) kmsg.ConsumerGroupDescribeResponseGroup {
	out := kmsg.NewConsumerGroupDescribeResponseGroup()
	out.Group, out.AuthorizedOperations = name, -1<<31
	g, err := c.lock(name, false)
	if err != nil {
		out.ErrorCode = int16(storeError(err))
		return out
	}
	if g != nil {
		defer g.leave()
	}
	if g == nil || g.consumers.vacant() && g.kind != consumerType {
		text := "there is no such group of the consumer protocol"
		out.ErrorCode, out.ErrorMessage = int16(code.GroupIDNotFound), &text
		return out
	}
	out.State, out.Epoch, out.AssignmentEpoch = string(empty), g.epoch, g.epoch
	out.AssignorName = "uniform"
	cs := g.consumers
	if cs == nil {
		return out
	}
	out.State, out.Epoch, out.AssignmentEpoch, out.AssignorName = cs.state(), cs.Epoch, cs.Epoch, cs.assignor()
	names := map[topicID]string{}
	for _, t := range c.cfg.Topics() {
		names[t.ID] = t.Name
	}
	for _, m := range cs.sorted() {
		om := kmsg.NewConsumerGroupDescribeResponseGroupMember()
		om.MemberID, om.MemberEpoch, om.ClientID, om.ClientHost = m.ID, m.Epoch, m.ClientID, m.ClientHost
		om.SubscribedTopics, om.MemberType = m.Topics, 1
		if m.Instance != "" {
			om.InstanceID = &m.Instance
		}
		if m.Rack != "" {
			om.RackID = &m.Rack
		}
		if m.Regex != "" {
			om.SubscribedTopicRegex = &m.Regex
		}
		om.Assignment, om.TargetAssignment = m.Assigned.describe(names), cs.Target[m.ID].describe(names)
		out.Members = append(out.Members, om)
	}
	return out
}

// sorted lists the members by ID.
func (cs *consumers) sorted() []*consumer {
	var out []*consumer
	for _, m := range cs.Members {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b *consumer) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return out
}
