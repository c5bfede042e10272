package scram

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
)

// What can go wrong in a conversation.
var (
	// ErrProtocol means a message that SCRAM does not know.
	ErrProtocol = errors.New("scram: malformed message")
	// ErrBinding means a client that is bound to another channel than this one: somebody stands between.
	ErrBinding = errors.New("scram: channel binding check failed")
	// ErrProof means a client that does not know the password.
	ErrProof = errors.New("scram: wrong password")
)

// A Conversation is the server's half of one authentication.
type Conversation struct {
	// Lookup gives the verifier of a user; Mock gives one for a user that is not there.
	Lookup func(user string) Verifier
	// Binding is the data of the channel, of tls-server-end-point; nil where there is none.
	Binding []byte
	// NonceTwice takes a last message whose nonce has the client's part in front of it once more, as librdkafka sends it
	// before 2.6 and Kafka takes it.
	NonceTwice bool
	// Plus tells that the client chose the mechanism with channel binding.
	Plus bool

	user        string
	header      string // the client's gs2 header
	firstBare   string
	serverFirst string
	client      string // its part of the nonce
	nonce       string
	verifier    Verifier
}

// User is who the client says it is, once First has read it.
func (c *Conversation) User() string { return c.user }

// First reads the client's first message and returns the server's.
func (c *Conversation) First(message []byte) ([]byte, error) {
	text := string(message)
	flag, rest, ok := strings.Cut(text, ",")
	authzid, bare, ok2 := strings.Cut(rest, ",")
	if !ok || !ok2 || authzid != "" {
		return nil, ErrProtocol
	}
	name, bound := strings.CutPrefix(flag, "p=")
	switch {
	case bound && name != "tls-server-end-point":
		return nil, ErrProtocol
	case bound != c.Plus, flag != "n" && flag != "y" && !bound:
		return nil, ErrProtocol
	case flag == "y" && c.Binding != nil:
		return nil, ErrBinding // it would bind, and was told that we cannot
	}
	c.header, c.firstBare = flag+",,", bare
	fields := strings.Split(bare, ",")
	if len(fields) < 2 || !strings.HasPrefix(fields[0], "n=") || !strings.HasPrefix(fields[1], "r=") ||
		len(fields[1]) < 3 {
		return nil, ErrProtocol
	}
	for _, f := range fields[2:] { // extensions; tokenauth is one of Kafka's for delegation tokens
		if strings.HasPrefix(f, "m=") || strings.HasPrefix(f, "tokenauth=") {
			return nil, ErrProtocol
		}
	}
	c.user = strings.NewReplacer("=2C", ",", "=3D", "=").Replace(fields[0][2:])
	c.verifier = c.Lookup(c.user)
	random := make([]byte, 18)
	rand.Read(random)
	c.client = fields[1][2:]
	c.nonce = c.client + base64.StdEncoding.EncodeToString(random)
	c.serverFirst = "r=" + c.nonce + ",s=" + base64.StdEncoding.EncodeToString(c.verifier.Salt) +
		",i=" + strconv.Itoa(c.verifier.Iterations)
	return []byte(c.serverFirst), nil
}

// answers reports whether a field has the nonce of this conversation.
func (c *Conversation) answers(field string) bool {
	return field == "r="+c.nonce || c.NonceTwice && field == "r="+c.client+c.nonce
}

// Final reads the client's last message and returns the server's. Without an error the client has proved itself.
func (c *Conversation) Final(message []byte) ([]byte, error) {
	text := string(message)
	at := strings.LastIndex(text, ",p=")
	if at < 0 {
		return nil, ErrProtocol
	}
	without := text[:at]
	proof, err := base64.StdEncoding.DecodeString(text[at+len(",p="):])
	fields := strings.Split(without, ",")
	if err != nil || len(fields) < 2 || !strings.HasPrefix(fields[0], "c=") || !c.answers(fields[1]) {
		return nil, ErrProtocol
	}
	binding, err := base64.StdEncoding.DecodeString(fields[0][2:])
	want := c.header
	if c.Plus {
		want += string(c.Binding)
	}
	if err != nil || subtle.ConstantTimeCompare(binding, []byte(want)) != 1 {
		return nil, ErrBinding
	}
	m := c.verifier.Mechanism
	auth := c.firstBare + "," + c.serverFirst + "," + without
	signature := m.mac(c.verifier.StoredKey, auth)
	if len(proof) != len(signature) {
		return nil, ErrProof
	}
	key := make([]byte, len(proof))
	subtle.XORBytes(key, proof, signature)
	stored := m.hash()()
	stored.Write(key)
	if !hmac.Equal(stored.Sum(nil), c.verifier.StoredKey) {
		return nil, ErrProof
	}
	return []byte("v=" + base64.StdEncoding.EncodeToString(m.mac(c.verifier.ServerKey, auth))), nil
}
