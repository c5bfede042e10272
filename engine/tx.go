package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// Isolation is what a transaction sees of others while it runs.
type Isolation int

// The levels. ReadCommitted looks anew with every statement. RepeatableRead sees one cut from its first statement on,
// and fails when it wants to change a row that was changed since. Serializable also fails, at the end, when a
// relation that it has read was changed since.
const (
	ReadCommitted Isolation = iota
	RepeatableRead
	Serializable
)

// Tx is one transaction. What it changes lies beside the cut it reads, until Commit makes one entry of the log of it.
// One goroutine owns it.
type Tx struct {
	e           *Engine
	level       Isolation
	LockTimeout time.Duration // how long to wait for a row that another transaction has changed; 0 is for ever
	PID         int32         // of the session, for lists of locks
	cut         *cut          // what a repeatable transaction sees
	tables      map[uint32]*txTable
	blind       []Write                      // rows that nothing is checked of, in order
	reads       map[uint32]*catalog.Relation // what a serializable transaction has read
	held        []string                     // guarded by the locks' mutex
	shared      []string                     // likewise
	deferred    []deferral                   // checks of foreign keys that are made at the end
	modes       map[foreignKey]bool          // by SET CONSTRAINTS: whether they are put off
	allModes    *bool                        // likewise, of all others
	done        chan struct{}                // closed at the end
	inserted    uint64                       // rows that got a provisional name
	together    *together                    // set while a statement of several parts runs
	unlocked    []string                     // locks of rows of unchecked writes that became changes of their table
}

// txTable is what a transaction has changed of a table.
type txTable struct {
	rel  *catalog.Relation
	snap *snapshot // what was there before
	view *table    // what is there now, for the transaction
	// changes are by key: gone, or live and the row's value in the state.
	changes *state.Map
	// since is how far the partitions had been read when the first change was made that depends on them; nil when none
	// was.
	since []int64
	// links are the foreign keys that the changes were checked for.
	links string
}

// The first byte of a value in txTable.changes.
const (
	gone byte = iota
	live
)

// Begin opens a transaction. It costs nothing until it is used.
func (e *Engine) Begin(level Isolation) *Tx {
	return &Tx{e: e, level: level, tables: map[uint32]*txTable{}, done: make(chan struct{})}
}

// errMoved says that a row that a statement wants to change has been changed by somebody else since it looked.
var errMoved = errors.New("engine: row changed meanwhile")

// altered is the error of a statement that was planned before its relation was altered, or sees it as it was before.
func altered(rel *catalog.Relation) error {
	return sqlerr.New(sqlerr.SerializationFailure, "relation %q was altered meanwhile", rel.Name).
		WithHint("The transaction might succeed if retried.")
}

func serializationFailure() error {
	return sqlerr.New(sqlerr.SerializationFailure, "could not serialize access due to concurrent update").
		WithHint("The transaction might succeed if retried.")
}

// Wrote reports whether the transaction has changed anything.
func (tx *Tx) Wrote() bool { return len(tx.blind) > 0 || len(tx.tables) > 0 }

// WroteTo reports whether the transaction has changed a relation.
func (tx *Tx) WroteTo(id uint32) bool {
	_, ok := tx.tables[id]
	return ok || slices.ContainsFunc(tx.blind, func(w Write) bool { return w.Rel.ID == id })
}

// Plain reports whether the transaction reads what anybody would: it has changed nothing, and need not see one cut.
func (tx *Tx) Plain() bool { return tx.level == ReadCommitted && !tx.Wrote() && tx.together == nil }

// Fresh reports whether nothing would be lost if the transaction began anew.
func (tx *Tx) Fresh() bool {
	return !tx.Wrote() && tx.together == nil && tx.cut == nil && len(tx.reads) == 0 && tx.allModes == nil &&
		len(tx.modes) == 0 && !tx.e.locks.holds(tx)
}

