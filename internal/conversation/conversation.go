// Package conversation runs scripts of PostgreSQL's protocol against a server: a line is a message that the client
// sends, or waits for. What the client receives is printed, a message a line. Lines:
//
//	await Z          reads up to a message of this type (here ReadyForQuery)
//	await EOF        reads until the server closes the connection
//	cancel           asks for cancellation over another connection; "cancel wrong" with a wrong key, "cancel short" with
//	                 the first bytes of it, "cancel nobody" of another process
//	other SQL        runs a statement over another connection, and waits for its end; $pid is the script's process
//	open FIELD …     sends another StartupMessage than the usual one
//	raw HEX "TEXT" … sends any bytes; hello does so in place of the usual StartupMessage
//	body TYPE HEX …  sends a message of any body, with its length
//	hangup           closes the client's side
//
// Other lines are messages of the client, see Message. Sending goes on while answers come unless a line waits for one.
package conversation

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Script is a conversation under way.
type Script struct {
	t      testing.TB
	dial   func() (net.Conn, error)
	lines  map[string]func(words []string)
	conn   net.Conn
	front  *pgproto3.Frontend
	out    strings.Builder
	opened bool
	atEOF  bool
	pid    uint32
	secret []byte
	into   []byte // not nil: what is sent goes here, and there is no server
}

// Dial connects to a server and returns the conversation before its first message.
func Dial(t testing.TB, dial func() (net.Conn, error)) *Script {
	t.Helper()
	s := &Script{t: t, dial: dial, lines: map[string]func([]string){}}
	nc, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	nc.SetDeadline(time.Now().Add(10 * time.Second))
	s.conn, s.front = nc, pgproto3.NewFrontend(nc, nc)
	return s
}

// TCP returns the dial function of a server's address.
func TCP(addr string) func() (net.Conn, error) {
	return func() (net.Conn, error) { return net.Dial("tcp", addr) }
}

// Bytes returns what a client sends in a script, awaiting nothing.
func Bytes(t testing.TB, text string) []byte {
	s := &Script{t: t, into: []byte{}}
	for _, line := range strings.Split(text, "\n") {
		if w := split(t, line); len(w) > 0 && !strings.HasPrefix(line, "#") {
			switch w[0] {
			case "await", "running", "cancel", "other", "shutdown", "hangup":
			default:
				s.Line(line)
			}
		}
	}
	return s.into
}

// On has a word of the test's own do something.
func (s *Script) On(word string, do func(words []string)) { s.lines[word] = do }

// Conn is the client's connection.
func (s *Script) Conn() net.Conn { return s.conn }

// PID is the process that the server said it is.
func (s *Script) PID() uint32 { return s.pid }

// Run runs a script to its end, and returns what the client received. One that has not read the end sends Terminate
// after its last line and expects nothing but the end.
func (s *Script) Run(text string) string {
	s.Lines(text)
	if !s.atEOF {
		s.send([]byte{'X', 0, 0, 0, 4})
		before := s.out.Len()
		s.await("EOF")
		rest := strings.TrimSuffix(s.out.String()[before:], "EOF\n")
		text := s.out.String()[:before] + rest
		s.out.Reset()
		s.out.WriteString(text)
	}
	s.conn.Close()
	return s.out.String()
}

func (s *Script) send(b []byte) {
	if s.into != nil {
		s.into = append(s.into, b...)
		return
	}
	// A server that has had enough may have gone before it has read all: what it said tells.
	if _, err := s.conn.Write(b); err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		s.t.Fatal(err)
	}
}

// Lines runs the lines of a script and leaves the conversation there.
func (s *Script) Lines(text string) {
	for _, line := range strings.Split(text, "\n") {
		s.Line(line)
	}
}

