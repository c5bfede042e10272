package state

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"go.etcd.io/bbolt"
)

// Checkpoint is a set of changes being collected. Nothing is written before Commit.
type Checkpoint struct {
	s    *Store
	meta []byte
	ops  map[opID]*opChanges
	// drains put what is left of what they have into the checkpoint, some at a time.
	drains []drain
	// done is told what became of the checkpoint.
	done []func(ok bool)
	err  error
}

// drain is called until it reports that there is no more.
type drain struct {
	owner uint64
	some  func(n int) (more bool, err error)
}

// opChanges is what a checkpoint has of one operator. No two of its parts have the same key.
type opChanges struct {
	put  *changes // what was given key by key
	maps []*mapPart
}

// Begin starts to collect a checkpoint, when the last one has been written and settled: what that could not write is
// part of this one.
func (s *Store) Begin() *Checkpoint {
	_ = s.Wait() // how it ended was there to be seen by its owner
	_ = s.Settle()
	return &Checkpoint{s: s, ops: map[opID]*opChanges{}}
}

// opWriter is where an operator's changes go.
type opWriter struct {
	*changes
	c   *Checkpoint
	id  opID
	ops *opChanges
}

// Writer returns where the changes of an operator go. It copies what it is given, and it is a Gradual.
func (c *Checkpoint) Writer(owner uint64, op uint32) Writer {
	id := opID{owner, op}
	o := c.ops[id]
	if o == nil {
		o = &opChanges{put: &changes{}}
		c.ops[id] = o
	}
	return &opWriter{o.put, c, id, o}
}

// Later implements Gradual.
func (w *opWriter) Later(some func(n int) (more bool, err error), done func(ok bool)) {
	w.c.drains = append(w.c.drains, drain{w.id.owner, some})
	w.c.done = append(w.c.done, done)
}

// Region implements Gradual.
func (w *opWriter) Region() *Region { return w.c.s.Region(w.id.owner, w.id.op) }

// take hands over the changes of a map.
func (w *opWriter) take(p *mapPart) { w.ops.maps = append(w.ops.maps, p) }

// Done has fn told whether the checkpoint was written, when it is settled.
func (c *Checkpoint) Done(fn func(ok bool)) { c.done = append(c.done, fn) }

// Drain collects about n more keys of those whose operators give them gradually, and reports whether there are more.
func (c *Checkpoint) Drain(n int) (more bool, err error) {
	for len(c.drains) > 0 {
		more, err := c.drains[0].some(n)
		if err != nil || more {
			return more, err
		}
		c.drains = c.drains[1:]
	}
	return false, nil
}

// Commit hands the checkpoint, with its metadata (copied), to the store's goroutine, which writes it as a whole
// together with what earlier failed writes left. It first waits for what is being dropped. Wait gives the outcome. All
// of it must have been drained.
func (c *Checkpoint) Commit(meta []byte) {
	s := c.s
	_ = s.Wait()
	c.meta = slices.Clone(meta)
	s.mu.Lock()
	defer s.mu.Unlock()
	c.merge(s.unwritten)
	for _, owner := range s.drops {
		c.forget(owner)
	}
	s.unwritten, s.busy = nil, make(chan struct{})
	go s.work(c)
}

// Forget leaves out of the checkpoint what it has of an owner.
func (c *Checkpoint) Forget(owner uint64) {
	c.forget(owner)
	c.drains = slices.DeleteFunc(c.drains, func(d drain) bool { return d.owner == owner })
}

func (c *Checkpoint) forget(owner uint64) {
	maps.DeleteFunc(c.ops, func(id opID, _ *opChanges) bool { return id.owner == owner })
}

// merge puts c on top of what an older checkpoint could not write. Maps give their part of that again by themselves.
func (c *Checkpoint) merge(older *Checkpoint) {
	if older == nil {
		return
	}
	for id, old := range older.ops {
		o := c.ops[id]
		if o == nil {
			o = &opChanges{put: &changes{}}
			c.ops[id] = o
		}
		o.put.sort(func() {})
		o.put = o.put.over(old.put)
	}
}

// settle tells maps and operators what has become of the checkpoint.
func (c *Checkpoint) settle(ok bool) {
	for _, o := range c.ops {
		for _, p := range o.maps {
			p.m.settle(p, ok)
		}
		o.maps = nil
	}
	for _, done := range c.done {
		done(ok)
	}
	c.done = nil
}

// part is sorted changes of one operator.
type part interface {
	Len() int
	at(i int) (key, value []byte, del bool)
}

// opPart is a part and where it goes.
type opPart struct {
	id opID
	part
}

// parts lists what the checkpoint holds, sorted. It calls rest between pieces of the work.
func (c *Checkpoint) parts(rest func()) (list []opPart) {
	ids := slices.SortedFunc(maps.Keys(c.ops), func(a, b opID) int {
		return cmp.Or(cmp.Compare(a.owner, b.owner), cmp.Compare(a.op, b.op))
	})
	for _, id := range ids {
		o := c.ops[id]
		o.put.sort(rest)
		list = append(list, opPart{id, o.put})
		for _, p := range o.maps {
			p.sort(rest)
			list = append(list, opPart{id, p})
		}
	}
	return list
}

// mapPart is the changes of a Map at a moment: the map as it was then, and which of its keys had changed.
type mapPart struct {
	m     *Map
	t     *tree
	noted [][]string // until they are sorted
	keys  []string
	epoch uint32
}

// Len implements part.
func (p *mapPart) Len() int { return len(p.keys) }

func (p *mapPart) at(i int) (key, value []byte, del bool) {
	e, ok := p.t.Get(p.keys[i])
	return bytesOf(p.keys[i]), bytesOf(e.val), !ok || e.gone
}

func (p *mapPart) sort(rest func()) {
	p.keys = merged(append(p.noted, p.keys), strings.Compare, rest)
	p.keys, p.noted = slices.Compact(p.keys), nil
}

// writePart puts up to n changes of a part into its bucket, from the i-th on, and returns the number of the next.
func writePart(tx *bbolt.Tx, p opPart, i, n int) (int, error) {
	b, err := tx.CreateBucketIfNotExists(opsBucket)
	if err != nil {
		return i, err
	}
	if b, err = b.CreateBucketIfNotExists(p.id.ownerKey()); err != nil {
		return i, err
	}
	if b, err = b.CreateBucketIfNotExists(p.id.opKey()); err != nil {
		return i, err
	}
	var key []byte
	for to := min(i+n, p.Len()); i < to; i++ {
		k, v, del := p.at(i)
		key = storedKey(key[:0], k)
		switch {
		case del:
			err = b.Delete(key)
		case key[0] == longKey:
			err = b.Put(key, longValue(k, v))
		default:
			err = b.Put(key, v) // bbolt keeps a reference to values until the transaction ends, and copies keys
		}
		if err != nil {
			return i, err
		}
	}
	return i, nil
}
