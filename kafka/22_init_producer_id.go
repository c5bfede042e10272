package kafka

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// InitProducerID, versions 0 to 5.
//
// A producer without a transactional ID gets a number of its own. One with an ID gets the number that goes with it and
// a new epoch, and what the one before it left open is aborted. From version 3 on a producer may say what it has, to
// go on after an error without a new number (KIP-360).

func (c *conn) initProducerID(ctx context.Context, req *kmsg.InitProducerIDRequest) response {
	resp := req.ResponseKind().(*kmsg.InitProducerIDResponse)
	resp.ProducerID, resp.ProducerEpoch = NoProducer, -1
	r := ProducerRequest{Known: Producer{ID: NoProducer, Epoch: -1}}
	if req.Version >= 3 {
		r.Known = Producer{ID: req.ProducerID, Epoch: req.ProducerEpoch}
	}
	if req.TransactionalID != nil {
		r.TransactionalID = *req.TransactionalID
		r.Timeout = time.Duration(req.TransactionTimeoutMillis) * time.Millisecond
	}
	if req.TransactionalID != nil && r.TransactionalID == "" || (r.Known.ID < 0) != (r.Known.Epoch < 0) {
		resp.ErrorCode = int16(code.InvalidRequest)
		return resp
	}
	p, err := c.srv.cfg.Transactions.InitProducer(ctx, r)
	if err != nil {
		resp.ErrorCode = fencing(err, req.Version >= 4)
		return resp
	}
	resp.ProducerID, resp.ProducerEpoch = p.ID, p.Epoch
	return resp
}
