package engine

import "github.com/leatdb/leat/sql/fn"

// markEvery is how many rows of a partition lie between two marks.
const markEvery = 128

// maxMarkBytes is the size of an accumulator's state above which it is not kept in a mark.
const maxMarkBytes = 1 << 12

// overMark is what is known of the rows before a row whose number is a multiple of markEvery, so that a change in a
// large partition need not look at all that lies before it.
type overMark struct {
	groups int64    // how many groups of peers they are, -1 when unknown
	accs   []string // the state of each running aggregate over them, "" when unknown
}

// mark returns the mark at a row, which is made if need be.
func (p *overPartition) mark(at int) *overMark {
	for len(p.marks) < at/markEvery {
		p.marks = append(p.marks, overMark{groups: -1})
	}
	return &p.marks[at/markEvery-1]
}

// forgetMarks forgets what changes from a row on make untrue.
func (p *overPartition) forgetMarks(at int) {
	if n := at / markEvery; n < len(p.marks) {
		clear(p.marks[n:])
		p.marks = p.marks[:n]
	}
}

// keepMark keeps the state of a running aggregate.
func (p *overPartition) keepMark(at, k int, acc fn.Accumulator) {
	m := p.mark(at)
	for len(m.accs) <= k {
		m.accs = append(m.accs, "")
	}
	if m.accs[k] != "" {
		return
	}
	if b := acc.Encode(0, nil); len(b) <= maxMarkBytes {
		m.accs[k] = string(b)
	}
}

// markBefore returns the last row, not after at, at which the state of an aggregate is known.
func (p *overPartition) markBefore(k, at int) int {
	for n := min(at/markEvery, len(p.marks)); n > 0; n-- {
		if m := p.marks[n-1]; k < len(m.accs) && m.accs[k] != "" {
			return n * markEvery
		}
	}
	return 0
}

// groupsBefore counts the groups of peers that begin before a row.
func (p *overPartition) groupsBefore(at int) (groups int64) {
	from := 0
	for n := min(at/markEvery, len(p.marks)); n > 0; n-- {
		if m := p.marks[n-1]; m.groups >= 0 {
			from, groups = n*markEvery, m.groups
			break
		}
	}
	for i := from; i < at; i++ {
		if i > from && i%markEvery == 0 {
			p.mark(i).groups = groups
		}
		if i == 0 || p.rows[i].sortKey() != p.rows[i-1].sortKey() {
			groups++
		}
	}
	return groups
}
