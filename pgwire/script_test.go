package pgwire

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/leatdb/leat/internal/golden"
	"github.com/leatdb/leat/sql/scram"
)

// TestScripts runs testdata/pgwire. Every case is a conversation of its own: the messages the client sends, one a line,
// and the messages it receives. Sending goes on while answers come unless a line waits for one:
//
//	await Z        reads up to a message of this type (here ReadyForQuery)
//	await EOF      reads until the server closes the connection
//	running        waits until a statement that lasts has begun
//	cancel         asks for cancellation over another connection; "cancel wrong" with a wrong key
//	shutdown       closes the server
//	open FIELD …   sends another StartupMessage than the usual one
//	raw HEX "TEXT" … sends any bytes; hello does so in place of the usual StartupMessage
//	body TYPE HEX …  sends a message of any body, with its length
//	hangup         closes the client's side
//
// A case that has not read the end sends Terminate after its last line and expects nothing but the end.
func TestScripts(t *testing.T) {
	golden.RunFiles(t, "pgwire/*.txt", func(*testing.T) func(*testing.T, *golden.Case) string {
		return func(t *testing.T, gc *golden.Case) string {
			s := newScript(t)
			for _, line := range strings.Split(gc.Input, "\n") {
				s.line(line)
			}
			return s.finish()
		}
	})
}

// script is a conversation under way.
type script struct {
	t      testing.TB
	fake   *fakeBackend
	server *Server
	nc     net.Conn
	front  *pgproto3.Frontend
	out    strings.Builder
	opened bool
	atEOF  bool
	pid    uint32
	secret []byte
	into   []byte // not nil: what is sent goes here, and there is no server
}

func newScript(t testing.TB) *script {
	fake := newFake()
	server := listen(t, Config{Backend: fake, Auth: fakeUsers{scram.New(scram.SHA256, "enchantress")},
		MaxMessageBytes: 1 << 20, MaxConnections: 2})
	s := &script{t: t, fake: fake, server: server}
	s.dial()
	return s
}

