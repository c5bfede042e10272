package lint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/leatdb/leat/internal/golden"
)

func load(t *testing.T) *Tree {
	t.Helper()
	tree, err := Load(os.DirFS(golden.Root(t)))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestRules(t *testing.T) {
	for _, f := range load(t).Check() {
		t.Error(f)
	}
}

func TestRatchet(t *testing.T) {
	file := filepath.Join(golden.Root(t), "internal", "lint", "ratchet.txt")
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	allowed, err := parseRatchet(string(text))
	if err != nil {
		t.Fatal(err)
	}
	lower, complaints := turn(allowed, load(t).Sizes())
	if golden.Updating() {
		if err := os.WriteFile(file, []byte(formatRatchet(lower)), 0o666); err != nil {
			t.Fatal(err)
		}
		_, complaints = turn(lower, load(t).Sizes())
	}
	for _, c := range complaints {
		t.Error(c)
	}
}

// An input is files, each after a line with its path; the output is what the rules find in them.
func TestFindings(t *testing.T) {
	golden.Run(t, "./testdata/rules.txt", func(t *testing.T, c *golden.Case) string {
		tree, err := Load(sources(c.Input))
		if err != nil {
			return err.Error()
		}
		var b strings.Builder
		for _, f := range tree.Check() {
			fmt.Fprintln(&b, f)
		}
		return b.String()
	})
}

func sources(text string) fstest.MapFS {
	files := fstest.MapFS{}
	var last *fstest.MapFile
	for line := range strings.Lines(text + "\n") {
		if name, ok := strings.CutPrefix(line, "== "); ok {
			last = &fstest.MapFile{}
			files[strings.TrimSpace(name)] = last
			continue
		}
		last.Data = append(last.Data, line...)
	}
	return files
}

func TestSizes(t *testing.T) {
	long := "// Package log is long.\npackage log\n\ntype wide interface{ A(); B(); C(); D(); E() }\n\n" +
		"func tall() {\n" + strings.Repeat("\t_ = 0\n", 69) + "}\n\n// " + strings.Repeat("é", 118) + "\n"
	long += strings.Repeat("\n", 600-strings.Count(long, "\n")) + "func short() {}\n"
	tree, err := Load(fstest.MapFS{
		"log/long.go": {Data: []byte(long)}, "log/long_test.go": {Data: []byte(long)}, "log/testdata/x.go": {},
	})
	if err != nil {
		t.Fatal(err)
	}
	sizes := tree.Sizes()
	for name, want := range map[string]string{
		"functions over 70 lines":   "[log/long.go:6: tall has 71 lines]",
		"files over 600 lines":      "[log/long.go:2: 601 lines]",
		"interfaces over 4 methods": "[log/long.go:4: wide has 5 methods]",
		"lines over 120 characters": "[log/long.go:78: 121 characters]",
	} {
		if got := fmt.Sprint(sizes[name]); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

// The counts of the file may fall, never rise.
func TestTurn(t *testing.T) {
	sizes := map[string][]Finding{measures[0]: make([]Finding, 2), measures[1]: make([]Finding, 5)}
	allowed, err := parseRatchet("# why\n\n" + measures[0] + ": 3\n" + measures[1] + ": 4\n" + measures[2] + ": 0\n")
	if err != nil {
		t.Fatal(err)
	}
	lower, complaints := turn(allowed, sizes)
	if len(complaints) != 2 || !strings.Contains(complaints[0], "fell from 3 to 2") ||
		!strings.Contains(complaints[1], "rose from 4 to 5") {
		t.Error(complaints)
	}
	again, err := parseRatchet(formatRatchet(lower))
	if err != nil || fmt.Sprint(again) != fmt.Sprint(map[string]int{
		measures[0]: 2, measures[1]: 4, measures[2]: 0, measures[3]: 0,
	}) {
		t.Error(again, err)
	}
	if _, err := parseRatchet("files: many\n"); err == nil {
		t.Error("a count that is no number")
	}
}
