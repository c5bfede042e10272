//go:build clients && linux

package chaos

import (
	"context"
	"io"
	"net"
	"testing"
	"time"
)

// TestNetwork sends over links that are fine, slow, lossy and cut in one direction.
func TestNetwork(t *testing.T) {
	w, err := NewNetwork(3, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	addr := net.JoinHostPort(w.Host(1).IP().String(), "7000")
	l, err := w.Host(1).Listen(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			go func() {
				_, _ = io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	var c net.Conn
	echo := func(timeout time.Duration) error {
		c.SetDeadline(time.Now().Add(timeout))
		if _, err := c.Write([]byte("hello")); err != nil {
			return err
		}
		_, err := io.ReadFull(c, make([]byte, 5))
		return err
	}
	if c, err = w.Host(0).Dial(t.Context(), addr); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := echo(time.Minute); err != nil {
		t.Fatal(err)
	}
	w.Set(0, 1, Link{Delay: 50 * time.Millisecond, Vary: 10 * time.Millisecond, Loss: 0.1})
	for range 3 {
		began := time.Now()
		if err := echo(time.Minute); err != nil {
			t.Fatal(err)
		}
		if time.Since(began) < 50*time.Millisecond {
			t.Error("a slow link is not")
		}
	}
	w.Set(0, 1, Link{})
	w.Set(1, 0, Link{Cut: true}) // one way
	if err := echo(300 * time.Millisecond); err == nil {
		t.Error("a link that is cut is not")
	}
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if other, err := w.Host(0).Dial(short, addr); err == nil {
		t.Error("it connects over a link that is cut", other.Close())
	}
	other, err := w.Host(2).Dial(t.Context(), addr)
	if err != nil {
		t.Fatal("another link is cut", err)
	}
	other.Close()
	w.Mend()
	c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
		t.Error("what was sent before is lost", err)
	}
}
