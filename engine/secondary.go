package engine

import (
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
	"github.com/leatdb/leat/sql/types"
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
	owner uint64 // of its state, where it is for joins: see joinindex.go
	buf   []byte
	calc  *indexCalc // nil until it is wanted
}

// indexCalc computes what an index has in the place of columns, for one row at a time.
type indexCalc struct {
	exprs []*eval.Program
	where *eval.Program // nil for all rows
	row   *vec.Batch
}

// calculation compiles the expressions of the index. They were bound when it was made.
func (x *secondary) calculation() *indexCalc {
	if x.calc != nil {
		return x.calc
	}
	c := &indexCalc{}
	compile := func(e plan.Expr) *eval.Program {
		p, err := eval.Compile(e)
		if err != nil {
			panic("BUG: an expression of an index cannot be compiled: " + err.Error())
		}
		return p
	}
	exprs, where, err := planner.IndexExprs(x.of, &x.Index)
	if err != nil {
		panic("BUG: an expression of an index cannot be bound: " + err.Error())
	}
	for _, e := range exprs {
		c.exprs = append(c.exprs, compile(e))
	}
	if where != nil {
		c.where = compile(where)
	}
	var ts []types.Type
	for _, col := range x.of.Columns {
		ts = append(ts, col.Type)
	}
	c.row = vec.NewBatch(ts)
	x.calc = c
	return c
}

// appendKey appends the values of row i of cols to dst, which is empty; ok is false when the row is not in the index.
func (c *indexCalc) appendKey(dst []byte, cols []*vec.Column, i int) (_ []byte, ok bool) {
	c.row.Reset()
	for k, col := range c.row.Cols {
		col.AppendFrom(cols[k], i)
	}
	c.row.N = 1
	env := &fn.Env{}
	if c.where != nil {
		sel, errs := c.where.Select(env, c.row, nil)
		if len(errs) > 0 {
			return append(dst, failedKey...), true
		}
		if len(sel) == 0 {
			return dst, false
		}
	}
	for _, p := range c.exprs {
		v, errs := p.Eval(env, c.row)
		if len(errs) > 0 {
			return append(dst[:0], failedKey...), true
		}
		dst = vec.AppendKey(dst, v, 0, false, false)
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
// the row is not in the index.
func (x *secondary) entry(key []byte, cols []*vec.Column, i int) (n int, ok bool) {
	if x.Plain() {
		x.buf = appendKey(x.buf[:0], cols, x.Columns, i)
	} else if x.buf, ok = x.calculation().appendKey(x.buf[:0], cols, i); !ok {
		return 0, false
	}
	n = len(x.buf)
	x.buf = append(x.buf, key...)
	return n, true
}

func (x *secondary) add(key []byte, cols []*vec.Column, i int) {
	if n, ok := x.entry(key, cols, i); ok {
		x.rows.Set(x.buf, binary.AppendUvarint(nil, uint64(n)))
	}
}

// follow follows the change of the row of a key from one of cols to another; -1 stands for none.
func (x *secondary) follow(key []byte, cols []*vec.Column, from, to int) {
	if from >= 0 {
		if _, ok := x.entry(key, cols, from); ok {
			x.rows.Delete(x.buf)
		}
	}
	if to >= 0 {
		x.add(key, cols, to)
	}
}

// recountSecond follows row i of cols, which is t.key of a relation that counts its rows, as it comes or goes.
func (t *table) recountSecond(cols []*vec.Column, i int, comes bool) {
	for _, x := range slices.Concat(t.second, t.joins) {
		if comes {
			x.add(t.key, cols, i)
		} else {
			x.follow(t.key, cols, i, -1)
		}
	}
}

// make fills the index from the rows.
func (x *secondary) make(t *table) {
	b := vec.NewBatch(t.types)
	isCounted := t.counted()
	t.rows.Scan(nil, nil, func(key, value []byte) bool {
		b.Reset()
		appendStored(b, key, value, isCounted)
		x.add(key, b.Cols, 0)
		return true
	})
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
		r.Indexes = slices.DeleteFunc(slices.Clone(r.Indexes), func(x catalog.Index) bool { return x.Name == name })
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
