package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/vec"
)

// Break lets the operators of a view panic with the next row.
func (e *Engine) Break(view string) error {
	return e.flow.do(context.Background(), func() error {
		for _, v := range e.flow.views {
			if v.rel.Name == view {
				v.graph.ports[0] = EmitterFunc(func(*vec.Batch) error { panic("a broken operator") })
			}
		}
		return nil
	})
}

// Part is the name of the relation of the part that a view shares, "" for none.
func (e *Engine) Part(view string) (name string) {
	_ = e.flow.do(context.Background(), func() error {
		for _, v := range e.flow.views {
			if p := e.flow.sources[v.rel.Part]; v.rel.Name == view && p != nil {
				name = p.rel.Name
			}
		}
		return nil
	})
	return name
}

// Restate gives a relation another statement in the catalog only, as if another version of the server had made it.
func (e *Engine) Restate(name, statement string) error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	rel, _ := e.Catalog().Relation("public", name)
	r := *rel
	r.Statement = statement
	return e.putDefinition(context.Background(), &r, cluster.Change{IfVersion: e.version, Put: map[string][]byte{}})
}

// RestateNext is Restate of what is made to take the place of a relation.
func (e *Engine) RestateNext(name, statement string) error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	rel, _ := e.Catalog().Relation("public", name)
	r, next := *rel, *rel.Next
	next.Statement = statement
	r.Next = &next
	doc, err := catalog.Encode(&r)
	if err != nil {
		return err
	}
	change := cluster.Change{IfVersion: e.version, Put: map[string][]byte{relationKey(r.ID): doc}}
	return e.flow.do(context.Background(), func() error { return e.update(context.Background(), change) })
}

// Kill ends the flow between two steps, without the checkpoint that it writes when it is closed.
func (e *Engine) Kill() {
	_ = e.flow.do(context.Background(), func() error { e.flow.broken = errors.New("killed"); return nil })
}

// Counts says how many queries run, relations are known, and accounts of state are kept.
func (e *Engine) Counts() (n [3]int) {
	_ = e.flow.do(context.Background(), func() error {
		n = [3]int{len(e.flow.views), len(e.flow.sources), len(e.flow.accounts)}
		return nil
	})
	return n
}

