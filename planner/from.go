package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// from binds the FROM list; without one there is a single row of no columns.
func (b *binder) from(items []ast.From) (*source, error) {
	src := &source{node: &plan.Values{Rows: [][]plan.Expr{{}}, Sch: plan.Schema{Key: []int{}, AppendOnly: true}}}
	for i, item := range items {
		if i > 0 && lateral(item) {
			var err error
			if src, err = b.beside(src, item, false, nil); err != nil {
				return nil, err
			}
			continue
		}
		if i > 0 && lateralWithin(item) {
			var err error
			if src, err = b.lateralItem(src, item); err != nil {
				return nil, err
			}
			continue
		}
		next, err := b.fromItem(item)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			src = next
			continue
		}
		if err := distinctNames(src, next, item.Pos()); err != nil {
			return nil, err
		}
		if b.ksql() {
			return nil, sqlerr.At(item.Pos(), sqlerr.FeatureNotSupported,
				"a join must be on an equality of its two sides here").WithHint(useView)
		}
		src = b.joined(plan.Inner, src, next)
	}
	return src, nil
}

// fromItem binds one item of FROM.
func (b *binder) fromItem(item ast.From) (*source, error) {
	switch item := item.(type) {
	case *ast.TableRef:
		return b.table(item)
	case *ast.SubqueryRef:
		saved := b.outer
		for n := len(b.outer); n > 0 && b.outer[n-1].lateral; n-- {
			b.outer = b.outer[:n-1]
		}
		q, err := b.query(item.Q, true)
		b.outer = saved
		if err != nil {
			return nil, err
		}
		return b.derived(q, item.Alias, item.Pos())
	case *ast.FuncRef:
		if windowFunction(item) {
			return b.windowTable(item)
		}
		none, err := b.from(nil)
		if err != nil {
			return nil, err
		}
		return b.tableFunction(none, item)
	case *ast.Join:
		return b.join(item)
	}
	return nil, refuse(item.Pos(), "this item of FROM")
}

// table binds a relation or a WITH query by name.
func (b *binder) table(ref *ast.TableRef) (*source, error) {
	if ref.AsOf != nil {
		return b.asOfNow(ref)
	}
	if len(ref.Name) == 1 {
		for i := len(b.ctes) - 1; i >= 0; i-- {
			if b.ctes[i].def.Name == ref.Name[0] {
				return b.expand(i, ref)
			}
		}
	}
	rel, err := b.relation(ref.Name, ref.Pos())
	if err != nil {
		return nil, err
	}
	b.ctx.Found.table(rel, ref)
	if rel.Computed() && b.mode != modePull {
		what := "a system table"
		if rel.Kind == catalog.Sequence {
			what = "a sequence"
		}
		return nil, refuse(ref.Pos(), "%s in a query that never ends", what).
			WithHint("Its rows are those of the moment it is read; ask for them without EMIT CHANGES.")
	}
	if rel.Kind == catalog.PlainView {
		return b.view(rel, ref)
	}
	if err := b.openWindows(rel, ref.Pos()); err != nil {
		return nil, err
	}
	b.read(rel)
	src := scan(rel)
	b.withRowID(src, rel, ref)
	if rel.Kind == catalog.System {
		src.systemColumns(rel, b.ctx.Catalog.Version())
	}
	return renamed(src, ref.Alias, ref.Pos())
}

// maxViews bounds how deep views are made of views.
const maxViews = 32

// view binds the query of a view where it is named, in the scope the view was made in.
func (b *binder) view(rel *catalog.Relation, ref *ast.TableRef) (*source, error) {
	if b.views++; b.views > maxViews {
		return nil, sqlerr.At(ref.Pos(), sqlerr.StatementTooComplex, "views are nested too deeply")
	}
	q, err := parse.InlinedQuery(rel.Query, ref.Pos())
	if err != nil {
		return nil, sqlerr.At(ref.Pos(), sqlerr.DataCorrupted, "the query of view \"%s\" cannot be read", rel.Name)
	}
	b.use(rel.ID)
	b.need(rel, catalog.MaySelect)
	restore := b.elsewhere(rel.Settings["search_path"])
	b.ctx.as = rel.OwnedBy()
	bound, err := b.query(q, true)
	restore()
	if b.views--; err != nil {
		return nil, sqlerr.At(ref.Pos(), sqlerr.From(err).Code, "view \"%s\": %s", rel.Name, sqlerr.From(err).Message)
	}
	var names []string
	for _, c := range rel.Columns {
		names = append(names, c.Name)
	}
	if bound, err = b.named(bound, names, rel.Name, ref.Pos()); err != nil {
		return nil, err
	}
	bound.origins = nil
	for i := range names {
		bound.origins = append(bound.origins, plan.Origin{Relation: rel.ID, Column: i + 1})
	}
	alias := ref.Alias
	if alias.Name == "" {
		alias.Name = rel.Name
	}
	return b.derived(bound, alias, ref.Pos())
}

