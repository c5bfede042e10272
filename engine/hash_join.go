package engine

import (
	"slices"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/vec"
)

// hashJoinOp is the join of a query that is asked once. It collects the right side, builds a hash table of its keys,
// and looks up the left rows in it: as they come when the right side is known to be complete by then, else at the end.
type hashJoinOp struct {
	ctx       *Context
	kind      plan.JoinKind
	streaming bool // the right side is complete when the first left row comes
	keys      [2]*exprs
	safe      []bool // keys that equal each other when both are NULL
	on        *eval.Program

	left, right *vec.Batch
	table       joinTable
	built       bool
	matched     []bool // rows of the right side, of a full join

	probing *probe // nil where the right side comes as a whole

	cand       *vec.Batch // pairs with equal keys: the rows' columns
	li, ri     []int32    // and where they are
	hits       []bool     // which rows of the batch at hand match
	out        *vec.Batch
	sel, alone []int32
}

// joinTable finds the rows that have given keys: heads by hash, the rows of a head chained.
type joinTable struct {
	keys   []*vec.Column
	hashes []uint64
	heads  []int32 // row number plus one, 0 for none
	next   []int32
}

func newHashJoin(n *plan.Join, ctx *Context, streaming bool) (Operator, error) {
	lts, rts := columnTypes(n.Left), columnTypes(n.Right)
	j := &hashJoinOp{ctx: ctx, kind: n.Kind, streaming: streaming, left: vec.NewBatch(lts), right: vec.NewBatch(rts),
		cand: vec.NewBatch(append(lts[:len(lts):len(lts)], rts...)), out: vec.NewBatch(columnTypes(n))}
	for i := range n.LeftKeys {
		j.safe = append(j.safe, n.NullSafeAt(i))
	}
	var err error
	if j.keys[0], err = compileExprs(n.LeftKeys); err != nil {
		return nil, err
	}
	if j.keys[1], err = compileExprs(n.RightKeys); err != nil {
		return nil, err
	}
	if n.On != nil {
		j.on, err = eval.Compile(n.On)
	}
	return j, err
}

// Process implements Operator.
func (j *hashJoinOp) Process(side int, in *vec.Batch, out Emitter) error {
	switch {
	case side == 1 && j.built:
		panic("BUG: rows of the right side after it was complete")
	case side == 1:
		j.right.AppendBatch(in)
		return nil
	case !j.streaming:
		j.left.AppendBatch(in)
		return nil
	}
	return j.probe(in, out)
}

// build makes the hash table.
func (j *hashJoinOp) build() error {
	if j.built {
		return nil
	}
	j.built = true
	j.right.Time = nil
	cols, bad := j.keys[1].eval(j.ctx.Env(), j.right)
	if bad != nil {
		_, err := j.ctx.setAside("join", j.right, bad)
		return err
	}
	if j.kind == plan.Full {
		j.matched = make([]bool, j.right.N)
	}
	j.table.build(cols, j.right.N, j.safe)
	return nil
}

// build fills the table. Rows with a NULL that matches nothing are left out.
func (t *joinTable) build(cols []*vec.Column, n int, safe []bool) {
	t.keys = flat(cols, n)
	size := 16
	for size < 2*n {
		size *= 2
	}
	t.heads, t.next = make([]int32, size), make([]int32, n)
	t.hashes = vec.Hash(t.keys, n, nil)
	for i := n - 1; i >= 0; i-- {
		if !joinable(t.keys, i, safe) {
			continue
		}
		p := t.hashes[i] & uint64(size-1)
		t.next[i], t.heads[p] = t.heads[p], int32(i+1)
	}
}

// flat returns cols without constant columns.
func flat(cols []*vec.Column, n int) []*vec.Column {
	out := make([]*vec.Column, len(cols))
	for i, c := range cols {
		out[i] = c
		if c.Const {
			out[i] = c.Flat(n)
		}
	}
	return out
}

// joinable reports whether row i has no NULL that matches nothing.
func joinable(keys []*vec.Column, i int, safe []bool) bool {
	for k, c := range keys {
		if !safe[k] && c.IsNull(i) {
			return false
		}
	}
	return true
}

// equal reports whether the keys in row i of cols are those of row r.
func (t *joinTable) equal(r int32, cols []*vec.Column, i int) bool {
	for k, c := range cols {
		ln, rn := c.IsNull(i), t.keys[k].IsNull(int(r))
		if ln != rn || !ln && vec.Compare(c, i, t.keys[k], int(r)) != 0 {
			return false
		}
	}
	return true
}

// probe finds the matches of left rows and emits what comes of them.
func (j *hashJoinOp) probe(in *vec.Batch, out Emitter) error {
	env := j.ctx.Env()
	cols, bad := j.keys[0].eval(env, in)
	if bad != nil {
		_, err := j.ctx.setAside("join", in, bad)
		return err
	}
	cols = flat(cols, in.N)
	if j.probing != nil {
		if err := j.fill(cols, in.N); err != nil {
			return err
		}
	} else if err := j.build(); err != nil {
		return err
	}
	if j.right.N == 0 && (j.kind == plan.Inner || j.kind == plan.Semi) {
		return nil
	}
	hashes := vec.Hash(cols, in.N, nil)
	j.hits = append(j.hits[:0], make([]bool, in.N)...)
	exists := j.on == nil && (j.kind == plan.Semi || j.kind == plan.Anti)
	mask := uint64(len(j.table.heads) - 1)
	for i := range in.N {
		if !joinable(cols, i, j.safe) {
			continue
		}
		for r := j.table.heads[hashes[i]&mask]; r != 0; r = j.table.next[r-1] {
			if j.table.hashes[r-1] != hashes[i] || !j.table.equal(r-1, cols, i) {
				continue
			}
			if exists {
				j.hits[i] = true
				break
			}
			j.li, j.ri = append(j.li, int32(i)), append(j.ri, r-1)
			if len(j.li) == outRows {
				if err := j.check(env, in, out); err != nil {
					return err
				}
			}
		}
	}
	if err := j.check(env, in, out); err != nil {
		return err
	}
	return j.rest(in, out)
}

