package engine

import (
	"fmt"
	"maps"
	"runtime/debug"
	"slices"

	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// A continuous query whose operators fail, or panic, is given up and taken out of the flow: the others go on. What it
// maintains stays as it was, and whoever asks for that, or for what is made of it, is told. The same steps computed
// again come to the same, and a checkpoint says what was given up before it. RESUME lets it go on: see resume.go.

// attempt is run where a panic is an error.
func (v *view) attempt() (err error) {
	defer func() {
		p := recover()
		if damage(p) != nil {
			err = damage(p)
		} else if p != nil {
			v.flow.log.Error("an operator panicked", "query", v.rel.QueryID, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("internal error: %v", p)
		}
	}()
	return v.run()
}

// giveUp takes a query out of the flow.
func (f *flow) giveUp(v *view, sub *substep, why error) error {
	f.log.Error("a continuous query failed and was given up", "query", v.rel.QueryID, "error", why)
	f.stopAt(v, sub)
	if v.differs() { // then nothing can take over
		for _, s := range f.sources {
			if n := s.rel.Next; n != nil && differenceID(s.rel) == v.id && f.viewOf(n.ID) != nil {
				return f.giveUp(f.viewOf(n.ID), sub, why)
			}
		}
	}
	at := f.stopped[v.id]
	for _, in := range v.inputs {
		in.pending, in.chase = nil, nil
	}
	if err := f.detach(v.id); err != nil {
		return err
	}
	f.setGivenUp(v.id, why.Error())
	f.stopped[v.id] = at
	f.engine.replaced(v.id, sqlerr.New(sqlerr.From(why).Code, "the new query of %q failed: %s", v.rel.Name, why.Error()))
	f.endUnsound()
	return nil
}

// endUnsound ends the push queries of what was given up.
func (f *flow) endUnsound() {
	for _, s := range f.sources {
		if err := f.sound(s.rel); err != nil {
			for t := range s.taps {
				t.end(err)
			}
		}
	}
}

// setGivenUp says why a query was given up; an empty text says that it is gone.
func (f *flow) setGivenUp(id uint32, why string) { f.setFailed(givenUp{View: id, Why: why}) }

// setFailed is setGivenUp; of one whose rows are made anew, whoever asks for them waits. Of a part nobody is told where
// each of those who share it is made anew.
func (f *flow) setFailed(g givenUp) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id, why := g.View, g.Why
	delete(f.anew, id)
	delete(f.unmade, id)
	switch {
	case g.Anew && f.isPart(id):
		why = ""
	case g.Anew:
		f.anew[id] = true
	case g.Before != "":
		f.unmade[id] = g.Before
	}
	if why == "" {
		delete(f.givenUp, id)
		delete(f.failures, id)
		return
	}
	if f.givenUp[id] == "" {
		f.failed++
		f.failures[id] = f.failed
	}
	f.givenUp[id] = why
}

// isPart reports whether a number is that of a part.
func (f *flow) isPart(id uint32) bool {
	s := f.sources[id]
	return s != nil && s.rel.Part == id
}

// allGivenUp returns what was given up, and why.
func (f *flow) allGivenUp() map[uint32]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.givenUp)
}

// whyGivenUp says why a query was given up, or a table stopped; "" where it was not.
func (f *flow) whyGivenUp(id uint32) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.givenUp[id]
}

func (f *flow) setFailure(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

// failure says why the flow serves nobody: it stopped, or waits for space on the disk. Nil when it does.
func (f *flow) failure() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// Failures numbers the continuous queries that were given up, and the tables that stopped, by their relations: each
// time that one fails has a number of its own.
func (e *Engine) Failures() map[uint32]int64 {
	e.flow.mu.Lock()
	defer e.flow.mu.Unlock()
	return maps.Clone(e.flow.failures)
}

// Sound returns an error when the query that maintains a relation, or one that it reads, was given up.
func (e *Engine) Sound(rel *catalog.Relation) error { return e.flow.sound(rel) }

// sound returns an error when the query that maintains a relation, or one that it reads, was given up.
func (f *flow) sound(rel *catalog.Relation) error {
	bad := f.failedForGood() // of the others what there is is shown
	if len(bad) == 0 {
		return nil
	}
	seen := map[uint32]bool{}
	var visit func(r *catalog.Relation) error
	visit = func(r *catalog.Relation) error {
		if seen[r.ID] {
			return nil
		}
		seen[r.ID] = true
		if why, ok := bad[r.StateID()]; ok && r.Query == "" && r.Kind == catalog.Table {
			return sqlerr.New(sqlerr.ObjectNotInPrerequisite, "table %q has stopped: %s", r.Name, why).
				WithHint("ALTER TABLE %s SET ON ERROR SKIP passes over the record.", r.Name)
		} else if why := failedOf(bad, r); why != "" {
			return sqlerr.New(sqlerr.ObjectNotInPrerequisite, "the query that maintains %q failed: %s", r.Name, why).
				WithHint("RESUME %s once the cause is gone; the server's log has the details.", r.QueryID)
		}
		for _, id := range append(slices.Clone(r.Reads), r.Uses...) {
			if below, ok := f.engine.Catalog().ByID(id); ok {
				if err := visit(below); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if now, ok := f.engine.Catalog().ByID(rel.ID); ok { // it may have been made anew since whoever asks looked it up
		rel = now
	}
	return visit(rel)
}

// failedForGood is allGivenUp without those whose rows are made anew.
func (f *flow) failedForGood() map[uint32]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	bad := maps.Clone(f.givenUp)
	maps.DeleteFunc(bad, func(id uint32, _ string) bool { return f.anew[id] })
	return bad
}

// giveUpAlone gives a query up for a reason that another node need not have: it has another build. The next step that
// this one computes tells the others, who do the same, or what they come to would be something else.
func (f *flow) giveUpAlone(g givenUp) {
	f.setFailed(g)
	f.unsaid[g.View] = g
}

// toldGivenUp are the queries that were given up so, for a step.
func (f *flow) toldGivenUp() (all []givenUp) {
	for _, id := range slices.Sorted(maps.Keys(f.unsaid)) {
		all = append(all, f.unsaid[id])
	}
	clear(f.unsaid)
	return all
}

// takeGivenUp takes queries out of the flow that the node which leads has given up.
func (f *flow) takeGivenUp(all []givenUp) error {
	for _, g := range all {
		if v := f.viewOf(g.View); v != nil {
			for _, in := range v.inputs {
				in.pending, in.chase = nil, nil
			}
			if err := f.detach(g.View); err != nil {
				return err
			}
		}
		for _, s := range f.sources { // there is nothing to compare any more
			if n := s.rel.Next; n != nil && n.ID == g.View {
				if err := f.detach(differenceID(s.rel)); err != nil {
					return err
				}
			}
		}
		f.logged = slices.DeleteFunc(f.logged, func(w *loggedQuery) bool { return w.view.id == g.View })
		rel, differs := f.definition(g.View)
		if rel == nil || differs || rel.Terminated || rel.StateID() != g.View && rel.Part != g.View {
			continue // dropped since, terminated or replaced
		}
		f.setFailed(g)
		f.engine.replaced(g.View, sqlerr.New(sqlerr.ObjectNotInPrerequisite, "the new query of %q was given up: %s",
			rel.Name, g.Why))
	}
	if len(all) > 0 {
		f.endUnsound()
	}
	return nil
}
