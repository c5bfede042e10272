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

// overTail is the state of a running aggregate over the rows before one that is no multiple: the end of the partition
// as it was, where most changes are.
type overTail struct {
	at  int
	acc string
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
	for k, t := range p.tails {
		if t.at > at {
			p.tails[k] = overTail{}
		}
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

// keepTail keeps the state of a running aggregate over all rows.
func (p *overPartition) keepTail(k int, acc fn.Accumulator) {
	for len(p.tails) <= k {
		p.tails = append(p.tails, overTail{})
	}
	if b := acc.Encode(0, nil); len(b) <= maxMarkBytes {
		p.tails[k] = overTail{len(p.rows), string(b)}
	}
}

// stateAt returns the state of an aggregate at a row that markBefore gave.
func (p *overPartition) stateAt(k, at int) []byte {
	if k < len(p.tails) && p.tails[k].at == at {
		return []byte(p.tails[k].acc)
	}
	return []byte(p.mark(at).accs[k])
}

// markBefore returns the last row, not after at, at which the state of an aggregate is known.
func (p *overPartition) markBefore(k, at int) int {
	if k < len(p.tails) && p.tails[k].at > 0 && p.tails[k].at <= at {
		return p.tails[k].at
	}
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
