package engine

import (
	"slices"
	"strings"

	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
)

// What reads a relation follows it when it, or a column of it, gets another name, and goes on when a column goes that
// it does not need. A column that it needs it keeps from going, or goes with it.

// needing returns what cannot do without the columns that go, with what is made of that: all of it, and in the order in
// which it was found. It stands in the way unless the statement says CASCADE.
func (e *Engine) needing(old *catalog.Relation, p *planner.AlterPlan) (doomed map[uint32]*catalog.Relation,
	cascades []*catalog.Relation, err error) {
	doomed = map[uint32]*catalog.Relation{}
	if !p.Dropped {
		return doomed, nil, nil
	}
	cat := e.Catalog()
	after := cat.Replacing(p.Rel)
	for _, dep := range cat.Dependants(old.ID) {
		why := e.differs(cat, after, dep)
		if why == nil {
			if err := followable(old, dep); err != nil {
				return nil, nil, err
			}
			continue
		}
		if !p.Cascade {
			return nil, nil, sqlerr.New(sqlerr.DependentObjectsStillExist,
				"cannot drop column %s of %s because other objects depend on it", p.DroppedColumn, described(old)).
				WithDetail("%s depends on column %s of %s", described(dep), p.DroppedColumn, described(old)).
				WithHint("Use DROP ... CASCADE to drop the dependent objects too.")
		}
		for queue := []*catalog.Relation{dep}; len(queue) > 0; queue = queue[1:] {
			if r := queue[0]; doomed[r.ID] == nil {
				doomed[r.ID] = r
				cascades = append(cascades, r)
				queue = append(queue, cat.Dependants(r.ID)...)
			}
		}
	}
	return doomed, cascades, nil
}

// differs returns an error when the query of a relation is another one in another catalog, or is none there.
func (e *Engine) differs(cat, after *catalog.Snapshot, dep *catalog.Relation) error {
	was, err := e.planIn(cat, dep)
	if err != nil {
		return err
	}
	is, err := e.planIn(after, dep)
	if err != nil {
		return err
	}
	if planner.Explain(was) != planner.Explain(is) {
		return sqlerr.New(sqlerr.FeatureNotSupported, "the plan of %s would change", described(dep))
	}
	return nil
}

// followable refuses what would have to be built anew to read a relation whose columns have other places.
func followable(old, dep *catalog.Relation) error {
	refused := sqlerr.New(sqlerr.FeatureNotSupported, "cannot alter %s because %s depends on it", described(old),
		described(dep)).WithHint("DROP it first, and create it again.")
	switch {
	case dep.Next != nil:
		return refused.WithDetail("It is being replaced.")
	case dep.Target == old.ID:
		return refused.WithDetail("It inserts into it.")
	}
	return nil
}

// rescan makes the views that read a relation read it with its columns in other places; from gives for each column the
// place that it had.
func (f *flow) rescan(s *source, from []int) {
	to := map[int]int{}
	for now, was := range from {
		to[was] = now
	}
	moved := func(places []int) []int {
		places = slices.Clone(places)
		for i, pos := range places {
			if now, ok := to[pos]; ok && pos >= 0 {
				places[i] = now
			}
		}
		return places
	}
	for _, v := range f.views {
		for _, in := range v.inputs {
			if in.src != s {
				continue
			}
			v.part = "" // it is named by places of columns
			in.scan.Cols, in.scan.Rel = moved(in.scan.Cols), s.rel
			if x := in.index; x != nil { // the table's own indexes are made anew
				x.By = moved(x.By)
				x.Scan.Cols, x.Scan.Rel = in.scan.Cols, s.rel
			}
			if in.chase != nil {
				taken := in.chase.taken
				in.chase = newChase(in.scan, in.chase.next)
				in.chase.taken = taken
			}
		}
	}
}

