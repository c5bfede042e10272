package engine

import (
	"slices"

	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// follower does what a foreign key asks for when what its rows refer to is deleted, or updated.
type follower struct {
	*link
	l      *links
	action string
	update bool
	gone   []reference
	now    [][]byte // of an update the rows that they refer to, as they are now
}

// take takes a value that has gone.
func (a *follower) take(r reference, m move) {
	r.restrict = a.action == "RESTRICT"
	a.gone, a.now = append(a.gone, r), append(a.now, m.to)
}

// keep notes that nothing may refer to what has gone, now or at the end of the transaction.
func (a *follower) keep() {
	if a.action != "" || !a.l.tx.defers(a.child, a.key) {
		a.l.gone = append(a.l.gone, a.gone...)
		return
	}
	for _, r := range a.gone {
		a.l.tx.deferred = append(a.l.tx.deferred, deferral{child: a.child.ID, of: a.of.ID, name: a.key.Name,
			parts: r.parts, values: r.texts()})
	}
}

// run does it; parent are the rows that were referred to.
func (a *follower) run(parent *table) error {
	l := a.l
	if len(a.gone) == 0 {
		return nil
	}
	if a.action == "" || a.action == "RESTRICT" {
		a.keep()
		return nil
	}
	if a.action == "SET DEFAULT" { // the default may be what has gone
		l.gone = append(l.gone, a.gone...)
	}
	rows, err := l.rowsOf(a.child)
	if err != nil {
		return err
	}
	found := referring(rows, a.key.Columns, a.gone)
	if len(found) == 0 {
		return nil
	}
	d := l.draftOf(a.child)
	if d.rows.rel.Layout != a.child.Layout {
		return altered(a.child)
	}
	keys := make([][]byte, len(found))
	for i, f := range found {
		keys[i] = f.key
	}
	if a.action == "CASCADE" && !a.update {
		return d.delete(keys)
	}
	changed, err := a.changed(d, parent, found)
	if err != nil {
		return err
	}
	_, err = d.replace(keys, changed)
	return err
}

// changed are the rows that were found, with other values in the columns of the foreign key.
func (a *follower) changed(d *draft, parent *table, found []referred) (*vec.Batch, error) {
	was := vec.NewBatch(d.rows.types)
	for _, f := range found {
		stored, ok := d.rows.rows.Get(f.key)
		if !ok {
			panic("BUG: a row that refers is gone")
		}
		d.rows.decode(stored, was)
	}
	env := a.l.env
	ctx := a.l.tx.e.PlanContext(env)
	out := &vec.Batch{N: was.N, Cols: slices.Clone(was.Cols)}
	columns := a.key.Columns
	if !a.update && a.key.Clear != nil {
		columns = a.key.Clear
	}
	switch a.action {
	case "CASCADE":
		if err := a.cascade(out, parent, found); err != nil {
			return nil, err
		}
	case "SET NULL":
		for _, pos := range columns {
			out.Cols[pos] = vec.NewColumn(d.rows.types[pos])
			for range was.N {
				out.Cols[pos].AppendNull()
			}
		}
	case "SET DEFAULT":
		exprs, err := planner.Defaults(ctx, a.child, columns)
		if err != nil {
			return nil, err
		}
		made, err := EvalRows(exprs, was, env)
		if err != nil {
			return nil, err
		}
		for i, pos := range columns {
			out.Cols[pos] = made.Cols[i]
		}
	}
	return out, a.check(ctx, out)
}

// cascade gives the rows the values that their rows refer to now.
func (a *follower) cascade(out *vec.Batch, parent *table, found []referred) error {
	now := vec.NewBatch(parent.types)
	for _, f := range found {
		parent.decode(a.now[f.n], now)
	}
	var exprs []plan.Expr
	for i, pos := range a.key.Columns {
		ref := a.refs.columns[i]
		x, err := planner.Converted(ref, now.Cols[ref].Type, a.child.Columns[pos].Type)
		if err != nil {
			return err
		}
		exprs = append(exprs, x)
	}
	made, err := EvalRows(exprs, now, a.l.env)
	if err != nil {
		return err
	}
	for i, pos := range a.key.Columns {
		out.Cols[pos] = made.Cols[i]
	}
	return nil
}

// check makes the checks of rows that were changed.
func (a *follower) check(ctx *planner.Context, rows *vec.Batch) error {
	checks, err := planner.Checks(ctx, a.child)
	if err != nil {
		return err
	}
	_, err = a.l.tx.e.CheckRows(a.child, checks, rows, a.l.env)
	return err
}

// deferral is a check that a transaction makes at its end: of a row that must have what it refers to, or with parts of
// a value that has gone.
type deferral struct {
	child  uint32
	of     uint32 // the table that it comes from: child, or the one that is referred to
	name   string
	row    []byte
	parts  [][]byte
	values []string
}

// defers reports whether a foreign key is checked when the transaction ends.
func (tx *Tx) defers(rel *catalog.Relation, f *catalog.Foreign) bool {
	if !f.Deferrable {
		return false
	}
	if mode, ok := tx.modes[foreignKey{rel.ID, f.Name}]; ok {
		return mode
	}
	if tx.allModes != nil {
		return *tx.allModes
	}
	return f.Deferred
}

// foreignKey names a foreign key.
type foreignKey struct {
	rel  uint32
	name string
}

// ConstraintName names foreign keys in SET CONSTRAINTS; an empty schema stands for those of the search path.
type ConstraintName struct {
	Schemas []string
	Name    string
}

// keys are the foreign keys of that name, those in the first schema that has some.
func (n ConstraintName) keys(cat *catalog.Snapshot) (found []foreignKey, deferrable bool) {
	deferrable = true
	for _, schema := range n.Schemas {
		for _, r := range cat.Relations() {
			for i := range r.Foreign {
				if f := &r.Foreign[i]; r.Schema == schema && f.Name == n.Name {
					found, deferrable = append(found, foreignKey{r.ID, f.Name}), deferrable && f.Deferrable
				}
			}
		}
		if len(found) > 0 {
			break
		}
	}
	return found, deferrable
}

// SetConstraints is SET CONSTRAINTS, of all where no name is given. Those that are to be checked at once are checked.
func (tx *Tx) SetConstraints(c *Change, names []ConstraintName, deferred bool) error {
	cat := tx.e.Catalog()
	var keys []foreignKey
	for _, n := range names {
		found, deferrable := n.keys(cat)
		switch {
		case len(found) == 0:
			return sqlerr.New(sqlerr.UndefinedObject, "constraint \"%s\" does not exist", n.Name)
		case deferred && !deferrable:
			return sqlerr.New(sqlerr.WrongObjectType, "constraint \"%s\" is not deferrable", n.Name)
		}
		keys = append(keys, found...)
	}
	if !deferred {
		if err := tx.checkDeferred(c, func(d deferral) bool {
			return names == nil || slices.Contains(keys, foreignKey{d.child, d.name})
		}); err != nil {
			return err
		}
	}
	if names == nil {
		tx.modes, tx.allModes = nil, &deferred
		return nil
	}
	if tx.modes == nil {
		tx.modes = map[foreignKey]bool{}
	}
	for _, k := range keys {
		tx.modes[k] = deferred
	}
	return nil
}

// Defers reports whether the transaction has put off the check of something that was done to rows of a table.
func (tx *Tx) Defers(table uint32) bool {
	return slices.ContainsFunc(tx.deferred, func(d deferral) bool { return d.of == table })
}

// Deferring lists the tables of the checks that the transaction has put off.
func (tx *Tx) Deferring() []*catalog.Relation {
	var rels []*catalog.Relation
	for _, d := range tx.deferred {
		if r, ok := tx.e.Catalog().ByID(d.child); ok && !slices.Contains(rels, r) {
			rels = append(rels, r)
		}
	}
	return rels
}

// checkDeferred makes the checks that were put off and that want asks for.
func (tx *Tx) checkDeferred(c *Change, want func(deferral) bool) error {
	l := c.links()
	var left []deferral
	var names []string
	for _, d := range tx.deferred {
		if !want(d) {
			left = append(left, d)
			continue
		}
		k, err := l.linkOf(d)
		if err != nil {
			return err
		}
		if k == nil {
			continue // it has been dropped
		}
		r := reference{link: k, row: d.row, parts: d.parts, said: d.values}
		if d.parts != nil {
			l.gone = append(l.gone, r)
			names = append(names, r.lock())
			continue
		}
		rows, err := l.rowsOf(k.child)
		if err != nil {
			return err
		}
		if stored, there := rows.rows.Get(d.row); there {
			var nulls int
			switch r.parts, nulls = k.values.read(stored); {
			case nulls == 0:
				l.checks = append(l.checks, r)
			case k.key.Full && nulls < len(r.parts):
				return k.mixed()
			}
		}
	}
	if err := c.lock(names); err != nil {
		return err
	}
	if err := l.verify(); err != nil {
		return err
	}
	tx.deferred = left
	return nil
}

// linkOf is the foreign key of a check that was put off; nil when it is there no more.
func (l *links) linkOf(d deferral) (*link, error) {
	if k := l.known[foreignKey{d.child, d.name}]; k != nil {
		return k, nil
	}
	child, ok := l.cat.ByID(d.child)
	if !ok {
		return nil, nil
	}
	i := slices.IndexFunc(child.Foreign, func(f catalog.Foreign) bool { return f.Name == d.name })
	if i < 0 {
		return nil, nil
	}
	of, ok := l.cat.ByID(child.Foreign[i].Table)
	if !ok {
		return nil, nil
	}
	return l.link(child, of, &child.Foreign[i])
}
