package group

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"github.com/leatdb/leat/kafka/code"
)

// A modern is a member of the newer protocol as a client is one.
type modern struct {
	t        *testing.T
	c        *Coordinator
	id       string
	instance *string
	topics   []string
	epoch    int32
	owned    map[topicID][]int32
	report   bool // what it owns, at the next heartbeat
}

func newModern(t *testing.T, c *Coordinator, topics ...string) *modern {
	return &modern{t: t, c: c, id: newMemberID("m"), topics: topics}
}

func (m *modern) request() *kmsg.ConsumerGroupHeartbeatRequest {
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.MemberEpoch, req.InstanceID = 1, "g", m.id, m.epoch, m.instance
	if m.epoch == 0 {
		req.SubscribedTopicNames, req.RebalanceTimeoutMillis = m.topics, int32(rebalance/1e6)
		req.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	} else if m.report {
		req.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
		for t, numbers := range m.owned {
			req.Topics = append(req.Topics, kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: t, Partitions: numbers})
		}
	}
	return req
}

// beat says something and takes over what it is told.
func (m *modern) beat() int16 {
	resp := m.c.ConsumerHeartbeat(Client{ID: "test"}, m.request())
	if resp.ErrorCode != 0 {
		return resp.ErrorCode
	}
	m.epoch, m.report = resp.MemberEpoch, false
	if resp.Assignment != nil {
		now := map[topicID][]int32{}
		for _, t := range resp.Assignment.Topics {
			now[t.TopicID] = t.Partitions
		}
		m.report = !maps.EqualFunc(now, m.owned, func(a, b []int32) bool { return slices.Equal(a, b) })
		m.owned = now
	}
	return 0
}

// numbers lists the partitions of a topic that the member has.
func (m *modern) numbers(t Topic) []int32 { return m.owned[t.ID] }

// settleModern lets members talk until everybody has what it is to have, and wants nobody to have the same meanwhile.
func settleModern(t *testing.T, topic Topic, members ...*modern) {
	t.Helper()
	for range 20 {
		taken := map[int32]bool{}
		for _, m := range members {
			want(t, "heartbeat", m.beat(), 0)
			for _, n := range m.numbers(topic) {
				if taken[n] {
					t.Errorf("two members have partition %d", n)
				}
			}
		}
		for _, m := range members {
			for _, n := range m.numbers(topic) {
				if taken[n] {
					t.Errorf("two members have partition %d", n)
				}
				taken[n] = true
			}
		}
		if len(taken) == topic.Partitions && members[0].c.DescribeConsumers("g").State == "Stable" {
			return
		}
	}
	t.Fatalf("not stable: %+v", members[0].c.DescribeConsumers("g"))
}

var four = Topic{Name: "four", ID: [16]byte{1}, Partitions: 4}

func TestConsumers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{names: []Topic{four, {Name: "other", ID: [16]byte{2}, Partitions: 9}}}
		c := start(t, store)
		a, b := newModern(t, c, "four"), newModern(t, c, "four")
		settleModern(t, four, a)
		if len(a.numbers(four)) != 4 {
			t.Errorf("the only member has %v", a.owned)
		}
		settleModern(t, four, a, b)
		if len(a.numbers(four)) != 2 || len(b.numbers(four)) != 2 {
			t.Errorf("the members have %v and %v", a.owned, b.owned)
		}
		before := slices.Clone(a.numbers(four))
		d := newModern(t, c, "four")
		settleModern(t, four, a, b, d)
		if got := a.numbers(four); len(got) != 1 && !slices.Equal(got, before) {
			t.Errorf("the first member has %v, and had %v", got, before)
		}
		want(t, "commit", int16(c.MayCommit("g", a.epoch, a.id, nil, false)), 0)
		want(t, "commit of an old epoch", int16(c.MayCommit("g", a.epoch-1, a.id, nil, false)), int16(code.StaleMemberEpoch))
		want(t, "commit of a stranger", int16(c.MayCommit("g", a.epoch, "x", nil, false)), int16(code.UnknownMemberID))
		if l := c.List(nil, []string{"consumer"}); len(l) != 1 || l[0].GroupState != "Stable" {
			t.Errorf("listed as %+v", l)
		}
		b.epoch = leaveEpoch
		want(t, "leave", b.beat(), 0)
		settleModern(t, four, a, d)
		// A restart forgets nothing, and the silent are lost.
		c.Close()
		c = start(t, store)
		a.c, d.c = c, c
		want(t, "heartbeat after the restart", a.beat(), 0)
		for range 50 {
			time.Sleep(time.Second)
			a.beat()
		}
		want(t, "heartbeat of the silent", d.beat(), int16(code.UnknownMemberID))
		settleModern(t, four, a)
		// A topic that grows is noticed.
		grown := four
		grown.Partitions = 6
		store.mu.Lock()
		store.names = []Topic{grown}
		store.mu.Unlock()
		settleModern(t, grown, a)
		a.epoch = leaveEpoch
		want(t, "the last leaves", a.beat(), 0)
		if g := c.DescribeConsumers("g"); g.State != "Empty" || g.ErrorCode != 0 {
			t.Errorf("described as %+v", g)
		}
		settle(t, newFellow(t, c)) // and the group may become one of the other protocol
	})
}

// TestConsumerRevocation lets a member that does not give up what it must be lost after its time.
func TestConsumerRevocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &memory{names: []Topic{four}})
		a, b := newModern(t, c, "four"), newModern(t, c, "four")
		settleModern(t, four, a)
		began := time.Now()
		for a.beat() == 0 {
			a.report = false // it never says that it has given something up
			want(t, "heartbeat of the other", b.beat(), 0)
			time.Sleep(time.Second)
		}
		if took := time.Since(began); took < rebalance || took > rebalance+2*time.Second {
			t.Errorf("it took %v, want %v", took, rebalance)
		}
		settleModern(t, four, b)
	})
}