// carryRename returns the relations that read one that gets another name, or a column of which does, with the new name
// in their statements.
func (e *Engine) carryRename(old *catalog.Relation, p *planner.AlterPlan) (renamed []*catalog.Relation, err error) {
	cat := e.Catalog()
	deps := cat.Dependants(old.ID)
	if len(deps) == 0 {
		return nil, nil
	}
	before, after := planner.References{Rel: old.ID, Column: p.RenamedColumn[0]}, cat.Replacing(p.Rel)
	if !p.OnlyRenames {
		return nil, sqlerr.New(sqlerr.FeatureNotSupported,
			"RENAME beside other actions is not supported while %s depends on %s", described(deps[0]), described(old)).
			WithHint("Say it in a statement of its own.")
	}
	counts := map[uint32]int{}
	for _, dep := range deps {
		r, n, err := e.withName(dep, before, p)
		if err != nil {
			return nil, e.cannotFollow(old, dep, err)
		}
		counts[dep.ID] = n
		renamed = append(renamed, r)
		after = after.Replacing(r)
	}
	for i, r := range renamed {
		now := planner.References{Rel: old.ID, Column: p.RenamedColumn[1]}
		q, err := e.planFinding(after, r, &now)
		switch {
		case err != nil:
		case len(now.List()) != counts[r.ID]:
			err = sqlerr.New(sqlerr.FeatureNotSupported, "the name means something else there")
		default:
			err = sameShape(q, deps[i])
		}
		if err != nil {
			return nil, e.cannotFollow(old, deps[i], err)
		}
	}
	return renamed, nil
}

func (e *Engine) cannotFollow(old, dep *catalog.Relation, why error) error {
	hint := "DROP it first, and create it again."
	if sqlerr.From(why).Code == sqlerr.ObjectInUse {
		hint = "Try again in a moment."
	}
	return sqlerr.New(sqlerr.DependentObjectsStillExist, "cannot rename in %s because %s depends on it", described(old),
		described(dep)).WithDetail("%s", sqlerr.From(why).Message).WithHint("%s", hint)
}

// sameShape checks that a query gives the columns that its relation has.
func sameShape(q *plan.Query, rel *catalog.Relation) error {
	if rel.Kind == catalog.Insert {
		return nil
	}
	cols := q.Root.Schema().Cols
	for i, c := range rel.Columns {
		if i >= len(cols) || cols[i].Name != c.Name || cols[i].Type != c.Type {
			return sqlerr.New(sqlerr.FeatureNotSupported, "its columns would change")
		}
	}
	return nil
}

// withName returns a relation with the new name in its statement, and in how many places.
func (e *Engine) withName(dep *catalog.Relation, find planner.References,
	p *planner.AlterPlan) (*catalog.Relation, int, error) {
	if dep.Next != nil || dep.Was != nil {
		return nil, 0, sqlerr.New(sqlerr.ObjectInUse, "it has been replaced just now, or is going to be")
	}
	r := *dep
	if s := spelled(dep); s != nil && find.Column != "" {
		r = *s
	}
	if _, err := e.planFinding(e.Catalog(), &r, &find); err != nil {
		return nil, 0, err
	}
	refs := find.List()
	text := r.Statement
	for _, ref := range slices.Backward(refs) {
		parts := parse.NameAt(text, ref.Pos)
		if len(parts) == 0 {
			return nil, 0, sqlerr.New(sqlerr.FeatureNotSupported, "its statement does not name it where it is used")
		}
		last := parts[len(parts)-1]
		from, name := last[0], fn.QuoteIdent(p.Rel.Name)
		was := text[last[0]:last[1]]
		if find.Column != "" {
			name = fn.QuoteIdent(p.RenamedColumn[1])
			if ref.Range != "" {
				from, name = parts[0][0], fn.QuoteIdent(ref.Range)+"."+name
			}
		}
		if ref.Nameless {
			name += " AS " + was
		}
		text = text[:from] + name + text[last[1]:]
	}
	r.Statement = text
	stmts, err := parse.Parse(text)
	if err != nil {
		return nil, 0, err
	}
	switch st := stmts[0].Stmt.(type) {
	case *ast.Create:
		r.Query = st.As.Text
	case *ast.Insert:
		if at := strings.LastIndex(dep.Statement, dep.Query); at >= 0 && dep.Query != "" {
			r.Query = text[at:]
		}
	}
	return &r, len(refs), nil
}
