package engine

import (
	"context"
	"maps"
	"slices"

	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// A materialized view that aggregates rows as another does (planner.Part) does not do so itself: from the second on
// they read what a part has. A part is a query in the flow like others. Its rows are in a relation that nobody else
// sees and that is written to no topic, under a number that the catalog has at those who read it
// (catalog.Relation.Part). It is there as long as one of them is. So each of them is paused, fails, is replaced and is
// dropped on its own, and a new one begins with the rows that the part has.

// parted lets a planned query read the part that it shares, or makes it that of the part.
func parted(q *plan.Query, rel *catalog.Relation) (*plan.Query, error) {
	if rel.Part == 0 {
		return q, nil
	}
	p := planner.PartOf(q)
	switch {
	case p == nil:
		return nil, sqlerr.New(sqlerr.InternalError, "the query of %q has no part that it could share", rel.Name)
	case rel.Part == rel.ID:
		return p.Query(q), nil
	}
	p.Replace(p.Relation(rel, rel.Part))
	return q, nil
}

// partOf returns the relation with the rows of the part that a query shares.
func (e *Engine) partOf(rel *catalog.Relation) (*catalog.Relation, error) {
	whole := *rel
	whole.Part = 0
	q, err := e.planView(&whole)
	if err != nil {
		return nil, err
	}
	p := planner.PartOf(q)
	if p == nil {
		return nil, sqlerr.New(sqlerr.InternalError, "the query of %q has no part that it could share", rel.Name)
	}
	return p.Relation(rel, rel.Part), nil
}

// choosePart lets a view that is about to be made share a part with others that have it.
func (e *Engine) choosePart(ctx context.Context, r *catalog.Relation) error {
	rules := r.Settings[planner.RulesSetting]
	if !sharesParts(r) || r.Settings[settingReset] == "latest" || !planner.SharesParts(rules) {
		return nil
	}
	q, err := e.planView(r)
	if err != nil {
		return err
	}
	p := planner.PartOf(q)
	if p == nil {
		return nil
	}
	if _, err := newEncoder(p.Relation(r, r.ID)); err != nil {
		return nil // its keys cannot be those of a relation
	}
	return e.flow.do(ctx, func() error {
		for _, v := range e.flow.views {
			switch {
			case v.part != p.Name || !sharesParts(v.rel) || !samePartSettings(v.rel.Settings, r.Settings):
			case v.rel.Part == 0 && !v.sink.hidden && r.Part == 0:
				r.Part = r.ID + 1
			case v.rel.Part != 0 && e.flow.viewOf(v.rel.Part) != nil:
				r.Part = v.rel.Part
				return nil
			}
		}
		return nil
	})
}

// sharesParts reports whether a relation is made by a query that may share a part.
func sharesParts(rel *catalog.Relation) bool {
	return rel.Kind == catalog.View && rel.OnError == catalog.ErrorPolicy{}
}

// samePartSettings reports whether queries that were made under these settings compute the same.
func samePartSettings(a, b map[string]string) bool {
	only := func(m map[string]string) map[string]string {
		m = maps.Clone(m)
		delete(m, "search_path")
		delete(m, planner.RulesSetting)
		return m
	}
	return maps.Equal(only(a), only(b))
}

// partName is what parts are known by that are the same; "" for a query that has none.
func partName(q *plan.Query, rel *catalog.Relation) string {
	if !sharesParts(rel) || !planner.SharesParts(rel.Settings[planner.RulesSetting]) {
		return ""
	}
	if p := planner.PartOf(q); p != nil {
		return p.Name
	}
	return ""
}

// addPart makes the relation of a part known.
func (f *flow) addPart(rel *catalog.Relation) {
	f.addSource(rel).hidden = true
}

// startPart begins the part that a query shares, where nobody has begun it.
func (f *flow) startPart(rel *catalog.Relation) error {
	if rel.Part == 0 || f.sources[rel.Part] != nil {
		return nil
	}
	p, err := f.engine.partOf(rel)
	if err != nil {
		return err
	}
	f.addPart(p)
	a, err := f.startOf(p)
	if err == nil {
		f.waiting = append(f.waiting, a)
	}
	return err
}

// sweepParts ends the parts that no query shares any more. As long as steps may have to be computed again with one that
// did, it stays.
func (f *flow) sweepParts() error {
	wanted := map[uint32]bool{}
	for _, rel := range f.engine.Catalog().Relations() {
		for _, r := range []*catalog.Relation{rel, rel.Next, rel.Was} {
			if r != nil && !r.Terminated {
				wanted[r.Part] = true
			}
		}
	}
	ids := slices.Sorted(maps.Keys(f.sources))
	for _, id := range ids {
		s := f.sources[id]
		if s.rel.Part != id || wanted[id] {
			continue
		}
		if err := f.detach(id); err != nil {
			return err
		}
		if err := f.dropSource(s.rel); err != nil {
			return err
		}
	}
	return nil
}

// partQueries is how many queries read a part.
func (src *source) partQueries() int {
	var views []*view
	for _, in := range src.inputs {
		if !slices.Contains(views, in.view) {
			views = append(views, in.view)
		}
	}
	return len(views)
}

// failedOf says why the query that maintains a relation was given up, or the part that it shares; "" when it was not.
func failedOf(bad map[uint32]string, rel *catalog.Relation) string {
	if why := bad[rel.StateID()]; why != "" || rel.Part == 0 {
		return why
	}
	return bad[rel.Part]
}
