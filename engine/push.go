package engine

import (
	"context"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// tap gives a push query the changes of the tables and views it reads, step by step. The flow fills it, the query's
// client drains it; a client that falls too far behind is cut off, so that it slows nobody else.
type tap struct {
	mu     sync.Mutex
	queue  []tapped
	bytes  int64
	limit  int64
	err    error
	signal chan struct{}
	timed  bool // the query reads event times of rows; it is set before the flow knows the tap
}

type tapped struct {
	rel   uint32
	rows  *vec.Batch // shared: not to be changed
	width int        // the number of the relation's columns in rows
}

// offer is called by the flow after a step, with all its changes.
func (t *tap) offer(changes []tapped) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return
	}
	for _, c := range changes {
		t.bytes += c.rows.SizeBytes()
	}
	if t.bytes > t.limit {
		t.queue = nil
		t.err = sqlerr.New(sqlerr.ProgramLimitExceeded, "the client reads too slowly: %d MiB of changes wait", t.limit>>20).
			WithHint("Read faster, ask for fewer rows, or poll the view with a SELECT without EMIT CHANGES.")
	} else {
		t.queue = append(t.queue, changes...)
	}
	t.wake()
}

// end ends the query with an error.
func (t *tap) end(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = err
	}
	t.wake()
}

func (t *tap) wake() {
	select {
	case t.signal <- struct{}{}:
	default:
	}
}

func (t *tap) drain() ([]tapped, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	q := t.queue
	t.queue, t.bytes = nil, 0
	if len(q) > 0 {
		return q, nil
	}
	return nil, t.err
}

// push is a push query. All its work is done in Next, by the client's goroutine.
type push struct {
	e       *Engine
	graph   *Graph
	env     *fn.Env
	show    func(*vec.Batch) *vec.Batch
	each    bool
	tap     *tap
	tables  map[uint32][]int // relation -> scans
	watch   *cluster.Watch   // nil without streams
	grown   <-chan struct{}  // the watch's signal
	streams []pushStream
	initial []pullFeed // snapshots of tables, to be taken in first
	begun   bool       // they are, and what is there without any row is out
	mute    bool       // what the snapshots give is not shown: the query begins at latest
	out     []*vec.Batch
	skip    int64 // rows still to be passed over by OFFSET
	left    int64 // rows still wanted by LIMIT
	bad     []badRecord
	idle    idling
	parts   []cursor // scratch
	closed  bool
}

type pushStream struct {
	port int
	scan *plan.Scan
	r    *reader
	// rows are those of a table whose history is read from its topic; nil for a stream.
	rows *table
}

// PushOptions say how a push query runs.
type PushOptions struct {
	// Earliest begins with what is there, not with what changes from now on.
	Earliest bool
	// Each takes in record by record, so that every change is shown of its own; with Earliest a table begins with its
	// topic's history, not with its rows.
	Each bool
	// Show turns changes, in all columns of the query's root, into the rows that LIMIT and OFFSET count and Next gives;
	// nil for changes in the visible columns.
	Show func(*vec.Batch) *vec.Batch
}

