package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// DeleteRecords, versions 0 to 2.
//
// Records before an offset go; -1 is the end. The answer is the first offset that is left.

func (c *conn) deleteRecords(ctx context.Context, req *kmsg.DeleteRecordsRequest) response {
	resp := req.ResponseKind().(*kmsg.DeleteRecordsResponse)
	for _, rt := range req.Topics {
		out := kmsg.NewDeleteRecordsResponseTopic()
		out.Topic = rt.Topic
		for _, rp := range rt.Partitions {
			op := kmsg.NewDeleteRecordsResponseTopicPartition()
			op.Partition, op.LowWatermark = rp.Partition, -1
			low, err := c.trim(ctx, rt.Topic, rp.Partition, rp.Offset)
			if err == nil {
				op.LowWatermark = low
			}
			op.ErrorCode = int16(codeOf(err))
			out.Partitions = append(out.Partitions, op)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

func (c *conn) trim(ctx context.Context, topic string, n int32, offset int64) (low int64, err error) {
	p, wrong := c.partition(kmsg.ACLOperationDelete, topic, n)
	if wrong != code.None {
		return -1, wrong
	}
	if wrong := c.confirm(ctx); wrong != code.None { // the end is that of what anybody has been told of
		return -1, wrong
	}
	b, err := c.srv.cfg.Records.Bounds(p)
	if err != nil {
		return -1, err
	}
	if offset == -1 {
		offset = b.Next
	}
	if offset < 0 || offset > b.Next {
		return -1, code.OffsetOutOfRange
	}
	if offset > b.Start {
		if err := c.srv.cfg.Storage.Trim(ctx, p, offset); err != nil {
			return -1, err
		}
		b.Start = offset
	}
	return b.Start, nil
}
