package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// placed is a Placement that says where partitions are. The numbers are 0 for nobody.
type placed struct {
	self int32
	mu   *sync.Mutex
	// leads is who leads the cluster, and partitions who leads which.
	leads      *int32
	partitions map[PartitionID]int32
}

func (p placed) Controller() int32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return orNobody(*p.leads)
}

func (p placed) Leader(id PartitionID) int32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return orNobody(p.partitions[id])
}

func orNobody(node int32) int32 {
	if node == 0 {
		return -1
	}
	return node
}

func (p placed) Serves(id PartitionID) bool { return p.Leader(id) == p.self }

func (p placed) Confirm(_ context.Context, ids []PartitionID) error {
	for _, id := range ids {
		if !p.Serves(id) {
			return code.NotLeaderOrFollower
		}
	}
	return nil
}

// vouchedPipe is a connection of a client that another node has let in.
type vouchedPipe struct {
	net.Conn
	of Client
}

func (v vouchedPipe) Client() Client       { return v.of }
func (v vouchedPipe) RemoteAddr() net.Addr { return v.of.Remote }

// pair is a server that leads, number 1, and one that does not, number 2, which serves partition 2 of topicAB.
type pair struct {
	t        *testing.T
	log      *fake // of both
	where    placed
	mu       sync.Mutex
	vouched  *handed // of the server that leads
	leader   *Server
	passages []Client
}

func newPair(t *testing.T) (*pair, *client) {
	p := &pair{t: t, log: newFake(topicAB)}
	one := int32(1)
	p.where = placed{mu: &sync.Mutex{}, leads: &one, partitions: map[PartitionID]int32{1: 1, 2: 2}}
	p.lead()
	_, nc := serveFake(t, p.log, func(c *Config) {
		c.Brokers, c.Placed = brokersOf(2), p.at(2)
		c.Pass, c.Security = p.pass, trusting{&fakeSecurity{open: true}}
		c.Admin, c.Offsets, c.Groups, c.Transactions = nil, nil, nil, nil
	})
	return p, newClient(t, nc)
}

// trusting lets ada do everything.
type trusting struct{ *fakeSecurity }

func (trusting) Allows(user string, _ kmsg.ACLOperation, _ kmsg.ACLResourceType, _ string) bool {
	return user == "ada"
}

// brokersOf lists both as one of them does.
func brokersOf(self int32) func() []Broker {
	both := []Broker{{ID: 1, Addr: "one:1"}, {ID: 2, Addr: "two:2"}, {ID: 3, Addr: "three:3", Down: true}}
	both[0], both[self-1] = both[self-1], both[0]
	return func() []Broker { return both }
}

func (p *pair) at(self int32) placed {
	w := p.where
	w.self = self
	return w
}

// lead begins the leadership of the first server.
func (p *pair) lead() {
	l := &handed{conns: make(chan net.Conn), closed: make(chan struct{})}
	s, _ := serveFake(p.t, p.log, func(c *Config) { c.Brokers, c.Placed, c.Vouched = brokersOf(1), p.at(1), l })
	p.mu.Lock()
	defer p.mu.Unlock()
	p.vouched, p.leader = l, s
}

func (p *pair) pass(_ context.Context, of Client) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.vouched == nil {
		return nil, errors.New("nobody leads")
	}
	p.passages = append(p.passages, of)
	here, there := net.Pipe()
	p.vouched.conns <- vouchedPipe{there, of}
	return here, nil
}

// depose ends the leadership.
func (p *pair) depose() {
	p.mu.Lock()
	s := p.leader
	p.vouched = nil
	p.mu.Unlock()
	if err := s.Close(context.Background()); err != nil {
		p.t.Error(err)
	}
}

func createRequest(topic string) *kmsg.CreateTopicsRequest {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Version = 5
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, 2, -1
	req.Topics = append(req.Topics, t)
	return req
}

func metadataOf(names ...string) *kmsg.MetadataRequest {
	req := kmsg.NewPtrMetadataRequest()
	req.Version, req.Topics = 9, []kmsg.MetadataRequestTopic{}
	for _, n := range names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &n
		req.Topics = append(req.Topics, t)
	}
	return req
}

// ask says a request and returns the answer.
func ask[R kmsg.Response](c *client, req kmsg.Request) R {
	c.t.Helper()
	c.send(req)
	return next[R](c, c.next, req)
}

