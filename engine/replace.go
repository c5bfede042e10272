package engine

import (
	"context"
	"slices"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// ReplaceQuery gives the stream old, which a query makes row by row, the query and the columns of rel. The new query
// goes on where the old one is.
func (e *Engine) ReplaceQuery(ctx context.Context, old, rel *catalog.Relation) error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	now, ok := e.Catalog().ByID(old.ID)
	switch {
	case !ok:
		return sqlerr.New(sqlerr.UndefinedTable, "relation %q does not exist", old.Name)
	case now != old:
		return sqlerr.New(sqlerr.ObjectInUse, "the catalog was changed by another session").WithHint("Try again.")
	}
	before, err := e.planView(old)
	if err != nil {
		return err
	}
	r := *old
	r.Columns, r.Query, r.Statement = slices.Clone(rel.Columns), rel.Query, rel.Statement
	r.Uses, r.Settings = rel.Uses, rel.Settings
	for i := range old.Columns {
		r.Columns[i].Comment = old.Columns[i].Comment
	}
	switch {
	case !before.Carries:
		return sqlerr.New(sqlerr.FeatureNotSupported,
			"CREATE OR REPLACE of a stream whose query keeps state is not supported yet").
			WithHint("DROP it, and create it again.")
	case len(r.Columns) > len(old.Columns) && old.ValueFormat != "JSON":
		return sqlerr.New(sqlerr.FeatureNotSupported, "more columns of a stream with the format %s are not supported yet",
			old.ValueFormat).WithHint("DROP it, and create it again.")
	case len(r.Columns) > len(old.Columns):
		if err := e.unmoved(old, &planner.AlterPlan{Rel: &r}); err != nil {
			return err
		}
	}
	if err := e.rehearse(&r); err != nil {
		return err
	}
	doc, err := catalog.Encode(&r)
	if err != nil {
		return err
	}
	change := cluster.Change{IfVersion: e.version, Put: map[string][]byte{relationKey(r.ID): doc}}
	return translate(e.flow.do(context.WithoutCancel(ctx), func() error { return e.commitReplace(ctx, &r, change) }))
}

// commitReplace runs in the flow's goroutine. A checkpoint comes first: no step before it has to be computed again,
// which the new query would do otherwise.
func (e *Engine) commitReplace(ctx context.Context, r *catalog.Relation, change cluster.Change) error {
	f := e.flow
	q, err := e.planView(r)
	if err != nil {
		return err
	}
	if err := f.settleDown(); err != nil {
		return err
	}
	if err := e.update(ctx, change); err != nil {
		return err
	}
	for _, v := range f.views {
		if v.rel.ID == r.ID {
			return f.exchange(v, r, q)
		}
	}
	return nil
}

// exchange gives a view that keeps no state another query of the same stream.
func (f *flow) exchange(v *view, rel *catalog.Relation, q *plan.Query) error {
	next, err := f.newView(rel, q)
	if err != nil {
		return err
	}
	next.sink.src = v.sink.src
	f.account(v.id).Remove(v.state)
	v.state = next.state
	f.keep(v)
	v.rel, v.query, v.graph, v.sink, v.idle = rel, q, next.graph, next.sink, next.idle
	in := v.inputs[0]
	in.scan = next.inputs[0].scan
	v.sink.src.rel = rel
	if err := f.rereadAll(v.sink.src); err != nil {
		return err
	}
	return f.rereadAll(in.src)
}
