package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// The operators are tested by histories: random changes of random tables, cut into random batches and steps, with
// restarts. After every step what was put out must add up to what a naive evaluation over the tables gives.

// row is a row as text: its fields, "-" being NULL.
type row = string

func joinFields(fields ...any) row {
	s := make([]string, len(fields))
	for i, f := range fields {
		s[i] = fmt.Sprint(f)
	}
	return strings.Join(s, "|")
}

func fieldsOf(r row) []string { return strings.Split(r, "|") }

// bag is a multiset of rows.
type bag map[row]int64

func (b bag) add(r row, n int64) {
	if b[r] += n; b[r] == 0 {
		delete(b, r)
	}
}

// each calls f for every row, as often as it is there, in order.
func (b bag) each(f func(r row)) {
	for _, r := range slices.Sorted(maps.Keys(b)) {
		for range b[r] {
			f(r)
		}
	}
}

// opChange is a change of a table.
type opChange struct {
	r    row
	diff int32
	time int64
}

// parseField appends the text of a field to a column.
func parseField(c *vec.Column, s string) {
	var n int64
	switch {
	case s == "-":
		c.AppendNull()
	case c.Type.Class() == types.ClassBytes:
		c.AppendString(s)
	case c.Type.Class() == types.ClassDecimal:
		digits, scale, _ := strings.Cut(s, ".")
		_, _ = fmt.Sscan(digits+scale, &n)
		c.AppendDec(types.Decimal{Coef: n, Scale: int32(len(scale))})
	case c.Type.Class() == types.ClassBool:
		c.AppendBool(s == "t")
	default:
		_, _ = fmt.Sscan(s, &n)
		c.AppendInt(n)
	}
}

func batchOf(ts []types.Type, changes []opChange, timed bool) *vec.Batch {
	b := vec.NewBatch(ts)
	plain := true
	for _, ch := range changes {
		for i, f := range fieldsOf(ch.r)[:len(ts)] {
			parseField(b.Cols[i], f)
		}
		b.Diff = append(b.Diff, ch.diff)
		if timed {
			b.Time = append(b.Time, ch.time)
		}
		plain = plain && ch.diff == 1
	}
	if plain {
		b.Diff = nil
	}
	b.N = len(changes)
	return b
}

func fieldText(c *vec.Column, i int) string {
	if c.IsNull(i) {
		return "-"
	}
	switch c.Type.Class() {
	case types.ClassBytes:
		return string(c.Bytes(i))
	case types.ClassDecimal:
		d := c.Dec[i]
		if d.Big != nil {
			return string(c.AppendText(nil, i, types.Env{}))
		}
		s := fmt.Sprintf("%0*d", d.Scale+1, d.Coef)
		if d.Scale == 0 {
			return s
		}
		return s[:len(s)-int(d.Scale)] + "." + s[len(s)-int(d.Scale):]
	case types.ClassBool:
		return map[bool]string{true: "t", false: "f"}[c.Bool[i]]
	case types.ClassFloat:
		return fmt.Sprint(c.Float[i])
	case types.ClassList:
		return string(c.AppendText(nil, i, types.Env{}))
	default:
		return fmt.Sprint(c.Int[i])
	}
}

func rowText(b *vec.Batch, i int) row {
	fields := make([]string, len(b.Cols))
	for k, c := range b.Cols {
		fields[k] = fieldText(c, i)
	}
	return strings.Join(fields, "|")
}

