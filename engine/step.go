package engine

import (
	"errors"
	"math"
	"slices"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/sql/catalog"
)

// entryBytes is how much output one entry of the log takes; more is committed in parts.
const entryBytes = 4 << 20

// step computes and commits the next step. It reports whether there was anything to do.
func (f *flow) step() (bool, error) {
	sub, err := f.planStep()
	if err != nil {
		return false, err
	}
	if !sub.empty() {
		f.store.Stepped()
	}
	began := time.Now()
	if err := f.compute(&sub, true); err != nil {
		return false, err
	}
	f.pace.learn(f.cfg, &sub, time.Now(), time.Since(began))
	f.whole = f.roundDone()
	if sub.empty() {
		f.publish() // streams that nobody here reads may have grown
		return false, nil
	}
	f.pending = append(f.pending, sub)
	f.stepped.Store(sub.Now)
	if len(f.out) > 0 || f.mustRecord() {
		if err := f.commit(0); err != nil {
			return false, err
		}
	}
	f.publish()
	return true, nil
}

// planStep decides what the next step takes in. Ranges end where the partitions do between two entries of the log. What
// is more than a step can hold is taken in by several, a round, which all go to the same ends: after the last no
// transaction is half there. How far ranges were read is set afterwards.
func (f *flow) planStep() (substep, error) {
	sub := substep{Now: f.cfg.Now().UnixMicro(), Attach: f.waiting, Turns: f.turns, Judged: f.judged, Swaps: f.swaps}
	f.waiting, f.turns, f.judged, f.swaps = nil, nil, nil, nil
	sub.GivenUp = f.toldGivenUp()
	rests := f.pace.rest() > 0
	f.pace.rested = rests
	if len(sub.Swaps) == 0 && !rests { // who is swapped is not asked for more
		f.planSlices(&sub)
		f.planRewrites(&sub)
	}
	sub.Tick = f.ticks(sub.Now)
	f.parts = f.parts[:0]
	for _, s := range f.sourcesInOrder() {
		f.planReads(&sub, s.live)
	}
	for _, v := range f.views {
		if v.chases() || v.paused || rests || sub.pauses(v) {
			continue // its streams wait until its tables are there, or until it goes on
		}
		if v.slow.allow(1, sub.Now) == 0 {
			continue
		}
		for _, r := range v.readers() {
			f.planReads(&sub, r)
		}
	}
	f.addUnread()
	var err error
	if f.ends, err = f.node.Ends(f.ctx, f.parts, f.ends[:0]); err != nil {
		return sub, err
	}
	if f.whole {
		clear(f.round)
		for i, id := range f.parts {
			f.round[id] = f.ends[i]
		}
	}
	reads := sub.Reads[:0]
	for i, rr := range sub.Reads {
		to, known := f.round[f.parts[i]]
		switch {
		case known:
			rr.To = to
		case rr.Owner == 0:
			continue // it is read from the next round on
		default:
			rr.To = f.ends[i]
		}
		if rr.To > rr.From {
			reads = append(reads, rr)
		}
	}
	sub.Reads = reads
	return sub, nil
}

// addUnread adds to the partitions of a step those of streams that nobody reads: a cut needs their ends.
func (f *flow) addUnread() {
	for _, s := range f.sources {
		if s.unread() {
			for _, p := range s.parts {
				f.parts = append(f.parts, p.id)
			}
		}
	}
}

// roundDone reports whether everything that was there when the round began has been taken in.
func (f *flow) roundDone() bool {
	for _, s := range f.sources {
		if s.live == nil || f.halted(s) {
			continue
		}
		for i := range s.live.parts {
			if p := &s.live.parts[i]; p.next < f.round[p.id] {
				return false
			}
		}
	}
	return true
}

// planReads adds a range for every partition of a reader, its end still open.
func (f *flow) planReads(sub *substep, r *reader) {
	if f.halted(r.src) {
		return
	}
	for part := range r.parts {
		cur := &r.parts[part]
		sub.Reads = append(sub.Reads, readRange{Rel: r.src.rel.ID, Owner: r.owner, Part: part, From: cur.next})
		f.parts = append(f.parts, cur.id)
	}
}

// sourcesInOrder returns the sources that are read live: tables first, each kind by ID.
func (f *flow) sourcesInOrder() []*source {
	var tables, streams []*source
	for _, rel := range f.engine.Catalog().Relations() {
		s := f.sources[rel.ID]
		switch {
		case s == nil || s.live == nil:
		case rel.Kind == catalog.Table:
			tables = append(tables, s)
		default:
			streams = append(streams, s)
		}
	}
	return append(tables, streams...)
}

// takeChanges lets queries go, come, pause, go on and replace others, as a step says, before it takes anything in.
func (f *flow) takeChanges(sub *substep) error {
	if err := f.takeGivenUp(sub.GivenUp); err != nil {
		return err
	}
	for _, a := range sub.Attach {
		if err := f.attach(a); err != nil {
			return err
		}
	}
	if err := f.takeTurns(sub.Turns); err != nil {
		return err
	}
	for _, id := range sub.Swaps {
		if err := f.swap(id); err != nil {
			return err
		}
	}
	return nil
}

