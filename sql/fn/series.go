package fn

import (
	"math"
	"time"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// seriesDecls declares generate_series and what else counts.
func seriesDecls() []Table {
	var fs []Table
	add := func(args []types.Type, ret types.Type, stable bool, k TableKernel, doc Doc) {
		fs = append(fs, Table{Name: "generate_series", Args: args, Cols: column(ret), Strict: true, Stable: stable,
			Kernel: k, Doc: doc})
	}
	for k, t := range in(types.Int4, types.Int8, types.Numeric) {
		kernel := tablewise(intSeries(t.Kind))
		if t == types.Numeric {
			kernel = tablewise(decSeries)
		}
		add(in(t, t), t, false, kernel, first(k, "set-returning", "Counts from the first argument to the second, in "+
			"steps of the third.", "generate_series(2, 4)", "2; 3; 4", "generate_series(5, 1, -2)", "5; 3; 1"))
		add(in(t, t, t), t, false, kernel, Doc{})
	}
	add(in(ts, ts, ivl), ts, false, tablewise(timeSeries), Doc{})
	add(in(tz, tz, ivl), tz, true, tablewise(timeSeries), Doc{})
	doc := Doc{Summary: "Gives the subscripts of a dimension of an array, backwards when the third argument is true.",
		Examples: ex("generate_subscripts(ARRAY['a','b'], 1)", "1; 2")}
	return append(fs,
		Table{Name: "generate_subscripts", Args: in(AnyArray, types.Int4), Cols: column(types.Int4), Strict: true,
			Kernel: tablewise(subscripts), Doc: doc},
		Table{Name: "generate_subscripts", Args: in(AnyArray, types.Int4, types.Bool), Cols: column(types.Int4),
			Strict: true, Kernel: tablewise(subscripts)})
}

// column is the one column of a set-returning function, which has the function's name.
func column(t types.Type) []types.Field { return []types.Field{{Type: t}} }

// maxSeries is how many rows one call may give.
const maxSeries = 1 << 26

func tooManyRows() error {
	return sqlerr.New(sqlerr.ProgramLimitExceeded, "a series may have at most %d rows", maxSeries)
}

func zeroStep() error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "step size cannot equal zero")
}

func intSeries(kind types.Kind) func(r Row, out []*vec.Column) error {
	lo, hi, _ := limits(kind)
	return func(r Row, out []*vec.Column) error {
		from, to, by := r.Int(0), r.Int(1), int64(1)
		if r.Args() == 3 {
			by = r.Int(2)
		}
		if by == 0 {
			return zeroStep()
		}
		n := 0
		for v := from; by > 0 && v <= to || by < 0 && v >= to; n++ {
			if n == maxSeries {
				return tooManyRows()
			}
			out[0].AppendInt(v)
			next, ok := add64(v, by)
			if !ok || next < lo || next > hi {
				break
			}
			v = next
		}
		return nil
	}
}

func decSeries(r Row, out []*vec.Column) error {
	from, to, by := r.Dec(0), r.Dec(1), types.DecimalFromInt64(1)
	if r.Args() == 3 {
		by = r.Dec(2)
	}
	for k, what := range []string{"start value", "stop value", "step size"} {
		d := []types.Decimal{from, to, by}[k]
		if d.IsNaN() {
			return sqlerr.New(sqlerr.InvalidParameterValue, "%s cannot be NaN", what)
		}
		if d.IsInf() {
			return sqlerr.New(sqlerr.InvalidParameterValue, "%s cannot be infinity", what)
		}
	}
	if by.Sign() == 0 {
		return zeroStep()
	}
	var err error
	for n := 0; by.Sign() > 0 && from.Cmp(to) <= 0 || by.Sign() < 0 && from.Cmp(to) >= 0; n++ {
		if n == maxSeries {
			return tooManyRows()
		}
		out[0].AppendDec(from)
		if from, err = from.Add(by); err != nil {
			return err
		}
	}
	return nil
}

// timeSeries counts over timestamps: with a time zone on the calendar of the session's.
func timeSeries(r Row, out []*vec.Column) error {
	v, to, by := r.Int(0), r.Int(1), r.Ivl(2)
	sign := by.Cmp(types.Interval{})
	if sign == 0 {
		return zeroStep()
	}
	loc := time.UTC
	if out[0].Type == tz {
		loc = r.Location()
	}
	if infinite(v) && (sign > 0) == (v < to) || v == math.MinInt64 && sign > 0 {
		return tooManyRows()
	}
	for n := 0; sign > 0 && v <= to || sign < 0 && v >= to; n++ {
		if n == maxSeries {
			return tooManyRows()
		}
		out[0].AppendInt(v)
		if infinite(v) {
			break
		}
		var err error
		if v, err = zonedMove(v, by, loc); err != nil {
			return err
		}
	}
	return nil
}

func subscripts(r Row, out []*vec.Column) error {
	col, lo, hi := r.List(0)
	for depth := int64(1); depth != r.Int(1); depth++ { // an inner dimension is that of the first element
		elems := col.Kids[0]
		if depth > r.Int(1) || lo == hi || elems.Type.Kind != types.KindArray || elems.IsNull(lo) {
			return nil
		}
		col, lo, hi = elems, int(elems.Off[lo]), int(elems.Off[lo+1])
	}
	first, n := firstSubscript(col.Type), int64(hi-lo)
	for k := first; k < first+n; k++ {
		if r.Args() == 3 && r.Bool(2) {
			out[0].AppendInt(2*first + n - 1 - k)
		} else {
			out[0].AppendInt(k)
		}
	}
	return nil
}
