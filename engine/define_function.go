package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

func functionKey(id uint32) string { return fmt.Sprintf("%s%d", functionPrefix, id) }

// CreateFunction puts a function into the catalog, in the place of one with the same parameters if there is one.
// Continuous queries that have that one in them stand in the way.
func (e *Engine) CreateFunction(ctx context.Context, f *catalog.Function) error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	if err := e.inSchema(f.Schema); err != nil {
		return err
	}
	fn := *f
	fn.Created = e.cfg.Now().UnixMicro()
	change := cluster.Change{IfVersion: e.version, Put: map[string][]byte{}}
	for _, had := range e.Catalog().Functions(f.Schema, f.Name) {
		if had.Signature() == f.Signature() {
			if err := e.unchanging(had.ID, had.Name); err != nil {
				return err
			}
			fn.ID, fn.Comment, fn.Owner = had.ID, had.Comment, had.Owner
		}
	}
	if fn.ID == 0 {
		id, err := e.nextID()
		if err != nil {
			return err
		}
		fn.ID, change = id, e.takeID(id)
	}
	doc, err := catalog.EncodeFunction(&fn)
	if err != nil {
		return err
	}
	change.Put[functionKey(fn.ID)] = doc
	return translate(e.update(context.WithoutCancel(ctx), change))
}

// DropFunctions removes functions. Relations whose queries have them in them go too with cascade; notice, which may be
// nil, is told of each.
func (e *Engine) DropFunctions(ctx context.Context, fs []*catalog.Function, cascade bool,
	notice func(what string)) error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	var keys []string
	var rels []*catalog.Relation
	for _, f := range fs {
		keys = append(keys, functionKey(f.ID))
		for _, dep := range e.Catalog().Dependants(f.ID) {
			if !cascade {
				return sqlerr.New(sqlerr.DependentObjectsStillExist,
					"cannot drop function %s because other objects depend on it", f.Signature()).
					WithDetail("%s %s depends on function %s", strings.ToLower(string(dep.Kind)), dep.Name, f.Signature()).
					WithHint("Use DROP ... CASCADE to drop the dependent objects too.")
			}
			if !slices.Contains(rels, dep) {
				rels = append(rels, dep)
				if notice != nil {
					notice(described(dep))
				}
			}
		}
	}
	return e.drop(ctx, rels, keys, cascade, false, notice)
}

// inSchema refuses a schema that is not there.
func (e *Engine) inSchema(name string) error {
	if name == catalog.Public || e.schema(name) != nil {
		return nil
	}
	return sqlerr.New(sqlerr.InvalidSchemaName, "schema \"%s\" does not exist", name).
		WithHint("CREATE SCHEMA makes it.")
}

func (e *Engine) schema(name string) *catalog.Schema {
	for _, s := range e.Catalog().Schemas() {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// CreateSchema makes a schema. With ifNotExists one that is there is left as it is and created is false.
func (e *Engine) CreateSchema(ctx context.Context, name, owner string, ifNotExists bool) (created bool, err error) {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	system := name == "leat_catalog" || name == "information_schema"
	switch {
	case (name == catalog.Public || system || e.schema(name) != nil) && ifNotExists:
		return false, nil
	case name == catalog.Public || system || e.schema(name) != nil:
		return false, sqlerr.New(sqlerr.DuplicateSchema, "schema \"%s\" already exists", name)
	case strings.HasPrefix(name, "pg_"):
		return false, sqlerr.New(sqlerr.ReservedName, "unacceptable schema name \"%s\"", name).
			WithDetail("The prefix \"pg_\" is reserved for system schemas.")
	}
	return true, e.putSchema(ctx, &catalog.Schema{Name: name, Owner: owner, Created: e.cfg.Now().UnixMicro()})
}

func (e *Engine) putSchema(ctx context.Context, s *catalog.Schema) error {
	doc, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return translate(e.update(context.WithoutCancel(ctx), cluster.Change{IfVersion: e.version,
		Put: map[string][]byte{schemaPrefix + s.Name: doc}}))
}

// DropSchema removes a schema; with cascade what is in it too, of which notice, which may be nil, is told.
func (e *Engine) DropSchema(ctx context.Context, name string, cascade bool, notice func(what string)) error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	if e.schema(name) == nil {
		return sqlerr.New(sqlerr.InvalidSchemaName, "schema \"%s\" does not exist", name)
	}
	keys := []string{schemaPrefix + name}
	var rels []*catalog.Relation
	inside := ""
	for _, r := range e.Catalog().Relations() {
		if r.Schema == name {
			rels = append(rels, r)
			inside = strings.ToLower(string(r.Kind)) + " " + r.Name
		}
	}
	for _, f := range e.Catalog().AllFunctions() {
		if f.Schema == name {
			keys = append(keys, functionKey(f.ID))
			inside = "function " + f.Signature()
		}
	}
	if inside != "" && !cascade {
		return sqlerr.New(sqlerr.DependentObjectsStillExist,
			"cannot drop schema %s because other objects depend on it", name).
			WithDetail("%s depends on schema %s", inside, name).
			WithHint("Use DROP ... CASCADE to drop the dependent objects too.")
	}
	if notice != nil {
		for _, r := range rels {
			notice(described(r))
		}
	}
	return e.drop(ctx, rels, keys, cascade, false, notice)
}

// Comment gives a relation, or its column, a comment; "" takes it away.
func (e *Engine) Comment(ctx context.Context, rel *catalog.Relation, column int, text string) error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	now, ok := e.Catalog().ByID(rel.ID)
	if !ok || rel.ID < firstID {
		return sqlerr.New(sqlerr.WrongObjectType, "relation %q belongs to the system", rel.Name)
	}
	r := *now
	if column < 0 {
		r.Comment = text
	} else {
		r.Columns = slices.Clone(r.Columns)
		r.Columns[column].Comment = text
	}
	doc, err := catalog.Encode(&r)
	if err != nil {
		return err
	}
	return translate(e.update(context.WithoutCancel(ctx), cluster.Change{IfVersion: e.version,
		Put: map[string][]byte{relationKey(r.ID): doc}}))
}

// CommentFunction gives a function a comment; "" takes it away.
func (e *Engine) CommentFunction(ctx context.Context, f *catalog.Function, text string) error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	fn := *f
	fn.Comment = text
	doc, err := catalog.EncodeFunction(&fn)
	if err != nil {
		return err
	}
	return translate(e.update(context.WithoutCancel(ctx), cluster.Change{IfVersion: e.version,
		Put: map[string][]byte{functionKey(f.ID): doc}}))
}

// CommentSchema gives a schema a comment; "" takes it away.
func (e *Engine) CommentSchema(ctx context.Context, name, text string) error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	s := e.schema(name)
	if s == nil {
		return sqlerr.New(sqlerr.InvalidSchemaName, "schema \"%s\" does not exist", name)
	}
	changed := *s
	changed.Comment = text
	return e.putSchema(ctx, &changed)
}
