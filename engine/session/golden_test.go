package session_test

import (
	"strings"
	"testing"
	"time"

	"github.com/leatdb/leat/internal/golden"
)

// TestGolden runs testdata/sql: each file is a server of its own. An input is SQL; what follows a line <<< in it is the
// data of a COPY. The input "restart" closes the server and opens it again; "clock" and a time sets its clock; "connect"
// and a name goes on as that user.
func TestGolden(t *testing.T) {
	golden.RunFiles(t, "sql/*.txt", func(t *testing.T) func(*testing.T, *golden.Case) string {
		dir := t.TempDir()
		s := open(t, dir)
		c := s.session()
		t.Cleanup(func() { s.close() })
		return func(t *testing.T, gc *golden.Case) string {
			if strings.TrimSpace(gc.Input) == "restart" {
				s.close()
				s = openAt(t, dir, s.clock)
				c = s.session()
				return ""
			}
			if at, is := strings.CutPrefix(strings.TrimSpace(gc.Input), "clock "); is {
				moment, err := time.Parse(time.RFC3339, at)
				if err != nil {
					t.Fatal(err)
				}
				s.at.Store(&moment)
				return ""
			}
			if user, is := strings.CutPrefix(strings.TrimSpace(gc.Input), "connect "); is {
				next, err := s.sessionOf(user)
				if err != nil {
					return errorText(err)
				}
				c = next
				return ""
			}
			sql, data, isCopy := strings.Cut(gc.Input, "\n<<<\n")
			if isCopy {
				return c.run(sql, data+"\n")
			}
			return c.run(sql)
		}
	})
}
