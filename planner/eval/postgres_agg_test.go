//go:build clients

package eval_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// TestAggregatesAgainstPostgres compares every aggregate over random lists of values.
func TestAggregatesAgainstPostgres(t *testing.T) {
	conn := connect(t)
	rng := rand.New(rand.NewPCG(5, 6))
	n := 0
	there := functionsOf(t, conn)
	for _, f := range fn.Aggregates() {
		if len(f.Args) != 1 || !there[f.Name] || f.Ordered != nil {
			continue
		}
		k := f.Args[0].Kind
		if k == types.KindBytea && (f.Name == "min" || f.Name == "max") { // ksqlDB's
			continue
		}
		lists := samples[k]
		if len(lists) == 0 {
			lists = samples[types.KindText]
			if f.Args[0] == fn.AnyArray {
				lists = []string{"ARRAY[1,2,3]", "ARRAY[2,NULL]", "'{}'::int[]", "ARRAY[2]"}
			}
		}
		for range 12 {
			values := []string{"NULL::" + typeText(t, lists[0])}
			for range rng.IntN(6) {
				values = append(values, lists[rng.IntN(len(lists))])
			}
			distinct := rng.IntN(3) == 0
			n++
			if diff := compareAggregate(t, conn, f.Name, values, distinct); diff != "" {
				t.Errorf("%s(%v) over %s: %s", f.Name, distinct, strings.Join(values, ", "), diff)
			}
		}
	}
	t.Logf("%d aggregations", n)
}

func typeText(t *testing.T, expr string) string {
	v, err := evaluate(expr)
	if err != nil {
		t.Fatal(err)
	}
	return v.Type.Base().String()
}

func compareAggregate(t *testing.T, conn *pgx.Conn, name string, values []string, distinct bool) string {
	word := ""
	if distinct {
		word = "DISTINCT "
	}
	query := fmt.Sprintf("SELECT pg_typeof(%[1]s(%[3]sx))::text, %[1]s(%[3]sx)::text FROM (VALUES (%[2]s)) AS v(x)", name,
		strings.Join(values, "), ("), word)
	var typ string
	var want *string
	var pgErr *pgconn.PgError
	err := conn.QueryRow(context.Background(), query).Scan(&typ, &want)
	if err != nil && !errors.As(err, &pgErr) {
		return err.Error()
	}
	var col *vec.Column
	groups := make([]int32, len(values))
	for _, s := range values {
		v, err := evaluate(s)
		if err != nil {
			t.Fatal(err)
		}
		if col == nil {
			col = vec.NewColumn(v.Type.Base())
		}
		col.AppendValue(v)
	}
	f, params, ret, err := fn.ResolveAggregate(name, []types.Type{col.Type})
	if err != nil {
		return err.Error()
	}
	acc := f.New(params, ret, true)
	if distinct {
		acc = fn.NewDistinct(f, params, ret, true)
	}
	c := fn.Call{N: len(values), Env: testEnv(), Ret: ret}
	acc.Update(&c, groups, nil, []*vec.Column{col})
	if len(c.Errs) > 0 && pgErr == nil {
		for _, err := range c.Errs {
			if strings.Contains(err.Error(), "overflow") && ret.Class() == types.ClassFloat {
				return "" // the square of a value, which PostgreSQL does not compute of one value alone
			}
			return err.Error()
		}
	}
	out := vec.NewColumn(ret)
	acc.Result([]int32{0}, out)
	got := out.Value(0)
	switch {
	case pgErr != nil && len(c.Errs) > 0:
		for _, err := range c.Errs {
			if string(sqlerr.From(err).Code) != pgErr.Code {
				return fmt.Sprintf("got %v, postgres %v", err, pgErr)
			}
		}
	case pgErr != nil:
		if strings.Contains(pgErr.Message, "overflow") && ret.Class() == types.ClassFloat {
			return "" // sums of floats are exact, and rounded at their end, when nobody can be told of an overflow
		}
		return fmt.Sprintf("got %s, postgres %v", show(got), pgErr)
	case ret.String() != typ && !(typ == "character" && ret.Kind == types.KindChar):
		return fmt.Sprintf("got type %s, postgres %s", ret, typ)
	case got.Null != (want == nil):
		return fmt.Sprintf("got %q, postgres %s", show(got), text(want))
	case got.Null:
	case ret == types.Bool && show(got) == (*want)[:1]:
	case distinct && strings.HasSuffix(name, "_agg") && len(show(got)) == len(*want): // another order
	case strings.TrimRight(show(got), " ") != strings.TrimRight(*want, " ") &&
		!(ret.Class() == types.ClassFloat && near(show(got), *want)):
		return fmt.Sprintf("got %q, postgres %s", show(got), text(want))
	}
	return ""
}
