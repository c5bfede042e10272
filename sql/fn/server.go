package fn

import (
	_ "embed" // for the list of functions
	"strings"
	"sync"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// serverLines are the functions of PostgreSQL that tell of what is not here (standbys, slots, large objects, counters
// of a heap), one a line: name, types of the arguments, type or columns of the result, how many arguments may be left
// out, what it answers, what the reference says.
//
//go:embed server.txt
var serverLines string

// A serverFunction is a line of serverLines.
type serverFunction struct {
	name, answer, summary string
	args                  []types.Type
	defaults              int
	set                   bool
	cols                  []types.Field // of a set; else the one type
}

var serverFunctions = sync.OnceValue(func() []serverFunction {
	var fs []serverFunction
	for _, line := range strings.Split(strings.TrimSpace(serverLines), "\n") {
		f := strings.Split(line, "|")
		s := serverFunction{name: f[0], answer: f[4], summary: f[5], defaults: int(number(f[3]))}
		for _, a := range strings.Split(f[1], ",") {
			if a != "" {
				s.args = append(s.args, namedType(a))
			}
		}
		result, set := strings.CutPrefix(f[2], "setof ")
		s.set = set
		for _, c := range strings.Split(result, ",") {
			name, typ, named := strings.Cut(c, " ")
			if !set || !named {
				name, typ = "", c
			}
			s.cols = append(s.cols, types.Field{Name: name, Type: namedType(typ)})
		}
		fs = append(fs, s)
	}
	return fs
})

func namedType(name string) types.Type {
	if name == `"any"` {
		return Any
	}
	t, ok := types.ByName(name)
	if !ok {
		panic("BUG: fn: type of a function: " + name)
	}
	return t
}

// overloads calls f with each list of arguments that the function may be called with.
func (s serverFunction) overloads(f func(args []types.Type, doc Doc)) {
	doc := Doc{Category: "server", Summary: s.summary}
	for left := 0; left <= s.defaults; left++ {
		f(s.args[:len(s.args)-left], doc)
		doc = Doc{Category: "server"}
	}
}

// absentDecls declares those that give one value.
func absentDecls() []Scalar {
	var fs []Scalar
	for _, s := range serverFunctions() {
		if s.set {
			continue
		}
		s.overloads(func(args []types.Type, doc Doc) {
			fs = append(fs, Scalar{Name: s.name, Args: args, Ret: s.cols[0].Type, Strict: true, Stable: true,
				Kernel: rowwise(s.value()), Doc: doc})
		})
	}
	return fs
}

// absentTables declares those that give rows: none, as there is nothing to tell of.
func absentTables() []Table {
	var fs []Table
	for _, s := range serverFunctions() {
		if !s.set {
			continue
		}
		s.overloads(func(args []types.Type, doc Doc) {
			fs = append(fs, Table{Name: s.name, Args: args, Cols: s.cols, Strict: true, Stable: true,
				Kernel: tablewise(func(Row, []*vec.Column) error { return s.refusal() }), Doc: doc})
		})
	}
	return fs
}

func (s serverFunction) value() func(r Row, out *vec.Column) error {
	switch s.answer {
	case "null":
		return null
	case "true", "false":
		return func(_ Row, out *vec.Column) error { out.AppendBool(s.answer == "true"); return nil }
	case "void":
		return func(_ Row, out *vec.Column) error { out.AppendString(""); return nil }
	case "zero":
		return func(_ Row, out *vec.Column) error {
			if out.Type.Class() == types.ClassFloat {
				out.AppendFloat(0)
			} else {
				out.AppendInt(0)
			}
			return nil
		}
	}
	return func(Row, *vec.Column) error { return s.refusal() }
}

// refusal is the error of a function that can only fail; nil for others.
func (s serverFunction) refusal() error {
	rest, refuses := strings.CutPrefix(s.answer, "refuse ")
	if !refuses {
		return nil
	}
	code, message, _ := strings.Cut(rest, " ")
	_, hint, _ := strings.Cut(s.summary, ". ")
	return sqlerr.New(sqlerr.Code(code), "%s", message).WithHint("%s", hint)
}
