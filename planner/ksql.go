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

// ksqlFunction binds the functions whose results have other types in ksqlDB: whole numbers stay whole. It gives nil for
// all others.
func (b *binder) ksqlFunction(name string, xs []plan.Expr, es []ast.Expr, pos int) (plan.Expr, error) {
	if !b.ksql() {
		return nil, nil
	}
	switch name {
	case "greatest", "least":
		return nil, b.oneNumber(name, xs, pos)
	case "ceil", "ceiling", "floor", "round", "trunc", "sign":
	default:
		return nil, nil
	}
	if len(xs) != 1 {
		return nil, nil
	}
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
		zero := &plan.Const{Value: types.Value{Type: types.Int4}}
		x, err := b.scalar(name, []plan.Expr{xs[0], zero}, nil, pos)
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
		one := &plan.Const{Value: types.Value{Type: types.Int4, Int: 1}}
		limit := &plan.Const{Value: types.Value{Type: types.Int4, Int: min(n, math.MaxInt32)}}
		return b.scalar("slice", []plan.Expr{x, one, limit}, nil, pos)
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
	zero, err := b.coerce(&plan.Const{Value: types.Value{Type: types.Int4}}, to, fn.Explicit, pos)
	if err != nil {
		return nil, err
	}
	return &plan.Coalesce{Args: []plan.Expr{x, zero}, Typ: to}, nil
}
