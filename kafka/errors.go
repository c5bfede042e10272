package kafka

import (
	"context"
	"errors"

	"github.com/leatdb/leat/kafka/code"
	"github.com/leatdb/leat/log"
)

// codeOf says what clients are told of an error.
func codeOf(err error) code.Code {
	var c code.Code
	switch {
	case err == nil:
		return code.None
	case errors.As(err, &c):
		return c
	case errors.Is(err, log.ErrOffsetOutOfRange):
		return code.OffsetOutOfRange
	case errors.Is(err, log.ErrMagic):
		return code.UnsupportedForMessageFormat
	case errors.Is(err, log.ErrCorrupt), errors.Is(err, log.ErrShort):
		return code.CorruptMessage
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return code.RequestTimedOut
	}
	return code.UnknownServerError
}

// codeAndText is codeOf, and the error's text for a response that has room for it: nil without an error.
func codeAndText(err error) (int16, *string) {
	if err == nil {
		return 0, nil
	}
	text := err.Error()
	return int16(codeOf(err)), &text
}
