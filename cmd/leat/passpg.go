package main

import (
	bigendian "encoding/binary"
	"io"
	"net"
	"sync"

	"github.com/leatdb/leat/pgwire/relay"
)

// Requests of a client of Postgres that come before its startup message and are answered with one byte.
const (
	sslRequest = 80877103
	gssRequest = 80877104
)

// passPostgres passes a client of Postgres on to a leader that tells nothing of what a relay needs: one from before
// there were relays, at level 1, while a cluster is upgraded. When the leader goes away between two messages the client
// is told so, unless they are encrypted.
func passPostgres(client, leader net.Conn) {
	plain, ok := passStart(client, leader)
	if !ok {
		return
	}
	if !plain {
		splice(client, leader)
		return
	}
	var both sync.WaitGroup
	both.Go(func() {
		io.Copy(leader, client) // whatever ends it ends both
		leader.Close()
	})
	both.Go(func() {
		out := &messages{to: client}
		io.Copy(out, leader) // an error is the end as well
		if out.err == nil && out.whole() && out.last != 'E' {
			client.Write(relay.Gone) // it may be gone
		}
		client.Close()
		leader.Close()
	})
	both.Wait()
}

// passStart passes on what comes before the messages. It is not plain when they will be encrypted.
func passStart(client, leader net.Conn) (plain, ok bool) {
	for {
		var b [8]byte
		if _, err := io.ReadFull(client, b[:1]); err != nil {
			return false, false
		}
		if b[0] != 0 { // a handshake of TLS
			_, err := leader.Write(b[:1])
			return false, err == nil
		}
		if _, err := io.ReadFull(client, b[1:]); err != nil {
			return false, false
		}
		if _, err := leader.Write(b[:]); err != nil {
			return false, false
		}
		what := bigendian.BigEndian.Uint32(b[4:])
		if bigendian.BigEndian.Uint32(b[:]) != 8 || what != sslRequest && what != gssRequest {
			return true, true
		}
		if _, err := io.ReadFull(leader, b[:1]); err != nil {
			return false, false
		}
		if _, err := client.Write(b[:1]); err != nil {
			return false, false
		}
		if b[0] != 'N' {
			return false, true
		}
	}
}

// messages writes what a server of Postgres says, and knows where its messages end.
type messages struct {
	to   io.Writer
	err  error
	head []byte // of the message that begins
	left int    // bytes of its body
	last byte   // the kind of the newest one
}

// whole reports whether the last message is complete.
func (m *messages) whole() bool { return len(m.head) == 0 && m.left == 0 }

// Write implements io.Writer.
func (m *messages) Write(b []byte) (int, error) {
	n, err := m.to.Write(b)
	if err != nil {
		m.err = err
		return n, err
	}
	for rest := b; len(rest) > 0; {
		if m.left > 0 {
			skip := min(m.left, len(rest))
			m.left, rest = m.left-skip, rest[skip:]
			continue
		}
		take := min(5-len(m.head), len(rest))
		m.head, rest = append(m.head, rest[:take]...), rest[take:]
		if len(m.head) == 5 {
			m.last, m.left = m.head[0], max(int(bigendian.BigEndian.Uint32(m.head[1:]))-4, 0)
			m.head = m.head[:0]
		}
	}
	return n, nil
}
