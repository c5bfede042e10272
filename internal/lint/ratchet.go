package lint

import (
	"bytes"
	"fmt"
	"go/ast"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The limits on size. Tests are free of them.
const (
	maxFuncLines   = 70
	maxFileLines   = 600
	maxMethods     = 4
	maxLineRunes   = 120
	ratchetComment = "# How much of the code is larger than the house likes: see ratchet.go. Counts may only fall.\n" +
		"# After lowering one: go test ./internal/lint -count=1 -update\n"
)

// measures are the counts of the ratchet, in the order of its file.
var measures = []string{
	fmt.Sprintf("functions over %d lines", maxFuncLines),
	fmt.Sprintf("files over %d lines", maxFileLines),
	fmt.Sprintf("interfaces over %d methods", maxMethods),
	fmt.Sprintf("lines over %d characters", maxLineRunes),
}

// Sizes returns what is too large, by measure.
func (t *Tree) Sizes() map[string][]Finding {
	out := map[string][]Finding{}
	add := func(measure int, f Finding) { out[measures[measure]] = append(out[measures[measure]], f) }
	for _, f := range t.files {
		if f.Test {
			continue
		}
		lines := bytes.Split(bytes.TrimSuffix(f.Source, []byte("\n")), []byte("\n"))
		if len(lines) > maxFileLines {
			add(1, t.at(f, f.Syntax.Package, "%d lines", len(lines)))
		}
		for i, line := range lines {
			if n := utf8.RuneCount(line); n > maxLineRunes {
				add(3, Finding{Path: f.Path, Line: i + 1, Message: fmt.Sprintf("%d characters", n)})
			}
		}
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if length := t.line(n.End()) - t.line(n.Pos()) + 1; length > maxFuncLines {
					add(0, t.at(f, n.Pos(), "%s has %d lines", n.Name.Name, length))
				}
			case *ast.TypeSpec:
				if i, ok := n.Type.(*ast.InterfaceType); ok && i.Methods.NumFields() > maxMethods {
					add(2, t.at(f, n.Pos(), "%s has %d methods", n.Name.Name, i.Methods.NumFields()))
				}
			}
			return true
		})
	}
	return out
}

// parseRatchet reads the counts of ratchet.txt.
func parseRatchet(text string) (map[string]int, error) {
	counts := map[string]int{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, _ := strings.Cut(line, ": ")
		n, err := strconv.Atoi(value)
		if err != nil {
			return nil, fmt.Errorf("ratchet.txt: %q is not a count", line)
		}
		counts[name] = n
	}
	return counts, nil
}

// formatRatchet is the inverse of parseRatchet.
func formatRatchet(counts map[string]int) string {
	var b strings.Builder
	b.WriteString(ratchetComment)
	for _, name := range measures {
		fmt.Fprintf(&b, "%s: %d\n", name, counts[name])
	}
	return b.String()
}

// turn compares what was counted with what is allowed. It returns the lower of both, and a complaint for every count
// that is not the allowed one.
func turn(allowed map[string]int, sizes map[string][]Finding) (lower map[string]int, complaints []string) {
	lower = map[string]int{}
	for _, name := range measures {
		n := len(sizes[name])
		limit, known := allowed[name]
		if !known {
			limit = n
		}
		lower[name] = min(n, limit)
		if n < limit {
			complaints = append(complaints, fmt.Sprintf(
				"%s fell from %d to %d: lower ratchet.txt with go test ./internal/lint -count=1 -update", name, limit, n))
		}
		if n > limit {
			text := fmt.Sprintf("%s rose from %d to %d:", name, limit, n)
			for _, f := range sizes[name] {
				text += "\n\t" + f.String()
			}
			complaints = append(complaints, text)
		}
	}
	return lower, complaints
}
