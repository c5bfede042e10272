package fn

import (
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// This file turns plain functions into kernels. Arithmetic and comparison have loops of their own; everything else
// is one call of a Go function per row, over typed slices (unary, pairwise) or through a Row (rowwise).

// fixed is the Go type of a column's values of one fixed-size class.
type fixed interface {
	bool | int64 | float64 | types.Decimal | types.Interval
}

// values returns the slice of c that holds values of type T.
func values[T fixed](c *vec.Column) []T {
	var s any
	switch any((*T)(nil)).(type) {
	case *bool:
		s = c.Bool
	case *int64:
		s = c.Int
	case *float64:
		s = c.Float
	case *types.Decimal:
		s = c.Dec
	case *types.Interval:
		s = c.Ivl
	}
	return s.([]T)
}

// results gives out n rows and returns the slice to store them in.
func results[T fixed](out *vec.Column, n int) []T {
	out.SetLen(n)
	return values[T](out)
}

// step is how far to move in a column from row to row: nowhere in a constant one.
func step(c *vec.Column) int {
	if c.Const {
		return 0
	}
	return 1
}

// unary makes a kernel of a function that cannot fail.
func unary[A, R fixed](f func(A) R) Kernel {
	return func(c *Call, args []*vec.Column, out *vec.Column) {
		a, sa := values[A](args[0]), step(args[0])
		r := results[R](out, c.N)
		for i := range r {
			r[i] = f(a[i*sa])
		}
	}
}

// unaryErr makes a kernel of a function that may fail.
func unaryErr[A, R fixed](f func(A) (R, error)) Kernel {
	return func(c *Call, args []*vec.Column, out *vec.Column) {
		a, sa := values[A](args[0]), step(args[0])
		r := results[R](out, c.N)
		for i := range r {
			if c.Skips(i) {
				continue
			}
			v, err := f(a[i*sa])
			if err != nil {
				c.Fail(i, err)
			}
			r[i] = v
		}
	}
}

// pairwise makes a kernel of a function of two arguments that cannot fail.
func pairwise[A, B, R fixed](f func(A, B) R) Kernel {
	return func(c *Call, args []*vec.Column, out *vec.Column) {
		a, sa := values[A](args[0]), step(args[0])
		b, sb := values[B](args[1]), step(args[1])
		r := results[R](out, c.N)
		for i := range r {
			r[i] = f(a[i*sa], b[i*sb])
		}
	}
}

// pairwiseErr makes a kernel of a function of two arguments that may fail.
func pairwiseErr[A, B, R fixed](f func(A, B) (R, error)) Kernel {
	return func(c *Call, args []*vec.Column, out *vec.Column) {
		a, sa := values[A](args[0]), step(args[0])
		b, sb := values[B](args[1]), step(args[1])
		r := results[R](out, c.N)
		for i := range r {
			if c.Skips(i) {
				continue
			}
			v, err := f(a[i*sa], b[i*sb])
			if err != nil {
				c.Fail(i, err)
			}
			r[i] = v
		}
	}
}

// flip exchanges the arguments of a kernel of two.
func flip(k Kernel) Kernel {
	return func(c *Call, args []*vec.Column, out *vec.Column) {
		k(c, []*vec.Column{args[1], args[0]}, out)
	}
}

// textText makes a kernel of a function that appends its result to dst, which already holds other rows.
func textText(f func(dst, s []byte) []byte) Kernel {
	return func(c *Call, args []*vec.Column, out *vec.Column) {
		a := args[0]
		out.Grow(c.N)
		for i := range c.N {
			if c.Skips(i) {
				out.AppendNull()
				continue
			}
			out.Data = f(out.Data, a.Bytes(a.At(i)))
			out.CloseBytes()
		}
	}
}

// textInt makes a kernel of a function from text to a number.
func textInt(f func(s []byte) int64) Kernel {
	return func(c *Call, args []*vec.Column, out *vec.Column) {
		a := args[0]
		r := results[int64](out, c.N)
		for i := range r {
			r[i] = f(a.Bytes(a.At(i)))
		}
	}
}

// textTextInt makes a kernel of a function of two texts that gives a number.
func textTextInt(f func(s, t []byte) int64) Kernel {
	return func(c *Call, args []*vec.Column, out *vec.Column) {
		a, b := args[0], args[1]
		r := results[int64](out, c.N)
		for i := range r {
			r[i] = f(a.Bytes(a.At(i)), b.Bytes(b.At(i)))
		}
	}
}

// textTextBool makes a kernel of a predicate over two texts.
func textTextBool(f func(s, t []byte) bool) Kernel {
	return func(c *Call, args []*vec.Column, out *vec.Column) {
		a, b := args[0], args[1]
		r := results[bool](out, c.N)
		for i := range r {
			r[i] = f(a.Bytes(a.At(i)), b.Bytes(b.At(i)))
		}
	}
}

// Row is one row of a function's arguments, read by position. It is passed by value and kept by nobody.
type Row struct {
	*Call
	args []*vec.Column
	i    int
}

// Args returns how many arguments there are.
func (r Row) Args() int { return len(r.args) }

// IsNull reports whether argument k is NULL.
func (r Row) IsNull(k int) bool { return r.args[k].IsNull(r.i) }

// Bool returns argument k.
func (r Row) Bool(k int) bool { return r.args[k].Bool[r.args[k].At(r.i)] }

// Int returns argument k.
func (r Row) Int(k int) int64 { return r.args[k].Int[r.args[k].At(r.i)] }

// Float returns argument k.
func (r Row) Float(k int) float64 { return r.args[k].Float[r.args[k].At(r.i)] }

// Dec returns argument k.
func (r Row) Dec(k int) types.Decimal { return r.args[k].Dec[r.args[k].At(r.i)] }

// Ivl returns argument k.
func (r Row) Ivl(k int) types.Interval { return r.args[k].Ivl[r.args[k].At(r.i)] }

// Bytes returns argument k as a view.
func (r Row) Bytes(k int) []byte { return r.args[k].Bytes(r.args[k].At(r.i)) }

// Text returns a copy of argument k.
func (r Row) Text(k int) string { return string(r.Bytes(k)) }

// Col returns the column of argument k and the row in it.
func (r Row) Col(k int) (*vec.Column, int) { return r.args[k], r.args[k].At(r.i) }

// List returns the elements of argument k, a list or map, as a range of its Kids.
func (r Row) List(k int) (c *vec.Column, lo, hi int) {
	c = r.args[k]
	if c.Len() == 0 || len(c.Off) == 0 {
		return c, 0, 0
	}
	i := c.At(r.i)
	return c, int(c.Off[i]), int(c.Off[i+1])
}

// rowwise makes a kernel of a function that appends one value to out for every row, or returns an error having
// appended nothing.
func rowwise(f func(r Row, out *vec.Column) error) Kernel {
	return func(c *Call, args []*vec.Column, out *vec.Column) {
		out.Grow(c.N)
		for i := range c.N {
			if c.Skips(i) {
				out.AppendNull()
				continue
			}
			if err := f(Row{c, args, i}, out); err != nil {
				out.Truncate(i)
				out.AppendNull()
				c.Fail(i, err)
			}
		}
	}
}

// in lists the argument types of a declaration.
func in(ts ...types.Type) []types.Type { return ts }

// ex is a list of examples: an expression, its value, an expression, its value …
func ex(pairs ...string) []Example {
	es := make([]Example, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		es = append(es, Example{pairs[i], pairs[i+1]})
	}
	return es
}

// alias declares the same overloads under another name.
func alias(name, of string, from []Scalar) []Scalar {
	var fs []Scalar
	for _, f := range from {
		if f.Name == of {
			f.Name = name
			f.Doc = Doc{Summary: "Another name of " + of + ".", Category: from[0].Doc.Category}
			fs = append(fs, f)
		}
	}
	return fs
}

// limits returns the range of an integer type and its name for messages.
func limits(k types.Kind) (lo, hi int64, name string) {
	switch k {
	case types.KindInt2:
		return -1 << 15, 1<<15 - 1, "smallint"
	case types.KindInt4:
		return -1 << 31, 1<<31 - 1, "integer"
	default:
		return -1 << 63, 1<<63 - 1, "bigint"
	}
}

func outOfRange(typeName string) error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "%s out of range", typeName)
}

func divisionByZero() error { return sqlerr.New(sqlerr.DivisionByZero, "division by zero") }
