package kafka

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// fakeSecurity knows ada, whose password is "countess" by every mechanism, and what she may do: lines "op type name".
type fakeSecurity struct {
	open  bool // clients need not say who they are
	allow []string
	acls  []ACL
}

func (f *fakeSecurity) Anonymous(net.Addr) (string, bool) { return "ada", f.open }

func (f *fakeSecurity) Begin(string) Exchange { return fakeExchange{} }

func (f *fakeSecurity) Allows(user string, op kmsg.ACLOperation, on kmsg.ACLResourceType, name string) bool {
	return user == "ada" && slices.Contains(f.allow, fmt.Sprint(op, " ", on, " ", name))
}

func (f *fakeSecurity) ACLs() []ACL { return f.acls }

func (f *fakeSecurity) CreateACL(_ context.Context, a ACL) error {
	f.acls = append(f.acls, a)
	return nil
}

func (f *fakeSecurity) DeleteACL(_ context.Context, a ACL) error {
	f.acls = slices.DeleteFunc(f.acls, func(b ACL) bool { return a == b })
	return nil
}

func (f *fakeSecurity) ScramUsers() []string { return []string{"ada"} }

func (f *fakeSecurity) Credentials(user string) ([]ScramCredential, bool) {
	return []ScramCredential{{ScramSHA256, 4096}}, user == "ada"
}

func (f *fakeSecurity) SetPassword(context.Context, string, string, ScramPassword) error { return nil }

func (f *fakeSecurity) DropPassword(context.Context, string, string, ScramMechanism) error {
	return nil
}

// fakeExchange asks for a second message after "ada".
type fakeExchange struct{}

func (fakeExchange) Step(message []byte) ([]byte, string, error) {
	switch string(message) {
	case "ada":
		return []byte("go on"), "", nil
	case "countess":
		return []byte("ok"), "ada", nil
	}
	return nil, "", errors.New("wrong")
}

// serveGuarded serves a door with security.
func serveGuarded(t *testing.T, sec *fakeSecurity) *client {
	t.Helper()
	_, nc := serveFake(t, newFake(topicAB), func(c *Config) { c.Security, c.ACLs, c.Users = sec, sec, sec })
	return newClient(t, nc)
}

// ended checks that the server has closed the connection.
func (c *client) ended(what string) {
	c.t.Helper()
	if n, err := c.in.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		c.t.Errorf("%s: %d, %v", what, n, err)
	}
}

// request makes a request, or a response, of a version.
func request[R interface{ SetVersion(int16) }](r R, version int16, fill func(R)) R {
	r.SetVersion(version)
	if fill != nil {
		fill(r)
	}
	return r
}

func handshake(version int16, mechanism string) kmsg.Request {
	return request(kmsg.NewPtrSASLHandshakeRequest(), version,
		func(r *kmsg.SASLHandshakeRequest) { r.Mechanism = mechanism })
}

func authenticate(version int16, message string) kmsg.Request {
	return request(kmsg.NewPtrSASLAuthenticateRequest(), version,
		func(r *kmsg.SASLAuthenticateRequest) { r.SASLAuthBytes = []byte(message) })
}

func metadata() kmsg.Request { return request(kmsg.NewPtrMetadataRequest(), 1, nil) }

func TestLogin(t *testing.T) {
	for version := range int16(3) {
		c := serveGuarded(t, &fakeSecurity{})
		c.send(request(kmsg.NewPtrApiVersionsRequest(), 0, nil), handshake(1, "SCRAM-SHA-256"),
			authenticate(version, "ada"), authenticate(version, "countess"), metadata(), handshake(1, "PLAIN"))
		apis, hello := kmsg.NewPtrApiVersionsResponse(), kmsg.NewPtrSASLHandshakeResponse()
		c.receive(1, apis)
		c.receive(2, hello)
		if hello.ErrorCode != 0 || !slices.Equal(hello.SupportedMechanisms, Mechanisms) {
			t.Errorf("the handshake: %+v", hello)
		}
		for i, want := range []string{"go on", "ok"} {
			got := request(kmsg.NewPtrSASLAuthenticateResponse(), version, nil)
			c.receive(int32(3+i), got)
			if got.ErrorCode != 0 || string(got.SASLAuthBytes) != want {
				t.Errorf("version %d: %+v", version, got)
			}
		}
		c.receive(5, request(kmsg.NewPtrMetadataResponse(), 1, nil))
		c.receive(6, hello)
		if hello.ErrorCode != int16(code.IllegalSASLState) {
			t.Errorf("a second handshake: %+v", hello)
		}
	}
}

