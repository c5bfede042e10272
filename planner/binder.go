package planner

import (
	"slices"
	"strings"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// binder binds one statement.
type binder struct {
	ctx  *Context
	env  *fn.Env
	mode mode

	params     []types.Type
	paramUses  []paramUse
	refs       map[plan.Expr]reference
	reads      []*catalog.Relation
	uses       []uint32 // views and functions that were put in
	ctes       []cte    // in scope, the innermost last
	groups     map[*plan.Aggregate]grouping
	outer      []*outerFrame   // what queries within expressions may refer to, the innermost last
	views      int             // how deep views within views are
	calls      int             // how deep functions within functions are
	recursions int             // how many recursive queries there were
	final      bool            // EMIT FINAL: the windowed aggregation is to wait until its windows are closed
	disabled   map[string]bool // rules of the optimiser; see off
	// rulesApplied are the rules that changed the plan, where EXPLAIN asks for them.
	rulesApplied []string
	vars         []*plan.Var // the parameters of the lambdas that are being bound, the innermost last
}

// paramUse is a place where a parameter stands.
type paramUse struct {
	p   *plan.Param
	pos int
}

// reference remembers how the user wrote a column, for errors that are found after binding.
type reference struct {
	pos    int
	name   string            // "s.x"
	rel    *catalog.Relation // what it is a column of; nil for a derived column
	millis bool              // a time in milliseconds: ROWTIME, WINDOWSTART, WINDOWEND
	origin plan.Origin
}

// cte is a WITH query: it is bound anew, in the scope it was written in, wherever it is named.
type cte struct {
	def   *ast.CTE
	outer int // how many ctes it sees
	depth int // how many outer frames it sees
	used  bool
	// recursive queries read themselves.
	recursive bool
	// columns and id are set while the recursive part of a WITH RECURSIVE query is bound, which reads itself.
	columns []plan.Column
	id      int
}

func newBinder(ctx *Context, m mode) *binder {
	b := &binder{ctx: ctx, env: ctx.Env, mode: m, refs: map[plan.Expr]reference{},
		groups: map[*plan.Aggregate]grouping{}}
	if b.env == nil {
		b.env = &fn.Env{}
	}
	if b.env.Setting == nil {
		b.env = &fn.Env{Now: b.env.Now, Setting: func(string) string { return "" }}
	}
	if b.env.Catalog == nil && ctx.Catalog != nil {
		env := *b.env
		env.Catalog = ctx.Objects()
		b.env = &env
	}
	b.params = append(b.params, ctx.Params...)
	return b
}

// maintained reports whether the query's result is kept up to date and stored.
func (b *binder) maintained() bool { return b.mode >= modeCreateStream }

// lookupJoins reports whether a stream meets a table's rows as they are when it comes, as in ksqlDB.
func (b *binder) lookupJoins() bool {
	return b.mode == modePush || b.mode == modeCreateStream || b.mode == modeCreateTable
}

// ksql reports whether a stream or table is made of ksqlDB's relations, as far as they were bound. Then the statement
// follows ksqlDB where the ways of PostgreSQL are others.
func (b *binder) ksql() bool {
	return b.keyed() && slices.ContainsFunc(b.reads, isKsql)
}

func isKsql(r *catalog.Relation) bool { return r.Ksql }

// param binds $n.
func (b *binder) param(e *ast.Param) (plan.Expr, error) {
	if e.N < 1 || e.N > 65535 {
		return nil, sqlerr.At(e.Pos(), sqlerr.UndefinedParameter, "there is no parameter $%d", e.N)
	}
	for len(b.params) < e.N {
		b.params = append(b.params, types.Unknown)
	}
	p := &plan.Param{N: e.N, Typ: b.params[e.N-1]}
	b.paramUses = append(b.paramUses, paramUse{p, e.Pos()})
	return p, nil
}

// setParam gives an untyped parameter the type its place asks for.
func (b *binder) setParam(p *plan.Param, t types.Type, pos int) error {
	t = t.Base()
	if had := b.params[p.N-1]; had != types.Unknown && had != t {
		return sqlerr.At(pos, sqlerr.AmbiguousParameter, "inconsistent types deduced for parameter $%d", p.N).
			WithDetail("%s versus %s", had, t)
	}
	b.params[p.N-1] = t
	p.Typ = t
	return nil
}

// settleParams checks that every parameter has a type at the end, and gives it to all its uses.
func (b *binder) settleParams() error {
	for _, u := range b.paramUses {
		if u.p.Typ == types.Unknown {
			u.p.Typ = b.params[u.p.N-1]
		}
		if u.p.Typ == types.Unknown {
			return sqlerr.At(u.pos, sqlerr.IndeterminateDatatype,
				"could not determine data type of parameter $%d", u.p.N)
		}
	}
	for i, t := range b.params {
		if t == types.Unknown {
			return sqlerr.New(sqlerr.IndeterminateDatatype, "could not determine data type of parameter $%d", i+1)
		}
	}
	return nil
}

// relation finds the relation that name means.
func (b *binder) relation(name []string, pos int) (*catalog.Relation, error) {
	last := name[len(name)-1]
	if len(name) > 1 {
		schema := name[len(name)-2]
		if schema == catalog.TempAlias {
			schema = b.ctx.Temp
		}
		if r, ok := b.lookup(schema, last); ok {
			return r, nil
		}
		return nil, sqlerr.Locate(b.ctx.Catalog.Undefined(b.ctx.path(), name), pos)
	}
	path := b.ctx.path()
	implicit := true
	for _, schema := range path {
		implicit = implicit && schema != systemSchema
	}
	if implicit {
		if r, ok := b.lookup(systemSchema, last); ok {
			return r, nil
		}
	}
	for _, schema := range path {
		if r, ok := b.lookup(schema, last); ok {
			return r, nil
		}
	}
	return nil, sqlerr.Locate(b.ctx.Catalog.Undefined(path, name), pos)
}

// systemSchema is searched before the path unless the path names it.
const systemSchema = "pg_catalog"

func (b *binder) lookup(schema, name string) (*catalog.Relation, bool) {
	if r, ok := b.ctx.Catalog.Relation(schema, name); ok && r.Kind != catalog.Type {
		return r, true
	}
	if b.ctx.System != nil {
		return b.ctx.System(schema, name)
	}
	return nil, false
}

func (c *Context) path() []string {
	if c.Path == nil {
		return []string{catalog.Public}
	}
	return c.Path
}

// use notes that the query has the view or function id in it.
func (b *binder) use(id uint32) {
	if !slices.Contains(b.uses, id) {
		b.uses = append(b.uses, id)
	}
}

// elsewhere makes the binder see names as they were seen where a view or function was made, and returns what takes
// that back.
func (b *binder) elsewhere(searchPath string) (restore func()) {
	ctx, ctes, outer, vars := b.ctx, b.ctes, b.outer, b.vars
	there := *ctx
	there.Path, there.Found = SearchPath(searchPath), nil
	b.ctx, b.ctes, b.outer, b.vars = &there, nil, nil, make([]*plan.Var, len(vars))
	for i, v := range vars { // they keep their numbers and cannot be named
		hidden := *v
		hidden.Name = ""
		b.vars[i] = &hidden
	}
	return func() { b.ctx, b.ctes, b.outer, b.vars = ctx, ctes, outer, vars }
}

// SearchPath reads the schemas that a value of the setting search_path lists. Nothing at all means public.
func SearchPath(value string) []string {
	if value == "" {
		return nil
	}
	path := []string{}
	for _, p := range strings.Split(value, ",") {
		if p = strings.Trim(strings.TrimSpace(p), `"`); p != "" && p != "$user" {
			path = append(path, p)
		}
	}
	return path
}

// need notes that the statement does something to r.
func (b *binder) need(r *catalog.Relation, can catalog.Privilege) {
	if b.ctx.Needs != nil {
		*b.ctx.Needs = append(*b.ctx.Needs, Need{r, can, b.ctx.as})
	}
}

// read notes that the query reads r.
func (b *binder) read(r *catalog.Relation) {
	b.need(r, catalog.MaySelect)
	b.note(r)
}

// note notes that the query depends on r.
func (b *binder) note(r *catalog.Relation) {
	for _, had := range b.reads {
		if had == r {
			return
		}
	}
	b.reads = append(b.reads, r)
}
