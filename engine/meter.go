package engine

import (
	"time"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/vec"
)

// Meter measures what the operators of a graph do, for EXPLAIN ANALYZE.
type Meter struct {
	now   func() time.Time
	nodes map[plan.Node]*Measure
}

// Measure is what one operator did.
type Measure struct {
	Rows int // it put out
	now  func() time.Time
	// in is the time spent in the operator and in those its rows go to, out the part of those.
	in, out time.Duration
	// State is what the operator of a continuous query keeps in memory, by estimate; Shared is how many queries have the
	// keys of its groups in one table, 0 where they are its own.
	State  int64
	Shared int
	// Index is what the index takes that a join finds rows of a table by, and Joined how many queries have it.
	Index  int64
	Joined int
	Passed int // how many records a scan passed over while they were decoded
	Parts  int // how many queries read the part that a scan reads
}

// Time is how long the operator itself took; ok is false for a scan, which is not measured.
func (m *Measure) Time() (d time.Duration, ok bool) { return m.in - m.out, m.in > 0 }

// Of returns what was measured of a node; nil where nothing runs for it.
func (m *Meter) Of(n plan.Node) *Measure { return m.nodes[n] }

// gauge is what is measured between a node and the one its rows go to, which is nil for the root.
type gauge struct {
	of    *Measure
	above *Measure
	out   Emitter
}

// Emit implements Emitter.
func (g *gauge) Emit(b *vec.Batch) error {
	begin := g.of.now()
	err := g.out.Emit(b)
	took := g.of.now().Sub(begin)
	g.of.Rows += b.N
	g.of.out += took
	if g.above != nil {
		g.above.in += took
	}
	return err
}

// measured puts a gauge behind a node. It returns what is measured of the node.
func (m *Meter) measured(n plan.Node, above *Measure, out Emitter) (*Measure, Emitter) {
	if m == nil {
		return nil, out
	}
	of := &Measure{now: m.now}
	m.nodes[n] = of
	return of, &gauge{of, above, out}
}

// advance ends a step for a node, and measures that where it is asked for.
func (n *graphNode) advance(frontier int64) error {
	if n.measure == nil {
		return n.op.Advance(frontier, n.out)
	}
	begin := n.measure.now()
	err := n.op.Advance(frontier, n.out)
	n.measure.in += n.measure.now().Sub(begin)
	return err
}