// raw sends a message in a frame of its own.
func (c *client) raw(message string) {
	c.t.Helper()
	if _, err := c.net.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(message))), message...)); err != nil {
		c.t.Fatal(err)
	}
}

// TestRawLogin is the oldest way: after version 0 of the handshake frames hold what the mechanism says.
func TestRawLogin(t *testing.T) {
	c := serveGuarded(t, &fakeSecurity{})
	c.send(handshake(0, "PLAIN"))
	c.receive(1, request(kmsg.NewPtrSASLHandshakeResponse(), 0, nil))
	for _, step := range [][2]string{{"ada", "go on"}, {"countess", "ok"}} {
		c.raw(step[0])
		got := make([]byte, 4+len(step[1]))
		if _, err := io.ReadFull(c.in, got); err != nil || !bytes.HasSuffix(got, []byte(step[1])) {
			t.Fatalf("%q, %v", got, err)
		}
	}
	c.send(metadata())
	c.receive(2, request(kmsg.NewPtrMetadataResponse(), 1, nil))

	c = serveGuarded(t, &fakeSecurity{})
	c.send(handshake(0, "PLAIN"))
	c.receive(1, request(kmsg.NewPtrSASLHandshakeResponse(), 0, nil))
	c.raw("eve")
	c.ended("a wrong password")
}

func TestLoginRefused(t *testing.T) {
	c := serveGuarded(t, &fakeSecurity{})
	c.send(metadata())
	c.ended("a request of nobody")

	c = serveGuarded(t, &fakeSecurity{})
	c.send(authenticate(1, "ada"))
	c.ended("a password without a mechanism")

	c = serveGuarded(t, &fakeSecurity{})
	c.send(handshake(1, "GSSAPI"))
	hello := kmsg.NewPtrSASLHandshakeResponse()
	c.receive(1, hello)
	if hello.ErrorCode != int16(code.UnsupportedSASLMechanism) || len(hello.SupportedMechanisms) != 3 {
		t.Errorf("%+v", hello)
	}
	c.ended("an unknown mechanism")

	c = serveGuarded(t, &fakeSecurity{})
	c.send(handshake(1, "PLAIN"), authenticate(1, "eve"), metadata())
	c.receive(1, hello)
	got := request(kmsg.NewPtrSASLAuthenticateResponse(), 1, nil)
	c.receive(2, got)
	if got.ErrorCode != int16(code.SASLAuthenticationFailed) {
		t.Errorf("%+v", got)
	}
	c.ended("a wrong password")

	c = serveGuarded(t, &fakeSecurity{open: true})
	c.send(metadata())
	c.receive(1, request(kmsg.NewPtrMetadataResponse(), 1, nil))
}

// unguarded are the APIs that anybody may use.
var unguarded = []kmsg.Key{kmsg.ApiVersions, kmsg.SASLHandshake, kmsg.SASLAuthenticate, kmsg.DescribeCluster}

// silent are those that leave out what a client may not see.
var silent = []kmsg.Key{kmsg.ListGroups, kmsg.ListTransactions}

// tells is the first version of an API that has room to say that it was refused.
var tells = map[kmsg.Key]int16{kmsg.DescribeLogDirs: 3, kmsg.ElectLeaders: 1}

