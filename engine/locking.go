package engine

import (
	"context"

	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
)

// Locking runs a statement that locks rows of what a query gives, as Change runs one that changes them.
func (tx *Tx) Locking(ctx context.Context, q *plan.Query, env *fn.Env, run func(*Change) error) error {
	return tx.changing(ctx, nil, tx.e.readsOf(q), env, run)
}

// LockRow locks the row of a table that has a key until the end of the transaction. It is false for one that another
// has locked and that is to be passed over.
func (c *Change) LockRow(t planner.LockTarget, key []byte) (bool, error) {
	l, names := c.tx.e.locks, []string{rowLock(t.Rel, key)}
	if t.Skip || t.NoWait {
		free, moved := l.try(c.tx, names[0], t.Shared)
		switch {
		case moved:
			return false, errMoved
		case !free && t.NoWait:
			return false, sqlerr.New(sqlerr.LockNotAvailable, "could not obtain lock on row in relation \"%s\"", t.Rel.Name)
		}
		return free, nil
	}
	take := l.acquire
	if t.Shared {
		take = l.share
	}
	moved, err := take(c.ctx, c.tx, names, c.tx.LockTimeout)
	if err == nil && moved {
		err = errMoved
	}
	return err == nil, err
}