func next[R kmsg.Response](c *client, n int32, req kmsg.Request) R {
	c.t.Helper()
	resp := req.ResponseKind()
	c.receive(n, resp)
	return resp.(R)
}

// unlearned are topics that nobody finds by name or ID before they are learned, or of which one partition alone is known.
type unlearned struct {
	*fake
	learned *bool
	first   bool
}

func (u unlearned) Topic(name string) (Topic, bool) { return u.known(u.fake.Topic(name)) }

func (u unlearned) TopicByID(id [16]byte) (Topic, bool) { return u.known(u.fake.TopicByID(id)) }

func (u unlearned) known(t Topic, ok bool) (Topic, bool) {
	switch {
	case *u.learned || !ok:
		return t, ok
	case u.first:
		t.Partitions = t.Partitions[:1]
		return t, true
	}
	return Topic{}, false
}

// TestLearnTopics asks a server that does not lead about partitions of a topic that it has not heard of yet, and about
// one that was added since it has.
func TestLearnTopics(t *testing.T) {
	p := &pair{t: t, log: newFake(topicAB)}
	one := int32(1)
	p.where = placed{mu: &sync.Mutex{}, leads: &one, partitions: map[PartitionID]int32{1: 1, 2: 2}}
	byName, byID := produceRequest(-1, batch("1")), produceRequest(-1, batch("2"))
	byName.Topics[0].Partitions[0].Partition = 1
	byID.Topics[0].Partitions[0].Partition = 1
	byID.Version, byID.Topics[0].Topic, byID.Topics[0].TopicID = 13, "", topicAB.ID
	fetch := fetchRequest(13, 0, func(r *kmsg.FetchRequest) { r.Topics[0].Topic, r.Topics[0].Partitions[0].Partition = "", 1 })
	list := kmsg.NewPtrListOffsetsRequest()
	list.Version = 5
	about := kmsg.NewListOffsetsRequestTopic()
	about.Topic = "ab"
	part := kmsg.NewListOffsetsRequestTopicPartition()
	part.Partition, part.Timestamp = 1, -1
	about.Partitions = append(about.Partitions, part)
	list.Topics = append(list.Topics, about)
	described := kmsg.NewPtrDescribeTopicPartitionsRequest()
	described.Topics = []kmsg.DescribeTopicPartitionsRequestTopic{{Topic: "ab"}}
	for i, req := range []kmsg.Request{byName, byID, fetch, list, described, byName, byID, fetch, list} {
		learned := false
		_, nc := serveFake(t, p.log, func(c *Config) {
			c.Brokers, c.Placed, c.Pass, c.Topics = brokersOf(2), p.at(2), p.pass, unlearned{p.log, &learned, i >= 5}
			c.Learn = func(context.Context) error {
				learned = true
				return nil
			}
			c.Admin, c.Offsets, c.Groups, c.Transactions = nil, nil, nil, nil
		})
		c := newClient(t, nc)
		got := int16(-1)
		switch r := ask[kmsg.Response](c, req).(type) {
		case *kmsg.ProduceResponse:
			got = r.Topics[0].Partitions[0].ErrorCode
		case *kmsg.FetchResponse:
			got = r.Topics[0].Partitions[0].ErrorCode
		case *kmsg.ListOffsetsResponse:
			got = r.Topics[0].Partitions[0].ErrorCode
		case *kmsg.DescribeTopicPartitionsResponse:
			if got = r.Topics[0].ErrorCode; fmt.Sprint(r.Topics[0].Partitions[0].OfflineReplicas) != "[3]" {
				t.Errorf("replicas are %+v", r.Topics[0].Partitions)
			}
		}
		if got != 0 || !learned {
			t.Errorf("%d: code %d, learned %v", i, got, learned)
		}
	}
}

