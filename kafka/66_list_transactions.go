package kafka

import (
	"context"
	"regexp"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// ListTransactions, versions 0 to 2.
//
// Version 1 asks for those that last for some time, 2 for IDs that match a regular expression. Each node lists
// those that it coordinates.

// txnStates are the states that there are.
var txnStates = []string{"Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort", "Dead",
	"PrepareEpochFence"}

func (c *conn) listTransactions(_ context.Context, req *kmsg.ListTransactionsRequest) response {
	resp := req.ResponseKind().(*kmsg.ListTransactionsResponse)
	for _, s := range req.StateFilters {
		if !slices.Contains(txnStates, s) {
			resp.UnknownStateFilters = append(resp.UnknownStateFilters, s)
		}
	}
	var pattern *regexp.Regexp
	if req.TransactionalIDPattern != nil && *req.TransactionalIDPattern != "" {
		var err error
		if pattern, err = regexp.Compile("^(?:" + *req.TransactionalIDPattern + ")$"); err != nil {
			resp.ErrorCode = int16(code.InvalidRegularExpression)
			return resp
		}
	}
	if c.srv.cfg.Pass != nil {
		return resp
	}
	now := time.Now().UnixMilli()
	for _, t := range c.srv.cfg.Views.Transactions() {
		switch {
		case c.mayTxn(kmsg.ACLOperationDescribe, t.TransactionalID) != code.None:
			continue
		case len(req.StateFilters) > 0 && !slices.Contains(req.StateFilters, t.State),
			len(req.ProducerIDFilters) > 0 && !slices.Contains(req.ProducerIDFilters, t.Producer.ID),
			pattern != nil && !pattern.MatchString(t.TransactionalID),
			req.Version >= 1 && req.DurationFilterMillis >= 0 &&
				(t.Started < 0 || now-t.Started <= req.DurationFilterMillis):
			continue
		}
		out := kmsg.NewListTransactionsResponseTransactionState()
		out.TransactionalID, out.ProducerID, out.TransactionState = t.TransactionalID, t.Producer.ID, t.State
		resp.TransactionStates = append(resp.TransactionStates, out)
	}
	return resp
}
