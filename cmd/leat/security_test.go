package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	saslplain "github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// as connects a user with a password.
func (p *process) as(user, password, options string) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig("postgres://" + p.pg + "/leat?" + options)
	if err != nil {
		p.t.Fatal(err)
	}
	cfg.User, cfg.Password = user, password
	conn, err := pgx.ConnectConfig(p.t.Context(), cfg)
	if err == nil {
		p.t.Cleanup(func() { conn.Close(context.Background()) })
	}
	return conn, err
}

// wantCode checks the SQLSTATE of an error.
func wantCode(t *testing.T, what string, err error, want string) {
	t.Helper()
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != want {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
}

// TestPasswords sets the first password from a file, and finds users, their passwords and grants after a kill.
func TestPasswords(t *testing.T) {
	dir := t.TempDir()
	p := serve(t, dir)
	conn := p.connect()
	if _, err := p.as("stranger", "", "sslmode=disable"); err == nil {
		t.Error("a stranger was let in")
	} else {
		wantCode(t, "a stranger", err, "28000")
	}
	execute(t, conn, `CREATE TABLE t (id int PRIMARY KEY); CREATE USER ada PASSWORD 'countess'; CREATE USER bob;
		GRANT SELECT ON t TO ada`)
	if _, err := p.as("bob", "", "sslmode=disable"); err != nil {
		t.Errorf("bob, who has no password, while nobody needs one: %v", err)
	}
	_, err := p.as("ada", "", "sslmode=disable")
	wantCode(t, "ada without her password", err, "28P01")
	p.terminate(syscall.SIGTERM)

	file := filepath.Join(dir, "password")
	if err := os.WriteFile(file, []byte("first\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p = serve(t, dir, "--password-file", file)
	_ = p.cmd.Process.Kill()
	<-p.exited
	t.Setenv("LEAT_PASSWORD", "another, which does not count")
	p = serve(t, dir, "--pg", "0.0.0.0:0", "--kafka", "0.0.0.0:0")
	p.pg = strings.Replace(p.pg, "[::]", "127.0.0.1", 1)
	for _, x := range []struct{ user, password, code string }{
		{"leat", "first", ""}, {"leat", "", "28P01"}, {"leat", "another, which does not count", "28P01"},
		{"ada", "countess", ""}, {"ada", "wrong", "28P01"}, {"bob", "", "28P01"}, {"stranger", "first", "28P01"},
	} {
		conn, err := p.as(x.user, x.password, "sslmode=disable")
		if x.code != "" {
			wantCode(t, x.user, err, x.code)
		} else if err != nil {
			t.Errorf("%s: %v", x.user, err)
		} else if x.user == "ada" {
			execute(t, conn, "SELECT * FROM t")
			_, err := conn.Exec(t.Context(), "INSERT INTO t VALUES (1)")
			wantCode(t, "ada's insert", err, "42501")
		}
	}
	p.terminate(syscall.SIGTERM)
	for _, path := range filesBelow(t, dir) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "countess") {
			t.Errorf("%s has a password in it", path)
		}
	}
	if strings.Contains(p.log.String(), "countess") || strings.Contains(p.log.String(), "first") {
		t.Errorf("the log has a password in it:\n%s", p.log)
	}
}

func filesBelow(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestClosed: nobody else is let near a server without a password.
func TestClosed(t *testing.T) {
	for _, flag := range []string{"--pg", "--kafka"} {
		args := []string{"start", "--data", t.TempDir(), "--pg", "127.0.0.1:0", "--kafka", "", "--http", "", flag, "0.0.0.0:0"}
		out, err := exec.Command(binary, args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), flag+" 0.0.0.0:0") || !strings.Contains(string(out), "LEAT_PASSWORD") {
			t.Errorf("%s: %v\n%s", flag, err, out)
		}
	}
}

// TestTLS connects to both doors with a certificate that the server has made.
func TestTLS(t *testing.T) {
	t.Setenv("LEAT_PASSWORD", "secret")
	dir := t.TempDir()
	p := serve(t, dir, "--tls", "auto", "--kafka-tls", "127.0.0.1:0")
	cert := filepath.Join(dir, "tls", "server.crt")
	for _, options := range []string{"sslmode=verify-full&sslrootcert=" + cert,
		"sslmode=verify-full&channel_binding=require&sslrootcert=" + cert, "sslmode=require&sslnegotiation=direct"} {
		conn, err := p.as("leat", "secret", options)
		if err != nil {
			t.Errorf("%s: %v", options, err)
			continue
		}
		execute(t, conn, "SELECT 1")
		_, err = p.as("leat", "wrong", options)
		wantCode(t, options, err, "28P01")
	}
	pem, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	cl := p.client(kgo.SeedBrokers(strings.Replace(p.secure, "127.0.0.1", "localhost", 1)),
		kgo.DialTLSConfig(&tls.Config{RootCAs: roots}), kgo.SASL(saslplain.Auth{User: "leat", Pass: "secret"}.AsMechanism()))
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 1, 1, nil, "t"); err != nil {
		t.Fatal(err)
	}
	produce(t, cl, "t", "k=v")
	p.terminate(syscall.SIGTERM)
	key, err := os.Stat(filepath.Join(dir, "tls", "server.key"))
	if err != nil || key.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", key, err)
	}
	p = serve(t, dir, "--tls", "auto")
	if _, err := p.as("leat", "secret", "sslmode=verify-full&sslrootcert="+cert); err != nil {
		t.Errorf("with the certificate of before: %v", err)
	}
}

