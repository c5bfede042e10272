package engine

import (
	"math"
	"slices"

	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/vec"
)

// sieve passes over records of a stream that no query which reads it lets through: what their conditions are about is
// decoded first, and the rest only of the records that one of them is true for. Where most are let through that is more
// work than it saves, and the next records are decoded as a whole. A record that all conditions keep out is passed over
// even if something else in it cannot be decoded, in both ways: so what is told of a record does not depend on the
// records beside it.
type sieve struct {
	conds []sieveCond
	cols  []*vec.Column // by the relation's columns: those that conditions are about; else nil
	// rest is how many runs are decoded as a whole before the sieve is tried again.
	rest int
	ok   []int  // scratch: which of the records became rows
	keep []bool // and which of those are let through
	sel  []int32
	errs map[int]error
}

// sieveCond is the condition of one query.
type sieveCond struct {
	prog *eval.Program
	env  func() *fn.Env
	in   *vec.Batch
}

const (
	// sieveShare is which part of the records may be let through, at most, for it to be worth it.
	sieveShare = 4
	sieveRest  = 16
)

// newSieve returns nil where a query wants all records, or nothing would be saved.
func newSieve(d *decoder, inputs []*input) (*sieve, error) {
	rel := d.rel
	if len(inputs) == 0 || rel.Kind != catalog.Stream || d.clock != nil || d.value == nil || hasHiddenKey(rel) ||
		counted(rel) {
		return nil, nil
	}
	s := &sieve{cols: make([]*vec.Column, len(rel.Columns))}
	for _, in := range inputs {
		if in.where == nil || in.scan.NullRows {
			return nil, nil
		}
		prog, err := eval.Compile(in.where)
		if err != nil {
			return nil, err
		}
		c := sieveCond{prog, in.view.env, &vec.Batch{Cols: make([]*vec.Column, len(in.scan.Cols))}}
		inValue := true
		for _, i := range eval.Columns(in.where) {
			pos := in.scan.Cols[i]
			if inValue = slices.Contains(d.valPos, pos); !inValue {
				break
			}
			if s.cols[pos] == nil {
				s.cols[pos] = vec.NewColumn(rel.Columns[pos].Type)
			}
			c.in.Cols[i] = s.cols[pos]
		}
		if !inValue {
			return nil, nil
		}
		s.conds = append(s.conds, c)
	}
	for _, pos := range d.valPos {
		if d.want[pos] && s.cols[pos] == nil {
			return s, nil
		}
	}
	return nil, nil
}

// judge decodes what the conditions are about, of values, and sets ok to those that have it, and keep to which of these
// one is true for.
func (s *sieve) judge(d *decoder, values [][]byte, fail func(int, error)) {
	cols := make([]*vec.Column, len(d.valPos))
	for i, pos := range d.valPos {
		if cols[i] = s.cols[pos]; cols[i] != nil {
			cols[i].Reset()
		}
	}
	clear(s.errs)
	d.value.Decode(values, cols, func(i int, err error) {
		if s.errs == nil {
			s.errs = map[int]error{}
		}
		s.errs[i] = err
		fail(i, err)
	})
	s.ok, s.keep = s.ok[:0], s.keep[:0]
	for i := range values {
		if len(s.errs) == 0 || s.errs[i] == nil {
			s.ok, s.keep = append(s.ok, i), append(s.keep, false)
		}
	}
	for _, c := range s.conds {
		c.in.N = len(s.ok)
		var bad map[int]error
		s.sel, bad = c.prog.Select(c.env(), c.in, s.sel[:0])
		for _, i := range s.sel {
			s.keep[i] = true
		}
		for i := range bad { // the query tells of it
			s.keep[i] = true
		}
	}
}

// decodeValues decodes the values of records [lo, hi) that are let through. The others are noted in d.passed.
func (d *decoder) decodeValues(lo, hi int, cols []*vec.Column, fail func(int, error)) {
	values := d.recs.Values[lo:hi]
	s := d.sieve
	if s == nil {
		d.value.Decode(values, cols, fail)
		return
	}
	if s.rest > 0 {
		s.rest--
		failed := map[int]error{}
		d.value.Decode(values, cols, func(i int, err error) { failed[i] = err })
		for i, err := range failed {
			s.judge(d, values[i:i+1], func(_ int, first error) { err = first })
			if len(s.ok) > 0 && !s.keep[0] {
				d.passed[lo+i] = true
			} else {
				fail(i, err)
			}
		}
		return
	}
	s.judge(d, values, fail)
	kept := make([]int, 0, len(s.ok))
	some := make([][]byte, 0, len(s.ok))
	for k, i := range s.ok {
		if !s.keep[k] {
			d.passed[lo+i] = true
			continue
		}
		kept, some = append(kept, i), append(some, values[i])
	}
	d.value.Decode(some, cols, func(i int, err error) { fail(kept[i], err) })
	if len(some)*sieveShare > len(values) {
		s.rest = sieveRest
	}
}

// passes reports whether the sieve passes over record i.
func (d *decoder) passes(i int) bool { return d.sieve != nil && d.passed[i] }

// passOver notes that the sieve passes over record i: its time counts all the same.
func (d *decoder) passOver(c *chunk, i int) {
	c.passed++
	c.tail = max(c.tail, d.recs.Timestamps[i])
}

// behind notes, for a row that comes, the highest time of the records before it that were passed over.
func (c *chunk) behind() {
	c.high, c.tail = append(c.high, c.tail), math.MinInt64
}

// conditionOver is the condition right above a scan, if it can be evaluated before all of a row is decoded; nil for
// none.
func conditionOver(n plan.Node, scan *plan.Scan) plan.Expr {
	if f, ok := n.(*plan.Filter); ok && f.In == plan.Node(scan) {
		if planner.Harmless(f.Cond) {
			return f.Cond
		}
		return nil
	}
	for _, in := range n.Inputs() {
		if e := conditionOver(in, scan); e != nil {
			return e
		}
	}
	return nil
}
