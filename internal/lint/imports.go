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

// imports finds imports that go up or sideways. Tests may use internal in addition.
func (t *Tree) imports(f *File) []Finding {
	var out []Finding
	top, _, _ := strings.Cut(f.Path, "/")
	allowed, known := mayImport[top]
	if !known {
		return []Finding{t.at(f, f.Syntax.Package, "directory %s is not in the table of internal/lint/imports.go", top)}
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
