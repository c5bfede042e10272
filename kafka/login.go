package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

const (
	// maxLoginBytes is the longest request of a client that has not proved who it is, as in Kafka.
	maxLoginBytes = 512 << 10
	// loginTimeout is how long it may take to do so.
	loginTimeout = 30 * time.Second
)

// errLogin means a client that has not said who it is, in the way it should.
var errLogin = errors.New("kafka: not authenticated")

// login talks to a client until it is somebody. It returns the first call that has to do with something else; nil when
// there is none yet.
func (c *conn) login() (*call, error) {
	if c.srv.cfg.Security == nil || c.vouched {
		return nil, nil
	}
	if err := c.net.SetReadDeadline(time.Now().Add(c.patience())); err != nil {
		return nil, err
	}
	for {
		k, err := c.loginCall()
		if err != nil {
			return nil, err
		}
		switch req := k.req.(type) {
		case *kmsg.ApiVersionsRequest:
			if err := c.respond(k, c.apiVersions(c.ctx, req)); err != nil {
				return nil, err
			}
		case *kmsg.SASLHandshakeRequest:
			return nil, c.handshake(k, req)
		default:
			user, ok := c.srv.cfg.Security.Anonymous(c.net.RemoteAddr())
			if !ok {
				return nil, fmt.Errorf("%w: %s came before SaslHandshake", errLogin, k.api.key.Name())
			}
			c.user = user
			return k, nil
		}
	}
}

// patience is how long a client may take to prove who it is. One that need not may say nothing for as long as any
// other.
func (c *conn) patience() time.Duration {
	if c.srv.cfg.Security != nil {
		if _, ok := c.srv.cfg.Security.Anonymous(c.net.RemoteAddr()); !ok {
			return loginTimeout
		}
	}
	return max(loginTimeout, c.srv.cfg.IdleTimeout)
}

// loginCall reads a request of a client that is nobody yet.
func (c *conn) loginCall() (*call, error) {
	f, err := readFrame(c.in, c.loginBytes())
	if err != nil {
		return nil, err
	}
	return parseCall(f)
}

// loginBytes is how long a request may be; longer ones may come from whoever need not say who it is.
func (c *conn) loginBytes() int {
	if _, ok := c.srv.cfg.Security.Anonymous(c.net.RemoteAddr()); ok {
		return c.srv.cfg.MaxRequestBytes
	}
	return min(c.srv.cfg.MaxRequestBytes, maxLoginBytes)
}

// handshake lets a client prove who it is, by the mechanism it has chosen.
func (c *conn) handshake(k *call, req *kmsg.SASLHandshakeRequest) error {
	if !slices.Contains(Mechanisms, req.Mechanism) {
		err := c.respond(k, handshakeResponse(req, code.UnsupportedSASLMechanism))
		return errors.Join(fmt.Errorf("%w: mechanism %q", errLogin, req.Mechanism), err)
	}
	if err := c.respond(k, handshakeResponse(req, code.None)); err != nil {
		return err
	}
	exchange := c.srv.cfg.Security.Begin(req.Mechanism)
	for c.user == "" {
		var err error
		if req.Version == 0 {
			err = c.rawStep(exchange)
		} else {
			err = c.step(exchange)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// step is one SaslAuthenticate.
func (c *conn) step(exchange Exchange) error {
	k, err := c.loginCall()
	if err != nil {
		return err
	}
	req, ok := k.req.(*kmsg.SASLAuthenticateRequest)
	if !ok {
		return fmt.Errorf("%w: %s came before SaslAuthenticate", errLogin, k.api.key.Name())
	}
	answer, user, failure := exchange.Step(req.SASLAuthBytes)
	if failure != nil {
		failure = fmt.Errorf("%w: %w", code.SASLAuthenticationFailed, failure)
	}
	if err := c.respond(k, authenticateResponse(req, answer, failure)); err != nil || failure != nil {
		return errors.Join(failure, err)
	}
	c.user = user
	return nil
}

// rawStep is one step in a frame of its own. A client that fails is not told why, as in Kafka.
func (c *conn) rawStep(exchange Exchange) error {
	var length [4]byte
	if _, err := io.ReadFull(c.in, length[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > maxLoginBytes {
		return fmt.Errorf("%w: a frame of %d bytes", errFrame, n)
	}
	message := make([]byte, n)
	if _, err := io.ReadFull(c.in, message); err != nil {
		return err
	}
	answer, user, err := exchange.Step(message)
	if err != nil {
		return fmt.Errorf("%w: %w", code.SASLAuthenticationFailed, err)
	}
	if err := c.arm(); err != nil {
		return err
	}
	if _, err := c.net.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(answer))), answer...)); err != nil {
		return err
	}
	c.user = user
	return nil
}
