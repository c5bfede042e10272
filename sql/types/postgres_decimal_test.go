//go:build clients

package types_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// show is the text of a result or the code of its error.
func show(d types.Decimal, err error) string {
	if err != nil {
		return string(sqlerr.From(err).Code)
	}
	return d.String()
}

// numericOps are operations in SQL, and here.
var numericOps = []struct {
	sql string
	run func(a, b types.Decimal) string
}{
	{"$1 + $2", func(a, b types.Decimal) string { return show(a.Add(b)) }},
	{"$1 - $2", func(a, b types.Decimal) string { return show(a.Sub(b)) }},
	{"$1 * $2", func(a, b types.Decimal) string { return show(a.Mul(b)) }},
	{"$1 / $2", func(a, b types.Decimal) string { return show(a.Div(b)) }},
	{"$1 % $2", func(a, b types.Decimal) string { return show(a.Mod(b)) }},
	{"div($1, $2)", func(a, b types.Decimal) string { return show(a.QuoInt(b)) }},
	{"-$1 + 0 * $2", func(a, b types.Decimal) string {
		zero, _ := b.Mul(types.Decimal{})
		return show(a.Neg().Add(zero))
	}},
	{"floor($1)", func(a, _ types.Decimal) string { return a.Floor().String() }},
	{"ceil($1)", func(a, _ types.Decimal) string { return a.Ceil().String() }},
	{"abs($1)", func(a, _ types.Decimal) string { return a.Abs().String() }},
	{"round($1, 3)", func(a, _ types.Decimal) string { return a.Round(3).String() }},
	{"round($1, -2)", func(a, _ types.Decimal) string { return a.Round(-2).String() }},
	{"trunc($1, 2)", func(a, _ types.Decimal) string { return a.Trunc(2).String() }},
	{"trunc($1, -1)", func(a, _ types.Decimal) string { return a.Trunc(-1).String() }},
	{"trim_scale($1)", func(a, _ types.Decimal) string { return a.TrimScale().String() }},
	{"sign($1)", func(a, _ types.Decimal) string {
		if a.IsNaN() {
			return "NaN"
		}
		return fmt.Sprint(a.Sign())
	}},
	{"CASE WHEN $1 < $2 THEN -1 WHEN $1 > $2 THEN 1 ELSE 0 END", func(a, b types.Decimal) string {
		return fmt.Sprint(a.Cmp(b))
	}},
	{"$1::float8::text", func(a, _ types.Decimal) string { return string(types.AppendFloat8(nil, a.Float64())) }},
}

func TestPostgresNumericArithmetic(t *testing.T) {
	conn := connect(t, "UTC")
	rng := rand.New(rand.NewPCG(5, 6))
	operand := func() string {
		switch rng.IntN(6) {
		case 0:
			return pick(rng, "0", "0.000", "1", "-1", "NaN", "Infinity", "-Infinity", "10000", "0.0001", "9223372036854775807",
				"-9223372036854775808", "0.5", "-2.5", "99999999.99999999")
		case 1:
			return pick(rng, "", "-") + digits(rng, 3) + "." + digits(rng, 3)
		case 2:
			return pick(rng, "", "-") + digits(rng, 18)
		case 3:
			return pick(rng, "", "-") + "0.0000" + digits(rng, 12)
		default:
			return pick(rng, "", "-") + digits(rng, 30) + "." + digits(rng, 20)
		}
	}
	for i, op := range numericOps {
		stmt := fmt.Sprintf("op%d", i)
		sql := fmt.Sprintf("SELECT (%s)::text, $1::numeric, $2::numeric", op.sql)
		if _, err := conn.Prepare(context.Background(), stmt, sql, []uint32{1700, 1700}); err != nil {
			t.Fatal(op.sql, err)
		}
		for range 250 {
			a, b := operand(), operand()
			r := conn.ExecPrepared(context.Background(), stmt, [][]byte{[]byte(a), []byte(b)}, nil, nil).Read()
			var want string
			if e, ok := r.Err.(*pgconn.PgError); ok {
				want = e.Code
			} else if r.Err != nil {
				t.Fatal(r.Err)
			} else {
				want = string(r.Rows[0][0])
			}
			if got := op.run(dec(t, a), dec(t, b)); got != want {
				t.Errorf("%s with %s, %s: got %s, want %s", op.sql, a, b, got, want)
			}
		}
	}
}
