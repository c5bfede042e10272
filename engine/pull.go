package engine

import (
	"bytes"
	"context"
	"io"
	"slices"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// PlanContext returns what a statement is planned against now. env may be nil.
func (e *Engine) PlanContext(env *fn.Env) *planner.Context {
	return &planner.Context{Catalog: e.Catalog(), Env: env, System: e.system, SystemByID: e.systemByID, Sample: e.sample}
}

// Rows is the result of a query, batch by batch. It belongs to one goroutine.
type Rows struct {
	next  func(ctx context.Context) (*vec.Batch, error)
	close func()
	// within is next of a push query that gives up at a time.
	within func(ctx context.Context, deadline time.Time) (*vec.Batch, error)
	// place is where a push query's client is.
	place func(n int) (Place, bool)
}

// Next returns the next rows, or io.EOF after the last. The batch is valid until the next call. For a push query it
// waits, and a batch may hold rows with diffs.
func (r *Rows) Next(ctx context.Context) (*vec.Batch, error) {
	return Guarded(func() (*vec.Batch, error) { return r.next(ctx) })
}

// Within is Next of a push query that waits until a time only, and returns nil then.
func (r *Rows) Within(ctx context.Context, deadline time.Time) (*vec.Batch, error) {
	if r.within == nil {
		return r.next(ctx)
	}
	return r.within(ctx, deadline)
}

// Place is where the client of a push query is that has taken n rows of what Next gave last, all when n is negative. It
// is not ok where the query cannot be taken up again.
func (r *Rows) Place(n int) (Place, bool) {
	if r.place == nil {
		return Place{}, false
	}
	return r.place(n)
}

// Close ends the query and frees what it holds.
func (r *Rows) Close() { r.close() }

// Pull runs a query once over everything acknowledged before the call. Parameters have been bound (see BindParams).
func (e *Engine) Pull(ctx context.Context, q *plan.Query, env *fn.Env) (*Rows, error) {
	e.pulls.Add(1)
	feeds := &feeds{e: e}
	if rels := e.readsOf(q); len(rels) > 0 {
		var err error
		if feeds.cut, err = e.flow.wait(ctx, rels); err != nil {
			return nil, translate(err)
		}
	}
	return feeds.pull(q, env)
}

// pull runs a query over what is fed to it.
func (f *feeds) pull(q *plan.Query, env *fn.Env) (*Rows, error) {
	p := &pull{e: f.e, visible: q.Visible}
	run := &Context{Env: func() *fn.Env { return env }, Pull: true, Interrupted: func() error { return p.interrupted() },
		Meter: f.meter, Fetch: f.fetch}
	g, err := Build(q.Root, run, EmitterFunc(p.take))
	if err != nil {
		return nil, err
	}
	p.graph = g
	for port, scan := range g.Scans() {
		if err := f.e.flow.sound(scan.Rel); err != nil {
			return nil, err
		}
		feed, err := f.feed(scan, env)
		if err != nil {
			return nil, translate(err)
		}
		p.feeds = append(p.feeds, pullFeed{port, feed})
	}
	return &Rows{next: p.next, close: func() {}}, nil
}

// feed gives the rows of one scan, batch by batch; nil at the end.
type feed func(ctx context.Context) (*vec.Batch, error)

type pullFeed struct {
	port int
	next feed
}

// pull drives the graph of a pull query as its rows are asked for.
type pull struct {
	e       *Engine
	graph   *Graph
	feeds   []pullFeed
	ready   []*vec.Batch
	at      int
	done    bool
	visible int
	// interrupted returns an error once whoever asks for rows no longer does.
	interrupted func() error
}

// take implements Emitter for the graph's output.
func (p *pull) take(b *vec.Batch) error {
	if b.N > 0 {
		out := &vec.Batch{N: b.N, Cols: b.Cols[:p.visible], Diff: b.Diff}
		p.ready = append(p.ready, spread(out))
	}
	return nil
}

// spread returns a copy of b in which each row stands as often as its diff says.
func spread(b *vec.Batch) *vec.Batch {
	if b.Diff == nil {
		return b.Clone()
	}
	var sel []int32
	for i, d := range b.Diff {
		for range d {
			sel = append(sel, int32(i))
		}
	}
	out := b.Gather(sel)
	out.Diff = nil
	return out
}

func (p *pull) next(ctx context.Context) (*vec.Batch, error) {
	for {
		if p.at < len(p.ready) {
			b := p.ready[p.at]
			p.ready[p.at] = nil
			p.at++
			return b, nil
		}
		p.ready, p.at = p.ready[:0], 0
		if p.done {
			return nil, io.EOF
		}
		if err := ctx.Err(); err != nil {
			return nil, translate(err)
		}
		if err := p.advance(ctx); err != nil {
			return nil, translate(err)
		}
	}
}

// advance pushes one more batch of input, or ends the run.
func (p *pull) advance(ctx context.Context) error {
	p.interrupted = ctx.Err
	for len(p.feeds) > 0 && !p.graph.Done() {
		f := p.feeds[len(p.feeds)-1] // right inputs first: a look-up join wants its table before the stream
		b, err := f.next(ctx)
		if err != nil {
			return err
		}
		if b == nil {
			p.feeds = p.feeds[:len(p.feeds)-1]
			continue
		}
		return p.graph.Push(f.port, b)
	}
	p.done = true
	return p.graph.Advance(NoFrontier)
}

// feeds is what a query reads: one cut of tables and views, and streams up to an end, with what a transaction has
// changed of them.
type feeds struct {
	e   *Engine
	cut cut
	tx  *Tx // nil outside of one
	// meter measures the query's operators; it may be nil.
	meter *Meter
}

// readsOf returns the relations that must show what was acknowledged before, for the query to do so.
func (e *Engine) readsOf(q *plan.Query) []*catalog.Relation {
	var rels []*catalog.Relation
	for _, r := range q.Reads {
		if r.ID == errorsID { // what was written before includes what queries made of it
			return e.Catalog().Relations()
		}
		if !r.Computed() {
			rels = append(rels, r)
		}
	}
	return rels
}

// feed opens one scan.
func (f *feeds) feed(scan *plan.Scan, env *fn.Env) (feed, error) {
	switch {
	case scan.Rel.Computed():
		return f.e.systemFeed(scan, env)
	case scan.Rel.Kind == catalog.Stream:
		stored, err := f.e.streamFeed(scan, f.cut.ends[scan.Rel.ID])
		if err != nil || f.tx == nil {
			return stored, err
		}
		return f.tx.streamFeed(scan, stored), nil
	case movedOn(scan.Rel, f.cut.tables[scan.Rel.ID].rel):
		return nil, altered(scan.Rel)
	default:
		return tableFeed(f.tx.rowsOf(scan.Rel, f.cut.tables[scan.Rel.ID]), scan, env, false)
	}
}

// movedOn reports whether a relation has become one, since a query of it was planned, that the plan does not fit.
func movedOn(planned, now *catalog.Relation) bool {
	return planned.Layout != now.Layout && !(planned.Extends(now) && slices.Equal(planned.Key, now.Key))
}

// feedRows is how many rows of a table a feed gives at a time.
const feedRows = 4096

// tableFeed reads a snapshot: all of it, or with a look-up the rows whose key begins with the given values. timed asks
// for their event times.
func tableFeed(s *snapshot, scan *plan.Scan, env *fn.Env, timed bool) (feed, error) {
	if len(scan.Among) > 0 {
		if keys, ok := s.keysOf(scan.Index, amongKeys(scan)); ok {
			return rowFeed(s, scan, keys, timed), nil
		}
	}
	if want, ok := columnsOf(scan.Cols, len(s.types)); ok && !timed && s.cols != nil && len(scan.Lookup) == 0 {
		next := s.cols.scan(s, want)
		return func(context.Context) (*vec.Batch, error) {
			b := next()
			if b == nil {
				return nil, nil
			}
			return pick(b, scan, len(s.types)), nil
		}, nil
	}
	r := newSnapshotReader(s, scan)
	if len(scan.Lookup) > 0 {
		prefix, found, err := lookupKey(scan, env)
		if err != nil {
			return nil, err
		}
		if scan.Index == "" {
			r.next, r.to, r.done = prefix, successor(prefix), !found
		} else if !found {
			r.done = true
		} else if f, ok := indexFeed(s, scan, prefix, timed); ok {
			return f, nil
		}
	}
	return func(context.Context) (*vec.Batch, error) {
		b, _ := r.read(feedRows)
		if b == nil {
			return nil, nil
		}
		out := pick(b, scan, len(s.types))
		if !timed {
			out.Time = nil
		}
		return out, nil
	}, nil
}

// lookupKey returns the key bytes of a look-up; found is false when a value is NULL, which equals nothing.
func lookupKey(scan *plan.Scan, env *fn.Env) (key []byte, found bool, err error) {
	for i, x := range scan.Lookup {
		v, err := eval.EvalConst(env, x)
		if err != nil {
			return nil, false, err
		}
		if v.Null {
			return nil, false, nil
		}
		v.Type = scan.By[i].Type
		key = vec.AppendKeyValue(key, v, false, false)
	}
	return key, true, nil
}

// amongKeys are the key bytes of the values that a scan wants, each once and in order.
func amongKeys(scan *plan.Scan) [][]byte {
	keys := make([][]byte, len(scan.Among))
	for i, v := range scan.Among {
		v.Type = scan.By[0].Type
		keys[i] = vec.AppendKeyValue(nil, v, false, false)
	}
	slices.SortFunc(keys, bytes.Compare)
	return slices.CompactFunc(keys, bytes.Equal)
}

// successor returns the first key after all those that begin with prefix, nil when there is none.
func successor(prefix []byte) []byte {
	s := append([]byte(nil), prefix...)
	for len(s) > 0 {
		last := len(s) - 1
		if s[last]++; s[last] != 0 {
			return s
		}
		s = s[:last]
	}
	return nil
}

// streamFeed reads a stream's log from its beginning to the given ends of its partitions.
func (e *Engine) streamFeed(scan *plan.Scan, ends []int64) (feed, error) {
	r, err := e.newScanReader(scan)
	if err != nil {
		return nil, err
	}
	for i := range r.parts {
		if r.parts[i].next, _, err = e.node.Bounds(r.parts[i].id); err != nil {
			return nil, err
		}
	}
	t, _ := e.node.Topic(scan.Rel.Topic) // the reader has found it
	read := func(part int, to int64) (*chunk, error) { return r.read(e.node, part, to, e.cfg.StepBytes) }
	if keepable(scan, t) {
		read = func(part int, to int64) (*chunk, error) { return e.readKept(r, scan, part, to) }
	}
	part := 0
	return func(ctx context.Context) (*vec.Batch, error) {
		for part < min(len(r.parts), len(ends)) {
			if r.parts[part].next >= ends[part] {
				part++
				continue
			}
			if start, _, err := e.node.Bounds(r.parts[part].id); err != nil {
				return nil, err
			} else if start > r.parts[part].next {
				e.streams.forget(scan.Rel, r.parts[part].id, start)
				return nil, errTrimmed(scan.Rel)
			}
			c, err := read(part, ends[part])
			if err != nil {
				return nil, err
			}
			if c == nil {
				part++
				continue
			}
			if err := failing(scan.Rel, c.bad); err != nil {
				return nil, err
			}
			e.flow.reportRead(ctx, scan.Rel.ID, part, c.bad)
			if c.n > 0 {
				return c.batch(scan), nil
			}
		}
		return nil, nil
	}, nil
}

// errTrimmed is the error of a query that was so slow, or whose client was, that retention overtook it.
func errTrimmed(rel *catalog.Relation) error {
	return sqlerr.
		New(sqlerr.SnapshotTooOld, "retention has taken records of %q that the query had not read yet", rel.Name).
		WithHint("Run it again; a client that reads slowly makes its queries slow.")
}

// readKept is reader.read by way of the pieces that are kept.
func (e *Engine) readKept(r *reader, scan *plan.Scan, part int, to int64) (*chunk, error) {
	cur := &r.parts[part]
	from := cur.next
	p, until := e.streams.find(scan, cur.id, from, to)
	if p != nil {
		cur.next = p.next
		return p.c, nil
	}
	c, err := r.read(e.node, part, until, e.cfg.StepBytes)
	// The end of the log is still growing: a piece ends where a read is full, or where the next piece begins.
	if err == nil && c != nil && cur.next < to && e.streams.keep(scan, cur.id, from, cur.next, c) {
		r.chunks[part] = nil
	}
	return c, err
}

// newScanReader returns a reader of a stream, or of the topic of a table or view, for a query that reads by itself.
func (e *Engine) newScanReader(scan *plan.Scan) (*reader, error) {
	src := &source{rel: scan.Rel}
	if scan.Rel.Kind != catalog.Stream {
		src.rows = newTable(scan.Rel)
	}
	t, ok := e.node.Topic(scan.Rel.Topic)
	if !ok {
		return nil, cluster.ErrNoPartition
	}
	for _, id := range t.IDs {
		src.parts = append(src.parts, cursor{id: id, streamTime: NoFrontier})
	}
	r := newReader(src, 0, src.parts)
	return r, r.add(&input{scan: scan, src: src})
}

// BindParams returns the query with its parameters replaced by values.
func BindParams(q *plan.Query, args []types.Value) *plan.Query {
	if len(args) == 0 {
		return q
	}
	return planner.BindParams(q, args)
}

// Env returns an environment for a statement that begins now.
func (e *Engine) Env(setting func(string) string, at time.Time) *fn.Env {
	return &fn.Env{Now: at.UnixMicro(), Setting: setting, Style: types.ReadStyle(setting)}
}
