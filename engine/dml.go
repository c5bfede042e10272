package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"

	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// Change is one run of a statement that changes rows of a table: what it reads and what it changes are of one cut.
type Change struct {
	tx  *Tx
	ctx context.Context
	rel *catalog.Relation
	cut cut
	env *fn.Env
}

// Change runs a statement that changes rows of rel and reads rels. When somebody else has changed a row that it wants
// to change, a transaction that reads what is committed runs it again, over a new cut; another fails.
func (tx *Tx) Change(ctx context.Context, rel *catalog.Relation, q *plan.Query, env *fn.Env,
	run func(*Change) error) error {
	rels := []*catalog.Relation{rel}
	if q != nil {
		rels = append(rels, tx.e.readsOf(q)...)
	}
	return tx.changing(ctx, rel, rels, env, run)
}

// changing is Change that reads rels.
func (tx *Tx) changing(ctx context.Context, rel *catalog.Relation, rels []*catalog.Relation, env *fn.Env,
	run func(*Change) error) error {
	for {
		deferred := len(tx.deferred)
		c, err := tx.look(ctx, rels, true)
		if err != nil {
			return translate(err)
		}
		err = run(&Change{tx: tx, ctx: ctx, rel: rel, cut: c, env: env})
		tx.looked()
		if err != nil {
			tx.deferred = tx.deferred[:min(deferred, len(tx.deferred))]
		}
		if !errors.Is(err, errMoved) {
			return translate(err)
		}
		if tx.together != nil { // all parts run again
			return err
		}
		if tx.level != ReadCommitted {
			return serializationFailure()
		}
		if err := ctx.Err(); err != nil {
			return translate(err)
		}
	}
}

// Pull runs a query over the cut of the change.
func (c *Change) Pull(q *plan.Query) (*Rows, error) {
	f := &feeds{e: c.tx.e, cut: c.cut, tx: c.tx.reader()}
	return f.pull(q, c.env)
}

// table returns the table that is changed.
func (c *Change) table() *txTable {
	return c.tx.table(c.rel, c.cut.tables[c.rel.ID], c.cut.ends[c.rel.ID])
}

// lock locks rows and entries of indexes; errMoved says that the cut is too old for them.
func (c *Change) lock(names []string) error {
	moved, err := c.tx.e.locks.acquire(c.ctx, c.tx, names, c.tx.LockTimeout)
	if err == nil && moved {
		return errMoved
	}
	return err
}

// draft is what a statement makes of a table. It counts when the statement is done, as a whole.
type draft struct {
	*Change
	t    *txTable
	rows *table // with what the statement has changed so far
	done []edit
	key  []byte
	// linked tells that foreign keys come from the table or go to it; moves are what has been done to its rows since
	// that was followed.
	linked bool
	moves  []move
}

// edit is a change of one row, as txTable.changes keeps it.
type edit struct{ key, change []byte }

func (c *Change) draft() *draft {
	t := c.table()
	return &draft{Change: c, t: t, rows: t.view.snapshot().edit(), linked: t.links != ""}
}

// keep makes the draft count.
func (d *draft) keep() {
	d.t.view = d.rows
	for _, e := range d.done {
		d.t.changes.Set(e.key, e.change)
	}
}

func (d *draft) set(key, change []byte) {
	d.rows.put(key, change)
	d.done = append(d.done, edit{key, change})
}

// moved notes what was done to a row, for foreign keys. What it is given stays as it is.
func (d *draft) moved(key, from, to []byte) {
	if d.linked {
		d.moves = append(d.moves, move{key, from, to})
	}
}

// remove deletes the row of a key.
func (d *draft) remove(key []byte) { d.set(key, []byte{gone}) }

