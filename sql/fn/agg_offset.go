package fn

import (
	"encoding/binary"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// offsetDecls declares the aggregates that keep the first or the last values by the order of their coming.
func offsetDecls() []Aggregate {
	var fs []Aggregate
	for _, d := range []struct {
		name, which string
		latest      bool
	}{{"latest_by_offset", "last", true}, {"earliest_by_offset", "first", false}} {
		doc := Doc{Summary: "Gives the " + d.which + " value that came, or an array of the " + d.which +
			" n (second argument). NULLs are left out, unless the last argument, ignoreNulls, is false."}
		for _, consts := range [][]types.Type{nil, in(types.Bool), in(types.Int4), in(types.Int4, types.Bool)} {
			many := len(consts) > 0 && consts[0] == types.Int4
			fs = append(fs, Aggregate{Name: d.name, Args: append(in(Any), consts...), ConstFrom: 1, Arrival: true, Doc: doc,
				Resolve: func(args []types.Type) ([]types.Type, types.Type, bool) { return offsetTypes(args, consts, many) },
				New: func(args []types.Type, _ types.Type, appendOnly bool) Accumulator {
					return &byOffset{latest: d.latest, many: many, appendOnly: appendOnly, col: vec.NewColumn(args[0])}
				}})
			doc = Doc{}
		}
	}
	return fs
}

// offsetTypes resolves a value of any type with constants of these types after it.
func offsetTypes(args, consts []types.Type, many bool) ([]types.Type, types.Type, bool) {
	if len(args) != 1+len(consts) {
		return nil, types.Unknown, false
	}
	params, ret, _ := listOf(args[:1])
	for k, c := range consts {
		if args[1+k] == types.Unknown || !CanCast(args[1+k], c, Implicit) {
			return nil, types.Unknown, false
		}
	}
	if !many {
		ret = params[0]
	}
	return append(params[:1:1], consts...), ret, true
}

// byOffset is the state of latest_by_offset and earliest_by_offset: the rows of a group in order; of those that can no
// longer show, none where no row is ever taken away.
type byOffset struct {
	latest, many, appendOnly bool
	groups                   []offsetRows
	col                      *vec.Column // scratch, of the value's type
	row                      []byte      // scratch
}

type offsetRows struct {
	most int64 // how many are asked for
	rows []listRow
}

// maxKept is how many values may be asked for.
const maxKept = 1_000_000

// constants reads the arguments after the value.
func (a *byOffset) constants(args []*vec.Column, i int) (most int64, ignoreNulls bool, err error) {
	most, ignoreNulls = 1, true
	for _, c := range args[1:] {
		switch {
		case c.IsNull(i):
			return 0, false, sqlerr.New(sqlerr.NullValueNotAllowed, "the arguments after the value must not be NULL")
		case c.Type.Class() == types.ClassBool:
			ignoreNulls = c.Bool[c.At(i)]
		default:
			most = c.Int[c.At(i)]
		}
	}
	if most < 1 || most > maxKept {
		err = sqlerr.New(sqlerr.InvalidParameterValue, "number of values must be between 1 and %d", maxKept)
	}
	return most, ignoreNulls, err
}

// Update implements Accumulator.
func (a *byOffset) Update(c *Call, groups []int32, diff []int32, args []*vec.Column) {
	a.groups = extend(a.groups, groups)
	for i, g := range groups {
		most, ignoreNulls, err := a.constants(args, i)
		if err != nil {
			c.Fail(i, err)
			continue
		}
		if ignoreNulls && args[0].IsNull(i) {
			continue
		}
		a.groups[g].most = most
		a.col.Reset()
		a.col.AppendFrom(args[0], args[0].At(i))
		a.row = vec.AppendRow(a.row[:0], []*vec.Column{a.col}, 0)
		a.groups[g].rows = a.add(a.groups[g].rows, most, diffAt(diff, i))
	}
}

// add adds the row in a.row d times, and drops what cannot show any more.
func (a *byOffset) add(l []listRow, most, d int64) []listRow {
	switch {
	case !a.appendOnly:
		return addToList(l, a.row, d)
	case d <= 0 || !a.latest && int64(len(l)) >= most:
		return l
	}
	for range min(d, most) {
		if int64(len(l)) < most {
			l = append(l, listRow{string(a.row), 1})
		} else if a.latest {
			copy(l, l[1:])
			l[len(l)-1].row = string(a.row)
		}
	}
	return l
}

// shown returns the rows of a group that show, in the order of their coming.
func (a *byOffset) shown(s offsetRows) (rows []string) {
	at := func(k int) listRow {
		if a.latest {
			return s.rows[len(s.rows)-1-k]
		}
		return s.rows[k]
	}
	for k := 0; k < len(s.rows) && int64(len(rows)) < s.most; k++ {
		r := at(k)
		for n := r.n; n > 0 && int64(len(rows)) < s.most; n-- {
			rows = append(rows, r.row)
		}
	}
	if a.latest {
		for i, j := 0, len(rows)-1; i < j; i, j = i+1, j-1 {
			rows[i], rows[j] = rows[j], rows[i]
		}
	}
	return rows
}

// Result implements Accumulator.
func (a *byOffset) Result(groups []int32, out *vec.Column) {
	for _, g := range groups {
		rows := a.shown(at(a.groups, g))
		switch {
		case a.many:
			for _, r := range rows {
				appendRow(out.Kids[0], []byte(r))
			}
			out.CloseList()
		case len(rows) == 0:
			out.AppendNull()
		default:
			appendRow(out, []byte(rows[0]))
		}
	}
}

// Encode implements Accumulator.
func (a *byOffset) Encode(g int32, dst []byte) []byte {
	s := at(a.groups, g)
	dst = binary.AppendVarint(dst, s.most)
	for _, r := range s.rows {
		dst = appendSized(binary.AppendVarint(dst, r.n), []byte(r.row))
	}
	return dst
}

// Decode implements Accumulator.
func (a *byOffset) Decode(g int32, src []byte) error {
	var s offsetRows
	if len(src) > 0 {
		r := stateReader{src: src}
		s.most = r.varint()
		r.bad = r.bad || s.most < 0 || s.most > maxKept
		for len(r.src) > 0 && !r.bad {
			n := r.varint()
			row := r.bytes()
			r.bad = r.bad || n == 0 || n > 1<<31 || n < -1<<31 || !isRow(row, a.col)
			s.rows = append(s.rows, listRow{string(row), n})
		}
		if err := r.err(); err != nil {
			return err
		}
	}
	a.groups = set(a.groups, g, s)
	return nil
}

// isRow reports whether row is one value of col's type, which it is decoded into.
func isRow(row []byte, col ...*vec.Column) bool {
	for _, c := range col {
		c.Reset()
	}
	rest, err := vec.DecodeRow(row, col)
	return err == nil && len(rest) == 0
}
