package engine

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"slices"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// Alter changes a relation, planned over old, and the rows that are there. What reads it stands in the way where it
// would become something else.
func (e *Engine) Alter(ctx context.Context, old *catalog.Relation, p *planner.AlterPlan, env *fn.Env) error {
	e.seqs.mu.Lock()
	defer e.seqs.mu.Unlock()
	e.ddl.Lock()
	defer e.ddl.Unlock()
	r := p.Rel
	old, err := e.current(old)
	if err != nil {
		return err
	}
	r.Was, r.History = old.Was, old.History
	if err := writable(old); err != nil {
		return err
	}
	if _, taken := e.Catalog().Relation(r.Schema, r.Name); taken && r.Name != old.Name {
		return sqlerr.New(sqlerr.DuplicateTable, "relation %q already exists", r.Name)
	}
	named, err := e.unmoved(old, p)
	if err != nil {
		return err
	}
	doomed, cascades, err := e.needing(old, p)
	if err != nil {
		return err
	}
	if len(e.Catalog().Sending(old.ID)) > 0 {
		if err := planner.HoldsLetters(r); err != nil {
			return err
		}
	}
	change := cluster.Change{IfVersion: e.version, Put: map[string][]byte{}}
	counts, err := e.alterSequences(p, &change)
	if err != nil {
		return err
	}
	p.Gone = nil
	for _, dep := range cascades {
		p.Gone = append(p.Gone, described(dep))
	}
	goes := func(what string) { p.Gone = append(p.Gone, what) }
	left, err := e.withoutLetters(doomed, true, goes)
	if err != nil {
		return err
	}
	if err := putAll(&change, slices.Concat(named, p.Others, left, []*catalog.Relation{r})...); err != nil {
		return err
	}
	if err := e.dropUnowned(p, &change, goes); err != nil {
		return err
	}
	if err := e.dropsOf(doomed, false, &change); err != nil {
		return err
	}
	err = e.flow.do(context.WithoutCancel(ctx), func() error {
		return e.commitAlter(ctx, old, p, counts, change, env, func() error { return e.flow.dropped(doomed, left) })
	})
	return translate(err)
}

// unmoved checks that what reads a relation is not touched by a change of it. Those that select * have to name their
// columns from now on; it returns them as they are then.
func (e *Engine) unmoved(old *catalog.Relation, p *planner.AlterPlan) (named []*catalog.Relation, err error) {
	cat := e.Catalog()
	ctx := e.PlanContext(nil)
	ctx.Catalog = cat.Replacing(p.Rel)
	if p.Renamed {
		return e.carryRename(old, p)
	}
	for _, dep := range cat.Dependants(old.ID) {
		if p.Dropped {
			break // see needing
		}
		if dep.Target == old.ID {
			return nil, sqlerr.New(sqlerr.FeatureNotSupported, "cannot alter %s because %s inserts into it", described(old),
				described(dep)).WithHint("TERMINATE %s first.", dep.QueryID)
		}
		stmts, err := parse.Parse(dep.Statement)
		if err != nil {
			return nil, err
		}
		switch st := stmts[0].Stmt.(type) {
		case *ast.Create:
			if st.As != nil {
				err = planner.SameColumns(ctx, dep, st)
			}
			if s := spelled(dep); err != nil && s != nil && planner.SameColumns(ctx, dep, createOf(s.Statement)) == nil {
				named, err = append(named, s), nil
			}
		case *ast.Insert:
			_, err = planner.Insert(ctx, st)
		}
		if err != nil {
			return nil, sqlerr.New(sqlerr.FeatureNotSupported, "cannot alter %s because %s depends on it", described(old),
				described(dep)).
				WithDetail("%s", sqlerr.From(err).Message).WithHint("DROP it first, and create it again.")
		}
	}
	return named, nil
}

// putAll adds relations to a change of the catalog.
func putAll(change *cluster.Change, rels ...*catalog.Relation) error {
	for _, r := range rels {
		doc, err := catalog.Encode(r)
		if err != nil {
			return err
		}
		change.Put[relationKey(r.ID)] = doc
	}
	return nil
}

