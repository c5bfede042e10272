package engine

import (
	"encoding/binary"
	"math"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// aggregateOp groups rows and keeps one output row per group. A step remembers the groups it touches and, of each, the
// row that is out; Advance takes back the rows that changed and gives the new ones. A group whose rows are all gone
// vanishes, and its number is used again.
//
// What it keeps of groups need not all be in memory: see aggstate.go.
//
// With grouping sets the number of the set is a further key, and every row is put into a group of each.
type aggregateOp struct {
	ctx    *Context
	global bool // there is always a row: without keys, or of every set that is empty
	// stays is set for ksqlDB's aggregation of a table: a group stays, with what no rows give, when its last row goes.
	stays bool
	keys  *exprs
	sets  []groupingSet // nil for none
	aggs  []*aggInput
	table *groupTable // perhaps that of others too
	held  int         // groups of the table that are of this aggregation
	// fresh lists the groups that it got since it was last emptied, while it watches.
	fresh []int32
	watch bool
	meta  []groupMeta
	// timed is set once an event time has been seen.
	timed bool
	// begun is set once the groups are there that always are.
	begun bool
	// distinct counts the arguments of DISTINCT aggregates.
	distinct *state.Map
	// closes lists the groups of windows that will close; nil when none do.
	closes *closingGroups
	// idle says how groups are forgotten that have no more rows; nil when none are.
	idle *idleGroups

	touched []int32    // groups of this step
	old     *vec.Batch // the aggregates' columns of rows that are out, of touched groups in the order of touched

	saved savedGroups

	hashes        []uint64
	groups        []int32
	live          []int32
	res           *vec.Batch // new rows of the aggregates' columns
	both          *vec.Batch // old rows, then new rows
	out           *vec.Batch
	sel, of, diff []int32
	keyTmp        []*vec.Column // keys on their way to and from state
	buf           []byte
}

// groupMeta is what is known of a group beside its key and its accumulators.
type groupMeta struct {
	count   int64  // rows in the group
	time    int64  // the latest event time of them, math.MinInt64 when there is none
	old     int32  // in a step that touched the group: row in aggregateOp.old, -1 when none is out
	epoch   uint32 // in which it last changed: see savedGroups; 0 for what comes from the file
	touched bool   // in this step
	always  bool   // the group is there without rows
	out     bool   // the group's row is out
	closing bool   // it is in aggregateOp.closes, or listed among those that may be idle
	written bool   // a checkpoint has its key
	given   bool   // the checkpoint that was begun after its epoch has it
	used    bool   // since eviction last came by
	long    bool   // its key is too long to be found in the file
	held    bool   // the aggregation has the group: see sharedkeys.go
}

func newAggregate(n *plan.Aggregate, ctx *Context) (Operator, error) {
	keys, err := compileExprs(n.Keys)
	if err != nil {
		return nil, err
	}
	a := &aggregateOp{
		ctx: ctx, global: n.Global, keys: keys, sets: groupingSets(n), distinct: ctx.State.NewMap(),
		out: vec.NewBatch(columnTypes(n)), closes: newClosingGroups(n.Closes),
	}
	a.stays = ctx.Repeat && a.sets == nil && readsTable(n.In)
	if ctx.Idle != nil && ctx.Idle.of == n {
		a.idle = ctx.Idle
	}
	ctx.State.Add(a)
	ts := keys.types
	if a.sets != nil {
		ts = append(ts[:len(ts):len(ts)], types.Int4)
	}
	a.table = ctx.Keys.table(n, ts)
	a.saved = newSavedGroups(a)
	var results []types.Type
	for i := range n.Aggs {
		in, err := newAggInput(&n.Aggs[i], ctx, ctx.Pull || n.In.Schema().AppendOnly)
		if err != nil {
			return nil, err
		}
		a.aggs = append(a.aggs, in)
		results = append(results, n.Aggs[i].Type)
	}
	a.old, a.res, a.both = vec.NewBatch(results), vec.NewBatch(results), vec.NewBatch(results)
	a.keyTmp = vec.NewBatch(ts).Cols
	return a, nil
}

// readsTable tells whether a plan gives the rows of a table, changed row by row at most.
func readsTable(n plan.Node) bool {
	switch n := n.(type) {
	case *plan.Project:
		return readsTable(n.In)
	case *plan.Filter:
		return readsTable(n.In)
	case *plan.Scan:
		return n.Rel.Kind == catalog.Table
	}
	return false
}

// Process implements Operator. Everything that can fail is evaluated before anything changes.
func (a *aggregateOp) Process(_ int, in *vec.Batch, _ Emitter) error {
	a.forgetIdle()
	if in = a.young(in); in.N == 0 {
		return nil
	}
	env := a.ctx.Env()
	keys, bad := a.keys.eval(env, in)
	for _, g := range a.aggs {
		bad = addErrs(bad, g.prepare(env, in))
	}
	if bad != nil {
		good, err := a.ctx.setAside("aggregate", in, bad)
		if err != nil || len(good) == 0 {
			return err
		}
		return a.Process(0, in.Gather(good), nil)
	}
	var failed map[int]error
	if a.sets == nil {
		failed = a.update(env, keys, in)
	}
	for i, s := range a.sets {
		for _, g := range a.aggs {
			if i > 0 && g.distinct { // counting has narrowed its input to one set's
				g.prepare(env, in)
			}
		}
		failed = addErrs(failed, a.update(env, s.keys(keys), in))
	}
	if failed != nil {
		_, err := a.ctx.setAside("aggregate", in, failed)
		return err
	}
	return nil
}

// update puts the rows into the groups of these keys. It returns the rows that failed.
func (a *aggregateOp) update(env *fn.Env, keys []*vec.Column, in *vec.Batch) (failed map[int]error) {
	a.number(keys, in.N)
	a.touch(in)
	for k, g := range a.aggs {
		if g.distinct {
			a.countDistinct(byte(k+1), g, keys, in)
		}
		failed = addErrs(failed, g.update(env, a.groups, in))
	}
	return failed
}

// number finds the group of every row.
func (a *aggregateOp) number(keys []*vec.Column, n int) {
	if cap(a.groups) < n {
		a.groups = make([]int32, n)
	}
	a.groups = a.groups[:n]
	if len(keys) == 0 {
		clear(a.groups)
		a.grow(1)
		return
	}
	a.hashes = vec.Hash(keys, n, a.hashes)
	a.table.find(keys, a.hashes, a.groups)
	a.grow(len(a.table.hash))
	a.hold(a.groups)
	if len(a.fresh) > 0 {
		a.fetch()
	}
}

// grow makes room in meta for n groups.
func (a *aggregateOp) grow(n int) {
	for len(a.meta) < n {
		a.meta = append(a.meta, groupMeta{time: math.MinInt64})
	}
}

// touch counts the rows into their groups and remembers the rows that are out of groups not touched before.
func (a *aggregateOp) touch(in *vec.Batch) {
	a.live = a.live[:0]
	a.giveFirst(a.groups)
	for i, g := range a.groups {
		m := &a.meta[g]
		if !m.touched {
			a.first(g, m)
		}
		if in.Diff == nil {
			m.count++
		} else {
			m.count += int64(in.Diff[i])
		}
	}
	if in.Time != nil {
		a.timed = true
		for i, g := range a.groups {
			m := &a.meta[g]
			m.time = max(m.time, in.Time[i])
		}
	}
	for k, g := range a.aggs {
		g.acc.Result(a.live, a.old.Cols[k])
	}
}

// first notes that the step touches a group. Groups with a row out are left in a.live, to have it remembered.
func (a *aggregateOp) first(g int32, m *groupMeta) {
	m.touched, m.old = true, -1
	m.always = m.always || a.stays
	a.closes.add(a.table, g, m)
	a.touched = append(a.touched, g)
	if m.out {
		m.old = int32(a.old.N)
		a.old.N++
		a.live = append(a.live, g)
	}
	m.used = true
	a.saved.change(g, m)
}

// aggChunk is how many groups are emitted at once.
const aggChunk = outRows / 2

// Advance implements Operator.
func (a *aggregateOp) Advance(frontier int64, out Emitter) error {
	a.forgetIdle()
	a.listTouched()
	if err := a.emitTouched(out); err != nil {
		return err
	}
	a.forget(a.closes.before(frontier, a))
	return nil
}

// emitTouched puts out the changes of the groups that the step touched.
func (a *aggregateOp) emitTouched(out Emitter) error {
	a.begin()
	if len(a.touched) == 0 {
		return nil
	}
	var gone []int32
	oldLo := 0
	for lo := 0; lo < len(a.touched); lo += aggChunk {
		groups := a.touched[lo:min(lo+aggChunk, len(a.touched))]
		oldHi := oldLo
		a.live = a.live[:0]
		for _, g := range groups {
			m := &a.meta[g]
			m.touched = false
			if m.old >= 0 {
				oldHi++
			}
			if m.out = m.count > 0 || m.always; m.out {
				a.live = append(a.live, g)
			} else if m.count == 0 {
				gone = append(gone, g)
			}
		}
		if err := a.emit(groups, oldLo, oldHi, out); err != nil {
			return err
		}
		oldLo = oldHi
	}
	a.retire(gone)
	a.touched = a.touched[:0]
	a.old.Reset()
	return nil
}

// begin makes the groups that are always there.
func (a *aggregateOp) begin() {
	if a.begun {
		return
	}
	a.begun = true
	var always []int32
	if a.global {
		a.grow(1)
		always = append(always, 0)
	}
	for _, s := range a.sets {
		if len(s.has) == 0 {
			a.number(s.keys(nil), 1)
			always = append(always, a.groups[0])
		}
	}
	a.giveFirst(always)
	for _, g := range always {
		m := &a.meta[g]
		m.always = true
		if !m.touched && !m.out {
			a.first(g, m)
		}
	}
}

// isAlways tells whether a group, which was restored, is there without rows.
func (a *aggregateOp) isAlways(g int32) bool {
	n := len(a.keys.types)
	if a.sets == nil {
		return a.global || a.stays
	}
	col := vec.NewColumn(types.Int4)
	a.table.keys[n].appendTo([]int32{g}, col)
	set := col.Int[0]
	return set >= 0 && set < int64(len(a.sets)) && len(a.sets[set].has) == 0
}

// emit puts out the changes of groups, whose old rows are oldLo to oldHi of a.old; those in a.live have new ones.
func (a *aggregateOp) emit(groups []int32, oldLo, oldHi int, out Emitter) error {
	for k, g := range a.aggs {
		a.res.Cols[k].Reset()
		g.acc.Result(a.live, a.res.Cols[k])
	}
	sel, of, diff := a.sel[:0], a.of[:0], a.diff[:0]
	fresh := 0
	for _, g := range groups {
		m := &a.meta[g]
		if m.old >= 0 && m.out && !a.ctx.Repeat && a.idle == nil && a.same(int(m.old), fresh) {
			fresh++
			continue
		}
		if m.old >= 0 {
			sel, of, diff = append(sel, m.old-int32(oldLo)), append(of, g), append(diff, -1)
		}
		if m.out {
			sel, of, diff = append(sel, int32(oldHi-oldLo+fresh)), append(of, g), append(diff, 1)
			fresh++
		}
	}
	a.sel, a.of, a.diff = sel, of, diff
	if len(sel) == 0 {
		return nil
	}
	times := a.out.Time[:0]
	a.out.Reset()
	n := len(a.keys.types)
	for k, s := range a.table.keys {
		if k == n { // the number of the set comes last
			k = len(a.out.Cols) - 1
		}
		s.appendTo(of, a.out.Cols[k])
	}
	for k := range a.aggs {
		both := a.both.Cols[k]
		both.Reset()
		both.AppendRange(a.old.Cols[k], oldLo, oldHi)
		both.AppendRange(a.res.Cols[k], 0, len(a.live))
		a.out.Cols[n+k].Gather(both, sel)
	}
	a.out.Diff, a.out.N = diff, len(sel)
	if a.timed {
		for _, g := range of {
			times = append(times, a.meta[g].time)
		}
		a.out.Time = times
	}
	return out.Emit(a.out)
}

// same tells whether row i of the old results is exactly row j of the new ones.
func (a *aggregateOp) same(i, j int) bool {
	for k, c := range a.old.Cols {
		if !sameField(c, i, a.res.Cols[k], j) {
			return false
		}
	}
	return true
}

// countDistinct counts the arguments of a DISTINCT aggregate and narrows its input to the rows that make a set of
// arguments appear in their group or vanish from it.
func (a *aggregateOp) countDistinct(tag byte, g *aggInput, keys []*vec.Column, in *vec.Batch) {
	sel, diff := []int32{}, []int32{}
	for j := range g.rows(in) {
		i := g.row(j)
		a.buf = append(a.buf[:0], tag)
		for _, c := range keys {
			a.buf = vec.AppendKey(a.buf, c, i, false, false)
		}
		for _, c := range g.cols {
			a.buf = vec.AppendKey(a.buf, c, j, false, false)
		}
		var before int64
		if v, ok := a.distinct.Get(a.buf); ok {
			before, _ = binary.Varint(v)
		}
		after := before + int64(in.DiffAt(i))
		if after == 0 {
			a.distinct.Delete(a.buf)
		} else {
			a.distinct.Set(a.buf, binary.AppendVarint(nil, after))
		}
		if d := positive(after) - positive(before); d != 0 {
			sel, diff = append(sel, int32(j)), append(diff, d)
		}
	}
	g.narrow(sel, diff)
}

func positive(n int64) int32 {
	if n > 0 {
		return 1
	}
	return 0
}
