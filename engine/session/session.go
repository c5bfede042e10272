// Package session runs the statements of one client: it keeps the settings and the transaction, has the planner bind
// what is to be planned, and the engine do it. The doors speak to it; it knows no protocol.
package session

import (
	"context"
	"time"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// Config is what a session is opened with.
type Config struct {
	Engine         *engine.Engine
	User, Database string
	Params         map[string]string // settings the client asked for when it connected
	PID            int32
	Address        string                   // of the client, host and port; "" when it is not known
	Signals        engine.Signals           // how the session is reached from outside
	Version        string                   // of Leat
	Notice         func(*sqlerr.Error)      // a notice or warning for the client; may be nil
	Report         func(name, value string) // a parameter's value for the client; may be nil
	Cursors        func() []fn.Cursor       // the client's cursors; may be nil
	Keepalive      func(Keepalive) error    // tells the door how the connection is to be kept; may be nil
	Now            func() time.Time         // default time.Now
}

// Session is one client's conversation. It belongs to one goroutine.
type Session struct {
	cfg Config
	eng *engine.Engine
	set *settings
	tx  transaction

	client *engine.Client
	temp   temporary

	prepared  map[string]*Prepared // by name
	needs     []planner.Need       // what the statement being bound does to relations
	failures  map[uint32]int64     // of queries that FLUSH has told of, or that had failed before
	drawn     drawn
	calls     caller
	variables map[string]string // by DEFINE

	told   told            // to a relay
	resume []string        // where the next push query begins
	again  bool            // statements may have been run before
	seen   engine.Position // by a session that reads stale, wherever it was

	restoring bool // the session is being made what one was elsewhere
}

// New opens a session. It fails when a parameter the client asked for cannot be.
func New(cfg Config) (*Session, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Notice == nil {
		cfg.Notice = func(*sqlerr.Error) {}
	}
	if cfg.Report == nil {
		cfg.Report = func(string, string) {}
	}
	if cfg.Keepalive == nil {
		cfg.Keepalive = func(Keepalive) error { return nil }
	}
	role, ok := cfg.Engine.Catalog().Role(cfg.User)
	switch {
	case !ok || cfg.User == catalog.Everybody:
		return nil, sqlerr.New(sqlerr.InvalidAuthorization, "role \"%s\" does not exist", cfg.User)
	case !role.Login:
		return nil, sqlerr.New(sqlerr.InvalidAuthorization, "role \"%s\" is not permitted to log in", cfg.User)
	}
	s := &Session{cfg: cfg, eng: cfg.Engine, set: newSettings(cfg), prepared: map[string]*Prepared{},
		drawn:     drawn{eng: cfg.Engine, by: map[uint32]int64{}, kept: map[uint32][]int64{}},
		variables: map[string]string{}}
	s.cfg.Notice = func(e *sqlerr.Error) {
		if s.set.shows(e.Code) {
			cfg.Notice(e)
		}
	}
	s.drawn.role, s.drawn.may = s.role, map[uint32]string{}
	s.calls = caller{s: s, locks: s.eng.NewHolder(cfg.PID)}
	s.set.mayBecome = s.mayBecome
	s.set.mayBe, s.set.isSuperuser = s.maySetRole, func(role string) bool { return s.eng.Catalog().IsSuperuser(role) }
	s.set.apply(roleSetting)
	for name, value := range cfg.Params {
		if err := s.set.set(name, value, false); err != nil {
			return nil, err
		}
	}
	s.set.reportAll()
	s.failures = cfg.Engine.Failures()
	s.attach()
	return s, nil
}

// Close ends the session; an open transaction is rolled back.
func (s *Session) Close() {
	s.endTransaction(false)
	s.calls.locks.Release(false)
	s.temp.close(s)
	s.client.Detach()
}

// Status returns 'I' outside a transaction block, 'T' inside one and 'E' inside one that failed.
func (s *Session) Status() byte {
	switch {
	case s.tx.failed:
		return 'E'
	case s.tx.explicit:
		return 'T'
	}
	return 'I'
}

// OutputEnv returns the settings that values are printed under.
func (s *Session) OutputEnv() types.Env {
	return fn.RegNames(types.Env{Location: s.set.location, Style: s.set.style}, s.objects())
}

// Result is what a statement gives.
type Result interface {
	Next(ctx context.Context) (*vec.Batch, error)
	Tag() (tag string, count bool)
	Close()
}

// Prepared is a statement that has been bound.
type Prepared struct {
	s       *Session
	stmt    parse.Statement
	version uint64 // of the catalog it was bound against
	role    string // whose privileges it was checked against
	params  []types.Type
	cols    []catalog.Column // nil for a statement without a result
	run     func(ctx context.Context, args []types.Value) (Result, error)
	// constants are what is computed whether or not there are rows; see Fault.
	constants []plan.Expr

	given map[string]*planner.Given // of WITH queries that change rows

	kept    time.Time // when it got its name
	fromSQL bool      // by PREPARE

	// late is a statement that has not been bound yet, made by one of PREPARE or nil.
	late bool
	by   *ast.Prepare
}

// Describe returns the types of the parameters and the columns of the result, nil for none.
func (p *Prepared) Describe() ([]types.Type, []catalog.Column) { return p.params, p.cols }

// Prepare binds a statement. Types of parameters that are types.Unknown are inferred.
func (s *Session) Prepare(ctx context.Context, stmt parse.Statement, params []types.Type) (*Prepared, error) {
	if s.tx.failed && !endsTransaction(stmt.Stmt) {
		return nil, s.abort(sqlerr.New(sqlerr.InFailedSQLTransaction,
			"current transaction is aborted, commands ignored until end of transaction block"))
	}
	if s.Stale() {
		if err := s.reach(ctx); err != nil {
			return nil, s.abort(err)
		}
	}
	p := &Prepared{s: s, stmt: stmt, params: params, version: s.eng.Catalog().Version(), role: s.role()}
	if err := s.bind(p); err != nil {
		return nil, s.abort(err)
	}
	return p, nil
}

// Revise binds the statement again when the catalog has changed.
func (p *Prepared) Revise(context.Context) error {
	s := p.s
	if v := s.eng.Catalog().Version(); p.late || v != p.version || s.role() != p.role {
		again := &Prepared{s: s, stmt: p.stmt, params: p.params, version: v, role: s.role(), kept: p.kept,
			fromSQL: p.fromSQL}
		if p.by != nil {
			var err error
			if again.params, err = s.declared(again, p.by); err != nil {
				return s.abort(err)
			}
		}
		if err := s.bind(again); err != nil {
			return s.abort(err)
		}
		if !p.late && !sameColumns(p.cols, again.cols) {
			return s.abort(sqlerr.New(sqlerr.FeatureNotSupported, "cached plan must not change result type"))
		}
		*p = *again
	}
	return nil
}

// Fault computes the constants of a query, as PostgreSQL does while it plans, and returns what is wrong with them.
func (p *Prepared) Fault(args []types.Value) error {
	for _, x := range p.constants {
		if _, err := eval.EvalConst(p.s.env(), eval.BindParams(x, args)); err != nil {
			return p.s.abort(err)
		}
	}
	return nil
}

// Execute runs the statement.
func (p *Prepared) Execute(ctx context.Context, args []types.Value) (Result, error) {
	s := p.s
	if s.tx.failed && !endsTransaction(p.stmt.Stmt) {
		return nil, sqlerr.New(sqlerr.InFailedSQLTransaction,
			"current transaction is aborted, commands ignored until end of transaction block")
	}
	if s.again && !repeatable(p.stmt.Stmt) {
		return nil, errAgain()
	}
	if err := s.checkStale(p); err != nil {
		return nil, s.abort(err)
	}
	if err := p.Revise(ctx); err != nil {
		return nil, err
	}
	if len(args) < len(p.params) {
		return nil, s.abort(sqlerr.New(sqlerr.UndefinedParameter, "there is no parameter $%d", len(args)+1))
	}
	if err := p.Fault(args); err != nil {
		return nil, err
	}
	s.runs(p.stmt.Text)
	defer s.calls.during(ctx)()
	r, err := engine.Guarded(func() (Result, error) { return p.run(ctx, args) })
	if err != nil {
		return nil, s.abort(err)
	}
	switch r := r.(type) {
	case *guarded, *copyIn, *backupOut: // EXECUTE's; and the door looks for more than rows in a COPY
		return r, nil
	case *copyOut:
		r.r = &guarded{Result: r.r, s: s}
		return r, nil
	}
	return &guarded{Result: r, s: s}, nil
}

// guarded is a Result whose errors abort the transaction.
type guarded struct {
	Result
	s *Session
}

// Next implements Result.
func (g *guarded) Next(ctx context.Context) (*vec.Batch, error) {
	return g.guard(ctx, func() (*vec.Batch, error) { return g.Result.Next(ctx) })
}

// Within is Next of a push query that waits until a time only, and returns nil then.
func (g *guarded) Within(ctx context.Context, deadline time.Time) (*vec.Batch, error) {
	return g.guard(ctx, func() (*vec.Batch, error) { return within(ctx, g.Result, deadline) })
}

// within is Next of a result that gives up at a time, where it can and there is one.
func within(ctx context.Context, r Result, deadline time.Time) (*vec.Batch, error) {
	p, ok := r.(interface {
		Within(context.Context, time.Time) (*vec.Batch, error)
	})
	if !ok || deadline.IsZero() {
		return r.Next(ctx)
	}
	return p.Within(ctx, deadline)
}

func (g *guarded) guard(ctx context.Context, next func() (*vec.Batch, error)) (*vec.Batch, error) {
	defer g.s.calls.during(ctx)()
	b, err := next()
	if err != nil && sqlerrOf(err) != nil {
		return nil, g.s.abort(err)
	}
	return b, err
}

// Live reports whether the result is a push query's.
func (g *guarded) Live() bool { return isLive(g.Result) }

// isLive reports whether the rows of a result come as they happen.
func isLive(r Result) bool {
	l, ok := r.(interface{ Live() bool })
	return ok && l.Live()
}

// StatementTimeout is how long the client lets a statement run; 0 is for ever. Whoever runs the session's statements
// sees to it.
func (s *Session) StatementTimeout() time.Duration { return s.set.statementTimeout }

// IdleTimeout is how long the client may be silent now; 0 is for ever.
func (s *Session) IdleTimeout() time.Duration {
	if s.tx.explicit {
		return s.set.idleInTx
	}
	return s.set.idle
}

// FetchWait is how long FETCH waits for the rows of a push query; negative is until it has all it asks for.
func (s *Session) FetchWait() time.Duration { return s.set.fetchWait }

func sameColumns(a, b []catalog.Column) bool {
	if len(a) != len(b) || (a == nil) != (b == nil) {
		return false
	}
	for i := range a {
		if a[i].Name != b[i].Name || a[i].Type != b[i].Type {
			return false
		}
	}
	return true
}

// env returns what expressions see: the settings, and the time of the transaction.
func (s *Session) env() *fn.Env {
	env := &fn.Env{Now: s.tx.time(s.cfg.Now).UnixMicro(), Setting: s.set.show, Sequences: &s.drawn,
		Access: privileges{s}, Catalog: s.objects(), Caller: &s.calls, Control: control{s}, Settings: s.set.list,
		Cursors: s.cfg.Cursors, Clients: s.activity, Locks: s.eng.Locks, Style: s.set.style,
		Blockers: s.eng.Blockers, Prepared: s.preparedStates,
		Storage: s.eng.Storage()}
	if s.Stale() {
		env.Sequences, env.Caller, env.Control = sequencesStale{&s.drawn}, callerStale{&s.calls}, controlStale{control{s}}
	}
	if s.again {
		env.Sequences, env.Caller, env.Control = sequencesAgain{&s.drawn}, callerAgain{&s.calls}, controlAgain{control{s}}
	}
	return env
}

// objects is the catalog as functions see it.
func (s *Session) objects() fn.CatalogInfo {
	c := s.eng.PlanContext(nil)
	c.Path = s.set.path
	return c.Objects()
}

// planContext returns what statements are planned against.
func (s *Session) planContext(p *Prepared) *planner.Context {
	c := s.eng.PlanContext(s.env())
	c.Path, c.Temp = s.set.path, s.temp.name(s)
	c.Params = p.params
	c.Needs, c.Given = &s.needs, p.given
	return c
}

// bind decides what a statement does, and whether it may.
func (s *Session) bind(p *Prepared) error {
	s.needs = nil
	if err := s.bindKind(p); err != nil {
		return err
	}
	return s.allowed(s.needs)
}

func (s *Session) bindKind(p *Prepared) error {
	if ctes := changesWith(p.stmt.Stmt); len(ctes) > 0 && p.given == nil {
		return s.bindWith(p, ctes)
	}
	switch st := p.stmt.Stmt.(type) {
	case *ast.QueryStmt:
		return s.bindQuery(p, st.Q)
	case *ast.Insert:
		return s.bindInsert(p, st)
	case *ast.Copy:
		return s.bindCopy(p, st)
	case *ast.Create:
		return s.bindCreate(p, st)
	case *ast.Alter:
		return s.bindAlter(p, st)
	case *ast.Comment:
		s.bindComment(p, st)
	case *ast.Maintain:
		p.run = func(ctx context.Context, _ []types.Value) (Result, error) { return s.maintain(ctx, st) }
	case *ast.Define:
		p.run = func(context.Context, []types.Value) (Result, error) { return s.define(st) }
	case *ast.Assert:
		return s.bindAssert(p, st)
	case *ast.Drop:
		p.run = func(ctx context.Context, _ []types.Value) (Result, error) { return s.drop(ctx, st) }
	case *ast.RoleChange:
		p.run = func(ctx context.Context, _ []types.Value) (Result, error) { return s.changeRole(ctx, st) }
	case *ast.Grant:
		p.run = func(ctx context.Context, _ []types.Value) (Result, error) { return s.grant(ctx, st) }
	case *ast.Terminate:
		p.run = func(ctx context.Context, _ []types.Value) (Result, error) { return s.terminate(ctx, st) }
	case *ast.PrintTopic:
		s.bindPrint(p, st)
	case *ast.Flush:
		p.run = func(ctx context.Context, _ []types.Value) (Result, error) { return s.flush(ctx, st) }
	case *ast.Show:
		return s.bindShow(p, st)
	case *ast.Describe:
		return s.bindDescribe(p, st)
	case *ast.Explain:
		return s.bindExplain(p, st)
	case *ast.Set:
		p.run = func(context.Context, []types.Value) (Result, error) { return s.runSet(st) }
	case *ast.Update, *ast.Delete, *ast.Truncate:
		return s.bindChange(p)
	case *ast.Merge:
		return s.bindMerge(p, p.stmt.Stmt.(*ast.Merge))
	case *ast.Begin, *ast.Commit, *ast.Rollback, *ast.Savepoint:
		p.run = func(ctx context.Context, _ []types.Value) (Result, error) { return s.control(ctx, p.stmt.Stmt) }
	default:
		return s.bindObject(p)
	}
	return nil
}

// bindObject binds what makes objects that are no tables.
func (s *Session) bindObject(p *Prepared) error {
	switch st := p.stmt.Stmt.(type) {
	case *ast.CreateIndex:
		return s.bindCreateIndex(p, st)
	case *ast.CreateType:
		return s.bindCreateType(p, st)
	case *ast.CreateDomain:
		return s.bindCreateDomain(p, st)
	case *ast.AlterEnum:
		return s.bindAlterEnum(p, st)
	case *ast.CreateSequence:
		return s.bindCreateSequence(p, st)
	case *ast.AlterSequence:
		return s.bindAlterSequence(p, st)
	case *ast.SetConstraints:
		p.run = func(ctx context.Context, _ []types.Value) (Result, error) { return s.setConstraints(ctx, st) }
	case *ast.CreateFunction:
		return s.bindCreateFunction(p, st)
	case *ast.DropFunction:
		p.run = func(ctx context.Context, _ []types.Value) (Result, error) { return s.dropFunction(ctx, p, st) }
	case *ast.CreateSchema:
		s.bindCreateSchema(p, st)
	default:
		return s.bindOwn(p)
	}
	return nil
}

// bindOwn binds what concerns nothing but the session: prepared statements, channels, and what it has gathered.
func (s *Session) bindOwn(p *Prepared) error {
	switch st := p.stmt.Stmt.(type) {
	case *ast.Listen:
		p.run = func(context.Context, []types.Value) (Result, error) { return s.listen(st) }
	case *ast.Prepare:
		return s.bindPrepare(p, st)
	case *ast.Execute:
		return s.bindExecute(p, st)
	case *ast.Deallocate:
		p.run = func(context.Context, []types.Value) (Result, error) { return s.deallocate(st) }
	case *ast.Backup:
		p.run = func(ctx context.Context, _ []types.Value) (Result, error) { return s.backup(ctx, st) }
	case *ast.Discard:
		p.run = func(ctx context.Context, _ []types.Value) (Result, error) { return s.discard(ctx, st) }
	default:
		return refuse(p.stmt)
	}
	return nil
}

// refuse names a statement that Leat knows and does not do.
func refuse(stmt parse.Statement) error {
	hint := "docs/sql.md lists the statements there are."
	if verb(stmt) == "LOCK" { // pg_dump begins with it
		hint = "COPY (SELECT …) TO STDOUT exports the rows of a query; pg_dump does not work."
	}
	return sqlerr.At(stmt.Start, sqlerr.FeatureNotSupported, "%s is not supported yet", verb(stmt)).WithHint("%s", hint)
}

// completed is a Result without rows.
type completed struct{ tag string }

func done(tag string) Result { return &completed{tag} }

func (c *completed) Next(context.Context) (*vec.Batch, error) { return nil, eof }
func (c *completed) Tag() (string, bool)                      { return c.tag, false }
func (c *completed) Close()                                   {}
