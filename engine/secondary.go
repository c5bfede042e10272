package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// secondary is an index that CREATE INDEX made: it finds the rows that have certain values in its first columns.
//
//	values (vec.AppendKey), key of the row   -> length of the values (uvarint)
//	FE, key of the row                       -> 1: an expression of the index fails for the row
//	FF                                       -> nothing: the index has been made
type secondary struct {
	catalog.Index
	of    *catalog.Relation
	rows  *state.Map
	owner uint64     // of its state, where it is for joins: see joinindex.go
	calc  *indexCalc // nil until it is wanted, and where columns are all there is
	reads []int      // the columns that entries are made of; nil until they are wanted
	// buf is the entry at hand, was the one that goes for it, and n the value of an entry.
	buf, was, n []byte
}

// indexCalc computes what an index has in the place of columns, for the rows of a batch.
type indexCalc struct {
	exprs []*eval.Program
	where *eval.Program // nil for all rows

	in     vec.Batch
	sel    []int32
	values []*vec.Column // of the expressions, for the rows at hand
	rows   []uint8       // what becomes of each of these
}

const (
	notIndexed = iota
	indexed
	indexedAsFailed
)

// ready compiles the expressions of the index. They were bound when it was made.
func (x *secondary) ready() {
	if x.reads != nil {
		return
	}
	if x.Plain() {
		x.reads = x.Columns
		return
	}
	compile := func(e plan.Expr) *eval.Program {
		p, err := eval.Compile(e)
		if err != nil {
			panic("BUG: an expression of an index cannot be compiled: " + err.Error())
		}
		x.reads = append(x.reads, eval.Columns(e)...)
		return p
	}
	exprs, where, err := planner.IndexExprs(x.of, &x.Index)
	if err != nil {
		panic("BUG: an expression of an index cannot be bound: " + err.Error())
	}
	x.reads, x.calc = []int{}, &indexCalc{values: make([]*vec.Column, len(exprs))}
	for _, e := range exprs {
		x.calc.exprs = append(x.calc.exprs, compile(e))
	}
	if where != nil {
		x.calc.where = compile(where)
	}
}

// compute computes the expressions of the index for n rows, whose entries are wanted next.
func (x *secondary) compute(cols []*vec.Column, n int) {
	if x.ready(); x.calc != nil {
		x.calc.compute(cols, n)
	}
}

func (c *indexCalc) compute(cols []*vec.Column, n int) {
	c.in.Cols, c.in.N = cols, n
	c.rows = slices.Grow(c.rows[:0], n)[:n]
	env := &fn.Env{}
	if c.where == nil {
		for i := range c.rows {
			c.rows[i] = indexed
		}
	} else {
		clear(c.rows)
		var errs map[int]error
		c.sel, errs = c.where.Select(env, &c.in, c.sel[:0])
		for _, i := range c.sel {
			c.rows[i] = indexed
		}
		for i := range errs {
			c.rows[i] = indexedAsFailed
		}
		if len(c.sel) == 0 {
			return
		}
	}
	for k, p := range c.exprs {
		var errs map[int]error
		c.values[k], errs = p.Eval(env, &c.in)
		for i := range errs {
			if c.rows[i] == indexed {
				c.rows[i] = indexedAsFailed
			}
		}
	}
}

// appendKey appends the values of row i to dst; ok is false when the row is not in the index.
func (c *indexCalc) appendKey(dst []byte, i int) (_ []byte, ok bool) {
	switch c.rows[i] {
	case notIndexed:
		return dst, false
	case indexedAsFailed:
		return append(dst, failedKey...), true
	}
	for _, v := range c.values {
		dst = vec.AppendKey(dst, v, i, false, false)
	}
	return dst, true
}

// snapshotIndex is a secondary index after a step.
type snapshotIndex struct {
	catalog.Index
	rows *state.Snapshot
}

// firstSecond is beyond the UNIQUE constraints of a relation, among the numbers of its indexes in the store.
const firstSecond = maxUniques / 2

// madeKey is a key that no entry has, failedKey begins those of rows for which an expression fails: a look-up gives
// them too, so that it fails as reading all rows does.
var (
	madeKey   = []byte{0xff}
	failedKey = []byte{0xfe}
)

