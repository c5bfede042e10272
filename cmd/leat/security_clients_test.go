//go:build clients

package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPsqlPassword logs psql in, over TLS whose certificate it checks and without.
func TestPsqlPassword(t *testing.T) {
	t.Setenv("LEAT_PASSWORD", "se cret'")
	dir := t.TempDir()
	p := serve(t, dir, "--tls", "auto")
	_, port, err := net.SplitHostPort(p.pg)
	if err != nil {
		t.Fatal(err)
	}
	psql := func(user, password, options, sql string) string {
		cmd := exec.CommandContext(t.Context(), "psql", "-XAtw", "host=localhost port="+port+" dbname=leat user="+user+" "+options,
			"-c", sql)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "PGPASSWORD=" + password}
		out, _ := cmd.CombinedOutput() // what is wrong is in it
		return strings.TrimSpace(string(out))
	}
	secure := "sslmode=verify-full sslrootcert=" + filepath.Join(dir, "tls", "server.crt")
	for _, x := range []struct{ user, password, options, want string }{
		{"leat", "se cret'", secure, "leat"},
		{"leat", "se cret'", secure + " channel_binding=require", "leat"},
		{"leat", "se cret'", "sslmode=disable", "leat"},
		{"leat", "wrong", secure, `password authentication failed for user "leat"`},
		{"nobody", "wrong", secure, `password authentication failed for user "nobody"`},
		{"leat", "", "sslmode=disable", "no password supplied"},
		{"leat", "se cret'", "sslmode=verify-full", "root certificate"},
	} {
		if got := psql(x.user, x.password, x.options, "SELECT current_user"); !strings.Contains(got, x.want) {
			t.Errorf("%s, %q, %s: %s", x.user, x.password, x.options, got)
		}
	}
	psql("leat", "se cret'", secure, `CREATE USER eve PASSWORD 'ⅸ é'`)
	if got := psql("eve", "ix e\u0301", secure, "SELECT current_user"); got != "eve" {
		t.Errorf("a password that SASLprep makes the same: %s", got)
	}
}

// TestKcatPassword lets kcat produce and consume with every mechanism, over TLS and without.
func TestKcatPassword(t *testing.T) {
	t.Setenv("LEAT_PASSWORD", "secret")
	dir := t.TempDir()
	p := serve(t, dir, "--tls", "auto", "--kafka-tls", "127.0.0.1:0")
	sql, err := p.as("leat", "secret", "sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	execute(t, sql, `CREATE STREAM s (a int); CREATE USER ada PASSWORD 'countess'; GRANT SELECT, INSERT ON s TO ada`)
	kcat := func(stdin, addr, protocol, mechanism, password string, args ...string) (string, error) {
		all := append([]string{"-b", addr, "-X", "security.protocol=" + protocol, "-X", "sasl.mechanisms=" + mechanism,
			"-X", "sasl.username=ada", "-X", "sasl.password=" + password, "-X", "message.timeout.ms=5000",
			"-X", "ssl.ca.location=" + filepath.Join(dir, "tls", "server.crt"), "-t", "s"}, args...)
		cmd := exec.CommandContext(t.Context(), "kcat", all...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	n := 0
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		for _, x := range [][2]string{{"SASL_PLAINTEXT", p.kafka}, {"SASL_SSL", strings.Replace(p.secure, "127.0.0.1", "localhost", 1)}} {
			if out, err := kcat(`{"a":1}`+"\n", x[1], x[0], mechanism, "countess", "-P"); err != nil {
				t.Errorf("%s %s: %v\n%s", x[0], mechanism, err, out)
				continue
			}
			n++
			out, err := kcat("", x[1], x[0], mechanism, "countess", "-C", "-e", "-q", "-o", "beginning")
			if err != nil || strings.Count(out, `{"a":1}`) != n {
				t.Errorf("%s %s: %v\n%s", x[0], mechanism, err, out)
			}
		}
		if out, err := kcat("x\n", p.kafka, "SASL_PLAINTEXT", mechanism, "wrong", "-P"); err == nil {
			t.Errorf("%s with a wrong password: %s", mechanism, out)
		}
	}
	var rows int
	if err := sql.QueryRow(t.Context(), "SELECT count(*) FROM s").Scan(&rows); err != nil || rows != 6 {
		t.Errorf("%d rows, %v", rows, err)
	}
}
