package planner

import (
	"slices"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// What ksqlDB's statements refuse in expressions that PostgreSQL, and every other statement, takes.

// ordering are the comparisons by order, and whether a comparison is one.
var ordering = map[string]bool{"=": false, "<>": false, "<": true, "<=": true, ">": true, ">=": true}

// compared refuses comparisons that ksqlDB's statements do not know: of a text with a number, and by the order of what
// has none there.
func (b *binder) compared(e *ast.Binary, l, r plan.Expr) error {
	order, comparison := ordering[e.Op]
	if !comparison || !b.ksql() {
		return nil
	}
	for _, side := range [][2]plan.Expr{{l, r}, {r, l}} {
		t := side[0].Type()
		if c, ok := side[1].(*plan.Const); ok && c.Value.Type == types.Unknown && !c.Value.Null &&
			(t.IsNumber() || t == types.Bool || t == types.Bytea) && !b.refs[side[0]].millis {
			return sqlerr.At(e.Pos(), sqlerr.UndefinedFunction, "operator does not exist: %s %s text", t.Base(), e.Op).
				WithHint("Write the value without quotes, or cast it. Only ksqlDB's statements need that.")
		}
	}
	if t := l.Type(); order && (t.Kind == types.KindStruct || t.Kind == types.KindArray || t.Kind == types.KindMap ||
		t == types.Bool) {
		return sqlerr.At(e.Pos(), sqlerr.UndefinedFunction, "operator does not exist: %s %s %s", t.Base(), e.Op,
			r.Type().Base()).WithHint("ksqlDB's statements compare such values with = and <> only. " + useView)
	}
	return nil
}

// calculable refuses sums and differences of dates and times, which are functions in ksqlDB. Those with intervals,
// which it does not have, are left alone.
func (b *binder) calculable(e *ast.Binary, l, r plan.Expr) error {
	if e.Op != "+" && e.Op != "-" || !b.ksql() {
		return nil
	}
	lt, rt := l.Type(), r.Type()
	if !calendar(lt) && !calendar(rt) || !calendar(lt) && !lt.IsNumber() || !calendar(rt) && !rt.IsNumber() {
		return nil
	}
	return sqlerr.At(e.Pos(), sqlerr.UndefinedFunction, "operator does not exist: %s %s %s", lt.Base(), e.Op, rt.Base()).
		WithHint("Use DATEADD, TIMESTAMPADD and kin in ksqlDB's statements. " + useView)
}

// calendar reports whether t is one of ksqlDB's types of dates and times.
func calendar(t types.Type) bool {
	return t.Kind == types.KindDate || t.Kind == types.KindTime || t.Kind == types.KindTimestamp
}

// castable refuses casts that ksqlDB does not have: of text to arrays, maps, structs and bytes, of bytes to text, and
// between numbers and booleans.
func (b *binder) castable(from, to types.Type, pos int) error {
	if !b.ksql() {
		return nil
	}
	text, bytes, number := from.IsString(), from == types.Bytea, from.IsNumber()
	switch {
	case text && (to.Kind == types.KindArray || to.Kind == types.KindMap || to.Kind == types.KindStruct):
	case text && to == types.Bytea, bytes && to.IsString():
		return sqlerr.At(pos, sqlerr.CannotCoerce, "cannot cast type %s to %s", from.Base(), to.Base()).
			WithHint("Use TO_BYTES or FROM_BYTES in ksqlDB's statements.")
	case number && to == types.Bool, from == types.Bool && to.IsNumber():
	default:
		return nil
	}
	return sqlerr.At(pos, sqlerr.CannotCoerce, "cannot cast type %s to %s", from.Base(), to.Base()).
		WithHint("ksqlDB's statements have no such cast. " + useView)
}

// someKnown refuses an array or map of untyped NULLs alone.
func (b *binder) someKnown(what string, xs []plan.Expr, pos int) error {
	for _, x := range xs {
		if !isNull(x) || x.Type() != types.Unknown {
			return nil
		}
	}
	if len(xs) == 0 || !b.ksql() {
		return nil
	}
	return sqlerr.At(pos, sqlerr.IndeterminateDatatype, "could not determine the type of %s of NULLs", what).
		WithHint("Cast one of them: NULL::int.")
}

// wholeLimit refuses a LIMIT that is no whole number where a relation of ksqlDB's is read.
func (b *binder) wholeLimit(e ast.Expr, clause string) error {
	lit, ok := e.(*ast.Lit)
	if !ok || lit.Kind != ast.LitNumber || !slices.ContainsFunc(b.reads, isKsql) {
		return nil
	}
	return sqlerr.At(e.Pos(), sqlerr.InvalidParameterValue, "%s must be a whole number, not %s", clause, lit.Text)
}

// oneNumber refuses arguments of several types, among which ksqlDB would have several functions to choose from: it
// takes different numbers only where one of them is double precision.
func (b *binder) oneNumber(name string, xs []plan.Expr, pos int) error {
	first := types.Unknown
	mixed, double := false, false
	for _, x := range xs {
		t := x.Type().Base()
		switch {
		case t == types.Unknown:
			continue
		case first == types.Unknown:
			first = t
		case t.Kind != first.Kind && t.IsNumber():
			mixed = true
		}
		double = double || t.Kind == types.KindFloat8
	}
	if mixed && !double || first == types.Unknown && len(xs) > 0 && isNull(xs[0]) {
		return sqlerr.At(pos, sqlerr.AmbiguousFunction, "function %s of arguments of these types is not unique", name).
			WithHint("Cast the arguments to one type. Only ksqlDB's statements need that.")
	}
	return nil
}

// pseudoOfRecords are the pseudo columns that say where the record of a row is.
var pseudoOfRecords = map[string]bool{"rowpartition": true, "rowoffset": true}

// keptRecord refuses to ask where the records are that the rows of ksqlDB's tables came from: the rows do not keep it.
func (b *binder) keptRecord(c *scopeColumn, pos int) error {
	if b.mode != modePull || !c.hidden || !pseudoOfRecords[c.name] || c.rel == nil || !c.rel.Ksql ||
		c.rel.Kind != catalog.Table {
		return nil
	}
	return sqlerr.At(pos, sqlerr.FeatureNotSupported, "%s of a table is not known to a query that is asked once", c.name).
		WithHint("Store it in a table that is made of this one: SELECT …, %s AS name.", c.name)
}
