//go:build clients

package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/leatdb/leat/internal/golden"
)

// example is an example in a document: SQL, and what psql prints, where the document shows it.
var example = regexp.MustCompile("(?s)```sql\n(.*?)```\n(?:```text\n(.*?)```\n)?")

// source is how psql begins a message about a script.
var source = regexp.MustCompile(`(?m)^psql:<stdin>:\d+: `)

// TestDocuments runs the examples of every document in one session of psql on a fresh server, and compares what it
// prints with the document. With -update it rewrites the document instead.
func TestDocuments(t *testing.T) {
	const root = "../.."
	paths, err := filepath.Glob(root + "/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(paths, root+"/README.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		examples := example.FindAllSubmatch(text, -1)
		if len(examples) == 0 {
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			printed := runExamples(t, root, examples)
			i := -1
			got := example.ReplaceAllFunc(text, func(old []byte) []byte {
				if i++; examples[i][2] == nil {
					if strings.Contains(printed[i], "ERROR") {
						t.Errorf("%s\n%s", examples[i][1], printed[i])
					}
					return old
				}
				return fmt.Appendf(nil, "```sql\n%s```\n```text\n%s\n```\n", examples[i][1], printed[i])
			})
			switch {
			case bytes.Equal(got, text):
			case golden.Updating():
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			default:
				for i, x := range examples {
					if x[2] != nil && string(x[2]) != printed[i]+"\n" {
						t.Errorf("%s\nprints\n%s\nbut the document says\n%s", x[1], printed[i], x[2])
					}
				}
			}
		})
	}
}

// runExamples returns what psql prints for each example.
func runExamples(t *testing.T, dir string, examples [][][]byte) []string {
	t.Helper()
	p := serve(t, t.TempDir())
	const mark = "\x01\n"
	var script strings.Builder
	for _, x := range examples {
		script.WriteString(string(x[1]) + "\\echo " + mark)
	}
	host, port, err := net.SplitHostPort(p.pg)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "psql", "-X", "-h", host, "-p", port, "-U", "leat", "-f", "-")
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
	cmd.Stdin = strings.NewReader(script.String())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("psql: %v\n%s", err, out)
	}
	printed := strings.Split(string(out), mark)
	if len(printed) != len(examples)+1 {
		t.Fatalf("psql ended before the last example:\n%s", out)
	}
	for i, text := range printed {
		lines := strings.Split(strings.Trim(source.ReplaceAllString(text, ""), "\n"), "\n")
		for j := range lines {
			lines[j] = strings.TrimRight(lines[j], " ")
		}
		printed[i] = strings.Join(lines, "\n")
	}
	return printed
}
