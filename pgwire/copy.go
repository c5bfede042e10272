package pgwire

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/jackc/pgproto3/v2"

	"github.com/leatdb/leat/sql/sqlerr"
)

// copyIn takes the data of COPY FROM STDIN off the client's messages.
func (c *conn) copyIn(ctx context.Context, r CopyIn) error {
	c.out = append(c.out, 'G', 0, 0, 0, 7, 0, 0, 0) // text overall, formats of columns not said
	c.flush()
	for m := range c.messages {
		switch m.kind {
		case 'd':
			if err := r.Write(ctx, m.body); err != nil {
				return err
			}
		case 'c':
			return r.Finish(ctx, nil)
		case 'f':
			why := strings.TrimRight(string(m.body), "\x00")
			return r.Finish(ctx, sqlerr.New(sqlerr.QueryCanceled, "COPY from stdin failed: %s", why))
		case 'H', 'S': // allowed within COPY, and without meaning there
		default:
			return r.Finish(ctx, sqlerr.New(sqlerr.ProtocolViolation,
				"unexpected message type 0x%02X during COPY from stdin", m.kind))
		}
		if cap(m.body) <= maxFree {
			select {
			case c.free <- m.body:
			default:
			}
		}
	}
	return r.Finish(ctx, sqlerr.New(sqlerr.QueryCanceled, "COPY from stdin failed: the client went away"))
}

// copyOut sends the data of COPY TO STDOUT.
func (c *conn) copyOut(ctx context.Context, r CopyOut) error {
	c.out = append(c.out, 'H', 0, 0, 0, 7, 0, 0, 0)
	for {
		data, err := r.Read(ctx)
		if errors.Is(err, io.EOF) {
			c.send(&pgproto3.CopyDone{})
			return nil
		}
		if err != nil {
			return err
		}
		c.send(&pgproto3.CopyData{Data: data})
		if isLive(r) || len(c.out) >= flushBytes {
			c.flush()
			if c.werr != nil {
				return c.werr
			}
		}
	}
}