// look returns the cut that a statement over relations sees. One that changes some sees also what foreign keys lead to.
// The caller tells the locks when it has looked.
func (tx *Tx) look(ctx context.Context, rels []*catalog.Relation, changes bool) (cut, error) {
	if tx.level == Serializable {
		if tx.reads == nil {
			tx.reads = map[uint32]*catalog.Relation{}
		}
		for _, r := range rels {
			tx.reads[r.ID] = r
		}
	}
	if tx.together != nil {
		return tx.together.cut, nil
	}
	if changes {
		rels = related(tx.e.Catalog(), rels)
	}
	if tx.cut != nil {
		for _, r := range rels {
			if _, there := tx.cut.ends[r.ID]; r.Stored() && !there && tx.cut.tables[r.ID] == nil {
				return cut{}, sqlerr.New(sqlerr.SerializationFailure,
					"relation %q was created after the transaction began to read", r.Name)
			}
		}
		return *tx.cut, nil
	}
	var besides []*catalog.Relation // what it may read later
	if tx.level != ReadCommitted {
		besides = tx.e.Catalog().Relations()
	}
	tx.e.locks.look(tx)
	if len(rels)+len(besides) == 0 {
		return cut{}, nil
	}
	c, err := tx.e.flow.wait(ctx, rels, besides...)
	for id, t := range tx.tables {
		if snap := c.tables[id]; err == nil && snap != nil && snap.rel.Layout != t.rel.Layout {
			err = altered(t.rel)
		}
	}
	if err != nil {
		tx.e.locks.looked(tx)
		return c, err
	}
	if tx.level != ReadCommitted {
		tx.cut = &c
	}
	return c, nil
}

// looked ends a statement's look. A repeatable transaction goes on looking at its cut.
func (tx *Tx) looked() {
	if tx.level == ReadCommitted && tx.together == nil {
		tx.e.locks.looked(tx)
	}
}

// Pull is Engine.Pull within the transaction: it sees what the transaction has changed.
func (tx *Tx) Pull(ctx context.Context, q *plan.Query, env *fn.Env) (*Rows, error) {
	return tx.pull(ctx, q, env, nil)
}

// Measure is Pull that measures the operators. now is the clock.
func (tx *Tx) Measure(ctx context.Context, q *plan.Query, env *fn.Env, now func() time.Time) (*Rows, *Meter, error) {
	m := &Meter{now: now, nodes: map[plan.Node]*Measure{}}
	r, err := tx.pull(ctx, q, env, m)
	return r, m, err
}

func (tx *Tx) pull(ctx context.Context, q *plan.Query, env *fn.Env, m *Meter) (*Rows, error) {
	c, err := tx.look(ctx, tx.e.readsOf(q), false)
	if err != nil {
		return nil, translate(err)
	}
	tx.looked()
	f := &feeds{e: tx.e, cut: c, tx: tx.reader(), meter: m}
	return f.pull(q, env)
}

// table returns what the transaction sees of a table whose rows in its cut are snap, ready to be changed. ends is how
// far the cut has read it, nil when nothing will depend on that.
func (tx *Tx) table(rel *catalog.Relation, snap *snapshot, ends []int64) *txTable {
	t := tx.tables[rel.ID]
	switch {
	case t == nil:
		t = &txTable{rel: rel, snap: snap, view: snap.edit(), changes: state.NewMap(), links: linksOf(tx.e.Catalog(), rel.ID)}
		tx.tables[rel.ID] = t
	case t.snap != snap:
		t.rebase(snap)
	}
	if t.since == nil {
		t.since = ends
	}
	tx.takeBlind()
	return t
}

// takeBlind makes the rows of unchecked writes changes of their tables, where there are others: they come in order.
func (tx *Tx) takeBlind() {
	left := tx.blind[:0:0]
	for _, w := range tx.blind {
		if t := tx.tables[w.Rel.ID]; t != nil {
			t.take(tx, w.Rows)
			tx.unlocked = append(tx.unlocked, blindLocks(w)...)
		} else {
			left = append(left, w)
		}
	}
	tx.blind = left
}

// rowsOf returns the rows of a table or view that the transaction sees; snap are those of its cut. tx may be nil.
func (tx *Tx) rowsOf(rel *catalog.Relation, snap *snapshot) *snapshot {
	if tx == nil || !tx.WroteTo(rel.ID) {
		return snap
	}
	return tx.table(rel, snap, nil).view.snapshot()
}

// rebase puts the changes on top of other rows.
func (t *txTable) rebase(snap *snapshot) {
	t.snap, t.view = snap, snap.edit()
	t.changes.Scan(nil, nil, func(key, val []byte) bool {
		t.view.put(key, val)
		return true
	})
}

