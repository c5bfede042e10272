package engine

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
)

// TestAdvisory lets three sessions stand in each other's way.
func TestAdvisory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		adv, ctx := newAdvisory(), context.Background()
		a, b, c := &Holder{a: adv}, &Holder{a: adv}, &Holder{a: adv}
		lock := func(h *Holder, l fn.AdvisoryLock, want bool) {
			t.Helper()
			if got, err := h.Lock(ctx, l, 0); got != want || err != nil {
				t.Fatalf("lock %+v: %v, %v", l, got, err)
			}
		}
		one, two := fn.AdvisoryLock{Key: 1}, fn.AdvisoryLock{Key: 2}
		lock(a, one, true)
		lock(b, two, true)
		lock(b, fn.AdvisoryLock{Key: 1, Try: true}, false)
		lock(b, fn.AdvisoryLock{Key: 1, Try: true, Shared: true}, false)
		lock(b, fn.AdvisoryLock{Key: 1, Try: true, Pair: true}, true)
		lock(a, fn.AdvisoryLock{Key: 5, Shared: true}, true)
		lock(b, fn.AdvisoryLock{Key: 5, Shared: true}, true)
		lock(c, fn.AdvisoryLock{Key: 5, Try: true}, false)

		waited := make(chan error, 1)
		go func() { _, err := a.Lock(ctx, two, 0); waited <- err }()
		synctest.Wait()
		if _, err := b.Lock(ctx, one, 0); sqlerr.From(err).Code != sqlerr.DeadlockDetected {
			t.Fatalf("no deadlock: %v", err)
		}
		if _, err := c.Lock(ctx, one, 5); sqlerr.From(err).Code != sqlerr.LockNotAvailable {
			t.Fatalf("no timeout: %v", err)
		}
		stopped, stop := context.WithCancel(ctx)
		stop()
		if _, err := c.Lock(stopped, one, 0); sqlerr.From(err).Code != sqlerr.QueryCanceled {
			t.Fatalf("not canceled: %v", err)
		}
		b.Release(false)
		if err := <-waited; err != nil {
			t.Fatal(err)
		}
		a.Release(true) // it has none of a transaction
		lock(c, fn.AdvisoryLock{Key: 1, Try: true}, false)
		a.Release(false)
		lock(c, fn.AdvisoryLock{Key: 1, Try: true, Transaction: true}, true)
		if c.Unlock(one) {
			t.Fatal("a lock of the transaction was given up before its end")
		}
		c.Release(true)
		if len(adv.locks) != 0 || len(adv.waits) != 0 {
			t.Fatalf("left over: %v, %v", adv.locks, adv.waits)
		}
	})
}
