package engine

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sort"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/sql/vec"
)

// savedPartitions is what overOp knows of the checkpoints of its partitions. Those that did not change since the last
// that is written can be evicted, each as a whole, and are restored when one of their rows changes.
type savedPartitions struct {
	epoch, safe uint32           // the epoch now; the last one that is written
	dirty       []*overPartition // changed in this epoch
	changes     int64            // of rows, in this epoch
	rows        int64            // in memory
	mean        int64            // bytes of a row's key, about
	writing     bool             // a checkpoint is begun and not settled
	region      *state.Region
	partial     bool // partitions are in the file that are not in memory
	missing     int64
	counted     bool // missing is known
	evicted     bool
	warm        []byte // where warming goes on
	reads       int64
}

// overRowBytes is about what a row takes in memory beside its key and its values.
const overRowBytes = 160

func (s *savedPartitions) each() int64 { return overRowBytes + 2*s.mean }

// change notes that rows of a partition have changed.
func (s *savedPartitions) change(p *overPartition, changed []overPoint) {
	if len(p.dirty) == 0 {
		s.dirty = append(s.dirty, p)
	}
	for _, c := range changed {
		p.dirty = append(p.dirty, c.key)
		s.mean += (int64(len(c.key)) - s.mean) / 16
	}
	s.changes += int64(len(changed))
	p.epoch = s.epoch
	s.count(p)
}

// count keeps the number of rows.
func (s *savedPartitions) count(p *overPartition) {
	s.rows += int64(len(p.rows) - p.counted)
	p.counted = len(p.rows)
}

// isEmpty tells whether nothing is left of a partition.
func (p *overPartition) isEmpty() bool { return len(p.rows) == 0 && len(p.debt) == 0 }

// rowAt is the place of the first row whose key is not before k.
func (p *overPartition) rowAt(k string) int {
	return sort.Search(len(p.rows), func(i int) bool { return p.rows[i].key >= k })
}

// fetch restores a partition that seems new, if the file has it.
func (s *savedPartitions) fetch(o *overOp, p *overPartition) {
	if !s.partial {
		return
	}
	s.reads++
	key := []byte(p.key)
	s.region.Scan(key, nil, func(k, v []byte) bool {
		if !bytes.HasPrefix(k, key) {
			return false
		}
		if err := o.Restore(k, v); err != nil {
			panic("BUG: a partition in state cannot be decoded: " + err.Error())
		}
		return true
	})
	if s.missing -= int64(len(p.rows)); s.counted && s.missing <= 0 {
		s.partial = false
	}
}

// Attach implements lazy.
func (o *overOp) Attach(r *state.Region) error {
	o.saved.region, o.saved.partial = r, true
	return r.Long(o.Restore)
}

// Held implements state.Cached.
func (o *overOp) Held() (bytes, dirty int64) {
	s := &o.saved
	dirty = s.changes * s.each()
	return max(s.rows*s.each(), dirty), dirty
}

// Spilled implements state.Cached.
func (o *overOp) Spilled() (reads, missing int64) {
	s := &o.saved
	switch {
	case !s.partial:
		return s.reads, 0
	case s.counted:
		return s.reads, max(s.missing*s.each(), state.Little)
	case s.evicted:
		return s.reads, state.Much
	}
	return s.reads, state.Little
}

// Evict implements state.Cached. Which partitions go does not show in what the operator gives.
func (o *overOp) Evict(n int64) (freed int64) {
	s := &o.saved
	if s.region == nil || !s.partial && s.writing {
		return 0
	}
	visited := 0
	for key, p := range o.partitions {
		if visited++; freed >= n || visited > 1<<14 {
			break
		}
		if p.epoch > s.safe || len(p.dirty) > 0 || len(p.pending) > 0 || p.long || p.isEmpty() {
			continue
		}
		if !s.partial {
			s.partial, s.counted, s.missing = true, true, 0
		}
		s.rows -= int64(len(p.rows))
		s.missing += int64(len(p.rows))
		s.evicted, s.warm = true, nil
		freed += int64(len(p.rows)) * s.each()
		delete(o.partitions, key)
	}
	return freed
}

