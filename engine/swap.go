package engine

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/leatdb/leat/log"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// CREATE OR REPLACE of what a query makes. The new query runs beside the old one, in the same steps, and catches up.
// Its rows go into a relation that nobody sees (catalog.Relation.Next); nothing is written to the topic. A third
// graph, the difference, compares the two relations key by key, and follows both. Once all have caught up, a step
// swaps them before it does anything else: the relation gets the rows and the query of the new one, its readers the
// difference. The step's record says so, and a replay does the same; until no replay needs it any more, the catalog
// keeps the old definition (Was).

// swapped is the relation when the one that is made to take its place has done so.
func swapped(old *catalog.Relation) *catalog.Relation {
	r := *old.Next
	r.ID, r.State, r.Next, r.Was = old.ID, old.Next.ID, nil, nil
	r.Topic, r.Partitions, r.OwnsTopic, r.QueryID = old.Topic, old.Partitions, old.OwnsTopic, old.QueryID
	r.Comment, r.Owner, r.History = old.Comment, old.Owner, old.History
	return &r
}

// besides lists the numbers under which more state is kept for a relation: of what is to take its place, and of what it
// was.
func besides(r *catalog.Relation) []uint32 {
	var ids []uint32
	if r.Next != nil {
		ids = append(ids, r.Next.ID, differenceID(r))
	}
	if r.Was != nil {
		ids = append(ids, r.Was.StateID(), differenceID(r.Was))
	}
	return ids
}

// forget frees that state, and takes what is to take the place of a relation out of the flow.
func (f *flow) forget(r *catalog.Relation) error {
	for _, id := range besides(r) {
		if err := f.detach(id); err != nil {
			return err
		}
		f.free(id)
	}
	if r.Next != nil {
		if next := f.sources[r.Next.ID]; next != nil {
			f.freeIndexes(next.rows)
		}
		delete(f.sources, r.Next.ID)
		delete(f.unswappable, r.ID) // what is begun in its place can be swapped
		why := sqlerr.New(sqlerr.QueryCanceled, "the replacement of %q was taken back", r.Name)
		f.engine.replaced(r.Next.ID, takenBack{why})
	}
	return nil
}

// viewOf returns the running query with a number, nil for none.
func (f *flow) viewOf(id uint32) *view {
	for _, v := range f.views {
		if v.id == id {
			return v
		}
	}
	return nil
}

// definition returns the relation whose query has a number, as it was when the flow was where it is; nil when it was
// dropped. differs tells that the number is that of the difference between it and the one to take its place.
func (f *flow) definition(id uint32) (rel *catalog.Relation, differs bool) {
	if s := f.sources[id]; s != nil && s.rel.Part == id {
		return s.rel, false
	}
	for _, s := range f.sources {
		switch n := s.rel.Next; {
		case s.rel.StateID() == id && !s.hidden:
			return s.rel, false
		case n != nil && n.ID == id:
			return n, false
		case n != nil && differenceID(s.rel) == id:
			return s.rel, true
		}
	}
	rel, _ = f.engine.Catalog().ByID(id)
	return rel, false
}

// standing is the definition that a relation of the catalog had at the checkpoint with that metadata.
func standing(rel *catalog.Relation, meta checkpointMeta) *catalog.Relation {
	at := meta.States[rel.ID]
	switch {
	case rel.Was != nil && at != rel.StateID():
		return rel.Was
	case rel.Next != nil && at == rel.Next.ID:
		return swapped(rel)
	}
	return rel
}

// remembers returns an error when the catalog has forgotten what relations were at the checkpoint with that metadata,
// or how their rows were laid out. Those that are on enough disks are newer; a node that was away when they were
// written, or followed, has to take one over.
func (e *Engine) remembers(meta checkpointMeta) error {
	for _, rel := range e.Catalog().Relations() {
		at := meta.States[rel.ID]
		if at != rel.State && (rel.Was == nil || at != rel.Was.State) && (rel.Next == nil || at != rel.Next.ID) {
			return fmt.Errorf("%w: the one in the data directory is from before %q was replaced", ErrNoCheckpoint, rel.Name)
		}
		if !meta.has(rel) {
			return fmt.Errorf("%w: the one in the data directory is from before %q was altered", ErrNoCheckpoint, rel.Name)
		}
	}
	return nil
}

// begunBy returns an error when steps after the checkpoint with that metadata were computed before a relation became
// what the catalog says.
func (e *Engine) begunBy(meta checkpointMeta) error {
	for _, rel := range e.Catalog().Relations() {
		if meta.Steps < rel.Since {
			return fmt.Errorf("engine: the checkpoint in the data directory is from before %q was changed", rel.Name)
		}
	}
	return nil
}

