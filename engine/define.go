package engine

import (
	"context"
	"slices"
	"strconv"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// define puts a view or type into the catalog: it has no rows, so the flow need not know of it. The caller holds e.ddl.
func (e *Engine) define(ctx context.Context, rel *catalog.Relation) error {
	r := *rel
	var err error
	if r.ID, err = e.nextID(); err != nil {
		return err
	}
	change := e.takeID(r.ID)
	if r.Kind == catalog.Sequence {
		putCounted(&change, r.ID, reached{Last: r.Numbers.Start})
	}
	return e.putDefinition(ctx, &r, change)
}

// takeID begins a change of the catalog that makes an object of that ID.
func (e *Engine) takeID(id uint32) cluster.Change {
	return cluster.Change{IfVersion: e.version,
		Put: map[string][]byte{nextIDKey: strconv.AppendUint(nil, uint64(id)+1, 10)}}
}

func (e *Engine) putDefinition(ctx context.Context, r *catalog.Relation, change cluster.Change) error {
	r.Created = e.cfg.Now().UnixMicro()
	doc, err := catalog.Encode(r)
	if err != nil {
		return err
	}
	change.Put[relationKey(r.ID)] = doc
	return translate(e.update(context.WithoutCancel(ctx), change))
}

// ReplaceView gives the view old the query of rel. Continuous queries that have the view in them stand in the way: they
// are planned anew when the server starts, and must then be what they were.
func (e *Engine) ReplaceView(ctx context.Context, old, rel *catalog.Relation) error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	now, ok := e.Catalog().ByID(old.ID)
	if !ok {
		return sqlerr.New(sqlerr.UndefinedTable, "relation %q does not exist", old.Name)
	}
	if err := e.unchanging(old.ID, old.Name); err != nil {
		return err
	}
	if e.reaches(rel.Uses, old.ID) {
		return sqlerr.New(sqlerr.InvalidObjectDefinition, "view %q would be made of itself", old.Name)
	}
	r := *rel
	r.ID, r.Comment, r.Owner = now.ID, now.Comment, now.Owner
	return e.putDefinition(ctx, &r, cluster.Change{IfVersion: e.version, Put: map[string][]byte{}})
}

// unchanging refuses to change what a continuous query has in it, directly or through views.
func (e *Engine) unchanging(id uint32, name string) error {
	seen := []uint32{id}
	for i := 0; i < len(seen); i++ {
		for _, dep := range e.Catalog().Dependants(seen[i]) {
			if dep.Stored() || dep.Kind == catalog.Insert {
				return sqlerr.New(sqlerr.DependentObjectsStillExist, "cannot replace %q because %s is made with it",
					name, described(dep)).
					WithHint("A continuous query stays what it was when it was made. DROP it first.")
			}
			if !slices.Contains(seen, dep.ID) {
				seen = append(seen, dep.ID)
			}
		}
	}
	return nil
}

// reaches reports whether one of the objects from has the object id in it.
func (e *Engine) reaches(from []uint32, id uint32) bool {
	seen := slices.Clone(from)
	for i := 0; i < len(seen); i++ {
		if seen[i] == id {
			return true
		}
		if r, ok := e.Catalog().ByID(seen[i]); ok {
			for _, u := range r.Uses {
				if !slices.Contains(seen, u) {
					seen = append(seen, u)
				}
			}
		}
	}
	return false
}
