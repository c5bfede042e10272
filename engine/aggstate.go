package engine

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/sql/vec"
)

// savedGroups is what an aggregation knows of the checkpoints of its groups. State, by a tag:
//
//	0 end, key of the group → row count, event time, the state of every accumulator, each preceded by its length, keys
//	k keys of keys, args    → for the k-th aggregate (from 1) when it is DISTINCT: how often these arguments are there
//
// The end is that of the window (8 bytes), where windows close. Keys that are equal may differ, as 1.0 and 1.00 do;
// where they may, the group's is their key bytes, and the row of those that came first is at the end of the value. Else
// it is their row.
//
// Checkpoints are given the groups little by little: those that change meanwhile just before they do. Each has the
// changes of one epoch. Groups that did not change since one that has been written can be evicted: then a group that
// seems new is looked for in the file.
type savedGroups struct {
	epoch, safe uint32  // the epoch now; the last one that is written
	changed     []int32 // groups of this epoch, some of them twice
	giving      []int32 // groups of the epoch before that are still to be given to the checkpoint; nil when it has all
	to          state.Writer
	writing     bool // a checkpoint is begun and not settled
	exact       bool // keys that are equal are the same

	// deleted are keys in the file whose groups are gone, of this epoch, being those that the file does not know of yet;
	// burying are those of the epochs before.
	deleted, burying map[string]struct{}

	region  *state.Region
	partial bool // groups are in the file that are not in memory
	// missing is the number of those groups if it is known; evicted tells that some were evicted though it is not.
	missing          int
	counted, evicted bool
	hand             int32
	warm             []byte // where warming goes on; nil from the beginning
	closed           int64  // the end of windows up to which none is in the file alone
	reads            int64
	// mean is about how many bytes a group takes in the file.
	mean int64
	acc  []byte
}

func newSavedGroups(a *aggregateOp) savedGroups {
	s := savedGroups{epoch: 1, exact: true, deleted: map[string]struct{}{}, closed: math.MinInt64, mean: 32}
	for _, k := range a.table.keys {
		if _, other := k.(*otherKeys); other {
			s.exact = false
		}
	}
	a.distinct.From([]byte{1})
	return s
}

// change notes that a group is about to change. The checkpoint that is being given its groups has it already.
func (s *savedGroups) change(g int32, m *groupMeta) {
	if m.epoch != s.epoch {
		m.epoch, m.given = s.epoch, false
		s.changed = append(s.changed, g)
	}
}

// giveFirst gives the checkpoint, if one is being given groups, those of the groups that are about to change and that
// it is to have as they are.
func (a *aggregateOp) giveFirst(groups []int32) {
	if a.saved.giving == nil {
		return
	}
	if err := a.give(groups); err != nil {
		panic("BUG: collecting a checkpoint cannot fail: " + err.Error())
	}
}

// Snapshot implements Operator.
func (a *aggregateOp) Snapshot(w state.Writer) error {
	s := &a.saved
	for key := range s.deleted {
		if err := w.Delete([]byte(key)); err != nil {
			return err
		}
	}
	if s.burying == nil {
		s.burying, s.deleted = s.deleted, map[string]struct{}{}
	} else { // a checkpoint failed
		for key := range s.deleted {
			s.burying[key] = struct{}{}
		}
		clear(s.deleted)
	}
	s.to, s.giving, s.changed = w, s.changed, nil
	s.epoch++
	if to, ok := w.(state.Gradual); ok {
		if s.region == nil {
			s.region = to.Region()
		}
		epoch := s.epoch - 1
		s.writing = true
		to.Later(a.giveSome, func(ok bool) { s.settle(epoch, ok) })
	} else if _, err := a.giveSome(len(s.giving)); err != nil {
		return err
	}
	return a.distinct.WriteChanges(w)
}

// settle is told what became of the checkpoint of an epoch.
func (s *savedGroups) settle(epoch uint32, ok bool) {
	s.writing = false
	if ok {
		s.safe, s.burying = epoch, nil
	}
}

