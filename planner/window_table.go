package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// windowTables are the window table functions: the kind of window, and what follows the relation and its column.
var windowTables = map[string]struct {
	kind, usage string
	durations   int
}{
	"tumble":   {"TUMBLING", "TUMBLE(relation, column, size)", 1},
	"hop":      {"HOPPING", "HOP(relation, column, slide, size)", 2},
	"session":  {"SESSION", "SESSION(relation PARTITION BY key, column, gap)", 1},
	"cumulate": {"CUMULATING", "CUMULATE(relation, column, step, size)", 2},
}

// windowFunction reports whether a function in FROM is one of windowTables: its first argument is a relation.
func windowFunction(e *ast.FuncRef) bool {
	if len(e.Calls) != 1 || len(e.Calls[0].Args) == 0 {
		return false
	}
	_, isTable := e.Calls[0].Args[0].(*ast.TableArg)
	_, known := windowTables[e.Calls[0].Name[len(e.Calls[0].Name)-1]]
	return isTable && known
}

// windowTable binds TUMBLE(t, col, size) and its like: the rows of t, each with the bounds of the windows it is in, of
// the column's type.
func (b *binder) windowTable(e *ast.FuncRef) (*source, error) {
	call := e.Calls[0]
	f := windowTables[call.Name[len(call.Name)-1]]
	if len(call.Args) != 2+f.durations || e.Ordinality {
		return nil, sqlerr.At(call.Pos(), sqlerr.SyntaxError, "a window function is written %s", f.usage)
	}
	arg := call.Args[0].(*ast.TableArg)
	src, err := b.table(&ast.TableRef{P: arg.P, Name: arg.Name})
	if err != nil {
		return nil, err
	}
	sc := &scope{src: src, clause: "window functions in FROM"}
	at, err := b.known(sc, call.Args[1])
	if err != nil {
		return nil, err
	}
	col, ok := at.(*plan.Col)
	if !ok || !windowTime(col.Typ) {
		return nil, sqlerr.At(leftmost(call.Args[1]), sqlerr.DatatypeMismatch,
			"a window is of a column of type timestamp, timestamptz or bigint (milliseconds)")
	}
	n := &plan.Window{In: src.node, Kind: f.kind, Grace: -1, Time: col.Index, StreamTime: -1, Of: col.Typ.Base(),
		Pos: e.Pos()}
	if n.Size, err = b.windowLength(call.Args[len(call.Args)-1]); err != nil {
		return nil, err
	}
	n.Advance = n.Size
	if f.durations == 2 {
		if n.Advance, err = b.windowLength(call.Args[2]); err != nil {
			return nil, err
		}
		if n.Advance > n.Size {
			return nil, sqlerr.At(leftmost(call.Args[2]), sqlerr.InvalidParameterValue,
				"the first length must not be above the size of the window")
		}
	}
	for _, key := range arg.PartitionBy {
		x, err := b.known(sc, key)
		if err != nil {
			return nil, err
		}
		n.By = append(n.By, x)
	}
	if len(n.By) > 0 && f.kind != "SESSION" {
		return nil, sqlerr.At(arg.Pos(), sqlerr.SyntaxError, "PARTITION BY is for SESSION")
	}
	in := src.node.Schema().Cols
	n.Sch.Cols = append(append([]plan.Column(nil), in...), colType("window_start", n.Of), colType("window_end", n.Of))
	out := *src
	out.node, out.key = n, nil
	out.cols = append([]scopeColumn(nil), src.cols...)
	for i := range out.cols {
		if c := &out.cols[i]; c.name == "window_start" || c.name == "window_end" {
			c.name = "" // the bounds of a windowed relation give way
		}
	}
	for i, name := range []string{"window_start", "window_end"} {
		out.cols = append(out.cols, scopeColumn{table: out.cols[0].table, name: name, expr: colOf(n, len(in)+i)})
	}
	return renamed(&out, e.Alias, e.Pos())
}

// windowTime reports whether a column of type t can be windowed.
func windowTime(t types.Type) bool {
	return t.Kind == types.KindTimestamp || t.Kind == types.KindTimestampTZ || t.Kind == types.KindInt8
}

// windowLength evaluates a length in milliseconds.
func (b *binder) windowLength(e ast.Expr) (int64, error) {
	x, err := b.bind(&scope{clause: "window functions in FROM"}, e)
	if err != nil {
		return 0, err
	}
	if x, err = b.coerce(x, types.IntervalType, fn.Implicit, leftmost(e)); err != nil {
		return 0, err
	}
	c, ok := x.(*plan.Const)
	if !ok || c.Value.Null {
		return 0, sqlerr.At(leftmost(e), sqlerr.InvalidParameterValue, "the length of a window must be a constant interval")
	}
	ivl := c.Value.Ivl
	us := int64(ivl.Days)*86_400_000_000 + ivl.Micros
	if ivl.Months != 0 || us <= 0 || us%1000 != 0 {
		return 0, sqlerr.At(leftmost(e), sqlerr.InvalidParameterValue,
			"the length of a window must be a positive interval of days and less, in whole milliseconds")
	}
	return us / 1000, nil
}
