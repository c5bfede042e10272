package fn

import (
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// Table is one overload of a set-returning function: every row of its arguments gives any number of rows. It stands in
// FROM, where its rows have the columns Cols, or in a SELECT list, where they are one value each (the column, or a
// struct of the columns when there are several).
type Table struct {
	Name     string
	Args     []types.Type // may hold the pseudo-types of polymorphic.go
	Variadic bool         // the last of Args repeats
	// Cols are the columns of the result; pseudo-types stand for what they stand for in Args. Without a name, a column
	// has that of the function.
	Cols []types.Field
	// Resolve, when set, decides over polymorphic overloads: it is given the actual argument types (types.Unknown for
	// untyped literals) and returns the types to convert them to and the columns of the result.
	Resolve func(args []types.Type) (params []types.Type, cols []types.Field, ok bool)
	// Record functions give the columns of a column definition list. The planner describes them by a NULL struct before
	// the arguments.
	Record bool
	// Strict functions give no rows when an argument is NULL; Call.Null then marks such rows and the kernel leaves them
	// out.
	Strict           bool
	Volatile, Stable bool // as in Scalar
	Kernel           TableKernel
	Doc              Doc // the value of an example is its rows, separated by semicolons, with commas between columns
}

// TableKernel computes a set-returning function: for every one of the c.N rows of the arguments, in order, it appends
// rows to out and ends them with EndRow. A row that fails is reported to c and gives none.
type TableKernel func(c *Call, args []*vec.Column, out *Rows)

// Rows are the rows that a set-returning function gives.
type Rows struct {
	Cols []*vec.Column // all of one length
	Ends []int         // Ends[i] is how many rows there are after those of row i of the arguments
}

// Value reports whether the one column of the function is a value and not the field of a row.
func (f *Table) Value() bool { return len(f.Args) == 0 || f.Args[0] != AnyStruct }

// NewRows returns no rows of these columns.
func NewRows(cols []types.Field) *Rows {
	r := &Rows{}
	for _, f := range cols {
		r.Cols = append(r.Cols, vec.NewColumn(f.Type))
	}
	return r
}

// Reset removes all rows and keeps the memory.
func (r *Rows) Reset() {
	r.Ends = r.Ends[:0]
	for _, c := range r.Cols {
		c.Reset()
	}
}

// Len is how many rows there are.
func (r *Rows) Len() int { return r.Cols[0].Len() }

// EndRow says that the rows of the next row of the arguments are complete.
func (r *Rows) EndRow() { r.Ends = append(r.Ends, r.Len()) }

// Run computes the rows of f for n rows of arguments, marking those that a strict function leaves out.
func (f *Table) Run(c *Call, args []*vec.Column, out *Rows) {
	if f.Strict {
		for _, a := range args {
			for i := 0; a.Null != nil && i < c.N; i++ {
				if a.IsNull(i) {
					if c.Null == nil {
						c.Null = make([]bool, c.N)
					}
					c.Null[i] = true
				}
			}
		}
	}
	f.Kernel(c, args, out)
}

// tablewise makes a kernel of a function that appends the rows of one row of arguments to the columns of the result.
func tablewise(f func(r Row, out []*vec.Column) error) TableKernel {
	return func(c *Call, args []*vec.Column, out *Rows) {
		for i := range c.N {
			start := out.Len()
			if !c.Skips(i) {
				if err := f(Row{c, args, i}, out.Cols); err != nil {
					for _, col := range out.Cols {
						col.Truncate(start)
					}
					c.Fail(i, err)
				}
			}
			out.EndRow()
		}
	}
}

// ResolveTable does for set-returning functions what ResolveScalar does for others; it returns the columns of the
// result in place of a type.
func ResolveTable(name string, args []types.Type) (*Table, []types.Type, []types.Field, error) {
	fs := tables[name]
	os := make([]overload, len(fs))
	for i, f := range fs {
		os[i] = overload{args: f.Args, variadic: f.Variadic}
		if f.Resolve != nil {
			os[i].resolve = func(args []types.Type) ([]types.Type, types.Type, bool) {
				params, _, ok := f.Resolve(args)
				return params, types.Unknown, ok
			}
		}
	}
	c, ambiguous := resolve(os, args)
	if c == nil {
		return nil, nil, nil, noFunction(name, args, ambiguous)
	}
	if err := c.check(); err != nil {
		return nil, nil, nil, err
	}
	f := fs[c.at]
	declared := f.Cols
	if f.Resolve != nil {
		have := make([]types.Type, len(args))
		for i, t := range args {
			have[i] = base(t)
		}
		_, declared, _ = f.Resolve(have)
	}
	cols := make([]types.Field, len(declared))
	for i, col := range declared {
		cols[i] = types.Field{Name: col.Name, Type: c.bound.apply(col.Type, types.Unknown)}
		if col.Name == "" {
			cols[i].Name = name
		}
	}
	return f, c.to, cols, nil
}
