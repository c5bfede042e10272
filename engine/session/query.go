package session

import (
	"context"
	"time"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// bindQuery plans a SELECT, pull or push.
func (s *Session) bindQuery(p *Prepared, q *ast.Query) error {
	if q.Locking != "" {
		return s.bindForUpdate(p, q)
	}
	pq, err := planner.Query(s.planContext(p), q)
	if err != nil {
		return err
	}
	p.params = pq.Params
	p.cols = resultColumns(pq)
	if pq.Emit == ast.EmitNone {
		p.run = func(ctx context.Context, args []types.Value) (Result, error) { return s.pull(ctx, pq, args) }
		return nil
	}
	shape := shapeOf(pq)
	p.cols = shape.columns(p.cols)
	p.run = func(ctx context.Context, args []types.Value) (Result, error) { return s.push(ctx, pq, shape, args) }
	return nil
}

func resultColumns(q *plan.Query) []catalog.Column {
	cols := []catalog.Column{}
	for _, c := range q.Root.Schema().Cols[:q.Visible] {
		cols = append(cols, catalog.Column{Name: c.Name, Type: c.Type})
	}
	return cols
}

// rows is a Result of a query.
type rows struct {
	r    *engine.Rows
	live bool // of a push query
}

func (s *Session) pull(ctx context.Context, q *plan.Query, args []types.Value) (Result, error) {
	q, env := engine.BindParams(q, args), s.env()
	var r *engine.Rows
	var err error
	if tx := s.work(); tx.Plain() {
		r, err = s.eng.Pull(ctx, q, env)
	} else {
		r, err = tx.Pull(ctx, q, env)
	}
	if err != nil {
		return nil, err
	}
	return &rows{r: r}, nil
}

func (s *Session) push(ctx context.Context, q *plan.Query, shape *pushShape, args []types.Value) (Result, error) {
	if err := s.flushImplicit(ctx); err != nil {
		return nil, err
	}
	if err := s.checkReadable(q.Reads); err != nil {
		return nil, err
	}
	r, err := s.eng.Push(ctx, engine.BindParams(q, args), s.env(), engine.PushOptions{
		Earliest: s.set.show(resetSetting) == "earliest", Each: s.set.show(bufferSetting) == "0", Show: shape.show,
	})
	if err != nil {
		return nil, err
	}
	return &rows{r: r, live: true}, nil
}

// Next implements Result.
func (r *rows) Next(ctx context.Context) (*vec.Batch, error) { return r.r.Next(ctx) }

// Within is Next of a push query that waits until a time only, and returns nil then.
func (r *rows) Within(ctx context.Context, deadline time.Time) (*vec.Batch, error) {
	return r.r.Within(ctx, deadline)
}

// Tag implements Result.
func (r *rows) Tag() (string, bool) { return "SELECT", true }

// Close implements Result.
func (r *rows) Close() { r.r.Close() }

// pushShape says how the changes of a push query look to the client. Rows of a result that only grows come as they are.
// Of a result with a key the newest row of each key comes, and for a row that went its key with NULLs, as ksqlDB
// shows it. Where neither holds a first column "op" tells '+' from '-'.
type pushShape struct {
	key []int // nil and withOp, or not nil
	// withOp adds the column.
	withOp bool
	grows  bool
	// visible is how many of the leading columns are shown; the key may have others.
	visible int
}

func shapeOf(q *plan.Query) *pushShape {
	sch := q.Root.Schema()
	switch {
	case sch.AppendOnly:
		return &pushShape{grows: true, visible: q.Visible}
	case sch.Key == nil:
		return &pushShape{withOp: true, visible: q.Visible}
	}
	return &pushShape{key: sch.Key, visible: q.Visible}
}

func (p *pushShape) columns(cols []catalog.Column) []catalog.Column {
	if p.withOp {
		return append([]catalog.Column{{Name: "op", Type: types.Text}}, cols...)
	}
	return cols
}

// show returns the rows the client sees of a batch of changes.
func (p *pushShape) show(b *vec.Batch) *vec.Batch {
	if p.key != nil && b.Diff != nil {
		return p.newest(b)
	}
	shown := &vec.Batch{N: b.N, Cols: b.Cols[:p.visible], Diff: b.Diff, Time: b.Time}
	if p.withOp {
		return p.signed(shown)
	}
	shown.Diff = nil
	return shown
}

// signed repeats each row as often as its diff says, with '+' or '-' before it.
func (p *pushShape) signed(b *vec.Batch) *vec.Batch {
	op := vec.NewColumn(types.Text)
	var sel []int32
	for i := range b.N {
		d, sign := b.DiffAt(i), "+"
		if d < 0 {
			d, sign = -d, "-"
		}
		for range d {
			sel = append(sel, int32(i))
			op.AppendString(sign)
		}
	}
	out := b.Gather(sel)
	out.Diff = nil
	out.Cols = append([]*vec.Column{op}, out.Cols...)
	return out
}

// newest keeps for each key the row that was added last, or its deletion.
func (p *pushShape) newest(b *vec.Batch) *vec.Batch {
	last := map[string]int{}
	var order []string
	var buf []byte
	for i := range b.N {
		buf = buf[:0]
		for _, k := range p.key {
			buf = vec.AppendKey(buf, b.Cols[k], i, false, false)
		}
		j, seen := last[string(buf)]
		if !seen {
			order = append(order, string(buf))
		}
		if !seen || b.DiffAt(i) > 0 || b.DiffAt(j) < 0 {
			last[string(buf)] = i
		}
	}
	isKey := map[int]bool{}
	for _, k := range p.key {
		isKey[k] = true
	}
	out := &vec.Batch{N: len(order)}
	for pos, col := range b.Cols[:p.visible] {
		c := vec.NewColumn(col.Type)
		for _, k := range order {
			if i := last[k]; b.DiffAt(i) > 0 || isKey[pos] {
				c.AppendFrom(col, i)
			} else {
				c.AppendNull()
			}
		}
		out.Cols = append(out.Cols, c)
	}
	return out
}

// Live reports whether rows come as they happen, so that a door must not hold them back.
func (r *rows) Live() bool { return r.live }
