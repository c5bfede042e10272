package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/scram"
)

// users introduces both doors to the roles in the catalog.
type users struct{ of cataloger }

// A cataloger has the newest catalog.
type cataloger interface{ Catalog() *catalog.Snapshot }

// Trusts implements pgwire.Authenticator: as long as the first superuser has no password, nobody else who has none
// needs one either, from this machine.
func (u users) Trusts(user string, remote net.Addr) bool {
	cat := u.of.Catalog()
	if first, _ := cat.Role(catalog.Bootstrap); first.Verifiers != nil || !local(remote) {
		return false
	}
	r, ok := cat.Role(user)
	return !ok || r.Verifiers == nil // who is not there is told so
}

// Verifier implements pgwire.Authenticator.
func (u users) Verifier(user string) scram.Verifier { return u.verifier(scram.SHA256, user) }

func (u users) verifier(m scram.Mechanism, user string) scram.Verifier {
	if r, ok := u.of.Catalog().Role(user); ok {
		if v, ok := r.Verifier(m); ok {
			return v
		}
	}
	return scram.Mock(m, user)
}

// local reports whether an address is of this machine.
func local(a net.Addr) bool {
	host, _, err := net.SplitHostPort(a.String())
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}

// initialPassword gives the first superuser the password that LEAT_PASSWORD or a file says, unless it has one.
func (c *config) initialPassword(ctx context.Context, e *engine.Engine) error {
	password := c.password
	if c.passwordFile != "" {
		text, err := os.ReadFile(c.passwordFile)
		if err != nil {
			return fmt.Errorf("--password-file: %w", err)
		}
		password = strings.TrimRight(string(text), "\r\n")
		if password == "" {
			return errors.New("--password-file: the file is empty")
		}
	}
	if password == "" {
		return nil
	}
	verifiers, err := catalog.Verifiers(password)
	if err != nil {
		return err
	}
	return e.ChangeRoles(ctx, func(cat *catalog.Snapshot) (engine.RoleChange, error) {
		first, _ := cat.Role(catalog.Bootstrap)
		if first.Verifiers != nil {
			return engine.RoleChange{}, nil
		}
		r := *first
		r.Verifiers = verifiers
		return engine.RoleChange{Put: []*catalog.Role{&r}}, nil
	})
}

// checkOpen refuses addresses that others can reach while the first superuser has no password.
func (c *config) checkOpen(cat *catalog.Snapshot) error {
	if first, _ := cat.Role(catalog.Bootstrap); first.Verifiers != nil {
		return nil
	}
	for _, a := range []struct{ flag, addr string }{{"pg", c.pg}, {"kafka", c.kafka}, {"kafka-tls", c.kafkaTLS}} {
		if a.addr != "" && !isLoopback(a.addr) {
			return fmt.Errorf("--%s %s can be reached from other machines, and user %s has no password: "+
				"set LEAT_PASSWORD or --password-file for the first start, or ALTER USER %s PASSWORD '…' over loopback",
				a.flag, a.addr, catalog.Bootstrap, catalog.Bootstrap)
		}
	}
	return nil
}

// isLoopback reports whether an address is one of this machine alone.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// tls loads the certificate, or with "auto" makes one. It is nil where none is asked for.
func (c *config) tls() (*tls.Config, error) {
	cert, key := c.tlsCert, c.tlsKey
	if c.tlsMode == "auto" {
		dir := filepath.Join(c.data, "tls")
		cert, key = filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key")
		if _, err := os.Stat(cert); errors.Is(err, fs.ErrNotExist) {
			if err := selfSigned(dir, cert, key); err != nil {
				return nil, fmt.Errorf("--tls auto: %w", err)
			}
		}
	}
	if cert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// selfSigned makes a certificate for this machine that nobody vouches for. Clients may be given it to trust.
func selfSigned(dir, cert, key string) error {
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	now := time.Now()
	about := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: host},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0), BasicConstraintsValid: true, IsCA: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{host, "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &secret.PublicKey, secret)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}
