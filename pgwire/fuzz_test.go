package pgwire

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leatdb/leat/internal/conversation"
	"github.com/leatdb/leat/internal/golden"
)

// deaf is a connection whose client has sent everything beforehand and hears nothing.
type deaf struct {
	in      []byte
	written int
}

func (d *deaf) Read(p []byte) (int, error) {
	if len(d.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, d.in)
	d.in = d.in[n:]
	return n, nil
}

func (d *deaf) Write(p []byte) (int, error)      { d.written += len(p); return len(p), nil }
func (d *deaf) Close() error                     { return nil }
func (d *deaf) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (d *deaf) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (d *deaf) SetDeadline(time.Time) error      { return nil }
func (d *deaf) SetReadDeadline(time.Time) error  { return nil }
func (d *deaf) SetWriteDeadline(time.Time) error { return nil }

// converse runs a connection on what a client sends, after a StartupMessage.
func converse(t testing.TB, stream []byte) {
	fake := newFake()
	cfg := Config{Addr: "none", Backend: &impatient{fake}, Logger: quiet, MaxMessageBytes: 1 << 20}
	if err := cfg.validate(); err != nil {
		t.Fatal(err)
	}
	s := &Server{cfg: cfg, conns: map[int32]*conn{}, nextPID: 1}
	nc := &deaf{in: stream}
	c := newConn(s, nc)
	ctx, ok := s.add(c)
	if !ok {
		t.Fatal("not added")
	}
	c.serve(ctx)
	s.remove(c)
	s.done.Done()
	if fake.open != 0 || fake.results != 0 || s.sessions != 0 {
		t.Fatalf("%d sessions, %d results, %d places are left", fake.open, fake.results, s.sessions)
	}
}

// impatient opens sessions whose endless statements end at once.
type impatient struct{ *fakeBackend }

func (b *impatient) Open(ctx context.Context, st Startup) (Session, error) {
	s, err := b.fakeBackend.Open(ctx, st)
	if f, ok := s.(*fakeSession); ok {
		f.hasty = true
	}
	return s, err
}

// FuzzConversation sends mutated streams of messages: no crash, no hang, nothing left open. Its seeds are the scripts.
func FuzzConversation(f *testing.F) {
	files, err := filepath.Glob("../testdata/pgwire/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatal("no scripts", err)
	}
	for _, file := range files {
		for _, stream := range streams(f, file) {
			f.Add(stream)
		}
	}
	f.Fuzz(func(t *testing.T, stream []byte) { converse(t, stream) })
}

// streams returns what clients send in the cases of a file.
func streams(t testing.TB, file string) [][]byte {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for _, paragraph := range strings.Split(string(text), "\n\n") {
		input, _, _ := strings.Cut(paragraph, "\n----")
		out = append(out, conversation.Bytes(t, input))
	}
	return out
}

// TestStreams runs every script against a client that hears nothing, whole and cut anywhere.
func TestStreams(t *testing.T) {
	for _, file := range golden.Files(t, "pgwire/*.txt") {
		for _, stream := range streams(t, file) {
			converse(t, stream)
			for n := 0; n < len(stream); n += 11 {
				converse(t, stream[:n:n])
			}
		}
	}
}
