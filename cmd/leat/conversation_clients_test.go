//go:build clients

package main

import (
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/leatdb/leat/internal/golden"
	"github.com/leatdb/leat/internal/pgtest"
)

// TestConversationsOfPostgres wants what Leat's clients receive in testdata/conversation to be what PostgreSQL's do,
// but for the parameters that are reported, and where errors say they are: Leat has a position for more of them.
func TestConversationsOfPostgres(t *testing.T) {
	if golden.Updating() { // the files hold what Leat says
		return
	}
	admin, err := pgx.Connect(t.Context(), pgtest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(t.Context())
	execute(t, admin, "CREATE ROLE leat SUPERUSER LOGIN")
	socket := filepath.Join(admin.Config().Host, ".s.PGSQL.5432")
	golden.RunFiles(t, "conversation/*.txt", func(t *testing.T) func(*testing.T, *golden.Case) string {
		execute(t, admin, "DROP DATABASE IF EXISTS leat WITH (FORCE)")
		execute(t, admin, "CREATE DATABASE leat OWNER leat")
		return func(t *testing.T, gc *golden.Case) string {
			if strings.Contains(gc.Comment, "Leat alone") {
				return gc.Want
			}
			got := talk(t, func() (net.Conn, error) { return net.Dial("unix", socket) }).Run(gc.Input)
			if comparable(got) == comparable(gc.Want) {
				return gc.Want
			}
			return got
		}
	})
}

var leftOut = regexp.MustCompile(`(?m)^ParameterStatus .*\n| (hint|position|where)="([^"\\]|\\.)*"`)

func comparable(out string) string { return leftOut.ReplaceAllString(out, "") }
