package engine

import (
	"encoding/binary"
	"math"

	"github.com/leatdb/leat/sql/vec"
)

// The rows of a table or view with a retention go when the clock of the steps has passed their event time by so much:
// readers see them go, and the topic of a query's relation gets tombstones. That of a table that is written to is
// left alone: a tombstone might come behind a newer row. The rows are listed by their event times:
//
//	event time (8 bytes in order), key of the row -> nothing
//
// A row that comes when its time is over is not put in, and changes of rows that are gone are passed over.

// agedIndex is the place of that list among the indexes of a relation in the store, beyond those that others have.
const agedIndex = maxUniques - 1

// age follows the change of the row of a key from one value of the state to another; nil stands for none.
func (t *table) age(key, from, to []byte) {
	if t.aged == nil || from != nil && to != nil && string(from[:8]) == string(to[:8]) {
		return
	}
	if from != nil {
		t.aged.Delete(agedKey(from, key))
	}
	if to != nil {
		t.aged.Set(agedKey(to, key), nil)
	}
}

func agedKey(val, key []byte) []byte {
	return append(appendTime(nil, int64(binary.BigEndian.Uint64(val))), key...)
}

// oldest is the event time up to which rows are too old at a moment of the clock.
func (t *table) oldest(nowMicros int64) int64 { return floorDiv(nowMicros, 1000) - t.rel.KeepMs }

// overdue takes out the rows that are too old, and returns their keys.
func (t *table) overdue(nowMicros int64) (keys [][]byte) {
	if t.aged == nil {
		return nil
	}
	t.aged.Scan(nil, appendTime(nil, t.oldest(nowMicros)+1), func(k, _ []byte) bool {
		keys = append(keys, append([]byte(nil), k[8:]...))
		return true
	})
	return keys
}

// wake says when the next row is too old.
func (t *table) wake() (micros int64, ok bool) {
	if t == nil || t.aged == nil {
		return 0, false
	}
	t.aged.Scan(nil, nil, func(k, _ []byte) bool {
		micros, ok = (timeAt(k)+t.rel.KeepMs)*1000, true
		return false
	})
	return micros, ok
}

// expireAged takes the rows out of the view that are too old.
func (s *sink) expireAged() {
	if s.src.view == nil || s.src.rows == nil {
		return
	}
	t := s.src.rows
	keys := t.overdue(s.flow.now)
	if len(keys) == 0 {
		return
	}
	over := vec.NewBatch(s.types)
	for _, k := range keys {
		val, _ := t.rows.Get(k)
		appendStored(over, k, val, t.counted())
	}
	for i := range over.N {
		over.Time[i] = floorDiv(s.flow.now, 1000)
		if t.counted() {
			over.Diff[i] = -over.Diff[i]
		} else {
			over.Diff = append(over.Diff, -1)
		}
	}
	s.open()
	if t.counted() {
		s.multiset(over)
	} else {
		s.keyed(over, nil)
	}
	s.closeAll()
}

// living returns those of the changes that are about rows that are there and young enough.
func (s *sink) living(net *vec.Batch) *vec.Batch {
	t := s.src.rows
	if t.aged == nil {
		return net
	}
	out := &vec.Batch{Cols: net.Cols, N: net.N, Time: net.Time}
	sel := make([]int32, 0, net.N)
	oldest := t.oldest(s.flow.now)
	for i := range net.N {
		if t.counted() {
			t.key = vec.AppendRow(t.key[:0], net.Cols, i)
		} else {
			t.key = appendKey(t.key[:0], net.Cols, s.rel.Key, i)
		}
		d := net.DiffAt(i)
		old, there := t.rows.Get(t.key)
		switch {
		case there && t.counted() && d < 0:
			d = max(d, -int32(binary.BigEndian.Uint64(old[8:])))
		case !there && (d < 0 || net.TimeAt(i) <= oldest):
			d = 0
		}
		if out.Diff = append(out.Diff, d); d != 0 {
			sel = append(sel, int32(i))
		}
	}
	return out.Gather(sel)
}

// refresh gives rows that came out as they were the event time that they have now.
func (s *sink) refresh(out *vec.Batch) {
	t := s.src.rows
	if t.aged == nil {
		return
	}
	changes := s.src.newChanges()
	for i := range out.N {
		if out.DiffAt(i) < 0 {
			continue
		}
		t.key = appendKey(t.key[:0], out.Cols, s.rel.Key, i)
		if t.holds(out.Cols, i) {
			t.replace(changes, out.Cols, i, out.Time[i], false)
		}
	}
	s.src.publish(changes)
}

// expireTables takes the rows out of the tables that are written to that are too old.
func (f *flow) expireTables() {
	if f.tablesWake() > f.now {
		return
	}
	for _, s := range f.sourcesInOrder() {
		if s.rows == nil || s.rows.aged == nil {
			continue
		}
		keys := s.rows.overdue(f.now)
		if len(keys) == 0 {
			continue
		}
		changes := s.newChanges()
		for _, k := range keys {
			s.rows.key = append(s.rows.key[:0], k...)
			s.rows.replace(changes, nil, 0, floorDiv(f.now, 1000), true)
		}
		s.publish(changes)
	}
}

// tablesWake is when the next row of a table that is written to is too old; math.MaxInt64 for never.
func (f *flow) tablesWake() int64 {
	first := int64(math.MaxInt64)
	for _, s := range f.sources {
		if s.live != nil {
			if t, ok := s.rows.wake(); ok {
				first = min(first, t)
			}
		}
	}
	return first
}