// put applies a change to the rows that a transaction sees.
func (t *table) put(key, change []byte) {
	if change[0] == gone {
		if old, had := t.rows.Get(key); had {
			t.rows.Delete(key)
			t.reindex(key, old, nil)
		}
		return
	}
	old, had := t.rows.Swap(key, change[1:])
	if !had {
		old = nil
	}
	t.reindex(key, old, change[1:])
}

// take makes rows that were inserted without a check changes of their table.
func (t *txTable) take(tx *Tx, rows *vec.Batch) {
	times, _ := timesOf(t.rel, rows, tx.e.cfg.Now().UnixMilli()) // an error is that of the commit
	for i := range rows.N {
		var key []byte
		if len(t.rel.Key) > 0 {
			key = appendKey(nil, rows.Cols, t.rel.Key, i)
		} else {
			key = tx.newName()
		}
		t.change(key, liveValue(rows.Cols, i, times[i]))
	}
}

func (t *txTable) change(key, change []byte) {
	t.changes.Set(key, change)
	t.view.put(key, change)
}

func (tx *Tx) newName() []byte {
	tx.inserted++
	return provisionalKey(tx.inserted)
}

// liveValue is the change that makes row i of cols the row of a key.
func liveValue(cols []*vec.Column, i int, timeMillis int64) []byte {
	return vec.AppendRow(binary.BigEndian.AppendUint64([]byte{live}, uint64(timeMillis)), cols, i)
}

// streamFeed adds to what is stored of a stream the rows that the transaction has inserted.
func (tx *Tx) streamFeed(scan *plan.Scan, stored feed) feed {
	var mine []*vec.Batch
	for _, w := range tx.blind {
		if w.Rel.ID == scan.Rel.ID && w.Rows.N > 0 {
			times, _ := timesOf(w.Rel, w.Rows, tx.e.cfg.Now().UnixMilli()) // an error is that of the commit
			b := &vec.Batch{Cols: w.Rows.Cols, N: w.Rows.N, Time: times}
			mine = append(mine, pick(b, scan, len(scan.Rel.Columns)))
		}
	}
	return func(ctx context.Context) (*vec.Batch, error) {
		if stored != nil {
			b, err := stored(ctx)
			if b != nil || err != nil {
				return b, err
			}
			stored = nil
		}
		if len(mine) == 0 {
			return nil, nil
		}
		b := mine[0]
		mine = mine[1:]
		return b, nil
	}
}

// Write adds rows that need no check against what is there: they were checked by CheckRows.
func (tx *Tx) Write(w Write) {
	if w.Rows.N > 0 {
		tx.blind = append(tx.blind, w)
	}
}

// Savepoint is what a transaction had changed at some moment.
type Savepoint struct {
	blind    []Write
	tables   map[uint32]*txTable
	deferred []deferral
}

// Savepoint remembers what the transaction has changed.
func (tx *Tx) Savepoint() Savepoint {
	return Savepoint{slices.Clone(tx.blind), copyTables(tx.tables), slices.Clone(tx.deferred)}
}

// RollbackTo takes back what was changed since a savepoint, which stays good. Locks are kept.
func (tx *Tx) RollbackTo(s Savepoint) {
	tx.blind, tx.tables, tx.deferred = slices.Clone(s.blind), copyTables(s.tables), slices.Clone(s.deferred)
}

func copyTables(tables map[uint32]*txTable) map[uint32]*txTable {
	out := map[uint32]*txTable{}
	for id, t := range tables {
		c := *t
		c.view, c.changes = t.view.snapshot().edit(), t.changes.Snapshot().Map()
		out[id] = &c
	}
	return out
}

// Rollback ends the transaction and forgets what it changed.
func (tx *Tx) Rollback() { tx.e.locks.release(tx, false) }

