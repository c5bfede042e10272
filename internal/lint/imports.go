package lint

import (
	"slices"
	"strconv"
	"strings"
)

// mayImport says what each directory at the top may import of ours besides itself: the table of docs/architecture.md.
var mayImport = map[string][]string{
	"sql":      nil,
	"log":      nil,
	"cluster":  {"log"},
	"planner":  {"sql"},
	"engine":   {"sql", "planner", "log", "cluster"},
	"pgwire":   {"sql"},
	"kafka":    {"log"},
	"cmd":      {"sql", "log", "cluster", "planner", "engine", "pgwire", "kafka"},
	"internal": nil,
	"testdata": nil,
}

// imports finds imports that go up or sideways. Tests may use internal in addition. The tests of the whole and the
// programs for developers that live there, such as the benchmarks, introduce the parts to one another as cmd does.
func (t *Tree) imports(f *File) []Finding {
	var out []Finding
	top, _, _ := strings.Cut(f.Path, "/")
	allowed, known := mayImport[top]
	if !known {
		return []Finding{t.at(f, f.Syntax.Package, "directory %s is not in the table of internal/lint/imports.go", top)}
	}
	if top == "internal" && (f.Test || f.Syntax.Name.Name == "main") {
		allowed = mayImport["cmd"]
	}
	for _, spec := range f.Syntax.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil || name != Module && !strings.HasPrefix(name, Module+"/") {
			continue
		}
		target, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(name, Module), "/"), "/")
		if target == top || slices.Contains(allowed, target) || f.Test && target == "internal" {
			continue
		}
		out = append(out, t.at(f, spec.Pos(), "%s must not import %s", top, target))
	}
	return out
}