// checkBatch fails on a batch that does not hold what it says.
func checkBatch(t fataler, b *vec.Batch, ts []types.Type) {
	if b.N == 0 || len(b.Cols) != len(ts) || b.Diff != nil && len(b.Diff) != b.N || b.Time != nil && len(b.Time) != b.N {
		t.Fatalf("batch of %d rows, %d columns, %d diffs, %d times", b.N, len(b.Cols), len(b.Diff), len(b.Time))
	}
	for i, c := range b.Cols {
		if c.Len() != b.N || c.Const || c.Type != ts[i] {
			t.Fatalf("column %d of %v has %d rows of %d (const %v, type %v)", i, ts[i], c.Len(), b.N, c.Const, c.Type)
		}
	}
	for _, d := range b.Diff {
		if d == 0 {
			t.Fatalf("diff 0")
		}
	}
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// memoryStore is a checkpoint in memory, by operator.
type memoryStore map[uint32]map[string]string

type memoryWriter map[string]string

func (m memoryWriter) Put(key, value []byte) error { m[string(key)] = string(value); return nil }
func (m memoryWriter) Delete(key []byte) error     { delete(m, string(key)); return nil }

func (m memoryStore) writer(op uint32) state.Writer {
	if m[op] == nil {
		m[op] = map[string]string{}
	}
	return memoryWriter(m[op])
}

func (m memoryStore) load(op uint32, fn func(key, value []byte) error) error {
	for _, k := range slices.Sorted(maps.Keys(m[op])) {
		if err := fn([]byte(k), []byte(m[op][k])); err != nil {
			return err
		}
	}
	return nil
}

// history runs a plan over random changes.
type history struct {
	plan plan.Node
	// rows draws a row of an input.
	rows []*rapid.Generator[row]
	// want is the naive evaluation over the inputs.
	want func(in []bag) bag
	// start is called before each history; nil for nothing.
	start func()
	// appendOnly inputs lose no rows.
	appendOnly []bool
	// consolidated output has at most one sign per row and step.
	consolidated bool
	// check looks at the output of a step beside what it adds up to; nil for none.
	check func(t *rapid.T, out *vec.Batch)
}

func testContext(t fataler, failed *[]string) *Context {
	return &Context{
		Env: func() *fn.Env { return &fn.Env{Setting: func(string) string { return "" }} },
		Fail: func(op string, b *vec.Batch, i int, err error) {
			if failed == nil {
				t.Fatalf("%s: row %s failed: %v", op, rowText(b, i), err)
			}
			*failed = append(*failed, fmt.Sprintf("%s %s: %v", op, rowText(b, i), err))
		},
	}
}

// output appends what is put out to step.
func (h *history) output(t *rapid.T, step *[]opChange) Emitter {
	ts := columnTypes(h.plan)
	return EmitterFunc(func(b *vec.Batch) error {
		checkBatch(t, b, ts)
		for i := range b.N {
			*step = append(*step, opChange{rowText(b, i), b.DiffAt(i), b.TimeAt(i)})
		}
		if h.check != nil {
			h.check(t, b)
		}
		return nil
	})
}

func (h *history) run(t *testing.T) {
	t.Helper()
	if !t.Run("file", h.runInFile) {
		return
	}
	rapid.Check(t, func(t *rapid.T) {
		if h.start != nil {
			h.start()
		}
		in := make([]bag, len(h.rows))
		for i := range in {
			in[i] = bag{}
		}
		total, step, saved := bag{}, []opChange{}, memoryStore{}
		out := h.output(t, &step)
		g, err := Build(h.plan, testContext(t, nil), out)
		if err != nil {
			t.Fatal(err)
		}
		timed := rapid.Bool().Draw(t, "timed")
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			step = step[:0]
			h.pushStep(t, g, in, timed)
			if err := g.Advance(NoFrontier); err != nil {
				t.Fatal(err)
			}
			h.compare(t, in, total, step)
			if rapid.IntRange(0, 3).Draw(t, "checkpoint") == 0 {
				if err := g.Snapshot(saved.writer); err != nil {
					t.Fatal(err)
				}
				if rapid.Bool().Draw(t, "restart") {
					if g, err = Build(h.plan, testContext(t, nil), out); err != nil {
						t.Fatal(err)
					}
					if err := g.Restore(saved.load, nil); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	})
}

// pushStep feeds the changes of one step, shuffled and cut into batches.
func (h *history) pushStep(t *rapid.T, g *Graph, in []bag, timed bool) {
	type push struct {
		scan int
		ch   opChange
	}
	var all []push
	for range rapid.IntRange(0, 12).Draw(t, "changes") {
		scan := rapid.IntRange(0, len(in)-1).Draw(t, "scan")
		ch := opChange{h.rows[scan].Draw(t, "row"), 1, rapid.Int64Range(0, 99).Draw(t, "time")}
		if len(in[scan]) > 0 && !h.appendOnly[scan] && rapid.Bool().Draw(t, "delete") {
			ch.r, ch.diff = rapid.SampledFrom(slices.Sorted(maps.Keys(in[scan]))).Draw(t, "old"), -1
		} else if rapid.IntRange(0, 9).Draw(t, "twice") == 0 {
			ch.diff = 2
		}
		in[scan].add(ch.r, int64(ch.diff))
		all = append(all, push{scan, ch})
	}
	all = rapid.Permutation(all).Draw(t, "order")
	for lo := 0; lo < len(all); {
		hi := lo + 1
		for hi < len(all) && all[hi].scan == all[lo].scan && rapid.IntRange(0, 3).Draw(t, "cut") > 0 {
			hi++
		}
		var changes []opChange
		for _, p := range all[lo:hi] {
			changes = append(changes, p.ch)
		}
		scan := all[lo].scan
		if err := g.Push(scan, batchOf(columnTypes(g.Scans()[scan]), changes, timed)); err != nil {
			t.Fatal(err)
		}
		lo = hi
	}
}

// compare adds the output of a step to total and compares it with the naive evaluation.
func (h *history) compare(t *rapid.T, in []bag, total bag, step []opChange) {
	net, gross := bag{}, map[row]int64{}
	for _, c := range step {
		total.add(c.r, int64(c.diff))
		net.add(c.r, int64(c.diff))
		gross[c.r] += max(int64(c.diff), -int64(c.diff))
	}
	if want := h.want(in); !maps.Equal(total, want) {
		t.Fatalf("over %v\ngot  %v\nwant %v\nstep %v", in, total, want, step)
	}
	for r, n := range gross {
		if h.consolidated && n != max(net[r], -net[r]) {
			t.Fatalf("step puts out %q both ways: %v", r, step)
		}
	}
}

// scanOf is a plan.Scan of columns of the given types.
func scanOf(appendOnly bool, ts ...types.Type) *plan.Scan {
	s := &plan.Scan{}
	s.Sch.AppendOnly = appendOnly
	for i, t := range ts {
		s.Sch.Cols = append(s.Sch.Cols, plan.Column{Name: fmt.Sprintf("c%d", i), Type: t})
		s.Cols = append(s.Cols, i)
	}
	return s
}

func colOf(i int, t types.Type) plan.Expr { return &plan.Col{Index: i, Typ: t} }

func intConst(n int64) plan.Expr { return &plan.Const{Value: types.Value{Type: types.Int8, Int: n}} }

// callOf is a call of an operator.
func callOf(t testing.TB, op string, args ...plan.Expr) plan.Expr {
	t.Helper()
	f, _, ret, err := fn.ResolveOperator(op, exprTypes(args))
	if err != nil {
		t.Fatal(err)
	}
	return &plan.Call{Fn: f, Args: args, Typ: ret}
}

func schemaOf(ts ...types.Type) (s plan.Schema) {
	for i, t := range ts {
		s.Cols = append(s.Cols, plan.Column{Name: fmt.Sprintf("c%d", i), Type: t})
	}
	return s
}

// smallRows draws rows of small integers, some of them NULL, one for each bound.
func smallRows(nulls bool, bounds ...int) *rapid.Generator[row] {
	return rapid.Custom(func(t *rapid.T) row {
		fields := make([]any, len(bounds))
		for i, n := range bounds {
			v := rapid.IntRange(0, n).Draw(t, "v")
			fields[i] = v
			if nulls && v == n {
				fields[i] = "-"
			}
		}
		return joinFields(fields...)
	})
}

// exprTypes returns the types of expressions.
func exprTypes(es []plan.Expr) []types.Type {
	ts := make([]types.Type, len(es))
	for i, e := range es {
		ts[i] = e.Type()
	}
	return ts
}
