//go:build clients

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leatdb/leat/internal/golden"
)

// TestPostgresClients runs programs written with clients of PostgreSQL, each against a server of its own that has
// testdata/postgres/schema.sql. They check what they see themselves, push queries among it, and print "ok" at the end.
// testdata/postgres/install.sh installs what they need.
func TestPostgresClients(t *testing.T) {
	root := golden.Root(t)
	build, programs := filepath.Join(root, "build", "clients"), filepath.Join(root, "testdata", "postgres")
	schema, err := os.ReadFile(filepath.Join(programs, "schema.sql"))
	if err != nil {
		t.Fatal(err)
	}
	python := func(program string) []string {
		return []string{filepath.Join(build, "postgres-python", "bin", "python"), filepath.Join(programs, "python", program)}
	}
	java := filepath.Join(build, "postgres-java")
	for name, command := range map[string][]string{
		"psql":       {filepath.Join(programs, "psql.sh")},
		"pgbench":    {filepath.Join(programs, "pgbench.sh")},
		"psycopg2":   python("psycopg2_client.py"),
		"psycopg":    python("psycopg_client.py"),
		"sqlalchemy": python("sqlalchemy_client.py"),
		"pgcli":      python("pgcli_client.py"),
		"django":     python("django_client.py"),
		"odbc":       python("odbc_client.py"),
		"jdbc":       {"java", "-cp", filepath.Join(java, "classes") + ":" + filepath.Join(java, "lib", "*"), "Jdbc"},
		"node":       {"node", filepath.Join(build, "postgres-node", "client.js")},
		"orm":        {"node", filepath.Join(build, "postgres-node", "orm.js")},
		"go":         {filepath.Join(build, "postgres-go")},
	} {
		t.Run(name, func(t *testing.T) {
			p := serve(t, t.TempDir())
			execute(t, p.connect(), string(schema))
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			out, err := exec.CommandContext(ctx, command[0], append(command[1:], p.pg)...).CombinedOutput()
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			if err != nil || lines[len(lines)-1] != "ok" {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
