package kafka

import (
	"context"
	"net"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// Security says who clients are and what they may do.
type Security interface {
	// Anonymous is the user of a client that does not say who it is; it is not ok when a client must say.
	Anonymous(remote net.Addr) (user string, ok bool)
	// Begin begins to let a client prove who it is, by one of Mechanisms.
	Begin(mechanism string) Exchange
	// Allows reports whether a user may do something with a topic, a group, a transactional ID or the cluster. The name
	// AnyName asks whether there may be one of the kind.
	Allows(user string, op kmsg.ACLOperation, on kmsg.ACLResourceType, name string) bool
}

// AnyName stands for a name that is not known yet.
const AnyName = ""

// clusterName is the name of the cluster as a resource.
const clusterName = "kafka-cluster"

// An Exchange is a client proving who it is.
type Exchange interface {
	// Step takes what the client says and returns the answer. user is who the client is, when it has proved that; an error
	// ends the exchange.
	Step(message []byte) (answer []byte, user string, err error)
}

// Mechanisms are those of SASL that there are.
var Mechanisms = []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}

// An ACL allows a principal something.
type ACL struct {
	Principal string // "User:name", or "User:*" for everybody
	On        kmsg.ACLResourceType
	Name      string // "*" for all
	Prefixed  bool   // Name is what names begin with
	Operation kmsg.ACLOperation
}

// ACLs keeps what users may do.
type ACLs interface {
	// ACLs lists what is allowed, in an order that stays.
	ACLs() []ACL
	// CreateACL allows something.
	CreateACL(ctx context.Context, a ACL) error
	// DeleteACL takes that back.
	DeleteACL(ctx context.Context, a ACL) error
}

// ScramMechanism is a mechanism of SCRAM, by Kafka's number.
type ScramMechanism int8

// The mechanisms of SCRAM.
const (
	ScramSHA256 ScramMechanism = 1
	ScramSHA512 ScramMechanism = 2
)

// A ScramCredential is what is known of a password: by which mechanism, and how often it is hashed.
type ScramCredential struct {
	Mechanism  ScramMechanism
	Iterations int32
}

// A ScramPassword is a password that the client has salted and hashed.
type ScramPassword struct {
	ScramCredential
	Salt, Salted []byte
}

// ScramUsers keeps users and their passwords.
type ScramUsers interface {
	// ScramUsers lists the users that have passwords.
	ScramUsers() []string
	// Credentials lists the credentials of a user; it is not ok when there is no such user.
	Credentials(user string) ([]ScramCredential, bool)
	// SetPassword gives a user a password, in the name of another; the user is made when it is not there.
	SetPassword(ctx context.Context, by, user string, p ScramPassword) error
	// DropPassword takes the password of a mechanism away, in the name of another.
	DropPassword(ctx context.Context, by, user string, m ScramMechanism) error
}

// may reports whether the client may do something.
func (c *conn) may(op kmsg.ACLOperation, on kmsg.ACLResourceType, name string) bool {
	return c.srv.cfg.Security == nil || c.srv.cfg.Security.Allows(c.user, op, on, name)
}

// mayTopic is may for a topic, as a code.
func (c *conn) mayTopic(op kmsg.ACLOperation, name string) code.Code {
	if c.may(op, kmsg.ACLResourceTypeTopic, name) {
		return code.None
	}
	return code.TopicAuthorizationFailed
}

// mayGroup is may for a group, as a code.
func (c *conn) mayGroup(op kmsg.ACLOperation, name string) code.Code {
	if c.may(op, kmsg.ACLResourceTypeGroup, name) {
		return code.None
	}
	return code.GroupAuthorizationFailed
}

// mayTxn is may for a transactional ID, as a code.
func (c *conn) mayTxn(op kmsg.ACLOperation, id string) code.Code {
	if c.may(op, kmsg.ACLResourceTypeTransactionalId, id) {
		return code.None
	}
	return code.TransactionalIDAuthorizationFailed
}

// mayCluster is may for the cluster, as a code.
func (c *conn) mayCluster(op kmsg.ACLOperation) code.Code {
	if c.may(op, kmsg.ACLResourceTypeCluster, clusterName) {
		return code.None
	}
	return code.ClusterAuthorizationFailed
}

// topicNamed finds a topic with which the client may do something, or says what it is told.
func (c *conn) topicNamed(op kmsg.ACLOperation, name string) (Topic, code.Code) {
	if wrong := c.mayTopic(op, name); wrong != code.None {
		return Topic{}, wrong
	}
	if t, ok := c.srv.cfg.Topics.Topic(name); ok {
		return t, code.None
	}
	return Topic{}, code.UnknownTopicOrPartition
}

// topicOf is topicNamed, or finds a topic by its ID.
func (c *conn) topicOf(op kmsg.ACLOperation, name string, id [16]byte, byID bool) (Topic, code.Code) {
	if !byID {
		return c.topicNamed(op, name)
	}
	t, ok := c.srv.cfg.Topics.TopicByID(id)
	if !ok {
		return Topic{}, code.UnknownTopicID
	}
	if wrong := c.mayTopic(op, t.Name); wrong != code.None {
		return Topic{}, wrong
	}
	return t, code.None
}

// partition finds a partition with which the client may do something, or says what it is told.
func (c *conn) partition(op kmsg.ACLOperation, topic string, number int32) (PartitionID, code.Code) {
	t, wrong := c.topicNamed(op, topic)
	switch {
	case wrong != code.None:
		return 0, wrong
	case number < 0 || int(number) >= len(t.Partitions):
		return 0, code.UnknownTopicOrPartition
	}
	return t.Partitions[number], code.None
}