// compute runs one step: it reads what sub says, runs the views, and leaves what they put out in f.out. Live, a range
// is read no further than a step may, and how far that is noted in sub; else sub comes from a record and is followed to
// the letter.
func (f *flow) compute(sub *substep, live bool) error {
	f.now = sub.Now
	if err := f.takeChanges(sub); err != nil {
		return err
	}
	for _, j := range sub.Judged {
		f.setJudged(j)
	}
	for i := range sub.Rewrites {
		f.takeRewrite(&sub.Rewrites[i])
	}
	for i := range sub.Slices {
		f.takeSlice(&sub.Slices[i])
	}
	limit := math.MaxInt
	if live {
		limit = f.cfg.StepBytes
	}
	kept := sub.Reads[:0]
	for _, rr := range sub.Reads {
		r := f.readerOf(rr)
		if r == nil {
			continue // the view was dropped since
		}
		end, most := rr.To, limit
		if live && r.owner != 0 {
			most = r.of.most(f)
		}
		if err := f.readRange(r, &rr, most); err != nil {
			return err
		}
		if err := f.checkRange(r.src, &rr, live); err != nil {
			return err
		}
		rr.More = rr.More || rr.To < end
		r.parts[rr.Part].more = rr.More
		if rr.To > rr.From {
			kept = append(kept, rr)
		}
	}
	sub.Reads = kept
	f.expireTables()
	if err := f.takeLogged(); err != nil {
		return err
	}
	for _, v := range f.views {
		told := len(f.bad)
		if err := v.attempt(); state.IsDamage(err) {
			return err
		} else if err != nil {
			f.bad = f.bad[:told] // it is told when the step is computed again
			if err := f.giveUp(v, sub, err); err != nil {
				return err
			}
			continue
		}
		v.passOnLag()
	}
	f.emitErrors()
	if live {
		sub.Joined = f.caughtUp()
	}
	return f.joinReaders(sub.Joined)
}

func (f *flow) readerOf(rr readRange) *reader {
	if rr.Owner == 0 {
		if s := f.sources[rr.Rel]; s != nil {
			return s.live
		}
		return nil
	}
	for _, v := range f.views {
		for _, in := range v.inputs {
			if v.id == rr.Owner && in.reader != nil && in.src.rel.ID == rr.Rel {
				return in.reader
			}
		}
	}
	return nil
}

// readRange reads a range and gives its rows to the views that want them.
func (f *flow) readRange(r *reader, rr *readRange, limit int) error {
	r.parts[rr.Part].next = rr.From
	before := r.parts[rr.Part]
	c, err := r.read(f.node, rr.Part, rr.To, limit)
	if err == nil && c != nil && len(c.bad) > 0 && r.src.rows != nil && r.src.rel.OnError.Fail {
		c, err = f.stopTable(r, rr, before, slices.Clone(c.bad), limit)
	}
	if err != nil {
		return err
	}
	rr.To = r.parts[rr.Part].next
	if c == nil {
		return nil
	}
	if c.n+c.passed > 0 {
		r.parts[rr.Part].seen = floorDiv(f.now, 1000)
	}
	if r.of != nil {
		r.of.taken += int64(c.n + c.passed)
		r.of.slow.take(c.n + c.passed)
	}
	f.report(r.src, c)
	r.endFailing(c.bad)
	if r.src.rows != nil {
		r.src.publish(r.src.rows.upsert(c, r.src.newChanges()))
		return nil
	}
	for _, in := range r.inputs {
		in.pending = append(in.pending, c.batch(in.scan))
		in.passed += c.passed
	}
	return nil
}

// settingThrow makes a query fail that reads a record whose event time cannot be read.
const settingThrow = "ksql.timestamp.throw.on.invalid"

// report notes the records of a chunk that cannot be decoded, once for a relation whoever reads it.
func (f *flow) report(s *source, c *chunk) {
	if len(c.bad) == 0 || c.part >= len(s.parts) || s.rel.OnError.Fail {
		return
	}
	cur := &s.parts[c.part]
	for _, b := range c.bad {
		if b.offset >= cur.judged {
			b.rel, b.into = s.rel, s.rel.OnError.Into
			f.bad = append(f.bad, b)
			cur.judged = b.offset + 1
		}
	}
}

func (f *flow) setJudged(j judged) {
	if s := f.sources[j.Rel]; s != nil && j.Part < len(s.parts) {
		s.parts[j.Part].judged = max(s.parts[j.Part].judged, j.To)
	}
}

// caughtUp finds the views that are where the others are in a stream they read by themselves.
func (f *flow) caughtUp() []joined {
	var out []joined
	first := map[*source]*reader{} // whom a stream that nobody reads yet will be read with
	for _, v := range f.views {
		if v.chases() || v.paused {
			continue
		}
		for _, r := range v.readers() {
			at := r.src.parts
			switch {
			case r.src.derived(): // from here on the view takes the rows as they are made
			case r.src.live != nil:
				at = r.src.live.parts
			case first[r.src] != nil:
				at = first[r.src].parts
			default:
				first[r.src] = r
				at = r.parts
			}
			if sameOffsets(r.parts, at) {
				out = append(out, joined{v.id, r.src.rel.ID})
			}
		}
	}
	return out
}

