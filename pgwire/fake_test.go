package pgwire

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// fakeBackend is an engine made of a few functions that a SELECT of one call asks for: see fakeCalls. INSERT writes one
// row, COPY takes and gives anything, BEGIN, COMMIT, ROLLBACK, SET and DISCARD do what they say.
type fakeBackend struct {
	mu        sync.Mutex
	changed   *sync.Cond // one of the numbers
	committed int        // rows
	open      int        // sessions
	results   int        // results not closed
	running   chan string
	settle    func()        // before a push query ends that is cancelled
	held      chan struct{} // an INSERT of 'held' waits for it
}

func newFake() *fakeBackend {
	b := &fakeBackend{running: make(chan string, 100)}
	b.changed = sync.NewCond(&b.mu)
	return b
}

func (b *fakeBackend) count(n *int, d int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*n += d
	b.changed.Broadcast()
}

// await waits until a number has a value, and fails when that takes too long.
func (b *fakeBackend) await(t testing.TB, what string, n *int, want int) {
	t.Helper()
	late := false
	timer := time.AfterFunc(10*time.Second, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		late = true
		b.changed.Broadcast()
	})
	defer timer.Stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	for *n != want && !late {
		b.changed.Wait()
	}
	if *n != want {
		t.Fatalf("%s: %d, want %d", what, *n, want)
	}
}

func (b *fakeBackend) value(n *int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return *n
}

func (b *fakeBackend) Open(_ context.Context, st Startup) (Session, error) {
	switch st.Database {
	case "none":
		return nil, sqlerr.New(sqlerr.InvalidCatalogName, "database %q does not exist", st.Database)
	case "panic":
		panic("no session")
	}
	b.count(&b.open, 1)
	st.Report("server_version", "15.0 (Leat test)")
	st.Report("client_encoding", "UTF8")
	st.Report("standard_conforming_strings", "on")
	st.Report("application_name", st.Params["application_name"])
	if len(st.Params) > 1 {
		st.Notice(sqlerr.New("00000", "%v", st.Params))
	}
	return &fakeSession{b: b, start: st, status: Idle, wait: -1}, nil
}

type fakeSession struct {
	b       *fakeBackend
	start   Startup
	status  TxStatus
	pending int
	bad     bool // the commit is to fail
	hasty   bool // statements that last end at once
	wait    time.Duration
	idle    time.Duration
}

func (s *fakeSession) IdleTimeout() time.Duration { return s.idle }

func (s *fakeSession) FetchWait() time.Duration { return s.wait }

func (s *fakeSession) Status() TxStatus { return s.status }

func (s *fakeSession) Close() { s.b.count(&s.b.open, -1) }

func (s *fakeSession) Sync(_ context.Context, failed bool) error {
	if s.status != Idle {
		if failed {
			s.status = FailedTx
		}
		return nil
	}
	return s.end(!failed)
}

func (s *fakeSession) end(commit bool) error {
	s.status = Idle
	n, bad := s.pending, s.bad
	s.pending, s.bad = 0, false
	if !commit {
		return nil
	}
	if bad {
		return sqlerr.New(sqlerr.DiskFull, "could not commit: no space left on device")
	}
	s.b.count(&s.b.committed, n)
	return nil
}

// last is what a statement does that does not end by itself.
func (s *fakeSession) last(ctx context.Context, kind string) error {
	if s.hasty {
		return context.Canceled
	}
	s.b.running <- kind
	<-ctx.Done()
	return ctx.Err()
}

type fakePrepared struct {
	s      *fakeSession
	stmt   parse.Statement
	params []types.Type
	cols   []catalog.Column
	run    func(ctx context.Context, args []types.Value) (Result, error)
}

func (p *fakePrepared) Describe() ([]types.Type, []catalog.Column) { return p.params, p.cols }

func (p *fakePrepared) Execute(ctx context.Context, args []types.Value) (Result, error) {
	if p.s.status == FailedTx && !endsBlock(p.stmt.Stmt) {
		return nil, sqlerr.New(sqlerr.InFailedSQLTransaction, "current transaction is aborted")
	}
	r, err := p.run(ctx, args)
	if err == nil {
		p.s.b.count(&p.s.b.results, 1)
	}
	return r, err
}

