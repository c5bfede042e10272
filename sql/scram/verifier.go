// Package scram proves that a client knows a password without either side saying it: the server's half of SCRAM (RFC
// 5802, RFC 7677), and the verifiers that are kept in place of passwords. Both doors and the statements that set
// passwords share it.
package scram

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"github.com/xdg-go/stringprep"
)

// Mechanism is a kind of SCRAM, by its hash.
type Mechanism string

// The mechanisms there are.
const (
	SHA256 Mechanism = "SCRAM-SHA-256"
	SHA512 Mechanism = "SCRAM-SHA-512"
)

const (
	// Iterations is how often a password is hashed, as in PostgreSQL and Kafka.
	Iterations = 4096
	// MaxIterations bounds what a verifier that was made elsewhere may ask of clients.
	MaxIterations = 1 << 18
	saltBytes     = 16
)

func (m Mechanism) hash() func() hash.Hash {
	if m == SHA512 {
		return sha512.New
	}
	return sha256.New
}

// A Verifier is what is kept of a password: enough to check it, not enough to log in with.
type Verifier struct {
	Mechanism  Mechanism
	Iterations int
	Salt       []byte
	StoredKey  []byte
	ServerKey  []byte
}

// New makes the verifier of a password, with a new salt.
func New(m Mechanism, password string) Verifier {
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails
	return derive(m, password, salt, Iterations)
}

func derive(m Mechanism, password string, salt []byte, iterations int) Verifier {
	h := m.hash()
	salted, err := pbkdf2.Key(h, prepared(password), salt, iterations, h().Size())
	if err != nil { // only for keys that are too long
		panic("BUG: " + err.Error())
	}
	return FromSalted(m, salted, salt, iterations)
}

// FromSalted makes a verifier of a password that was salted elsewhere, as Kafka's tools do it.
func FromSalted(m Mechanism, salted, salt []byte, iterations int) Verifier {
	client := m.mac(salted, "Client Key")
	stored := m.hash()()
	stored.Write(client)
	return Verifier{Mechanism: m, Iterations: iterations, Salt: salt, StoredKey: stored.Sum(nil),
		ServerKey: m.mac(salted, "Server Key")}
}

func (m Mechanism) mac(key []byte, text string) []byte {
	mac := hmac.New(m.hash(), key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// prepared is a password as it is hashed: after SASLprep, or as it is where that refuses it, as in PostgreSQL.
func prepared(password string) string {
	if p, err := stringprep.SASLprep.Prepare(password); err == nil && p != "" {
		return p
	}
	return password
}

// Check reports whether the verifier is that of a password.
func (v Verifier) Check(password string) bool {
	other := derive(v.Mechanism, password, v.Salt, v.Iterations)
	return subtle.ConstantTimeCompare(other.StoredKey, v.StoredKey) == 1
}

// String writes a verifier as PostgreSQL keeps it:
//
//	SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey
func (v Verifier) String() string {
	b := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("%s$%d:%s$%s:%s", v.Mechanism, v.Iterations, b(v.Salt), b(v.StoredKey), b(v.ServerKey))
}

// errVerifier never says what it was found in.
var errVerifier = errors.New("scram: not a verifier")

// Parse reads what String writes.
func Parse(text string) (Verifier, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 3 {
		return Verifier{}, errVerifier
	}
	v := Verifier{Mechanism: Mechanism(parts[0])}
	if v.Mechanism != SHA256 && v.Mechanism != SHA512 {
		return Verifier{}, errVerifier
	}
	count, salt, ok := strings.Cut(parts[1], ":")
	stored, server, keys := strings.Cut(parts[2], ":")
	n, err := strconv.Atoi(count)
	if !ok || !keys || err != nil || n < 1 || n > MaxIterations {
		return Verifier{}, errVerifier
	}
	v.Iterations = n
	for _, f := range []struct {
		text string
		into *[]byte
		size int
	}{{salt, &v.Salt, 0}, {stored, &v.StoredKey, v.Mechanism.hash()().Size()},
		{server, &v.ServerKey, v.Mechanism.hash()().Size()}} {
		b, err := base64.StdEncoding.DecodeString(f.text)
		if err != nil || len(b) == 0 || f.size > 0 && len(b) != f.size {
			return Verifier{}, errVerifier
		}
		*f.into = b
	}
	return v, nil
}

// mockKey makes the salts of users that are not there: the same for a name as long as the server runs, so that nobody
// can tell them from users.
var mockKey = func() []byte {
	key := make([]byte, 32)
	rand.Read(key)
	return key
}()

// Mock is a verifier that no password has, for a user that is not there or has no password.
func Mock(m Mechanism, user string) Verifier {
	nothing := make([]byte, m.hash()().Size())
	rand.Read(nothing)
	return Verifier{Mechanism: m, Iterations: Iterations, Salt: SHA256.mac(mockKey, user)[:saltBytes],
		StoredKey: nothing, ServerKey: nothing}
}