// giveSome gives the checkpoint n groups, and reports whether there are more.
func (a *aggregateOp) giveSome(n int) (more bool, err error) {
	s := &a.saved
	n = min(n, len(s.giving))
	err = a.give(s.giving[:n])
	if s.giving = s.giving[n:]; len(s.giving) == 0 {
		s.giving, s.to = nil, nil
	}
	return s.giving != nil, err
}

// give gives the checkpoint those of the groups that it is to have and does not have yet.
func (a *aggregateOp) give(groups []int32) error {
	s := &a.saved
	var live []int32
	for _, g := range groups {
		m := &a.meta[g]
		if m.epoch == s.epoch-1 && !m.given && (m.out || m.count != 0) {
			m.given = true
			live = append(live, g)
		}
	}
	var err error
	var val []byte
	a.eachKey(live, func(g int32, key []byte) {
		m := &a.meta[g]
		m.written, m.long = true, len(key) > state.MaxKey
		val = a.encode(g, val[:0])
		s.mean += (int64(len(key)+len(val)) - s.mean) / 64
		if err == nil {
			err = s.to.Put(key, val)
		}
	})
	return err
}

// encode appends what is saved of a group; the keys, if need be, are those in row 0 of keyTmp.
func (a *aggregateOp) encode(g int32, val []byte) []byte {
	m := &a.meta[g]
	val = binary.AppendVarint(val, m.count)
	val = binary.AppendVarint(val, m.time)
	for _, in := range a.aggs {
		a.saved.acc = in.acc.Encode(g, a.saved.acc[:0])
		val = append(binary.AppendUvarint(val, uint64(len(a.saved.acc))), a.saved.acc...)
	}
	if !a.saved.exact {
		for k, st := range a.table.keys {
			a.keyTmp[k].Reset()
			st.appendTo([]int32{g}, a.keyTmp[k])
		}
		val = vec.AppendRow(val, a.keyTmp, 0)
	}
	return val
}

// eachKey calls f with the state key of each group. The key is valid until f returns, which may use keyTmp.
func (a *aggregateOp) eachKey(groups []int32, f func(g int32, key []byte)) {
	keys := make([]*vec.Column, len(a.keyTmp))
	for lo := 0; lo < len(groups); lo += outRows {
		part := groups[lo:min(lo+outRows, len(groups))]
		for k, st := range a.table.keys {
			if keys[k] == nil {
				keys[k] = vec.NewColumn(a.keyTmp[k].Type)
			}
			keys[k].Reset()
			st.appendTo(part, keys[k])
		}
		for i, g := range part {
			a.buf = append(a.buf[:0], 0)
			if a.closes != nil {
				a.buf = appendTime(a.buf, a.closes.end(a.table, g))
			}
			if a.saved.exact {
				a.buf = vec.AppendRow(a.buf, keys, i)
			} else {
				for _, c := range keys {
					a.buf = vec.AppendKey(a.buf, c, i, false, false)
				}
			}
			f(g, a.buf)
		}
	}
}

// Restore implements Operator.
func (a *aggregateOp) Restore(key, value []byte) error {
	if len(key) == 0 {
		return errForeignState(key)
	}
	if key[0] != 0 {
		a.distinct.Restore(key, value)
		return nil
	}
	watch := a.watch
	a.watch = false
	defer func() { a.watch = watch }()
	if err := a.decodeKeys(key, value); err != nil {
		return err
	}
	a.number(a.keyTmp, 1)
	return a.decode(a.groups[0], key, value)
}

// decodeKeys sets row 0 of keyTmp to the keys of a group.
func (a *aggregateOp) decodeKeys(key, value []byte) error {
	row := key[1:]
	if a.closes != nil {
		if len(row) < 8 {
			return errForeignState(key)
		}
		row = row[8:]
	}
	if !a.saved.exact {
		r := stateReader{b: value}
		r.varint()
		r.varint()
		for range a.aggs {
			r.bytes()
		}
		row = r.b
	}
	for _, c := range a.keyTmp {
		c.Reset()
	}
	if rest, err := vec.DecodeRow(row, a.keyTmp); err != nil || len(rest) > 0 {
		return errForeignState(key)
	}
	return nil
}

