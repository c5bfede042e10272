//go:build linux

package pgwire

import (
	"context"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/leatdb/leat/internal/conversation"
)

// keeping is a backend whose sessions set how their connections are kept.
type keeping struct {
	*fakeBackend
	as Keepalive
}

func (b *keeping) Open(ctx context.Context, st Startup) (Session, error) {
	if err := st.Keepalive(b.as); err != nil {
		return nil, err
	}
	return b.fakeBackend.Open(ctx, st)
}

// TestKeepalive wants what a session says of its connection to be the socket's.
func TestKeepalive(t *testing.T) {
	fake := newFake()
	as := Keepalive{Idle: 7 * time.Second, Interval: 3 * time.Second, Count: 5, Timeout: 1500 * time.Millisecond}
	server := listen(t, Config{Backend: &keeping{fake, as}})
	s := conversation.Dial(t, conversation.TCP(server.Addr().String()))
	s.Line(`Query "SELECT numbers(0)"`)
	s.SkipTo('Z')
	server.each(func(c *conn) {
		raw, err := c.raw.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		for opt, want := range map[int]int{unix.TCP_KEEPIDLE: 7, unix.TCP_KEEPINTVL: 3, unix.TCP_KEEPCNT: 5,
			unix.TCP_USER_TIMEOUT: 1500} {
			err := raw.Control(func(fd uintptr) {
				if got, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, opt); err != nil || got != want {
					t.Errorf("option %d is %d, %v, want %d", opt, got, err, want)
				}
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
	s.Conn().Close()
	fake.await(t, "open sessions", &fake.open, 0)
}

// TestUserTimeout: what a client does not take for longer than tcp_user_timeout ends its session, and what runs in it.
func TestUserTimeout(t *testing.T) {
	fake := newFake()
	server := listen(t, Config{Backend: &keeping{fake, Keepalive{Idle: time.Hour, Interval: time.Hour, Count: 9,
		Timeout: 200 * time.Millisecond}}})
	s := conversation.Dial(t, func() (net.Conn, error) {
		d := net.Dialer{}
		nc, err := d.Dial("tcp", server.Addr().String())
		if err == nil {
			err = nc.(*net.TCPConn).SetReadBuffer(4096)
		}
		return nc, err
	})
	s.Line(`Query "SELECT live(0)"`)
	fake.await(t, "open results", &fake.results, 1)
	fake.await(t, "open results", &fake.results, 0)
	fake.await(t, "open sessions", &fake.open, 0)
	s.Conn().Close()
}
