package engine

import (
	"encoding/binary"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// maxRecursion is how many rows a recursion may give that is kept up to date: nothing else would end one that does not
// end by itself.
const maxRecursion = 1 << 20

// keptRecursiveOp keeps WITH RECURSIVE up to date. A row that goes may take a whole tree of rows with it that nothing
// else leads to, so a step that changes an input runs the recursion anew over all of them, and puts out what is
// different: it costs as much as asking again.
//
// State: the port and a row (vec.AppendRow) → how often it is there. Behind the inputs' ports come the rows that are
// out, and those that were told to have failed.
type keptRecursiveOp struct {
	node  *plan.Recursive
	ctx   *Context
	ports int

	rows    *state.Map
	touched bool
	timed   bool
	time    int64 // the latest of the step's changes
	buf     []byte
	out     *vec.Batch
}

func newKeptRecursive(n *plan.Recursive, ctx *Context) (*keptRecursiveOp, []plan.Node, error) {
	_, fixed, err := newRecursive(n, ctx, never)
	if err != nil {
		return nil, nil, err
	}
	return &keptRecursiveOp{node: n, ctx: ctx, ports: 1 + len(fixed), rows: state.NewMap(), time: NoTime,
		out: vec.NewBatch(columnTypes(n))}, fixed, nil
}

func never() bool { return false }

// key makes the key of row i under a port.
func (k *keptRecursiveOp) key(port int, cols []*vec.Column, i int) []byte {
	k.buf = vec.AppendRow(binary.BigEndian.AppendUint16(k.buf[:0], uint16(port)), cols, i)
	return k.buf
}

// add counts n more of what a key stands for and returns how many there are.
func (k *keptRecursiveOp) add(key []byte, n int64) int64 {
	if v, ok := k.rows.Get(key); ok {
		had, _ := binary.Varint(v)
		n += had
	}
	if n == 0 {
		k.rows.Delete(key)
	} else {
		k.rows.Set(key, binary.AppendVarint(nil, n))
	}
	return n
}

// Process implements Operator.
func (k *keptRecursiveOp) Process(port int, in *vec.Batch, _ Emitter) error {
	k.touched, k.timed = true, k.timed || in.Time != nil
	for i := range in.N {
		k.add(k.key(port, in.Cols, i), int64(in.DiffAt(i)))
		k.time = max(k.time, timeOf(in, i))
	}
	return nil
}

// Advance implements Operator.
func (k *keptRecursiveOp) Advance(_ int64, out Emitter) error {
	if !k.touched {
		return nil
	}
	k.touched = false
	k.out.Reset()
	// What was out goes, and what the recursion gives comes.
	var was [][]byte
	k.each(k.ports, k.out, func(key []byte, n int64) {
		was = append(was, append([]byte(nil), key...))
		eachDiff(n, func(d int32) { k.out.Diff = append(k.out.Diff, -d) })
	})
	for _, key := range was {
		k.rows.Delete(key)
	}
	given := 0
	err := k.run(EmitterFunc(func(b *vec.Batch) error {
		if given += b.N; given > maxRecursion {
			return sqlerr.New(sqlerr.ProgramLimitExceeded, "a recursive query that is kept up to date gives more than %d rows",
				maxRecursion).WithHint("Does it end? A condition in its recursive part, or UNION in place of UNION ALL, ends it.")
		}
		for i := range b.N {
			k.add(k.key(k.ports, b.Cols, i), 1)
			k.out.Diff = append(k.out.Diff, 1)
		}
		rows := *b
		rows.Diff, rows.Time = nil, nil
		diff := k.out.Diff
		k.out.Diff = nil
		k.out.AppendBatch(&rows)
		k.out.Diff = diff
		return nil
	}))
	if err != nil {
		return err
	}
	if k.timed {
		for range k.out.N {
			k.out.Time = append(k.out.Time, k.time)
		}
	}
	k.time = NoTime
	if k.out = Consolidate(k.out); k.out.N == 0 {
		return nil
	}
	return out.Emit(k.out)
}

// each decodes what lies under a port into b, one row for each diff that its number takes, and calls fn with its key.
func (k *keptRecursiveOp) each(port int, b *vec.Batch, fn func(key []byte, n int64)) {
	prefix := binary.BigEndian.AppendUint16(nil, uint16(port))
	k.rows.Prefix(prefix, func(key, val []byte) bool {
		n, _ := binary.Varint(val)
		eachDiff(n, func(int32) {
			if _, err := vec.DecodeRow(key[len(prefix):], b.Cols); err != nil {
				panic("BUG: a row of a recursion cannot be decoded: " + err.Error())
			}
			b.N++
		})
		fn(key, n)
		return true
	})
}

// run runs the recursion over the rows that are there now.
func (k *keptRecursiveOp) run(out Emitter) error {
	ctx := *k.ctx
	ctx.Meter, ctx.Fail = nil, k.fail
	op, fixed, err := newRecursive(k.node, &ctx, never)
	if err != nil {
		return err
	}
	for port := range k.ports {
		n := k.node.Base
		if port > 0 {
			n = fixed[port-1]
		}
		b := vec.NewBatch(columnTypes(n))
		k.each(port, b, func(_ []byte, n int64) {
			eachDiff(n, func(d int32) { b.Diff = append(b.Diff, d) })
		})
		if err := op.Process(port, b, nil); err != nil {
			return err
		}
	}
	return op.Advance(NoFrontier, out)
}

// fail tells of a row that the recursive part could not compute, once however often the recursion runs.
func (k *keptRecursiveOp) fail(op string, b *vec.Batch, row int, err error) {
	key := binary.BigEndian.AppendUint16(nil, uint16(k.ports+1))
	key = vec.AppendRow(append(append(key, op...), err.Error()...), b.Cols, row)
	if _, told := k.rows.Get(key); !told {
		k.rows.Set(key, binary.AppendVarint(nil, 1))
		k.ctx.Fail(op, b, row, err)
	}
}

// Snapshot implements Operator.
func (k *keptRecursiveOp) Snapshot(w state.Writer) error { return k.rows.WriteChanges(w) }

// Restore implements Operator.
func (k *keptRecursiveOp) Restore(key, value []byte) error {
	r := stateReader{b: value}
	if n := r.varint(); r.bad || len(r.b) > 0 || n == 0 || len(key) < 2 {
		return errForeignState(key)
	}
	k.rows.Restore(key, value)
	return nil
}
