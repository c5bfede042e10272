package session

import (
	"context"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/sql/fn"
)

// caller is what functions may do in the session. It implements fn.Caller.
type caller struct {
	s       *Session
	locks   *engine.Holder
	random  fn.Random
	running context.Context // of the call that is being served: kernels are given none
}

// during notes the context of a call, and returns what ends that.
func (c *caller) during(ctx context.Context) (end func()) {
	before := c.running
	c.running = ctx
	return func() { c.running = before }
}

// Running implements fn.Caller.
func (c *caller) Running() context.Context {
	if c.running == nil { // while a statement is bound
		return context.Background()
	}
	return c.running
}

// Random implements fn.Caller.
func (c *caller) Random() *fn.Random { return &c.random }

// Lock implements fn.Caller.
func (c *caller) Lock(l fn.AdvisoryLock) (got bool, err error) {
	return c.locks.Lock(c.Running(), l, c.s.set.lockTimeout)
}

// Unlock implements fn.Caller.
func (c *caller) Unlock(l *fn.AdvisoryLock) bool {
	if l == nil {
		c.locks.Release(false)
		return true
	}
	return c.locks.Unlock(*l)
}
