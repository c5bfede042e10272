package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leatdb/leat/sql/catalog"
)

// environment is a fake of os.LookupEnv.
type environment map[string]string

func (e environment) lookup(name string) (string, bool) { v, ok := e[name]; return v, ok }

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "leat.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfigPrecedence(t *testing.T) {
	file := writeConfig(t, `
# a comment
data = /from/file
pg = 127.0.0.1:1
http = "127.0.0.1:3"
checkpoint-interval = '5s'
`)
	env := environment{"LEAT_DATA": "/from/env", "LEAT_PG": "127.0.0.1:2", "LEAT_LOG_LEVEL": "debug", "LEAT_CONFIG": file}
	c, err := load([]string{"--data", "/from/flag"}, env.lookup)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ what, got, want string }{
		{"data, of the flag", c.data, "/from/flag"},
		{"pg, of the environment", c.pg, "127.0.0.1:2"},
		{"http, of the file", c.http, "127.0.0.1:3"},
		{"log-level, of the environment", c.logLevel, "debug"},
		{"checkpoint-interval, of the file", c.checkpoint.String(), "5s"},
		{"kafka, by default", c.kafka, "127.0.0.1:9092"},
	} {
		if x.got != x.want {
			t.Errorf("%s: %q, want %q", x.what, x.got, x.want)
		}
	}
}

func TestConfigDefaults(t *testing.T) {
	c, err := load(nil, environment{}.lookup)
	if err != nil {
		t.Fatal(err)
	}
	want := config{data: "./leat-data", pg: "127.0.0.1:5433", kafka: "127.0.0.1:9092", autoCreate: true, partitions: 1, placement: "home",
		http: "127.0.0.1:7880", follow: true,
		logLevel: "info", checkpoint: 10 * time.Second, reserve: 64, stateMemory: "25%"}
	if *c != want {
		t.Errorf("%+v, want %+v", *c, want)
	}
}

// TestConfigOpen checks which addresses need a password.
func TestConfigOpen(t *testing.T) {
	cat := catalog.New(1, nil)
	for addr, closed := range map[string]bool{"127.0.0.1:0": true, "127.9.9.9:1": true, "[::1]:5433": true,
		"localhost:5433": true, "0.0.0.0:5433": false, ":5433": false, "192.0.2.1:1": false, "db.test:5433": false} {
		for _, flag := range []string{"--pg", "--kafka"} {
			c, err := load([]string{flag, addr}, environment{}.lookup)
			if err != nil {
				t.Fatal(err)
			}
			err = c.checkOpen(cat)
			if (err == nil) != closed || err != nil && !strings.Contains(err.Error(), flag+" "+addr) {
				t.Errorf("%s %s: %v", flag, addr, err)
			}
			first := &catalog.Role{Name: catalog.Bootstrap, Verifiers: []string{"…"}}
			if err := c.checkOpen(cat.WithRoles([]*catalog.Role{first})); err != nil {
				t.Errorf("%s %s with a password: %v", flag, addr, err)
			}
		}
	}
}

func TestConfigBad(t *testing.T) {
	for _, x := range []struct {
		args []string
		env  environment
		file string
		want string // a part of the error
	}{
		{args: []string{"extra"}, want: `unexpected argument "extra"`},
		{args: []string{"--nonsense"}, want: "nonsense"},
		{args: []string{"--config", "/does/not/exist"}, want: "/does/not/exist"},
		{args: []string{"--cluster", "7881"}, want: "--cluster"},
		{args: []string{"--cluster", "0.0.0.0:7881"}, want: "--advertise"},
		{args: []string{"--cluster-plain"}, want: "--join"},
		{args: []string{"--join", "10.0.0.1:7881", "--cluster-tls-ca", "ca.crt"}, want: "need each other"},
		{args: []string{"--tls", "on"}, want: "it is auto"},
		{args: []string{"--tls-cert", "a.crt"}, want: "need each other"},
		{args: []string{"--tls", "auto", "--tls-cert", "a.crt"}, want: "one of them"},
		{args: []string{"--kafka-tls", "127.0.0.1:9093"}, want: "needs a certificate"},
		{args: []string{"--password-file", "f"}, env: environment{"LEAT_PASSWORD": "x"}, want: "one of them"},
		{args: []string{"--pg", "127.0.0.1"}, want: "--pg"},
		{args: []string{"--kafka-partitions", "0"}, want: "--kafka-partitions"},
		{args: []string{"--kafka-placement", "away"}, want: "--kafka-placement"},
		{args: []string{"--checkpoint-interval", "1ms"}, want: "--checkpoint-interval"},
		{args: []string{"--checkpoint-interval", "soon"}, want: "checkpoint-interval"},
		{args: []string{"--reserve", "0"}, want: "--reserve"},
		{args: []string{"--state-memory", "much"}, want: "--state-memory"},
		{args: []string{"--state-memory", "120%"}, want: "--state-memory"},
		{env: environment{"LEAT_RESERVE": "much"}, want: "LEAT_RESERVE"},
		{file: "colour = red", want: `line 1: "colour = red" is not a setting`},
		{file: "\nno equals sign", want: "line 2"},
		{file: "config = other", want: "is not a setting"},
		{file: "reserve = much", want: "line 1"},
	} {
		args := x.args
		if x.file != "" {
			args = []string{"--config", writeConfig(t, x.file)}
		}
		c, err := load(args, x.env.lookup)
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%q %v %q: %+v, %v; want an error with %q", x.args, x.env, x.file, c, err, x.want)
		}
	}
}

func TestLogLevel(t *testing.T) {
	if _, err := newLogger("loud"); err == nil || !strings.Contains(err.Error(), "--log-level") {
		t.Error(err)
	}
}
