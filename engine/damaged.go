package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/leatdb/leat/engine/state"
)

// A checkpoint that is not what was written is none: the node takes that of another, or computes all steps again where
// the log still has them. It is looked at before the engine opens it, and whoever meets damage later, or a page that
// the disk does not give, ends the flow, and the node.

// damagedSuffix is that of a checkpoint that was set aside, for whoever wants to know what has happened to it.
const damagedSuffix = ".damaged"

// setAside takes a checkpoint away that is damaged.
func setAside(path string, logger *slog.Logger) error {
	err := state.Check(path)
	if !state.IsDamage(err) {
		return err
	}
	logger.Error("a checkpoint is damaged and was set aside", "error", err, "as", path+damagedSuffix)
	return errors.Join(os.Rename(path, path+damagedSuffix), state.RemoveSums(path))
}

// setAside is that of the copies that are here; c.file is held.
func (c *Copies) setAside() error {
	return errors.Join(setAside(c.path(), c.log), setAside(filepath.Join(c.dir, spareFile), c.log))
}

// setAsideAlone is that of a node that has no others, where the log has everything from the beginning.
func (e *Engine) setAsideAlone(firstStep int64) error {
	path := filepath.Join(e.cfg.Dir, checkpointFile)
	if firstStep == 0 {
		return setAside(path, e.log)
	}
	err := state.Check(path)
	if state.IsDamage(err) {
		err = fmt.Errorf("engine: %w, and the log no longer has the steps that it could be made from: "+
			"restore the last backup with leat restore", err)
	}
	return err
}

// survive is deferred by the flow's goroutine: state that is damaged ends the flow.
func (f *flow) survive() {
	p := recover()
	if d := damage(p); d != nil {
		f.fail(d)
	} else if p != nil {
		panic(p)
	}
}

// guarded runs what reads state for somebody who waits for it. When that is damaged, the flow ends after it.
func (f *flow) guarded(fn func() error) error {
	_, err := Guarded(func() (struct{}, error) { return struct{}{}, fn() })
	if state.IsDamage(err) {
		f.broken = err
	}
	return err
}

// damage returns the error of a state file that a goroutine has panicked with; nil for another reason.
func damage(p any) error {
	if d, is := p.(state.Damage); is {
		return d
	}
	return nil
}

// Guarded runs what reads state. That state is damaged is an error of it.
func Guarded[T any](fn func() (T, error)) (r T, err error) {
	defer func() {
		p := recover()
		if d := damage(p); d != nil {
			err = d
		} else if p != nil {
			panic(p)
		}
	}()
	return fn()
}
