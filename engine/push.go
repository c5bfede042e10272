package engine

import (
	"context"
	"io"
	"math"
	"sync/atomic"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// push is a push query. All its work is done in Next, by the client's goroutine, in steps of its own: of a query over
// tables and views each is one of the flow's, or several as one, so that all it reads is seen at one moment; a query
// over streams alone reads what there is.
type push struct {
	e       *Engine
	graph   *Graph
	env     *fn.Env
	opts    PushOptions
	mute    bool // what was there when the query began is not shown
	tap     *tap
	tables  map[uint32][]int // relation -> scans
	watch   *cluster.Watch   // nil unless it reads streams alone
	grown   <-chan struct{}  // the watch's signal
	streams []pushStream
	rels    []*pushRelation // what it reads, each once, in the order of tap.of
	initial []pullFeed      // rows of tables and views, to be taken in first
	begun   bool            // they are, and what is there without any row is out

	out     []*vec.Batch
	step    stepTaken
	shown   int64 // rows of the step that were given
	has     int64 // how many of the step's rows the client has already
	skip    int64 // rows still to be passed over by OFFSET
	left    int64 // rows still wanted by LIMIT
	told    time.Time
	bad     []badRecord
	idle    idling
	parts   []cursor // scratch
	resumed []tappedStep
	closed  bool

	newest    newestBatch
	resumedAt *Token // where the query began, until it takes in more
	torn      *mark  // where the client is, once a step could not be taken in whole

	number int64 // among the push queries
	opened time.Time
	given  atomic.Int64 // rows that the client was given
}

// pushRelation is a relation that a push query reads, and how far it has.
type pushRelation struct {
	rel        *catalog.Relation
	ids        []cluster.PartitionID
	from       []int64 // where it began to read a stream
	before, at []int64 // where it was before the step and after
}

// stepTaken says what a query's token names of its step.
type stepTaken struct {
	first bool
	// exact tells that taking the step again gives its rows in the same order.
	exact bool
}

type pushStream struct {
	port int
	scan *plan.Scan
	r    *reader
	of   *pushRelation
	// rows are those of a table whose history is read from its topic; nil for a stream.
	rows *table
}

// PushOptions say how a push query runs.
type PushOptions struct {
	// Earliest begins with what is there, not with what changes from now on.
	Earliest bool
	// After begins where another query was left; Since with the first records that are not older than a time.
	After *Token
	Since *time.Time
	// At begins at the place of another query of the same text.
	At *Place
	// Each takes in record by record, so that every change is shown of its own; with Earliest a table begins with its
	// topic's history, not with its rows.
	Each bool
	// Show turns changes, in all columns of the query's root, into the rows that LIMIT and OFFSET count and Next gives;
	// nil for changes in the visible columns. With Tokens, token gives the token of one of n rows, "" where it has none.
	Show   func(b *vec.Batch, token func(row, n int) string) *vec.Batch
	Tokens bool
	// Progress makes the row that says how far the query is, which comes every so often; nil for none.
	Progress func(token string) *vec.Batch
	Every    time.Duration
	// PID, User and Text are whose query it is, for leat_catalog.subscriptions.
	PID        int32
	User, Text string
}

// Push runs a query for ever, over every change as it is committed. Parameters have been bound. Rows.Next waits for
// changes; rows that go carry a negative diff.
func (e *Engine) Push(ctx context.Context, q *plan.Query, env *fn.Env, o PushOptions) (*Rows, error) {
	if o.At != nil {
		o.After, o.Since = &o.At.After, nil
	}
	p := &push{e: e, env: env, opts: o, tables: map[uint32][]int{}, mute: !o.Earliest && o.After == nil && o.Since == nil,
		left: math.MaxInt64, told: time.Now(), tap: &tap{limit: e.cfg.QueueBytes, signal: make(chan struct{}, 1)}}
	if p.opts.Show == nil {
		p.opts.Show = func(b *vec.Batch, _ func(row, n int) string) *vec.Batch {
			return &vec.Batch{N: b.N, Cols: b.Cols[:q.Visible], Diff: b.Diff, Time: b.Time}
		}
	}
	p.idle = newIdling(env)
	root, err := p.takeLimit(q.Root)
	if err != nil {
		return nil, err
	}
	p.graph, err = Build(root, &Context{Env: p.now, Fail: p.fail, NullFailed: true,
		Horizon: func() int64 { return horizon(p.positions()) }}, EmitterFunc(p.take))
	if err != nil {
		return nil, err
	}
	p.idle.patient = !p.graph.final
	if o.At != nil {
		p.skip, p.left = o.At.Skip, o.At.Left
	}
	if err := p.resumable(); err != nil {
		return nil, err
	}
	if err := p.connect(ctx, rowwise(root)); err != nil {
		p.close()
		return nil, translate(err)
	}
	p.resumedAt = o.After
	p.opened = time.Now()
	e.pushes.add(p)
	return &Rows{next: func(ctx context.Context) (*vec.Batch, error) { return p.next(ctx, time.Time{}) }, within: p.next,
		place: p.place, close: p.close}, nil
}

// takeLimit removes a LIMIT without ORDER BY from the root: in a push query it ends the query.
func (p *push) takeLimit(root plan.Node) (plan.Node, error) {
	s, ok := root.(*plan.Sort)
	if !ok || len(s.By) > 0 {
		return root, nil
	}
	for _, l := range []struct {
		x   plan.Expr
		dst *int64
	}{{s.Limit, &p.left}, {s.Offset, &p.skip}} {
		if l.x == nil {
			continue
		}
		v, err := eval.EvalConst(p.env, l.x)
		if err != nil {
			return nil, err
		}
		if v.Null {
			continue
		}
		if v.Int < 0 {
			return nil, sqlerr.New(sqlerr.InvalidLimit, "LIMIT must not be negative")
		}
		*l.dst = v.Int
	}
	return s.In, nil
}

func (p *push) now() *fn.Env {
	p.env.Now = p.e.cfg.Now().UnixMicro()
	return p.env
}

// fail keeps a row that cannot be computed; it is reported like those of continuous queries.
func (p *push) fail(op string, b *vec.Batch, row int, err error) {
	rel := &catalog.Relation{Name: "push query"}
	p.bad = append(p.bad, evalFailure(rel, op, b, row, err))
}

// take implements Emitter.
func (p *push) take(b *vec.Batch) error {
	if b.N > 0 {
		p.out = append(p.out, b.Clone())
	}
	return nil
}

// next gives the next rows; nil when there are none until the deadline, unless that is zero.
func (p *push) next(ctx context.Context, deadline time.Time) (*vec.Batch, error) {
	for {
		if b := p.shownNext(); b != nil {
			return b, nil
		}
		if p.left == 0 || p.closed {
			return nil, io.EOF
		}
		if p.begun && p.opts.Progress != nil && time.Since(p.told) >= p.opts.Every {
			p.told, p.newest = time.Now(), newestBatch{before: p.shown, n: 1}
			return p.opts.Progress(p.token(-1)), nil
		}
		before := p.mark()
		worked, err := p.work(ctx)
		if err != nil {
			p.torn = &before
			return nil, translate(err)
		}
		if worked {
			continue
		}
		if over, err := p.wait(ctx, deadline); over || err != nil {
			return nil, err
		}
	}
}

// shownNext is what the client sees of the step's output, nil when it has seen it all.
func (p *push) shownNext() *vec.Batch {
	for len(p.out) > 0 {
		b := p.out[0]
		p.out = p.out[1:]
		var token func(row, n int) string
		if p.opts.Tokens {
			before, last := p.shown, len(p.out) == 0
			token = func(row, n int) string {
				if last && row == n-1 {
					return p.token(-1)
				}
				return p.token(before + int64(row) + 1)
			}
		}
		b = p.opts.Show(b, token)
		p.shown += int64(b.N)
		if has := min(p.has, int64(b.N)); has > 0 {
			p.has -= has
			b = b.Slice(int(has), b.N)
		}
		before := p.shown - int64(b.N) + min(p.skip, int64(b.N))
		if b = p.limit(b); b.N > 0 {
			p.newest = newestBatch{before: before, n: b.N, counts: true}
			p.given.Add(int64(b.N))
			p.e.pushedRows.Add(int64(b.N))
			return b
		}
	}
	return nil
}

// token is that of the client who has rows of the step, "" for none; -1 stands for all of them.
func (p *push) token(rows int64) string {
	if rows >= 0 && !p.step.exact {
		return ""
	}
	return p.tokenAt(rows).String()
}

func (p *push) tokenAt(rows int64) Token {
	t := Token{first: rows >= 0 && p.step.first, rows: max(rows, 0)}
	var list []stretch
	for _, r := range p.rels {
		for i, id := range r.ids {
			s := stretch{part: id, from: r.from[i], to: r.at[i]}
			if rows >= 0 {
				s.to, s.more = r.before[i], r.at[i]-r.before[i]
			}
			list = append(list, s)
		}
	}
	t.stretches = newToken(list).stretches
	return t
}

// wait returns when there may be something to do, or with true after the deadline.
func (p *push) wait(ctx context.Context, deadline time.Time) (over bool, err error) {
	alarm, stop := p.alarm()
	defer stop()
	var end, tell <-chan time.Time
	if !deadline.IsZero() {
		left := time.Until(deadline)
		if left <= 0 {
			return true, nil
		}
		timer := time.NewTimer(left)
		defer timer.Stop()
		end = timer.C
	}
	if p.opts.Progress != nil {
		timer := time.NewTimer(max(p.opts.Every-time.Since(p.told), 0))
		defer timer.Stop()
		tell = timer.C
	}
	select {
	case <-end:
		return true, nil
	case <-tell:
	case <-alarm:
	case <-p.tap.signal:
	case <-p.grown:
	case <-p.e.flow.done:
		return false, sqlerr.New(sqlerr.AdminShutdown, "the server is shutting down")
	case <-ctx.Done():
		return false, translate(ctx.Err())
	}
	return false, nil
}

// limit applies OFFSET and LIMIT.
func (p *push) limit(b *vec.Batch) *vec.Batch {
	if skip := min(p.skip, int64(b.N)); skip > 0 {
		p.skip -= skip
		b = b.Slice(int(skip), b.N)
	}
	if int64(b.N) > p.left {
		b = b.Slice(0, int(p.left))
	}
	if p.left != math.MaxInt64 {
		p.left -= int64(b.N)
	}
	return b
}

// positions lists how far the streams have been read.
func (p *push) positions() []cursor {
	p.parts = p.parts[:0]
	for _, s := range p.streams {
		p.parts = append(p.parts, s.r.parts...)
	}
	return p.parts
}

// wake says when the result changes although nothing comes.
func (p *push) wake(nowMicros int64) (micros int64, ok bool) {
	micros, ok = p.graph.wake()
	if frontier, is := p.graph.due(); is {
		if t, is := p.idle.wake(p.positions(), frontier, nowMicros); is && (!ok || t < micros) {
			micros, ok = t, true
		}
	}
	return micros, ok
}

// alarm returns a channel that is ready when the result changes although nothing comes, and what ends the wait.
func (p *push) alarm() (<-chan time.Time, func()) {
	now := p.e.cfg.Now().UnixMicro()
	t, ok := p.wake(now)
	if !ok {
		return nil, func() {}
	}
	timer := time.NewTimer(time.Duration(max(t-now, 0)) * time.Microsecond)
	return timer.C, func() { timer.Stop() }
}

// reportBad hands rows that could not be computed to the flow, which writes them with its next step.
func (p *push) reportBad(ctx context.Context) error {
	if len(p.bad) == 0 {
		return nil
	}
	bad := p.bad
	p.bad = nil
	return p.e.flow.do(ctx, func() error {
		p.e.flow.bad = append(p.e.flow.bad, bad...)
		return nil
	})
}

func (p *push) close() {
	if p.closed {
		return
	}
	p.closed = true
	p.e.pushes.remove(p)
	if p.watch != nil {
		p.watch.Close()
	}
	_ = p.e.flow.do(context.Background(), func() error { // an error means that the flow is gone, and the tap with it
		delete(p.e.flow.taps, p.tap)
		for _, scan := range p.graph.Scans() {
			if s := p.e.flow.sources[scan.Rel.ID]; s != nil {
				delete(s.taps, p.tap)
			}
		}
		return nil
	})
}
