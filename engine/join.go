package engine

import (
	"slices"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/vec"
)

// joinOp joins two relations. Changes of a side meet the rows of the other side that are there, then join their own:
// so, in whatever order they come, every pair of rows meets once.
//
// A row kept without a match (outer joins) carries the number of rows it matches; as that number leaves or reaches
// zero, the row extended with NULLs goes or comes. An anti join gives the same rows and no pairs, a semi join the
// others. Output is consolidated over the step, unless rows can only come.
type joinOp struct {
	*joinRows
	direct bool // emit at once
	pairs  bool
	semi   bool
	// foreign is set for ksqlDB's inner join of tables by a foreign key: a row of the left side that goes leaves a
	// trace though it matched nothing.
	foreign bool
}

func newJoin(n *plan.Join, ctx *Context) (Operator, error) {
	rows, err := newJoinRows("join", n, ctx)
	if err != nil {
		return nil, err
	}
	grows := ctx.Pull || n.Left.Schema().AppendOnly && n.Right.Schema().AppendOnly
	rows.timed = rows.found != nil
	foreign := ctx.Repeat && n.Kind == plan.Inner && isKey(n.RightKeys, n.Right) && !isKey(n.LeftKeys, n.Left)
	direct := n.Kind == plan.Inner && grows && rows.found == nil
	return &joinOp{rows, direct, !n.Halves(), n.Kind == plan.Semi, foreign}, nil
}

// isKey tells whether expressions are what tells the rows of a node apart.
func isKey(xs []plan.Expr, n plan.Node) bool {
	key := n.Schema().Key
	if len(key) == 0 || len(key) != len(xs) {
		return false
	}
	for _, x := range xs {
		if c, ok := x.(*plan.Col); !ok || !slices.Contains(key, c.Index) {
			return false
		}
	}
	return true
}

// Process implements Operator.
func (j *joinOp) Process(side int, in *vec.Batch, out Emitter) error {
	env := j.ctx.Env()
	keys, bad := j.keys[side].eval(env, in)
	if bad != nil {
		good, err := j.ctx.setAside(j.name, in, bad)
		if err != nil || len(good) == 0 {
			return err
		}
		return j.Process(side, in.Gather(good), out)
	}
	j.timed = j.timed || in.Time != nil
	var failed error
	err := j.probe(env, side, in, keys, func(sel []int32) {
		if j.pairs {
			j.emitPairs(in, sel)
		}
		if j.keep[1-side] && failed == nil {
			failed = j.match(side, in, sel)
		}
		if j.direct && failed == nil {
			failed = j.flush(out)
		}
	})
	if err != nil || failed != nil {
		return firstErr(err, failed)
	}
	for i := range in.N {
		if j.keep[side] && (j.matches[i] == 0) != j.semi {
			j.emitAlone(side, in, i, int64(in.DiffAt(i)))
		}
		if !j.found.is(side) {
			j.store(side, in, keys, i)
		}
	}
	if j.foreign && side == 0 {
		j.traceGone(in, keys)
	}
	return nil
}

// traceGone lets rows of the left side that go and matched nothing come and go in the output, unless their successor
// has the same key.
func (j *joinOp) traceGone(in *vec.Batch, keys []*vec.Column) {
	for i := range in.N {
		if in.DiffAt(i) > 0 || j.matches[i] > 0 {
			continue
		}
		if next := i + 1; next < in.N && in.DiffAt(next) > 0 && sameRow(keys, i, next) {
			continue
		}
		j.emitAlone(0, in, i, 1)
		j.emitAlone(0, in, i, -1)
	}
}

func sameRow(cols []*vec.Column, i, k int) bool {
	for _, c := range cols {
		if vec.Compare(c, c.At(i), c, c.At(k)) != 0 {
			return false
		}
	}
	return true
}

// match counts the pairs of sel for the rows of the other side, which are kept without a match.
func (j *joinOp) match(side int, in *vec.Batch, sel []int32) error {
	for _, p := range sel {
		i := int(j.candRow[p])
		key := j.candRef[p].key
		v, _ := j.rows.Get(key) // an earlier pair may have changed it
		e := decodeEntry(key, v)
		before := e.matches
		e.matches += int64(in.DiffAt(i))
		j.put(e, 1-side)
		if (before == 0) == (e.matches == 0) {
			continue
		}
		n := e.count
		if (before == 0) != j.semi {
			n = -n
		}
		j.appendKey(1-side, j.keys[side].out, i)
		if err := j.emitAloneEntry(1-side, key[len(j.buf):], n, max(timeOf(in, i), e.time)); err != nil {
			return err
		}
	}
	return nil
}

// Advance implements Operator.
func (j *joinOp) Advance(_ int64, out Emitter) error { return j.flush(out) }

// flush emits what has been collected.
func (j *joinOp) flush(out Emitter) error {
	b := j.take()
	if b == nil {
		return nil
	}
	if !j.ctx.Repeat {
		b = Consolidate(b)
	}
	if b.N > 0 {
		if err := out.Emit(b); err != nil {
			return err
		}
	}
	j.clearOut()
	return nil
}

func firstErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
