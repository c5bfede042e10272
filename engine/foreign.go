package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// links keep what a statement changes in step with foreign keys. The statement has changed one table; what follows
// changes others, until nothing follows any more. Then what was changed is checked, and counts as a whole.
//
// Who writes a row that refers to a key holds a shared lock of that key, who takes the key away an exclusive one: so
// either the one who comes later sees what the other has done, or it runs again.
type links struct {
	*Change
	cat    *catalog.Snapshot
	drafts []*draft
	views  map[uint32]*table // of tables that are only read
	checks []reference
	gone   []reference
}

// move is what was done to a row: it came, went or became another. Rows are as the state has them.
type move struct{ key, from, to []byte }

// reference is a value of a foreign key: of a row that must have what it refers to, or of one that has gone and nothing
// may refer to.
type reference struct {
	child, of *catalog.Relation
	key       *catalog.Foreign
	row       []byte   // the key of the child's row
	parts     [][]byte // the bytes of the value, one for each column of the foreign key
	values    []string
	restrict  bool
}

// related lists the tables that a change of rels may read or change because of foreign keys, and rels.
func related(cat *catalog.Snapshot, rels []*catalog.Relation) []*catalog.Relation {
	out := slices.Clone(rels)
	add := func(r *catalog.Relation) bool {
		if slices.ContainsFunc(out, func(o *catalog.Relation) bool { return o.ID == r.ID }) {
			return false
		}
		out = append(out, r)
		return true
	}
	var parents func(r *catalog.Relation)
	parents = func(r *catalog.Relation) {
		for i := range r.Foreign {
			if p, ok := cat.ByID(r.Foreign[i].Table); ok {
				add(p)
			}
		}
	}
	queue := slices.Clone(rels)
	seen := map[uint32]bool{}
	for i := 0; i < len(queue); i++ {
		r, ok := cat.ByID(queue[i].ID)
		if !ok || seen[r.ID] {
			continue
		}
		seen[r.ID] = true
		parents(r)
		for _, child := range cat.Referring(r.ID) {
			add(child)
			queue = append(queue, child)
		}
	}
	return out
}

// finish makes a draft count, with what follows of it.
func (c *Change) finish(d *draft) error {
	if !d.linked {
		d.keep()
		return nil
	}
	l := &links{Change: c, cat: c.tx.e.Catalog(), drafts: []*draft{d}, views: map[uint32]*table{}}
	for busy := true; busy; {
		busy = false
		for i := 0; i < len(l.drafts); i++ {
			d := l.drafts[i]
			moves := d.moves
			d.moves = nil
			if len(moves) == 0 {
				continue
			}
			busy = true
			if err := l.follow(d, moves); err != nil {
				return err
			}
		}
	}
	if err := l.verify(); err != nil {
		return err
	}
	for _, d := range l.drafts {
		d.keep()
	}
	return nil
}

