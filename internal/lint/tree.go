// Package lint holds the rules of the house that a compiler does not know, as tests over the source of the whole
// repository: which directory may import which, that packages and exported names are documented, that tests do not
// sleep or skip, that no notes or dead code are left behind, and a ratchet on size (see ratchet.txt).
//
// Run it with -count=1: Go's cache of test results does not see the files of other packages.
package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"sort"
	"strings"
)

// Module is the path that our own imports begin with.
const Module = "github.com/leatdb/leat"

// File is one Go file of the tree.
type File struct {
	Path   string // relative to the top, with slashes
	Dir    string
	Test   bool
	Source []byte
	Syntax *ast.File
}

// Tree is the parsed source of the repository.
type Tree struct {
	fset  *token.FileSet
	files []*File
}

// Finding is one breach of a rule.
type Finding struct {
	Path    string
	Line    int
	Message string
}

// String prints the finding as compilers do.
func (f Finding) String() string { return fmt.Sprintf("%s:%d: %s", f.Path, f.Line, f.Message) }

// Load parses every Go file below the top of fsys, except in testdata and hidden directories.
func Load(fsys fs.FS) (*Tree, error) {
	t := &Tree{fset: token.NewFileSet()}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != "." && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		return t.add(fsys, name)
	})
	return t, err
}

func (t *Tree) add(fsys fs.FS, name string) error {
	source, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	syntax, err := parser.ParseFile(t.fset, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	if ast.IsGenerated(syntax) {
		return nil
	}
	t.files = append(t.files, &File{
		Path: name, Dir: path.Dir(name), Test: strings.HasSuffix(name, "_test.go"), Source: source, Syntax: syntax,
	})
	return nil
}

func (t *Tree) line(p token.Pos) int { return t.fset.Position(p).Line }

// at returns a finding at p.
func (t *Tree) at(f *File, p token.Pos, format string, args ...any) Finding {
	return Finding{Path: f.Path, Line: t.line(p), Message: fmt.Sprintf(format, args...)}
}

// Check returns the breaches of all rules but the ratchet's, sorted by place.
func (t *Tree) Check() []Finding {
	var all []Finding
	for _, rule := range []func(*File) []Finding{t.imports, t.notes, t.deadCode, t.sleeps, t.exported} {
		for _, f := range t.files {
			all = append(all, rule(f)...)
		}
	}
	all = append(all, t.packageComments()...)
	sortFindings(all)
	return all
}

func sortFindings(all []Finding) {
	sort.SliceStable(all, func(i, j int) bool {
		a, b := all[i], all[j]
		return a.Path < b.Path || a.Path == b.Path && a.Line < b.Line
	})
}