// refused checks that a client is not let in.
func refused(t *testing.T, p *process, m sasl.Mechanism) {
	t.Helper()
	cl := p.client(kgo.SASL(m), kgo.RequestRetries(0))
	if err := cl.Ping(t.Context()); !errors.Is(err, kerr.SaslAuthenticationFailed) {
		t.Errorf("%s: %v", m.Name(), err)
	}
}

// TestKafkaPasswords proves who clients are by every mechanism, and turns away those who cannot.
func TestKafkaPasswords(t *testing.T) {
	t.Setenv("LEAT_PASSWORD", "secret")
	p := serve(t, t.TempDir())
	admin, err := p.as("leat", "secret", "sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	execute(t, admin, `CREATE USER ada SUPERUSER PASSWORD 'countess'; CREATE ROLE closed PASSWORD 'x' NOLOGIN`)
	for _, name := range []string{"ada", "closed", "nobody"} {
		for _, password := range []string{"countess", "wrong"} {
			auth := scram.Auth{User: name, Pass: password}
			for _, m := range []sasl.Mechanism{saslplain.Auth{User: name, Pass: password}.AsMechanism(),
				auth.AsSha256Mechanism(), auth.AsSha512Mechanism()} {
				if name != "ada" || password != "countess" {
					refused(t, p, m)
				} else if err := p.client(kgo.SASL(m)).Ping(t.Context()); err != nil {
					t.Errorf("%s: %v", m.Name(), err)
				}
			}
		}
	}
	if err := p.client(kgo.RequestRetries(0)).Ping(t.Context()); err == nil {
		t.Error("a client that says nothing was let in")
	}
	// Kafka's tools make users too, and change their passwords.
	cl := kadm.NewClient(p.client(kgo.SASL(saslplain.Auth{User: "leat", Pass: "secret"}.AsMechanism())))
	set, err := cl.AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{
		{User: "eve", Mechanism: kadm.ScramSha512, Iterations: 4096, Password: "apple"},
		{User: "ada", Mechanism: kadm.ScramSha256, Iterations: 4096, Password: "other"}})
	if err != nil || !set.Ok() {
		t.Fatalf("%v, %v", set, err)
	}
	known, err := cl.DescribeUserSCRAMs(t.Context(), "eve", "ada", "nobody")
	if err != nil || len(known["eve"].CredInfos) != 1 || len(known["ada"].CredInfos) != 2 ||
		!errors.Is(known["nobody"].Err, kerr.ResourceNotFound) {
		t.Errorf("%v, %v", known, err)
	}
	if err := p.client(kgo.SASL(scram.Auth{User: "eve", Pass: "apple"}.AsSha512Mechanism())).Ping(t.Context()); err != nil {
		t.Errorf("eve: %v", err)
	}
	if _, err := p.as("ada", "other", "sslmode=disable"); err != nil {
		t.Errorf("ada with the password of Kafka's tool: %v", err)
	}
}

