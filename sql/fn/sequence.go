package fn

import (
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// Sequences are the sequences of the database, as one session sees them.
type Sequences interface {
	// Next draws the next number of a sequence.
	Next(name string) (int64, error)
	// Current is the number that the session drew last of a sequence.
	Current(name string) (int64, error)
	// Last is the number that the session drew last of any.
	Last() (int64, error)
	// Set lets a sequence go on with a number, or with the one after it when that has been drawn.
	Set(name string, n int64, drawn bool) error
}

// sequenceDecls declares the functions of sequences.
func sequenceDecls() []Scalar {
	text, i8 := types.Text, types.Int8
	number := func(f func(s Sequences, r Row) (int64, error)) Kernel {
		return rowwise(func(r Row, out *vec.Column) error {
			if r.Env.Sequences == nil {
				return sqlerr.New(sqlerr.FeatureNotSupported, "there are no sequences here")
			}
			n, err := f(r.Env.Sequences, r)
			if err == nil {
				out.AppendInt(n)
			}
			return err
		})
	}
	named := func(r Row) string { // the argument is the number of a sequence
		if r.Env.Catalog != nil {
			if schema, name, ok := r.Env.Catalog.Name("pg_class", r.Int(0)); ok {
				return QuoteIdent(schema) + "." + QuoteIdent(name)
			}
		}
		return ""
	}
	set := func(s Sequences, r Row) (int64, error) {
		return r.Int(1), s.Set(r.Text(0), r.Int(1), r.Args() < 3 || r.Bool(2))
	}
	return []Scalar{
		{Name: "nextval", Args: in(text), Ret: i8, Strict: true, Volatile: true,
			Kernel: number(func(s Sequences, r Row) (int64, error) { return s.Next(r.Text(0)) }),
			Doc:    Doc{Category: "session", Summary: "Draws the next number of a sequence."}},
		{Name: "currval", Args: in(text), Ret: i8, Strict: true, Volatile: true,
			Kernel: number(func(s Sequences, r Row) (int64, error) { return s.Current(r.Text(0)) }),
			Doc:    Doc{Summary: "Gives the number that the session has drawn last of a sequence."}},
		{Name: "lastval", Ret: i8, Strict: true, Volatile: true,
			Kernel: number(func(s Sequences, _ Row) (int64, error) { return s.Last() }),
			Doc:    Doc{Summary: "Gives the number that the session has drawn last of any sequence."}},
		{Name: "nextval", Args: in(types.Regclass), Ret: i8, Strict: true, Volatile: true,
			Kernel: number(func(s Sequences, r Row) (int64, error) { return s.Next(named(r)) })},
		{Name: "currval", Args: in(types.Regclass), Ret: i8, Strict: true, Volatile: true,
			Kernel: number(func(s Sequences, r Row) (int64, error) { return s.Current(named(r)) })},
		{Name: "setval", Args: in(text, i8), Ret: i8, Strict: true, Volatile: true, Kernel: number(set),
			Doc: Doc{Category: "session", Summary: "Lets a sequence go on behind a number."}},
		{Name: "setval", Args: in(text, i8, types.Bool), Ret: i8, Strict: true, Volatile: true, Kernel: number(set)},
	}
}