// amended is a relation as a change of the catalog leaves it, to be changed further.
func amended(change *cluster.Change, r *catalog.Relation) (*catalog.Relation, error) {
	if doc, ok := change.Put[relationKey(r.ID)]; ok {
		return catalog.Decode(doc)
	}
	now := *r
	return &now, nil
}

// commitAlter runs in the flow's goroutine. The rows in their new form are in a checkpoint, beside those in the old
// one, before the catalog changes, on as many nodes as it takes: whenever a crash comes, there is a checkpoint that
// fits the catalog. What fills a column may be something else on another node, so none can make them by itself.
func (e *Engine) commitAlter(ctx context.Context, old *catalog.Relation, p *planner.AlterPlan, counts counts,
	change cluster.Change, env *fn.Env, drop func() error) error {
	f := e.flow
	s := f.sources[old.ID]
	if err := f.catchUp(); err != nil {
		return err
	}
	var rows *table
	if s.rows != nil && (p.Rel.Layout != old.Layout || len(p.Required) > 0 || len(p.Conditions) > 0) {
		var err error
		if rows, err = s.rows.relaid(p, counts, env); err != nil {
			return err
		}
		counts.put(&change)
		if p.Rel.Layout == old.Layout {
			rows = nil // they were only looked at
		}
	}
	if err := e.validate(p, cmp.Or(rows, s.rows)); err != nil {
		return err
	}
	if rows != nil {
		if err := f.saveRelaid(rows); err != nil {
			return err
		}
		if f.cfg.Copies != nil {
			if err := f.cfg.Copies.spread(f.ctx, f.store); err != nil {
				return err
			}
		}
	}
	if err := e.update(ctx, change); err != nil {
		return err
	}
	if err := drop(); err != nil {
		return err
	}
	now, _ := e.Catalog().ByID(old.ID)
	s.rel, s.snap = now, nil
	if rows != nil {
		f.freeIndexes(s.rows)
		s.rows.leave(f.account(old.StateID()))
		s.rows = rows
		s.rows.join(f.account(old.StateID()))
	}
	if s.rows != nil {
		s.rows.cols = nil
		s.rows.rel = now
	}
	for t := range s.taps {
		if p.Rel.Layout != old.Layout {
			t.end(sqlerr.New(sqlerr.ObjectInUse, "relation %q was altered", old.Name))
		}
	}
	f.rescan(s, p.From)
	for _, v := range f.views {
		v.altered = v.altered || slices.Contains(v.rel.Reads, old.ID)
	}
	f.sinceMark++ // a checkpoint says so
	return f.rereadAll(s)
}

// catchUp steps until everything that is stored has been taken in, and writes a checkpoint.
func (f *flow) catchUp() error {
	for {
		progress, err := f.step()
		if err != nil {
			f.broken = err
			return err
		}
		if !progress {
			break
		}
	}
	if len(f.pending) > 0 {
		if err := f.commit(0); err != nil {
			f.broken = err
			return err
		}
	}
	return f.checkpointNow()
}

// saveRelaid adds rows in a new layout to the last checkpoint.
func (f *flow) saveRelaid(rows *table) error {
	meta, err := f.lastMeta()
	if err != nil {
		return err
	}
	meta.Relaid = map[uint32]int{rows.rel.ID: rows.rel.Layout}
	body, err := json.Marshal(meta)
	if err != nil {
		return err
	}
	c := f.store.Begin()
	owner := uint64(rows.rel.StateID())
	for _, op := range rows.ops() { // what an attempt that failed left behind
		w := c.Writer(owner, op)
		if err := f.store.Load(owner, op, func(key, _ []byte) error { return w.Delete(key) }); err != nil {
			return err
		}
	}
	rows.checkpoint(c)
	c.Commit(body)
	return f.store.Wait()
}

