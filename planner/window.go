package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// millisToInstant is the function behind the timestamptz forms of times in milliseconds: event_time, window_start,
// window_end.
var millisToInstant = &fn.Scalar{
	Name: "event_time", Args: []types.Type{types.Int8}, Ret: types.TimestampTZ, Strict: true,
	Kernel: func(c *fn.Call, args []*vec.Column, out *vec.Column) {
		in := args[0]
		out.Grow(in.Len())
		for _, ms := range in.Int {
			out.Int = append(out.Int, ms*1000)
		}
		out.SetLen(in.Len())
		out.Const = in.Const
	},
	Doc: fn.Doc{Summary: "The instant that many milliseconds after 1970-01-01 UTC."},
}

// instantOf is a time in milliseconds as a timestamptz.
func instantOf(ms plan.Expr) plan.Expr {
	return &plan.Call{Fn: millisToInstant, Args: []plan.Expr{ms}, Typ: types.TimestampTZ}
}

// unitMillis are the lengths of the units of durations. Months and years have none.
var unitMillis = map[string]int64{
	"MILLISECOND": 1, "SECOND": 1000, "MINUTE": 60_000, "HOUR": 3_600_000, "DAY": 86_400_000, "WEEK": 604_800_000,
}

// Milliseconds gives a duration in milliseconds.
func Milliseconds(d *ast.Duration) (int64, error) { return millis(d) }

// millis gives a duration in milliseconds.
func millis(d *ast.Duration) (int64, error) {
	unit, ok := unitMillis[d.Unit]
	if !ok {
		return 0, sqlerr.At(d.Pos(), sqlerr.InvalidParameterValue, "a window cannot be measured in %sS", d.Unit).
			WithHint("Use DAYS.")
	}
	if d.N < 0 || d.N > (1<<62)/unit {
		return 0, sqlerr.At(d.Pos(), sqlerr.InvalidParameterValue, "duration out of range")
	}
	return d.N * unit, nil
}

// window binds ksqlDB's WINDOW clause: every row of src goes into the windows its time falls in.
func (b *binder) window(src *source, w *ast.StreamWindow, grouped bool) (*source, error) {
	switch {
	case !grouped:
		return nil, sqlerr.At(w.Pos(), sqlerr.GroupingError, "WINDOW requires a GROUP BY clause")
	case src.rowTime == nil || !src.stream:
		return nil, sqlerr.At(w.Pos(), sqlerr.WrongObjectType, "WINDOW can only be used over a stream").
			WithHint("The rows of a table have no event time of their own; group by date_bin() of a column instead.")
	}
	src, at, top := withTimes(src)
	n := &plan.Window{In: src.node, Kind: w.Kind}
	if err := b.windowDurations(n, w); err != nil {
		return nil, err
	}
	n.Pos, n.Time, n.StreamTime = w.Pos(), at, top
	in := src.node.Schema().Cols
	n.Sch.Cols = append(append([]plan.Column(nil), in...),
		colType("windowstart", types.Int8), colType("windowend", types.Int8))
	out := *src
	out.node, out.window = n, n
	out.cols = append([]scopeColumn(nil), src.cols...)
	for i, name := range []string{"windowstart", "windowend"} {
		bound := colOf(n, len(in)+i)
		out.cols = append(out.cols, scopeColumn{name: name, expr: bound, hidden: true, millis: true})
	}
	for i, name := range []string{"window_start", "window_end"} {
		out.cols = append(out.cols, scopeColumn{name: name, expr: instantOf(colOf(n, len(in)+i)), hidden: true})
	}
	return &out, nil
}

// withTimes gives a source whose event time and stream time are columns of its node.
func withTimes(src *source) (out *source, rowTime, streamTime int) {
	if at, ok := src.rowTime.(*plan.Col); ok {
		if top, ok := src.streamTime.(*plan.Col); ok {
			return src, at.Index, top.Index
		}
	}
	cols := src.node.Schema().Cols
	p := &plan.Project{In: src.node, Sch: plan.Schema{Cols: append([]plan.Column(nil), cols...)}}
	for i := range cols {
		p.Exprs = append(p.Exprs, colOf(src.node, i))
	}
	p.Exprs = append(p.Exprs, src.rowTime, src.streamTime)
	p.Sch.Cols = append(p.Sch.Cols, colType("rowtime", types.Int8), colType("streamtime", types.Int8))
	next := *src
	next.node = p
	next.rowTime, next.streamTime = colOf(p, len(cols)), colOf(p, len(cols)+1)
	return &next, len(cols), len(cols) + 1
}

// windowDurations sets the lengths of n. As in ksqlDB a window without a grace period closes a day after it began, or
// at its end where only that is waited for.
func (b *binder) windowDurations(n *plan.Window, w *ast.StreamWindow) error {
	var err error
	if w.Size == nil {
		return sqlerr.At(w.Pos(), sqlerr.SyntaxError, "WINDOW %s needs a SIZE", w.Kind)
	}
	if n.Size, err = millis(w.Size); err != nil {
		return err
	}
	if n.Size <= 0 {
		return sqlerr.At(w.Size.Pos(), sqlerr.InvalidParameterValue, "a window's SIZE must be positive")
	}
	n.Advance = n.Size
	if n.Grace = max(DefaultGrace.Milliseconds()-n.Size, 0); b.final {
		n.Grace = 0
	}
	if w.Kind == "HOPPING" {
		if w.Advance == nil {
			return sqlerr.At(w.Pos(), sqlerr.SyntaxError, "WINDOW HOPPING needs ADVANCE BY")
		}
		if n.Advance, err = millis(w.Advance); err != nil {
			return err
		}
		if n.Advance <= 0 || n.Advance > n.Size {
			return sqlerr.At(w.Advance.Pos(), sqlerr.InvalidParameterValue,
				"a hopping window's ADVANCE BY must be positive and not above its SIZE")
		}
	}
	if w.Grace != nil {
		if n.Grace, err = millis(w.Grace); err != nil {
			return err
		}
	}
	if w.Retention != nil {
		keep, err := millis(w.Retention)
		if err != nil {
			return err
		}
		if keep < n.Size+n.Grace && w.Grace != nil || keep < n.Size {
			return sqlerr.At(w.Retention.Pos(), sqlerr.InvalidParameterValue,
				"a window's RETENTION must not be below its SIZE and GRACE PERIOD together")
		}
		n.Retention = keep
	}
	return nil
}
