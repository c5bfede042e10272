package pgwire

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"net"
	"slices"

	"github.com/leatdb/leat/sql/sqlerr"
)

// ALPN is the protocol that a client names which begins with TLS at once, as PostgreSQL 17's can.
const ALPN = "postgresql"

// TLS is a configuration for clients of this protocol.
func TLS(given *tls.Config) *tls.Config {
	cfg := given.Clone()
	cfg.NextProtos = []string{ALPN}
	cfg.MinVersion = max(cfg.MinVersion, tls.VersionTLS12)
	return cfg
}

// directTLS begins TLS when the client's first byte is that of a handshake. It reports whether the conversation goes
// on.
func (c *conn) directTLS(ctx context.Context) (bool, error) {
	const handshake = 0x16
	if first, err := c.in.Peek(1); err != nil || first[0] != handshake || c.server.cfg.TLS == nil {
		return err == nil, nil
	}
	if !c.encrypt(ctx) {
		return false, nil
	}
	if c.net.(*tls.Conn).ConnectionState().NegotiatedProtocol != ALPN {
		return false, sqlerr.New(sqlerr.ProtocolViolation,
			"received direct SSL connection request without ALPN protocol negotiation extension")
	}
	return true, nil
}

// answerTLS answers an SSLRequest.
func (c *conn) answerTLS(ctx context.Context) (bool, error) {
	if c.server.cfg.TLS == nil || c.secure {
		_, err := c.net.Write([]byte{'N'})
		return err == nil, nil
	}
	if c.in.Buffered() > 0 { // somebody has put it there, for us to take it for the client's
		return false, sqlerr.New(sqlerr.ProtocolViolation, "received unencrypted data after SSL request")
	}
	if _, err := c.net.Write([]byte{'S'}); err != nil {
		return false, nil
	}
	return c.encrypt(ctx), nil
}

// encrypt makes the connection one of TLS.
func (c *conn) encrypt(ctx context.Context) bool {
	raw := c.net
	secure := tls.Server(&buffered{Conn: raw, in: c.small}, c.server.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		c.server.cfg.Logger.Debug("a TLS handshake failed", "client", raw.RemoteAddr().String(), "error", err)
		return false
	}
	c.mu.Lock()
	c.net = secure
	c.mu.Unlock()
	c.small = bufio.NewReaderSize(secure, readBytes)
	c.in = c.small
	c.secure, c.binding = true, c.server.binding
	return true
}

// buffered is a connection of which something has been read ahead.
type buffered struct {
	net.Conn
	in *bufio.Reader
}

// Read implements net.Conn.
func (b *buffered) Read(p []byte) (int, error) { return b.in.Read(p) }

// Binding is the data of channel binding tls-server-end-point (RFC 5929): the hash of the certificate, by the hash of
// its signature; nil where none is defined.
func Binding(cfg *tls.Config) []byte {
	if cfg == nil || len(cfg.Certificates) == 0 || len(cfg.Certificates[0].Certificate) == 0 {
		return nil
	}
	der := cfg.Certificates[0].Certificate[0]
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	switch alg := cert.SignatureAlgorithm; {
	case slices.Contains([]x509.SignatureAlgorithm{x509.SHA384WithRSA, x509.ECDSAWithSHA384, x509.SHA384WithRSAPSS}, alg):
		sum := sha512.Sum384(der)
		return sum[:]
	case slices.Contains([]x509.SignatureAlgorithm{x509.SHA512WithRSA, x509.ECDSAWithSHA512, x509.SHA512WithRSAPSS}, alg):
		sum := sha512.Sum512(der)
		return sum[:]
	case alg == x509.PureEd25519 || alg == x509.UnknownSignatureAlgorithm:
		return nil // RFC 5929 does not say by which hash
	}
	sum := sha256.Sum256(der)
	return sum[:]
}