// check evaluates the rest of the condition for the pairs at hand and emits those that meet it.
func (j *hashJoinOp) check(env *fn.Env, in *vec.Batch, out Emitter) error {
	if len(j.li) == 0 {
		return nil
	}
	if err := j.ctx.interrupted(); err != nil {
		return err
	}
	lw := len(in.Cols)
	j.cand.Reset()
	for c, col := range j.cand.Cols {
		if c < lw {
			col.Gather(in.Cols[c], j.li)
		} else {
			col.Gather(j.right.Cols[c-lw], j.ri)
		}
	}
	j.cand.N = len(j.li)
	var diff []int32
	if in.Diff != nil || j.right.Diff != nil {
		diff = make([]int32, len(j.li))
		for p := range diff {
			diff[p] = in.DiffAt(int(j.li[p])) * j.right.DiffAt(int(j.ri[p]))
		}
	}
	j.cand.Diff = diff
	b := j.cand
	if j.on != nil {
		ok, bad := j.on.Eval(env, j.cand)
		if bad != nil {
			if _, err := j.ctx.setAside("join", j.cand, bad); err != nil {
				return err
			}
		}
		j.sel = selectTrue(j.sel[:0], ok, j.cand.N)
		for k, p := range j.sel {
			j.li[k], j.ri[k] = j.li[p], j.ri[p]
		}
		j.li, j.ri = j.li[:len(j.sel)], j.ri[:len(j.sel)]
		if len(j.sel) < j.cand.N {
			b = j.cand.Gather(j.sel)
		}
	}
	for p, i := range j.li {
		j.hits[i] = true
		if j.matched != nil {
			j.matched[j.ri[p]] = true
		}
	}
	j.li, j.ri = j.li[:0], j.ri[:0]
	if b.N == 0 || j.kind == plan.Semi || j.kind == plan.Anti {
		return nil
	}
	return out.Emit(b)
}

// rest emits the left rows that come without a partner.
func (j *hashJoinOp) rest(in *vec.Batch, out Emitter) error {
	if j.kind == plan.Inner || j.kind == plan.Right {
		return nil
	}
	j.alone = j.alone[:0]
	for i, hit := range j.hits {
		if hit == (j.kind == plan.Semi) {
			j.alone = append(j.alone, int32(i))
		}
	}
	return j.emitAlone(in, 0, out)
}

// emitAlone emits the rows of in that j.alone names, whose columns are those of the output from at on, with NULLs for
// the others.
func (j *hashJoinOp) emitAlone(in *vec.Batch, at int, out Emitter) error {
	if len(j.alone) == 0 {
		return nil
	}
	j.out.Reset()
	for c, col := range j.out.Cols {
		if c >= at && c < at+len(in.Cols) {
			col.Gather(in.Cols[c-at], j.alone)
			continue
		}
		for range j.alone {
			col.AppendNull()
		}
	}
	j.out.Diff = gatherInts(nil, in.Diff, j.alone)
	j.out.N = len(j.alone)
	return out.Emit(j.out)
}

// Advance implements Operator.
func (j *hashJoinOp) Advance(_ int64, out Emitter) error {
	if err := j.build(); err != nil {
		return err
	}
	for lo := 0; lo < j.left.N; lo += outRows {
		if err := j.probe(j.left.Slice(lo, min(lo+outRows, j.left.N)), out); err != nil {
			return err
		}
	}
	if j.matched == nil {
		return nil
	}
	j.alone = j.alone[:0]
	for r, hit := range j.matched {
		if !hit {
			j.alone = append(j.alone, int32(r))
		}
	}
	return j.emitAlone(j.right, len(j.left.Cols), out)
}

// Snapshot implements Operator; a pull query has no checkpoint.
func (j *hashJoinOp) Snapshot(state.Writer) error { return nil }

// Restore implements Operator.
func (j *hashJoinOp) Restore(key, _ []byte) error { return errForeignState(key) }

// shares reports whether rows of n may come with those of something to the right of it.
func shares(n plan.Node) bool {
	switch n.(type) {
	case *plan.Shared, *plan.SharedScan:
		return true
	}
	return slices.ContainsFunc(n.Inputs(), shares)
}

// complete reports whether all rows of n come before those of what stands to the left of it: its operators wait for
// nothing.
func complete(n plan.Node) bool {
	switch n := n.(type) {
	case *plan.Scan:
		return true
	case *plan.Filter, *plan.Project, *plan.TableFunc:
		return complete(n.Inputs()[0])
	case *plan.Join:
		return !n.Lookup && n.Within == nil && n.Kind != plan.Full && complete(n.Left) && complete(n.Right)
	}
	return false
}
