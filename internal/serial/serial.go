// Package serial checks whether transactions that read lists and appended to them are strictly serializable: whether
// all of them can have happened one after the other, each between its begin and its end.
//
// It does so in the manner of Elle (Kingsbury, Alvaro 2020). No value is appended to a list twice, so a list that was
// read says in which order its values were appended, and that says which transaction came before which:
//
//	ww  one appended the value that stands before another's
//	wr  one appended the last value that another read
//	rw  one read a list in which the value that another appended is the next one, or not yet there
//	rt  one had ended before another began
//
// Transactions that come before themselves cannot be. Besides, a list that is read is a prefix of the longest one that
// was read, has no value twice and none of a transaction that was refused, and has all that the reader itself did.
package serial

import (
	"cmp"
	"fmt"
	"slices"
)

// An Outcome is what a client was told of its transaction.
type Outcome int

// The outcomes.
const (
	// Unknown: it may have happened, then or later, or not.
	Unknown Outcome = iota
	Committed
	Refused
)

// An Op appends a value to a list, or reads the list.
type Op struct {
	Read  bool
	Key   int
	Value int   // that is appended
	List  []int // that was read
}

// A Txn is a transaction of one client. Begin and End are by one clock.
type Txn struct {
	Ops        []Op
	Begin, End int64
	Outcome    Outcome
}

// most is how many findings are told.
const most = 20

// A check is what is known of a history.
type check struct {
	txns    []Txn
	wrong   []error
	longest map[int][]int  // of each key
	author  map[place]int  // who appended a value
	final   map[place]bool // it is the last one that its author appended to the key
	counts  []bool         // the transaction has happened, for sure
	graph   graph
}

type place struct{ key, value int }

// Check returns what cannot be.
func Check(txns []Txn) []error {
	c := &check{txns: txns, longest: map[int][]int{}, author: map[place]int{}, final: map[place]bool{},
		counts: make([]bool, len(txns))}
	c.index()
	c.lists()
	for i := range txns {
		if c.counts[i] {
			c.own(i)
		}
	}
	c.order()
	c.cycles()
	return c.wrong
}

func (c *check) fail(format string, args ...any) {
	if len(c.wrong) < most {
		c.wrong = append(c.wrong, fmt.Errorf(format, args...))
	}
}

// index finds who appended what, the longest lists, and which of the transactions with an unknown end have happened.
func (c *check) index() {
	for i, t := range c.txns {
		last := map[int]int{}
		for _, op := range t.Ops {
			if !op.Read {
				c.author[place{op.Key, op.Value}] = i
				last[op.Key] = op.Value
			}
		}
		for key, v := range last {
			c.final[place{key, v}] = true
		}
		c.counts[i] = t.Outcome == Committed
	}
	for i, t := range c.txns {
		for _, op := range t.Ops {
			if !op.Read || !c.counts[i] {
				continue
			}
			if len(op.List) > len(c.longest[op.Key]) {
				c.longest[op.Key] = op.List
			}
		}
	}
	for key, list := range c.longest {
		for _, v := range list {
			if i, ok := c.author[place{key, v}]; ok && c.txns[i].Outcome == Unknown {
				c.counts[i] = true
			}
		}
	}
}

// lists checks the lists that were read.
func (c *check) lists() {
	for i, t := range c.txns {
		if !c.counts[i] {
			continue
		}
		for _, op := range t.Ops {
			if op.Read {
				c.list(i, op)
			}
		}
	}
}

func (c *check) list(reader int, op Op) {
	longest := c.longest[op.Key]
	if len(op.List) > len(longest) { // of one whose end is unknown
		longest = op.List
	}
	if !slices.Equal(op.List, longest[:len(op.List)]) {
		c.fail("transaction %d read %v of list %d, which is no prefix of %v", reader, op.List, op.Key, longest)
		return
	}
	seen := map[int]bool{}
	for _, v := range op.List {
		i, known := c.author[place{op.Key, v}]
		switch {
		case seen[v]:
			c.fail("transaction %d read %d in list %d twice", reader, v, op.Key)
		case !known:
			c.fail("transaction %d read %d in list %d, which nobody appended", reader, v, op.Key)
		case c.txns[i].Outcome == Refused:
			c.fail("transaction %d read %d in list %d of transaction %d, which was refused (G1a)", reader, v, op.Key, i)
		}
		seen[v] = true
	}
	if n := len(op.List); n > 0 {
		at := place{op.Key, op.List[n-1]}
		if i, known := c.author[at]; known && i != reader && !c.final[at] {
			c.fail("transaction %d read list %d in the middle of transaction %d (G1b)", reader, op.Key, i)
		}
	}
}

