package engine

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"slices"

	"github.com/leatdb/leat/sql/catalog"
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
	known  map[foreignKey]*link
	checks []reference
	gone   []reference
}

// move is what was done to a row: it came, went or became another. Rows are as the state has them.
type move struct{ key, from, to []byte }

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

func (c *Change) links() *links {
	return &links{Change: c, cat: c.tx.e.Catalog(), views: map[uint32]*table{}, known: map[foreignKey]*link{}}
}

// finish makes a draft count, with what follows of it.
func (c *Change) finish(d *draft) error {
	if !d.linked {
		d.keep()
		return nil
	}
	l := c.links()
	l.drafts = []*draft{d}
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
	k, err := l.link(rel, of, f)
	if err != nil {
		return err
	}
	later := l.tx.defers(rel, f)
	for _, m := range moves {
		if m.to == nil {
			continue
		}
		parts, nulls := k.values.read(m.to)
		if nulls > 0 && (!f.Full || nulls == len(f.Columns)) && !(later && m.from == nil) {
			continue
		}
		if m.from != nil {
			if before, n := k.values.read(m.from); n == 0 && sameParts(before, parts) {
				continue
			}
		}
		switch {
		case later:
			l.tx.deferred = append(l.tx.deferred, deferral{child: rel.ID, of: rel.ID, name: f.Name, row: m.key})
		case nulls > 0:
			return k.mixed()
		default:
			l.checks = append(l.checks, reference{link: k, row: m.key, parts: parts})
		}
	}
	return nil
}

// leave does what a foreign key of child asks for when rows that it may refer to have gone or become others.
func (l *links) leave(d *draft, rel, child *catalog.Relation, f *catalog.Foreign, moves []move) error {
	k, err := l.link(child, rel, f)
	if err != nil {
		return err
	}
	deleted := &follower{l: l, link: k, action: f.OnDelete}
	updated := &follower{l: l, link: k, action: f.OnUpdate, update: true}
	var names []string
	for _, m := range moves {
		if m.from == nil {
			continue
		}
		parts, nulls := k.refs.read(m.from)
		if nulls > 0 {
			continue
		}
		if m.to != nil {
			if now, n := k.refs.read(m.to); n == 0 && sameParts(now, parts) {
				continue
			}
		}
		r := reference{link: k, parts: parts, was: m.from}
		names = append(names, r.lock())
		if m.to == nil {
			deleted.take(r, m)
		} else {
			updated.take(r, m)
		}
	}
	if len(names) == 0 {
		return nil
	}
	if err := l.lock(names); err != nil {
		return err
	}
	if err := deleted.run(d.rows); err != nil {
		return err
	}
	return updated.run(d.rows)
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
	names := make([]string, len(l.checks))
	for i, r := range l.checks {
		names[i] = r.lock()
	}
	if moved, err := l.tx.e.locks.share(l.ctx, l.tx, names, l.tx.LockTimeout); err != nil || moved {
		if err == nil {
			err = errMoved
		}
		return err
	}
	for of := range byLink(l.checks) {
		if err := l.present(of); err != nil {
			return err
		}
	}
	for of := range byLink(l.gone) {
		if err := l.unreferred(of); err != nil {
			return err
		}
	}
	return nil
}

// present checks that rows have what they refer to by one foreign key.
func (l *links) present(refs []reference) error {
	k := refs[0].link
	child, err := l.rowsOf(k.child)
	if err != nil {
		return err
	}
	of, err := l.rowsOf(k.of)
	if err != nil {
		return err
	}
	for _, r := range refs {
		stored, ok := child.rows.Get(r.row)
		if !ok {
			continue // it has gone since
		}
		if now, _ := k.values.read(stored); sameParts(now, r.parts) && !r.in(of) {
			return k.missing(k.values.texts())
		}
	}
	return nil
}

// unreferred checks that no row refers to values of one foreign key that have gone.
func (l *links) unreferred(refs []reference) error {
	k := refs[0].link
	of, err := l.rowsOf(k.of)
	if err != nil {
		return err
	}
	child, err := l.rowsOf(k.child)
	if err != nil {
		return err
	}
	var gone []reference
	for _, r := range refs {
		if r.restrict || !r.in(of) {
			gone = append(gone, r)
		}
	}
	found := referring(child, k.key.Columns, gone)
	if len(found) == 0 {
		return nil
	}
	first := slices.MinFunc(found, func(a, b referred) int { return cmp.Compare(a.n, b.n) })
	return k.referred(gone[first.n].texts())
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
	if len(of) == 0 {
		return nil
	}
	which := map[string]int{}
	for n, r := range of {
		which[string(bytes.Join(r.parts, nil))] = n
	}
	var out []referred
	values := newValueReader(t.rel, columns)
	var entry []byte
	t.rows.Scan(nil, nil, func(key, val []byte) bool {
		values.decode(val)
		entry = appendKey(entry[:0], values.cols, columns, 0)
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
