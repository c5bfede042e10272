package engine

import (
	"fmt"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// Graph is a compiled plan: a tree of operators with one input per plan.Scan. One goroutine owns it.
type Graph struct {
	nodes []graphNode // inputs before the operators that read them
	scans []*plan.Scan
	ports []Emitter // where the changes of each scan go
	// limits are the limits that stand between the root and the rest of the graph with nothing but row-wise operators
	// above them.
	limits  []*limitOp
	wakers  []waker
	closers []closer
	final   bool // it holds rows of windows back until they are closed
	err     error
}

// graphNode is an operator in its place.
type graphNode struct {
	id  uint32 // position of the plan node in the tree, counted from the root, node before inputs
	op  Operator
	out Emitter
	of  plan.Node
	// measure is nil unless the operator is measured.
	measure *Measure
}

// port is the input of an operator as an Emitter.
type port struct {
	op  Operator
	n   int
	out Emitter
}

func (p *port) Emit(b *vec.Batch) error {
	if b.N == 0 {
		return nil
	}
	return p.op.Process(p.n, b, p.out)
}

// Build compiles a plan, whose parameters must be bound, into a graph that puts its results into out.
func Build(root plan.Node, ctx *Context, out Emitter) (*Graph, error) {
	b := builder{ctx: ctx, g: &Graph{}}
	if err := b.add(root, out, true); err != nil {
		return nil, err
	}
	return b.g, nil
}

// finds says how a join finds the rows of what scan reads; nil where they are given to it.
func (g *Graph) finds(scan *plan.Scan) *plan.JoinIndex {
	for i := range g.nodes {
		if x := finding(g.nodes[i].op); x != nil && x.Scan == scan {
			return x
		}
	}
	return nil
}

// finding says how an operator finds rows in their table; nil for one that does not.
func finding(op Operator) *plan.JoinIndex {
	var found *foundRows
	switch op := op.(type) {
	case *joinOp:
		found = op.found
	case *lookupJoinOp:
		found = op.found
	}
	if found == nil {
		return nil
	}
	return found.of
}

// Scans returns the scans of the plan, left to right.
func (g *Graph) Scans() []*plan.Scan { return g.scans }

// Push feeds changes of a scan; the batch has the scan's columns and is borrowed until Push returns. The order of the
// scans within a step does not matter. After an error the graph is of no further use.
func (g *Graph) Push(scan int, b *vec.Batch) error {
	if g.err != nil || b.N == 0 {
		return g.err
	}
	g.err = g.ports[scan].Emit(b)
	return g.err
}

// Advance ends a step: event time has passed frontier (milliseconds, or NoFrontier). When it returns all output of the
// step has been emitted.
func (g *Graph) Advance(frontier int64) error {
	if g.err != nil {
		return g.err
	}
	for i := range g.nodes {
		if g.err = g.nodes[i].advance(frontier); g.err != nil {
			return g.err
		}
	}
	return nil
}

// Done tells that no further input can change the result, because a limit was reached. Advance must still be called.
func (g *Graph) Done() bool {
	for _, l := range g.limits {
		if l.done() {
			return true
		}
	}
	return false
}

// Snapshot writes what changed since the last Snapshot; writer gives the place of an operator by its number, which
// stays the same for the same plan. It may be called between steps only.
func (g *Graph) Snapshot(writer func(op uint32) state.Writer) error {
	for _, n := range g.nodes {
		if err := n.op.Snapshot(writer(n.id)); err != nil {
			return err
		}
	}
	return nil
}

// Restore loads the state of every operator; it comes before the first step. load gives fn each key of an operator,
// in the order of the keys. Where there is a region, operators that can find their keys there are not given them.
func (g *Graph) Restore(load func(op uint32, fn func(key, value []byte) error) error,
	region func(op uint32) *state.Region) error {
	for _, n := range g.nodes {
		var err error
		if l, ok := n.op.(lazy); ok && region != nil {
			err = l.Attach(region(n.id))
		} else {
			err = load(n.id, n.op.Restore)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// errForeignState is the error of a key in a checkpoint that the operator cannot have written.
func errForeignState(key []byte) error {
	return sqlerr.New(sqlerr.DataCorrupted, "checkpoint holds a key of %d bytes that its operator does not know", len(key))
}

// builder numbers the nodes as it walks the plan.
type builder struct {
	ctx  *Context
	g    *Graph
	next uint32
	// above is what is measured of the node that the one being added puts its rows into.
	above *Measure
	// leaf tells which nodes, beside scans, are inputs of the graph. The inputs' nodes are leaves, in the order of ports.
	leaf   func(plan.Node) bool
	leaves []plan.Node
	shared map[int]*fanOut // by the ID of what is shared
}

// add compiles n, whose output goes to out. direct tells that only row-wise operators and limits lie above it.
func (b *builder) add(n plan.Node, out Emitter, direct bool) error {
	id := b.next
	b.next++
	if b.leaf != nil && b.leaf(n) {
		b.leaves = append(b.leaves, n)
		b.g.ports = append(b.g.ports, out)
		return nil
	}
	if s, ok := n.(*plan.Scan); ok {
		_, out = b.ctx.Meter.measured(n, b.above, out)
		b.g.scans = append(b.g.scans, s)
		b.g.ports = append(b.g.ports, out)
		return nil
	}
	switch n := n.(type) {
	case *plan.Shared:
		if b.shared == nil {
			b.shared = map[int]*fanOut{}
		}
		b.shared[n.ID] = &fanOut{outs: []Emitter{out}}
		return b.add(n.In, b.shared[n.ID], false)
	case *plan.SharedScan:
		_, out = b.ctx.Meter.measured(n, b.above, out)
		b.shared[n.ID].outs = append(b.shared[n.ID].outs, out)
		return nil
	}
	b.ctx.State.Of(id)
	op, inputs, err := b.operator(n)
	if err != nil {
		return err
	}
	if op == nil {
		return b.add(n.Inputs()[0], out, direct)
	}
	above := b.above
	defer func() { b.above = above }()
	b.above, out = b.ctx.Meter.measured(n, above, out)
	switch op := op.(type) {
	case *filterOp, *projectOp:
	case *limitOp:
		if direct {
			b.g.limits = append(b.g.limits, op)
		}
	default:
		direct = false
	}
	for i, in := range inputs {
		if err := b.add(in, &port{op, i, out}, direct); err != nil {
			return err
		}
	}
	b.g.nodes = append(b.g.nodes, graphNode{id, op, out, n, b.above})
	if w, ok := op.(waker); ok {
		b.g.wakers = append(b.g.wakers, w)
	}
	if c, ok := op.(closer); ok {
		b.g.closers = append(b.g.closers, c)
	}
	return nil
}

// operator makes the operator of a node, nil when the node does nothing, and lists its inputs.
func (b *builder) operator(n plan.Node) (Operator, []plan.Node, error) {
	if r, ok := n.(*plan.Recursive); ok {
		if !b.ctx.Pull {
			op, fixed, err := newKeptRecursive(r, b.ctx)
			return op, append([]plan.Node{r.Base}, fixed...), err
		}
		op, fixed, err := newRecursive(r, b.ctx, b.g.Done)
		return op, append([]plan.Node{r.Base}, fixed...), err
	}
	op, err := b.plainOperator(n)
	if j, ok := op.(*hashJoinOp); ok && j.probing != nil {
		return op, n.Inputs()[:1], err // it fetches the right rows itself
	}
	return op, n.Inputs(), err
}

// plainOperator is operator for nodes whose inputs are those of the operator.
func (b *builder) plainOperator(n plan.Node) (Operator, error) {
	switch n := n.(type) {
	case *plan.Values:
		return newValues(n, b.ctx)
	case *plan.Filter:
		return newFilter(n, b.ctx)
	case *plan.Project:
		return newProject(n, b.ctx)
	case *plan.Window:
		return newWindow(n, b.ctx)
	case *plan.Aggregate:
		return newAggregate(n, b.ctx)
	case *plan.Join:
		switch {
		case n.Within != nil:
			return newWithinJoin(n, b.ctx)
		case n.Lookup:
			return newLookupJoin(n, b.ctx)
		case b.ctx.Pull && n.Probe != nil:
			return newProbeJoin(n, b.ctx)
		case b.ctx.Pull:
			return newHashJoin(n, b.ctx, complete(n.Right) && !shares(n.Left))
		}
		return newJoin(n, b.ctx)
	case *plan.ClockFilter:
		return newClockFilter(n, b.ctx)
	case *plan.Final:
		b.g.final = true
		return newFinal(n, b.ctx), nil
	case *plan.Distinct:
		if n.On != nil {
			return newFirstRows(n, b.ctx)
		}
		return newDistinct(n, b.ctx), nil
	case *plan.WindowAgg:
		return newOver(n, b.ctx)
	case *plan.GroupTop:
		return newGroupTop(n, b.ctx)
	case *plan.SetOp:
		return newSetOp(n, b.ctx), nil
	case *plan.Sort:
		return newSort(n, b.ctx)
	case *plan.TableFunc:
		return newTableFunc(n, b.ctx)
	case *plan.Union:
		return &unionOp{}, nil
	default:
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "a query with %s cannot be run yet", fmt.Sprintf("%T", n))
	}
}
