package pgwire

import (
	"net"
	"time"
)

// Keepalive says when a client that does not answer any more is given up: one that has vanished without a word, which
// nothing but its silence tells.
type Keepalive struct {
	// Idle is how long the connection is silent before the client is asked whether it is there, Interval how long until
	// it is asked again, and Count how often it is before it is given up.
	Idle, Interval time.Duration
	Count          int
	// Timeout is how long what was sent may wait for the client to take it; 0 is the system's own.
	Timeout time.Duration
}

// keepalive makes the settings those of the connection, if that is one of TCP.
func (c *conn) keepalive(k Keepalive) error {
	tcp, ok := c.raw.(interface {
		SetKeepAliveConfig(net.KeepAliveConfig) error
	})
	if !ok {
		return nil
	}
	err := tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: k.Idle, Interval: k.Interval, Count: k.Count})
	if err == nil && c.patience != k.Timeout && c.watch.sock != nil {
		if err = setUserTimeout(c.watch.sock, k.Timeout); err == nil {
			c.patience = k.Timeout
		}
	}
	return err
}
