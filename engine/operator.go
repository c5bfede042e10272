package engine

import (
	"maps"
	"math"
	"slices"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// An Operator turns change batches into change batches. One goroutine owns it: no locks, no I/O, no clock.
//
// A step calls Process any number of times on any port, then Advance once; Snapshot comes between steps and Restore
// before the first. After a step the sum of all that was put out is the operator's relation over the sum of all
// that was put in, however the input was cut into batches and steps.
type Operator interface {
	// Process takes changes of one input; in is borrowed until return.
	Process(port int, in *vec.Batch, out Emitter) error
	// Advance ends a step: every port has had its input, and event time has passed frontier (milliseconds; NoFrontier
	// when unknown). Operators that keep state emit what changed, consolidated.
	Advance(frontier int64, out Emitter) error
	// Snapshot writes the state that changed since the last Snapshot.
	Snapshot(w state.Writer) error
	// Restore takes back a key that Snapshot wrote and did not delete later.
	Restore(key, value []byte) error
}

// lazy is an operator that need not be given its keys one by one: it finds them in its region.
type lazy interface{ Attach(r *state.Region) error }

// Emitter takes the output of an operator; the batch is borrowed until Emit returns.
type Emitter interface{ Emit(b *vec.Batch) error }

// EmitterFunc is a function that is an Emitter.
type EmitterFunc func(b *vec.Batch) error

// Emit implements Emitter.
func (f EmitterFunc) Emit(b *vec.Batch) error { return f(b) }

// NoFrontier is the frontier of a step when no event time is known.
const NoFrontier = math.MinInt64

// outRows is how many rows operators that multiply rows put into a batch.
const outRows = 4096

// Context is what the operators of one graph share.
type Context struct {
	// Env returns the environment of expressions; it is asked once per batch.
	Env func() *fn.Env
	// Fail is told of every row that comes (diff > 0) and cannot be computed; the row is set aside. op names the operator.
	// The batch is borrowed. Nil forgets such rows. A pull query does not use it.
	Fail func(op string, b *vec.Batch, row int, err error)
	// NullFailed makes an item of a select list, or an argument of an aggregate, NULL that cannot be computed, as ksqlDB
	// does; Fail is told all the same. Without it such a row is set aside.
	NullFailed bool
	// Repeat makes an aggregation give the row of every group that was touched, also when it is what it was.
	Repeat bool
	// Idle is the aggregation that forgets its groups; nil for none.
	Idle *idleGroups
	// Horizon returns the event time up to which every input has been read while one of them lags behind what is stored
	// of it; what is later may still be met by what has to be read. Nil stands for math.MaxInt64: none lags.
	Horizon func() int64
	// Pull is set for a graph that runs one step over a snapshot: the first row that fails ends the query, Sort gives
	// its rows in order and Limit takes the first.
	Pull bool
	// Interrupted returns an error once the query is to end; operators that may run for long ask it now and then. It may
	// be nil.
	Interrupted func() error
	// Meter measures the operators; nil in all but EXPLAIN ANALYZE.
	Meter *Meter
	// State adds up what the operators keep, so that it stays within its limits; nil for a pull query.
	State *state.Account
	// Fetch gives the rows of a scan that a join finds by their keys, in a pull query.
	Fetch func(scan *plan.Scan, of *plan.Probe, prefixes [][]byte) (feed, error)
	// Joined returns where a join finds the rows of a side in their table; nil for a query that is not run by the flow.
	Joined func(x *plan.JoinIndex) (*table, *secondary)
	// Keys are the tables of keys that aggregations share; nil for a query that shares none.
	Keys *sharedKeys
}

// interrupted is Interrupted where it is set.
func (c *Context) interrupted() error {
	if c.Interrupted == nil {
		return nil
	}
	return c.Interrupted()
}

// setAside deals with the rows in bad, by number, and returns the numbers of the others.
func (c *Context) setAside(op string, b *vec.Batch, bad map[int]error) ([]int32, error) {
	for _, i := range slices.Sorted(maps.Keys(bad)) {
		if c.Pull {
			return nil, bad[i]
		}
		if c.Fail != nil && b.DiffAt(i) > 0 {
			c.Fail(op, b, i, bad[i])
		}
	}
	good := make([]int32, 0, b.N-len(bad))
	for i := range b.N {
		if _, failed := bad[i]; !failed {
			good = append(good, int32(i))
		}
	}
	return good, nil
}

// report tells Fail of the rows in bad, by number.
func (c *Context) report(op string, b *vec.Batch, bad map[int]error) {
	for _, i := range slices.Sorted(maps.Keys(bad)) {
		if c.Fail != nil && b.DiffAt(i) > 0 {
			c.Fail(op, b, i, bad[i])
		}
	}
}

// stateless is embedded by operators that remember nothing.
type stateless struct{}

func (stateless) Advance(int64, Emitter) error { return nil }
func (stateless) Snapshot(state.Writer) error  { return nil }
func (stateless) Restore(key, _ []byte) error  { return errForeignState(key) }

// exprs is a list of compiled expressions. Plain columns are passed on without a program.
type exprs struct {
	progs      []*eval.Program
	direct     []int // column of the input, where progs is nil
	types      []types.Type
	out        []*vec.Column
	nullFailed bool // what failed is NULL
}

// nullWhatFails makes what cannot be computed NULL, a call of a function by itself and not all that it is part of.
func (x *exprs) nullWhatFails() {
	x.nullFailed = true
	for _, p := range x.progs {
		if p != nil {
			p.NullCalls()
		}
	}
}

func compileExprs(es []plan.Expr) (*exprs, error) {
	x := &exprs{out: make([]*vec.Column, len(es))}
	for _, e := range es {
		x.types = append(x.types, e.Type())
		if c, ok := e.(*plan.Col); ok {
			x.progs, x.direct = append(x.progs, nil), append(x.direct, c.Index)
			continue
		}
		p, err := eval.Compile(e)
		if err != nil {
			return nil, err
		}
		x.progs, x.direct = append(x.progs, p), append(x.direct, -1)
	}
	return x, nil
}

// eval returns a column per expression, constant ones among them, and the rows that failed. The columns are valid
// until the next call or as long as in is.
func (x *exprs) eval(env *fn.Env, in *vec.Batch) (cols []*vec.Column, bad map[int]error) {
	for k, p := range x.progs {
		if p == nil {
			x.out[k] = in.Cols[x.direct[k]]
			continue
		}
		c, errs := p.Eval(env, in)
		if x.nullFailed && len(errs) > 0 {
			c = withNulls(c, errs, in.N)
		}
		x.out[k] = c
		bad = addErrs(addErrs(bad, errs), p.Nulled())
	}
	return x.out, bad
}

// withNulls returns the column's n rows, NULL in those of errs.
func withNulls(c *vec.Column, errs map[int]error, n int) *vec.Column {
	out := vec.NewColumn(c.Type)
	for i := range n {
		if _, failed := errs[i]; failed {
			out.AppendNull()
		} else {
			out.AppendFrom(c, c.At(i))
		}
	}
	return out
}

// addErrs adds to bad the rows of errs that are not in it.
func addErrs(bad, errs map[int]error) map[int]error {
	if len(errs) == 0 {
		return bad
	}
	if bad == nil {
		bad = make(map[int]error, len(errs))
	}
	for i, err := range errs {
		if _, ok := bad[i]; !ok {
			bad[i] = err
		}
	}
	return bad
}

// columnTypes returns the types of the columns of a node.
func columnTypes(n plan.Node) []types.Type {
	cols := n.Schema().Cols
	ts := make([]types.Type, len(cols))
	for i, c := range cols {
		ts[i] = c.Type
	}
	return ts
}
