package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// DescribeProducers, version 0.
//
// The node that serves a partition lists the producers that it knows, and where their open transactions begin.

func (c *conn) describeProducers(_ context.Context, req *kmsg.DescribeProducersRequest) response {
	resp := req.ResponseKind().(*kmsg.DescribeProducersResponse)
	for _, rt := range req.Topics {
		out := kmsg.NewDescribeProducersResponseTopic()
		out.Topic = rt.Topic
		for _, n := range rt.Partitions {
			out.Partitions = append(out.Partitions, c.producersOf(rt.Topic, n))
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

func (c *conn) producersOf(topic string, n int32) kmsg.DescribeProducersResponseTopicPartition {
	out := kmsg.NewDescribeProducersResponseTopicPartition()
	out.Partition = n
	p, wrong := c.partition(kmsg.ACLOperationRead, topic, n)
	if wrong != code.None {
		out.ErrorCode, out.ErrorMessage = codeAndText(wrong)
		return out
	}
	if !c.srv.serves(p) {
		out.ErrorCode, out.ErrorMessage = codeAndText(code.NotLeaderOrFollower)
		return out
	}
	producers, err := c.srv.cfg.Views.Producers(p)
	if err != nil {
		out.ErrorCode, out.ErrorMessage = codeAndText(err)
		return out
	}
	for _, known := range producers {
		op := kmsg.NewDescribeProducersResponseTopicPartitionActiveProducer()
		op.ProducerID, op.ProducerEpoch = known.ID, int32(known.Epoch)
		op.LastSequence, op.LastTimestamp = known.LastSequence, known.LastTime
		op.CoordinatorEpoch, op.CurrentTxnStartOffset = known.CoordinatorEpoch, known.TxnStart
		out.ActiveProducers = append(out.ActiveProducers, op)
	}
	return out
}