func sameOffsets(a, b []cursor) bool {
	return slices.EqualFunc(a, b, func(x, y cursor) bool { return x.next == y.next })
}

// joinReaders lets views that have caught up read with the others.
func (f *flow) joinReaders(list []joined) error {
	for _, j := range list {
		for _, v := range f.views {
			if v.id != j.View {
				continue
			}
			for _, in := range v.inputs {
				if in.reader == nil || in.src.rel.ID != j.Rel {
					continue
				}
				if err := in.join(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// commit makes the pending steps and what they put out durable, in one entry where it fits. The first skip entries have
// been committed before. Steps without output may stay pending: computing them again after a crash gives the same.
func (f *flow) commit(skip int) error {
	entries := packEntries(f.out)
	for i := skip; i < len(entries); i++ {
		rec := stepRecord{Part: i, Parts: len(entries)}
		if i == 0 {
			rec.Subs, rec.Catalog, rec.Ends = f.pending, f.engine.Catalog().Version(), f.untoldEnds()
			if f.node.Level() >= cluster.LevelSums {
				rec.Summed, rec.Outs = true, f.outs
			}
		}
		f.seq++
		if i == len(entries)-1 {
			if m := f.mark(); m != nil {
				entries[i] = append(entries[i], cluster.Append{Partition: f.marker.part, Batches: m})
			}
		}
		entry := append(entries[i], cluster.Append{Partition: f.steps, Batches: rec.batch(floorDiv(f.now, 1000))})
		bases, err := f.commitEntry(cluster.Step{Flow: flowID, Epoch: f.epoch, Seq: f.seq, Appends: entry})
		if err != nil {
			return err
		}
		f.stepsFrom = bases[len(bases)-1] + 1
		f.tell(&rec)
	}
	f.sinceMark++
	f.taken += int64(len(f.pending))
	f.pending, f.out, f.outs = nil, f.out[:0], f.outs[:0]
	return nil
}

// mustRecord reports whether the pending steps have to be recorded although nothing came out: a view was attached, or
// they have become many.
func (f *flow) mustRecord() bool {
	if len(f.pending) >= 64 || f.unmarked() {
		return true
	}
	for _, s := range f.pending {
		if len(s.Attach) > 0 || len(s.GivenUp) > 0 || len(s.Turns) > 0 || len(s.Swaps) > 0 || len(s.Judged) > 0 {
			return true
		}
	}
	return false
}

// commitEntry commits one entry. A full disk is waited out: the step is computed, and it will be needed.
func (f *flow) commitEntry(s cluster.Step) ([]int64, error) {
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		bases, err := f.node.CommitStep(f.ctx, s)
		if !errors.Is(err, cluster.ErrDiskFull) {
			return bases, err
		}
		f.log.Warn("the disk is full: continuous queries wait", "retry", wait)
		if !f.stall(translate(err), wait) {
			return nil, err
		}
	}
}

// stall waits for the disk to have space again. Meanwhile whoever asks the flow for something is told why not. It
// reports whether the flow goes on.
func (f *flow) stall(why error, wait time.Duration) bool {
	f.setFailure(why)
	defer f.setFailure(nil)
	for _, t := range f.tickets {
		t.done <- cut{err: why}
	}
	f.tickets = nil
	over := time.After(wait)
	for {
		select {
		case req := <-f.requests: // it sees the failure
			req()
		case <-over:
			return true
		case <-f.stop:
			return false
		}
	}
}

// packEntries groups appends, in order, into entries of about entryBytes; there is at least one.
func packEntries(out []cluster.Append) [][]cluster.Append {
	entries := [][]cluster.Append{nil}
	size := 0
	for _, a := range out {
		if size > 0 && size+len(a.Batches) > entryBytes {
			entries, size = append(entries, nil), 0
		}
		last := len(entries) - 1
		entries[last] = append(entries[last], a)
		size += len(a.Batches)
	}
	return entries
}

// publish shows the committed step: push queries get their changes. Those that do not read event times do not see that
// rows only got a new one.
func (f *flow) publish() {
	f.shown.Store(f.position())
	step := map[*tap][]tapped{} // a query gets the changes of a step as a whole, whatever it reads
	for id, s := range f.sources {
		if s.rows != nil && s.snap == nil {
			f.dropLasting(id)
		}
		if s.changes == nil {
			continue
		}
		plain := withoutTimes(s.changes, len(s.rows.types))
		for t := range s.taps {
			if t.timed {
				step[t] = append(step[t], tapped{id, s.changes, len(s.rows.types)})
			} else if plain.N > 0 {
				step[t] = append(step[t], tapped{id, plain, len(s.rows.types)})
			}
		}
		s.changes = nil
	}
	for t := range f.taps {
		f.showTo(t, step[t])
	}
}
