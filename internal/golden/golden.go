// Package golden runs tests written as text: files of cases, each a comment that says why, an input and the output
// expected of it. Files live in the repository's testdata directory and look like this:
//
//	-- A stream without rows gives an empty answer.
//	SELECT count(*) FROM flights;
//	----
//	0
//
//	# Output that has blank lines of its own is fenced on both sides.
//	SHOW notes;
//	----
//	----
//	first
//
//	second
//	----
//	----
//
// Lines that start with -- or # before an input are its comment; inside an input they belong to it. An input ends at
// the line ----, an expected output at a blank line or at the end of the file.
//
// Run with -update, or with LEAT_UPDATE=1 in the environment where packages without golden tests take part
// (make golden), the tests rewrite the expected outputs in place and leave everything else as it was.
package golden

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", os.Getenv("LEAT_UPDATE") != "", "rewrite the expected parts of golden files")

// Updating reports whether this run rewrites what is expected instead of comparing with it.
func Updating() bool { return *update }

// Case is one case of a golden file.
type Case struct {
	File    string // the path as given to the runner, relative to testdata
	Line    int    // the line number of the input's first line
	Comment string // the comment's lines, their marks included
	Input   string // without the final newline
	Want    string // every line ends in a newline; empty when nothing is expected

	head string // the file's text from the end of the case before up to and including the line ----
}

// Run runs fn on every case of the files that pattern names and compares what it returns with what the file expects.
// See Files for what a pattern may be.
func Run(t *testing.T, pattern string, fn func(t *testing.T, c *Case) string) {
	t.Helper()
	RunFiles(t, pattern, func(*testing.T) func(*testing.T, *Case) string { return fn })
}

// RunFiles is Run for cases that build on one another: start is called once for each file, in the file's own subtest
// (its t.Cleanup is the place to stop what it starts), and returns the function for that file's cases. They run in
// order.
func RunFiles(t *testing.T, pattern string, start func(t *testing.T) func(t *testing.T, c *Case) string) {
	t.Helper()
	files := Files(t, pattern)
	if len(files) == 0 {
		t.Fatalf("no golden file matches %q", pattern)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.ToSlash(relative(file)), ".txt")
		t.Run(name, func(t *testing.T) { runFile(t, file, start(t)) })
	}
}

// Cases returns the cases of a file.
func Cases(t *testing.T, file string) []Case {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cases, _, err := parse(relative(file), string(text))
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

func runFile(t *testing.T, file string, fn func(t *testing.T, c *Case) string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cases, tail, err := parse(relative(file), string(text))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for i := range cases {
		c := &cases[i]
		got := c.Want // kept when fn ends the test early
		t.Run(fmt.Sprintf("line%d", c.Line), func(t *testing.T) {
			got = normal(fn(t, c))
			if got != c.Want && !*update {
				t.Errorf("%s:%d:\n%s\n---- want\n%s---- got\n%s", c.File, c.Line, c.Input, c.Want, got)
			}
		})
		out.WriteString(c.head + fence(got))
	}
	out.WriteString(tail)
	if *update && out.String() != string(text) {
		if err := os.WriteFile(file, []byte(out.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// Files returns the golden files that pattern names, sorted: a file, a glob, or a directory with everything below it.
// A pattern is relative to the repository's testdata directory unless it is absolute or starts with a dot.
func Files(t *testing.T, pattern string) []string {
	t.Helper()
	if !filepath.IsAbs(pattern) && !strings.HasPrefix(pattern, ".") {
		pattern = filepath.Join(Root(t), "testdata", pattern)
	}
	pattern, err := filepath.Abs(pattern)
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, root := range found {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && (path == root || strings.HasSuffix(path, ".txt")) {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// Root returns the repository's top directory: the nearest one above the test that holds go.mod.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, e := os.Stat(filepath.Join(dir, "go.mod")); e == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	t.Fatalf("no go.mod above the test's directory: %v", err)
	return ""
}

// relative cuts everything up to the last testdata directory off path.
func relative(path string) string {
	mark := string(filepath.Separator) + "testdata" + string(filepath.Separator)
	if i := strings.LastIndex(path, mark); i >= 0 {
		return path[i+len(mark):]
	}
	return path
}

// normal ends every line of non-empty output with a newline and drops blank lines at the end.
func normal(out string) string {
	if out = strings.TrimRight(out, "\n"); out == "" {
		return ""
	}
	return out + "\n"
}

const mark = "----"

// fence returns expected output as it stands in a file after the line ----.
func fence(out string) string {
	for line := range strings.Lines(out) {
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, mark) {
			return mark + "\n" + out + mark + "\n" + mark + "\n"
		}
	}
	return out
}

// parse splits a file into its cases and what follows the last one.
func parse(file, text string) (cases []Case, tail string, err error) {
	lines := strings.SplitAfter(text, "\n")
	for n := 0; ; {
		start, comment := n, ""
		for n < len(lines) && (strings.TrimSpace(lines[n]) == "" || isComment(lines[n])) {
			if isComment(lines[n]) {
				comment += lines[n]
			}
			n++
		}
		if n == len(lines) {
			return cases, strings.Join(lines[start:], ""), nil
		}
		first := n
		for n < len(lines) && chomp(lines[n]) != mark {
			n++
		}
		if n == len(lines) {
			return nil, "", fmt.Errorf("%s:%d: the case has no line %q", file, first+1, mark)
		}
		c := Case{File: file, Line: first + 1, Comment: comment, Input: chomp(strings.Join(lines[first:n], ""))}
		n++
		c.head = strings.Join(lines[start:n], "")
		if c.Want, n, err = parseWant(lines, n); err != nil {
			return nil, "", fmt.Errorf("%s:%d: %w", file, first+1, err)
		}
		cases = append(cases, c)
	}
}

// parseWant reads the expected output that starts at line n and returns the number of the line after it.
func parseWant(lines []string, n int) (string, int, error) {
	start := n
	if n == len(lines) || chomp(lines[n]) != mark {
		for n < len(lines) && strings.TrimSpace(lines[n]) != "" {
			n++
		}
		return normal(strings.Join(lines[start:n], "")), n, nil
	}
	for n++; n+1 < len(lines); n++ {
		last := n+2 == len(lines) || chomp(lines[n+2]) != mark // the output's own last line may be a mark
		if chomp(lines[n]) == mark && chomp(lines[n+1]) == mark && last {
			return normal(strings.Join(lines[start+1:n], "")), n + 2, nil
		}
	}
	return "", n, fmt.Errorf("the fenced output does not end in two lines %q", mark)
}

func isComment(line string) bool {
	return strings.HasPrefix(line, "#") || strings.HasPrefix(line, "--") && chomp(line) != mark
}

func chomp(line string) string { return strings.TrimRight(line, "\r\n") }