// TestKafkaACLs grants by one door and uses it at the other.
func TestKafkaACLs(t *testing.T) {
	t.Setenv("LEAT_PASSWORD", "secret")
	dir := t.TempDir()
	p := serve(t, dir)
	sql, err := p.as("leat", "secret", "sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	execute(t, sql, `CREATE USER ada PASSWORD 'countess'; CREATE STREAM s (a int);
		CREATE TABLE ta (id int PRIMARY KEY, n int); INSERT INTO s VALUES (1)`)
	login := func(user, password string) kgo.Opt {
		return kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha256Mechanism())
	}
	boss := kadm.NewClient(p.client(login("leat", "secret")))
	ada := p.client(login("ada", "countess"), kgo.RecordRetries(0))
	write := func(topic string) error {
		return ada.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte(`{"a":2}`)}).FirstErr()
	}
	want := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	read := func(topic string) error {
		got, err := kadm.NewClient(ada).ListEndOffsets(t.Context(), topic)
		if err != nil {
			return err
		}
		return got.Error()
	}
	want("writing", write("s"), kerr.TopicAuthorizationFailed)
	want("listing", read("s"), kerr.TopicAuthorizationFailed)
	if topics, err := kadm.NewClient(ada).ListTopics(t.Context()); err != nil || len(topics) != 0 {
		t.Errorf("ada sees %v, %v", topics.Names(), err)
	}
	_, err = kadm.NewClient(ada).CreateTopic(t.Context(), 1, 1, nil, "mine")
	want("creating", err, kerr.TopicAuthorizationFailed)
	_, err = kadm.NewClient(ada).DeleteTopic(t.Context(), "s")
	want("deleting", err, kerr.TopicAuthorizationFailed)
	allow := func(who string, b *kadm.ACLBuilder, by *kadm.Client) error {
		results, err := by.CreateACLs(t.Context(), b.Allow("User:"+who).AllowHosts("*"))
		for _, r := range results {
			err = errors.Join(err, r.Err)
		}
		return err
	}
	literal := func(ops ...kadm.ACLOperation) *kadm.ACLBuilder {
		return kadm.NewACLs().ResourcePatternType(kadm.ACLPatternLiteral).Operations(ops...)
	}
	want("granting herself", allow("ada", literal(kadm.OpAll).Topics("*"), kadm.NewClient(ada)),
		kerr.ClusterAuthorizationFailed)

	// What SQL grants on a relation, Kafka's clients may do with its topic.
	execute(t, sql, "GRANT SELECT, INSERT ON s TO ada; GRANT INSERT ON ta TO ada")
	want("writing after GRANT", write("s"), nil)
	want("listing after GRANT", read("s"), nil)
	want("writing to a table with INSERT alone", write("ta"), kerr.TopicAuthorizationFailed)
	listed, err := boss.DescribeACLs(t.Context(), kadm.NewACLs().ResourcePatternType(kadm.ACLPatternAny).AnyResource().
		Operations(kadm.OpAny).Allow().AllowHosts())
	var names []string
	for _, l := range listed {
		for _, a := range l.Described {
			names = append(names, fmt.Sprint(a.Principal, " ", a.Type, " ", a.Name, " ", a.Operation))
		}
	}
	slices.Sort(names)
	if got := strings.Join(names, ", "); err != nil || got != "User:ada TOPIC s READ, User:ada TOPIC s WRITE" {
		t.Errorf("the ACLs are %s, %v", got, err)
	}

	// A group is a matter of its own.
	consumer := p.client(login("ada", "countess"), kgo.ConsumerGroup("ada-1"), kgo.ConsumeTopics("s"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err := consumer.PollFetches(t.Context()).Err(); !errors.Is(err, kerr.GroupAuthorizationFailed) {
		t.Errorf("consuming without a group: %v", err)
	}
	consumer.Close()
	want("allowing groups", allow("ada", kadm.NewACLs().ResourcePatternType(kadm.ACLPatternPrefixed).
		Operations(kadm.OpRead).Groups("ada-"), boss), nil)
	consume(t, p.client(login("ada", "countess"), kgo.ConsumerGroup("ada-1"), kgo.ConsumeTopics("s"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())), 2)

	// And the other way round; nobody is known by the name of "nobody".
	want("allowing topics", allow("ada", kadm.NewACLs().ResourcePatternType(kadm.ACLPatternPrefixed).
		Operations(kadm.OpRead, kadm.OpWrite, kadm.OpCreate).Topics("t"), boss), nil)
	want("allowing nobody", allow("nobody", literal(kadm.OpRead).Topics("s"), boss), kerr.InvalidRequest)
	denied, err := boss.CreateACLs(t.Context(), literal(kadm.OpRead).Topics("s").Deny("User:ada").DenyHosts("*"))
	if err != nil || len(denied) != 1 || !errors.Is(denied[0].Err, kerr.InvalidRequest) {
		t.Errorf("a denial: %v, %v", denied, err)
	}
	if _, err := kadm.NewClient(ada).CreateTopic(t.Context(), 1, 1, nil, "tb"); err != nil {
		t.Error(err)
	}
	want("a transaction", transactional(t, p, login("ada", "countess")), kerr.TransactionalIDAuthorizationFailed)
	p.terminate(syscall.SIGTERM)

	p = serve(t, dir)
	hers, err := p.as("ada", "countess", "sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	execute(t, hers, "SELECT * FROM ta; DELETE FROM ta; INSERT INTO ta VALUES (1, 1)")
	boss = kadm.NewClient(p.client(login("leat", "secret")))
	if _, err := boss.DeleteACLs(t.Context(), kadm.NewACLs().ResourcePatternType(kadm.ACLPatternAny).Topics().
		Operations(kadm.OpRead).Allow("User:ada").AllowHosts()); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"SELECT * FROM ta", "SELECT * FROM s"} {
		_, err := hers.Exec(t.Context(), query)
		wantCode(t, query, err, "42501")
	}
	execute(t, hers, "INSERT INTO s VALUES (3)")
}

// transactional tries to begin a transaction.
func transactional(t *testing.T, p *process, login kgo.Opt) error {
	t.Helper()
	cl := p.client(login, kgo.TransactionalID("x"), kgo.RecordRetries(0))
	if err := cl.BeginTransaction(); err != nil {
		return err
	}
	return cl.ProduceSync(t.Context(), &kgo.Record{Topic: "s", Value: []byte("{}")}).FirstErr()
}
