package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// AddPartitionsToTxn, versions 0 to 3. Later ones are for brokers among themselves.
//
// All partitions are added or none: when one is not there the others are OPERATION_NOT_ATTEMPTED.

func (c *conn) addPartitionsToTxn(ctx context.Context, req *kmsg.AddPartitionsToTxnRequest) response {
	resp := req.ResponseKind().(*kmsg.AddPartitionsToTxnResponse)
	refused := c.mayTxn(kmsg.ACLOperationWrite, req.TransactionalID)
	var partitions []PartitionID
	missing := false
	for _, rt := range req.Topics {
		out := kmsg.NewAddPartitionsToTxnResponseTopic()
		out.Topic = rt.Topic
		for _, n := range rt.Partitions {
			op := kmsg.NewAddPartitionsToTxnResponseTopicPartition()
			p, wrong := c.partition(kmsg.ACLOperationWrite, rt.Topic, n)
			if refused != code.None {
				wrong = refused
			}
			op.Partition, op.ErrorCode = n, int16(wrong)
			missing = missing || wrong != code.None
			partitions = append(partitions, p)
			out.Partitions = append(out.Partitions, op)
		}
		resp.Topics = append(resp.Topics, out)
	}
	outcome := int16(code.OperationNotAttempted)
	if !missing {
		t := Txn{req.TransactionalID, Producer{req.ProducerID, req.ProducerEpoch}}
		outcome = fencing(c.srv.cfg.Transactions.AddToTxn(ctx, t, partitions, nil), req.Version >= 2)
	}
	for i := range resp.Topics {
		for j := range resp.Topics[i].Partitions {
			if op := &resp.Topics[i].Partitions[j]; op.ErrorCode == 0 {
				op.ErrorCode = outcome
			}
		}
	}
	return resp
}
