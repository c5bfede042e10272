package equiv

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/leatdb/leat/sql/sqlerr"

	"github.com/leatdb/leat/engine/session"
)

// replace draws CREATE OR REPLACE of a view. One that others read keeps its columns, and may get more at the end.
func (w *writer) replace() {
	var views []*relation
	for _, v := range w.views {
		if v.what == "VIEW" {
			views = append(views, v)
		}
	}
	if len(views) == 0 {
		return
	}
	v := pick(w.draw, views...)
	above := w.above(v)
	q := w.variant(v)
	if len(above) == 1 && (w.chance(50) || len(q.sql) > 5000) {
		q = w.over(above)
	}
	old := w.defs[v.name]
	w.defs[v.name] = q
	for _, d := range above {
		if w.reads(w.defs[d.name]) > mostReads+1 {
			w.defs[v.name] = old
			return
		}
	}
	st := step{act: replace, sql: "CREATE OR REPLACE MATERIALIZED VIEW " + v.name + " AS " + w.shallow(q.sql), pg: []string{}}
	st.moved = !extends(v.cols, q.cols)
	if len(above) > 1 && st.moved {
		return
	}
	w.again = w.again || w.moved[v] // which writes a checkpoint
	w.moved[v] = true
	v.cols, v.query = q.cols, q.sql
	w.defs[v.name] = q
	w.add(st)
}

// above lists a view and the views that are made of it.
func (w *writer) above(v *relation) []*relation {
	out := []*relation{v}
	for i := 0; i < len(out); i++ {
		for _, d := range w.views {
			seen := false
			for _, o := range out {
				seen = seen || o == d
			}
			if !seen && strings.Contains(d.query, out[i].ref()) {
				out = append(out, d)
			}
		}
	}
	return out
}

func extends(a, b []column) bool {
	if len(b) < len(a) {
		return false
	}
	for i, c := range a {
		if b[i] != c {
			return false
		}
	}
	return true
}

// over draws a query that reads none of some relations.
func (w *writer) over(not []*relation) query {
	q := queries{draw: w.draw}
	for _, r := range w.rels {
		if r != not[0] {
			q.rels = append(q.rels, r)
		}
	}
	return q.query(1, true)
}

// variant draws a query over what a view selects, with its columns.
func (w *writer) variant(v *relation) query {
	old := w.defs[v.name]
	s := scope{draw: w.draw, cols: qualified("a", old.cols)}
	out := query{leat: old.leat}
	var items []string
	for i, c := range old.cols {
		x := s.cols[i].name
		if c.kind != kMoney && w.chance(20) { // which may be a numeric of any scale
			x = "(" + s.expr(c.kind, 1) + ")::" + c.kind.sql()
		}
		items = append(items, x+" AS "+c.name)
		out.cols = append(out.cols, c)
	}
	if w.chance(40) {
		c := column{fmt.Sprintf("c%d", len(old.cols)), pick(w.draw, kInt, kText, kBool)}
		items = append(items, s.expr(c.kind, 1)+" AS "+c.name)
		out.cols = append(out.cols, c)
	}
	out.sql = "SELECT " + join(items, ", ") + " FROM (" + old.sql + ") a" + w.where(s, 60)
	return out
}

// replacing is a CREATE OR REPLACE under way.
type replacing struct{ done chan error }

// replace begins a CREATE OR REPLACE in a session of its own: what follows happens while the new query catches up.
func (s *server) replace(sql string) error {
	ses, err := session.New(session.Config{Engine: s.eng, User: "leat", Database: "leat", Version: "test",
		Notice: func(*sqlerr.Error) {}})
	if err != nil {
		return err
	}
	other := &server{eng: s.eng, ses: ses}
	s.under = &replacing{make(chan error, 1)}
	go func(done chan error) {
		_, err := other.exec(sql)
		ses.Close()
		done <- err
	}(s.under.done)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !s.replaces() { // until it has begun, so that what follows does not depend on the scheduler
		select {
		case err := <-s.under.done:
			s.under.done <- err
			return nil
		case <-tick.C:
		}
	}
	return nil
}

// replaces reports whether something is being replaced.
func (s *server) replaces() bool {
	for _, r := range s.eng.Catalog().Relations() {
		if r.Next != nil {
			return true
		}
	}
	return false
}

// replaced waits until what is being replaced is, also when the server was closed meanwhile.
func (s *server) replaced() error {
	if s.under == nil {
		return nil
	}
	err := <-s.under.done
	s.under = nil
	if err != nil && sqlerr.From(err).Code != sqlerr.AdminShutdown {
		return err
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for s.replaces() {
		select {
		case <-tick.C:
		case <-late:
			return errors.New("the new query does not take over")
		}
	}
	return nil
}