func newSecondary(of *catalog.Relation, x catalog.Index) *secondary {
	return &secondary{Index: x, of: of, rows: state.NewMap()}
}

// entry sets x.buf to the entry of row i, whose key is given, and returns the length of the values; ok is false when
// the row is not in the index. The expressions have been computed.
func (x *secondary) entry(key []byte, cols []*vec.Column, i int) (n int, ok bool) {
	if x.calc == nil {
		x.buf = appendKey(x.buf[:0], cols, x.Columns, i)
	} else if x.buf, ok = x.calc.appendKey(x.buf[:0], i); !ok {
		return 0, false
	}
	n = len(x.buf)
	x.buf = append(x.buf, key...)
	return n, true
}

// follow follows the change of the row of a key from one of cols to another, for which compute has been called; -1
// stands for none.
func (x *secondary) follow(key []byte, cols []*vec.Column, from, to int) {
	n, had, has := 0, false, false
	if from >= 0 {
		_, had = x.entry(key, cols, from)
		x.was, x.buf = x.buf, x.was
	}
	if to >= 0 {
		n, has = x.entry(key, cols, to)
	}
	if had && has && bytes.Equal(x.was, x.buf) {
		return
	}
	if had {
		x.rows.Delete(x.was)
	}
	if has {
		x.n = binary.AppendUvarint(x.n[:0], uint64(n))
		x.rows.Set(x.buf, x.n)
	}
}

// computeIndexes prepares the indexes for rows of the relation that come or go one by one.
func (t *table) computeIndexes(cols []*vec.Column, n int) {
	for _, x := range t.joins {
		x.compute(cols, n)
	}
	for _, x := range t.second {
		x.compute(cols, n)
	}
}

// followIndexes follows the change of the row of a key from one of cols to another; -1 stands for none.
func (t *table) followIndexes(key []byte, cols []*vec.Column, from, to int) {
	for _, x := range t.joins {
		x.follow(key, cols, from, to)
	}
	for _, x := range t.second {
		x.follow(key, cols, from, to)
	}
}

// make fills the index from the rows.
func (x *secondary) make(t *table) {
	x.ready()
	b := &vec.Batch{Cols: make([]*vec.Column, len(t.types))}
	for _, pos := range x.reads {
		if b.Cols[pos] == nil {
			b.Cols[pos] = vec.NewColumn(t.types[pos])
		}
	}
	var keys [][]byte
	isCounted := t.counted()
	add := func() {
		x.compute(b.Cols, b.N)
		for i, key := range keys {
			x.follow(key, b.Cols, -1, i)
		}
		emptyColumns(b.Cols)
		b.N, b.Diff, b.Time, keys = 0, b.Diff[:0], b.Time[:0], keys[:0]
	}
	t.rows.Scan(nil, nil, func(key, value []byte) bool {
		appendStored(b, key, value, isCounted)
		if keys = append(keys, key); len(keys) == feedRows {
			add()
		}
		return true
	})
	add()
	x.rows.Set(madeKey, nil)
}

// loadSecond finds the indexes in the last checkpoint; those that it does not have are made.
func (t *table) loadSecond(s *state.Store) error {
	for _, x := range t.second {
		if err := x.rows.Attach(s.Region(uint64(t.rel.StateID()), uniqOpOf(t.rel, firstSecond+x.Number))); err != nil {
			return err
		}
		if _, made := x.rows.Get(madeKey); !made {
			x.make(t)
		}
	}
	return nil
}

// CreateIndex gives a relation the index that is last in made, which was planned over old.
func (e *Engine) CreateIndex(ctx context.Context, old, made *catalog.Relation) error {
	x := made.Indexes[len(made.Indexes)-1]
	if firstSecond+x.Number >= agedIndex {
		return sqlerr.New(sqlerr.ProgramLimitExceeded, "too many indexes have been made of %q", old.Name).
			WithHint("Make the relation anew: each index that it has had takes a number.")
	}
	return e.changeIndexes(ctx, old, func(r *catalog.Relation) error {
		if e.nameTaken(r.Schema, x.Name) || slices.ContainsFunc(r.Indexes, func(o catalog.Index) bool {
			return o.Number >= x.Number
		}) {
			return sqlerr.New(sqlerr.DuplicateTable, "relation %q already exists", x.Name)
		}
		r.Indexes = append(slices.Clone(r.Indexes), x)
		return nil
	})
}

