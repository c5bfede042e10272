package kafka

import (
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// Metadata, versions 0 to 13.
//
// Version 0 asks for all topics with an empty list, later ones with null, and their empty list is none. Version 4 may
// allow topics to be made. Version 10 names topics by ID too; 12 may ask by ID alone. Topics of the system are not
// there for clients. A partition that nobody is known to lead is LEADER_NOT_AVAILABLE.

// noOperations says that operations were not asked for.
const noOperations = -1 << 31

func (c *conn) metadata(ctx context.Context, req *kmsg.MetadataRequest) response {
	resp := req.ResponseKind().(*kmsg.MetadataResponse)
	c.describeBrokers(resp)
	resp.ClusterID = kmsg.StringPtr(c.srv.cfg.ClusterID)
	resp.AuthorizedOperations = noOperations
	if req.Topics == nil || req.Version == 0 && len(req.Topics) == 0 {
		for _, t := range c.topics() {
			resp.Topics = append(resp.Topics, c.describeTopic(t))
		}
		return resp
	}
	for i := range req.Topics {
		resp.Topics = append(resp.Topics, c.metadataOf(ctx, req, &req.Topics[i]))
	}
	return resp
}

// metadataOf answers for one topic that was asked for.
func (c *conn) metadataOf(ctx context.Context, req *kmsg.MetadataRequest, asked *kmsg.MetadataRequestTopic,
) kmsg.MetadataResponseTopic {
	if asked.Topic == nil {
		t, wrong := c.topicOf(kmsg.ACLOperationDescribe, "", asked.TopicID, true)
		if wrong != code.None {
			out := kmsg.NewMetadataResponseTopic()
			out.TopicID, out.ErrorCode = asked.TopicID, int16(wrong)
			if req.Version < 12 { // where a name cannot be null
				out.Topic = kmsg.StringPtr("")
			}
			return out
		}
		return c.describeTopic(t)
	}
	name := *asked.Topic
	t, wrong := c.topicNamed(kmsg.ACLOperationDescribe, name)
	if wrong == code.None {
		return c.describeTopic(t)
	}
	out := kmsg.NewMetadataResponseTopic()
	out.Topic, out.AuthorizedOperations = &name, noOperations
	out.ErrorCode = int16(wrong)
	switch {
	case wrong != code.UnknownTopicOrPartition:
	case !validTopicName(name):
		out.ErrorCode = int16(code.InvalidTopic)
	case c.srv.creates() && (req.AllowAutoTopicCreation || req.Version < 4):
		if wrong := c.mayCreate(name); wrong != code.None {
			out.ErrorCode = int16(wrong)
			return out
		}
		err := c.srv.cfg.Admin.CreateTopic(ctx, NewTopic{Name: name, Partitions: c.srv.cfg.Partitions})
		if t, ok := c.srv.cfg.Topics.Topic(name); ok { // made by us, or by somebody else at the same time
			return c.describeTopic(t)
		}
		if err != nil {
			out.ErrorCode = int16(codeOf(err))
		}
	}
	return out
}

func (c *conn) describeTopic(t Topic) kmsg.MetadataResponseTopic {
	out := kmsg.NewMetadataResponseTopic()
	out.Topic, out.TopicID, out.AuthorizedOperations = &t.Name, t.ID, noOperations
	out.Partitions = make([]kmsg.MetadataResponseTopicPartition, len(t.Partitions))
	leaderOf := c.leaders()
	replicas, up := c.srv.replicasInSync()
	for i := range t.Partitions {
		p := &out.Partitions[i]
		p.Default()
		p.Partition, p.Leader = int32(i), leaderOf(t.Partitions[i])
		if p.Leader < 0 {
			p.ErrorCode = int16(code.LeaderNotAvailable)
		}
		p.Replicas, p.ISR = leaderFirst(replicas, p.Leader), leaderFirst(up, p.Leader)
		for _, id := range replicas {
			if !slices.Contains(up, id) {
				p.OfflineReplicas = append(p.OfflineReplicas, id)
			}
		}
		var err error
		if p.LeaderEpoch, err = c.srv.cfg.Positions.LeaderEpoch(t.Partitions[i]); err != nil {
			p.LeaderEpoch = -1
		}
	}
	return out
}

// leaderFirst puts the leader first among nodes, where tools look for it, and the others in order.
func leaderFirst(nodes []int32, leader int32) []int32 {
	if len(nodes) < 2 {
		return nodes
	}
	out := slices.Sorted(slices.Values(nodes))
	if i := slices.Index(out, leader); i > 0 {
		copy(out[1:], out[:i])
		out[0] = leader
	}
	return out
}

// validTopicName says whether Kafka would make a topic of that name.
func validTopicName(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > 249 {
		return false
	}
	for i := range len(name) {
		switch b := name[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '.', b == '_', b == '-':
		default:
			return false
		}
	}
	return true
}