// decode sets a group to what is saved of it.
func (a *aggregateOp) decode(g int32, key, value []byte) error {
	m := &a.meta[g]
	r := stateReader{b: value}
	m.count, m.time = r.varint(), r.varint()
	m.written, m.out, m.long = true, m.count > 0 || a.isAlways(g), len(key) > state.MaxKey
	a.closes.add(a.table, g, m)
	m.closing = m.closing || a.idle != nil
	a.timed = a.timed || m.time != math.MinInt64
	for _, in := range a.aggs {
		if err := in.acc.Decode(g, r.bytes()); err != nil {
			return err
		}
	}
	if r.bad {
		return errForeignState(key)
	}
	return nil
}

// Attach implements lazy.
func (a *aggregateOp) Attach(r *state.Region) error {
	s := &a.saved
	s.region = r
	if err := a.distinct.Attach(r); err != nil {
		return err
	}
	if len(a.table.keys) == 0 {
		var err error
		r.Scan(nil, []byte{1}, func(key, value []byte) bool {
			err = a.Restore(key, value)
			return err == nil
		})
		return err
	}
	s.partial, a.watch, s.counted, s.evicted = true, true, false, false
	return r.Long(func(key, value []byte) error {
		if key[0] != 0 {
			return nil // one of distinct
		}
		return a.Restore(key, value)
	})
}

// fetch looks in the file for groups that seem new.
func (a *aggregateOp) fetch() {
	s := &a.saved
	fresh := a.fresh
	a.fresh = a.fresh[:0]
	type wanted struct {
		g        int32
		from, to int
	}
	var keys []byte
	list := make([]wanted, 0, len(fresh))
	a.eachKey(fresh, func(g int32, key []byte) {
		if !s.isDeleted(key) && len(key) <= state.MaxKey {
			list = append(list, wanted{g, len(keys), len(keys) + len(key)})
			keys = append(keys, key...)
		}
	})
	slices.SortFunc(list, func(x, y wanted) int { return bytes.Compare(keys[x.from:x.to], keys[y.from:y.to]) })
	s.reads += int64(len(list))
	for _, w := range list {
		key := keys[w.from:w.to]
		if value, ok := s.region.Get(key); ok {
			if !s.exact { // the keys that came first are shown, not those that came now
				a.rename(w.g, key, value)
			}
			if err := a.decode(w.g, key, value); err != nil {
				panic("BUG: a group in state cannot be decoded: " + err.Error())
			}
			s.missing--
		}
	}
	if s.counted && s.missing == 0 {
		a.whole()
	}
}

// whole says that all groups are in memory.
func (a *aggregateOp) whole() {
	a.saved.partial, a.watch = false, false
}

// rename gives a group the keys that are saved of it.
func (a *aggregateOp) rename(g int32, key, value []byte) {
	if err := a.decodeKeys(key, value); err != nil {
		panic("BUG: the keys of a group in state cannot be decoded: " + err.Error())
	}
	for k, st := range a.table.keys {
		st.drop(g)
		st.set(g, a.keyTmp[k], 0)
	}
}

// isDeleted tells whether the file has a key though its group is gone.
func (s *savedGroups) isDeleted(key []byte) bool {
	_, now := s.deleted[string(key)]
	if now {
		return true
	}
	_, before := s.burying[string(key)]
	return before
}

// load brings a group of the file into memory, unless it is there or gone.
func (a *aggregateOp) load(key, value []byte) {
	if a.saved.isDeleted(key) {
		return
	}
	err := a.decodeKeys(key, value)
	if err == nil {
		before := a.held
		watch := a.watch
		a.watch = false
		a.number(a.keyTmp, 1)
		a.watch = watch
		if a.held == before {
			return // it was there
		}
		err = a.decode(a.groups[0], key, value)
		a.saved.missing--
	}
	if err != nil {
		panic("BUG: a group in state cannot be decoded: " + err.Error())
	}
}