// Commit ends the transaction. When it returns without an error everything that was changed is durable, and whoever
// looks from now on sees it.
func (tx *Tx) Commit(ctx context.Context) error {
	stored := false
	defer func() { tx.e.locks.release(tx, stored) }()
	if !tx.Wrote() {
		return nil
	}
	if len(tx.tables) == 0 && tx.reads == nil && len(tx.deferred) == 0 && !slices.ContainsFunc(tx.blind, isTable) {
		return tx.e.Insert(ctx, tx.blind...)
	}
	if err := tx.settleDeferred(ctx); err != nil {
		return translate(err)
	}
	tx.takeBlind()
	if err := tx.lockBlind(ctx); err != nil {
		return translate(err)
	}
	appends, guards, err := tx.entry()
	if err != nil || len(appends) == 0 {
		return err
	}
	if slices.ContainsFunc(tx.blind, isSpread) {
		return translate(tx.e.node.AppendTogether(ctx, appends...))
	}
	p, err := tx.e.node.AppendGuarded(ctx, guards, appends...)
	if err == nil {
		_, err = p.Wait(ctx)
	}
	stored = err == nil || errors.Is(err, cluster.ErrUnknownOutcome)
	if errors.Is(err, cluster.ErrMoved) {
		return serializationFailure()
	}
	return translate(err)
}

// isTable reports whether a write is to a table, whose other writers it must not look like a stranger to.
func isTable(w Write) bool { return w.Rel.Kind == catalog.Table }

// replaces reports whether rows of a write may replace others, so that it must not come between somebody else's look
// and change.
func replaces(w Write) bool { return isTable(w) && len(w.Rel.Key) > 0 }

// lockBlind locks the rows that unchecked writes replace.
func (tx *Tx) lockBlind(ctx context.Context) error {
	names := tx.unlocked
	for _, w := range tx.blind {
		names = append(names, blindLocks(w)...)
	}
	_, err := tx.e.locks.acquire(ctx, tx, names, tx.LockTimeout)
	return err
}

// blindLocks are the locks of the rows that an unchecked write replaces.
func blindLocks(w Write) (names []string) {
	if replaces(w) {
		for i := range w.Rows.N {
			names = append(names, rowLock(w.Rel, appendKey(nil, w.Rows.Cols, w.Rel.Key, i)))
		}
	}
	return names
}

// entry makes the records of the transaction, and the guards they are appended under.
func (tx *Tx) entry() ([]cluster.Append, []cluster.Guard, error) {
	var appends []cluster.Append
	var guards []cluster.Guard
	for _, w := range tx.blind {
		if now, ok := tx.e.Catalog().ByID(w.Rel.ID); ok && len(now.Foreign) > 0 {
			return nil, nil, altered(w.Rel)
		}
		p, err := tx.e.newPartitioner(w.Rel)
		if err != nil {
			return nil, nil, err
		}
		if err := p.rows(w.Rows); err != nil {
			return nil, nil, err
		}
		appends = append(appends, p.take()...)
	}
	for _, id := range slices.Sorted(maps.Keys(tx.tables)) {
		t := tx.tables[id]
		cat := tx.e.Catalog()
		if now, ok := cat.ByID(id); ok && (now.Layout != t.rel.Layout || linksOf(cat, id) != t.links) {
			return nil, nil, altered(t.rel)
		}
		p, err := tx.e.newPartitioner(t.rel)
		if err != nil {
			return nil, nil, err
		}
		touched := p.changes(t)
		for part, id := range p.ids {
			if t.since != nil && (touched[part] || len(t.rel.Uniques) > 0) {
				guards = append(guards, cluster.Guard{Partition: id, Since: t.since[part]})
			}
		}
		appends = append(appends, p.take()...)
	}
	if len(appends) > 0 {
		guards = append(guards, tx.readGuards()...)
		if err := tx.oneShard(appends, guards); err != nil {
			return nil, nil, err
		}
	}
	return appends, guards, nil
}

// readGuards ask that nothing a serializable transaction has read has grown, through all views.
func (tx *Tx) readGuards() []cluster.Guard {
	var guards []cluster.Guard
	seen := map[uint32]bool{}
	var visit func(r *catalog.Relation)
	visit = func(r *catalog.Relation) {
		if seen[r.ID] {
			return
		}
		seen[r.ID] = true
		for _, id := range append(slices.Clone(r.Reads), r.Uses...) {
			if below, ok := tx.e.Catalog().ByID(id); ok {
				visit(below)
			}
		}
		if t, ok := tx.e.node.Topic(r.Topic); ok && r.Query == "" {
			for part, end := range tx.cut.ends[r.ID] {
				guards = append(guards, cluster.Guard{Partition: t.IDs[part], Since: end, Still: true})
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(tx.reads)) {
		visit(tx.reads[id])
	}
	return guards
}