// topics lists the topics that the client may see.
func (c *conn) topics() []Topic {
	all := c.srv.cfg.Topics.Topics()
	if c.srv.cfg.Security == nil {
		return all
	}
	var out []Topic
	for _, t := range all {
		if c.mayTopic(kmsg.ACLOperationDescribe, t.Name) == code.None {
			out = append(out, t)
		}
	}
	return out
}

// authorize answers a request that is about one group, one transactional ID or the cluster, when the client may not ask
// that. It is nil when it may, and for all others, which look themselves.
func (c *conn) authorize(r kmsg.Request) response {
	if c.srv.cfg.Security == nil {
		return nil
	}
	wrong := code.None
	switch req := r.(type) {
	case *kmsg.JoinGroupRequest:
		wrong = c.mayGroup(kmsg.ACLOperationRead, req.Group)
	case *kmsg.HeartbeatRequest:
		wrong = c.mayGroup(kmsg.ACLOperationRead, req.Group)
	case *kmsg.LeaveGroupRequest:
		wrong = c.mayGroup(kmsg.ACLOperationRead, req.Group)
	case *kmsg.SyncGroupRequest:
		wrong = c.mayGroup(kmsg.ACLOperationRead, req.Group)
	case *kmsg.ConsumerGroupHeartbeatRequest:
		wrong = c.mayGroup(kmsg.ACLOperationRead, req.Group)
		for _, t := range req.SubscribedTopicNames {
			if wrong == code.None {
				wrong = c.mayTopic(kmsg.ACLOperationDescribe, t)
			}
		}
	case *kmsg.OffsetDeleteRequest:
		wrong = c.mayGroup(kmsg.ACLOperationDelete, req.Group)
	case *kmsg.InitProducerIDRequest:
		wrong = c.mayProduce(req)
	case *kmsg.AddOffsetsToTxnRequest:
		if wrong = c.mayTxn(kmsg.ACLOperationWrite, req.TransactionalID); wrong == code.None {
			wrong = c.mayGroup(kmsg.ACLOperationRead, req.Group)
		}
	case *kmsg.EndTxnRequest:
		wrong = c.mayTxn(kmsg.ACLOperationWrite, req.TransactionalID)
	case *kmsg.DescribeLogDirsRequest, *kmsg.ListPartitionReassignmentsRequest:
		wrong = c.mayCluster(kmsg.ACLOperationDescribe)
	case *kmsg.DescribeClientQuotasRequest:
		wrong = c.mayCluster(kmsg.ACLOperationDescribeConfigs)
	case *kmsg.ElectLeadersRequest:
		wrong = c.mayCluster(kmsg.ACLOperationAlter)
	case *kmsg.DescribeACLsRequest, *kmsg.DescribeUserSCRAMCredentialsRequest:
		wrong = c.mayCluster(kmsg.ACLOperationDescribe)
	}
	if wrong == code.None {
		return nil
	}
	return refusal(r, wrong)
}

// mayProduce says whether a producer may have a number. Whoever may write to any topic may be idempotent, as in Kafka.
func (c *conn) mayProduce(req *kmsg.InitProducerIDRequest) code.Code {
	if req.TransactionalID != nil {
		return c.mayTxn(kmsg.ACLOperationWrite, *req.TransactionalID)
	}
	if c.may(kmsg.ACLOperationWrite, kmsg.ACLResourceTypeTopic, AnyName) {
		return code.None
	}
	return c.mayCluster(kmsg.ACLOperationIdempotentWrite)
}

// refusal is the response to a request that was refused as a whole.
func refusal(r kmsg.Request, wrong code.Code) response {
	n := int16(wrong)
	switch resp := r.ResponseKind().(type) {
	case *kmsg.JoinGroupResponse:
		resp.ErrorCode = n
		return resp
	case *kmsg.HeartbeatResponse:
		resp.ErrorCode = n
		return resp
	case *kmsg.LeaveGroupResponse:
		resp.ErrorCode = n
		return resp
	case *kmsg.SyncGroupResponse:
		resp.ErrorCode = n
		return resp
	case *kmsg.ConsumerGroupHeartbeatResponse:
		resp.ErrorCode = n
		return resp
	case *kmsg.OffsetDeleteResponse:
		resp.ErrorCode = n
		return resp
	case *kmsg.InitProducerIDResponse:
		resp.ErrorCode, resp.ProducerID, resp.ProducerEpoch = n, NoProducer, -1
		return resp
	case *kmsg.AddOffsetsToTxnResponse:
		resp.ErrorCode = n
		return resp
	case *kmsg.EndTxnResponse:
		resp.ErrorCode, resp.ProducerID, resp.ProducerEpoch = n, NoProducer, -1
		return resp
	case *kmsg.DescribeLogDirsResponse:
		resp.ErrorCode = n
		return resp
	case *kmsg.ListPartitionReassignmentsResponse:
		resp.ErrorCode = n
		return resp
	case *kmsg.DescribeClientQuotasResponse:
		resp.ErrorCode = n
		return resp
	case *kmsg.ElectLeadersResponse:
		resp.ErrorCode = n
		return resp
	case *kmsg.DescribeACLsResponse:
		resp.ErrorCode = n
		return resp
	case *kmsg.DescribeUserSCRAMCredentialsResponse:
		resp.ErrorCode = n
		return resp
	}
	panic("BUG: a request that cannot be refused as a whole")
}
