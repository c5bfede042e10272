package engine

import (
	"context"
	"strconv"

	"github.com/leatdb/leat/sql/catalog"
)

// TakeTemporary gives a session the name of a schema for its temporary relations, until ReturnTemporary.
func (e *Engine) TakeTemporary() string {
	e.clients.mu.Lock()
	defer e.clients.mu.Unlock()
	n := 1
	for e.clients.schema[n] {
		n++
	}
	e.clients.schema[n] = true
	return catalog.TempPrefix + strconv.Itoa(n)
}

// ReturnTemporary lets others have the name.
func (e *Engine) ReturnTemporary(schema string) {
	n, _ := strconv.Atoi(schema[len(catalog.TempPrefix):]) // TakeTemporary made it
	e.clients.mu.Lock()
	defer e.clients.mu.Unlock()
	delete(e.clients.schema, n)
}

// MakeTemporary makes the schema of a session's temporary relations.
func (e *Engine) MakeTemporary(ctx context.Context, schema, owner string) error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	if e.schema(schema) != nil {
		return nil
	}
	return e.putSchema(ctx, &catalog.Schema{Name: schema, Owner: owner, Created: e.cfg.Now().UnixMicro()})
}

// dropTemporary drops the temporary relations of sessions that were open when the server ended.
func (e *Engine) dropTemporary(ctx context.Context) error {
	for _, s := range e.Catalog().Schemas() {
		if catalog.Temporary(s.Name) {
			if err := e.DropSchema(ctx, s.Name, true, nil); err != nil {
				return err
			}
		}
	}
	return nil
}
