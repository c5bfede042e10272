package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// CreatePartitions, versions 0 to 3.
//
// A topic gets more partitions, never fewer.

func (c *conn) createPartitions(ctx context.Context, req *kmsg.CreatePartitionsRequest) response {
	resp := req.ResponseKind().(*kmsg.CreatePartitionsResponse)
	for i := range req.Topics {
		out := kmsg.NewCreatePartitionsResponseTopic()
		out.Topic = req.Topics[i].Topic
		out.ErrorCode, out.ErrorMessage = codeAndText(c.addPartitions(ctx, &req.Topics[i], req.ValidateOnly))
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

func (c *conn) addPartitions(ctx context.Context, rt *kmsg.CreatePartitionsRequestTopic, validateOnly bool) error {
	t, wrong := c.topicNamed(kmsg.ACLOperationAlter, rt.Topic)
	if wrong != code.None {
		return fmt.Errorf("%w: topic %q", wrong, rt.Topic)
	}
	if int(rt.Count) <= len(t.Partitions) {
		return fmt.Errorf("%w: topic %q has %d partitions already", code.InvalidPartitions, rt.Topic, len(t.Partitions))
	}
	if len(rt.Assignment) > 0 && len(rt.Assignment) != int(rt.Count)-len(t.Partitions) {
		return fmt.Errorf("%w: %d replicas are assigned for %d new partitions", code.InvalidReplicaAssignment,
			len(rt.Assignment), int(rt.Count)-len(t.Partitions))
	}
	for _, a := range rt.Assignment {
		if !c.srv.onAll(a.Replicas) {
			return fmt.Errorf("%w: the brokers are %v", code.InvalidReplicaAssignment, c.srv.replicas())
		}
	}
	if t.Writer != "" {
		return fmt.Errorf("%w: topic %q is written by %s", code.PolicyViolation, rt.Topic, t.Writer)
	}
	if validateOnly {
		return nil
	}
	return c.srv.cfg.Admin.AddPartitions(ctx, rt.Topic, int(rt.Count))
}