// TestPassOn sends what the server answers itself and what the leader does in one go: the answers come in order, and the
// leader is told once who the client is.
func TestPassOn(t *testing.T) {
	p, c := newPair(t)
	produce := produceRequest(-1, batch("1"))
	produce.Topics[0].Partitions[0].Partition = 1
	create, ab, ids := createRequest("new"), metadataOf("ab"), kmsg.NewPtrInitProducerIDRequest()
	find := request(kmsg.NewPtrFindCoordinatorRequest(), 4, func(r *kmsg.FindCoordinatorRequest) {
		r.CoordinatorKeys = []string{"g"}
	})
	groups := kmsg.NewPtrListGroupsRequest()
	c.send(produce, create, ab, ids, find, groups)
	if got := next[*kmsg.ProduceResponse](c, 1, produce).Topics[0].Partitions[0]; got.ErrorCode != 0 {
		t.Errorf("produced: %+v", got)
	}
	if got := next[*kmsg.CreateTopicsResponse](c, 2, create).Topics[0]; got.ErrorCode != 0 || got.NumPartitions != 2 {
		t.Errorf("created: %+v", got)
	}
	got := next[*kmsg.MetadataResponse](c, 3, ab)
	if got.ControllerID != 1 || len(got.Brokers) != 2 || got.Brokers[0].NodeID != 2 || got.Brokers[0].Host != "two" {
		t.Errorf("the nodes are %+v", got)
	}
	parts := got.Topics[0].Partitions
	if len(parts) != 2 || fmt.Sprint(parts[1].Replicas, parts[1].ISR, parts[1].OfflineReplicas) != "[2 1 3] [2 1] [3]" {
		t.Errorf("the replicas are %+v", parts)
	}
	if len(parts) != 2 || parts[0].Leader != 1 || parts[1].Leader != 2 || parts[1].LeaderEpoch != 3 {
		t.Errorf("the partitions are %+v", parts)
	}
	if got := next[*kmsg.InitProducerIDResponse](c, 4, ids); got.ErrorCode != 0 || got.ProducerID != 1 {
		t.Errorf("a producer: %+v", got)
	}
	if got := next[*kmsg.FindCoordinatorResponse](c, 5, find).Coordinators[0]; got.NodeID != 1 || got.Host != "one" {
		t.Errorf("the coordinator is %+v", got)
	}
	if got := next[*kmsg.ListGroupsResponse](c, 6, groups); got.ErrorCode != 0 || len(got.Groups) > 0 {
		t.Errorf("groups: %+v", got)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.passages) != 1 || p.passages[0].User != "ada" || p.passages[0].Secure ||
		p.passages[0].Remote.String() != c.net.LocalAddr().String() {
		t.Errorf("the leader was told of %+v", p.passages)
	}
}

// TestUnled wants errors that clients try again for while nobody leads, and the next leader's answers after that.
func TestUnled(t *testing.T) {
	p, c := newPair(t)
	ids, create := kmsg.NewPtrInitProducerIDRequest(), createRequest("new")
	if got := ask[*kmsg.InitProducerIDResponse](c, ids); got.ErrorCode != 0 {
		t.Errorf("a producer: %+v", got)
	}
	p.depose()
	*p.where.leads = 0
	delete(p.where.partitions, 1)
	if got := ask[*kmsg.InitProducerIDResponse](c, ids); code.Code(got.ErrorCode) != code.CoordinatorLoadInProgress {
		t.Errorf("a producer of nobody: %+v", got)
	}
	if got := ask[*kmsg.CreateTopicsResponse](c, create).Topics[0]; code.Code(got.ErrorCode) != code.NotController {
		t.Errorf("created by nobody: %+v", got)
	}
	find := request(kmsg.NewPtrFindCoordinatorRequest(), 2, func(r *kmsg.FindCoordinatorRequest) { r.CoordinatorKey = "g" })
	if got := ask[*kmsg.FindCoordinatorResponse](c, find); code.Code(got.ErrorCode) != code.CoordinatorNotAvailable {
		t.Errorf("the coordinator is %+v", got)
	}
	got := ask[*kmsg.MetadataResponse](c, metadataOf("ab", "none"))
	parts := got.Topics[0].Partitions
	if got.ControllerID != -1 || parts[0].Leader != -1 || code.Code(parts[0].ErrorCode) != code.LeaderNotAvailable ||
		parts[1].ErrorCode != 0 || code.Code(got.Topics[1].ErrorCode) != code.LeaderNotAvailable {
		t.Errorf("while nobody leads: %+v", got)
	}
	p.lead()
	if got := ask[*kmsg.CreateTopicsResponse](c, create).Topics[0]; got.ErrorCode != 0 {
		t.Errorf("created by the next: %+v", got)
	}
	for _, a := range apis {
		for v := a.min; v <= a.max; v++ {
			req := kmsg.RequestForKey(int16(a.key))
			req.SetVersion(v)
			if fill := asking()[a.key]; fill != nil {
				fill(req)
			}
			resp := unled(req)
			if resp == nil {
				continue
			}
			if near[a.key] {
				t.Errorf("%s needs no leader", a.key.Name())
			}
			if err := req.ResponseKind().ReadFrom(resp.AppendTo(nil)); err != nil {
				t.Errorf("%s version %d: %v", a.key.Name(), v, err)
			}
		}
	}
}