// conflict finds the row that row i of cols, with the given key, cannot be beside: it returns that row's key and the
// number of the constraint, -1 for the primary key. What clause, which may be nil, covers is looked at first.
func (d *draft) conflict(key []byte, cols []*vec.Column, i int, clause *planner.Conflict) ([]byte, int, bool) {
	for _, covered := range []bool{true, false} {
		for n := -1; n < len(d.rows.uniq); n++ {
			if covered != (clause != nil && clause.Covers(n)) {
				continue
			}
			if owner, found := d.owner(n, key, cols, i); found {
				return owner, n, true
			}
		}
	}
	return nil, 0, false
}

// owner finds the row that has the values of a constraint's columns.
func (d *draft) owner(constraint int, key []byte, cols []*vec.Column, i int) ([]byte, bool) {
	if constraint < 0 {
		if len(d.rel.Key) == 0 {
			return nil, false
		}
		_, found := d.rows.rows.Get(key)
		return key, found
	}
	x := d.rows.uniq[constraint]
	entry, ok := x.entry(nil, cols, i)
	if !ok {
		return nil, false
	}
	return x.keys.Get(entry)
}

// duplicate is the error of a row that breaks a constraint.
func (d *draft) duplicate(constraint int, cols []*vec.Column, i int) error {
	if constraint < 0 {
		return duplicate(d.rel, d.rel.PrimaryKey(), d.rel.Key, cols, i)
	}
	u := d.rel.Uniques[constraint]
	return duplicate(d.rel, u.Name, u.Columns, cols, i)
}

// locksOf appends the locks of row i of cols: its key's and those of its entries in the indexes.
func (d *draft) locksOf(names []string, key []byte, cols []*vec.Column, i int) []string {
	if key != nil && !(len(d.rel.Key) == 0 && isProvisional(key)) {
		names = append(names, rowLock(d.rel, key))
	}
	for n, x := range d.rows.uniq {
		if entry, ok := x.entry(nil, cols, i); ok {
			names = append(names, entryLock(d.rel, n, entry))
		}
	}
	return names
}

// keyOf returns the key of row i of cols; a row of a table without a key keeps the one it has.
func (d *draft) keyOf(cols []*vec.Column, i int, had []byte) []byte {
	switch {
	case len(d.rel.Key) > 0:
		return appendKey(nil, cols, d.rel.Key, i)
	case had != nil:
		return had
	default:
		return d.tx.newName()
	}
}

// Insert inserts rows that CheckRows has passed. It returns the rows that are there now because of it: those inserted
// and those that ON CONFLICT has updated.
func (c *Change) Insert(rows *vec.Batch, conflict *planner.Conflict, checks []plan.Expr) (*vec.Batch, error) {
	d := c.draft()
	u := &upsert{draft: d, rows: rows, conflict: conflict, checks: checks, affects: map[string]bool{}}
	if err := u.all(); err != nil {
		return nil, err
	}
	if err := c.finish(d); err != nil {
		return nil, err
	}
	return u.affected(), nil
}

// Update gives the rows with the given keys the values of rows, which CheckRows has passed.
func (c *Change) Update(keys [][]byte, rows *vec.Batch) error {
	d := c.draft()
	if _, err := d.replace(keys, rows); err != nil {
		return err
	}
	return c.finish(d)
}

// replace takes the rows with the given keys away, all of them, and then puts the new ones in: what is unique must be
// so at the end only. It returns the new keys.
func (d *draft) replace(keys [][]byte, rows *vec.Batch) ([][]byte, error) {
	var names []string
	now := make([][]byte, len(keys))
	for i, key := range keys {
		now[i] = d.keyOf(rows.Cols, i, key)
		names = d.locksOf(append(names, d.lockOfOld(key)...), now[i], rows.Cols, i)
	}
	if err := d.lock(names); err != nil {
		return nil, err
	}
	was := make([][]byte, len(keys))
	for i, key := range keys {
		if stored, ok := d.rows.rows.Get(key); ok && d.linked {
			was[i] = bytes.Clone(stored)
		}
		d.remove(key)
	}
	times, err := timesOf(d.rel, rows, d.tx.e.cfg.Now().UnixMilli())
	if err != nil {
		return nil, err
	}
	for i := range keys {
		if _, constraint, found := d.conflict(now[i], rows.Cols, i, nil); found {
			return nil, d.duplicate(constraint, rows.Cols, i)
		}
		value := liveValue(rows.Cols, i, times[i])
		d.set(now[i], value)
		d.moved(now[i], was[i], value[1:])
	}
	return now, nil
}