// TestEveryAPIAsks says every request of an API, in every version, for a client that may do nothing: each response has
// an error that says so, and nothing of what there is.
func TestEveryAPIAsks(t *testing.T) {
	asked := asking()
	for _, a := range apis {
		if slices.Contains(unguarded, a.key) {
			continue
		}
		for version := a.min; version <= a.max; version++ {
			name := fmt.Sprintf("%s %d", a.key.Name(), version)
			req, ok := asked[a.key]
			if !ok {
				t.Fatalf("%s: say in asking what it is asked", name)
			}
			r := kmsg.RequestForKey(int16(a.key))
			r.SetVersion(version)
			req(r)
			c := serveGuarded(t, &fakeSecurity{open: true})
			c.send(r)
			resp := r.ResponseKind()
			c.receive(1, resp)
			text := fmt.Sprintf("%+v", resp)
			refused := false
			for _, n := range []code.Code{code.TopicAuthorizationFailed, code.GroupAuthorizationFailed,
				code.ClusterAuthorizationFailed, code.TransactionalIDAuthorizationFailed} {
				refused = refused || strings.Contains(text, fmt.Sprintf("ErrorCode:%d ", n))
			}
			if !refused && !slices.Contains(silent, a.key) && version >= tells[a.key] {
				t.Errorf("%s was not refused: %s", name, text)
			}
		}
	}
}

// asking fills a request of each API with what there is.
func asking() map[kmsg.Key]func(kmsg.Request) {
	m := map[kmsg.Key]func(kmsg.Request){}
	for _, key := range []kmsg.Key{kmsg.ListGroups, kmsg.ListTransactions, kmsg.DescribeLogDirs, kmsg.ElectLeaders,
		kmsg.ListPartitionReassignments, kmsg.DescribeClientQuotas, kmsg.DescribeACLs,
		kmsg.DescribeUserSCRAMCredentials} {
		m[key] = func(kmsg.Request) {}
	}
	askTopics(m)
	askGroups(m)
	askTransactions(m)
	askAdmin(m)
	return m
}

func askTopics(m map[kmsg.Key]func(kmsg.Request)) {
	id := topicAB.ID
	m[kmsg.Produce] = func(r kmsg.Request) {
		p := kmsg.NewProduceRequestTopicPartition()
		r.(*kmsg.ProduceRequest).Acks = 1
		r.(*kmsg.ProduceRequest).Topics = []kmsg.ProduceRequestTopic{{Topic: "ab", TopicID: id,
			Partitions: []kmsg.ProduceRequestTopicPartition{p}}}
	}
	m[kmsg.Fetch] = func(r kmsg.Request) {
		p := kmsg.NewFetchRequestTopicPartition()
		r.(*kmsg.FetchRequest).MaxWaitMillis = 0
		r.(*kmsg.FetchRequest).Topics = []kmsg.FetchRequestTopic{{Topic: "ab", TopicID: id,
			Partitions: []kmsg.FetchRequestTopicPartition{p}}}
	}
	m[kmsg.ListOffsets] = func(r kmsg.Request) {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		r.(*kmsg.ListOffsetsRequest).Topics = []kmsg.ListOffsetsRequestTopic{{Topic: "ab",
			Partitions: []kmsg.ListOffsetsRequestTopicPartition{p}}}
	}
	m[kmsg.Metadata] = func(r kmsg.Request) {
		r.(*kmsg.MetadataRequest).Topics = []kmsg.MetadataRequestTopic{{Topic: kmsg.StringPtr("ab")}}
	}
	m[kmsg.OffsetForLeaderEpoch] = func(r kmsg.Request) {
		p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
		r.(*kmsg.OffsetForLeaderEpochRequest).Topics = []kmsg.OffsetForLeaderEpochRequestTopic{{Topic: "ab",
			Partitions: []kmsg.OffsetForLeaderEpochRequestTopicPartition{p}}}
	}
	m[kmsg.DeleteRecords] = func(r kmsg.Request) {
		p := kmsg.NewDeleteRecordsRequestTopicPartition()
		r.(*kmsg.DeleteRecordsRequest).Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: "ab",
			Partitions: []kmsg.DeleteRecordsRequestTopicPartition{p}}}
	}
	m[kmsg.DescribeProducers] = func(r kmsg.Request) {
		r.(*kmsg.DescribeProducersRequest).Topics = []kmsg.DescribeProducersRequestTopic{{Topic: "ab",
			Partitions: []int32{0}}}
	}
	m[kmsg.DescribeTopicPartitions] = func(r kmsg.Request) {
		r.(*kmsg.DescribeTopicPartitionsRequest).Topics = []kmsg.DescribeTopicPartitionsRequestTopic{{Topic: "ab"}}
	}
}

