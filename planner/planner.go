// Package planner decides how a statement is done: it binds names to relations and columns, types every expression,
// checks what PostgreSQL and ksqlDB check, and turns the syntax tree into a tree of package plan. A pull query, a push
// query and a maintained one are planned by the same code; what differs is said by the mode of the binder.
//
// The way of a query: binding gives a tree in which every scan has all columns and every condition stands where it was
// written; push moves conditions down and finds join keys; prune drops the columns that nobody uses; derive finds keys
// and which relations only grow; look-ups are found last.
package planner

import (
	"slices"

	"time"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// DefaultGrace is how long a window stays open after its start when the query does not say: ksqlDB's 24 hours.
const DefaultGrace = 24 * time.Hour

// Context is what a statement is planned against.
type Context struct {
	Catalog *catalog.Snapshot
	// Path lists the schemas in which unqualified names are looked for; nil means public.
	Path []string
	// Temp is the schema of the session's temporary relations, which comes first in Path once there are some.
	Temp string
	// Env serves constant folding; it may be nil.
	Env *fn.Env
	// Params are the declared types of $1, $2 …; Unknown ones, and those beyond its end, are inferred.
	Params []types.Type
	// System finds relations whose rows come from the server itself. It may be nil.
	System func(schema, name string) (*catalog.Relation, bool)
	// SystemByID finds them by their number. It may be nil.
	SystemByID func(id uint32) (*catalog.Relation, bool)
	// Sample tells of the rows of a relation, for the order of joins; nil for one of which nothing is known. It may be
	// nil itself.
	Sample func(*catalog.Relation) *Sample
	// Needs, where it is not nil, is filled with what the statement does to relations, so that it can be asked whether it
	// may.
	Needs *[]Need
	// Given are the rows of the WITH queries that change others, by name: they have run already.
	Given map[string]*Given
	// Found, where it is not nil, collects where the statement names what it says.
	Found *References
	// as is the role whose privileges count inside of a view: its owner. "" is whoever asks.
	as string
	// rowIDs are the tables of which a query selects what their rows are known by, and the names of those columns.
	rowIDs map[*ast.TableRef]string
	// Logical asks for the plan as it was bound, for EXPLAIN.
	Logical bool
}

// Given is what a statement in WITH that changes rows returns.
type Given struct {
	Cols []plan.Column // nil without RETURNING
	Rows [][]plan.Expr
}

// Need is what a statement does to a relation.
type Need struct {
	Rel *catalog.Relation
	Can catalog.Privilege
	As  string // the owner of the view in which it does it; "" is whoever asks
}

// mode says what a query is planned for.
type mode uint8

const (
	modePull         mode = iota
	modePush              // EMIT CHANGES
	modeCreateStream      // CREATE STREAM … AS
	modeCreateTable       // CREATE TABLE … AS
	modeCreateView        // CREATE MATERIALIZED VIEW … AS
)

// Query plans a pull or, with EMIT CHANGES, a push query.
func Query(ctx *Context, q *ast.Query) (*plan.Query, error) {
	m := modePull
	if q.Emit != ast.EmitNone {
		m = modePush
	}
	b := newBinder(ctx, m)
	return b.plan(q)
}

// plan plans a whole query and everything below it.
func (b *binder) plan(q *ast.Query) (*plan.Query, error) {
	bound, err := b.query(q, false)
	if err != nil {
		return nil, err
	}
	if err := b.finalUsed(bound, q); err != nil {
		return nil, err
	}
	if b.mode == modePush {
		b.keepKey(bound)
	}
	follow, err := b.follow(q.Follow)
	if err != nil {
		return nil, err
	}
	out, err := b.finish(bound, q.Emit)
	if err != nil {
		return nil, err
	}
	out.Follow = follow
	return out, b.guarded(out.Root, q)
}

// keepKey adds what tells the rows of a push query apart, where it is not selected, as hidden columns: a row that
// replaces another can then be shown in its place.
func (b *binder) keepKey(q *boundQuery) {
	node := q.node
	if s, ok := node.(*plan.Sort); ok && len(s.By) == 0 { // LIMIT, whose columns are those of its input
		node, s.Sch = s.In, plan.Schema{}
	}
	p, ok := node.(*plan.Project)
	if !ok {
		return
	}
	keys := b.derive(p.In)
	if len(keys) == 0 || p.In.Schema().AppendOnly || len(projectKeys(p, keys)) > 0 {
		return
	}
	for _, k := range keys[0] {
		if slices.ContainsFunc(p.Exprs, func(x plan.Expr) bool { return equal(x, colOf(p.In, k)) }) {
			continue
		}
		p.Exprs = append(p.Exprs, colOf(p.In, k))
		p.Sch.Cols = append(p.Sch.Cols, p.In.Schema().Cols[k])
	}
}

// finish optimises a bound query and completes its description.
func (b *binder) finish(bound *boundQuery, emit ast.Emit) (*plan.Query, error) {
	if err := b.settleParams(); err != nil {
		return nil, err
	}
	logical := ""
	if b.ctx.Logical {
		logical = nodeString(bound.node)
	}
	root, err := b.optimise(bound.node, bound.width())
	if err != nil {
		return nil, err
	}
	return &plan.Query{
		Root: root, Logical: logical, Emit: emit, Visible: len(bound.cols), Origins: bound.origins, Params: b.params,
		Reads: b.reads, Uses: b.uses, Rules: b.rulesApplied,
		Stream: root.Schema().AppendOnly && len(b.reads) > 0,
	}, nil
}

// setting is the value of a setting of the session, "" where it has none.
func (c *Context) setting(name string) string {
	if c.Env == nil || c.Env.Setting == nil {
		return ""
	}
	return c.Env.Setting(name)
}

// refuse is the error for what parses and is not done yet.
func refuse(pos int, what string, args ...any) *sqlerr.Error {
	return sqlerr.At(pos, sqlerr.FeatureNotSupported, what+" is not supported yet", args...)
}
