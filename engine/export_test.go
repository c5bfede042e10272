package engine

import (
	"context"

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
