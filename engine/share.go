package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/sql/sqlerr"
)

const (
	// shareTick is how often the leader looks whether there is a checkpoint to be copied.
	shareTick = time.Second
	// shareLoad bounds the share of the time that copies to a node take: to a tenth.
	shareLoad = 10
	// lentFor is how long a node that was given a checkpoint has to go on from it: what it needs is kept for it.
	lentFor = 5 * time.Minute
)

// A loan is a checkpoint, by its metadata, that a node is given, or was.
type loan struct {
	meta []byte
	ends time.Time // zero while it travels
}

// shareCheckpoints begins to give checkpoints to other nodes.
func (e *Engine) shareCheckpoints(store *state.Store) {
	if e.cfg.Copies == nil {
		e.endShare = func() {}
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.cfg.Copies.share(ctx, store)
	}()
	e.endShare = func() {
		cancel()
		<-done
	}
}

// safe returns the metadata of the newest checkpoint that a majority of those that vote has, or one that goes on later;
// own is that of the one here.
func (c *Copies) safe(own []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.safeLocked(own)
}

func (c *Copies) safeLocked(own []byte) []byte {
	metas := [][]byte{own}
	for _, id := range c.voters() {
		if id != c.node.Self() {
			metas = append(metas, c.held[id])
		}
	}
	slices.SortFunc(metas, func(a, b []byte) int { return int(stepsOf(b) - stepsOf(a)) })
	if m := metas[len(metas)/2]; len(m) > 0 {
		return m
	}
	return nil
}

// needed returns the metadata of the oldest checkpoint that somebody may go on from: safe's, or one that a node was
// given not long ago.
func (c *Copies) needed(own []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	oldest := c.safeLocked(own)
	for node, l := range c.lent {
		switch {
		case !l.ends.IsZero() && time.Now().After(l.ends):
			delete(c.lent, node)
		case stepsOf(l.meta) < stepsOf(oldest):
			oldest = l.meta
		}
	}
	return oldest
}

// share gives checkpoints to the other nodes until ctx ends.
func (c *Copies) share(ctx context.Context, store *state.Store) {
	tick := time.NewTicker(shareTick)
	defer tick.Stop()
	rest := map[uint64]time.Time{}
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for _, m := range c.node.Members() {
			began := time.Now()
			if m.ID == c.node.Self() || ctx.Err() != nil || began.Before(rest[m.ID]) {
				continue
			}
			if err := c.giveTo(ctx, m.ID, store); err != nil && ctx.Err() == nil {
				c.log.Debug("a checkpoint was not copied", "to", m.ID, "error", err)
			}
			rest[m.ID] = time.Now().Add(shareLoad * time.Since(began))
		}
	}
}

// giveTo gives a node the newest checkpoint, unless it has it.
func (c *Copies) giveTo(ctx context.Context, node uint64, store *state.Store) error {
	meta, err := store.Meta()
	if err != nil {
		return err
	}
	c.mu.Lock()
	has := bytes.Equal(meta, c.held[node])
	c.mu.Unlock()
	if has || len(meta) == 0 {
		return nil
	}
	if has, err := c.hasOwn(ctx, node, meta); err != nil || has {
		return err
	}
	return c.lendTo(ctx, node, store, meta)
}

// spread gives the newest checkpoint to nodes that may have others, until most of those that vote have it.
func (c *Copies) spread(ctx context.Context, store *state.Store) error {
	meta, err := store.Meta()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	voters := c.voters()
	given := make(chan error, len(voters))
	asked := 0
	for _, id := range voters {
		if id != c.node.Self() {
			asked++
			go func() { given <- c.lendTo(ctx, id, store, meta) }()
		}
	}
	var errs []error
	has := 1
	for range asked {
		if err := <-given; err != nil {
			errs = append(errs, err)
		} else if has++; has > len(voters)/2 {
			cancel() // the others are given it later
		}
	}
	if has > len(voters)/2 {
		return nil
	}
	return sqlerr.New(sqlerr.CannotConnectNow, "most nodes have to have the rows as they are to be: %s",
		errors.Join(errs...).Error()).WithHint("Try again when most nodes are up.")
}

// lendTo gives a node the checkpoint with some metadata, or a newer one.
func (c *Copies) lendTo(ctx context.Context, node uint64, store *state.Store, meta []byte) error {
	c.lend(node, meta)
	held, err := c.send(ctx, node, store)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		delete(c.lent, node)
		return err
	}
	c.held[node], c.lent[node] = held, loan{held, time.Now().Add(lentFor)}
	return nil
}

// lend says that a node is about to be given a checkpoint. What that needs is kept while it travels.
func (c *Copies) lend(node uint64, meta []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lent[node] = loan{meta: meta}
}

// send gives a node the newest checkpoint, and returns its metadata.
func (c *Copies) send(ctx context.Context, node uint64, store *state.Store) (meta []byte, err error) {
	s, err := c.node.OpenStream(ctx, node, cluster.StreamCheckpoints, []byte("put"))
	if err != nil {
		return nil, err
	}
	defer s.Close()
	defer context.AfterFunc(ctx, func() { s.Close() })()
	file, err := store.Copy()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(writeCopy(s, file), file.Close()); err != nil {
		return nil, err
	}
	var ok [1]byte
	if _, err := io.ReadFull(progress{s}, ok[:]); err != nil {
		return nil, err
	}
	return file.Meta, nil
}

// hasOwn asks a node whether it has a checkpoint of its own to go on from, and keeps what it says; newest is the
// metadata of the one here.
func (c *Copies) hasOwn(ctx context.Context, node uint64, newest []byte) (bool, error) {
	s, err := c.node.OpenStream(ctx, node, cluster.StreamCheckpoints, []byte("have"))
	if err != nil {
		return false, err
	}
	defer s.Close()
	defer context.AfterFunc(ctx, func() { s.Close() })()
	meta, err := io.ReadAll(progress{s})
	if err != nil {
		return false, err
	}
	var m checkpointMeta
	steps, known := c.node.Topic(stepsTopic)
	if len(meta) == 0 || json.Unmarshal(meta, &m) != nil || !known {
		return false, nil
	}
	first, _, err := c.node.Bounds(steps.IDs[0])
	if err != nil || m.Steps < first {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held[node] = meta
	switch l, lent := c.lent[node]; {
	case lent && m.Steps >= stepsOf(c.safeLocked(newest)): // it keeps up
		delete(c.lent, node)
	case lent:
		c.lent[node] = loan{meta, l.ends}
	}
	return true, nil
}