// dial connects to the server.
func (s *script) dial() {
	nc, err := net.Dial("tcp", s.server.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	nc.SetDeadline(time.Now().Add(time.Minute))
	s.nc, s.front = nc, pgproto3.NewFrontend(nc, nc)
}

func (s *script) send(b []byte) {
	if s.into != nil {
		s.into = append(s.into, b...)
		return
	}
	if _, err := s.nc.Write(b); err != nil {
		s.t.Fatal(err)
	}
}

func (s *script) line(line string) {
	w := split(s.t, line)
	switch {
	case w[0] == "open" || w[0] == "hello" || w[0] == "await" && !s.opened:
		s.opened = true
	case !s.opened:
		s.opened = true
		s.line("open user tester database test")
		if s.into == nil {
			s.skipTo('Z')
		}
	}
	switch w[0] {
	case "await":
		s.await(w[1])
	case "running":
		<-s.fake.running
	case "cancel":
		s.cancel(len(w) > 1)
	case "shutdown":
		if err := s.server.Close(context.Background()); err != nil {
			s.t.Fatal(err)
		}
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
		if err := s.nc.(*net.TCPConn).CloseWrite(); err != nil {
			s.t.Fatal(err)
		}
	default:
		s.send(clientMessage(s.t, w))
	}
}

func (s *script) cancel(wrong bool) {
	nc, err := net.Dial("tcp", s.server.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	defer nc.Close()
	key := bytes.Clone(s.secret)
	if wrong {
		key[0]++
	}
	b, _ := (&pgproto3.CancelRequest{ProcessID: s.pid, SecretKey: key}).Encode(nil)
	if _, err := nc.Write(b); err != nil {
		s.t.Fatal(err)
	}
	io.Copy(io.Discard, nc) // until the server has acted and hangs up
}

func (s *script) skipTo(kind byte) {
	for {
		m, err := s.front.Receive()
		if err != nil {
			s.t.Fatal(err)
		}
		if k, ok := m.(*pgproto3.BackendKeyData); ok {
			s.pid, s.secret = k.ProcessID, k.SecretKey
		}
		if typeOf(m) == kind {
			return
		}
	}
}

// await prints messages up to one of a type, or the end.
func (s *script) await(kind string) {
	if kind == "N" { // not a message
		var b [1]byte
		if _, err := io.ReadFull(s.nc, b[:]); err != nil {
			s.t.Fatal(err)
		}
		fmt.Fprintf(&s.out, "%s\n", b[:])
		return
	}
	for !s.atEOF {
		m, err := s.front.Receive()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			s.atEOF = true
			fmt.Fprintln(&s.out, "EOF")
			break
		}
		if err != nil {
			s.t.Fatalf("%v, after\n%s", err, s.out.String())
		}
		if k, ok := m.(*pgproto3.BackendKeyData); ok {
			s.pid, s.secret = k.ProcessID, k.SecretKey
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

func (s *script) finish() string {
	if !s.atEOF {
		s.send([]byte{'X', 0, 0, 0, 4})
		before := s.out.Len()
		s.await("EOF")
		rest := strings.TrimSuffix(s.out.String()[before:], "EOF\n")
		text := s.out.String()[:before] + rest
		s.out.Reset()
		s.out.WriteString(text)
	}
	s.nc.Close()
	s.fake.await(s.t, "open sessions", &s.fake.open, 0)
	if n := s.fake.value(&s.fake.results); n != 0 {
		s.t.Errorf("%d results were not closed", n)
	}
	return s.out.String()
}

// typeOf returns the type byte of a message.
func typeOf(m pgproto3.BackendMessage) byte {
	b, err := m.Encode(nil)
	if err != nil || len(b) == 0 {
		return 0
	}
	return b[0]
}

// show prints a message.
func show(m pgproto3.BackendMessage) string {
	switch m := m.(type) {
	case *pgproto3.RowDescription:
		var cols []string
		for _, f := range m.Fields {
			col := fmt.Sprintf("%s:%d/%d/%d/%c", f.Name, f.DataTypeOID, f.DataTypeSize, f.TypeModifier, "tb"[f.Format])
			cols = append(cols, col)
		}
		return "RowDescription " + strings.Join(cols, " ")
	case *pgproto3.DataRow:
		var values []string
		for _, v := range m.Values {
			switch {
			case v == nil:
				values = append(values, "NULL")
			case bytes.IndexFunc(v, func(r rune) bool { return r < ' ' || r == 0xfffd }) >= 0:
				values = append(values, "x"+hex.EncodeToString(v))
			default:
				values = append(values, string(v))
			}
		}
		return "DataRow " + strings.Join(values, "|")
	case *pgproto3.ErrorResponse:
		return "ErrorResponse " + showFields(m)
	case *pgproto3.NoticeResponse:
		e := pgproto3.ErrorResponse(*m)
		return "NoticeResponse " + showFields(&e)
	case *pgproto3.CommandComplete:
		return "CommandComplete " + string(m.CommandTag)
	case *pgproto3.ReadyForQuery:
		return "ReadyForQuery " + string(m.TxStatus)
	case *pgproto3.ParameterStatus:
		return "ParameterStatus " + m.Name + " = " + m.Value
	case *pgproto3.ParameterDescription:
		return fmt.Sprint("ParameterDescription ", m.ParameterOIDs)
	case *pgproto3.CopyData:
		return fmt.Sprintf("CopyData %q", m.Data)
	case *pgproto3.BackendKeyData:
		return "BackendKeyData"
	}
	name := strings.TrimPrefix(fmt.Sprintf("%T", m), "*pgproto3.")
	if b, _ := m.Encode(nil); len(b) > 5 {
		name += fmt.Sprintf(" x%x", b[5:])
	}
	return name
}

func showFields(e *pgproto3.ErrorResponse) string {
	fields := map[string]string{"detail": e.Detail, "hint": e.Hint, "where": e.Where}
	if e.Position > 0 {
		fields["position"] = strconv.Itoa(int(e.Position))
	}
	var extra []string
	for k, v := range fields {
		if v != "" {
			extra = append(extra, fmt.Sprintf(" %s=%q", k, v))
		}
	}
	sort.Strings(extra)
	return e.SeverityUnlocalized + " " + e.Code + " " + strconv.Quote(e.Message) + strings.Join(extra, "")
}

// split cuts a line into words; quoted ones are Go strings.
func split(t testing.TB, line string) []string {
	var words []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		if line[0] == '"' {
			q, err := strconv.QuotedPrefix(line)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			word, _ := strconv.Unquote(q)
			words, line = append(words, word), line[len(q):]
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		words, line = append(words, word), rest
	}
	return words
}

// rawBytes makes bytes of hexadecimal words and quoted texts.
func rawBytes(t testing.TB, line string) []byte {
	var out []byte
	_, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	for rest = strings.TrimSpace(rest); rest != ""; rest = strings.TrimSpace(rest) {
		if rest[0] == '"' {
			q, err := strconv.QuotedPrefix(rest)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := strconv.Unquote(q)
			out, rest = append(out, text...), rest[len(q):]
			continue
		}
		word, after, _ := strings.Cut(rest, " ")
		b, err := hex.DecodeString(word)
		if err != nil {
			t.Fatal(err)
		}
		out, rest = append(out, b...), after
	}
	return out
}

// clientMessage makes a message of the words of a line:
//
//	Query TEXT               Parse NAME TEXT OID…        Describe S|P NAME    Close S|P NAME
//	Execute PORTAL LIMIT     Sync, Flush, Terminate      CopyData TEXT        CopyDone    CopyFail WHY
//	Bind PORTAL STATEMENT VALUE… [result FORMAT…]        a VALUE is text, NULL, or b:HEX in the binary format
func clientMessage(t testing.TB, w []string) []byte {
	arg := func(i int) string {
		if i < len(w) {
			return w[i]
		}
		return ""
	}
	number := func(s string) uint32 {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			t.Fatalf("%v: %v", w, err)
		}
		return uint32(n)
	}
	var m pgproto3.FrontendMessage
	switch w[0] {
	case "Query":
		m = &pgproto3.Query{String: arg(1)}
	case "Parse":
		p := &pgproto3.Parse{Name: arg(1), Query: arg(2)}
		for _, oid := range w[min(3, len(w)):] {
			p.ParameterOIDs = append(p.ParameterOIDs, number(oid))
		}
		m = p
	case "Bind":
		m = bindMessage(t, w, number)
	case "Describe":
		m = &pgproto3.Describe{ObjectType: arg(1)[0], Name: arg(2)}
	case "Close":
		m = &pgproto3.Close{ObjectType: arg(1)[0], Name: arg(2)}
	case "Execute":
		m = &pgproto3.Execute{Portal: arg(1), MaxRows: number(arg(2))}
	case "Sync":
		m = &pgproto3.Sync{}
	case "Flush":
		m = &pgproto3.Flush{}
	case "Terminate":
		m = &pgproto3.Terminate{}
	case "CopyData":
		m = &pgproto3.CopyData{Data: []byte(arg(1))}
	case "CopyDone":
		m = &pgproto3.CopyDone{}
	case "CopyFail":
		m = &pgproto3.CopyFail{Message: arg(1)}
	default:
		t.Fatalf("%q is not a line of a script", w[0])
	}
	b, err := m.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func bindMessage(t testing.TB, w []string, number func(string) uint32) *pgproto3.Bind {
	m := &pgproto3.Bind{DestinationPortal: w[1], PreparedStatement: w[2]}
	for i, v := range w[3:] {
		if v == "result" {
			for _, f := range w[3+i+1:] {
				m.ResultFormatCodes = append(m.ResultFormatCodes, int16(number(f)))
			}
			break
		}
		format := int16(0)
		value := []byte(v)
		if h, ok := strings.CutPrefix(v, "b:"); ok {
			b, err := hex.DecodeString(h)
			if err != nil {
				t.Fatal(err)
			}
			format, value = 1, b
		} else if v == "NULL" {
			value = nil
		}
		m.Parameters = append(m.Parameters, value)
		m.ParameterFormatCodes = append(m.ParameterFormatCodes, format)
	}
	return m
}

// listen starts a server that ends with the test.
func listen(t testing.TB, cfg Config) *Server {
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	if cfg.Logger == nil {
		cfg.Logger = quiet
	}
	if cfg.Grace == 0 {
		cfg.Grace = 100 * time.Millisecond
	}
	s, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		s.Close(ctx)
		if ctx.Err() != nil {
			t.Error("the server did not end")
		}
	})
	return s
}