// expand binds a WITH query where it is named.
func (b *binder) expand(i int, ref *ast.TableRef) (*source, error) {
	saved, outer := b.ctes, b.outer
	def := saved[i].def
	saved[i].used = true
	var q *boundQuery
	var err error
	if saved[i].columns != nil {
		q = saved[i].itself()
	} else {
		b.ctes, b.outer = saved[:saved[i].outer:saved[i].outer], outer[:saved[i].depth]
		q, err = b.cteQuery(&saved[i])
		b.ctes, b.outer = saved, outer
	}
	if err != nil {
		return nil, err
	}
	if len(def.Cols) > 0 && saved[i].columns == nil {
		if q, err = b.named(q, def.Cols, def.Name, def.Pos()); err != nil {
			return nil, err
		}
	}
	alias := ref.Alias
	if alias.Name == "" {
		alias.Name = def.Name
	}
	return b.derived(q, alias, ref.Pos())
}

// cteQuery binds the query of a WITH query.
func (b *binder) cteQuery(c *cte) (*boundQuery, error) {
	if c.recursive {
		return b.recursive(c)
	}
	if c.def.Change != nil {
		return b.given(c.def)
	}
	return b.query(c.def.Q, true)
}

// given is what a WITH query that changes rows has returned.
func (b *binder) given(def *ast.CTE) (*boundQuery, error) {
	g := b.ctx.Given[def.Name]
	if g.Cols == nil {
		return nil, sqlerr.At(def.Pos(), sqlerr.FeatureNotSupported, "WITH query \"%s\" does not have a RETURNING clause",
			def.Name)
	}
	n := &plan.Values{Rows: g.Rows, Sch: plan.Schema{Cols: g.Cols}}
	return &boundQuery{node: n, cols: g.Cols, millis: make([]bool, len(g.Cols)), rowTime: -1, streamTime: -1,
		windowAt: [2]int{-1, -1}}, nil
}

// named gives new names to the leading columns of a query.
func (b *binder) named(q *boundQuery, names []string, table string, pos int) (*boundQuery, error) {
	if len(names) > len(q.cols) {
		return nil, sqlerr.At(pos, sqlerr.InvalidColumnReference,
			"table \"%s\" has %d columns available but %d columns specified", table, len(q.cols), len(names))
	}
	r := *q
	r.cols = append([]plan.Column(nil), q.cols...)
	for i, n := range names {
		r.cols[i].Name = n
	}
	return &r, nil
}

// scan makes the source of a relation: its columns, and the pseudo columns where its rows have them.
func scan(rel *catalog.Relation) *source {
	n := len(rel.Columns)
	s := &plan.Scan{Rel: rel, Cols: make([]int, 0, n+4)}
	src := &source{node: s, cols: make([]scopeColumn, 0, n+6), stream: rel.Kind == catalog.Stream}
	s.Sch.Cols = make([]plan.Column, 0, n+4)
	add := func(at int, name string, t types.Type) *plan.Col {
		s.Cols = append(s.Cols, at)
		s.Sch.Cols = append(s.Sch.Cols, colType(name, t))
		return &plan.Col{Index: len(s.Cols) - 1, Typ: t, Name: name}
	}
	name := func(n string, x plan.Expr, hidden bool) *scopeColumn {
		src.cols = append(src.cols, scopeColumn{table: rel.Name, schema: rel.Schema, name: n, expr: x, rel: rel,
			hidden: hidden})
		return &src.cols[len(src.cols)-1]
	}
	for i, c := range rel.Columns {
		col := name(c.Name, add(i, c.Name, c.Type), false)
		col.origin = plan.Origin{Relation: rel.ID, Column: i + 1}
		col.millis = rel.Windowed && c.Type == types.Int8 && (c.Name == "windowstart" || c.Name == "windowend")
	}
	if rel.Computed() {
		return src
	}
	src.key = relationParts(s, rel)
	if rel.Windowed {
		if k := rel.Key; len(k) >= 2 {
			for i, pseudo := range []string{"window_start", "window_end"} {
				at := k[len(k)-2+i]
				if rel.Columns[at].Type == types.Int8 {
					name(pseudo, instantOf(colOf(s, at)), true)
				}
			}
		}
	}
	rowTime := add(plan.RowTime, "rowtime", types.Int8)
	name("rowtime", rowTime, true).millis = true
	name("event_time", instantOf(rowTime), true)
	name("rowpartition", add(plan.RowPartition, "rowpartition", types.Int4), true)
	name("rowoffset", add(plan.RowOffset, "rowoffset", types.Int8), true)
	src.rowTime = rowTime
	src.streamTime = add(plan.StreamTime, "streamtime", types.Int8)
	return src
}

