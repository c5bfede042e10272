package engine

import (
	"encoding/binary"
	"slices"

	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// table holds the rows of a table or view, by key.
//
//	relation with a key   key columns (vec.AppendKey)   -> event time (8 bytes), row (vec.AppendRow)
//	base table without    partition (2), offset (8)     -> event time (8 bytes), row; see rowkey.go
//	view without          row (vec.AppendRow)           -> event time (8 bytes), number of copies (8 bytes)
type table struct {
	rel    *catalog.Relation
	types  []types.Type
	rows   *state.Map
	uniq   []*index     // of the relation's UNIQUE constraints
	second []*secondary // of its other indexes; see secondary.go
	joins  []*secondary // of joins; see joinindex.go
	aged   *state.Map   // the rows by their event times, where they are kept for a time; see aging.go
	key    []byte
	val    []byte
	// indexCols are scratch of reindex.
	indexCols []*vec.Column
	// aside are the places, in changes being made, of rows that only get a new event time.
	aside []int32
	// cols are the columns of the last snapshot, stale tells which of their chunks have changed since; see columns.go.
	cols  *columns
	stale []bool
}

func newTable(rel *catalog.Relation) *table {
	t := &table{rel: rel, rows: state.NewMap()}
	for _, c := range rel.Columns {
		t.types = append(t.types, c.Type)
	}
	for _, u := range rel.Uniques {
		t.uniq = append(t.uniq, &index{cols: u.Columns, keys: state.NewMap()})
	}
	for _, x := range rel.Indexes {
		t.second = append(t.second, newSecondary(rel, x))
	}
	if rel.KeepMs > 0 {
		t.aged = state.NewMap()
	}
	return t
}

// join makes the rows and indexes part of an account.
func (t *table) join(a *state.Account) {
	a.Add(t.rows)
	for _, u := range t.uniq {
		a.Add(u.keys)
	}
	for _, x := range slices.Concat(t.second, t.joins) {
		a.Add(x.rows)
	}
	if t.aged != nil {
		a.Add(t.aged)
	}
}

// leave takes them out of it.
func (t *table) leave(a *state.Account) {
	a.Remove(t.rows)
	for _, u := range t.uniq {
		a.Remove(u.keys)
	}
	for _, x := range slices.Concat(t.second, t.joins) {
		a.Remove(x.rows)
	}
	if t.aged != nil {
		a.Remove(t.aged)
	}
}

// checkpoint gives what changed of the rows and the indexes.
func (t *table) checkpoint(c *state.Checkpoint) {
	owner := uint64(t.rel.StateID())
	err := t.rows.WriteChanges(c.Writer(owner, rowsOpOf(t.rel)))
	for i, u := range t.uniq {
		err = firstErr(err, u.keys.WriteChanges(c.Writer(owner, uniqOpOf(t.rel, i))))
	}
	for _, x := range t.second {
		err = firstErr(err, x.rows.WriteChanges(c.Writer(owner, uniqOpOf(t.rel, firstSecond+x.Number))))
	}
	if t.aged != nil {
		err = firstErr(err, t.aged.WriteChanges(c.Writer(owner, uniqOpOf(t.rel, agedIndex))))
	}
	if err = firstErr(err, t.checkpointIndexes(c)); err != nil {
		panic("BUG: collecting a checkpoint cannot fail: " + err.Error())
	}
}

// load finds the rows in the last checkpoint, and the indexes, where it has them; else they are made.
func (t *table) load(s *state.Store, indexed bool) error {
	owner := uint64(t.rel.StateID())
	if err := t.rows.Attach(s.Region(owner, rowsOpOf(t.rel))); err != nil {
		return err
	}
	for i, u := range t.uniq {
		if indexed {
			if err := u.keys.Attach(s.Region(owner, uniqOpOf(t.rel, i))); err != nil {
				return err
			}
		}
	}
	if !indexed && len(t.uniq) > 0 {
		t.rows.Scan(nil, nil, func(key, value []byte) bool {
			t.reindex(key, nil, value)
			return true
		})
	}
	if t.aged != nil {
		if err := t.aged.Attach(s.Region(owner, uniqOpOf(t.rel, agedIndex))); err != nil {
			return err
		}
	}
	return t.loadSecond(s)
}

// uniqOp is the number under which the store keeps the first index of a relation in its first layout.
const uniqOp = 3 << 30

// maxUniques is more than the UNIQUE constraints that a relation has.
const maxUniques = 1 << 12

// uniqOpOf is the number under which the store keeps the i-th index of a relation, as it is laid out now.
func uniqOpOf(rel *catalog.Relation, i int) uint32 {
	return uniqOp + uint32(rel.Layout)*maxUniques + uint32(i)
}

// counted reports whether the rows are a multiset kept as row and number of copies.
func (t *table) counted() bool { return counted(t.rel) }

func counted(rel *catalog.Relation) bool {
	return len(rel.Key) == 0 && rel.Query != "" && rel.Kind != catalog.Stream
}

// newChanges returns a batch for changes of the table. With timed it has a column more, the event times of the rows: of
// those that go it is another than the batch's, which is when they went. Then a row that only gets a new time changes.
// With named it has one more, the keys under which the state has the rows.
func (t *table) newChanges(timed, named bool) *vec.Batch {
	t.aside = t.aside[:0]
	ts := t.types[:len(t.types):len(t.types)]
	if timed {
		ts = append(ts, types.Int8)
	}
	if named {
		ts = append(ts, types.Bytea)
	}
	return vec.NewBatch(ts)
}

// hasTimes reports whether changes of the table have the column with the event times of the rows.
func (t *table) hasTimes(changes *vec.Batch) bool { return hasTimes(changes, len(t.types)) }

func hasTimes(changes *vec.Batch, width int) bool {
	return len(changes.Cols) > width && changes.Cols[width].Type == types.Int8
}

// upsert applies the records of a chunk, in order, and appends what they change to out unless that is nil.
func (t *table) upsert(c *chunk, out *vec.Batch) *vec.Batch {
	for i := range c.n {
		t.upsertRow(out, c, i)
	}
	return out
}

// upsertRow applies record i of a chunk and appends what it changes to out unless that is nil. A row that stays what it
// was goes and comes: whoever follows a table's records sees that there was one.
func (t *table) upsertRow(out *vec.Batch, c *chunk, i int) {
	if len(t.rel.Key) == 0 {
		t.key = c.rowKey(t.key[:0], i)
	} else {
		t.key = appendKey(t.key[:0], c.cols, t.rel.Key, i)
	}
	tomb := c.tomb != nil && c.tomb[i]
	if t.replace(out, c.cols, i, c.time[i], tomb) || tomb || out == nil {
		return
	}
	for _, diff := range []int32{-1, 1} {
		for pos := range t.types {
			out.Cols[pos].AppendFrom(c.cols[pos], i)
		}
		t.changed(out, diff, c.time[i], c.time[i])
	}
}

// replace makes row i of cols the row of t.key, or deletes it, and appends the change to out unless that is nil. It
// reports whether anything changed.
func (t *table) replace(out *vec.Batch, cols []*vec.Column, i int, timeMillis int64, remove bool) bool {
	var old []byte
	var had, same bool
	t.touch()
	if remove {
		if old, had = t.rows.Get(t.key); !had {
			return false
		}
		t.rows.Delete(t.key)
		t.reindex(t.key, old, nil)
		t.age(t.key, old, nil)
	} else {
		t.val = binary.BigEndian.AppendUint64(t.val[:0], uint64(timeMillis))
		t.val = vec.AppendRow(t.val, cols, i)
		if old, had = t.rows.Swap(t.key, t.val); !had {
			old = nil
		}
		t.age(t.key, old, t.val)
		if same = had && string(old[8:]) == string(t.val[8:]); same {
			if out == nil || !t.hasTimes(out) || string(old) == string(t.val) {
				return false
			}
			t.aside = append(t.aside, int32(out.N), int32(out.N+1))
		} else {
			t.reindex(t.key, old, t.val)
		}
	}
	if out == nil {
		return true
	}
	if had {
		if _, err := vec.DecodeRow(old[8:], out.Cols[:len(t.types)]); err != nil {
			panic("BUG: a row in state cannot be decoded: " + err.Error())
		}
		t.changed(out, -1, timeMillis, int64(binary.BigEndian.Uint64(old)))
	}
	if !remove {
		for pos := range t.types {
			out.Cols[pos].AppendFrom(cols[pos], i)
		}
		t.changed(out, 1, timeMillis, timeMillis)
	}
	return !same
}

// changed ends a change in out, whose row is there.
func (t *table) changed(out *vec.Batch, diff int32, at, rowTime int64) {
	out.Diff, out.Time = append(out.Diff, diff), append(out.Time, at)
	for _, c := range out.Cols[len(t.types):] {
		if c.Type == types.Int8 {
			c.AppendInt(rowTime)
		} else {
			c.AppendBytes(t.key)
		}
	}
	out.N++
}

// holds reports whether row i of cols is the row of t.key, whatever its event time.
func (t *table) holds(cols []*vec.Column, i int) bool {
	old, had := t.rows.Get(t.key)
	if !had {
		return false
	}
	t.val = vec.AppendRow(t.val[:0], cols, i)
	return string(old[8:]) == string(t.val)
}

// add changes the number of copies of row i by diff, and appends the change to out, unless that is nil. All copies have
// the time of the one that came last. The indexes have computed the rows of b.
func (t *table) add(b *vec.Batch, i int, out *vec.Batch) {
	t.key = vec.AppendRow(t.key[:0], b.Cols, i)
	t.touch()
	at, diff, n := b.TimeAt(i), int64(b.DiffAt(i)), int64(0)
	was := at
	old, ok := t.rows.Get(t.key)
	if !ok {
		old = nil
	} else {
		was, n = int64(binary.BigEndian.Uint64(old)), int64(binary.BigEndian.Uint64(old[8:]))
	}
	now := was
	if diff > 0 {
		now = at
	}
	if out != nil {
		t.recount(out, b, i, [2]int64{-n, n + diff}, [2]int64{was, now})
	}
	before := n
	if n += diff; (n == 0) != (before == 0) {
		if n != 0 {
			t.followIndexes(t.key, b.Cols, -1, i)
		} else {
			t.followIndexes(t.key, b.Cols, i, -1)
		}
	}
	if n == 0 {
		t.age(t.key, old, nil)
		t.rows.Delete(t.key)
		return
	}
	t.val = binary.BigEndian.AppendUint64(t.val[:0], uint64(now))
	t.val = binary.BigEndian.AppendUint64(t.val, uint64(n))
	t.age(t.key, old, t.val)
	t.rows.Set(t.key, t.val)
}

// recount appends to out that copies of row i of b go and come, which have these times.
func (t *table) recount(out, b *vec.Batch, i int, diffs, times [2]int64) {
	if times[0] == times[1] {
		diffs = [2]int64{0, diffs[0] + diffs[1]}
	}
	for k, n := range diffs {
		eachDiff(n, func(d int32) {
			for pos := range t.types {
				out.Cols[pos].AppendFrom(b.Cols[pos], i)
			}
			t.changed(out, d, b.TimeAt(i), times[k])
		})
	}
}

func appendKey(dst []byte, cols []*vec.Column, key []int, i int) []byte {
	for _, pos := range key {
		dst = vec.AppendKey(dst, cols[pos], i, false, false)
	}
	return dst
}

// snapshot is the rows of a table or view after a step. It is immutable and may be read by anybody.
type snapshot struct {
	rel    *catalog.Relation
	types  []types.Type
	rows   *state.Snapshot
	uniq   []*state.Snapshot
	second []snapshotIndex
	cols   *columns // nil where none are kept
}

func (t *table) snapshot() *snapshot {
	s := &snapshot{rel: t.rel, types: t.types, rows: t.rows.Snapshot()}
	for _, x := range t.uniq {
		s.uniq = append(s.uniq, x.keys.Snapshot())
	}
	for _, x := range t.second {
		s.second = append(s.second, snapshotIndex{x.Index, x.rows.Snapshot()})
	}
	return s
}

// edit returns a table that begins with the rows of the snapshot and can be changed.
func (s *snapshot) edit() *table {
	t := &table{rel: s.rel, types: s.types, rows: s.rows.Map()}
	for i, u := range s.rel.Uniques {
		t.uniq = append(t.uniq, &index{cols: u.Columns, keys: s.uniq[i].Map()})
	}
	for _, x := range s.second {
		t.second = append(t.second, &secondary{Index: x.Index, of: s.rel, rows: x.rows.Map()})
	}
	return t
}

// snapshotReader reads a snapshot's rows in key order, some at a time.
type snapshotReader struct {
	rel   *catalog.Relation
	types []types.Type
	rows  interface {
		Scan(from, to []byte, fn func(key, value []byte) bool)
	}
	want []bool
	next []byte // the key to go on from; nil at the beginning
	// taken is how many rows of a table a view that catches up has.
	taken int64
	to    []byte // the key to stop before; nil for the end
	done  bool
	// ids asks for one more column, the keys of the rows.
	ids bool
}

func newSnapshotReader(s *snapshot, scan *plan.Scan) *snapshotReader {
	r := &snapshotReader{rel: s.rel, types: s.types, rows: s.rows, want: make([]bool, len(scan.Rel.Columns))}
	for _, pos := range scan.Cols {
		if pos >= 0 {
			r.want[pos] = true
		}
		r.ids = r.ids || pos == plan.RowID
	}
	return r
}

// read returns up to limit rows, all columns in the relation's order with those not wanted left nil, or nil at the end.
// The number of keys taken is the second result.
func (r *snapshotReader) read(limit int) (*vec.Batch, int) {
	if r.done {
		return nil, 0
	}
	out := &vec.Batch{Cols: make([]*vec.Column, len(r.types))}
	for i, t := range r.types {
		if i < len(r.want) && r.want[i] {
			out.Cols[i] = vec.NewColumn(t)
		}
	}
	var ids *vec.Column
	if r.ids {
		ids = vec.NewColumn(types.Bytea)
	}
	isCounted := counted(r.rel)
	taken := 0
	r.done = true
	r.rows.Scan(r.next, r.to, func(key, value []byte) bool {
		if taken == limit {
			r.next, r.done = append([]byte(nil), key...), false
			return false
		}
		taken++
		appendStored(out, key, value, isCounted)
		if ids != nil {
			ids.AppendBytes(key)
		}
		return true
	})
	if taken == 0 {
		return nil, 0
	}
	if ids != nil {
		out.Cols = append(out.Cols, ids)
	}
	return out, taken
}

// appendStored appends the row of a key and its value to a batch; columns that are nil are passed over.
func appendStored(out *vec.Batch, key, value []byte, isCounted bool) {
	row := value[8:]
	if isCounted {
		row = key
		out.Diff = append(out.Diff, int32(binary.BigEndian.Uint64(value[8:])))
	}
	if _, err := vec.DecodeRow(row, out.Cols); err != nil {
		panic("BUG: a row in state cannot be decoded: " + err.Error())
	}
	out.Time = append(out.Time, int64(binary.BigEndian.Uint64(value)))
	out.N++
}