// follow does what foreign keys ask for when rows of a table have moved.
func (l *links) follow(d *draft, moves []move) error {
	rel, ok := l.cat.ByID(d.rel.ID)
	if !ok || rel.Layout != d.rows.rel.Layout {
		return altered(d.rel)
	}
	for i := range rel.Foreign {
		if err := l.refer(d, rel, &rel.Foreign[i], moves); err != nil {
			return err
		}
	}
	for _, child := range l.cat.Referring(rel.ID) {
		for i := range child.Foreign {
			if f := &child.Foreign[i]; f.Table == rel.ID {
				if err := l.leave(d, rel, child, f, moves); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// refer notes what must be there for the rows that have come.
func (l *links) refer(d *draft, rel *catalog.Relation, f *catalog.Foreign, moves []move) error {
	of, ok := l.cat.ByID(f.Table)
	if !ok {
		return altered(rel)
	}
	for _, m := range moves {
		if m.to == nil {
			continue
		}
		parts, values, nulls := l.valueOf(d.rows, m.to, f.Columns)
		if nulls > 0 && (!f.Full || nulls == len(f.Columns)) {
			continue
		}
		if m.from != nil {
			if before, _, n := l.valueOf(d.rows, m.from, f.Columns); n == 0 && slices.EqualFunc(before, parts, bytes.Equal) {
				continue
			}
		}
		r := reference{child: rel, of: of, key: f, row: m.key, parts: parts, values: values}
		if l.tx.defers(rel, f) {
			l.tx.deferred = append(l.tx.deferred, deferral{child: rel.ID, name: f.Name, row: m.key})
		} else if nulls > 0 {
			return mixed(r)
		} else {
			l.checks = append(l.checks, r)
		}
	}
	return nil
}

// leave does what a foreign key of child asks for when rows that it may refer to have gone or become others.
func (l *links) leave(d *draft, rel, child *catalog.Relation, f *catalog.Foreign, moves []move) error {
	refs := positionsNamed(rel, f.Refs)
	acts := map[bool]*follower{true: {l: l, child: child, key: f, action: f.OnUpdate, update: true},
		false: {l: l, child: child, key: f, action: f.OnDelete}}
	var names []string
	for _, m := range moves {
		if m.from == nil {
			continue
		}
		parts, values, nulls := l.valueOf(d.rows, m.from, refs)
		if nulls > 0 {
			continue
		}
		if m.to != nil {
			if now, _, n := l.valueOf(d.rows, m.to, refs); n == 0 && slices.EqualFunc(now, parts, bytes.Equal) {
				continue
			}
		}
		names = append(names, keyLock(rel, f, parts))
		a := acts[m.to != nil]
		a.take(reference{child: child, of: rel, key: f, parts: parts, values: values, restrict: a.action == "RESTRICT"}, m,
			refs)
	}
	if len(names) == 0 {
		return nil
	}
	if err := l.lock(names); err != nil {
		return err
	}
	for _, a := range []*follower{acts[false], acts[true]} {
		if err := a.run(d.rows); err != nil {
			return err
		}
	}
	return nil
}

// positionsNamed are the positions of columns by their names.
func positionsNamed(rel *catalog.Relation, names []string) []int {
	var out []int
	for _, name := range names {
		out = append(out, rel.ColumnIndex(name))
	}
	return out
}

// valueOf reads columns of a row as the state has it: their key bytes and texts, and how many are NULL.
func (l *links) valueOf(t *table, stored []byte, columns []int) (parts [][]byte, values []string, nulls int) {
	b := vec.NewBatch(t.types)
	t.decode(stored, b)
	for _, pos := range columns {
		if b.Cols[pos].IsNull(0) {
			nulls++
			parts, values = append(parts, nil), append(values, "null")
			continue
		}
		parts = append(parts, vec.AppendKey(nil, b.Cols[pos], 0, false, false))
		values = append(values, string(b.Cols[pos].AppendText(nil, 0, types.Env{})))
	}
	return parts, values, nulls
}

// keyLock names the lock of a key that rows refer to.
func keyLock(of *catalog.Relation, f *catalog.Foreign, parts [][]byte) string {
	constraint, order, _ := f.KeyOf(of)
	b := []byte(entryLock(of, constraint+1, nil))
	b = append([]byte{0xff}, b...)
	for _, i := range order {
		b = append(b, parts[i]...)
	}
	return string(b)
}

// draftOf is the draft of a table, begun when there is none.
func (l *links) draftOf(rel *catalog.Relation) *draft {
	for _, d := range l.drafts {
		if d.rel.ID == rel.ID {
			return d
		}
	}
	c := *l.Change
	c.rel = rel
	d := c.draft()
	l.drafts = append(l.drafts, d)
	return d
}

// rowsOf are the rows of a table as they are now.
func (l *links) rowsOf(rel *catalog.Relation) (*table, error) {
	for _, d := range l.drafts {
		if d.rel.ID == rel.ID {
			return d.rows, nil
		}
	}
	if t := l.views[rel.ID]; t != nil {
		return t, nil
	}
	snap := l.cut.tables[rel.ID]
	if snap == nil || snap.rel.Layout != rel.Layout {
		return nil, altered(rel)
	}
	t := l.tx.rowsOf(rel, snap).edit()
	l.views[rel.ID] = t
	return t, nil
}

// verify checks what the statement has come to.
func (l *links) verify() error {
	var names []string
	for _, r := range l.checks {
		names = append(names, keyLock(r.of, r.key, r.parts))
	}
	if moved, err := l.tx.e.locks.share(l.ctx, l.tx, names, l.tx.LockTimeout); err != nil || moved {
		if err == nil {
			err = errMoved
		}
		return err
	}
	for _, r := range l.checks {
		child, err := l.rowsOf(r.child)
		if err != nil {
			return err
		}
		stored, ok := child.rows.Get(r.row)
		if !ok {
			continue // it has gone since
		}
		if now, _, _ := l.valueOf(child, stored, r.key.Columns); !slices.EqualFunc(now, r.parts, bytes.Equal) {
			continue
		}
		there, err := l.there(r)
		if err != nil {
			return err
		}
		if !there {
			return missing(r).WithDetail("Key (%s)=(%s) is not present in table \"%s\".", columnNames(r.child, r.key.Columns),
				strings.Join(r.values, ", "), r.of.Name)
		}
	}
	for _, r := range l.gone {
		if err := l.unreferred(r); err != nil {
			return err
		}
	}
	return nil
}

// there reports whether the row is there that a value refers to.
func (l *links) there(r reference) (bool, error) {
	of, err := l.rowsOf(r.of)
	if err != nil {
		return false, err
	}
	constraint, order, ok := r.key.KeyOf(r.of)
	if !ok {
		return false, altered(r.of)
	}
	var key []byte
	for _, i := range order {
		key = append(key, r.parts[i]...)
	}
	if constraint < 0 {
		_, ok = of.rows.Get(key)
	} else {
		_, ok = of.uniq[constraint].keys.Get(key)
	}
	return ok, nil
}

// unreferred checks that no row refers to a value that has gone.
func (l *links) unreferred(r reference) error {
	if !r.restrict {
		if there, err := l.there(r); err != nil || there {
			return err
		}
	}
	child, err := l.rowsOf(r.child)
	if err != nil {
		return err
	}
	if len(referring(child, r.key.Columns, []reference{r})) == 0 {
		return nil
	}
	return violation(r, "update or delete on table %q violates foreign key constraint %q on table %q", r.of.Name,
		r.key.Name, r.child.Name).
		WithDetail("Key (%s)=(%s) is still referenced from table \"%s\".", strings.Join(r.key.Refs, ", "),
			strings.Join(r.values, ", "), r.child.Name)
}

// mixed is the error of a row that has some of the values that MATCH FULL wants.
func mixed(r reference) error {
	return missing(r).WithDetail("MATCH FULL does not allow mixing of null and nonnull key values.")
}

// missing is the error of a row that refers to nothing.
func missing(r reference) *sqlerr.Error {
	return violation(r, "insert or update on table %q violates foreign key constraint %q", r.child.Name, r.key.Name)
}

func violation(r reference, format string, args ...any) *sqlerr.Error {
	e := sqlerr.New(sqlerr.ForeignKeyViolation, format, args...)
	e.Schema, e.Table, e.Constraint = r.child.Schema, r.child.Name, r.key.Name
	return e
}

func columnNames(rel *catalog.Relation, columns []int) string {
	var names []string
	for _, pos := range columns {
		names = append(names, rel.Columns[pos].Name)
	}
	return strings.Join(names, ", ")
}

// referred is a row that refers to one of several values: its key, and which of them.
type referred struct {
	key []byte
	n   int
}

// referring finds the rows whose columns hold one of several values. An index helps where it begins with the columns.
func referring(t *table, columns []int, of []reference) []referred {
	if find := byIndex(t, columns); find != nil {
		var out []referred
		for n, r := range of {
			for _, key := range find(r.parts) {
				out = append(out, referred{key, n})
			}
		}
		return out
	}
	which := map[string]int{}
	for n, r := range of {
		which[string(bytes.Join(r.parts, nil))] = n
	}
	var out []referred
	b := vec.NewBatch(t.types)
	var entry []byte
	t.rows.Scan(nil, nil, func(key, val []byte) bool {
		b.Reset()
		t.decode(val, b)
		entry = appendKey(entry[:0], b.Cols, columns, 0)
		if n, ok := which[string(entry)]; ok {
			out = append(out, referred{bytes.Clone(key), n})
		}
		return true
	})
	return out
}

// byIndex finds how the rows with certain values in columns can be looked up; nil where they cannot.
func byIndex(t *table, columns []int) func(parts [][]byte) [][]byte {
	prefix := func(of []int) func(parts [][]byte) []byte {
		if len(of) < len(columns) {
			return nil
		}
		var order []int
		for _, pos := range of[:len(columns)] {
			i := slices.Index(columns, pos)
			if i < 0 || slices.Contains(order, i) {
				return nil
			}
			order = append(order, i)
		}
		return func(parts [][]byte) (b []byte) {
			for _, i := range order {
				b = append(b, parts[i]...)
			}
			return b
		}
	}
	collect := func(scan func([]byte, func(k, v []byte) bool), at []byte, row func(k, v []byte) []byte) (keys [][]byte) {
		scan(at, func(k, v []byte) bool {
			keys = append(keys, bytes.Clone(row(k, v)))
			return true
		})
		return keys
	}
	if at := prefix(t.rel.Key); at != nil {
		return func(parts [][]byte) [][]byte {
			return collect(t.rows.Prefix, at(parts), func(k, _ []byte) []byte { return k })
		}
	}
	for _, u := range t.uniq { // rows with NULLs in other columns are not in it
		if at := prefix(u.cols); at != nil && len(u.cols) == len(columns) {
			return func(parts [][]byte) [][]byte {
				return collect(u.keys.Prefix, at(parts), func(_, v []byte) []byte { return v })
			}
		}
	}
	for _, x := range t.second {
		if at := prefix(x.Columns); at != nil && x.Plain() {
			return func(parts [][]byte) [][]byte { return collect(x.rows.Prefix, at(parts), entryRow) }
		}
	}
	return nil
}

// entryRow is the key of a row in an entry of a secondary index.
func entryRow(entry, length []byte) []byte {
	n, _ := binary.Uvarint(length)
	return entry[n:]
}

// linksOf tells the foreign keys from a relation and to it.
func linksOf(cat *catalog.Snapshot, id uint32) string {
	if !cat.Linked(id) {
		return ""
	}
	var b []byte
	rel, _ := cat.ByID(id)
	for _, r := range append([]*catalog.Relation{rel}, cat.Referring(id)...) {
		for i := range r.Foreign {
			if f := &r.Foreign[i]; r.ID == id || f.Table == id {
				b = append(append(binary.AppendUvarint(b, uint64(r.ID)), f.Name...), 0)
			}
		}
	}
	return string(b)
}

// settleDeferred makes the checks that were put off until the end of the transaction.
func (tx *Tx) settleDeferred(ctx context.Context) error {
	if len(tx.deferred) == 0 {
		return nil
	}
	return tx.Settle(ctx, func(c *Change) error { return tx.checkDeferred(c, func(deferral) bool { return true }) })
}

// Settle runs a check of what the transaction has put off.
func (tx *Tx) Settle(ctx context.Context, run func(*Change) error) error {
	return tx.changing(ctx, nil, tx.Deferring(), nil, run)
}
