package engine

import (
	"context"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// turn says that a view is paused, or goes on, from the step on.
type turn struct {
	View  uint32 `json:"view"`
	Pause bool   `json:"pause,omitempty"`
}

// Pause stops the continuous query with the given ID, or all with "", where it is; with pause false it goes on from
// there. What is as it should be already stays so. A query that has failed is resumed: see resume.go.
func (e *Engine) Pause(ctx context.Context, id string, pause bool) error {
	failed, err := e.pause(ctx, id, pause)
	if err != nil {
		return err
	}
	return e.resume(ctx, failed)
}

// pause is Pause but for queries that have failed, which it returns where they are to go on.
func (e *Engine) pause(ctx context.Context, id string, pause bool) (failed []*catalog.Relation, err error) {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	bad := e.flow.allGivenUp()
	change := cluster.Change{IfVersion: e.version, Put: map[string][]byte{}}
	var turns []turn
	found := id == ""
	for _, r := range e.Catalog().Relations() {
		if !r.Continuous() || id != "" && !strings.EqualFold(r.QueryID, id) {
			continue
		}
		found = true
		p := *r
		p.Paused = pause
		if r.Next != nil { // it is paused when it takes over
			next := *r.Next
			next.Paused, p.Next = pause, &next
		}
		if !pause && failedOf(bad, r) != "" {
			failed = append(failed, &p)
		}
		if r.Paused == pause {
			continue
		}
		doc, err := catalog.Encode(&p)
		if err != nil {
			return nil, err
		}
		change.Put[relationKey(r.ID)] = doc
		turns = append(turns, turn{r.StateID(), pause})
	}
	if !found {
		return nil, noQuery(id)
	}
	if len(turns) == 0 {
		return failed, nil
	}
	err = e.flow.do(context.WithoutCancel(ctx), func() error { return e.commitTurns(ctx, turns, change) })
	return failed, translate(err)
}

// noQuery is the error for the ID of a query that is not there.
func noQuery(id string) error {
	return sqlerr.New(sqlerr.UndefinedObject, "query %q does not exist", id).WithHint("SHOW QUERIES lists what runs.")
}

// commitTurns runs in the flow's goroutine. The turns are part of a step, so that it can be computed again.
func (e *Engine) commitTurns(ctx context.Context, turns []turn, change cluster.Change) error {
	f := e.flow
	if err := e.update(ctx, change); err != nil {
		return err
	}
	f.turns = append(f.turns, turns...)
	if _, err := f.step(); err != nil {
		f.broken = err
		return err
	}
	return nil
}

// pauses reports whether a view is paused by the step.
func (s *substep) pauses(v *view) bool { return slices.Contains(s.Turns, turn{v.id, true}) }

// takeTurns pauses views and lets them go on, at the beginning of a step.
func (f *flow) takeTurns(turns []turn) error {
	for _, t := range turns {
		for _, v := range f.views {
			if v.id != t.View || v.paused == t.Pause {
				continue
			}
			if v.paused = t.Pause; !t.Pause {
				v.release()
			} else if err := f.stand(v); err != nil {
				return err
			}
		}
	}
	return nil
}

// stand gives a view that is paused readers of its own, which stay where it has read its streams.
func (f *flow) stand(v *view) error {
	for _, in := range v.inputs {
		if in.src.rows != nil || in.reader != nil {
			continue
		}
		parts := append([]cursor(nil), in.positions()...)
		if err := f.disconnect(in); err != nil {
			return err
		}
		f.leaveAt(parts)
		if err := v.catchUp(in, parts); err != nil {
			return err
		}
	}
	return nil
}

// missedTurns lists what the catalog says of views and no step has done: the server ended in between.
func (f *flow) missedTurns() []turn {
	var out []turn
	for _, v := range f.views {
		if rel, ok := f.engine.Catalog().ByID(v.rel.ID); ok && rel.Paused != v.paused {
			out = append(out, turn{v.id, rel.Paused})
		}
	}
	return out
}

// hold keeps what changes of its table while the view is paused: of each row, how often it came less how often it went.
// It cannot grow beyond the rows that there were and those that there are.
func (in *input) hold(b *vec.Batch) {
	if in.held == nil {
		in.held = state.NewMap()
	}
	var key []byte
	for i := range b.N {
		key = vec.AppendRow(key[:0], b.Cols, i)
		n := int64(b.DiffAt(i))
		if old, ok := in.held.Get(key); ok {
			n += int64(binary.BigEndian.Uint64(old[8:]))
		}
		if n == 0 {
			in.held.Delete(key)
			continue
		}
		val := binary.BigEndian.AppendUint64(nil, uint64(b.TimeAt(i)))
		in.held.Set(key, binary.BigEndian.AppendUint64(val, uint64(n)))
	}
}

// release gives a view that goes on what its inputs have held: first the rows that went, then those that came.
func (v *view) release() {
	for _, in := range v.inputs {
		if in.held == nil || in.held.Len() == 0 {
			continue
		}
		var ts []types.Type
		for _, c := range in.scan.Sch.Cols {
			ts = append(ts, c.Type)
		}
		b := vec.NewBatch(ts)
		var keys [][]byte
		for _, sign := range []int64{-1, 1} {
			in.held.Scan(nil, nil, func(key, val []byte) bool {
				n := int64(binary.BigEndian.Uint64(val[8:]))
				if n*sign < 0 {
					return true
				}
				if _, err := vec.DecodeRow(key, b.Cols); err != nil {
					panic("BUG: a row in state cannot be decoded: " + err.Error())
				}
				b.Time = append(b.Time, int64(binary.BigEndian.Uint64(val)))
				b.Diff = append(b.Diff, int32(n))
				b.N++
				keys = append(keys, append([]byte(nil), key...))
				return true
			})
		}
		for _, key := range keys { // one by one, so that the next checkpoint knows
			in.held.Delete(key)
		}
		in.pending = append(in.pending, b)
	}
}

// heldOp is the number under which the store keeps what the first input of a view holds; the others follow.
const heldOp = 1 << 31

// checkpointHeld writes what the inputs of a view hold.
func (v *view) checkpointHeld(c *state.Checkpoint) error {
	for _, in := range v.inputs {
		if in.held != nil {
			if err := in.held.WriteChanges(c.Writer(uint64(v.id), heldOp+uint32(in.port))); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *view) restoreHeld(s *state.Store) error {
	for _, in := range v.inputs {
		if in.src.rows == nil {
			continue
		}
		err := s.Load(uint64(v.id), heldOp+uint32(in.port), func(key, val []byte) error {
			if in.held == nil {
				in.held = state.NewMap()
			}
			in.held.Restore(key, val)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
