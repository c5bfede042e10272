package kafka

import (
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// SaslHandshake, versions 0 to 1.
//
// A client chooses how it proves who it is. After version 1 it does so in SaslAuthenticate; after version 0 in frames
// that hold nothing but what the mechanism says. Both happen before anything else (login.go): later it is
// ILLEGAL_SASL_STATE.

func (c *conn) saslHandshake(_ context.Context, req *kmsg.SASLHandshakeRequest) response {
	return handshakeResponse(req, code.IllegalSASLState)
}

func handshakeResponse(req *kmsg.SASLHandshakeRequest, wrong code.Code) *kmsg.SASLHandshakeResponse {
	resp := req.ResponseKind().(*kmsg.SASLHandshakeResponse)
	resp.ErrorCode, resp.SupportedMechanisms = int16(wrong), slices.Clone(Mechanisms)
	return resp
}
