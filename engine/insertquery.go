package engine

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// InsertForever begins a query that inserts what it gives into the stream rel.Target, and returns its ID. rel is
// complete but for ID, Name and Created; QueryID may be "".
func (e *Engine) InsertForever(ctx context.Context, rel *catalog.Relation) (string, error) {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	r := *rel
	if err := e.insertable(&r); err != nil {
		return "", err
	}
	var err error
	if r.ID, err = e.nextID(); err != nil {
		return "", err
	}
	if r.QueryID == "" {
		r.QueryID = "INSERTQUERY_" + strconv.FormatUint(uint64(r.ID), 10)
	}
	for _, other := range e.Catalog().Relations() {
		if strings.EqualFold(other.QueryID, r.QueryID) {
			return "", sqlerr.New(sqlerr.DuplicateObject, "query %q already exists", r.QueryID)
		}
	}
	r.Name, r.Created = strings.ToLower(r.QueryID), e.cfg.Now().UnixMicro()
	if err := e.rehearse(&r); err != nil {
		return "", err
	}
	doc, err := catalog.Encode(&r)
	if err != nil {
		return "", err
	}
	change := e.takeID(r.ID)
	change.Put[relationKey(r.ID)] = doc
	release, err := e.freeze(ctx, &r)
	if err != nil {
		return "", translate(err)
	}
	defer release()
	err = e.flow.do(context.WithoutCancel(ctx), func() error { return e.commitCreate(ctx, &r, change) })
	return r.QueryID, translate(err)
}

// insertable checks that a query may write to its target.
func (e *Engine) insertable(r *catalog.Relation) error {
	cat := e.Catalog()
	target, ok := cat.ByID(r.Target)
	if !ok {
		return sqlerr.New(sqlerr.UndefinedTable, "the stream was dropped meanwhile")
	}
	for _, id := range r.Reads {
		if _, ok := cat.ByID(id); !ok && id >= firstID {
			return sqlerr.New(sqlerr.UndefinedTable, "a relation that the query reads was dropped meanwhile")
		}
	}
	if t, ok := e.node.Topic(target.Topic); !ok || t.Home != flowID {
		return sqlerr.New(sqlerr.FeatureNotSupported, "topic %q is not one that queries can write to", target.Topic).
			WithHint("Its partitions are spread over the nodes. Take a stream with placement = 'home'.")
	}
	for _, other := range cat.Relations() {
		if other.Topic == target.Topic && other.Query != "" && other.ID != target.ID {
			return sqlerr.New(sqlerr.WrongObjectType, "the topic of %q belongs to the query of %q", target.Name, other.Name).
				WithHint("INSERT INTO %s.", other.Name)
		}
	}
	if target.ID < firstID {
		return sqlerr.New(sqlerr.WrongObjectType, "cannot change system relation %q", target.Name)
	}
	if e.feeds(target, r.Reads) {
		return sqlerr.New(sqlerr.InvalidObjectDefinition, "the query would read what it inserts into %q", target.Name).
			WithHint("With ORDER BY or LIMIT it is run once.")
	}
	return nil
}

// feeds reports whether one of the relations is made, in whatever way, of what is written to target.
func (e *Engine) feeds(target *catalog.Relation, rels []uint32) bool {
	cat := e.Catalog()
	queue := []*catalog.Relation{target}
	seen := map[uint32]bool{target.ID: true}
	for ; len(queue) > 0; queue = queue[1:] {
		r := queue[0]
		if slices.Contains(rels, r.ID) {
			return true
		}
		for _, next := range cat.Relations() {
			reads := slices.Contains(next.Reads, r.ID) || r.Topic != "" && next.Topic == r.Topic ||
				next.ID == r.Target || next.ID == r.OnError.Into
			if reads && !seen[next.ID] {
				seen[next.ID] = true
				queue = append(queue, next)
			}
		}
	}
	return false
}

// writtenBy is the relation that the query of rel writes: rel itself, or the target of an INSERT. What goes wrong with
// it is told under the query's own ID.
func (e *Engine) writtenBy(rel *catalog.Relation) (*catalog.Relation, error) {
	if rel.Kind != catalog.Insert {
		return rel, nil
	}
	target, ok := e.Catalog().ByID(rel.Target)
	if !ok {
		return nil, sqlerr.New(sqlerr.UndefinedTable, "the relation that %s inserts into does not exist", rel.QueryID)
	}
	t := *target
	t.QueryID = rel.QueryID
	return &t, nil
}

// writersOf lists the queries that write to the topic of s.
func (f *flow) writersOf(s *source) []*view {
	var out []*view
	for _, v := range f.views {
		if v.sink.src == s || s.rel.Topic != "" && v.sink.src.rel.Topic == s.rel.Topic {
			out = append(out, v)
		}
	}
	return out
}

// order puts the views in such an order that what writes to a relation comes before what reads it. Those that need not
// move keep their places.
func (f *flow) order() {
	out := make([]*view, 0, len(f.views))
	placed := map[*view]bool{}
	var place func(v *view)
	place = func(v *view) {
		if placed[v] {
			return
		}
		placed[v] = true
		for _, in := range v.inputs {
			for _, w := range f.views {
				if w.sink.src == in.src {
					place(w)
				}
			}
		}
		out = append(out, v)
	}
	for _, v := range f.views {
		place(v)
	}
	f.views = out
}

// orphan makes a relation whose query has ended one that is written to: who reads a stream reads its log from now on.
func (s *source) orphan() error {
	s.view = nil
	inputs := s.inputs
	if s.rows != nil || len(inputs) == 0 {
		return nil
	}
	s.inputs = nil
	s.live = newReader(s, 0, s.parts)
	for _, in := range inputs {
		if err := s.live.add(in); err != nil {
			return err
		}
	}
	return nil
}

// described is the kind and name of a relation as messages give it.
func described(r *catalog.Relation) string {
	if r.Kind == catalog.Insert {
		return "query " + r.QueryID
	}
	return strings.ToLower(string(r.Kind)) + " " + r.Name
}
