package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// AddOffsetsToTxn, versions 0 to 4.
//
// The offsets of a group become part of a transaction; TxnOffsetCommit says which.

func (c *conn) addOffsetsToTxn(ctx context.Context, req *kmsg.AddOffsetsToTxnRequest) response {
	resp := req.ResponseKind().(*kmsg.AddOffsetsToTxnResponse)
	if req.Group == "" {
		resp.ErrorCode = int16(code.InvalidGroupID)
		return resp
	}
	t := Txn{req.TransactionalID, Producer{req.ProducerID, req.ProducerEpoch}}
	resp.ErrorCode = fencing(c.srv.cfg.Transactions.AddToTxn(ctx, t, nil, []string{req.Group}), req.Version >= 2)
	return resp
}
