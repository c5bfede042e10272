package scram

import (
	"crypto/pbkdf2"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"testing"
)

// answer is the client's half: the message that proves a password, after the server's first.
func answer(t *testing.T, m Mechanism, password, header string, binding []byte, firstBare, serverFirst string) string {
	t.Helper()
	return answerWith(t, m, password, header, binding, firstBare, serverFirst, "")
}

// answerTo is answer with something in front of the nonce.
func answerTo(t *testing.T, password, firstBare, serverFirst, front string) string {
	t.Helper()
	return answerWith(t, SHA256, password, "n,,", nil, firstBare, serverFirst, front)
}

func answerWith(t *testing.T, m Mechanism, password, header string, binding []byte, firstBare, serverFirst,
	front string) string {
	t.Helper()
	var nonce, salt string
	var iterations int
	for _, f := range strings.Split(serverFirst, ",") {
		switch f[:2] {
		case "r=":
			nonce = f[2:]
		case "s=":
			salt = f[2:]
		case "i=":
			iterations, _ = strconv.Atoi(f[2:])
		}
	}
	raw, err := base64.StdEncoding.DecodeString(salt)
	if err != nil {
		t.Fatal(err)
	}
	salted, err := pbkdf2.Key(m.hash(), password, raw, iterations, m.hash()().Size())
	if err != nil {
		t.Fatal(err)
	}
	v := FromSalted(m, salted, raw, iterations)
	without := "c=" + base64.StdEncoding.EncodeToString(append([]byte(header), binding...)) + ",r=" + front + nonce
	proof := m.mac(v.StoredKey, firstBare+","+serverFirst+","+without)
	subtle.XORBytes(proof, proof, m.mac(salted, "Client Key"))
	return without + ",p=" + base64.StdEncoding.EncodeToString(proof)
}

func TestConversation(t *testing.T) {
	end := []byte("the certificate's hash")
	for _, x := range []struct {
		name, password, header string
		plus                   bool
		server, client         []byte // bindings
		first, final           error
	}{
		{name: "right", password: "pencil", header: "n,,"},
		{name: "wrong", password: "pen", header: "n,,", final: ErrProof},
		{name: "bound", password: "pencil", header: "p=tls-server-end-point,,", plus: true, server: end, client: end},
		{name: "bound elsewhere", password: "pencil", header: "p=tls-server-end-point,,", plus: true, server: end,
			client: []byte("another"), final: ErrBinding},
		{name: "not bound over TLS", password: "pencil", header: "n,,", server: end},
		{name: "cannot be bound", password: "pencil", header: "y,,"},
		{name: "was told it cannot be bound", password: "pencil", header: "y,,", server: end, first: ErrBinding},
		{name: "bound without asking", password: "pencil", header: "p=tls-server-end-point,,", first: ErrProtocol},
		{name: "another binding", password: "pencil", header: "p=tls-unique,,", plus: true, first: ErrProtocol},
		{name: "for somebody else", password: "pencil", header: "n,a=root,", first: ErrProtocol},
	} {
		for _, m := range []Mechanism{SHA256, SHA512} {
			t.Run(x.name+" "+string(m), func(t *testing.T) {
				v := New(m, "pencil")
				c := Conversation{Binding: x.server, Plus: x.plus, Lookup: func(user string) Verifier {
					if user != "us,er" {
						return Mock(m, user)
					}
					return v
				}}
				bare := "n=us=2Cer,r=nonce"
				first, err := c.First([]byte(x.header + bare))
				if !errors.Is(err, x.first) || err != nil {
					if !errors.Is(err, x.first) {
						t.Fatalf("the first message: %v, want %v", err, x.first)
					}
					return
				}
				out, err := c.Final([]byte(answer(t, m, x.password, x.header, x.client, bare, string(first))))
				if !errors.Is(err, x.final) || (err == nil) != strings.HasPrefix(string(out), "v=") {
					t.Errorf("the last message: %q, %v, want %v", out, err, x.final)
				}
			})
		}
	}
}

// TestRFC7677 is the conversation printed there.
func TestRFC7677(t *testing.T) {
	salt, _ := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	v := derive(SHA256, "pencil", salt, 4096)
	c := Conversation{Lookup: func(string) Verifier { return v }}
	if _, err := c.First([]byte("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")); err != nil {
		t.Fatal(err)
	}
	c.nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
	c.serverFirst = "r=" + c.nonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
	out, err := c.Final([]byte("c=biws,r=" + c.nonce + ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="))
	if err != nil || string(out) != "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" {
		t.Errorf("%s, %v", out, err)
	}
}

// TestNonceTwice takes what librdkafka said before 2.6 where it is asked to, and nothing else.
func TestNonceTwice(t *testing.T) {
	v := New(SHA256, "pencil")
	for _, x := range []struct {
		loose bool
		front string
		want  error
	}{{true, "nonce", nil}, {true, "", nil}, {true, "nonc", ErrProtocol}, {false, "nonce", ErrProtocol}} {
		c := Conversation{NonceTwice: x.loose, Lookup: func(string) Verifier { return v }}
		first, err := c.First([]byte("n,,n=user,r=nonce"))
		if err != nil {
			t.Fatal(err)
		}
		message := answerTo(t, "pencil", "n=user,r=nonce", string(first), x.front)
		if _, err := c.Final([]byte(message)); !errors.Is(err, x.want) {
			t.Errorf("%+v: %v", x, err)
		}
	}
}

func TestVerifier(t *testing.T) {
	// What PostgreSQL 15 keeps of the password "secret".
	v, err := Parse(New(SHA256, "secret").String())
	if err != nil || !v.Check("secret") || v.Check("Secret") || v.Check("") {
		t.Errorf("%v, %v", v, err)
	}
	if v := New(SHA512, "\u00aa\u00ad"); !v.Check("a") { // SASLprep: a compatible letter and nothing
		t.Error("SASLprep was not applied")
	}
	for _, bad := range []string{"", "secret", "md5aaaa", "SCRAM-SHA-256$", "SCRAM-SHA-256$4096:AAAA$AAAA:AAAA",
		"SCRAM-SHA-256$0:" + strings.TrimPrefix(v.String(), "SCRAM-SHA-256$4096:"),
		strings.Replace(v.String(), "256", "512", 1), v.String() + "$"} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%q was read", bad)
		} else if bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("the error says what is secret: %v", err)
		}
	}
}

func FuzzConversation(f *testing.F) {
	f.Add("n,,n=user,r=abc", "c=biws,r=abc,p=AAAA")
	f.Add("p=tls-server-end-point,,n=user,r=abc", ",p=")
	f.Fuzz(func(t *testing.T, first, final string) {
		for _, plus := range []bool{false, true} {
			c := Conversation{Plus: plus, Lookup: func(user string) Verifier { return Mock(SHA256, user) }}
			if _, err := c.First([]byte(first)); err != nil {
				continue
			}
			if _, err := c.Final([]byte(final)); err == nil {
				t.Fatal("a client proved what nobody knows")
			}
		}
	})
}
