package engine

import "github.com/leatdb/leat/sql/vec"

// fanOut gives the rows of what a plan has in several places to all of them.
type fanOut struct{ outs []Emitter }

// Emit implements Emitter.
func (f *fanOut) Emit(b *vec.Batch) error {
	for _, out := range f.outs {
		if err := out.Emit(b); err != nil {
			return err
		}
	}
	return nil
}
