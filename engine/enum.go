package engine

import (
	"context"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// AlterType changes a type of CREATE TYPE into what change makes of it as it is then; nil leaves it. Records that are
// read before that are read as they were, whenever they are read again: a checkpoint comes first.
func (e *Engine) AlterType(ctx context.Context, old *catalog.Relation,
	change func(cat *catalog.Snapshot, now *catalog.Relation) (*catalog.Relation, error)) error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	now, ok := e.Catalog().ByID(old.ID)
	if !ok {
		return sqlerr.New(sqlerr.UndefinedObject, "type \"%s\" does not exist", old.Name)
	}
	changed, err := change(e.Catalog(), now)
	if err != nil || changed == nil {
		return err
	}
	if now.Domain != nil {
		if err := e.unchanging(now.ID, now.Name); err != nil {
			return err
		}
	}
	if _, taken := e.Catalog().Relation(changed.Schema, changed.Name); taken && changed.Name != now.Name {
		return sqlerr.New(sqlerr.DuplicateObject, "type \"%s\" already exists", changed.Name)
	}
	put := cluster.Change{IfVersion: e.version, Put: map[string][]byte{}}
	if err := putAll(&put, changed); err != nil {
		return err
	}
	return translate(e.flow.do(context.WithoutCancel(ctx), func() error {
		if err := e.flow.settleDown(); err != nil {
			return err
		}
		return e.update(ctx, put)
	}))
}

// usingType refuses to drop a type that a relation or function has which stays.
func (e *Engine) usingType(of *catalog.Relation, doomed map[uint32]*catalog.Relation) error {
	if !of.IsEnum() && of.Domain == nil {
		return nil
	}
	refused := func(what string) error {
		return sqlerr.New(sqlerr.DependentObjectsStillExist,
			"cannot drop type %s because other objects depend on it", of.Name).
			WithDetail("%s depends on type %s", what, of.Name).
			WithHint("Use DROP ... CASCADE to drop the dependent objects too.")
	}
	for _, r := range e.Catalog().Relations() {
		for i := range r.Columns {
			if doomed[r.ID] != nil || r.ID == of.ID || !r.Columns[i].Is(of) {
				continue
			}
			if r.Kind != catalog.Type {
				return refused("column " + r.Columns[i].Name + " of " + described(r))
			}
			return refused("type " + r.Name)
		}
	}
	for _, f := range e.Catalog().AllFunctions() {
		if of.IsEnum() && f.Mentions(of.Columns[0].Type) {
			return refused("function " + f.Signature())
		}
	}
	return nil
}