// Warm implements state.Cached.
func (o *overOp) Warm(n int) (more bool) {
	s := &o.saved
	if !s.partial {
		return false
	}
	from := s.warm
	s.warm = nil
	var keys [][]byte
	s.region.Scan(from, nil, func(k, v []byte) bool {
		if n--; n < 0 {
			s.warm = bytes.Clone(k)
			return false
		}
		r := stateReader{b: v}
		r.varint()
		r.varint()
		if part := r.varint(); len(keys) == 0 || !bytes.Equal(keys[len(keys)-1], k[:part]) {
			keys = append(keys, bytes.Clone(k[:part]))
		}
		return true
	})
	for _, key := range keys {
		o.partition(key)
	}
	if s.warm == nil {
		s.partial = false
	}
	return s.partial
}

// Snapshot implements Operator.
func (o *overOp) Snapshot(w state.Writer) error {
	var key, val []byte
	var empty []*overPartition
	for _, p := range o.saved.dirty {
		slices.Sort(p.dirty)
		for _, k := range slices.Compact(p.dirty) {
			key = append(append(key[:0], p.key...), k...)
			at := p.rowAt(k)
			n, owed := int64(0), p.debt[k]
			for at+int(n) < len(p.rows) && p.rows[at+int(n)].key == k {
				n++
			}
			var err error
			switch {
			case n > 0:
				r := p.rows[at]
				val = overState(val[:0], n, r.time, len(p.key), r.sort)
				err = w.Put(key, val)
			case owed < 0:
				err = w.Put(key, overState(val[:0], owed, 0, len(p.key), 0))
			default:
				err = w.Delete(key)
			}
			if err != nil {
				return err
			}
		}
		p.dirty = nil
		if p.isEmpty() {
			empty = append(empty, p)
		}
	}
	o.snapshotted(w, empty)
	return nil
}

// snapshotted begins a new epoch. Partitions that are empty are forgotten when nobody finds them in the file any more.
func (o *overOp) snapshotted(w state.Writer, empty []*overPartition) {
	s := &o.saved
	epoch := s.epoch
	s.dirty, s.changes = nil, 0
	s.epoch++
	forget := func(ok bool) {
		s.writing = false
		if !ok {
			return
		}
		s.safe = epoch
		for _, p := range empty {
			if p.isEmpty() && p.epoch <= epoch && o.partitions[p.key] == p {
				delete(o.partitions, p.key)
			}
		}
	}
	to, ok := w.(state.Gradual)
	if !ok {
		forget(true)
		return
	}
	if s.region == nil {
		s.region = to.Region()
	}
	s.writing = true
	to.Later(func(int) (bool, error) { return false, nil }, forget)
}

func overState(dst []byte, n, time int64, part, sort int) []byte {
	for _, v := range [...]int64{n, time, int64(part), int64(sort)} {
		dst = binary.AppendVarint(dst, v)
	}
	return dst
}

// Restore implements Operator.
func (o *overOp) Restore(key, value []byte) error {
	r := stateReader{b: value}
	n, time, part, sort := r.varint(), r.varint(), r.varint(), r.varint()
	if r.bad || n == 0 || n > 1<<31 || part < 0 || sort < 0 || part > int64(len(key)) || sort > int64(len(key))-part {
		return errForeignState(key)
	}
	p := o.partition(key[:part])
	p.known = false
	k := string(key[part:])
	if n < 0 {
		if p.debt == nil {
			p.debt = map[string]int64{}
		}
		p.debt[k] = n
		return nil
	}
	for _, c := range o.stored {
		c.Reset()
	}
	rest, err := vec.DecodeRow(key[part+sort:], o.stored)
	at := len(p.rows)
	if at > 0 && p.rows[at-1].key >= k { // very long keys come last
		at = p.rowAt(k)
	}
	if err != nil || len(rest) > 0 || at < len(p.rows) && p.rows[at].key == k {
		return errForeignState(key)
	}
	o.timed = o.timed || time != timeOf(&vec.Batch{}, 0)
	for range n {
		p.rows = slices.Insert(p.rows, at, &overRow{key: k, sort: int(sort), time: time})
	}
	p.long = p.long || len(key) > state.MaxKey
	o.saved.count(p)
	return nil
}
