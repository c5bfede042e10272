package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// DeleteTopics, versions 1 to 6.
//
// Version 5 has room for a message, version 6 deletes by ID too. A topic that a relation of SQL is over is not deleted:
// POLICY_VIOLATION says which.

func (c *conn) deleteTopics(ctx context.Context, req *kmsg.DeleteTopicsRequest) response {
	resp := req.ResponseKind().(*kmsg.DeleteTopicsResponse)
	remove := func(name *string, id [16]byte) {
		out := kmsg.NewDeleteTopicsResponseTopic()
		out.Topic, out.TopicID = name, id
		if name == nil {
			if t, ok := c.srv.cfg.Topics.TopicByID(id); ok {
				name, out.Topic = &t.Name, &t.Name
			}
		} else if t, ok := c.srv.cfg.Topics.Topic(*name); ok {
			out.TopicID = t.ID
		}
		if name == nil {
			out.ErrorCode = int16(code.UnknownTopicID)
		} else if wrong := c.mayTopic(kmsg.ACLOperationDelete, *name); wrong != code.None {
			if out.ErrorCode, out.ErrorMessage = codeAndText(wrong); id != [16]byte{} {
				out.Topic = nil
			}
		} else {
			out.ErrorCode, out.ErrorMessage = codeAndText(c.srv.cfg.Admin.DeleteTopic(ctx, *name))
		}
		resp.Topics = append(resp.Topics, out)
	}
	for _, name := range req.TopicNames {
		remove(&name, [16]byte{})
	}
	for _, t := range req.Topics {
		remove(t.Topic, t.TopicID)
	}
	return resp
}