// Push runs a query for ever, over every change as it is committed. Parameters have been bound. Rows.Next waits for
// changes; rows that go carry a negative diff.
func (e *Engine) Push(ctx context.Context, q *plan.Query, env *fn.Env, o PushOptions) (*Rows, error) {
	p := &push{e: e, env: env, tables: map[uint32][]int{}, mute: !o.Earliest, each: o.Each, show: o.Show,
		left: math.MaxInt64, tap: &tap{limit: e.cfg.QueueBytes, signal: make(chan struct{}, 1)}}
	if p.show == nil {
		p.show = func(b *vec.Batch) *vec.Batch {
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
	if err := p.connect(ctx, q); err != nil {
		p.close()
		return nil, translate(err)
	}
	return &Rows{next: func(ctx context.Context) (*vec.Batch, error) { return p.next(ctx, time.Time{}) }, within: p.next,
		close: p.close}, nil
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

// connect opens the inputs: streams are read from the log at the client's own pace, tables and views are tapped.
func (p *push) connect(ctx context.Context, q *plan.Query) error {
	var tables []*catalog.Relation
	for port, scan := range p.graph.Scans() {
		switch {
		case scan.Rel.Kind == catalog.Stream || p.history(scan.Rel):
			if p.watch == nil {
				p.watch = p.e.node.Watch()
				p.grown = p.watch.C
			}
			r, err := p.e.newScanReader(scan)
			if err != nil {
				return err
			}
			for i := range r.parts {
				start, _, err := p.e.node.Bounds(r.parts[i].id)
				if err == nil && p.mute {
					start, err = p.e.node.LastStable(r.parts[i].id)
				}
				if err != nil {
					return err
				}
				r.parts[i].next = start
			}
			p.streams = append(p.streams, pushStream{port, scan, r, r.src.rows})
		case scan.Rel.Kind == catalog.System:
			return sqlerr.New(sqlerr.FeatureNotSupported, "EMIT CHANGES over %s.%s is not supported",
				scan.Rel.Schema, scan.Rel.Name).
				WithHint("Ask again from time to time, for example with \\watch.")
		default:
			tables = append(tables, scan.Rel)
			p.tables[scan.Rel.ID] = append(p.tables[scan.Rel.ID], port)
		}
	}
	// A record of a stream meets the tables as they are.
	slices.SortStableFunc(p.streams, func(a, b pushStream) int {
		switch {
		case (a.rows == nil) == (b.rows == nil):
			return 0
		case a.rows != nil:
			return -1
		}
		return 1
	})
	if len(tables) > 0 {
		if _, err := p.e.flow.wait(ctx, tables); err != nil {
			return err
		}
	}
	return p.e.flow.do(ctx, p.tapSources)
}

// history reports whether a table is read from its topic.
func (p *push) history(rel *catalog.Relation) bool {
	return p.each && !p.mute && rel.Kind == catalog.Table && len(rel.Key) > 0
}

// tapSources runs in the flow's goroutine: the snapshots and the changes that follow them fit together. A stream gives
// its tap no changes, but the news that it was dropped.
func (p *push) tapSources() error {
	for _, scan := range p.graph.Scans() {
		s := p.e.flow.sources[scan.Rel.ID]
		if s == nil {
			return sqlerr.New(sqlerr.UndefinedTable, "relation %q does not exist", scan.Rel.Name)
		}
		if err := p.e.flow.sound(scan.Rel); err != nil {
			return err
		}
		p.tap.timed = slices.ContainsFunc(p.graph.Scans(), readsTimes)
		s.taps[p.tap] = struct{}{}
	}
	for port, scan := range p.graph.Scans() {
		if s := p.e.flow.sources[scan.Rel.ID]; s != nil && scan.Rel.Kind != catalog.Stream && !p.history(scan.Rel) {
			f, err := tableFeed(s.snapshotNow(), scan, p.env, true)
			if err != nil {
				return err
			}
			p.initial = append(p.initial, pullFeed{port, f})
		}
	}
	return nil
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
		for len(p.out) > 0 {
			b := p.out[0]
			p.out = p.out[1:]
			if b = p.limit(p.show(b)); b.N > 0 {
				return b, nil
			}
		}
		if p.left == 0 || p.closed {
			return nil, io.EOF
		}
		worked, err := p.work(ctx)
		if err != nil {
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

// wait returns when there may be something to do, or with true after the deadline.
func (p *push) wait(ctx context.Context, deadline time.Time) (over bool, err error) {
	alarm, stop := p.alarm()
	defer stop()
	var end <-chan time.Time
	if !deadline.IsZero() {
		left := time.Until(deadline)
		if left <= 0 {
			return true, nil
		}
		timer := time.NewTimer(left)
		defer timer.Stop()
		end = timer.C
	}
	select {
	case <-end:
		return true, nil
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

// work takes in what has come and ends a step of the query's own. It reports whether there was anything.
func (p *push) work(ctx context.Context) (bool, error) {
	if !p.begun {
		return true, p.takeSnapshots(ctx)
	}
	changes, err := p.tap.drain()
	if err != nil {
		return false, err
	}
	worked := len(changes) > 0
	for _, c := range changes {
		for _, port := range p.tables[c.rel] {
			if err := p.graph.Push(port, pick(c.rows, p.graph.Scans()[port], c.width)); err != nil {
				return false, err
			}
		}
	}
	now := p.e.cfg.Now().UnixMicro()
	ends, err := p.ends()
	if err != nil {
		return false, err
	}
	for _, s := range p.streams {
		for part := range s.r.parts {
			c, err := s.r.read(p.e.node, part, ends[0], p.e.cfg.StepBytes)
			if err != nil {
				return false, err
			}
			end := ends[0]
			ends = ends[1:]
			if c == nil {
				continue
			}
			worked = true
			s.r.parts[part].more = s.r.parts[part].next < end
			s.r.parts[part].seen = floorDiv(now, 1000)
			p.e.flow.reportRead(ctx, s.scan.Rel.ID, part, c.bad)
			if err := p.feed(s, c); err != nil {
				return false, err
			}
		}
	}
	if t, ok := p.wake(now); !worked && (!ok || t > now) {
		return false, nil
	}
	if err := p.graph.Advance(p.idle.frontier(p.positions(), now)); err != nil {
		return false, err
	}
	return true, p.reportBad(ctx)
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

// feed gives the graph the records of a chunk, one by one where each is to be seen.
func (p *push) feed(s pushStream, c *chunk) error {
	if !p.each {
		return p.graph.Push(s.port, c.batch(s.scan))
	}
	if s.rows == nil {
		for b, i := c.batch(s.scan), 0; i < b.N; i++ {
			if err := p.feedOne(s, b.Slice(i, i+1)); err != nil {
				return err
			}
		}
		return nil
	}
	for i := range c.n {
		changes := s.rows.newChanges(readsTimes(s.scan), false)
		s.rows.upsertRow(changes, c, i)
		if err := p.feedOne(s, pick(changes, s.scan, len(s.rows.types))); err != nil {
			return err
		}
	}
	return nil
}

func (p *push) feedOne(s pushStream, b *vec.Batch) error {
	if err := p.graph.Push(s.port, b); err != nil {
		return err
	}
	return p.graph.Advance(NoFrontier)
}

// ends returns the ends of the streams' partitions, in order, between two entries of the log.
func (p *push) ends() ([]int64, error) {
	var ids []cluster.PartitionID
	for _, s := range p.streams {
		for _, c := range s.r.parts {
			ids = append(ids, c.id)
		}
	}
	return p.e.node.Ends(ids, nil)
}

// takeSnapshots gives the graph the rows that tables and views had when the query began.
func (p *push) takeSnapshots(ctx context.Context) error {
	for _, f := range p.initial {
		for {
			b, err := f.next(ctx)
			if err != nil {
				return err
			}
			if b == nil {
				break
			}
			if err := p.graph.Push(f.port, b); err != nil {
				return err
			}
		}
	}
	p.begun = true
	if p.each && p.initial == nil { // nothing has happened yet, so there is nothing to show
		return nil
	}
	p.initial = nil
	if err := p.graph.Advance(NoFrontier); err != nil {
		return err
	}
	if p.mute {
		p.out = nil
	}
	return p.reportBad(ctx)
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
	if p.watch != nil {
		p.watch.Close()
	}
	_ = p.e.flow.do(context.Background(), func() error { // an error means that the flow is gone, and the tap with it
		for _, scan := range p.graph.Scans() {
			if s := p.e.flow.sources[scan.Rel.ID]; s != nil {
				delete(s.taps, p.tap)
			}
		}
		return nil
	})
}
