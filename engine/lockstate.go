package engine

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/leatdb/leat/sql/fn"
)

// Locks lists the locks of this node, in the order of sessions. Locks of rows are shown as locks of their relation, and
// whoever waits for a row as waiting for the transaction that has changed it, as PostgreSQL does.
func (e *Engine) Locks() []fn.LockState {
	out := append(e.locks.states(), e.advisory.states()...)
	slices.SortFunc(out, func(a, b fn.LockState) int {
		return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Relation, b.Relation),
			cmp.Compare(a.Class, b.Class), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Mode, b.Mode))
	})
	return slices.Compact(out)
}

// Blockers lists the sessions that hold what a session waits for.
func (e *Engine) Blockers(pid int32) []int32 {
	pids := append(e.locks.blockers(pid), e.advisory.blockers(pid)...)
	slices.Sort(pids)
	return slices.Compact(pids)
}

func (l *locks) states() []fn.LockState {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []fn.LockState
	for name, tx := range l.held {
		out = append(out, fn.LockState{PID: tx.PID, Type: "relation", Mode: "RowExclusiveLock", Granted: true,
			Relation: lockedRelation(name)})
	}
	for name, txs := range l.shared {
		for _, tx := range txs {
			out = append(out, fn.LockState{PID: tx.PID, Type: "relation", Mode: "RowShareLock", Granted: true,
				Relation: lockedRelation(name)})
		}
	}
	for tx := range l.waits {
		out = append(out, fn.LockState{PID: tx.PID, Type: "transactionid", Mode: "ShareLock"})
	}
	return out
}

// lockedRelation is the number of the relation that the lock of a row, of an entry or of what is referred to is of.
func lockedRelation(name string) uint32 {
	if name[0] == referredLock {
		name = name[1:]
	}
	return binary.BigEndian.Uint32([]byte(name[1:5]))
}

func (l *locks) blockers(pid int32) []int32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []int32
	for tx, holder := range l.waits {
		if tx.PID == pid {
			out = append(out, holder.PID)
		}
	}
	return out
}

// state is an advisory lock as pg_locks shows it.
func (k advisoryKey) state(h *Holder, shared bool) fn.LockState {
	s := fn.LockState{PID: h.pid, Type: "advisory", Mode: "ExclusiveLock", Class: uint32(uint64(k.number) >> 32),
		Object: uint32(k.number), Part: 1 + asIndex(k.pair)}
	if shared {
		s.Mode = "ShareLock"
	}
	return s
}

func (a *advisory) states() []fn.LockState {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []fn.LockState
	for key, lock := range a.locks {
		for h, has := range lock.holders {
			for shared := range has {
				if has[shared] != [2]int{} {
					s := key.state(h, shared == 1)
					s.Granted = true
					out = append(out, s)
				}
			}
		}
	}
	for h, key := range a.waits {
		out = append(out, key.state(h, false))
	}
	return out
}

func (a *advisory) blockers(pid int32) []int32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []int32
	for h, key := range a.waits {
		if lock := a.locks[key]; h.pid == pid && lock != nil {
			for other := range lock.holders {
				if other != h {
					out = append(out, other.pid)
				}
			}
		}
	}
	return out
}