func (s *fakeSession) Prepare(_ context.Context, st parse.Statement, params []types.Type) (Prepared, error) {
	if strings.Contains(st.Text, "prepared later") {
		s.b.running <- "prepare"
		<-s.b.held
	}
	p := &fakePrepared{s: s, stmt: st, params: params}
	for len(p.params) < st.Params {
		p.params = append(p.params, types.Text)
	}
	for i, t := range p.params {
		if t == types.Unknown {
			p.params[i] = types.Text
		}
	}
	done := func(tag string) func(context.Context, []types.Value) (Result, error) {
		return func(context.Context, []types.Value) (Result, error) { return &fakeResult{s: s, tag: tag}, nil }
	}
	switch x := st.Stmt.(type) {
	case *ast.QueryStmt:
		return p, s.query(p)
	case *ast.Insert:
		p.run = func(context.Context, []types.Value) (Result, error) {
			if strings.Contains(st.Text, "held") {
				s.b.running <- "held"
				<-s.b.held
			}
			s.pending++
			s.bad = s.bad || strings.Contains(st.Text, "bad")
			return &fakeResult{s: s, tag: "INSERT 0 1"}, nil
		}
	case *ast.Copy:
		p.run = func(context.Context, []types.Value) (Result, error) {
			if x.To {
				return &fakeCopyOut{fakeResult: fakeResult{s: s}, live: strings.Contains(st.Text, "live")}, nil
			}
			return &fakeCopyIn{fakeResult: fakeResult{s: s, tag: "COPY"}}, nil
		}
	case *ast.Begin:
		p.run = func(ctx context.Context, args []types.Value) (Result, error) {
			s.status = InTx
			return done("BEGIN")(ctx, args)
		}
	case *ast.Commit, *ast.Rollback:
		p.run = func(context.Context, []types.Value) (Result, error) {
			if r, ok := st.Stmt.(*ast.Rollback); ok && r.To != "" {
				s.status = InTx
				return &fakeResult{s: s, tag: "ROLLBACK"}, nil
			}
			_, commit := st.Stmt.(*ast.Commit)
			err := s.end(commit && s.status != FailedTx)
			return &fakeResult{s: s, tag: strings.ToUpper(st.Text)}, err
		}
	case *ast.Set:
		p.run = func(ctx context.Context, args []types.Value) (Result, error) {
			value := x.Values[0].(*ast.Lit).Text
			if value == "warn" {
				s.start.Notice(sqlerr.New(sqlerr.Warning, "a warning").WithHint("a hint"))
			}
			if x.Name == "leat.fetch_wait" {
				s.wait = 0
			}
			if x.Name == "idle_session_timeout" {
				s.idle = time.Millisecond
			}
			s.start.Report(x.Name, value)
			return done("SET")(ctx, args)
		}
	default:
		p.run = done(strings.ToUpper(st.Text))
	}
	return p, nil
}

var fakeCall = regexp.MustCompile(`(?is)^SELECT (\w+)\(([^)]*)\)`)

// query binds SELECT name(argument):
//
//	numbers(n)  rows 1 to n, two a batch
//	live(n)     the same as a push query, one a batch; with n = 0 for ever, else it waits after the last
//	ending()    a push query that ends, without an error, when it is cancelled
//	slow(n)     a pull query that ends when it is cancelled, after n rows
//	echo($1…)   its parameters
//	broken(n)   n rows and then an error
//	missing()   an error of Prepare, with a position
//	denied()    an error of Execute
//	plain()     an error that has no SQLSTATE
//	nothing()   a result without rows
//	none()      a result without columns
//	committed() how many rows are
//	crash()     panics
func (s *fakeSession) query(p *fakePrepared) error {
	m := fakeCall.FindStringSubmatch(p.stmt.Text)
	if m == nil {
		return sqlerr.At(p.stmt.Start, sqlerr.FeatureNotSupported, "not a query of the test: %s", p.stmt.Text)
	}
	name := m[1]
	n, _ := strconv.Atoi(m[2])
	n = min(n, 10_000)
	p.cols = []catalog.Column{{Name: "n", Type: types.Int4}}
	r := &fakeResult{s: s, tag: "SELECT", counted: true, kind: name, left: n}
	switch name {
	case "echo":
		p.cols = nil
		for i, t := range p.params {
			p.cols = append(p.cols, catalog.Column{Name: "p" + strconv.Itoa(i+1), Type: t})
		}
	case "missing":
		return sqlerr.At(p.stmt.Start+len("SELECT "), sqlerr.UndefinedFunction, "function missing() does not exist").
			WithDetail("detail")
	case "none":
		p.cols = []catalog.Column{}
	case "shadowed":
		p.cols[0].Name = "a\x00b"
	}
	p.run = func(_ context.Context, args []types.Value) (Result, error) {
		if name == "denied" {
			return nil, &sqlerr.Error{
				Code: sqlerr.DivisionByZero, Message: "nul \x00 and bad \xff", Where: "somewhere", Offset: -1,
			}
		}
		again := *r
		again.args = args
		return &again, nil
	}
	return nil
}

