package engine

import "github.com/leatdb/leat/sql/vec"

// unionOp is UNION ALL: what comes in goes out.
type unionOp struct{ stateless }

// Process implements Operator.
func (*unionOp) Process(_ int, in *vec.Batch, out Emitter) error { return out.Emit(in) }
