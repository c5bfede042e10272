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

// InsertPlan is a planned INSERT. The leading columns of Source are those of Rel, in order, with its types; columns the
// statement leaves out are NULL.
type InsertPlan struct {
	Rel    *catalog.Relation
	Source *plan.Query
	// RowTime is the column of Source that holds the event time in milliseconds, -1 when the statement does not give
	// it. A NULL there means the same.
	RowTime   int
	Conflict  *Conflict // nil when there is no such clause
	Checks    []plan.Expr
	Returning *Returning
	// Continuous inserts go on for ever: what the query emits is inserted as it comes. Pos is their place.
	Continuous bool
	Pos        int
	// QueryID is what the statement calls a query that goes on for ever; "" leaves it to the server.
	QueryID string
}

// rowTimeTarget stands for ROWTIME among the target columns.
const rowTimeTarget = -1

// Insert plans INSERT … VALUES and INSERT … SELECT. What a query over streams gives is inserted into a stream for ever,
// as in ksqlDB, unless the statement asks for what an end has: an order, a limit or RETURNING.
func Insert(ctx *Context, st *ast.Insert) (*InsertPlan, error) {
	b := newBinder(ctx, modePull)
	if err := b.withOf(st.With); err != nil {
		return nil, err
	}
	rel, continuous, err := b.insertTarget(st)
	if err != nil {
		return nil, err
	}
	if !continuous {
		p, err := b.insert(st, rel, false)
		if err != nil || rel.Kind != catalog.Stream || !p.Source.Stream && !streaming(p.Source.Root) || !endless(st) {
			return p, err
		}
	}
	b = newBinder(ctx, modeCreateStream)
	if err := b.withOf(st.With); err != nil {
		return nil, err
	}
	return b.insert(st, rel, true)
}

// streaming reports whether ksqlDB takes the rows of n, planned to be asked once, for a stream: those of streams, each
// with what tables have for it.
func streaming(n plan.Node) bool {
	switch n := n.(type) {
	case *plan.Scan:
		return n.Rel.Kind == catalog.Stream
	case *plan.Filter, *plan.Project, *plan.TableFunc:
		return streaming(n.Inputs()[0])
	case *plan.Join:
		return (n.Kind == plan.Inner || n.Kind == plan.Left) && streaming(n.Left) && scanned(n.Right) ||
			n.Kind == plan.Inner && streaming(n.Right) && scanned(n.Left)
	case *plan.Union:
		return !slices.ContainsFunc(n.Inputs(), func(in plan.Node) bool { return !streaming(in) })
	}
	return false
}

// scanned reports whether n gives the rows of relations, not something that was made of all of them.
func scanned(n plan.Node) bool {
	switch n := n.(type) {
	case *plan.Scan:
		return true
	case *plan.Filter, *plan.Project:
		return scanned(n.Inputs()[0])
	}
	return streaming(n)
}

// endless reports whether nothing in an INSERT of a query asks for an end.
func endless(st *ast.Insert) bool {
	if st.Q == nil {
		return false
	}
	_, isValues := st.Q.Body.(*ast.Values)
	return !isValues && len(st.Q.Order) == 0 && st.Q.Limit == nil && st.Q.Offset == nil && st.Conflict == nil &&
		len(st.Returning) == 0
}

func (b *binder) insert(st *ast.Insert, rel *catalog.Relation, continuous bool) (*InsertPlan, error) {
	b.need(rel, catalog.MayInsert)
	if continuous && rel.Placement == catalog.Spread {
		return nil, sqlerr.At(st.Table.Pos(), sqlerr.FeatureNotSupported,
			"a query that never ends cannot insert into \"%s\": its topic is spread over the nodes", rel.Name).
			WithHint("Insert into a stream with placement = 'home'. With ORDER BY or LIMIT the query is run once.")
	}
	id, err := queryID(st, continuous)
	if err != nil {
		return nil, err
	}
	targets, err := b.targets(rel, st.Columns, true)
	if err != nil {
		return nil, err
	}
	ins := &inserter{b: b, rel: rel, targets: targets, named: st.Columns, continuous: continuous, pos: st.Pos()}
	ins.plan.QueryID = id
	if err := ins.clauses(st); err != nil {
		return nil, err
	}
	if st.Default || st.Q == nil {
		return ins.rows(&ast.Values{P: st.P, Rows: [][]ast.Expr{{}}})
	}
	if v, ok := st.Q.Body.(*ast.Values); ok && len(st.Q.With) == 0 && len(st.Q.Order) == 0 && st.Q.Limit == nil &&
		st.Q.Offset == nil {
		return ins.rows(v)
	}
	return ins.query(st.Q)
}

