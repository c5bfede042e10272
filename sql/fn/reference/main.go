// Command reference prints the reference of functions, docs/functions.md, from the registry.
package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/types"
)

func main() {
	if _, err := os.Stdout.Write(reference()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// entry is a function with all its overloads.
type entry struct {
	name, category string
	signatures     []string
	doc            fn.Doc
}

// reference prints the whole page.
func reference() []byte {
	var b bytes.Buffer
	b.WriteString("# Functions and operators\n\n" +
		"Printed from the declarations in `sql/fn` by `go run ./sql/fn/reference`; every example is run by a test.\n" +
		"Semantics, result types and error codes are PostgreSQL's unless it says otherwise.\n")
	entries := collect()
	for _, category := range categories(entries) {
		fmt.Fprintf(&b, "\n## %s%s\n\n| | | example |\n| --- | --- | --- |\n", strings.ToUpper(category[:1]), category[1:])
		for _, e := range entries {
			if e.category == category {
				e.print(&b)
			}
		}
	}
	return b.Bytes()
}

func collect() []*entry {
	var entries []*entry
	add := func(name, signature string, doc fn.Doc) {
		if n := len(entries); n == 0 || entries[n-1].name != name || entries[n-1].category != doc.Category {
			entries = append(entries, &entry{name: name, category: doc.Category})
		}
		e := entries[len(entries)-1]
		e.signatures = append(e.signatures, signature)
		if e.doc.Summary == "" {
			e.doc = doc
		}
	}
	for _, f := range fn.Scalars() {
		add(f.Name, signature(f), f.Doc)
	}
	for _, f := range fn.Aggregates() {
		args := fn.Signature(f.Args)
		if len(f.Args) == 0 {
			args = "*"
		}
		add(f.Name, fmt.Sprintf("%s(%s) → %s", f.Name, args, fn.TypeName(f.Ret)), f.Doc)
	}
	for _, f := range fn.Tables() {
		args := f.Args
		if f.Record {
			args = args[1:]
		}
		add(f.Name, fmt.Sprintf("%s(%s) → %s", f.Name, arguments(args, f.Variadic), columns(f.Cols)), f.Doc)
	}
	for _, f := range fn.Windows() {
		add(f.Name, fmt.Sprintf("%s(%s) → %s", f.Name, fn.Signature(f.Args), fn.TypeName(f.Ret)), f.Doc)
	}
	return entries
}

// columns spells the rows of a set-returning function.
func columns(cols []types.Field) string {
	if len(cols) == 1 && cols[0].Name == "" {
		return "setof " + fn.TypeName(cols[0].Type)
	}
	if len(cols) == 0 {
		return "setof record"
	}
	spelled := make([]string, len(cols))
	for i, c := range cols {
		spelled[i] = strings.TrimSpace(c.Name + " " + fn.TypeName(c.Type))
	}
	return "setof (" + strings.Join(spelled, ", ") + ")"
}

func arguments(args []types.Type, variadic bool) string {
	s := fn.Signature(args)
	if variadic {
		s += ", …"
	}
	return s
}

func signature(f *fn.Scalar) string {
	args := arguments(f.Args, f.Variadic)
	if f.Resolve != nil {
		return f.Name + "(…)"
	}
	if op, prefix := strings.CutPrefix(f.Name, "prefix "); prefix {
		return fmt.Sprintf("%s %s → %s", op, args, fn.TypeName(f.Ret))
	}
	if c := f.Name[0]; c < 'a' || c > 'z' {
		left, right, _ := strings.Cut(args, ", ")
		return fmt.Sprintf("%s %s %s → %s", left, f.Name, right, fn.TypeName(f.Ret))
	}
	return fmt.Sprintf("%s(%s) → %s", f.Name, args, fn.TypeName(f.Ret))
}

func categories(entries []*entry) []string {
	var cs []string
	for _, e := range entries {
		if !slices.Contains(cs, e.category) {
			cs = append(cs, e.category)
		}
	}
	slices.Sort(cs)
	return cs
}

// print writes a row of the table.
func (e *entry) print(b *bytes.Buffer) {
	cell := func(s string) string { return "`" + strings.ReplaceAll(s, "|", "\\|") + "`" }
	var sigs, examples []string
	for _, s := range e.signatures {
		sigs = append(sigs, cell(s))
	}
	for _, x := range e.doc.Examples {
		want := "NULL"
		if x.Want != "" {
			want = x.Want
		}
		examples = append(examples, cell(x.SQL)+" → "+cell(want))
	}
	fmt.Fprintf(b, "| %s | %s | %s |\n", strings.Join(sigs, "<br>"), e.doc.Summary, strings.Join(examples, "<br>"))
}