func askGroups(m map[kmsg.Key]func(kmsg.Request)) {
	m[kmsg.OffsetCommit] = func(r kmsg.Request) {
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		r.(*kmsg.OffsetCommitRequest).Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "ab", TopicID: topicAB.ID,
			Partitions: []kmsg.OffsetCommitRequestTopicPartition{p}}}
	}
	m[kmsg.OffsetFetch] = func(r kmsg.Request) {
		g := kmsg.NewOffsetFetchRequestGroup()
		r.(*kmsg.OffsetFetchRequest).Groups = []kmsg.OffsetFetchRequestGroup{g}
		r.(*kmsg.OffsetFetchRequest).Topics = []kmsg.OffsetFetchRequestTopic{{Topic: "ab", Partitions: []int32{0}}}
	}
	for _, key := range []kmsg.Key{kmsg.FindCoordinator, kmsg.JoinGroup, kmsg.Heartbeat, kmsg.LeaveGroup,
		kmsg.SyncGroup, kmsg.OffsetDelete, kmsg.ConsumerGroupHeartbeat} {
		m[key] = func(r kmsg.Request) {
			if f, ok := r.(*kmsg.FindCoordinatorRequest); ok {
				f.CoordinatorKey, f.CoordinatorKeys = "g", []string{"g"}
			}
		}
	}
	m[kmsg.DescribeGroups] = func(r kmsg.Request) { r.(*kmsg.DescribeGroupsRequest).Groups = []string{"g"} }
	m[kmsg.ConsumerGroupDescribe] = func(r kmsg.Request) { r.(*kmsg.ConsumerGroupDescribeRequest).Groups = []string{"g"} }
	m[kmsg.DeleteGroups] = func(r kmsg.Request) { r.(*kmsg.DeleteGroupsRequest).Groups = []string{"g"} }
}

func askTransactions(m map[kmsg.Key]func(kmsg.Request)) {
	m[kmsg.InitProducerID] = func(kmsg.Request) {}
	m[kmsg.AddOffsetsToTxn] = func(kmsg.Request) {}
	m[kmsg.EndTxn] = func(kmsg.Request) {}
	m[kmsg.AddPartitionsToTxn] = func(r kmsg.Request) {
		r.(*kmsg.AddPartitionsToTxnRequest).Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: "ab",
			Partitions: []int32{0}}}
	}
	m[kmsg.WriteTxnMarkers] = func(r kmsg.Request) {
		marker := kmsg.NewWriteTxnMarkersRequestMarker()
		marker.Topics = []kmsg.WriteTxnMarkersRequestMarkerTopic{{Topic: "ab", Partitions: []int32{0}}}
		r.(*kmsg.WriteTxnMarkersRequest).Markers = []kmsg.WriteTxnMarkersRequestMarker{marker}
	}
	m[kmsg.TxnOffsetCommit] = func(r kmsg.Request) {
		p := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		r.(*kmsg.TxnOffsetCommitRequest).Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: "ab",
			Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{p}}}
	}
	m[kmsg.DescribeTransactions] = func(r kmsg.Request) {
		r.(*kmsg.DescribeTransactionsRequest).TransactionalIDs = []string{"x"}
	}
}