// nameTaken tells whether a relation or an index has a name.
func (e *Engine) nameTaken(schema, name string) bool {
	_, isRelation := e.Catalog().Relation(schema, name)
	_, isIndex := e.Catalog().KeyByName(schema, name)
	return isRelation || isIndex
}

// DropIndex takes an index that CREATE INDEX made from its relation.
func (e *Engine) DropIndex(ctx context.Context, rel *catalog.Relation, name string) error {
	return e.changeIndexes(ctx, rel, func(r *catalog.Relation) error {
		r.Indexes = slices.DeleteFunc(slices.Clone(r.Indexes), func(x catalog.Index) bool {
			if x.Name == name {
				r.Indexed = max(r.Indexed, x.Number)
			}
			return x.Name == name
		})
		return nil
	})
}

// changeIndexes changes the secondary indexes of a relation, between two steps.
func (e *Engine) changeIndexes(ctx context.Context, rel *catalog.Relation, change func(*catalog.Relation) error) error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	old, err := e.current(rel)
	if err != nil {
		return err
	}
	r := *old
	if err := change(&r); err != nil {
		return err
	}
	doc, err := catalog.Encode(&r)
	if err != nil {
		return err
	}
	put := cluster.Change{IfVersion: e.version, Put: map[string][]byte{relationKey(r.ID): doc}}
	return translate(e.flow.do(context.WithoutCancel(ctx), func() error {
		if err := e.update(ctx, put); err != nil {
			return err
		}
		if s := e.flow.sources[r.ID]; s != nil && s.rows != nil {
			s.rows.setSecond(r.Indexes, e.flow.account(r.StateID()))
			s.snap = nil
		}
		return nil
	}))
}

// indexesAfter are the indexes of a relation for the one that takes its place, as far as that has their columns.
func indexesAfter(old, now *catalog.Relation) (out []catalog.Index) {
	for _, x := range old.Indexes {
		columns, whole := slices.Clone(x.Columns), true
		for i, at := range x.Columns {
			if at >= 0 {
				columns[i] = now.ColumnIndex(old.Columns[at].Name)
				whole = whole && columns[i] >= 0
			}
		}
		if x.Columns = columns; !whole {
			continue
		}
		if _, _, err := planner.IndexExprs(now, &x); err == nil {
			x.Unique = x.Unique && slices.Equal(old.Key, now.Key)
			out = append(out, x)
		}
	}
	return out
}

// setSecond makes the indexes of the table those given.
func (t *table) setSecond(to []catalog.Index, account *state.Account) {
	had := t.second
	t.second = nil
	for _, def := range to {
		i := slices.IndexFunc(had, func(x *secondary) bool { return x.Number == def.Number })
		if i >= 0 {
			t.second, had = append(t.second, had[i]), slices.Delete(had, i, i+1)
			continue
		}
		x := newSecondary(t.rel, def)
		x.make(t)
		account.Add(x.rows)
		t.second = append(t.second, x)
	}
	for _, x := range had {
		account.Remove(x.rows)
	}
}

// indexFeed gives the rows that the index of a scan finds for a prefix of its keys; ok is false when there is no such
// index in the snapshot.
func indexFeed(s *snapshot, scan *plan.Scan, prefix []byte, timed bool) (f feed, ok bool) {
	keys, ok := s.rowKeys(scan.Index, prefix)
	if !ok {
		return nil, false
	}
	return rowFeed(s, scan, keys, timed), true
}

// rowKeys are the keys of the rows that an index finds for a prefix of its own.
func (s *snapshot) rowKeys(name string, prefix []byte) (keys [][]byte, ok bool) {
	for i, u := range s.rel.Uniques {
		if u.Name == name && i < len(s.uniq) {
			if key, found := s.uniq[i].Get(prefix); found {
				keys = append(keys, key)
			}
			return keys, true
		}
	}
	for _, x := range s.second {
		if x.Name == name {
			find := func(prefix []byte) {
				x.rows.Prefix(prefix, func(key, value []byte) bool {
					n, _ := binary.Uvarint(value)
					keys = append(keys, append([]byte(nil), key[n:]...))
					return true
				})
			}
			if find(prefix); !x.Plain() {
				find(failedKey)
			}
			return keys, true
		}
	}
	return nil, false
}
