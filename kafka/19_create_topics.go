package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// CreateTopics, versions 2 to 7.
//
// From version 4 on -1 asks for the default number of partitions and replicas. There is one node, so one replica.
// ValidateOnly says whether it would work. Version 5 answers with what was made, version 7 with its ID.

func (c *conn) createTopics(ctx context.Context, req *kmsg.CreateTopicsRequest) response {
	resp := req.ResponseKind().(*kmsg.CreateTopicsResponse)
	times := map[string]int{}
	for _, t := range req.Topics {
		times[t.Topic]++
	}
	for i := range req.Topics {
		rt := &req.Topics[i]
		out := kmsg.NewCreateTopicsResponseTopic()
		out.Topic = rt.Topic
		n := times[rt.Topic]
		if n == 0 {
			continue // it was answered before
		}
		if n > 1 {
			times[rt.Topic] = 0
			err := fmt.Errorf("%w: topic %q is there twice", code.InvalidRequest, rt.Topic)
			out.ErrorCode, out.ErrorMessage = codeAndText(err)
		} else if t, err := c.createTopic(ctx, rt, req.ValidateOnly); err != nil {
			out.ErrorCode, out.ErrorMessage = codeAndText(err)
		} else {
			out.TopicID = t.ID
			out.NumPartitions, out.ReplicationFactor = int32(len(t.Partitions)), int16(len(c.srv.replicas()))
			for _, s := range c.srv.cfg.Topics.Settings(rt.Topic) {
				oc := kmsg.NewCreateTopicsResponseTopicConfig()
				oc.Name, oc.Value, oc.Source = s.Name, &s.Value, int8(sourceOf(s))
				out.Configs = append(out.Configs, oc)
			}
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

func (c *conn) createTopic(ctx context.Context, rt *kmsg.CreateTopicsRequestTopic, validateOnly bool) (Topic, error) {
	if wrong := c.mayCreate(rt.Topic); wrong != code.None {
		return Topic{}, wrong
	}
	n, err := c.wantedPartitions(rt)
	if err != nil {
		return Topic{}, err
	}
	if !validTopicName(rt.Topic) {
		return Topic{}, fmt.Errorf("%w: a name is 1 to 249 letters, digits, dots, underscores and hyphens", code.InvalidTopic)
	}
	nt := NewTopic{Name: rt.Topic, Partitions: n, Settings: map[string]string{}, ValidateOnly: validateOnly}
	for _, s := range rt.Configs {
		if s.Value == nil {
			return Topic{}, fmt.Errorf("%w: setting %s has no value", code.InvalidConfig, s.Name)
		}
		nt.Settings[s.Name] = *s.Value
	}
	if err := c.srv.cfg.Admin.CreateTopic(ctx, nt); err != nil {
		return Topic{}, err
	}
	t, ok := c.srv.cfg.Topics.Topic(rt.Topic)
	if !ok { // it was only validated, or is deleted since
		return Topic{Name: rt.Topic, Partitions: make([]PartitionID, n)}, nil
	}
	return t, nil
}

// wantedPartitions says how many partitions are asked for.
func (c *conn) wantedPartitions(rt *kmsg.CreateTopicsRequestTopic) (int, error) {
	if len(rt.ReplicaAssignment) > 0 {
		if rt.NumPartitions != -1 || rt.ReplicationFactor != -1 {
			return 0, fmt.Errorf("%w: both numbers and an assignment of replicas", code.InvalidRequest)
		}
		seen := make([]bool, len(rt.ReplicaAssignment))
		for _, a := range rt.ReplicaAssignment {
			if a.Partition < 0 || int(a.Partition) >= len(seen) || seen[a.Partition] {
				return 0, fmt.Errorf("%w: partitions are not numbered from 0", code.InvalidReplicaAssignment)
			}
			seen[a.Partition] = true
			if !c.srv.onAll(a.Replicas) {
				return 0, fmt.Errorf("%w: the brokers are %v", code.InvalidReplicaAssignment, c.srv.replicas())
			}
		}
		return len(rt.ReplicaAssignment), nil
	}
	switch {
	case rt.ReplicationFactor != -1 && rt.ReplicationFactor < 1:
		return 0, fmt.Errorf("%w: a replication factor of %d", code.InvalidReplicationFactor, rt.ReplicationFactor)
	case int(rt.ReplicationFactor) > len(c.srv.replicas()):
		return 0, fmt.Errorf("%w: %d replicas, and there are %d brokers", code.InvalidReplicationFactor,
			rt.ReplicationFactor, len(c.srv.replicas()))
	case rt.NumPartitions == -1:
		return c.srv.cfg.Partitions, nil
	case rt.NumPartitions < 1:
		return 0, fmt.Errorf("%w: %d partitions", code.InvalidPartitions, rt.NumPartitions)
	}
	return int(rt.NumPartitions), nil
}

// mayCreate says whether the client may make a topic of that name.
func (c *conn) mayCreate(topic string) code.Code {
	if c.mayCluster(kmsg.ACLOperationCreate) == code.None {
		return code.None
	}
	return c.mayTopic(kmsg.ACLOperationCreate, topic)
}