// lockOfOld returns the locks of a row that is there.
func (d *draft) lockOfOld(key []byte) []string {
	if len(d.rows.uniq) == 0 {
		return d.locksOf(nil, key, nil, 0)
	}
	val, ok := d.rows.rows.Get(key)
	if !ok {
		return nil
	}
	b := vec.NewBatch(d.rows.types)
	d.rows.decode(val, b)
	return d.locksOf(nil, key, b.Cols, 0)
}

// Delete deletes the rows with the given keys.
func (c *Change) Delete(keys [][]byte) error {
	d := c.draft()
	if err := d.delete(keys); err != nil {
		return err
	}
	return c.finish(d)
}

// Truncate deletes all rows of a table, whose keys are given. The same statement empties the tables that refer to it:
// there is nothing to be checked when the transaction ends.
func (c *Change) Truncate(keys [][]byte) error {
	deferred := len(c.tx.deferred)
	err := c.Delete(keys)
	c.tx.deferred = c.tx.deferred[:deferred]
	return err
}

func (d *draft) delete(keys [][]byte) error {
	var names []string
	for _, key := range keys {
		names = append(names, d.lockOfOld(key)...)
	}
	if err := d.lock(names); err != nil {
		return err
	}
	for _, key := range keys {
		if stored, ok := d.rows.rows.Get(key); ok && d.linked {
			d.moved(key, bytes.Clone(stored), nil)
		}
		d.remove(key)
	}
	return nil
}

// EvalRows computes expressions for every row of b.
func EvalRows(exprs []plan.Expr, b *vec.Batch, env *fn.Env) (*vec.Batch, error) {
	x, err := compileExprs(exprs)
	if err != nil {
		return nil, err
	}
	cols, bad := x.eval(env, b)
	if err := firstError(bad); err != nil {
		return nil, err
	}
	out := &vec.Batch{N: b.N}
	for _, c := range cols {
		out.Cols = append(out.Cols, c.Flat(b.N).Clone())
	}
	return out, nil
}

// firstError returns the error of the first row that failed.
func firstError(bad map[int]error) error {
	first := -1
	for i := range bad {
		if first < 0 || i < first {
			first = i
		}
	}
	return bad[first]
}

// CanChange refuses tables whose rows cannot be changed or deleted.
func CanChange(rel *catalog.Relation) error {
	if err := writable(rel); err != nil {
		return err
	}
	if len(rel.Key) > 0 && rel.KeyFormat == "NONE" {
		return sqlerr.New(sqlerr.FeatureNotSupported, "cannot change rows of table %q: its records have no key", rel.Name)
	}
	return nil
}

// changes encodes what a transaction has changed of a table. It returns the partitions in which that depends on what
// was there.
func (p *partitioner) changes(t *txTable) map[int]bool {
	touched := map[int]bool{}
	b := vec.NewBatch(t.view.types)
	t.changes.Scan(nil, nil, func(name, change []byte) bool {
		b.Reset()
		stored := change[1:]
		if change[0] == gone {
			var had bool
			if stored, had = t.snap.rows.Get(name); !had {
				return true // it came and went
			}
		}
		t.view.decode(stored, b)
		key, value := p.enc.record(b.Cols, 0)
		ts := int64(binary.BigEndian.Uint64(stored))
		if change[0] == gone {
			value, ts = nil, p.now
		}
		switch {
		case len(t.rel.Key) > 0:
			touched[partitionOf(key, 0, len(p.parts))] = true
			p.record(key, value, ts)
		case isProvisional(name):
			p.record(nil, value, ts)
		default:
			p.recordAt(rowPartition(name), append(append([]byte(nil), rowKeyPrefix...), name...), value, ts)
		}
		return true
	})
	return touched
}
