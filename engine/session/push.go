package session

import (
	"context"
	"slices"
	"time"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

func (s *Session) push(ctx context.Context, q *plan.Query, shape *pushShape, text string,
	args []types.Value) (Result, error) {
	if err := s.refuseStale("EMIT CHANGES"); err != nil {
		return nil, err
	}
	if err := s.flushImplicit(ctx); err != nil {
		return nil, err
	}
	if err := s.checkReadable(q.Reads); err != nil {
		return nil, err
	}
	q, env := engine.BindParams(q, args), s.env()
	o := engine.PushOptions{Earliest: s.set.show(resetSetting) == "earliest", Each: s.set.show(bufferSetting) == "0",
		Show: shape.show, PID: s.cfg.PID, User: s.role(), Text: text}
	if f := q.Follow; f != nil {
		o.Tokens, o.Every = f.Token, f.Progress
		if f.Progress > 0 {
			o.Progress = shape.progress
		}
		if err := s.since(f, env, &o); err != nil {
			return nil, err
		}
	}
	var err error
	if o.At, err = s.takeResumed(); err != nil {
		return nil, err
	}
	r, err := s.eng.Push(ctx, q, env, o)
	if err != nil {
		if q.Follow != nil {
			err = sqlerr.Locate(err, q.Follow.AtPos)
		}
		return nil, err
	}
	return &rows{r: r, live: true}, nil
}

// since says where a push query begins, when it does itself: SINCE.
func (s *Session) since(f *plan.Follow, env *fn.Env, o *engine.PushOptions) error {
	switch f.Since {
	case ast.SinceDefault:
		return nil
	case ast.SinceNow, ast.SinceBeginning:
		o.Earliest = f.Since == ast.SinceBeginning
		return nil
	}
	v, err := eval.EvalConst(env, f.At)
	if err != nil {
		return err
	}
	if v.Null {
		return sqlerr.At(f.AtPos, sqlerr.NullValueNotAllowed, "a token or a time cannot be NULL")
	}
	if v.Type == types.Text || v.Type == types.Varchar {
		text := v.Str
		t, wrong := engine.ParseToken(text)
		if wrong == nil {
			o.After = &t
			return nil
		}
		if v, err = types.Parse(types.TimestampTZ, text, s.OutputEnv()); err != nil {
			return sqlerr.Locate(sqlerr.New(sqlerr.InvalidParameterValue, "%q is neither a token nor a time", text).
				WithHint("%s", sqlerr.From(wrong).Hint), f.AtPos)
		}
	}
	at := time.UnixMicro(v.Int)
	if v.Type == types.Timestamp { // of the session's time zone
		at = time.Date(at.UTC().Year(), at.UTC().Month(), at.UTC().Day(), at.UTC().Hour(), at.UTC().Minute(),
			at.UTC().Second(), at.UTC().Nanosecond(), s.set.location)
	}
	o.Since = &at
	return nil
}

// pushShape says how the changes of a push query look to the client. Rows of a result that only grows come as they are.
// Of a result with a key the newest row of each key comes, and for a row that went its key with NULLs, as ksqlDB
// shows it. Where neither holds a first column "op" tells '+' from '-'. Before all that stand the columns that were
// asked for: "token", "progressed" and "op", which tells inserts from updates and deletes.
type pushShape struct {
	key   []int // of a result that has one; not nil then
	grows bool
	// visible is how many of the leading columns are shown; the key may have others.
	visible int
	// withOp adds '+' and '-'; ops the words.
	withOp, ops        bool
	tokens, progresses bool
	types              []types.Type // of all that is shown
}

func shapeOf(q *plan.Query) *pushShape {
	sch := q.Root.Schema()
	p := &pushShape{key: sch.Key, grows: sch.AppendOnly, visible: q.Visible}
	if p.grows {
		p.key = nil
	}
	if f := q.Follow; f != nil {
		p.ops, p.tokens, p.progresses = f.Op, f.Token || f.Progress > 0, f.Progress > 0
	}
	if p.ops && slices.ContainsFunc(p.key, func(k int) bool { return k >= p.visible }) {
		p.key = nil // a key that is not selected does not tell the client which row went
	}
	p.withOp = !p.ops && !p.grows && p.key == nil
	return p
}

func (p *pushShape) columns(cols []catalog.Column) []catalog.Column {
	var before []catalog.Column
	if p.tokens {
		before = append(before, catalog.Column{Name: "token", Type: types.Text})
	}
	if p.progresses {
		before = append(before, catalog.Column{Name: "progressed", Type: types.Bool})
	}
	if p.ops || p.withOp {
		before = append(before, catalog.Column{Name: "op", Type: types.Text})
	}
	cols = append(before, cols...)
	for _, c := range cols {
		p.types = append(p.types, c.Type)
	}
	return cols
}

// show returns the rows the client sees of a batch of changes.
func (p *pushShape) show(b *vec.Batch, token func(row, n int) string) *vec.Batch {
	op := vec.NewColumn(types.Text)
	var out *vec.Batch
	switch {
	case p.grows || p.key != nil && b.Diff == nil:
		out = &vec.Batch{N: b.N, Cols: b.Cols[:p.visible]}
		for range b.N * btoi(p.ops) {
			op.AppendString("insert")
		}
	case p.key != nil:
		out = p.newest(b, op)
	default:
		out = p.signed(b, op)
	}
	var before []*vec.Column
	if p.tokens {
		before = append(before, tokens(out.N, token))
	}
	if p.progresses {
		c := vec.NewColumn(types.Bool)
		for range out.N {
			c.AppendBool(false)
		}
		before = append(before, c)
	}
	if p.ops || p.withOp {
		before = append(before, op)
	}
	out.Cols = append(before, out.Cols...)
	return out
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// tokens is the column of the tokens of n rows; a row without one has NULL.
func tokens(n int, token func(row, n int) string) *vec.Column {
	c := vec.NewColumn(types.Text)
	for i := range n {
		if t := ""; token == nil {
			c.AppendNull()
		} else if t = token(i, n); t == "" {
			c.AppendNull()
		} else {
			c.AppendString(t)
		}
	}
	return c
}

// progress is the row that says how far the query is.
func (p *pushShape) progress(token string) *vec.Batch {
	b := vec.NewBatch(p.types)
	for i, c := range b.Cols {
		switch i {
		case 0:
			c.AppendString(token)
		case 1:
			c.AppendBool(true)
		default:
			c.AppendNull()
		}
	}
	b.N = 1
	return b
}

// signed repeats each row as often as its diff says, and tells those that come from those that go.
func (p *pushShape) signed(b *vec.Batch, op *vec.Column) *vec.Batch {
	comes, goes := "+", "-"
	if p.ops {
		comes, goes = "insert", "delete"
	}
	var sel []int32
	for i := range b.N {
		d, sign := b.DiffAt(i), comes
		if d < 0 {
			d, sign = -d, goes
		}
		for range d {
			sel = append(sel, int32(i))
			op.AppendString(sign)
		}
	}
	shown := &vec.Batch{N: b.N, Cols: b.Cols[:p.visible]}
	return shown.Gather(sel)
}

// newest gives for each key the row there is after the changes, or its deletion; nothing of a key that came and went.
func (p *pushShape) newest(b *vec.Batch, op *vec.Column) *vec.Batch {
	at := map[string]int{}
	var of [][]int // the changes of each key
	var buf []byte
	for i := range b.N {
		buf = buf[:0]
		for _, k := range p.key {
			buf = vec.AppendKey(buf, b.Cols[k], i, false, false)
		}
		n, seen := at[string(buf)]
		if !seen {
			n = len(of)
			at[string(buf)] = n
			of = append(of, nil)
		}
		of[n] = append(of[n], i)
	}
	var rows []int
	var gone []bool
	for _, changes := range of {
		row, what := outcome(b, changes)
		if what == "" {
			continue
		}
		rows, gone = append(rows, row), append(gone, what == "delete")
		if p.ops {
			op.AppendString(what)
		}
	}
	isKey := map[int]bool{}
	for _, k := range p.key {
		isKey[k] = true
	}
	out := &vec.Batch{N: len(rows)}
	for pos, col := range b.Cols[:p.visible] {
		c := vec.NewColumn(col.Type)
		for k, i := range rows {
			if gone[k] && !isKey[pos] {
				c.AppendNull()
			} else {
				c.AppendFrom(col, i)
			}
		}
		out.Cols = append(out.Cols, c)
	}
	return out
}

// outcome says what the changes of a key come to: "insert", "update" or "delete" and the row that shows it, or "" for a
// row that came and went. A row that went and came again as it was is an update: something touched it.
func outcome(b *vec.Batch, changes []int) (row int, what string) {
	came, went := -1, -1
	net := map[string]int32{}
	var buf []byte
	if len(changes) > 1 {
		for _, i := range changes {
			buf = vec.AppendRow(buf[:0], b.Cols, i)
			net[string(buf)] += b.DiffAt(i)
		}
	}
	last := -1
	for _, i := range changes {
		sum := b.DiffAt(i)
		if len(changes) > 1 {
			buf = vec.AppendRow(buf[:0], b.Cols, i)
			sum = net[string(buf)]
		}
		switch {
		case sum > 0 && b.DiffAt(i) > 0:
			came = i
		case sum < 0 && b.DiffAt(i) < 0:
			went = i
		}
		if b.DiffAt(i) > 0 {
			last = i
		}
	}
	switch {
	case came >= 0 && went >= 0:
		return came, "update"
	case came >= 0:
		return came, "insert"
	case went >= 0:
		return went, "delete"
	case b.DiffAt(changes[0]) < 0:
		return last, "update"
	}
	return 0, ""
}