// has reports whether a checkpoint has the rows of a relation in the layout that the catalog says, if it knows it.
func (m *checkpointMeta) has(rel *catalog.Relation) bool {
	_, knows := m.Parts[rel.ID]
	if !knows || !m.Laid || rel.Kind != catalog.Table && rel.Kind != catalog.View {
		return true
	}
	layout := standing(rel, *m).Layout
	relaid, besides := m.Relaid[rel.ID]
	return layout == m.Layouts[rel.ID] || besides && layout == relaid
}

// isNext reports whether a number is that of a relation that is made to take the place of another.
func (f *flow) isNext(id uint32) bool {
	for _, s := range f.sources {
		if s.rel.Next != nil && s.rel.Next.ID == id {
			return true
		}
	}
	return false
}

// swappable reports whether the relation that is made to take the place of s has caught up with it.
func (f *flow) swappable(s *source) bool {
	if s.rel.Next == nil || s.hidden {
		return false
	}
	v, d := f.viewOf(s.rel.Next.ID), f.viewOf(differenceID(s.rel))
	if v == nil || d == nil || v.fresh || v.paused || v.chases() || d.chases() || len(v.readers()) > 0 {
		return false
	}
	if s.rows == nil { // nothing is to be written twice or left out
		return s.view != nil && !s.view.paused && len(s.view.readers()) == 0
	}
	return keepsKeys(s.rel, s.rel.Next) || !s.chasedBut(d)
}

// chasedBut reports whether another query than d still reads the rows that the relation had before it.
func (src *source) chasedBut(d *view) bool {
	return slices.ContainsFunc(src.inputs, func(in *input) bool { return in.view != d && in.chase != nil })
}

// keepsKeys reports whether rows that two relations both have are kept under the same keys. Then it does not matter
// whether those that read the first have come to the end of it when the second takes its place: they go on from there.
func keepsKeys(a, b *catalog.Relation) bool {
	return slices.Equal(a.Key, b.Key) && (len(a.Key) > 0 || len(a.Columns) == len(b.Columns))
}

// name adds to changes of the table the keys under which it has the rows.
func (t *table) name(changes *vec.Batch) {
	names := vec.NewColumn(types.Bytea)
	for i := range changes.N {
		if t.counted() {
			t.key = vec.AppendRow(t.key[:0], changes.Cols[:len(t.types)], i)
		} else {
			t.key = appendKey(t.key[:0], changes.Cols, t.rel.Key, i)
		}
		names.AppendBytes(t.key)
	}
	changes.Cols = append(changes.Cols, names)
}

// swap lets the relation that was made to take the place of another do so, at the beginning of a step.
func (f *flow) swap(id uint32) error {
	s := f.sources[id]
	if s == nil || s.rel.Next == nil {
		return nil // dropped since
	}
	if f.unswappable[id] {
		return f.swapLogged(s)
	}
	v, d := f.viewOf(s.rel.Next.ID), f.viewOf(differenceID(s.rel))
	if v == nil || d == nil {
		return nil
	}
	if err := f.checkSwap(s, v, d); err != nil {
		return err
	}
	f.logged = slices.DeleteFunc(f.logged, func(w *loggedQuery) bool { return w.src == s })
	old, rel := s.rel, swapped(s.rel)
	timed := slices.ContainsFunc(d.inputs, timedInput)
	var w *drafter
	if s.rows != nil && old.Extends(rel) {
		w = f.drafter(s)
	}
	for _, gone := range []uint32{old.StateID(), d.id} {
		if err := f.detach(gone); err != nil {
			return err
		}
	}
	rows, made := s.rows, v.sink.src.rows
	f.freeIndexes(rows)
	delete(f.accounts, old.StateID())
	s.rel, s.view, v.rel, v.fresh = rel, v, rel, false
	delete(f.sources, old.Next.ID)
	v.sink.src, v.sink.rel, v.sink.parts, v.sink.hidden = s, rel, nil, false
	s.endTaps(old, timed)
	f.order()
	if rows == nil {
		return f.rereadAll(s)
	}
	s.rows, s.snap = made, nil
	s.rows.rel = rel
	if w == nil {
		v.sink.startOver(old, rows)
		return nil
	}
	changes, records := w.all()
	switch {
	case w.records == noRecords:
		v.sink.startOver(old, rows)
	case w.records == tombstones: // in the steps that follow, all rows are written as they are now
		v.sink.send(records)
		s.rewrite = newWholeReader(s.rows, nil)
	default:
		v.sink.send(records)
		if s.rewrite != nil { // what is left to be written is new
			s.rewrite = newWholeReader(s.rows, s.rewrite.next)
		}
	}
	if s.named() {
		s.rows.name(changes)
	}
	s.publish(changes)
	return nil
}

