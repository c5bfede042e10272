package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// EndTxn, versions 0 to 5.
//
// Its records in all partitions and its offsets become visible at once, or none of them ever. From version 5 on the
// producer goes on with a new epoch, so that a request that comes late or twice cannot end the next transaction
// (KIP-890).

func (c *conn) endTxn(ctx context.Context, req *kmsg.EndTxnRequest) response {
	resp := req.ResponseKind().(*kmsg.EndTxnResponse)
	resp.ProducerID, resp.ProducerEpoch = NoProducer, -1
	p, err := c.srv.cfg.Transactions.EndTxn(ctx, EndTxn{
		Txn:    Txn{req.TransactionalID, Producer{req.ProducerID, req.ProducerEpoch}},
		Commit: req.Commit, Bump: req.Version >= 5,
	})
	resp.ErrorCode = fencing(err, req.Version >= 2)
	if err == nil {
		resp.ProducerID, resp.ProducerEpoch = p.ID, p.Epoch
	}
	return resp
}