// HalfSwap lets a relation be replaced, once that can be, without telling the catalog: as if the server was killed
// before it could.
func (e *Engine) HalfSwap(name string) error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	rel, _ := e.Catalog().Relation("public", name)
	for done := false; !done; {
		err := e.flow.do(context.Background(), func() error {
			f := e.flow
			if s := f.sources[rel.ID]; s.rel.Next == nil || !f.swappable(s) {
				return nil
			}
			done = true
			f.swaps = append(f.swaps, rel.ID)
			_, err := f.step()
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Reform has the operators of some relations' queries keep their state in another form, as those of another version of
// the server; it returns what undoes that.
func Reform(is func(relation string) bool) (undo func()) {
	was, wasBuild := stateForm, build
	build = func() string { return "another" }
	stateForm = func(relation string) int {
		if is(relation) {
			return was(relation) + 1
		}
		return was(relation)
	}
	return func() { stateForm, build = was, wasBuild }
}

// Rebuild is Reform of all relations, to a form that each version of the server has for itself.
func Rebuild(version int) (undo func()) {
	was, wasBuild := stateForm, build
	build = func() string { return fmt.Sprint("another ", version) }
	stateForm = func(string) int { return 100 + version }
	return func() { stateForm, build = was, wasBuild }
}

// Doubts says why the state of queries was not used, by their relations.
func (e *Engine) Doubts() map[string]string {
	out := map[string]string{}
	_ = e.flow.do(context.Background(), func() error {
		for id, why := range e.flow.doubts {
			out[e.flow.nameOf(id)] = why
		}
		return nil
	})
	return out
}

// Frozen has the engine be one that follows, with the rows of a view being made anew, until that ends.
func (e *Engine) Frozen(view string, is bool) {
	_ = e.flow.do(context.Background(), func() error {
		rel, _ := e.Catalog().Relation("public", view)
		why := map[bool]string{true: "frozen"}[is]
		e.flow.setFailed(givenUp{View: rel.StateID(), Why: why, Anew: is})
		e.flow.following.on.Store(is)
		return nil
	})
	_ = e.flow.do(context.Background(), func() error { e.flow.settle(); return nil })
}

// FrozenLeads has an engine that is Frozen lead.
func (e *Engine) FrozenLeads() error {
	return e.flow.do(context.Background(), func() error {
		err := e.flow.followNoMore()
		e.flow.settle()
		return err
	})
}

// Waiting is how many wait for a cut.
func (e *Engine) Waiting() (n int) {
	_ = e.flow.do(context.Background(), func() error { n = len(e.flow.tickets); return nil })
	return n
}

// Forget takes out of the catalog what relations were before the last checkpoint.
func (e *Engine) Forget() error { return e.forgetReplaced() }

// MakesAnew reports whether queries are made anew.
func (e *Engine) MakesAnew() bool {
	return e.flow.makesAnew() || slices.ContainsFunc(e.Catalog().Relations(), func(r *catalog.Relation) bool {
		return r.Next != nil && e.flow.whyGivenUp(r.Next.ID) == ""
	})
}

// Unmade says why queries have failed whose state could not be used, and which could not be made anew.
func (e *Engine) Unmade() map[string]string {
	out := map[string]string{}
	_ = e.flow.do(context.Background(), func() error {
		for id, why := range e.flow.allGivenUp() {
			if strings.Contains(why, "; ") && !e.flow.isAnew(id) {
				out[e.flow.nameOf(id)] = why
			}
		}
		return nil
	})
	return out
}

// BreakNext has what is made to take the place of a relation panic with the next row, once it has begun.
func (e *Engine) BreakNext(name string) {
	for broken := false; !broken; {
		_ = e.flow.do(context.Background(), func() error {
			rel, _ := e.Catalog().Relation("public", name)
			if rel.Next == nil {
				return nil
			}
			if v := e.flow.viewOf(rel.Next.ID); v != nil {
				v.graph.ports[0] = EmitterFunc(func(*vec.Batch) error { panic("a broken operator") })
				broken = true
			}
			return nil
		})
	}
}

// Remake has a query given up, to be made anew, and then have been, as another goroutine than the flow's sees it.
func (e *Engine) Remake(view string) {
	rel, _ := e.Catalog().Relation("public", view)
	e.flow.setFailed(givenUp{View: rel.StateID(), Why: "in doubt", Anew: true})
	e.flow.setGivenUp(rel.StateID(), "")
}

// Listened reports whether a push query follows the event times of a relation.
func (e *Engine) Listened(name string) (is bool) {
	_ = e.flow.do(context.Background(), func() error {
		rel, _ := e.Catalog().Relation("public", name)
		for t := range e.flow.sources[rel.ID].taps {
			is = is || t.timed
		}
		return nil
	})
	return is
}

// Among has copies be wanted on most of some nodes.
func (c *Copies) Among(nodes ...uint64) { c.voters = func() []uint64 { return nodes } }

// Got notes that a node has the checkpoint that is here now.
func (c *Copies) Got(node uint64, e *Engine) error {
	meta, err := e.flow.store.Meta()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held[node] = meta
	return err
}

// Lent notes that a node is given the checkpoint that is here now, and returns from where in the steps that goes on.
func (c *Copies) Lent(node uint64, e *Engine) (steps int64, err error) {
	meta, err := e.flow.store.Meta()
	c.lend(node, meta)
	return stepsOf(meta), err
}

// Repaid ends what a node was lent.
func (c *Copies) Repaid(node uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lent[node] = loan{c.lent[node].meta, time.Now().Add(-1)}
}

// StepsKept is from where on the steps are kept.
func (e *Engine) StepsKept() (int64, error) {
	first, _, err := e.node.Bounds(e.flow.steps)
	return first, err
}

// Outdate has the engine be one that follows, whose catalog is outdated in the middle of a round, and returns what those
// are told who wait then; nil for nothing.
func (e *Engine) Outdate() (told error) {
	_ = e.flow.do(context.Background(), func() error {
		f, t := e.flow, &ticket{done: make(chan cut, 1), from: Position{Steps: math.MaxInt64}}
		f.following.on.Store(true)
		f.whole, f.tickets = false, append(f.tickets, t)
		f.outdate()
		select {
		case c := <-t.done:
			told = c.err
		default:
		}
		return nil
	})
	return told
}

// LoseNext takes the query that is to take a view's place out of the flow, but not what compares them, and writes a
// checkpoint.
func (e *Engine) LoseNext(view string) error {
	rel, _ := e.Catalog().Relation("public", view)
	return e.flow.do(context.Background(), func() error {
		if err := e.flow.detach(rel.Next.ID); err != nil {
			return err
		}
		return e.flow.checkpointNow()
	})
}

// CheckpointNow writes a checkpoint whether or not there is anything new.
func (e *Engine) CheckpointNow() error {
	return e.flow.do(context.Background(), func() error { return e.flow.checkpointNow() })
}

// Rewrites reports whether the rows of a relation are being written to its topic anew.
func (e *Engine) Rewrites(name string) (is bool) {
	_ = e.flow.do(context.Background(), func() error {
		rel, _ := e.Catalog().Relation("public", name)
		is = e.flow.sources[rel.ID].rewrite != nil
		return nil
	})
	return is
}