// Line runs one line.
func (s *Script) Line(line string) {
	w := split(s.t, line)
	switch {
	case w[0] == "open" || w[0] == "hello" || w[0] == "await" && !s.opened:
		s.opened = true
	case !s.opened:
		s.opened = true
		s.Line("open user leat database leat")
		if s.into == nil {
			s.SkipTo('Z')
		}
	}
	if do := s.lines[w[0]]; do != nil {
		do(w)
		return
	}
	switch w[0] {
	case "await":
		s.await(w[1])
	case "cancel":
		s.cancel(w[1:])
	case "other":
		_, sql, _ := strings.Cut(line, " ")
		s.other(sql)
	case "open":
		b := []byte{0, 0, 0, 0, 0, 3, 0, 0}
		for _, f := range w[1:] {
			b = append(append(b, f...), 0)
		}
		b = append(b, 0)
		binary.BigEndian.PutUint32(b, uint32(len(b)))
		s.send(b)
	case "raw", "hello":
		s.send(rawBytes(s.t, line))
	case "body":
		_, rest, _ := strings.Cut(line, " ")
		b := rawBytes(s.t, rest)
		s.send(binary.BigEndian.AppendUint32([]byte{w[1][0]}, uint32(len(b)+4)))
		s.send(b)
	case "hangup":
		if err := s.conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			s.t.Fatal(err)
		}
	default:
		s.send(message(s.t, w))
	}
}

func (s *Script) cancel(how []string) {
	nc, err := s.dial()
	if err != nil {
		s.t.Fatal(err)
	}
	defer nc.Close()
	pid, key := s.pid, bytes.Clone(s.secret)
	for _, h := range how {
		switch h {
		case "wrong":
			key[0]++
		case "short":
			key = key[:len(key)-1]
		case "nobody":
			pid += 1 << 20
		}
	}
	b, _ := (&pgproto3.CancelRequest{ProcessID: pid, SecretKey: key}).Encode(nil)
	if _, err := nc.Write(b); err != nil {
		s.t.Fatal(err)
	}
	io.Copy(io.Discard, nc) // until the server has acted and hangs up
}

// other runs a statement over another connection, and returns what comes.
func (s *Script) other(sql string) string {
	o := Dial(s.t, s.dial)
	defer o.conn.Close()
	o.Line("Query " + strconv.Quote(strings.ReplaceAll(sql, "$pid", strconv.Itoa(int(s.pid)))))
	o.await("Z")
	if strings.Contains(o.out.String(), "ErrorResponse") {
		s.t.Fatalf("%s: %s", sql, o.out.String())
	}
	return o.out.String()
}

// Ask returns the first row that a statement gives over another connection; "" for none. $pid is the script's process.
func (s *Script) Ask(sql string) string {
	_, row, _ := strings.Cut(s.other(sql), "DataRow ")
	row, _, _ = strings.Cut(row, "\n")
	return row
}

// SkipTo reads up to a message of a type and prints none.
func (s *Script) SkipTo(kind byte) {
	for {
		m, err := s.receive()
		if err != nil {
			s.t.Fatal(err)
		}
		if typeOf(m) == kind {
			return
		}
	}
}

func (s *Script) receive() (pgproto3.BackendMessage, error) {
	m, err := s.front.Receive()
	if k, ok := m.(*pgproto3.BackendKeyData); ok && err == nil {
		s.pid, s.secret = k.ProcessID, bytes.Clone(k.SecretKey)
	}
	return m, err
}

// await prints messages up to one of a type, or the end.
func (s *Script) await(kind string) {
	if kind == "N" { // not a message
		var b [1]byte
		if _, err := io.ReadFull(s.conn, b[:]); err != nil {
			s.t.Fatal(err)
		}
		fmt.Fprintf(&s.out, "%s\n", b[:])
		return
	}
	for !s.atEOF {
		m, err := s.receive()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
			s.atEOF = true
			fmt.Fprintln(&s.out, "EOF")
			break
		}
		if err != nil {
			s.t.Fatalf("%v, after\n%s", err, s.out.String())
		}
		fmt.Fprintln(&s.out, show(m))
		if string(typeOf(m)) == kind {
			return
		}
	}
	if kind != "EOF" {
		s.t.Fatalf("the connection ended before %s, after\n%s", kind, s.out.String())
	}
}
