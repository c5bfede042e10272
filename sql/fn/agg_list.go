package fn

import (
	"encoding/binary"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// listDecls declares the aggregates that keep every value in the order of its coming.
func listDecls() []Aggregate {
	newStrings := func(args []types.Type, _ types.Type, _ bool) Accumulator {
		return &lists{text: true, args: args}
	}
	newArrays := func(args []types.Type, _ types.Type, _ bool) Accumulator { return &lists{args: args} }
	return []Aggregate{
		{Name: "string_agg", Args: in(types.Text, types.Text), Ret: types.Text, New: newStrings, Arrival: true,
			Doc: Doc{Summary: "Joins the values that are not NULL, each but the first after its delimiter.",
				Examples: ex("string_agg(x::text, ',')", "1,1,2")}},
		{Name: "string_agg", Args: in(types.Bytea, types.Bytea), Ret: types.Bytea, New: newStrings, Arrival: true},
		{Name: "array_agg", Args: in(AnyNonArray), Ret: AnyArray, New: newArrays, Arrival: true,
			Doc: Doc{Summary: "Collects the values, NULLs included, in an array.",
				Examples: ex("array_agg(x)", "{1,1,2,NULL}")}},
	}
}

// lists is the state of string_agg and array_agg: the rows of a group, in order. A row taken away is the earliest of
// those equal to it.
type lists struct {
	text   bool
	args   []types.Type
	groups [][]listRow
	key    []byte
}

// listRow is an argument list and how often it comes here; a count below zero waits for its row to come.
type listRow struct {
	row string
	n   int64
}

// Update implements Accumulator.
func (a *lists) Update(_ *Call, groups []int32, diff []int32, args []*vec.Column) {
	a.groups = extend(a.groups, groups)
	one := make([]*vec.Column, len(args))
	for k := range one {
		one[k] = vec.NewColumn(args[k].Type)
	}
	for i, g := range groups {
		if a.text && args[0].IsNull(i) {
			continue
		}
		for k, col := range one {
			col.Reset()
			col.AppendFrom(args[k], args[k].At(i))
		}
		a.key = vec.AppendRow(a.key[:0], one, 0)
		a.groups[g] = addToList(a.groups[g], a.key, diffAt(diff, i))
	}
}

// addToList lets rows of the other sign cancel, then appends what is left.
func addToList(l []listRow, row []byte, d int64) []listRow {
	if last := len(l) - 1; last < 0 || d > 0 && l[0].n > 0 { // debts stand in front
		return append(l, listRow{string(row), d})
	}
	kept := l[:0]
	for _, r := range l {
		if d != 0 && (r.n > 0) != (d > 0) && r.row == string(row) {
			step := min(max(r.n, -r.n), max(d, -d))
			if d < 0 {
				step = -step
			}
			r.n, d = r.n+step, d-step
		}
		if r.n != 0 {
			kept = append(kept, r)
		}
	}
	switch {
	case d > 0:
		kept = append(kept, listRow{string(row), d})
	case d < 0:
		kept = append([]listRow{{string(row), d}}, kept...)
	}
	return kept
}

// rows returns the rows of a group in order, as columns.
func (a *lists) rows(g int32) (cols []*vec.Column, n int) {
	cols = make([]*vec.Column, len(a.args))
	for k, t := range a.args {
		cols[k] = vec.NewColumn(t)
	}
	for _, r := range at(a.groups, g) {
		for range r.n {
			if _, err := vec.DecodeRow([]byte(r.row), cols); err != nil {
				panic("BUG: aggregate state was checked when it was decoded: " + err.Error())
			}
			n++
		}
	}
	return cols, n
}

// Result implements Accumulator.
func (a *lists) Result(groups []int32, out *vec.Column) {
	for _, g := range groups {
		cols, n := a.rows(g)
		switch {
		case n == 0:
			out.AppendNull()
		case !a.text:
			out.Kids[0].AppendRange(cols[0], 0, n)
			out.CloseList()
		default:
			for i := range n {
				if i > 0 && !cols[1].IsNull(i) {
					out.Data = append(out.Data, cols[1].Bytes(i)...)
				}
				out.Data = append(out.Data, cols[0].Bytes(i)...)
			}
			out.CloseBytes()
		}
	}
}

// Encode implements Accumulator.
func (a *lists) Encode(g int32, dst []byte) []byte {
	for _, r := range at(a.groups, g) {
		dst = appendSized(binary.AppendVarint(dst, r.n), []byte(r.row))
	}
	return append(dst, 0) // never empty, and no count is zero
}

// Decode implements Accumulator.
func (a *lists) Decode(g int32, src []byte) error {
	var l []listRow
	if len(src) > 0 {
		r := stateReader{src: src}
		for n := r.varint(); n != 0 && !r.bad; n = r.varint() {
			row := r.bytes()
			cols := make([]*vec.Column, len(a.args))
			for k, t := range a.args {
				cols[k] = vec.NewColumn(t)
			}
			rest, err := vec.DecodeRow(row, cols)
			r.bad = r.bad || err != nil || len(rest) > 0 || n > 1<<31 || n < -1<<31
			l = append(l, listRow{string(row), n})
		}
		if err := r.err(); err != nil {
			return err
		}
	}
	a.groups = set(a.groups, g, l)
	return nil
}
