package main

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine"
)

// What to do where there is no checkpoint to go on from: for a node of a cluster, and one that runs alone.
const (
	clusterAdvice = "start the nodes that are down, with the data directories that they had: " +
		"one may have a checkpoint, and is asked for it; if none has, restore the last backup with leat restore"
	aloneAdvice = "restore the last backup with leat restore"
)

// advised is an error with what to do about it, where there is something.
func advised(err error, advice string) error {
	if errors.Is(err, engine.ErrNoCheckpoint) {
		return fmt.Errorf("%w; %s", err, advice)
	}
	return err
}

// unable is why a node does not serve although it leads. It resigns then, and is elected again, as long as nothing
// changes: the log has every reason once.
type unable struct {
	why  atomic.Pointer[string] // nil: it has served since, or has not led
	told reasons                // of the goroutine that takes turns
}

// reasons are those that the log has.
type reasons map[string]bool

// isNew reports whether the log does not have the reason for an error yet, and notes it.
func (r *reasons) isNew(err error) bool {
	reason := err.Error()
	if errors.Is(err, engine.ErrNoCheckpoint) { // it says how each node answers, which changes
		reason = engine.ErrNoCheckpoint.Error()
	}
	if (*r)[reason] {
		return false
	}
	if *r == nil {
		*r = reasons{}
	}
	(*r)[reason] = true
	return true
}

// tell says why the node does not serve.
func (u *unable) tell(logger *slog.Logger, err error) {
	if errors.Is(err, cluster.ErrNotLeader) {
		logger.Info("this node leads no longer, and has not served", "error", err)
		return
	}
	why := strings.ReplaceAll(advised(err, clusterAdvice).Error(), "\n", "; ")
	u.why.Store(&why)
	if !u.told.isNew(err) {
		logger.Debug("this node still cannot serve", "error", why)
		return
	}
	logger.Error("this node leads and cannot serve; it lets others, and tries again whenever it is to lead", "error", why)
}

// over says that the node serves.
func (u *unable) over() {
	u.why.Store(nil)
	u.told = nil
}
