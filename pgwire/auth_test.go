package pgwire

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/leatdb/leat/sql/scram"
)

// fakeUsers trusts everybody but "ada", who has a password, and "nobody", who is not there.
type fakeUsers struct{ ada scram.Verifier }

func (f fakeUsers) Trusts(user string, _ net.Addr) bool { return user != "ada" && user != "nobody" }

func (f fakeUsers) Verifier(user string) scram.Verifier {
	if user == "ada" {
		return f.ada
	}
	return scram.Mock(scram.SHA256, user)
}

// certificate makes a certificate for 127.0.0.1.
func certificate(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// TestPassword logs in with passwords that are right and wrong, over plain connections and TLS of both kinds, bound to
// the channel and not.
func TestPassword(t *testing.T) {
	users := fakeUsers{scram.New(scram.SHA256, "enchantress")}
	secure := listen(t, Config{Backend: newFake(), Auth: users, TLS: certificate(t)})
	plain := listen(t, Config{Backend: newFake(), Auth: users})
	for _, x := range []struct {
		options  string
		password string
		server   *Server
		code     string // of the error; "-" is one of the client's
	}{
		{options: "sslmode=disable", password: "enchantress"},
		{options: "sslmode=disable", password: "wrong", code: "28P01"},
		{options: "sslmode=disable&user=nobody", password: "enchantress", code: "28P01"},
		{options: "sslmode=require", password: "enchantress"},
		{options: "sslmode=require&channel_binding=require", password: "enchantress"},
		{options: "sslmode=require&channel_binding=require", password: "wrong", code: "28P01"},
		{options: "sslmode=require&channel_binding=disable", password: "enchantress"},
		{options: "sslmode=require&sslnegotiation=direct", password: "enchantress"},
		{options: "sslmode=require", password: "enchantress", server: plain, code: "-"},
		{options: "sslmode=prefer", password: "enchantress", server: plain},
		{options: "sslmode=disable&user=anybody", password: ""},
	} {
		if x.server == nil {
			x.server = secure
		}
		cfg, err := pgx.ParseConfig("postgres://" + x.server.Addr().String() + "/test?user=ada&" + x.options)
		if err != nil {
			t.Fatal(err)
		}
		if i := strings.Index(x.options, "user="); i >= 0 {
			cfg.User = x.options[i+len("user="):]
		}
		cfg.Password = x.password
		conn, err := pgx.ConnectConfig(t.Context(), cfg)
		var pg *pgconn.PgError
		switch {
		case x.code == "" && err != nil:
			t.Errorf("%s: %v", x.options, err)
		case x.code == "-" && (err == nil || errors.As(err, &pg)):
			t.Errorf("%s: %v", x.options, err)
		case x.code != "" && x.code != "-" && (!errors.As(err, &pg) || pg.Code != x.code):
			t.Errorf("%s: %v, want %s", x.options, err, x.code)
		}
		if err == nil {
			if n := scalar[int32](t, conn, "SELECT numbers(1)"); n != 1 {
				t.Errorf("%s: %d", x.options, n)
			}
			conn.Close(context.Background())
		}
	}
}

// TestCancelOverTLS: what is read from the socket while a statement runs is no part of the conversation.
func TestCancelOverTLS(t *testing.T) {
	fake := newFake()
	server := listen(t, Config{Backend: fake, TLS: certificate(t)})
	conn, err := pgx.Connect(t.Context(), "postgres://ada@"+server.Addr().String()+"/test?sslmode=require")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- conn.PgConn().Exec(context.Background(), "SELECT slow(0)").Close() }()
	<-fake.running
	if err := conn.PgConn().CancelRequest(t.Context()); err != nil {
		t.Fatal(err)
	}
	var pg *pgconn.PgError
	if err := <-ended; !errors.As(err, &pg) || pg.Code != "57014" {
		t.Errorf("the statement ended with %v", err)
	}
	if n := scalar[int32](t, conn, "SELECT numbers(1)"); n != 1 {
		t.Error(n)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestDirectTLS: a client that begins with TLS at once has to say which protocol it speaks, and nothing may come between
// an SSLRequest and the handshake.
func TestDirectTLS(t *testing.T) {
	server := listen(t, Config{Backend: newFake(), TLS: certificate(t)})
	for protocol, good := range map[string]bool{"postgresql": true, "": false, "http/1.1": false} {
		cfg := &tls.Config{InsecureSkipVerify: true}
		if protocol != "" {
			cfg.NextProtos = []string{protocol}
		}
		nc, err := tls.Dial("tcp", server.Addr().String(), cfg)
		if err == nil {
			_, err = nc.Write([]byte("\x00\x00\x00\x12\x00\x03\x00\x00user\x00ada\x00\x00"))
			first := make([]byte, 1)
			if err == nil {
				_, err = nc.Read(first)
			}
			if err == nil && first[0] != 'R' {
				err = errors.New(string(first))
			}
			nc.Close()
		}
		if (err == nil) != good {
			t.Errorf("%q: %v", protocol, err)
		}
	}
	nc, err := net.Dial("tcp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Write([]byte("\x00\x00\x00\x08\x04\xd2\x16\x2f\x00\x00\x00\x08")); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 1)
	if _, err := nc.Read(first); err != nil || first[0] != 'E' {
		t.Errorf("what was put in between was answered with %q, %v", first, err)
	}
}
