package engine

import (
	"context"
	"sync"
	"time"

	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
)

// advisory are the locks whose meaning only clients know. They are in memory: who holds one is connected.
type advisory struct {
	mu    sync.Mutex
	locks map[advisoryKey]*advisoryLock
	waits map[*Holder]advisoryKey // what each that waits for a lock waits for
	moved chan struct{}           // closed when a lock is given up; the next one is made then
}

type advisoryKey struct {
	number int64
	pair   bool
}

// advisoryLock tells how often each holder has a lock.
type advisoryLock struct{ holders map[*Holder]*[2][2]int } // by [shared][transaction]

// Holder is a session that may hold advisory locks.
type Holder struct {
	a   *advisory
	pid int32
}

func newAdvisory() *advisory {
	return &advisory{locks: map[advisoryKey]*advisoryLock{}, waits: map[*Holder]advisoryKey{}, moved: make(chan struct{})}
}

// NewHolder returns a holder of no locks, for the session with that number.
func (e *Engine) NewHolder(pid int32) *Holder { return &Holder{e.advisory, pid} }

// Lock takes a lock, waiting for it unless it is only tried; timeout 0 is for ever.
func (h *Holder) Lock(ctx context.Context, l fn.AdvisoryLock, timeout time.Duration) (got bool, err error) {
	a, key := h.a, advisoryKey{l.Key, l.Pair}
	var expired <-chan time.Time
	if timeout > 0 && !l.Try {
		t := time.NewTimer(timeout)
		defer t.Stop()
		expired = t.C
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for !a.freeLocked(key, h, l.Shared) {
		if l.Try {
			return false, nil
		}
		if a.reachesLocked(key, h, map[*Holder]bool{}) {
			return false, sqlerr.New(sqlerr.DeadlockDetected, "deadlock detected").
				WithDetail("Each of several sessions waits for an advisory lock that the next one has.")
		}
		if err := a.waitLocked(ctx, h, key, expired); err != nil {
			return false, err
		}
	}
	lock := a.locks[key]
	if lock == nil {
		lock = &advisoryLock{holders: map[*Holder]*[2][2]int{}}
		a.locks[key] = lock
	}
	if lock.holders[h] == nil {
		lock.holders[h] = &[2][2]int{}
	}
	lock.holders[h][asIndex(l.Shared)][asIndex(l.Transaction)]++
	return true, nil
}

// freeLocked reports whether nobody else stands in the way of h.
func (a *advisory) freeLocked(key advisoryKey, h *Holder, shared bool) bool {
	if lock := a.locks[key]; lock != nil {
		for other, has := range lock.holders {
			if other != h && (!shared || has[0] != [2]int{}) {
				return false
			}
		}
	}
	return true
}

// reachesLocked reports whether a holder of key waits for h, or for somebody who does.
func (a *advisory) reachesLocked(key advisoryKey, h *Holder, seen map[*Holder]bool) bool {
	lock := a.locks[key]
	if lock == nil {
		return false
	}
	for other := range lock.holders {
		if other == h && len(seen) > 0 {
			return true
		}
		if next, waits := a.waits[other]; waits && other != h && !seen[other] {
			seen[other] = true
			if a.reachesLocked(next, h, seen) {
				return true
			}
		}
	}
	return false
}

// waitLocked waits until some lock is given up. The caller holds a.mu, which is free meanwhile.
func (a *advisory) waitLocked(ctx context.Context, h *Holder, key advisoryKey, expired <-chan time.Time) error {
	moved := a.moved
	a.waits[h] = key
	a.mu.Unlock()
	var err error
	select {
	case <-moved:
	case <-ctx.Done():
		err = translate(ctx.Err())
	case <-expired:
		err = sqlerr.New(sqlerr.LockNotAvailable, "canceling statement due to lock timeout")
	}
	a.mu.Lock()
	delete(a.waits, h)
	return err
}

// Unlock gives up a lock of the session once, and reports whether h has it.
func (h *Holder) Unlock(l fn.AdvisoryLock) bool {
	h.a.mu.Lock()
	defer h.a.mu.Unlock()
	key := advisoryKey{l.Key, l.Pair}
	lock := h.a.locks[key]
	if lock == nil || lock.holders[h] == nil || lock.holders[h][asIndex(l.Shared)][0] == 0 {
		return false
	}
	lock.holders[h][asIndex(l.Shared)][0]--
	h.a.dropLocked(key, h)
	return true
}

// Holds reports whether the session has a lock.
func (h *Holder) Holds() bool {
	h.a.mu.Lock()
	defer h.a.mu.Unlock()
	for _, lock := range h.a.locks {
		if lock.holders[h] != nil {
			return true
		}
	}
	return false
}

// Release gives up the locks of the session, or those of its transaction.
func (h *Holder) Release(transaction bool) {
	h.a.mu.Lock()
	defer h.a.mu.Unlock()
	for key, lock := range h.a.locks {
		if has := lock.holders[h]; has != nil {
			has[0][asIndex(transaction)], has[1][asIndex(transaction)] = 0, 0
			h.a.dropLocked(key, h)
		}
	}
}

// dropLocked forgets what h has no more, and lets those who wait look again.
func (a *advisory) dropLocked(key advisoryKey, h *Holder) {
	lock := a.locks[key]
	if *lock.holders[h] == [2][2]int{} {
		delete(lock.holders, h)
	}
	if len(lock.holders) == 0 {
		delete(a.locks, key)
	}
	close(a.moved)
	a.moved = make(chan struct{})
}

func asIndex(b bool) int {
	if b {
		return 1
	}
	return 0
}