// queryID reads the name that WITH gives a query that stays.
func queryID(st *ast.Insert, continuous bool) (string, error) {
	id := ""
	for _, p := range st.Props {
		lit, ok := p.Val.(*ast.Lit)
		switch {
		case p.Key != "query_id":
			return "", refuse(p.Pos(), "INSERT … WITH (%s)", p.Key)
		case !ok || lit.Kind != ast.LitString || !plainID(lit.Text):
			return "", sqlerr.At(p.Val.Pos(), sqlerr.InvalidParameterValue,
				"query_id is a text of letters, digits and underscores")
		}
		id = strings.ToUpper(lit.Text)
	}
	if id != "" && !continuous && !endless(st) {
		return "", sqlerr.At(st.Props[0].Pos(), sqlerr.InvalidParameterValue, "query_id is for a query that stays")
	}
	return id, nil
}

func plainID(s string) bool {
	return s != "" && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// insertTarget finds the relation that an INSERT writes to, and whether it goes on for ever: an INSERT of a query with
// EMIT CHANGES, or into a stream that a query writes to already, as in ksqlDB.
func (b *binder) insertTarget(st *ast.Insert) (*catalog.Relation, bool, error) {
	rel, err := b.relation(st.Table.Parts, st.Table.Pos())
	if err != nil || st.Q == nil {
		rel, err = b.target(st.Table)
		return rel, false, err
	}
	_, isValues := st.Q.Body.(*ast.Values)
	derived := rel.Kind == catalog.Stream && rel.Query != "" && !rel.Terminated && !isValues
	if st.Q.Emit == ast.EmitNone && !derived {
		rel, err = b.target(st.Table)
		return rel, false, err
	}
	switch {
	case rel.Kind != catalog.Stream:
		return nil, false, sqlerr.At(st.Table.Pos(), sqlerr.WrongObjectType,
			"a query that never ends can only be inserted into a stream, and \"%s\" is a %s", rel.Name,
			strings.ToLower(string(rel.Kind)))
	case rel.ReadOnly:
		rel, err = b.target(st.Table)
		return rel, false, err
	case st.Q.Emit == ast.EmitFinal:
		return nil, false, refuse(st.Q.Pos(), "INSERT … EMIT FINAL")
	}
	return rel, true, nil
}

// target finds the relation that rows are written to.
func (b *binder) target(name ast.Name) (*catalog.Relation, error) {
	return b.written("insert into", name)
}

// written finds the relation that a statement writes to; verb says in what way.
func (b *binder) written(verb string, name ast.Name) (*catalog.Relation, error) {
	rel, err := b.relation(name.Parts, name.Pos())
	if err != nil {
		return nil, err
	}
	switch {
	case rel.Kind == catalog.PlainView:
		return nil, sqlerr.At(name.Pos(), sqlerr.WrongObjectType, "cannot %s view \"%s\"", verb, rel.Name)
	case rel.ReadOnly:
		return nil, sqlerr.At(name.Pos(), sqlerr.WrongObjectType, "cannot %s the source %s \"%s\"",
			verb, strings.ToLower(string(rel.Kind)), rel.Name).WithHint("Only its topic's producers write to it.")
	case rel.Kind == catalog.View:
		return nil, sqlerr.At(name.Pos(), sqlerr.WrongObjectType, "cannot change materialized view \"%s\"", rel.Name)
	case rel.Kind == catalog.Sequence:
		return nil, sqlerr.At(name.Pos(), sqlerr.WrongObjectType, "cannot change sequence \"%s\"", rel.Name)
	case rel.Kind == catalog.System:
		return nil, sqlerr.At(name.Pos(), sqlerr.WrongObjectType, "cannot change system table \"%s\"", rel.Name)
	case rel.Query != "" && !rel.Terminated:
		err := sqlerr.At(name.Pos(), sqlerr.WrongObjectType,
			"cannot %s \"%s\": a query keeps it up to date", verb, rel.Name)
		if rel.QueryID != "" {
			err = err.WithHint("TERMINATE %s first.", rel.QueryID)
		}
		return nil, err
	case rel.Placement == catalog.Spread && rel.Kind == catalog.Table:
		return nil, sqlerr.At(name.Pos(), sqlerr.FeatureNotSupported,
			"cannot %s table \"%s\": its topic is spread over the nodes", verb, rel.Name).
			WithHint("Kafka's producers write it. A table that SQL is to write needs a topic with placement = 'home'.")
	}
	return rel, nil
}

// targets gives the positions of the named columns of rel; all columns when none is named.
func (b *binder) targets(rel *catalog.Relation, names []ast.Name, rowTime bool) ([]int, error) {
	var out []int
	if len(names) == 0 {
		for i, c := range rel.Columns {
			if !c.Headers {
				out = append(out, i)
			}
		}
		return out, nil
	}
	seen := map[int]bool{}
	for _, n := range names {
		i := rel.ColumnIndex(n.Last())
		if i < 0 && rowTime && n.Last() == "rowtime" {
			i = rowTimeTarget
		} else if i < 0 {
			return nil, undefinedTarget(rel, n)
		}
		if i >= 0 && rel.Columns[i].Headers {
			return nil, sqlerr.At(n.Pos(), sqlerr.WrongObjectType, "cannot insert into column \"%s\" of headers", n.Last())
		}
		if seen[i] {
			return nil, sqlerr.At(n.Pos(), sqlerr.DuplicateColumn, "column \"%s\" specified more than once", n.Last())
		}
		seen[i] = true
		out = append(out, i)
	}
	return out, nil
}

func undefinedTarget(rel *catalog.Relation, n ast.Name) error {
	err := sqlerr.At(n.Pos(), sqlerr.UndefinedColumn,
		"column \"%s\" of relation \"%s\" does not exist", n.Last(), rel.Name)
	var names []string
	for _, c := range rel.Columns {
		names = append(names, c.Name)
	}
	if near, ok := catalog.Nearest(n.Last(), names); ok {
		err = err.WithHint("Perhaps you meant to reference the column \"%s.%s\".", rel.Name, near)
	}
	return err
}

// inserter lines the rows of an INSERT up with its target.
type inserter struct {
	b       *binder
	rel     *catalog.Relation
	targets []int
	named   []ast.Name
	// continuous and pos are those of the plan.
	continuous bool
	pos        int
	standards  []plan.Expr // what stands in for columns without a value; filled as they are asked for
	plan       InsertPlan  // what the clauses behind the rows say
}

// clauses binds what stands behind the rows: ON CONFLICT and RETURNING; and the checks of the relation.
func (in *inserter) clauses(st *ast.Insert) error {
	var err error
	if in.continuous {
		if st.Conflict != nil || len(st.Returning) > 0 {
			return refuse(st.Pos(), "ON CONFLICT or RETURNING of an INSERT that goes on for ever")
		}
		if len(in.rel.Checks) > 0 {
			return refuse(st.Table.Pos(), "an INSERT that goes on for ever into a stream with CHECK constraints")
		}
		return nil
	}
	if st.Conflict != nil {
		if in.plan.Conflict, err = in.b.conflict(in.rel, st); err != nil {
			return err
		}
		if st.Conflict.Update != nil {
			in.b.need(in.rel, catalog.MayUpdate)
		}
		if st.Conflict.Update != nil || st.Conflict.Target != nil {
			in.b.need(in.rel, catalog.MaySelect)
		}
	}
	if len(st.Returning) > 0 {
		in.b.need(in.rel, catalog.MaySelect)
		src, err := renamed(rowSource(in.rel), ast.Alias{P: st.Table.P, Name: st.Alias}, st.Table.Pos())
		if err != nil {
			return err
		}
		if in.plan.Returning, err = in.b.returning(src, st.Returning); err != nil {
			return err
		}
	}
	in.plan.Checks, err = in.b.checks(in.rel)
	return err
}

// standard gives what stands in for a value that is not given: the column's DEFAULT, or NULL.
func (in *inserter) standard(i int) (plan.Expr, error) {
	if in.standards == nil {
		in.standards = make([]plan.Expr, len(in.rel.Columns))
	}
	if in.standards[i] != nil {
		return in.standards[i], nil
	}
	c := in.rel.Columns[i]
	var x plan.Expr = &plan.Const{Value: types.NullOf(c.Type)}
	if text := in.b.ctx.defaultText(&c); text != "" {
		var err error
		if x, err = in.b.kept(&scope{clause: "DEFAULT"}, text); err != nil {
			return nil, err
		}
		if x, err = in.b.coerce(x, c.Type, fn.Assignment, 0); err != nil {
			return nil, err
		}
	}
	in.standards[i] = x
	return x, nil
}

// column gives the name and type of target column t.
func (in *inserter) column(t int) (string, types.Type) {
	if t == rowTimeTarget {
		return "rowtime", types.Int8
	}
	return in.rel.Columns[t].Name, in.rel.Columns[t].Type
}

// hasRowTime reports whether the statement gives the event time.
func (in *inserter) hasRowTime() bool {
	for _, t := range in.targets {
		if t == rowTimeTarget {
			return true
		}
	}
	return false
}

// place is the position in a row of the plan's source of target column t.
func (in *inserter) place(t int) int {
	if t == rowTimeTarget {
		return len(in.rel.Columns)
	}
	return t
}

// blank is a row of defaults with the columns of the source.
func (in *inserter) blank() ([]plan.Expr, []plan.Column, error) {
	row := make([]plan.Expr, 0, len(in.rel.Columns)+1)
	cols := make([]plan.Column, 0, len(in.rel.Columns)+1)
	for i, c := range in.rel.Columns {
		x, err := in.standard(i)
		if err != nil {
			return nil, nil, err
		}
		row = append(row, x)
		cols = append(cols, colType(c.Name, c.Type))
	}
	if in.hasRowTime() {
		row = append(row, &plan.Const{Value: types.NullOf(types.Int8)})
		cols = append(cols, colType("rowtime", types.Int8))
	}
	return row, cols, nil
}

// assign converts x to the type of target column t.
func (in *inserter) assign(x plan.Expr, t int, pos int) (plan.Expr, error) {
	name, to := in.column(t)
	from := x.Type()
	if t == rowTimeTarget {
		y, err := in.b.instant(x, pos)
		if err != nil {
			return nil, err
		}
		x, from = y, y.Type()
	}
	if from != types.Unknown && !fn.CanCast(from, to, fn.Assignment) {
		return nil, sqlerr.At(pos, sqlerr.DatatypeMismatch,
			"column \"%s\" is of type %s but expression is of type %s", name, to.Base(), from.Base()).
			WithHint("You will need to rewrite or cast the expression.")
	}
	return in.b.coerce(x, to, fn.Assignment, pos)
}

// given refuses a value for a column that always makes its own.
func (in *inserter) given(t, pos int) error {
	if t == rowTimeTarget || in.rel.Columns[t].Identity != "ALWAYS" && in.rel.Columns[t].Generated == "" {
		return nil
	}
	name := in.rel.Columns[t].Name
	if in.rel.Columns[t].Generated != "" {
		return generatedOnly(pos, "cannot insert a non-DEFAULT value into column \"%s\"", name)
	}
	return sqlerr.At(pos, sqlerr.GeneratedAlways, "cannot insert a non-DEFAULT value into column \"%s\"", name).
		WithDetail("Column \"%s\" is an identity column defined as GENERATED ALWAYS.", name).
		WithHint("Leave the column out, or define it GENERATED BY DEFAULT.")
}

// checkWidth refuses a row of n expressions that is wider or narrower than the columns named.
func (in *inserter) checkWidth(n int, at func(i int) int) error {
	if n > len(in.targets) {
		return sqlerr.At(at(len(in.targets)), sqlerr.SyntaxError, "INSERT has more expressions than target columns")
	}
	if n < len(in.targets) && len(in.named) > 0 {
		return sqlerr.At(in.named[n].Pos(), sqlerr.SyntaxError, "INSERT has more target columns than expressions")
	}
	return nil
}

// rows plans INSERT … VALUES: every expression is converted on its own.
func (in *inserter) rows(v *ast.Values) (*InsertPlan, error) {
	n := &plan.Values{}
	sc := &scope{clause: "VALUES"}
	for _, exprs := range v.Rows {
		if len(exprs) != len(v.Rows[0]) {
			return nil, sqlerr.At(v.Pos(), sqlerr.SyntaxError, "VALUES lists must all be the same length")
		}
		if len(exprs) > 0 || len(in.named) > 0 {
			if err := in.checkWidth(len(exprs), func(i int) int { return leftmost(exprs[i]) }); err != nil {
				return nil, err
			}
		}
		row, cols, err := in.blank()
		if err != nil {
			return nil, err
		}
		n.Sch.Cols = cols
		for i, e := range exprs {
			if _, ok := e.(*ast.Default); ok {
				continue
			}
			if err := in.given(in.targets[i], e.Pos()); err != nil {
				return nil, err
			}
			_, want := in.column(in.targets[i])
			x, err := in.b.bindAs(sc, e, want, fn.Assignment)
			if err != nil {
				return nil, err
			}
			if x, err = in.assign(x, in.targets[i], leftmost(e)); err != nil {
				return nil, err
			}
			row[in.place(in.targets[i])] = x
		}
		n.Rows = append(n.Rows, row)
	}
	n.Sch.AppendOnly = true
	return in.finish(n)
}

// query plans INSERT … SELECT.
func (in *inserter) query(q *ast.Query) (*InsertPlan, error) {
	inner := *q
	bound, err := in.b.untyped(&inner)
	if err != nil {
		return nil, err
	}
	if err := in.checkWidth(len(bound.cols), func(i int) int { return bound.itemPos(i, q.Pos()) }); err != nil {
		return nil, err
	}
	if err := in.continuousColumns(bound, q.Pos()); err != nil {
		return nil, err
	}
	for i := range bound.cols {
		if bound.cols[i].Type == types.Unknown {
			_, to := in.column(in.targets[i])
			if err := in.b.convert(bound, i, to, fn.Assignment, bound.itemPos(i, q.Pos())); err != nil {
				return nil, err
			}
		}
	}
	row, cols, err := in.blank()
	if err != nil {
		return nil, err
	}
	for i := range bound.cols {
		if err := in.given(in.targets[i], bound.itemPos(i, q.Pos())); err != nil {
			return nil, err
		}
		x, err := in.assign(colOf(bound.node, i), in.targets[i], bound.itemPos(i, q.Pos()))
		if err != nil {
			return nil, err
		}
		row[in.place(in.targets[i])] = x
	}
	return in.finish(&plan.Project{In: bound.node, Exprs: row, Sch: plan.Schema{Cols: cols}})
}

// untyped binds a query and leaves columns that have no type yet as they are, where no clause needs one.
func (b *binder) untyped(q *ast.Query) (*boundQuery, error) {
	if len(q.With) > 0 || q.Limit != nil || q.Offset != nil || len(q.Order) > 0 {
		return b.query(q, false)
	}
	if err := b.checkQuery(q, false); err != nil {
		return nil, err
	}
	return b.body(q.Body, nil, false, false)
}

func (in *inserter) finish(n plan.Node) (*InsertPlan, error) {
	bound := &boundQuery{node: n, cols: n.Schema().Cols}
	emit := ast.EmitNone
	if in.continuous {
		emit = ast.EmitChanges
	}
	if err := in.b.unusedWith(0); err != nil {
		return nil, err
	}
	q, err := in.b.finish(bound, emit)
	if err != nil {
		return nil, err
	}
	p := &in.plan
	p.Rel, p.Source, p.RowTime, p.Continuous, p.Pos = in.rel, q, -1, in.continuous, in.pos
	if in.continuous && !q.Stream {
		return nil, sqlerr.At(in.pos, sqlerr.WrongObjectType, "only a stream can be inserted for ever").
			WithHint("The rows of this query change, or they end.")
	}
	if in.hasRowTime() {
		p.RowTime = len(in.rel.Columns)
	}
	if in.continuous {
		if len(q.Params) > 0 {
			return nil, sqlerr.At(in.pos, sqlerr.UndefinedParameter, "there is no parameter $1").
				WithHint("A query that stays cannot have parameters.")
		}
		q.Timed = in.hasRowTime()
		carry(q)
	}
	return p, nil
}

// CopyPlan is a planned COPY … FROM.
type CopyPlan struct {
	Rel  *catalog.Relation
	Cols []int // the positions of the columns that come, in order
	// Defaults are what stands in for the others, by position; of columns that come they are nil.
	Defaults []plan.Expr
	Checks   []plan.Expr
}

// CopyFrom plans COPY … FROM.
func CopyFrom(ctx *Context, st *ast.Copy) (*CopyPlan, error) {
	b := newBinder(ctx, modePull)
	rel, err := b.target(st.Table)
	if err != nil {
		return nil, err
	}
	b.need(rel, catalog.MayInsert)
	p := &CopyPlan{Rel: rel, Defaults: make([]plan.Expr, len(rel.Columns))}
	if p.Cols, err = b.targets(rel, st.Columns, false); err != nil {
		return nil, err
	}
	if p.Cols, err = copied(rel, p.Cols, st.Columns); err != nil {
		return nil, err
	}
	in := &inserter{b: b, rel: rel}
	for i := range rel.Columns {
		if !slices.Contains(p.Cols, i) {
			if p.Defaults[i], err = in.standard(i); err != nil {
				return nil, err
			}
		}
	}
	p.Checks, err = b.checks(rel)
	return p, err
}

// Constant evaluates an expression that refers to nothing: an argument of SET, EXECUTE or FETCH. A column name is an
// error. An untyped literal becomes text.
func Constant(ctx *Context, e ast.Expr) (types.Value, error) {
	b := newBinder(ctx, modePull)
	x, err := b.known(&scope{clause: "this statement"}, e)
	if err != nil {
		return types.Value{}, err
	}
	if c, ok := x.(*plan.Const); ok {
		return c.Value, nil
	}
	if len(b.paramUses) > 0 {
		return types.Value{}, sqlerr.At(e.Pos(), sqlerr.UndefinedParameter, "there is no parameter $1")
	}
	return b.evaluate(x, e.Pos())
}