// loadClosing brings the groups of windows that end by a time into memory, so that they can be forgotten.
func (a *aggregateOp) loadClosing(end int64) {
	s := &a.saved
	if !s.partial || end <= s.closed || end == math.MaxInt64 {
		return
	}
	from, to := appendTime([]byte{0}, s.closed), appendTime([]byte{0}, end+1)
	s.region.Scan(from, to, func(key, value []byte) bool {
		s.reads++
		a.load(key, value)
		return true
	})
	s.closed = end
}

// Held implements state.Cached.
func (a *aggregateOp) Held() (bytes, dirty int64) {
	each := a.groupBytes()
	dirty = int64(len(a.saved.changed)) * each
	return max(int64(a.held)*each, dirty), dirty
}

// groupBytes is about how much a group takes in memory: its place in the tables and, in columns, what is written of it.
// Those who share a table share what its keys take.
func (a *aggregateOp) groupBytes() int64 {
	return 40 + a.saved.mean + (40+a.saved.mean)/int64(max(a.table.users, 1))
}

// Evict implements state.Cached.
func (a *aggregateOp) Evict(n int64) int64 {
	s := &a.saved
	if s.region == nil || len(a.table.keys) == 0 || !s.partial && s.writing {
		return 0
	}
	each := a.groupBytes()
	var victims []int32
	for range min(len(a.meta), 1<<16) {
		if int(s.hand) >= len(a.meta) {
			s.hand = 0
		}
		m := &a.meta[s.hand]
		if m.written && m.epoch <= s.safe && !m.always && !m.touched && !m.long && (m.out || m.count != 0) {
			if !m.used {
				victims = append(victims, s.hand)
			}
			m.used = false
		}
		s.hand++
		if int64(len(victims))*each >= n {
			break
		}
	}
	if len(victims) == 0 {
		return 0
	}
	if !s.partial {
		s.partial, a.watch, s.counted, s.missing = true, true, true, 0
	}
	s.missing, s.warm, s.evicted = s.missing+len(victims), nil, true
	for _, g := range victims {
		a.drop(g)
	}
	return int64(len(victims)) * each
}

// drop frees the number of a group.
func (a *aggregateOp) drop(g int32) {
	for _, in := range a.aggs {
		if err := in.acc.Decode(g, nil); err != nil {
			panic("BUG: an accumulator cannot be emptied: " + err.Error())
		}
	}
	if held := a.meta[g].held; held {
		a.held--
		a.table.release(g)
	}
	a.meta[g] = groupMeta{time: math.MinInt64}
}

// Warm implements state.Cached.
func (a *aggregateOp) Warm(n int) (more bool) {
	s := &a.saved
	if !s.partial {
		return false
	}
	from := s.warm
	if from == nil {
		from = []byte{0}
	}
	s.warm = nil
	s.region.Scan(from, []byte{1}, func(key, value []byte) bool {
		if n--; n < 0 {
			s.warm = bytes.Clone(key)
			return false
		}
		a.load(key, value)
		return true
	})
	if s.warm == nil {
		a.whole()
	}
	return s.partial
}

// Spilled implements state.Cached.
func (a *aggregateOp) Spilled() (reads, missing int64) {
	s := &a.saved
	switch {
	case !s.partial:
		return s.reads, 0
	case s.counted:
		return s.reads, int64(s.missing) * a.groupBytes()
	case s.evicted:
		return s.reads, state.Much
	}
	return s.reads, state.Little
}

// retire frees groups that have no rows left, or whose windows are closed.
func (a *aggregateOp) retire(gone []int32) {
	if len(gone) == 0 {
		return
	}
	a.giveFirst(gone) // windows close without having changed
	a.eachKey(gone, func(g int32, key []byte) {
		if a.meta[g].written {
			a.saved.deleted[string(key)] = struct{}{}
		}
	})
	for _, g := range gone {
		a.drop(g)
	}
}
