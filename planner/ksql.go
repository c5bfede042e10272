package planner

import (
	"math"
	"strconv"
	"strings"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// What expressions mean in ksqlDB's statements where PostgreSQL gives them another meaning.

// ksqlNumber binds a number: ksqlDB's are bigint at most, and double precision with an exponent. It gives nil for those
// that mean the same in PostgreSQL.
func (b *binder) ksqlNumber(e *ast.Lit) (plan.Expr, error) {
	switch {
	case !b.ksql():
		return nil, nil
	case e.Kind == ast.LitInt:
		return nil, sqlerr.At(e.Pos(), sqlerr.NumericValueOutOfRange, "value \"%s\" is out of range for type bigint", e.Text).
			WithHint("Write it with a decimal point for a numeric.")
	case !strings.ContainsAny(e.Text, "eE"):
		return nil, nil
	}
	v, err := strconv.ParseFloat(e.Text, 64)
	if err != nil || math.IsInf(v, 0) {
		return nil, sqlerr.At(e.Pos(), sqlerr.NumericValueOutOfRange,
			"\"%s\" is out of range for type double precision", e.Text).WithHint("A number without an exponent is a numeric.")
	}
	return &plan.Const{Value: types.Value{Type: types.Float8, Float: v}}, nil
}

// ksqlFunction binds the functions that are others in ksqlDB; it gives nil for the rest.
func (b *binder) ksqlFunction(name string, xs []plan.Expr, es []ast.Expr, pos int) (plan.Expr, error) {
	if !b.ksql() {
		return nil, nil
	}
	switch name {
	case "greatest", "least":
		return nil, b.oneNumber(name, xs, pos)
	case "substring":
		return b.ksqlSubstring(xs, es, pos)
	case "ceil", "ceiling", "floor", "round", "trunc", "sign":
		if len(xs) == 1 {
			return b.ksqlRounded(name, xs, es, pos)
		}
	}
	return nil, nil
}

// ksqlRounded binds what makes whole numbers: of whole numbers, and of doubles by round and trunc, it gives such.
func (b *binder) ksqlRounded(name string, xs []plan.Expr, es []ast.Expr, pos int) (plan.Expr, error) {
	whole := xs[0].Type().Kind == types.KindInt4 || xs[0].Type().Kind == types.KindInt8
	switch {
	case name == "sign":
		x, err := b.scalar(name, xs, es, pos)
		if err != nil {
			return nil, err
		}
		return b.coerce(x, types.Int4, fn.Explicit, pos)
	case whole && (name == "round" || name == "trunc") && xs[0].Type().Kind == types.KindInt4:
		return b.coerce(xs[0], types.Int8, fn.Explicit, pos)
	case whole:
		return b.scalar("as_value", xs, es, pos)
	case xs[0].Type().Kind == types.KindFloat8 && (name == "round" || name == "trunc"):
		x, err := b.scalar(name, []plan.Expr{xs[0], intConst(0)}, nil, pos)
		if err != nil {
			return nil, err
		}
		return b.coerce(x, types.Int8, fn.Explicit, pos)
	}
	return nil, nil
}

// The settings that bound the arrays of ksqlDB's aggregates that collect values.
var collectLimits = map[string]string{
	"collect_list": "ksql.functions.collect_list.limit", "collect_set": "ksql.functions.collect_set.limit",
}

// ksqlAggregate is the value of an aggregate as ksqlDB has it: the sum of nothing is 0, as is the average, and both are
// of the types of ksqlDB's; what collects values stops at a limit.
func (b *binder) ksqlAggregate(name string, x plan.Expr, args []plan.Expr, pos int) (plan.Expr, error) {
	if !b.ksql() || len(args) == 0 {
		return x, nil
	}
	to := x.Type()
	switch name {
	case "sum":
		if args[0].Type().Kind == types.KindInt8 {
			to = types.Int8
		}
	case "avg":
		to = types.Float8
	case "collect_list", "collect_set":
		n, ok := parseInt(b.env.Setting(collectLimits[name]))
		if !ok || n < 0 {
			return x, nil
		}
		return b.scalar("slice", []plan.Expr{x, intConst(1), intConst(min(n, math.MaxInt32))}, nil, pos)
	default:
		return x, nil
	}
	if !to.IsNumber() {
		return x, nil
	}
	x, err := b.coerce(x, to, fn.Explicit, pos)
	if err != nil {
		return nil, err
	}
	zero, err := b.coerce(intConst(0), to, fn.Explicit, pos)
	if err != nil {
		return nil, err
	}
	return &plan.Coalesce{Args: []plan.Expr{x, zero}, Typ: to}, nil
}

// ksqlSubstring binds substring: a position below 0 counts from the end, and 0 is the first.
func (b *binder) ksqlSubstring(xs []plan.Expr, es []ast.Expr, pos int) (plan.Expr, error) {
	if len(xs) < 2 || xs[1].Type().Kind != types.KindInt4 || !xs[0].Type().IsString() && xs[0].Type() != types.Bytea {
		return nil, nil
	}
	length, err := b.scalar("length", xs[:1], nil, pos)
	if err != nil {
		return nil, err
	}
	back, err := b.fromEnd(xs[1], length, pos)
	if err != nil {
		return nil, err
	}
	one := intConst(1)
	if back, err = b.scalar("greatest", []plan.Expr{back, one}, nil, pos); err != nil {
		return nil, err
	}
	below, err := b.operator("<", []plan.Expr{xs[1], intConst(0)}, nil, pos)
	if err != nil {
		return nil, err
	}
	zero, err := b.operator("=", []plan.Expr{xs[1], intConst(0)}, nil, pos)
	if err != nil {
		return nil, err
	}
	args := append([]plan.Expr(nil), xs...)
	args[1] = b.fold(&plan.Case{When: []plan.When{{Cond: below, Then: back}, {Cond: zero, Then: one}}, Else: xs[1],
		Typ: types.Int4})
	return b.scalar("substring", args, es, pos)
}

// ksqlSubscript is the subscript of an array: one below 0 counts from the end.
func (b *binder) ksqlSubscript(array, i plan.Expr, pos int) (plan.Expr, error) {
	if !b.ksql() {
		return i, nil
	}
	length, err := b.scalar("cardinality", []plan.Expr{array}, nil, pos)
	if err != nil {
		return nil, err
	}
	back, err := b.fromEnd(i, length, pos)
	if err != nil {
		return nil, err
	}
	below, err := b.operator("<", []plan.Expr{i, intConst(0)}, nil, pos)
	if err != nil {
		return nil, err
	}
	return b.fold(&plan.Case{When: []plan.When{{Cond: below, Then: back}}, Else: i, Typ: types.Int4}), nil
}

// fromEnd is the position of what the position i below 0 means.
func (b *binder) fromEnd(i, length plan.Expr, pos int) (plan.Expr, error) {
	sum, err := b.operator("+", []plan.Expr{length, i}, nil, pos)
	if err != nil {
		return nil, err
	}
	return b.operator("+", []plan.Expr{sum, intConst(1)}, nil, pos)
}

func intConst(n int64) plan.Expr { return &plan.Const{Value: types.Value{Type: types.Int4, Int: n}} }
