package engine

import (
	"context"
	"maps"
	"slices"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// RoleChange is a change of roles: those that are new or other than they were, and the names of those that go.
type RoleChange struct {
	Put  []*catalog.Role
	Drop []string
}

// ChangeRoles changes roles. what says how, by the catalog as it is; nobody else changes it meanwhile.
func (e *Engine) ChangeRoles(ctx context.Context, what func(*catalog.Snapshot) (RoleChange, error)) error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	c, err := what(e.Catalog())
	if err != nil || len(c.Put)+len(c.Drop) == 0 {
		return err
	}
	change := cluster.Change{IfVersion: e.version, Put: map[string][]byte{}}
	for _, r := range c.Put {
		stored := *r
		if stored.Created == 0 {
			stored.Created = e.cfg.Now().UnixMicro()
		}
		doc, err := catalog.EncodeRole(&stored)
		if err != nil {
			return err
		}
		change.Put[rolePrefix+r.Name] = doc
	}
	for _, name := range c.Drop {
		change.Delete = append(change.Delete, rolePrefix+name)
	}
	return translate(e.update(context.WithoutCancel(ctx), change))
}

// forgetGrants adds to a change that nobody keeps privileges on relations that go.
func (e *Engine) forgetGrants(doomed map[uint32]*catalog.Relation, change *cluster.Change) error {
	gone := slices.Collect(maps.Keys(doomed))
	for _, r := range e.Catalog().Roles() {
		left := *r
		left.Grants = slices.DeleteFunc(slices.Clone(r.Grants), func(g catalog.Grant) bool {
			return g.On == catalog.OnRelation && slices.Contains(gone, g.ID)
		})
		if len(left.Grants) == len(r.Grants) {
			continue
		}
		doc, err := catalog.EncodeRole(&left)
		if err != nil {
			return err
		}
		if change.Put == nil {
			change.Put = map[string][]byte{}
		}
		change.Put[rolePrefix+r.Name] = doc
	}
	return nil
}

// SetOwner gives a relation another owner, and the sequences that its columns own.
func (e *Engine) SetOwner(ctx context.Context, rel *catalog.Relation, owner string) error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	now, ok := e.Catalog().ByID(rel.ID)
	if !ok || rel.ID < firstID {
		return sqlerr.New(sqlerr.WrongObjectType, "relation %q belongs to the system", rel.Name)
	}
	change := cluster.Change{IfVersion: e.version, Put: map[string][]byte{}}
	for _, of := range append([]*catalog.Relation{now}, e.Catalog().Owned(rel.ID)...) {
		r := *of
		r.Owner = owner
		if err := putAll(&change, &r); err != nil {
			return err
		}
	}
	return translate(e.update(context.WithoutCancel(ctx), change))
}