// ops are the numbers under which the store keeps the rows and the indexes.
func (t *table) ops() []uint32 {
	list := []uint32{rowsOpOf(t.rel)}
	for i := range t.uniq {
		list = append(list, uniqOpOf(t.rel, i))
	}
	for _, x := range t.second {
		list = append(list, uniqOpOf(t.rel, firstSecond+x.Number))
	}
	if t.aged != nil {
		list = append(list, uniqOpOf(t.rel, agedIndex))
	}
	return list
}

// rereadAll makes the readers of a relation read it as it is now.
func (f *flow) rereadAll(s *source) error {
	if s.live != nil {
		if err := s.live.wantColumns(); err != nil {
			return err
		}
	}
	for _, v := range f.views {
		for _, r := range v.readers() {
			if r.src == s {
				if err := r.wantColumns(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// relaid returns the rows with the columns that a relation is to have.
func (t *table) relaid(p *planner.AlterPlan, counts counts, env *fn.Env) (*table, error) {
	out := newTable(p.Rel)
	var fill []plan.Expr
	for _, x := range p.Fill {
		if x != nil {
			fill = append(fill, x)
		}
	}
	made, err := compileExprs(fill)
	if err != nil {
		return nil, err
	}
	generated, err := compileGenerated(p)
	if err != nil {
		return nil, err
	}
	conditions, err := compileConditions(p.Conditions)
	if err != nil {
		return nil, err
	}
	b := vec.NewBatch(t.types)
	t.rows.Scan(nil, nil, func(key, val []byte) bool {
		b.Reset()
		t.decode(val, b)
		extra, bad := made.eval(env, &vec.Batch{N: 1})
		if err = firstError(bad); err != nil {
			return false
		}
		cols := make([]*vec.Column, len(p.From))
		next := 0
		for i, from := range p.From {
			switch {
			case from >= 0:
				cols[i] = b.Cols[from]
			case p.Draw[i] != nil:
				if cols[i], err = counts.column(p.Draw[i], p.Rel.Columns[i].Type); err != nil {
					return false
				}
			case p.Fill[i] != nil:
				cols[i] = extra[next]
				next++
			default:
				cols[i] = vec.NewColumn(p.Rel.Columns[i].Type)
				cols[i].AppendNull()
			}
		}
		if err = generated.fill(env, cols); err != nil {
			return false
		}
		for _, i := range p.Required {
			if cols[i].IsNull(0) {
				err = sqlerr.New(sqlerr.NotNullViolation, "column %q of relation %q contains null values",
					p.Rel.Columns[i].Name, p.Rel.Name)
				return false
			}
		}
		if err = out.unique(cols); err != nil {
			return false
		}
		if err = conditions.check(env, p.Rel, cols); err != nil {
			return false
		}
		out.set(key, vec.AppendRow(binary.BigEndian.AppendUint64(nil, binary.BigEndian.Uint64(val)), cols, 0))
		return true
	})
	for _, x := range out.second {
		x.rows.Set(madeKey, nil)
	}
	return out, err
}

// computedColumns are generated columns that a relation gets.
type computedColumns struct {
	at    []int
	exprs *exprs
}

func compileGenerated(p *planner.AlterPlan) (*computedColumns, error) {
	n := &computedColumns{}
	var all []plan.Expr
	for i, x := range p.Generate {
		if x != nil {
			n.at, all = append(n.at, i), append(all, x)
		}
	}
	var err error
	n.exprs, err = compileExprs(all)
	return n, err
}

// fill computes them for one row.
func (n *computedColumns) fill(env *fn.Env, cols []*vec.Column) error {
	if len(n.at) == 0 {
		return nil
	}
	made, bad := n.exprs.eval(env, &vec.Batch{Cols: cols, N: 1})
	for k, i := range n.at {
		cols[i] = made[k]
	}
	return firstError(bad)
}

// set makes a value of the state the row of a key.
func (t *table) set(key, val []byte) {
	old, had := t.rows.Swap(key, val)
	if !had {
		old = nil
	}
	t.reindex(key, old, val)
	t.age(key, old, val)
}

// rowsOpOf is the number under which the store keeps the rows of a relation, as they are laid out now.
func rowsOpOf(rel *catalog.Relation) uint32 { return rowsOp - uint32(rel.Layout) }
