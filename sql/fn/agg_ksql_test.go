package fn_test

import (
	"strings"
	"testing"

	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// TestKsqlAggregates runs aggregates over a few rows. A row is its arguments with blanks between, NULL for NULL.
func TestKsqlAggregates(t *testing.T) {
	text, i4, i8, f8, flag := types.Text, types.Int4, types.Int8, types.Float8, types.Bool
	for _, c := range []struct {
		name string
		args []types.Type
		rows string
		typ  string
		want string
	}{
		{"collect_list", []types.Type{i4}, "1; NULL; 1", "integer[]", "{1,NULL,1}"},
		{"collect_set", []types.Type{text}, "b; a; b; NULL; NULL", "text[]", "{b,a,NULL}"},
		{"count_distinct", []types.Type{i4}, "1; 2; 1; NULL", "bigint", "2"},
		{"attr", []types.Type{text}, "a; a", "text", "a"},
		{"attr", []types.Type{text}, "a; b", "text", "NULL"},
		{"attr", []types.Type{text}, "a; NULL", "text", "NULL"},
		{"histogram", []types.Type{text}, "b; a; b; NULL", "map<text, bigint>", `{"a": 1, "b": 2}`},
		{"sum_list", []types.Type{types.ArrayOf(i4)}, "{1,2}; {3,NULL}; NULL", "bigint", "6"},
		{"sum_list", []types.Type{types.ArrayOf(f8)}, "{0.5}; {}", "double precision", "0.5"},
		{"topk", []types.Type{i4, i4}, "0 3; 100 3; 99 3; NULL 3; 7 3; 100 3", "integer[]", "{100,100,99}"},
		{"topk", []types.Type{i4, text, i4}, "1 a 2; 3 c 2; 2 b 2", "struct<sort_col integer, col0 text>[]",
			`{"(3,c)","(2,b)"}`},
		{"topkdistinct", []types.Type{i8, i4}, "1 2; 5 2; 5 2; 3 2", "bigint[]", "{5,3}"},
		{"latest_by_offset", []types.Type{text}, "a; b; NULL", "text", "b"},
		{"latest_by_offset", []types.Type{text, flag}, "a f; b f; NULL f", "text", "NULL"},
		{"latest_by_offset", []types.Type{i4, i4}, "1 2; 2 2; NULL 2; 3 2", "integer[]", "{2,3}"},
		{"latest_by_offset", []types.Type{i4, i4, flag}, "1 2 f; NULL 2 f; 3 2 f", "integer[]", "{NULL,3}"},
		{"earliest_by_offset", []types.Type{text}, "NULL; a; b", "text", "a"},
		{"earliest_by_offset", []types.Type{text, flag}, "NULL f; a f", "text", "NULL"},
		{"earliest_by_offset", []types.Type{i4, i4}, "1 2; NULL 2; 2 2; 3 2", "integer[]", "{1,2}"},
		{"correlation", []types.Type{f8, f8}, "1.5 8; -1 -2; NULL 3; -4.5 -1", "double precision", "0.7580764521133173"},
		{"correlation", []types.Type{f8, f8}, "1.5 8", "double precision", "NaN"},
		{"stddev_sample", []types.Type{f8}, "0; 10; NULL; 7; 6", "double precision", "4.193248541803041"},
		{"stddev_sample", []types.Type{f8}, "4", "double precision", "0"},
	} {
		f, params, ret, err := fn.ResolveAggregate(c.name, c.args)
		if err != nil {
			t.Fatal(err)
		}
		if ret.String() != c.typ {
			t.Errorf("%s: type %s, want %s", c.name, ret, c.typ)
		}
		cols := newColumns(params)
		rows := strings.Split(c.rows, "; ")
		for _, row := range rows {
			for k, cell := range strings.Fields(row) {
				if cell == "NULL" {
					cols[k].AppendNull()
				} else if err := cols[k].ParseAppend([]byte(cell), types.Env{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, appendOnly := range []bool{true, false} {
			acc := f.New(params, ret, appendOnly)
			call := fn.Call{N: len(rows), Env: &fn.Env{}, Ret: ret}
			acc.Update(&call, make([]int32, len(rows)), nil, cols)
			if got := result(acc, []int32{0}, ret)[0]; got != c.want || len(call.Errs) > 0 {
				t.Errorf("%s(%s): got %s, want %s (%v)", c.name, c.rows, got, c.want, call.Errs)
			}
		}
	}
}

// TestConstantArguments: a number of values that makes no sense fails the row.
func TestConstantArguments(t *testing.T) {
	for _, name := range []string{"topk", "topkdistinct", "latest_by_offset", "earliest_by_offset"} {
		f, params, ret, err := fn.ResolveAggregate(name, []types.Type{types.Text, types.Int4})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int64{0, -1, 1 << 30} {
			x, k := vec.NewColumn(types.Text), vec.NewColumn(types.Int4)
			x.AppendString("a")
			k.AppendInt(n)
			c := fn.Call{N: 1, Env: &fn.Env{}, Ret: ret}
			f.New(params, ret, false).Update(&c, []int32{0}, nil, []*vec.Column{x, k})
			if len(c.Errs) != 1 {
				t.Errorf("%s of %d values does not fail", name, n)
			}
		}
	}
}

// TestOneDeclaration: no two overloads take the same arguments.
func TestOneDeclaration(t *testing.T) {
	seen := map[string]bool{}
	check := func(kind, name string, args []types.Type, resolved bool) {
		if key := kind + name + "(" + fn.Signature(args) + ")"; !resolved && seen[key] {
			t.Errorf("%s is declared twice", key)
		} else {
			seen[key] = true
		}
	}
	for _, f := range fn.Scalars() {
		check("", f.Name, f.Args, f.Resolve != nil)
	}
	for _, f := range fn.Aggregates() {
		check("aggregate ", f.Name, f.Args, f.Resolve != nil)
	}
	for _, f := range fn.Tables() {
		check("table ", f.Name, f.Args, f.Resolve != nil)
	}
}