// endTaps ends the push queries that cannot go on over the relation as it is now.
func (src *source) endTaps(old *catalog.Relation, timed bool) {
	for t := range src.taps {
		if old.Kind != catalog.Stream && (!old.Extends(src.rel) || t.timed && !timed) {
			t.end(sqlerr.New(sqlerr.ObjectInUse, "relation %q was replaced by one with other columns or times", old.Name).
				WithHint("Ask again."))
			delete(src.taps, t)
		}
	}
}

// sameRecords reports whether rows of two relations are written in the same way.
func sameRecords(a, b *catalog.Relation) bool {
	return len(a.Columns) == len(b.Columns) && a.KeyFormat == b.KeyFormat && a.ValueFormat == b.ValueFormat &&
		a.Delimiter == b.Delimiter && a.KeyDelimiter == b.KeyDelimiter && a.Unwrapped == b.Unwrapped &&
		a.Windowed == b.Windowed && a.WindowKind == b.WindowKind && a.WindowSizeMs == b.WindowSizeMs
}

// copies writes that copies of a row of a view without a key come or go.
func (s *sink) copies(enc *encoder, cols []*vec.Column, i int, n, at int64) {
	eachDiff(n, func(d int32) {
		_, value := enc.record(cols, i)
		s.record(partitionOf(nil, i, len(s.parts)), nil, value, at, copyHeader(d))
	})
}

// copyHeader says how many copies of a row come or go with a record.
func copyHeader(n int32) []log.RecordHeader {
	return []log.RecordHeader{{Key: []byte(diffHeader), Value: strconv.AppendInt(nil, int64(n), 10)}}
}

// startOver takes all rows that the relation had out of the topic, and writes those that it has now.
func (s *sink) startOver(old *catalog.Relation, rows *table) {
	s.open()
	enc := mustEncoder(old)
	r := newWholeReader(rows, nil)
	for b, _ := r.read(feedRows); b != nil; b, _ = r.read(feedRows) {
		for i := range b.N {
			if rows.counted() {
				s.copies(enc, b.Cols, i, -int64(b.DiffAt(i)), b.Time[i])
				continue
			}
			key, _ := enc.record(b.Cols, i)
			s.record(partitionOf(key, i, len(s.parts)), key, nil, b.Time[i], nil)
		}
	}
	s.src.rewrite = newWholeReader(s.src.rows, nil)
	if s.src.rows.counted() { // from now on every change counts
		s.writeRows(int(^uint(0) >> 1))
		return
	}
	s.closeAll()
}

// writeRows writes rows that the topic has in another form, or not at all. It returns their number.
func (s *sink) writeRows(limit int) int {
	s.open()
	r := s.src.rewrite
	b, n := r.read(limit)
	for i := 0; b != nil && i < b.N; i++ {
		if s.src.rows.counted() {
			s.copies(s.enc, b.Cols, i, int64(b.DiffAt(i)), b.Time[i])
			continue
		}
		key, value := s.enc.record(b.Cols, i)
		s.record(partitionOf(key, i, len(s.parts)), key, value, b.Time[i], nil)
	}
	if r.done {
		s.src.rewrite = nil
	}
	s.closeAll()
	return n
}

// newWholeReader reads all columns of the rows of a table from a key on, as they are when it comes to them.
func newWholeReader(t *table, next []byte) *snapshotReader {
	r := &snapshotReader{rel: t.rel, types: t.types, rows: t.rows, next: next}
	for range t.types {
		r.want = append(r.want, true)
	}
	return r
}

// open makes the sink ready for records, and closeAll hands over what it has.
func (s *sink) open() {
	if s.parts == nil {
		s.parts = make([]log.Builder, len(s.src.parts))
	}
}

func (s *sink) closeAll() {
	for p := range s.parts {
		s.closeBatch(p)
	}
}

// planRewrites lets relations that were replaced write more of their rows to their topics in the step.
func (f *flow) planRewrites(sub *substep) {
	for id, s := range f.sources {
		if s.rewrite != nil && s.view != nil && !s.view.ended {
			sub.Rewrites = append(sub.Rewrites, slice{View: id, Rows: max(f.pace.slice(f.cfg)/4, 1)})
		}
	}
	slices.SortFunc(sub.Rewrites, func(a, b slice) int { return int(a.View) - int(b.View) })
}

// takeRewrite is what a step does first of all about such a relation.
func (f *flow) takeRewrite(r *slice) {
	if s := f.sources[r.View]; s != nil && s.rewrite != nil && s.view != nil && !s.view.ended &&
		!f.isLogged(s) {
		r.Rows = s.view.sink.writeRows(r.Rows)
	}
}
