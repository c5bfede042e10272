package engine

import (
	"context"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// probe finds the right rows of a join by the keys of its left rows, batch by batch: they go through the filters and
// projections of the right side, and are joined with the batch as if they were all there are.
type probe struct {
	of    *plan.Probe
	scan  *plan.Scan
	right *Graph
	fetch func(scan *plan.Scan, of *plan.Probe, prefixes [][]byte) (feed, error)
}

// newProbeJoin makes a hash join whose right rows are fetched.
func newProbeJoin(n *plan.Join, ctx *Context) (*hashJoinOp, error) {
	j, err := newHashJoin(n, ctx, true)
	if err != nil {
		return nil, err
	}
	op := j.(*hashJoinOp)
	right, err := Build(n.Right, ctx, EmitterFunc(func(b *vec.Batch) error {
		op.right.AppendBatch(b)
		return nil
	}))
	if err != nil {
		return nil, err
	}
	op.probing = &probe{n.Probe, right.Scans()[0], right, ctx.Fetch}
	return op, nil
}

// fill makes the right side those rows that the keys of left rows, in cols, lead to.
func (j *hashJoinOp) fill(cols []*vec.Column, n int) error {
	p := j.probing
	j.right.Reset()
	j.built = false
	seen := map[string]bool{}
	var prefixes [][]byte
	var buf []byte
	for i := range n {
		if !joinable(cols, i, j.safe) {
			continue
		}
		buf = buf[:0]
		for _, k := range p.of.Keys {
			buf = vec.AppendKey(buf, cols[k], i, false, false)
		}
		if !seen[string(buf)] {
			seen[string(buf)] = true
			prefixes = append(prefixes, append([]byte(nil), buf...))
		}
	}
	next, err := p.fetch(p.scan, p.of, prefixes)
	if err != nil {
		return err
	}
	for {
		b, err := next(context.Background())
		if err != nil {
			return err
		}
		if b == nil {
			return j.build()
		}
		if err := p.right.Push(0, b); err != nil {
			return err
		}
	}
}

// fetch gives the rows of a table whose key, or entry in an index, begins with one of the prefixes.
func (f *feeds) fetch(scan *plan.Scan, of *plan.Probe, prefixes [][]byte) (feed, error) {
	if err := f.e.flow.sound(scan.Rel); err != nil {
		return nil, err
	}
	if movedOn(scan.Rel, f.cut.tables[scan.Rel.ID].rel) {
		return nil, altered(scan.Rel)
	}
	s := f.tx.rowsOf(scan.Rel, f.cut.tables[scan.Rel.ID])
	keys, ok := s.keysOf(of.Index, prefixes)
	if !ok {
		return nil, sqlerr.New(sqlerr.ObjectInUse, "index %q was dropped", of.Index).WithHint("Try again.")
	}
	return rowFeed(s, scan, keys, false), nil
}

// keysOf are the keys of the rows whose key, or whose entry in an index, begins with one of the prefixes; ok is false
// when there is no such index.
func (s *snapshot) keysOf(index string, prefixes [][]byte) (keys [][]byte, ok bool) {
	for _, prefix := range prefixes {
		if index == "" {
			s.rows.Prefix(prefix, func(key, _ []byte) bool {
				keys = append(keys, append([]byte(nil), key...))
				return true
			})
			continue
		}
		found, ok := s.rowKeys(index, prefix)
		if !ok {
			return nil, false
		}
		keys = append(keys, found...)
	}
	return keys, true
}

// rowFeed gives the rows of keys.
func rowFeed(s *snapshot, scan *plan.Scan, keys [][]byte, timed bool) feed {
	want := newSnapshotReader(s, scan)
	isCounted := counted(s.rel)
	return func(context.Context) (*vec.Batch, error) {
		if len(keys) == 0 {
			return nil, nil
		}
		out := &vec.Batch{Cols: make([]*vec.Column, len(s.types))}
		for i, t := range s.types {
			if i < len(want.want) && want.want[i] {
				out.Cols[i] = vec.NewColumn(t)
			}
		}
		ids := vec.NewColumn(types.Bytea)
		n := min(len(keys), feedRows)
		for _, key := range keys[:n] {
			if value, ok := s.rows.Get(key); ok {
				appendStored(out, key, value, isCounted)
				ids.AppendBytes(key)
			}
		}
		keys = keys[n:]
		if want.ids {
			out.Cols = append(out.Cols, ids)
		}
		picked := pick(out, scan, len(s.types))
		if !timed {
			picked.Time = nil
		}
		return picked, nil
	}
}
