package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// work takes in what has come and ends a step of the query's own. It reports whether there was anything.
func (p *push) work(ctx context.Context) (bool, error) {
	switch {
	case !p.begun:
		return true, p.takeFirst(ctx)
	case len(p.resumed) > 0:
		s := p.resumed[0]
		p.resumed = p.resumed[1:]
		return true, p.takeTapped(ctx, s)
	}
	now := p.e.cfg.Now().UnixMicro()
	if p.watch != nil {
		if _, _, err := p.tap.drain(true); err != nil { // the tap only says that a stream was dropped
			return false, err
		}
		ends, err := p.ends(ctx)
		if err != nil {
			return false, err
		}
		if worked, err := p.takeStep(ctx, tappedStep{place: ends}, p.e.cfg.StepBytes); worked || err != nil {
			return worked, err
		}
	} else {
		s, ok, err := p.tap.drain(len(p.streams) == 0)
		if errors.Is(err, errShut) {
			return true, p.catchUp(ctx)
		}
		if err != nil {
			return false, err
		}
		if ok {
			return true, p.takeTapped(ctx, s)
		}
	}
	if t, ok := p.wake(now); !ok || t > now {
		return false, nil
	}
	p.beginStep()
	return true, p.endStep(ctx)
}

// takeTapped takes in a step of the flow, to its end.
func (p *push) takeTapped(ctx context.Context, s tappedStep) error {
	if worked, err := p.takeStep(ctx, s, 0); worked || err != nil {
		return err
	}
	return nil
}

// catchUp lays out, as one step, what the client has missed since it fell behind: it finds that in the topics, and what
// came and went meanwhile it does not see.
func (p *push) catchUp(ctx context.Context) error {
	for _, r := range p.rels {
		if err := untold(r.rel); err != nil {
			return err
		}
	}
	var list []stretch
	for _, r := range p.rels {
		for i, id := range r.ids {
			list = append(list, stretch{part: id, from: r.from[i], to: r.at[i]})
		}
	}
	tables, err := p.pastTables(ctx, newToken(list))
	p.initial = nil
	if err != nil {
		return p.tooSlow(err)
	}
	var place []int64
	if err := p.e.flow.do(ctx, func() error {
		p.tap.reopen()
		place = p.e.flow.placeOf(p.tap)
		p.tap.last = place
		return nil
	}); err != nil {
		return err
	}
	s, err := p.changesTo(ctx, tables, place)
	if err != nil {
		return p.tooSlow(err)
	}
	for i := range s.changes {
		s.changes[i].rows = Consolidate(s.changes[i].rows)
	}
	s.folded = true
	p.resumed = append(p.resumed, s)
	return nil
}

// tooSlow is the error of a client that has fallen behind what its topics keep.
func (p *push) tooSlow(err error) error {
	if sqlerr.From(err).Code != sqlerr.SnapshotTooOld {
		return err
	}
	return sqlerr.New(sqlerr.ProgramLimitExceeded, "the client reads too slowly: %d MiB of changes waited, and their "+
		"records are gone", p.tap.limit>>20).
		WithHint("Read faster, ask for fewer rows, or poll the view with a SELECT without EMIT CHANGES.")
}

// beginStep notes where the step begins.
func (p *push) beginStep() {
	p.shown, p.step.first, p.step.exact, p.resumedAt = 0, false, true, nil
	for _, r := range p.rels {
		copy(r.before, r.at)
		if len(r.ids) > 1 && !r.isStream(p) {
			p.step.exact = false
		}
	}
}

func (r *pushRelation) isStream(p *push) bool {
	return slices.ContainsFunc(p.streams, func(s pushStream) bool { return s.of == r })
}

// takeStep takes in the changes of tables and views, one relation after the other, and then what has come of the
// streams: to where the step ends, or with a limit about so many bytes of each partition. It reports whether there was
// anything.
func (p *push) takeStep(ctx context.Context, s tappedStep, limit int) (bool, error) {
	p.beginStep()
	p.step.exact = p.step.exact && !s.folded
	worked := false
	for _, r := range p.rels {
		for _, c := range s.changes {
			if c.rel != r.rel.ID {
				continue
			}
			worked = true
			for _, port := range p.tables[c.rel] {
				if err := p.graph.Push(port, pick(c.rows, p.graph.Scans()[port], c.width)); err != nil {
					return false, err
				}
			}
		}
	}
	p.moveTo(s.place)
	for _, st := range p.streams {
		read, err := p.readStream(ctx, st, limit)
		if err != nil {
			return false, err
		}
		worked = worked || read
	}
	if !worked {
		return false, nil
	}
	return true, p.endStep(ctx)
}

