package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// settled reports whether a checkpoint has a relation as it is since it was replaced, on as many disks as it takes: the
// node that leads next may have no other.
func (e *Engine) settled(ctx context.Context, rel *catalog.Relation) (has bool, err error) {
	if rel.Was == nil {
		return true, nil
	}
	err = e.flow.do(ctx, func() error {
		meta, err := e.flow.safeMeta()
		has = meta.States[rel.ID] == rel.StateID()
		return err
	})
	return has, err
}

// unsettled is the error of what has to wait for that.
type unsettled struct{ rel *catalog.Relation }

// Error implements error.
func (u unsettled) Error() string {
	return fmt.Sprintf("other nodes have no checkpoint yet since %q was replaced", u.rel.Name)
}

// onceSettled begins a replacement as soon as the one before is settled, which it waits for. Begin holds e.ddl; while
// it is waited for nobody does, so that others go on.
func (e *Engine) onceSettled(ctx context.Context, begin func() (<-chan error, error)) (done <-chan error, err error) {
	for {
		done, err = begin()
		u := unsettled{}
		if !errors.As(err, &u) {
			return done, err
		}
		if err := e.checkpointed(ctx, u.rel); err != nil {
			return nil, err
		}
	}
}

// checkpointed waits until a relation is settled, or is another again. The flow goes on meanwhile.
func (e *Engine) checkpointed(ctx context.Context, rel *catalog.Relation) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for tried := false; ; {
		if now, ok := e.Catalog().ByID(rel.ID); !ok || now.Was == nil || now.StateID() != rel.StateID() {
			return nil
		}
		has, err := e.settled(ctx, rel)
		if err != nil || has {
			return err
		}
		err = e.flow.do(ctx, func() error {
			f := e.flow
			if f.gathering != nil || f.store.Busy() {
				return nil
			}
			if tried {
				return f.store.Wait() // it could not be written
			}
			tried = true
			f.maybeCheckpoint()
			return nil
		})
		if err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-e.replacing.stop:
			return sqlerr.New(sqlerr.AdminShutdown, "the server is shutting down")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