// TestNotLeader asks for a partition at the wrong node, which says where the right one is where the version can.
func TestNotLeader(t *testing.T) {
	_, c := newPair(t)
	for v, hint := range map[int16]bool{9: false, 10: true, 13: true} {
		req := produceRequest(-1, batch("1"))
		req.Version, req.Topics[0].TopicID = v, topicAB.ID
		got := ask[*kmsg.ProduceResponse](c, req)
		part := got.Topics[0].Partitions[0]
		if code.Code(part.ErrorCode) != code.NotLeaderOrFollower || (part.CurrentLeader.LeaderID == 1) != hint ||
			(len(got.Brokers) == 1 && got.Brokers[0].Host == "one" && got.Brokers[0].Port == 1) != hint {
			t.Errorf("Produce version %d: %+v", v, got)
		}
	}
	for v, hint := range map[int16][2]bool{11: {false, false}, 12: {true, false}, 16: {true, true}, 18: {true, true}} {
		req := fetchRequest(v, 0, nil)
		second := req.Topics[0].Partitions[0]
		second.Partition = 1 // which is served here
		req.Topics[0].Partitions = append(req.Topics[0].Partitions, second)
		got := ask[*kmsg.FetchResponse](c, req)
		part := got.Topics[0].Partitions[0]
		if code.Code(part.ErrorCode) != code.NotLeaderOrFollower || (part.CurrentLeader.LeaderID == 1) != hint[0] ||
			(part.CurrentLeader.LeaderEpoch == 3) != hint[0] ||
			(len(got.Brokers) == 1 && got.Brokers[0].Host == "one" && got.Brokers[0].NodeID == 1) != hint[1] {
			t.Errorf("Fetch version %d: %+v", v, got)
		}
		if p := got.Topics[0].Partitions[1]; p.ErrorCode != 0 || p.CurrentLeader.LeaderID != -1 {
			t.Errorf("Fetch version %d of what is served: %+v", v, p)
		}
	}
	for n, want := range []code.Code{code.NotLeaderOrFollower, code.None} {
		list := request(kmsg.NewPtrListOffsetsRequest(), 5, func(r *kmsg.ListOffsetsRequest) {
			p := kmsg.NewListOffsetsRequestTopicPartition()
			p.Partition, p.Timestamp = int32(n), latestOffset
			r.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: "ab", Partitions: []kmsg.ListOffsetsRequestTopicPartition{p}}}
		})
		if got := ask[*kmsg.ListOffsetsResponse](c, list).Topics[0].Partitions[0]; code.Code(got.ErrorCode) != want {
			t.Errorf("ListOffsets of partition %d: %+v", n, got)
		}
		ends := request(kmsg.NewPtrOffsetForLeaderEpochRequest(), 3, func(r *kmsg.OffsetForLeaderEpochRequest) {
			p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
			p.Partition = int32(n)
			r.Topics = []kmsg.OffsetForLeaderEpochRequestTopic{{Topic: "ab",
				Partitions: []kmsg.OffsetForLeaderEpochRequestTopicPartition{p}}}
		})
		got := ask[*kmsg.OffsetForLeaderEpochResponse](c, ends).Topics[0].Partitions[0]
		if code.Code(got.ErrorCode) != want {
			t.Errorf("OffsetForLeaderEpoch of partition %d: %+v", n, got)
		}
	}
}

// TestFetchMoves gives a partition to another node while a fetch waits for it.
func TestFetchMoves(t *testing.T) {
	p, c := newPair(t)
	req := fetchRequest(16, 0, func(r *kmsg.FetchRequest) {
		r.Topics[0].Partitions[0].Partition = 1
		r.MaxWaitMillis, r.MinBytes = 1<<30, 1
	})
	c.send(req)
	for !waiting(p.log) {
	}
	p.where.mu.Lock()
	p.where.partitions[2] = 1
	p.where.mu.Unlock()
	p.log.mu.Lock()
	p.log.signal()
	p.log.mu.Unlock()
	got := next[*kmsg.FetchResponse](c, c.next, req)
	part := got.Topics[0].Partitions[0]
	if code.Code(part.ErrorCode) != code.NotLeaderOrFollower || part.CurrentLeader.LeaderID != 1 || len(got.Brokers) != 1 {
		t.Errorf("after the partition had moved: %+v", got)
	}
}