// TestConsumerStatic lets a static member come back under a new ID, and only after it has left.
func TestConsumerStatic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &memory{names: []Topic{four}})
		a, b := newModern(t, c, "four"), newModern(t, c, "four")
		a.instance = kmsg.StringPtr("one")
		settleModern(t, four, a)
		settleModern(t, four, a, b)
		again := newModern(t, c, "four")
		again.instance = a.instance
		want(t, "joining while it is there", again.beat(), int16(code.UnreleasedInstanceID))
		epoch, had := a.epoch, a.numbers(four)
		a.epoch = leaveStaticEpoch
		want(t, "leaving to come back", a.beat(), 0)
		want(t, "joining", again.beat(), 0)
		if again.epoch != epoch || !slices.Equal(again.numbers(four), had) {
			t.Errorf("it came back with %v in epoch %d, and had %v in %d", again.numbers(four), again.epoch, had, epoch)
		}
		a.epoch = epoch
		want(t, "heartbeat of the old", a.beat(), int16(code.FencedInstanceID))
	})
}

// TestConsumerLost gives the answer again that was lost, once.
func TestConsumerLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &memory{names: []Topic{four}})
		a, b := newModern(t, c, "four"), newModern(t, c, "four")
		settleModern(t, four, a)
		lost := *a
		settleModern(t, four, a, b)
		want(t, "heartbeat of the epoch before, with partitions that are gone", func() int16 {
			lost.report = true
			return lost.beat()
		}(), int16(code.FencedMemberEpoch))
		lost.owned, lost.report = a.owned, true
		want(t, "heartbeat of the epoch before", lost.beat(), 0)
		if lost.epoch != a.epoch {
			t.Errorf("it is told epoch %d, want %d", lost.epoch, a.epoch)
		}
	})
}

func TestConsumerRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &memory{names: []Topic{four}})
		for name, x := range map[string]struct {
			change func(*kmsg.ConsumerGroupHeartbeatRequest)
			want   code.Code
		}{
			"no group":     {func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.Group = "" }, code.InvalidRequest},
			"no member":    {func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.MemberID = "" }, code.InvalidRequest},
			"no topics":    {func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.SubscribedTopicNames = nil }, code.InvalidRequest},
			"no timeout":   {func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.RebalanceTimeoutMillis = -1 }, code.InvalidRequest},
			"epoch":        {func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.MemberEpoch = -3 }, code.InvalidRequest},
			"not there":    {func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.MemberEpoch = 5 }, code.UnknownMemberID},
			"assignor":     {func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.ServerAssignor = kmsg.StringPtr("x") }, code.UnsupportedAssignor},
			"bad pattern":  {func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.SubscribedTopicRegex = kmsg.StringPtr("(") }, code.InvalidRegularExpression},
			"good pattern": {func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.SubscribedTopicRegex = kmsg.StringPtr("f.*") }, code.None},
		} {
			req := newModern(t, c, "x").request()
			x.change(req)
			resp := c.ConsumerHeartbeat(Client{}, req)
			if got := code.Code(resp.ErrorCode); got != x.want {
				t.Errorf("%s: %v, want %v", name, got, x.want)
			}
			if name == "good pattern" && len(resp.Assignment.Topics) != 1 {
				t.Errorf("the pattern gave %+v", resp.Assignment)
			}
		}
		want(t, "joining by the classic protocol", newFellow(t, c).join(t.Context()), int16(code.InconsistentGroupProtocol))
	})
}

// TestAssign wants everything assigned once, to who wants it, in equal shares when all want the same, and nothing moved
// that need not be.
func TestAssign(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		topics := map[topicID]int{}
		for i := range rapid.IntRange(1, 4).Draw(t, "topics") {
			topics[topicID{byte(i)}] = rapid.IntRange(1, 7).Draw(t, "partitions")
		}
		total := 0
		for _, n := range topics {
			total += n
		}
		members := func(n int) map[string]map[topicID]bool {
			wanted := map[string]map[topicID]bool{}
			for i := range n {
				wanted[fmt.Sprint(i)] = map[topicID]bool{}
				for topic := range topics {
					wanted[fmt.Sprint(i)][topic] = true
				}
			}
			return wanted
		}
		n := rapid.IntRange(1, 6).Draw(t, "members")
		before := assignUniform(topics, members(n), nil)
		m := rapid.IntRange(1, 6).Draw(t, "members after")
		for name, target := range map[string]map[string]parts{
			"uniform": assignUniform(topics, members(m), before), "range": assignRange(topics, members(m)),
		} {
			seen := map[string]bool{}
			for id, p := range target {
				count := 0
				for topic, numbers := range p {
					for _, number := range numbers {
						key := fmt.Sprint(topic, number)
						if seen[key] {
							t.Fatalf("%s assigns %s twice", name, key)
						}
						seen[key] = true
						count++
					}
				}
				if name == "uniform" && (count < total/m || count > (total+m-1)/m) {
					t.Fatalf("%s has %d of %d partitions among %d", id, count, total, m)
				}
			}
			if len(seen) != total {
				t.Fatalf("%s assigns %d of %d partitions", name, len(seen), total)
			}
		}
		if m == n && !maps.EqualFunc(before, assignUniform(topics, members(m), before), parts.equal) {
			t.Fatal("partitions moved without need")
		}
	})
}
