package engine

import "slices"

// A swap that is computed again needs what the node had that computed it: the new query, and the difference. Where
// their state cannot be used (see doubt.go), the log has what the swap came to, if it has written all of it, as it does
// unless the form of the records changed: the new query's output, on top of the rows that there were.

// checkSwap doubts the queries that were there with a swap when it was computed first and are not now: they have not
// come to what they did. Those that read the relation had all read its rows where that matters.
func (f *flow) checkSwap(s *source, v, d *view) error {
	var behind []*view
	if v.chases() || d.chases() {
		behind = append(behind, v)
	}
	for _, in := range s.inputs {
		if in.view != d && in.chase != nil && !keepsKeys(s.rel, s.rel.Next) {
			behind = append(behind, in.view)
		}
	}
	for _, late := range behind {
		f.doubt(late.id, whyOutput)
		f.differs[late.id] = whyOutput
	}
	if len(behind) > 0 {
		return errDoubt
	}
	return nil
}

// swapLogged is swap where the output of the new query is taken from the log.
func (f *flow) swapLogged(s *source) error {
	old, rel := s.rel, swapped(s.rel)
	if s.rows != nil && (!old.Extends(rel) || recordsOfSwap(old, rel) != allRecords) {
		return errMixed("the replacement of " + old.Name)
	}
	q, err := f.engine.planView(old.Next)
	if err != nil {
		return err
	}
	next := f.addSource(old.Next)
	for _, gone := range []uint32{old.StateID(), old.Next.ID, differenceID(old)} {
		if err := f.detach(gone); err != nil {
			return err
		}
	}
	delete(f.unsaid, old.Next.ID)
	v, err := f.newView(rel, q)
	if err != nil {
		return err
	}
	v.retire()
	f.doubt(v.id, whyGraph)
	delete(f.sources, old.Next.ID)
	delete(f.unswappable, old.ID)
	if s.rows != nil {
		next.rows.rel = rel
		next.rows.drain()
		f.carryIndexes(s.rows, next.rows)
		next.rows.fill(s.rows)
		f.freeIndexes(s.rows)
		s.rows, s.snap = next.rows, nil
	}
	delete(f.accounts, old.StateID())
	f.logged = slices.DeleteFunc(f.logged, func(w *loggedQuery) bool { return w.src == s })
	s.rel, s.rewrite = rel, nil
	s.endTaps(old, false)
	f.order()
	if err := f.followLog(v, s); err != nil {
		return err
	}
	return f.rereadAll(s)
}

// fill gives an empty table the rows of one with the same key and columns.
func (t *table) fill(from *table) { t.eachRow(from, 1) }

// drain deletes all rows.
func (t *table) drain() { t.eachRow(t, -1) }

// eachRow lets the rows of a table come, with sign 1, or go, with sign -1.
func (t *table) eachRow(of *table, sign int32) {
	r := newWholeReader(of, nil)
	for b, _ := r.read(feedRows); b != nil; b, _ = r.read(feedRows) {
		if t.counted() {
			for i := range b.Diff {
				b.Diff[i] *= sign
			}
			t.computeIndexes(b.Cols, b.N)
		}
		for i := range b.N {
			if t.counted() {
				t.add(b, i, nil)
				continue
			}
			t.key = appendKey(t.key[:0], b.Cols, t.rel.Key, i)
			t.replace(nil, b.Cols, i, b.Time[i], sign < 0)
		}
	}
}
