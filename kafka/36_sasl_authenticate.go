package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// SaslAuthenticate, versions 0 to 2.
//
// It carries what a mechanism says, in both directions. Who a client is does not expire: the lifetime of version 1 is
// 0.

func (c *conn) saslAuthenticate(_ context.Context, req *kmsg.SASLAuthenticateRequest) response {
	return authenticateResponse(req, nil, code.IllegalSASLState)
}

func authenticateResponse(req *kmsg.SASLAuthenticateRequest, answer []byte, wrong error,
) *kmsg.SASLAuthenticateResponse {
	resp := req.ResponseKind().(*kmsg.SASLAuthenticateResponse)
	resp.ErrorCode, resp.ErrorMessage = codeAndText(wrong)
	if resp.SASLAuthBytes = answer; answer == nil {
		resp.SASLAuthBytes = []byte{}
	}
	return resp
}