// moveTo notes where the step ends.
func (p *push) moveTo(place []int64) {
	for _, r := range p.rels {
		place = place[copy(r.at, place):]
	}
}

// readStream gives the graph the records of a stream up to where the step ends.
func (p *push) readStream(ctx context.Context, s pushStream, limit int) (read bool, err error) {
	now := floorDiv(p.e.cfg.Now().UnixMicro(), 1000)
	for part := range s.r.parts {
		cur := &s.r.parts[part]
		end := s.of.at[part]
		for {
			c, err := s.r.read(p.e.node, part, end, p.e.cfg.StepBytes)
			if err != nil {
				return false, err
			}
			if c == nil {
				break
			}
			read = true
			cur.more, cur.seen = cur.next < end, now
			if !p.mute {
				if err := failing(s.scan.Rel, c.bad); err != nil {
					return false, err
				}
				p.e.flow.reportRead(ctx, s.scan.Rel.ID, part, c.bad)
			}
			if err := p.feed(s, c); err != nil {
				return false, err
			}
			if limit > 0 {
				break
			}
		}
		s.of.at[part] = max(cur.next, s.of.before[part])
	}
	return read, nil
}

// endStep has the graph put out what the step changes.
func (p *push) endStep(ctx context.Context) error {
	now := p.e.cfg.Now().UnixMicro()
	if err := p.graph.Advance(p.idle.frontier(p.positions(), now)); err != nil {
		return err
	}
	if p.mute {
		return nil
	}
	p.joinOutput()
	return p.reportBad(ctx)
}

// joinOutput makes one batch of what a step puts out where rows go: what replaces a row stands beside it then.
func (p *push) joinOutput() {
	if len(p.out) < 2 || p.opts.Each || !slices.ContainsFunc(p.out, func(b *vec.Batch) bool { return b.Diff != nil }) {
		return
	}
	all := p.out[0]
	for _, b := range p.out[1:] {
		all.AppendBatch(b)
	}
	p.out = []*vec.Batch{all}
}

// feed gives the graph the records of a chunk, one by one where each is to be seen.
func (p *push) feed(s pushStream, c *chunk) error {
	if !p.opts.Each {
		return p.graph.Push(s.port, c.batch(s.scan))
	}
	if s.rows == nil {
		for b, i := c.batch(s.scan), 0; i < b.N; i++ {
			if err := p.feedOne(s, b.Slice(i, i+1)); err != nil {
				return err
			}
		}
		return nil
	}
	for i := range c.n {
		changes := s.rows.newChanges(readsTimes(s.scan), false)
		s.rows.upsertRow(changes, c, i)
		if err := p.feedOne(s, pick(changes, s.scan, len(s.rows.types))); err != nil {
			return err
		}
	}
	return nil
}

func (p *push) feedOne(s pushStream, b *vec.Batch) error {
	if err := p.graph.Push(s.port, b); err != nil {
		return err
	}
	return p.graph.Advance(NoFrontier)
}

// ends returns the ends of the streams' partitions, in order, between two entries of the log.
func (p *push) ends(ctx context.Context) ([]int64, error) {
	return p.e.node.Ends(ctx, p.partitions(), nil)
}

// partitions are those of all that the query reads.
func (p *push) partitions() (ids []cluster.PartitionID) {
	for _, r := range p.rels {
		ids = append(ids, r.ids...)
	}
	return ids
}

// takeFirst takes in the rows that tables and views had when the query began, and what streams had then. A query over
// streams alone has read nothing yet.
func (p *push) takeFirst(ctx context.Context) error {
	p.begun = true
	p.beginStep()
	p.step.first, p.step.exact = true, true
	for _, f := range p.initial {
		for {
			b, err := f.next(ctx)
			if err != nil {
				return err
			}
			if b == nil {
				break
			}
			if err := p.graph.Push(f.port, b); err != nil {
				return err
			}
		}
	}
	if p.watch == nil {
		for _, s := range p.streams {
			if _, err := p.readStream(ctx, s, 0); err != nil {
				return err
			}
		}
	}
	var err error
	if !p.opts.Each || p.initial != nil { // else nothing has happened yet, so there is nothing to show
		err = p.endStep(ctx)
	}
	if p.mute {
		p.out, p.bad = nil, nil
	}
	p.initial, p.mute = nil, false
	return err
}
