package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// DescribeClientQuotas, versions 0 to 1.
//
// Nobody has a quota.

func (c *conn) describeClientQuotas(_ context.Context, req *kmsg.DescribeClientQuotasRequest) response {
	resp := req.ResponseKind().(*kmsg.DescribeClientQuotasResponse)
	resp.Entries = []kmsg.DescribeClientQuotasResponseEntry{} // null would say that there was an error
	return resp
}
