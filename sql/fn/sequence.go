package fn

import (
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// Sequences are the sequences of the database, as one session sees them.
type Sequences interface {
	// Next draws the next number of the sequence with that number in pg_class.
	Next(id int64) (int64, error)
	// Current is the number that the session drew last of a sequence.
	Current(id int64) (int64, error)
	// Last is the number that the session drew last of any.
	Last() (int64, error)
	// Set lets a sequence go on with a number, or with the one after it when that has been drawn.
	Set(id, n int64, drawn bool) error
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
	set := func(s Sequences, r Row) (int64, error) {
		id, err := r.sequence()
		if err != nil {
			return 0, err
		}
		return r.Int(1), s.Set(id, r.Int(1), r.Args() < 3 || r.Bool(2))
	}
	of := func(f func(s Sequences, id int64) (int64, error)) Kernel {
		return number(func(s Sequences, r Row) (int64, error) {
			id, err := r.sequence()
			if err != nil {
				return 0, err
			}
			return f(s, id)
		})
	}
	var out []Scalar
	for i, arg := range []types.Type{text, types.Regclass} {
		doc := func(summary string) Doc {
			if i > 0 {
				return Doc{}
			}
			return Doc{Category: "session", Summary: summary}
		}
		out = append(out,
			Scalar{Name: "nextval", Args: in(arg), Ret: i8, Strict: true, Volatile: true, Kernel: of(Sequences.Next),
				Doc: doc("Draws the next number of a sequence.")},
			Scalar{Name: "currval", Args: in(arg), Ret: i8, Strict: true, Volatile: true, Kernel: of(Sequences.Current),
				Doc: doc("Gives the number that the session has drawn last of a sequence.")},
			Scalar{Name: "setval", Args: in(arg, i8), Ret: i8, Strict: true, Volatile: true, Kernel: number(set),
				Doc: doc("Lets a sequence go on behind a number.")},
			Scalar{Name: "setval", Args: in(arg, i8, types.Bool), Ret: i8, Strict: true, Volatile: true, Kernel: number(set)})
	}
	return append(out,
		Scalar{Name: "lastval", Ret: i8, Strict: true, Volatile: true,
			Kernel: number(func(s Sequences, _ Row) (int64, error) { return s.Last() }),
			Doc:    Doc{Category: "session", Summary: "Gives the number that the session has drawn last of any sequence."}})
}

// sequence is the number in pg_class of the sequence that argument 0 names or numbers.
func (r Row) sequence() (int64, error) {
	if col, _ := r.Col(0); col.Type.Class() == types.ClassInt {
		return r.Int(0), nil
	}
	if r.Env.Catalog == nil {
		return 0, sqlerr.New(sqlerr.FeatureNotSupported, "there are no sequences here")
	}
	schema, name := SplitName(r.Text(0))
	ids := r.Env.Catalog.Find("pg_class", schema, name)
	if len(ids) == 0 {
		if schema != "" {
			name = schema + "." + name
		}
		return 0, sqlerr.New(sqlerr.UndefinedTable, "relation \"%s\" does not exist", name)
	}
	return ids[0], nil
}