type fakeResult struct {
	s       *fakeSession
	tag     string
	counted bool
	kind    string
	args    []types.Value
	left, n int
	closed  bool
}

func (r *fakeResult) Tag() (string, bool) { return r.tag, r.counted }

func (r *fakeResult) Live() bool { return r.kind == "live" || r.kind == "ending" }

func (r *fakeResult) Close() {
	if !r.closed {
		r.s.b.count(&r.s.b.results, -1)
	}
	r.closed = true
}

// Within gives up where Next would wait.
func (r *fakeResult) Within(ctx context.Context, _ time.Time) (*vec.Batch, error) {
	if r.left != 0 && r.n == r.left {
		return nil, nil
	}
	return r.Next(ctx)
}

func (r *fakeResult) Next(ctx context.Context) (*vec.Batch, error) {
	if r.closed {
		panic("BUG: Next after Close")
	}
	batch := func(n int) (*vec.Batch, error) {
		b := vec.NewBatch([]types.Type{types.Int4})
		for range n {
			r.n++
			b.Cols[0].AppendInt(int64(r.n))
		}
		b.N = n
		return b, nil
	}
	switch r.kind {
	case "echo":
		return r.echo()
	case "ending":
		r.s.b.running <- r.kind
		<-ctx.Done()
		r.s.b.settle()
		return nil, io.EOF
	case "committed":
		if r.n++; r.n == 1 {
			b := vec.NewBatch([]types.Type{types.Int4})
			b.Cols[0].AppendInt(int64(r.s.b.value(&r.s.b.committed)))
			b.N = 1
			return b, nil
		}
		return nil, io.EOF
	case "crash":
		panic("the statement crashed")
	case "plain":
		return nil, fmt.Errorf("an error without a code")
	case "live", "slow":
		if r.left == 0 && r.kind == "live" {
			if err := ctx.Err(); err != nil || r.s.hasty {
				return nil, cmp.Or(err, io.EOF)
			}
			return batch(1000)
		}
		if r.n < r.left {
			return batch(1)
		}
		return nil, r.s.last(ctx, r.kind)
	}
	if r.n == r.left {
		if r.kind == "broken" {
			return nil, sqlerr.New(sqlerr.DivisionByZero, "division by zero")
		}
		return nil, io.EOF
	}
	return batch(min(2, r.left-r.n))
}

func (r *fakeResult) echo() (*vec.Batch, error) {
	if r.n++; r.n > 1 {
		return nil, io.EOF
	}
	b := &vec.Batch{N: 1}
	for _, a := range r.args {
		c := vec.NewColumn(a.Type)
		c.AppendValue(a)
		b.Cols = append(b.Cols, c)
	}
	return b, nil
}

// fakeCopyIn counts lines. A line "fail" is an error at once, "late" one at the end.
type fakeCopyIn struct {
	fakeResult
	data  []byte
	lines int
	late  bool
	over  bool
}

func (c *fakeCopyIn) Write(_ context.Context, p []byte) error {
	if c.over {
		panic("BUG: Write after the end")
	}
	c.data = append(c.data, p...)
	for {
		line, rest, ok := strings.Cut(string(c.data), "\n")
		if !ok {
			return nil
		}
		c.lines++
		c.data = []byte(rest)
		c.late = c.late || line == "late"
		switch line {
		case "fail":
			c.over = true
			where := fmt.Sprintf("COPY t, line %d", c.lines)
			return &sqlerr.Error{Code: sqlerr.BadCopyFileFormat, Message: "bad line", Where: where, Offset: -1}
		case "crash":
			panic("the copy crashed")
		}
	}
}

func (c *fakeCopyIn) Finish(_ context.Context, cause error) error {
	if c.over {
		panic("BUG: Finish after the end")
	}
	c.over = true
	if cause == nil && c.late {
		cause = sqlerr.New(sqlerr.NotNullViolation, "late")
	}
	c.tag = fmt.Sprintf("COPY %d", c.lines)
	return cause
}

// fakeCopyOut gives two pieces and an empty one between them; live, it then waits.
type fakeCopyOut struct {
	fakeResult
	live bool
	n    int
}

func (c *fakeCopyOut) Live() bool { return c.live }

func (c *fakeCopyOut) Read(ctx context.Context) ([]byte, error) {
	c.n++
	switch {
	case c.n == 1:
		return []byte("1\tone\n"), nil
	case c.n == 2:
		return nil, nil
	case c.n == 3:
		return []byte("2\ttwo\n"), nil
	case c.live:
		return nil, c.s.last(ctx, "copy")
	}
	c.tag = "COPY 2"
	return nil, io.EOF
}