func askAdmin(m map[kmsg.Key]func(kmsg.Request)) {
	m[kmsg.CreateTopics] = func(r kmsg.Request) {
		nt := kmsg.NewCreateTopicsRequestTopic()
		nt.Topic, nt.NumPartitions, nt.ReplicationFactor = "new", 1, 1
		r.(*kmsg.CreateTopicsRequest).Topics = []kmsg.CreateTopicsRequestTopic{nt}
	}
	m[kmsg.DeleteTopics] = func(r kmsg.Request) {
		req := r.(*kmsg.DeleteTopicsRequest)
		req.TopicNames = []string{"ab"}
		req.Topics = []kmsg.DeleteTopicsRequestTopic{{Topic: kmsg.StringPtr("ab")}}
	}
	m[kmsg.DescribeConfigs] = func(r kmsg.Request) {
		r.(*kmsg.DescribeConfigsRequest).Resources = []kmsg.DescribeConfigsRequestResource{
			{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "ab"}}
	}
	m[kmsg.AlterConfigs] = func(r kmsg.Request) {
		r.(*kmsg.AlterConfigsRequest).Resources = []kmsg.AlterConfigsRequestResource{
			{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "ab"}}
	}
	m[kmsg.IncrementalAlterConfigs] = func(r kmsg.Request) {
		r.(*kmsg.IncrementalAlterConfigsRequest).Resources = []kmsg.IncrementalAlterConfigsRequestResource{
			{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "ab"}}
	}
	m[kmsg.CreatePartitions] = func(r kmsg.Request) {
		r.(*kmsg.CreatePartitionsRequest).Topics = []kmsg.CreatePartitionsRequestTopic{{Topic: "ab", Count: 5}}
	}
	m[kmsg.CreateACLs] = func(r kmsg.Request) {
		r.(*kmsg.CreateACLsRequest).Creations = []kmsg.CreateACLsRequestCreation{kmsg.NewCreateACLsRequestCreation()}
	}
	m[kmsg.DeleteACLs] = func(r kmsg.Request) {
		r.(*kmsg.DeleteACLsRequest).Filters = []kmsg.DeleteACLsRequestFilter{kmsg.NewDeleteACLsRequestFilter()}
	}
	m[kmsg.AlterUserSCRAMCredentials] = func(r kmsg.Request) {
		r.(*kmsg.AlterUserSCRAMCredentialsRequest).Deletions = []kmsg.AlterUserSCRAMCredentialsRequestDeletion{
			{Name: "ada", Mechanism: 1}}
	}
}

// TestACLFilters matches names literally, by prefix and by what counts for a name.
func TestACLFilters(t *testing.T) {
	sec := &fakeSecurity{open: true, allow: []string{"DESCRIBE CLUSTER kafka-cluster"}}
	for _, a := range []struct {
		name     string
		prefixed bool
	}{{"ab", false}, {"*", false}, {"a", true}, {"b", true}} {
		sec.acls = append(sec.acls, ACL{"User:ada", kmsg.ACLResourceTypeTopic, a.name, a.prefixed, kmsg.ACLOperationRead})
	}
	for _, x := range []struct {
		pattern kmsg.ACLResourcePatternType
		name    string
		want    string
	}{
		{kmsg.ACLResourcePatternTypeAny, "", "ab * a b"}, {kmsg.ACLResourcePatternTypeAny, "a", "a"},
		{kmsg.ACLResourcePatternTypeLiteral, "ab", "ab"}, {kmsg.ACLResourcePatternTypeLiteral, "a", ""},
		{kmsg.ACLResourcePatternTypePrefixed, "", "a b"}, {kmsg.ACLResourcePatternTypeMatch, "ab", "ab * a"},
	} {
		c := serveGuarded(t, sec)
		c.send(request(kmsg.NewPtrDescribeACLsRequest(), 3, func(r *kmsg.DescribeACLsRequest) {
			r.ResourceType, r.ResourcePatternType = kmsg.ACLResourceTypeAny, x.pattern
			r.Operation, r.PermissionType = kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
			if x.name != "" {
				r.ResourceName = &x.name
			}
		}))
		resp := kmsg.NewPtrDescribeACLsResponse()
		resp.SetVersion(3)
		c.receive(1, resp)
		var names []string
		for _, r := range resp.Resources {
			names = append(names, r.ResourceName)
		}
		if got := strings.Join(names, " "); got != x.want || resp.ErrorCode != 0 {
			t.Errorf("%s %q: %q, want %q", x.pattern, x.name, got, x.want)
		}
	}
}