// systemColumns adds the columns of PostgreSQL's that its rows of the catalog have besides the others. What changed the
// catalog last may have changed any row.
func (s *source) systemColumns(rel *catalog.Relation, version uint64) {
	add := func(name string, v types.Value) {
		s.cols = append(s.cols, scopeColumn{table: rel.Name, schema: rel.Schema, name: name, expr: &plan.Const{Value: v},
			rel: rel, hidden: true})
	}
	add("tableoid", types.Value{Type: types.OID, Int: int64(rel.ID)})
	add("xmin", types.Value{Type: types.XID, Int: int64(uint32(version))})
	add("xmax", types.Value{Type: types.XID})
	add("cmin", types.Value{Type: types.CID})
	add("cmax", types.Value{Type: types.CID})
}

// renamed applies an alias to a source.
func renamed(src *source, a ast.Alias, pos int) (*source, error) {
	if a.Defs != nil {
		return nil, sqlerr.At(a.Pos(), sqlerr.SyntaxError,
			"a column definition list is only allowed for functions returning \"record\"")
	}
	if a.Name == "" {
		return src, nil
	}
	n := 0
	for i := range src.cols {
		c := &src.cols[i]
		c.table, c.schema = a.Name, ""
		if !c.hidden {
			if n < len(a.Cols) {
				c.name = a.Cols[n]
			}
			n++
		}
	}
	if len(a.Cols) > n {
		return nil, sqlerr.At(pos, sqlerr.InvalidColumnReference,
			"table \"%s\" has %d columns available but %d columns specified", a.Name, n, len(a.Cols))
	}
	return src, nil
}

// derived makes a bound query something to select from.
func (b *binder) derived(q *boundQuery, a ast.Alias, pos int) (*source, error) {
	src := &source{node: q.node, stream: q.stream}
	for i, c := range q.cols {
		src.cols = append(src.cols, scopeColumn{
			name: c.Name, expr: &plan.Col{Index: i, Typ: c.Type, Name: c.Name}, millis: q.millis[i],
		})
	}
	for i := range q.origins {
		src.cols[i].origin = q.origins[i]
	}
	for _, k := range q.key {
		src.key = append(src.key, keyPart{exprs: []plan.Expr{src.cols[k].expr}})
	}
	if q.rowTime >= 0 {
		rowTime := colOf(q.node, q.rowTime)
		src.rowTime, src.streamTime = rowTime, colOf(q.node, q.streamTime)
		src.cols = append(src.cols,
			scopeColumn{name: "rowtime", expr: rowTime, hidden: true, millis: true},
			scopeColumn{name: "event_time", expr: instantOf(rowTime), hidden: true})
	}
	return renamed(src, a, pos)
}

// distinctNames checks that no two ranges of a FROM have one name.
func distinctNames(l, r *source, pos int) error {
	for i := range r.cols {
		rc := &r.cols[i]
		if rc.table == "" || i > 0 && r.cols[i-1].table == rc.table {
			continue
		}
		for j := range l.cols {
			lc := &l.cols[j]
			// Relations of one name in two schemas may stand beside each other, but not beside another range of the name.
			if lc.table == rc.table && (lc.schema == rc.schema || lc.schema == "" || rc.schema == "") {
				return sqlerr.At(pos, sqlerr.DuplicateAlias, "table name \"%s\" specified more than once", rc.table)
			}
		}
	}
	return nil
}
