package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// WriteTxnMarkers, version 1.
//
// Kafka's brokers say this to each other. Here it is the remedy for a transaction that hangs, as kafka-transactions
// applies it.

func (c *conn) writeTxnMarkers(ctx context.Context, req *kmsg.WriteTxnMarkersRequest) response {
	resp := req.ResponseKind().(*kmsg.WriteTxnMarkersResponse)
	for _, m := range req.Markers {
		om := kmsg.NewWriteTxnMarkersResponseMarker()
		om.ProducerID = m.ProducerID
		of := Producer{m.ProducerID, m.ProducerEpoch}
		for _, rt := range m.Topics {
			ot := kmsg.NewWriteTxnMarkersResponseMarkerTopic()
			ot.Topic = rt.Topic
			for _, n := range rt.Partitions {
				op := kmsg.NewWriteTxnMarkersResponseMarkerTopicPartition()
				p, wrong := c.partition(kmsg.ACLOperationDescribe, rt.Topic, n)
				if refused := c.mayCluster(kmsg.ACLOperationClusterAction); refused != code.None {
					wrong = refused
				}
				if wrong == code.None {
					wrong = codeOf(c.srv.cfg.Transactions.WriteMarker(ctx, p, of, m.Committed, m.CoordinatorEpoch))
				}
				op.Partition, op.ErrorCode = n, int16(wrong)
				ot.Partitions = append(ot.Partitions, op)
			}
			om.Topics = append(om.Topics, ot)
		}
		resp.Markers = append(resp.Markers, om)
	}
	return resp
}
