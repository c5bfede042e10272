package group

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// classicType is the type of a group, as ListGroups names it.
const classicType = "classic"

// Describe describes a group.
func (c *Coordinator) Describe(name string) kmsg.DescribeGroupsResponseGroup {
	out := kmsg.NewDescribeGroupsResponseGroup()
	out.Group, out.State = name, string(dead)
	g, err := c.lock(name, false)
	if err != nil {
		out.ErrorCode = int16(storeError(err))
		return out
	}
	if g == nil {
		return out
	}
	defer g.leave()
	if !g.consumers.vacant() || g.kind == consumerType {
		return out // ConsumerGroupDescribe describes it
	}
	out.State, out.ProtocolType, out.Protocol = string(g.state), g.protocolType, g.protocol
	for _, m := range g.membersLocked() {
		om := kmsg.NewDescribeGroupsResponseGroupMember()
		om.MemberID, om.ClientID, om.ClientHost = m.id, m.clientID, m.clientHost
		om.ProtocolMetadata, om.MemberAssignment = []byte{}, []byte{}
		if m.instance != "" {
			om.InstanceID = kmsg.StringPtr(m.instance)
		}
		if g.state == stable {
			om.ProtocolMetadata = append(om.ProtocolMetadata, m.metadata(g.protocol)...)
			om.MemberAssignment = append(om.MemberAssignment, m.assignment...)
		}
		out.Members = append(out.Members, om)
	}
	return out
}

// List lists the groups, by name: those in one of some states and of one of some types, when there are any.
func (c *Coordinator) List(states, types []string) []kmsg.ListGroupsResponseGroup {
	found := map[string]kmsg.ListGroupsResponseGroup{}
	names := map[string]bool{}
	for _, s := range c.cfg.Store.All() {
		names[s.Name] = true
	}
	c.mu.Lock()
	for name := range c.groups {
		names[name] = true
	}
	c.mu.Unlock()
	for name := range names {
		g, err := c.lock(name, false)
		if g == nil || err != nil {
			continue
		}
		l := kmsg.NewListGroupsResponseGroup()
		l.Group, l.ProtocolType, l.GroupState, l.GroupType = name, g.protocolType, string(g.state), classicType
		if !g.consumers.vacant() || g.kind == consumerType {
			l.GroupState, l.GroupType, l.ProtocolType = g.consumers.state(), consumerType, "consumer"
		}
		g.leave()
		if matches(states, l.GroupState) && matches(types, l.GroupType) {
			found[name] = l
		}
	}
	out := make([]kmsg.ListGroupsResponseGroup, 0, len(found))
	for _, l := range found {
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b kmsg.ListGroupsResponseGroup) int { return cmp.Compare(a.Group, b.Group) })
	return out
}

// matches says whether a filter lets a value through. An empty one lets everything.
func matches(filter []string, value string) bool {
	return len(filter) == 0 || slices.ContainsFunc(filter, func(f string) bool { return strings.EqualFold(f, value) })
}

// Delete forgets a group without members, and its offsets.
func (c *Coordinator) Delete(ctx context.Context, name string) code.Code {
	if name == "" {
		return code.InvalidGroupID
	}
	g, err := c.lock(name, false)
	if err != nil {
		return storeError(err)
	}
	if g == nil {
		return code.GroupIDNotFound
	}
	defer g.leave()
	if !g.vacantLocked() {
		return code.NonEmptyGroup
	}
	if err := c.cfg.Store.Delete(ctx, name); err != nil {
		return storeError(err)
	}
	return code.None
}

// MayCommit says whether somebody may commit offsets for a group: a member of this generation, or anybody, with a
// generation of -1, when the group has no members. In a transaction the producer is who commits, and need be no member.
// The generation of a member of the newer protocol is its epoch.
func (c *Coordinator) MayCommit(name string, generation int32, id string, instance *string, txn bool) code.Code {
	if name == "" && !txn {
		// The empty name is the one that Kafka has kept from its early days for consumers without groups.
		if generation < 0 {
			return code.None
		}
		return code.InvalidGroupID
	}
	g, err := c.lock(name, false)
	if err != nil {
		return storeError(err)
	}
	if g == nil {
		if generation >= 0 {
			return code.IllegalGeneration
		}
		return code.None
	}
	defer g.leave()
	switch {
	case !g.consumers.vacant() && (generation >= 0 || id != "" || !txn):
		return g.consumers.mayCommit(generation, id)
	case generation < 0 && g.state == empty:
		return code.None
	case generation < 0 && id == "" && instance == nil:
		if txn {
			return code.None
		}
		return code.UnknownMemberID
	}
	m, wrong := g.memberLocked(id, instance)
	switch {
	case wrong != code.None:
		return wrong
	case generation != g.generation:
		return code.IllegalGeneration
	}
	g.touchLocked(m)
	if g.state == completing && !txn {
		return code.RebalanceInProgress
	}
	return code.None
}

// Subscribed returns the topics that members of a group consume, and whether that is known: it is of consumers only.
func (c *Coordinator) Subscribed(name string) (topics map[string]bool, wrong code.Code) {
	g, err := c.lock(name, false)
	if err != nil {
		return nil, storeError(err)
	}
	if g == nil {
		return nil, code.GroupIDNotFound
	}
	defer g.leave()
	topics = map[string]bool{}
	for _, t := range c.cfg.Topics() {
		if g.consumers != nil && g.consumers.Topics[t.ID] > 0 && !g.consumers.vacant() {
			topics[t.Name] = true
		}
	}
	if len(g.members) == 0 {
		return topics, code.None
	}
	if g.protocolType != "consumer" {
		return nil, code.NonEmptyGroup
	}
	for _, m := range g.members {
		for _, p := range m.protocols {
			var meta kmsg.ConsumerMemberMetadata
			if meta.ReadFrom(p.Metadata) == nil {
				for _, t := range meta.Topics {
					topics[t] = true
				}
			}
		}
	}
	return topics, code.None
}

// MayFetch says whether a member of the newer protocol may ask for offsets: one whose epoch is old may not, because
// others have gone on from there. Everybody else may.
func (c *Coordinator) MayFetch(name, id string, epoch int32) code.Code {
	if id == "" || epoch < 0 {
		return code.None
	}
	g, err := c.lock(name, false)
	if err != nil {
		return storeError(err)
	}
	if g == nil {
		return code.UnknownMemberID
	}
	defer g.leave()
	if g.consumers.vacant() {
		return code.None
	}
	return g.consumers.mayCommit(epoch, id)
}

// Consumers says whether a group has members of the newer protocol, whose epochs are their own.
func (c *Coordinator) Consumers(name string) bool {
	g, err := c.lock(name, false)
	if g == nil || err != nil {
		return false
	}
	defer g.leave()
	return !g.consumers.vacant()
}
