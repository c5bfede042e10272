package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/leatdb/leat/cluster"
)

// TestKafkaFailover kills the leader while an idempotent producer and a group's consumer go on, both of which know the
// other nodes: every record is there once, in order, and the group goes on where it had committed.
func TestKafkaFailover(t *testing.T) {
	c := serveTrio(t)
	i := c.leader()
	stays := (i + 1) % 3
	seeds := kgo.SeedBrokers(c.nodes[stays].kafka, c.nodes[(i+2)%3].kafka)
	producer := c.nodes[stays].client(seeds, kgo.AllowAutoTopicCreation(), kgo.ProducerBatchMaxBytes(4<<10))
	consumer := c.nodes[stays].client(seeds, kgo.ConsumeTopics("t"), kgo.ConsumerGroup("g"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	const records = 5000
	var wait sync.WaitGroup
	failed := make(chan error, records)
	for n := range records {
		if n == records/3 {
			c.kill(i)
		}
		wait.Add(1)
		producer.Produce(t.Context(), &kgo.Record{Topic: "t", Value: fmt.Appendf(nil, "%06d", n)},
			func(_ *kgo.Record, err error) {
				if err != nil {
					failed <- err
				}
				wait.Done()
			})
	}
	wait.Wait()
	select {
	case err := <-failed:
		t.Fatal(err)
	default:
	}
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	next := 0
	for next < records && ctx.Err() == nil {
		fetches := consumer.PollFetches(ctx)
		fetches.EachRecord(func(r *kgo.Record) {
			if want := fmt.Sprintf("%06d", next); string(r.Value) != want {
				t.Fatalf("record %s where %s belongs", r.Value, want)
			}
			next++
		})
	}
	if next < records {
		t.Fatalf("%d of %d records were read", next, records)
	}
	if err := consumer.CommitUncommittedOffsets(ctx); err != nil {
		t.Fatal(err)
	}
	c.start(i)
	c.whole()
}

// TestClusterTLS: nodes prove to each other who they are, and a tool without a certificate gets no answer.
func TestClusterTLS(t *testing.T) {
	dir := t.TempDir()
	ca := makeCertificates(t, dir)
	secure := []string{"--cluster-tls-ca", ca, "--cluster-tls-cert", filepath.Join(dir, "node.crt"),
		"--cluster-tls-key", filepath.Join(dir, "node.key")}
	first, second := freeAddr(t), freeAddr(t)
	serve(t, filepath.Join(dir, "1"), append(secure, "--cluster", first)...)
	p := serve(t, filepath.Join(dir, "2"), append(secure, "--cluster", second, "--join", first)...)
	conn := p.connect()
	execute(t, conn, "CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)")
	var nodes int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM leat_catalog.nodes WHERE up").Scan(&nodes); err != nil ||
		nodes != 2 {
		t.Errorf("%d nodes, %v", nodes, err)
	}
	stranger := cluster.NewClient(cluster.Peers{})
	defer stranger.Close()
	if _, err := stranger.Status(t.Context(), first); err == nil {
		t.Error("a stranger was answered")
	}
	cfg := config{data: dir, peerCA: ca, peerCert: filepath.Join(dir, "node.crt"), peerKey: filepath.Join(dir, "node.key")}
	known, err := cfg.peerTLS()
	if err != nil {
		t.Fatal(err)
	}
	tool := cluster.NewClient(cluster.Peers{TLS: known})
	defer tool.Close()
	s, err := tool.Status(t.Context(), second)
	if err != nil || len(s.Nodes) != 2 {
		t.Fatal(s, err)
	}
	var shown strings.Builder
	if err := printStatus(&shown, s, false); err != nil || !strings.Contains(shown.String(), "leader") {
		t.Error(shown.String(), err)
	}
}

// makeCertificates makes an authority and a certificate of loopback by it, and returns the authority's file.
func makeCertificates(t *testing.T, dir string) string {
	t.Helper()
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	caKey, nodeKey := key(), key()
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	path := write("ca.crt", "CERTIFICATE", der)
	node := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "node"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	if der, err = x509.CreateCertificate(rand.Reader, node, ca, &nodeKey.PublicKey, caKey); err != nil {
		t.Fatal(err)
	}
	write("node.crt", "CERTIFICATE", der)
	if der, err = x509.MarshalECPrivateKey(nodeKey); err != nil {
		t.Fatal(err)
	}
	write("node.key", "EC PRIVATE KEY", der)
	return path
}
