package pgwire

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"github.com/jackc/pgproto3/v2"

	"github.com/leatdb/leat/sql/sqlerr"
)

// copyIn takes the data of COPY FROM STDIN off the client's messages. Messages that follow an error are passed over by
// next, outside.
func (c *conn) copyIn(ctx context.Context, r CopyIn) error {
	c.copyBegins('G', r)
	c.leaving.spoil()
	c.flushAll()
	c.widen()
	for {
		kind, size, err := c.header()
		if err != nil {
			return c.copyBroken(ctx, r, err)
		}
		switch kind {
		case 'd':
			if err := c.copyData(ctx, r, size); err != nil {
				return err
			}
		case 'c':
			if _, err := c.in.Discard(size); err != nil {
				return c.copyBroken(ctx, r, err)
			}
			if err := ctx.Err(); err != nil {
				return abandon(ctx, r, translate(err))
			}
			return r.Finish(ctx, nil)
		case 'f':
			body, err := c.readBody(size)
			if err != nil {
				return c.copyBroken(ctx, r, err)
			}
			f := fields{rest: body, set: c.charset}
			return abandon(ctx, r, sqlerr.New(sqlerr.QueryCanceled, "COPY from stdin failed: %s", f.text()))
		case 'H', 'S': // allowed within COPY, and without meaning there
			if _, err := c.in.Discard(size); err != nil {
				return c.copyBroken(ctx, r, err)
			}
		default:
			return c.copyBroken(ctx, r, sqlerr.New(sqlerr.ProtocolViolation,
				"unexpected message type 0x%02X during COPY from stdin", kind))
		}
	}
}

// copyBegins tells the client of a COPY: whether it is binary, and the formats of the columns.
func (c *conn) copyBegins(kind byte, r Result) {
	columns, code := 0, byte(0)
	if l, ok := r.(interface{ Layout() (int, bool) }); ok {
		var binary bool
		if columns, binary = l.Layout(); binary {
			code = 1
		}
	}
	c.out = append(c.out, kind)
	c.out = binary.BigEndian.AppendUint32(c.out, uint32(7+2*columns))
	c.out = append(c.out, code)
	c.out = binary.BigEndian.AppendUint16(c.out, uint16(columns))
	for range columns {
		c.out = append(c.out, 0, code)
	}
}

// copyData hands the body of a CopyData message on, in pieces as they come and without a copy.
func (c *conn) copyData(ctx context.Context, r CopyIn, size int) error {
	for size > 0 {
		if c.in.Buffered() == 0 {
			if _, err := c.in.Peek(1); err != nil {
				return c.copyBroken(ctx, r, err)
			}
		}
		p, _ := c.in.Peek(min(size, c.in.Buffered())) // they are there
		err := ctx.Err()
		if err != nil {
			err = abandon(ctx, r, translate(err))
		} else {
			err = r.Write(ctx, p)
		}
		if err != nil {
			if _, gone := c.in.Discard(size); gone != nil {
				c.broken = gone
			}
			return err
		}
		c.in.Discard(len(p))
		size -= len(p)
	}
	return nil
}

// copyBroken ends a COPY whose client went away, or broke the protocol. The connection ends with it.
func (c *conn) copyBroken(ctx context.Context, r CopyIn, err error) error {
	var cause *sqlerr.Error
	if !errors.As(err, &cause) {
		cause = sqlerr.New(sqlerr.ConnectionFailure, "unexpected EOF on client connection with an open transaction")
	}
	if c.isClosing() {
		cause = errShutdown()
	}
	err = abandon(ctx, r, cause)
	if cause.Code == sqlerr.ProtocolViolation || cause.Code == sqlerr.ConnectionFailure {
		c.sendError(cause)
		cause = sqlerr.New(sqlerr.ProtocolViolation, "terminating connection because protocol synchronization was lost")
	}
	c.fatal(cause)
	return err
}

// abandon ends a COPY without its data. It returns an error in any case.
func abandon(ctx context.Context, r CopyIn, cause *sqlerr.Error) error {
	if err := r.Finish(ctx, cause); err != nil {
		return err
	}
	return cause
}

// copyOut sends the data of COPY TO STDOUT.
func (c *conn) copyOut(ctx context.Context, r CopyOut) error {
	from, f := c.goesOn(), c.follow(r)
	f.at(0, from.begun, -1)
	if !from.begun {
		c.copyBegins('H', r)
	}
	live := c.startRows(r)
	for {
		f.at(0, true, -1)
		if live {
			if err := c.flushLive(f); err != nil {
				return err
			}
		}
		data, err := readWithin(ctx, r, f.until())
		if errors.Is(err, io.EOF) {
			c.send(&pgproto3.CopyDone{})
			return nil
		}
		if err != nil {
			f.ended(err)
			return err
		}
		if len(data) == 0 {
			continue
		}
		if len(data) > maxRow {
			return errRowSize()
		}
		c.out = append(c.out, 'd')
		c.out = binary.BigEndian.AppendUint32(c.out, uint32(len(data)+4))
		c.out = append(c.out, data...)
		if len(c.out) >= flushBytes {
			c.flush()
			if c.broken != nil {
				f.at(0, true, -1)
				f.ended(c.broken)
				return c.broken
			}
		}
	}
}

// readWithin is Read of a result that gives up at a time, with nothing, where it can and there is one.
func readWithin(ctx context.Context, r CopyOut, deadline time.Time) ([]byte, error) {
	p, ok := r.(interface {
		ReadWithin(ctx context.Context, deadline time.Time) ([]byte, error)
	})
	if !ok || deadline.IsZero() {
		return r.Read(ctx)
	}
	return p.ReadWithin(ctx, deadline)
}