// own checks that a transaction sees one state of each list, and what it did to it itself.
func (c *check) own(i int) {
	type known struct {
		list []int // as it was read
		mine []int // appended since
		read bool
	}
	lists := map[int]*known{}
	for _, op := range c.txns[i].Ops {
		k := lists[op.Key]
		if k == nil {
			k = &known{}
			lists[op.Key] = k
		}
		if !op.Read {
			k.mine = append(k.mine, op.Value)
			continue
		}
		n := len(op.List) - len(k.mine)
		if n < 0 || !slices.Equal(op.List[n:], k.mine) || k.read && !slices.Equal(op.List[:n], k.list) {
			c.fail("transaction %d read %v of list %d, after %v and having appended %v itself", i, op.List, op.Key,
				k.list, k.mine)
		}
		k.list, k.mine, k.read = op.List, nil, true
	}
}

// order says which transaction comes before which.
func (c *check) order() {
	c.graph = newGraph(len(c.txns))
	for key, list := range c.longest {
		for n := 1; n < len(list); n++ {
			c.edge(place{key, list[n-1]}, place{key, list[n]}, ww)
		}
	}
	unseen := map[int][]int{} // appended to a list, and in none that was read
	at := map[place]bool{}
	for key, list := range c.longest {
		for _, v := range list {
			at[place{key, v}] = true
		}
	}
	for p, i := range c.author {
		if c.counts[i] && !at[p] {
			unseen[p.key] = append(unseen[p.key], i)
		}
	}
	for i, t := range c.txns {
		if !c.counts[i] {
			continue
		}
		for _, op := range t.Ops {
			if !op.Read {
				continue
			}
			longest := c.longest[op.Key]
			if n := len(op.List); n > 0 {
				if j, ok := c.author[place{op.Key, op.List[n-1]}]; ok {
					c.graph.add(j, i, wr)
				}
			}
			if n := len(op.List); n < len(longest) {
				if j, ok := c.author[place{op.Key, longest[n]}]; ok {
					c.graph.add(i, j, rw)
				}
			} else {
				for _, j := range unseen[op.Key] {
					c.graph.add(i, j, rw)
				}
			}
		}
	}
	c.realtime()
}

func (c *check) edge(a, b place, why edgeKind) {
	i, known := c.author[a]
	j, too := c.author[b]
	if known && too {
		c.graph.add(i, j, why)
	}
}

// realtime adds the order of real time: a chain of moments, each after the transactions that have ended, before those
// that begin.
func (c *check) realtime() {
	var ended []int
	for i, t := range c.txns {
		if c.counts[i] && t.Outcome == Committed {
			ended = append(ended, i)
		}
	}
	slices.SortFunc(ended, func(a, b int) int { return cmp.Compare(c.txns[a].End, c.txns[b].End) })
	first := len(c.graph.next)
	for n, i := range ended {
		moment := c.graph.node()
		c.graph.add(i, moment, rt)
		if n > 0 {
			c.graph.add(moment-1, moment, rt)
		}
	}
	for i, t := range c.txns {
		if !c.counts[i] {
			continue
		}
		n, _ := slices.BinarySearchFunc(ended, t.Begin, func(j int, begin int64) int {
			return cmp.Compare(c.txns[j].End, begin)
		})
		if n > 0 {
			c.graph.add(first+n-1, i, rt)
		}
	}
}

// cycles tells of transactions that come before themselves.
func (c *check) cycles() {
	for _, part := range c.graph.components() {
		part = slices.DeleteFunc(slices.Clone(part), func(i int) bool { return i >= len(c.txns) })
		if len(part) < 2 {
			continue
		}
		cycle, kinds := c.graph.shortest(part)
		text := ""
		for n, i := range cycle {
			if i < len(c.txns) {
				text += fmt.Sprint(i, c.txns[i].Ops, " ")
			}
			if n == 0 || kinds[n] != rt || kinds[n-1] != rt {
				text += kinds[n].String() + " "
			}
		}
		c.fail("transactions that come before themselves (%s): %s", classify(kinds), text)
	}
}

// classify names what went wrong, as Adya does.
func classify(kinds []edgeKind) string {
	count := map[edgeKind]int{}
	for _, k := range kinds {
		count[k]++
	}
	name := "G0"
	switch {
	case count[rw] > 1:
		name = "G2"
	case count[rw] == 1:
		name = "G-single"
	case count[wr] > 0:
		name = "G1c"
	}
	if count[rt] > 0 {
		name += " in real time"
	}
	return name
}

// String writes an operation as "a3:7", value 7 is appended to list 3, or "r3:[…]".
func (op Op) String() string {
	if op.Read {
		return fmt.Sprintf("r%d:%v", op.Key, op.List)
	}
	return fmt.Sprintf("a%d:%d", op.Key, op.Value)
}
