package engine

import (
	"encoding/binary"
	"math"

	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/vec"
)

// foundRows finds the rows of one side of a join in the table that they are of: see plan.JoinIndex. The table is as
// after the step. So that every pair of rows meets once, changes of the side are given to the join before those of the
// other: they meet the rows that the other side had, and what is new there meets the table as it is.
type foundRows struct {
	of    *plan.JoinIndex
	side  int
	where *eval.Program // nil for none
	// scanned are the columns of the scan, of the pairs at hand: columns of pairs, or extra where only where needs them.
	scanned *vec.Batch
	extra   []*vec.Column
	untimed bool

	table   *table
	index   *secondary    // nil for the table's key
	into    []*vec.Column // by the table's columns; nil where nobody wants one
	key     []byte
	rowKeys [][]byte
}

// newFoundRows returns nil for a join that keeps the rows of both sides. cols are the columns of pairs that are the
// side's.
func newFoundRows(n *plan.Join, ctx *Context, side func(int) []*vec.Column) (*foundRows, error) {
	x := n.Index
	if x == nil || ctx.Joined == nil {
		return nil, nil
	}
	r := &foundRows{of: x, untimed: n.Lookup, scanned: &vec.Batch{Cols: make([]*vec.Column, len(x.Scan.Cols))}}
	if x.Right {
		r.side = 1
	}
	for i, col := range side(r.side) {
		r.scanned.Cols[x.At[i]] = col
	}
	if x.Where == nil {
		return r, nil
	}
	for k, c := range x.Scan.Sch.Cols {
		if r.scanned.Cols[k] == nil {
			r.scanned.Cols[k] = vec.NewColumn(c.Type)
			r.extra = append(r.extra, r.scanned.Cols[k])
		}
	}
	var err error
	r.where, err = eval.Compile(x.Where)
	return r, err
}

// is reports whether the rows of a side are found in their table.
func (r *foundRows) is(side int) bool { return r != nil && r.side == side }

// begin looks up the table, which may be another than that of the last step.
func (r *foundRows) begin(ctx *Context) {
	was := r.table
	if r.table, r.index = ctx.Joined(r.of); r.table != was {
		r.into = make([]*vec.Column, len(r.table.types))
		for k, pos := range r.of.Scan.Cols {
			r.into[pos] = r.scanned.Cols[k]
		}
	}
}

// each finds the rows that match row i of the other side, whose keys are given, appends their columns and calls found.
func (r *foundRows) each(keys []*vec.Column, i int, found func(joinEntry)) {
	r.key = r.key[:0]
	for _, k := range r.of.Keys {
		r.key = vec.AppendKey(r.key, keys[k], i, false, false)
	}
	rows := r.table.rows
	switch {
	case r.index != nil:
		r.rowKeys = r.rowKeys[:0]
		r.index.rows.Prefix(r.key, func(key, value []byte) bool {
			n, _ := binary.Uvarint(value)
			r.rowKeys = append(r.rowKeys, key[n:])
			return true
		})
		for _, key := range r.rowKeys {
			value, ok := rows.Get(key)
			if !ok {
				panic("BUG: an index has a row that its table has not")
			}
			found(r.take(key, value))
		}
	case len(r.key) > 0 && len(r.of.By) == len(r.table.rel.Key):
		if value, ok := rows.Get(r.key); ok {
			found(r.take(r.key, value))
		}
	default:
		rows.Prefix(r.key, func(key, value []byte) bool {
			found(r.take(key, value))
			return true
		})
	}
}

// take appends the columns of a row of the table.
func (r *foundRows) take(key, value []byte) joinEntry {
	e := joinEntry{count: 1, time: int64(binary.BigEndian.Uint64(value))}
	row := value[8:]
	if r.table.counted() {
		row, e.count = key, int64(binary.BigEndian.Uint64(row))
	}
	if r.untimed {
		e.time = math.MinInt64
	}
	if _, err := vec.DecodeRow(row, r.into); err != nil {
		panic("BUG: a row in state cannot be decoded: " + err.Error())
	}
	return e
}

// passing appends to sel those of n pairs whose rows the condition lets through.
func (r *foundRows) passing(env *fn.Env, n int, sel []int32) []int32 {
	r.scanned.N = n
	sel, _ = r.where.Select(env, r.scanned, sel) // it cannot fail
	for _, c := range r.extra {
		c.Reset()
	}
	return sel
}
