package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// DescribeTransactions, version 0.
//
// It describes the last transaction of each ID.

func (c *conn) describeTransactions(_ context.Context, req *kmsg.DescribeTransactionsRequest) response {
	resp := req.ResponseKind().(*kmsg.DescribeTransactionsResponse)
	for _, id := range req.TransactionalIDs {
		out := kmsg.NewDescribeTransactionsResponseTransactionState()
		out.TransactionalID = id
		if wrong := c.mayTxn(kmsg.ACLOperationDescribe, id); wrong != code.None {
			out.ErrorCode = int16(wrong)
			resp.TransactionStates = append(resp.TransactionStates, out)
			continue
		}
		t, ok := c.srv.cfg.Views.Transaction(id)
		if !ok {
			out.ErrorCode = int16(code.TransactionalIDNotFound)
			resp.TransactionStates = append(resp.TransactionStates, out)
			continue
		}
		out.State, out.TimeoutMillis, out.StartTimestamp = t.State, int32(t.Timeout.Milliseconds()), t.Started
		out.ProducerID, out.ProducerEpoch = t.Producer.ID, t.Producer.Epoch
		for _, at := range t.Partitions {
			if c.mayTopic(kmsg.ACLOperationDescribe, at.Topic) != code.None {
				continue
			}
			if n := len(out.Topics); n == 0 || out.Topics[n-1].Topic != at.Topic {
				ot := kmsg.NewDescribeTransactionsResponseTransactionStateTopic()
				ot.Topic = at.Topic
				out.Topics = append(out.Topics, ot)
			}
			ot := &out.Topics[len(out.Topics)-1]
			ot.Partitions = append(ot.Partitions, at.Number)
		}
		resp.TransactionStates = append(resp.TransactionStates, out)
	}
	return resp
}
