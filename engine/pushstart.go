package engine

import (
	"context"
	"slices"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// resumable refuses tokens of a query whose result changes by the clock: what it showed cannot be known again.
func (p *push) resumable() error {
	wanted := p.opts.After != nil || p.opts.Tokens || p.opts.Progress != nil
	if wanted && p.clocked() {
		return sqlerr.New(sqlerr.FeatureNotSupported, "a query whose result changes with the clock has no tokens").
			WithHint("Ask without now() and with emit.idle.ms = 0, or follow a materialized view of the query.")
	}
	return nil
}

// clocked reports whether the result changes by the clock.
func (p *push) clocked() bool {
	return len(p.graph.wakers) > 0 || p.idle.after > 0 && len(p.graph.closers) > 0
}

// rowwise reports whether what a query gives for a record depends on nothing but the record.
func rowwise(n plan.Node) bool {
	switch n.(type) {
	case *plan.Scan, *plan.Filter, *plan.Project, *plan.Union, *plan.TableFunc:
		return !slices.ContainsFunc(n.Inputs(), func(in plan.Node) bool { return !rowwise(in) })
	}
	return false
}

// connect opens the inputs. Tables and views are tapped; streams are read from the log: at the client's own pace by a
// query over streams alone, else as far as the flow has come, so that all that the query reads fits together.
func (p *push) connect(ctx context.Context, stateless bool) error {
	var tables []*catalog.Relation
	for port, scan := range p.graph.Scans() {
		if scan.Rel.Computed() {
			return sqlerr.New(sqlerr.FeatureNotSupported, "EMIT CHANGES over %s.%s is not supported",
				scan.Rel.Schema, scan.Rel.Name).
				WithHint("Ask again from time to time, for example with \\watch.")
		}
		r, err := p.relation(scan.Rel)
		if err != nil {
			return err
		}
		if scan.Rel.Kind != catalog.Stream && !p.history(scan.Rel) {
			tables = append(tables, scan.Rel)
			p.tables[scan.Rel.ID] = append(p.tables[scan.Rel.ID], port)
			continue
		}
		reader, err := p.e.newScanReader(scan)
		if err != nil {
			return err
		}
		p.streams = append(p.streams, pushStream{port, scan, reader, r, reader.src.rows})
	}
	if err := p.sinceOfTable(ctx, len(tables)); err != nil {
		return err
	}
	if len(tables) == 0 && len(p.streams) > 0 {
		p.watch = p.e.node.Watch()
		p.grown = p.watch.C
	}
	// A record of a stream meets the tables as they are.
	slices.SortStableFunc(p.streams, func(a, b pushStream) int {
		switch {
		case (a.rows == nil) == (b.rows == nil):
			return 0
		case a.rows != nil:
			return -1
		}
		return 1
	})
	if len(tables) > 0 {
		if _, err := p.e.flow.wait(ctx, tables); err != nil {
			return err
		}
	}
	var place []int64
	if err := p.e.flow.do(ctx, func() (err error) {
		place, err = p.tapSources()
		return err
	}); err != nil {
		return err
	}
	return p.begin(ctx, place, stateless)
}

// relation notes that the query reads a relation.
func (p *push) relation(rel *catalog.Relation) (*pushRelation, error) {
	for _, r := range p.rels {
		if r.rel.ID == rel.ID {
			return r, nil
		}
	}
	t, ok := p.e.node.Topic(rel.Topic)
	if !ok {
		return nil, cluster.ErrNoPartition
	}
	n := len(t.IDs)
	r := &pushRelation{rel: rel, ids: t.IDs, from: make([]int64, n), before: make([]int64, n), at: make([]int64, n)}
	p.rels = append(p.rels, r)
	return r, nil
}

// history reports whether a table is read from its topic.
func (p *push) history(rel *catalog.Relation) bool {
	return p.opts.Each && !p.mute && rel.Kind == catalog.Table && len(rel.Key) > 0
}

// tapSources runs in the flow's goroutine: the snapshots, and the place they are of, fit to the changes that follow. A
// stream gives its tap no changes, but the news of how far it is, and that it was dropped.
func (p *push) tapSources() (place []int64, err error) {
	f := p.e.flow
	p.tap.timed = slices.ContainsFunc(p.graph.Scans(), readsTimes)
	for _, r := range p.rels {
		s := f.sources[r.rel.ID]
		if s == nil {
			return nil, sqlerr.New(sqlerr.UndefinedTable, "relation %q does not exist", r.rel.Name)
		}
		if err := f.sound(r.rel); err != nil {
			return nil, err
		}
		p.tap.of = append(p.tap.of, s)
	}
	for _, s := range p.tap.of {
		s.taps[p.tap] = struct{}{}
		f.remember(s)
	}
	if p.watch == nil {
		f.taps[p.tap] = struct{}{}
	}
	for port, scan := range p.graph.Scans() {
		if s := f.sources[scan.Rel.ID]; p.opts.After == nil && len(p.tables[scan.Rel.ID]) > 0 {
			f, err := tableFeed(s.snapshotNow(), scan, p.env, true)
			if err != nil {
				return nil, err
			}
			p.initial = append(p.initial, pullFeed{port, f})
		}
	}
	p.tap.last = f.placeOf(p.tap)
	return p.tap.last, nil
}

// begin decides where the query begins: with what is there, with what comes, at a time or after a token.
func (p *push) begin(ctx context.Context, place []int64, stateless bool) error {
	if p.opts.After != nil {
		return p.resume(ctx, *p.opts.After, place, stateless)
	}
	if p.watch == nil {
		p.moveTo(place)
	}
	ends, err := p.e.endsOfAll(ctx, p.partitions())
	if err != nil {
		return err
	}
	for _, s := range p.streams {
		for part := range s.r.parts {
			id := s.r.parts[part].id
			start, _, err := p.e.node.Bounds(id)
			switch {
			case err != nil:
			case p.opts.Since != nil:
				start, err = p.since(id, ends)
			case p.mute && p.watch == nil:
				start = s.of.at[part]
			case p.mute:
				start = ends[id]
			}
			if err != nil {
				return err
			}
			s.r.parts[part].next, s.of.from[part] = start, start
			if p.watch != nil {
				s.of.at[part] = start
			}
			s.of.at[part] = max(s.of.at[part], start)
		}
	}
	for _, r := range p.rels {
		if r.isStream(p) {
			copy(r.before, r.from)
		}
	}
	return nil
}

// sinceOfTable makes a token of the time that a query over one table or view begins at, or one over views together with
// others: those begin with what they were after the last step before that time.
func (p *push) sinceOfTable(ctx context.Context, tables int) error {
	if p.opts.Since == nil || tables == 0 {
		return nil
	}
	if len(p.rels) > 1 {
		var rels []*catalog.Relation
		for _, r := range p.rels {
			rels = append(rels, r.rel)
		}
		if anyMade(rels) {
			t, err := p.e.TokenAt(ctx, rels, p.opts.Since.Add(-time.Millisecond))
			p.opts.After, p.opts.Since = &t, nil
			return err
		}
		return sqlerr.New(sqlerr.FeatureNotSupported, "SINCE a time is not supported over tables together with others").
			WithHint("What they were at a time is not known, but a token says it.")
	}
	ends, err := p.e.endsOfAll(ctx, p.rels[0].ids)
	if err != nil {
		return err
	}
	var list []stretch
	for _, id := range p.rels[0].ids {
		to, err := p.since(id, ends)
		if err != nil {
			return err
		}
		list = append(list, stretch{part: id, to: to})
	}
	t := newToken(list)
	p.opts.After, p.opts.Since = &t, nil
	return nil
}

// since is the first record of a partition that is not older than a time, or its end.
func (p *push) since(id cluster.PartitionID, ends map[cluster.PartitionID]int64) (int64, error) {
	at, ok, err := p.e.node.FindTime(id, p.opts.Since.UnixMilli())
	if err != nil || ok {
		return at.Offset, err
	}
	return ends[id], nil
}

// resume brings the query to where a token says that its client is, and lays out what has come since.
func (p *push) resume(ctx context.Context, t Token, place []int64, stateless bool) error {
	p.begun = true
	ends := make([]int64, 0, len(place))
	for _, r := range p.rels {
		stretches, err := p.e.stretchesOf(r.rel, t)
		if err != nil {
			return err
		}
		for i, s := range stretches {
			r.from[i], r.at[i] = s.from, s.to
			ends = append(ends, s.end())
		}
	}
	tables, err := p.pastTables(ctx, t)
	if err != nil {
		return err
	}
	if t.first {
		p.begun, p.has = false, t.rows
		for _, r := range p.rels {
			copy(r.before, r.at)
		}
		p.moveTo(ends)
		for _, s := range p.streams {
			for part := range s.r.parts {
				s.r.parts[part].next = s.of.from[part]
			}
		}
	} else if err := p.prime(ctx, tables, stateless); err != nil {
		return err
	}
	return p.layOut(ctx, t, tables, ends, place)
}

// pastRows are the rows of a table or view, and how much of its topic they are made of.
type pastRows struct {
	*table
	read []int64
}

// pastTables makes the rows that the tables and views had at the token, by relation.
func (p *push) pastTables(ctx context.Context, t Token) (map[uint32]*pastRows, error) {
	tables := map[uint32]*pastRows{}
	for id, ports := range p.tables {
		if len(ports) == 0 {
			continue
		}
		rel := p.graph.Scans()[ports[0]].Rel
		at, err := p.e.stretchesOf(rel, t)
		if err != nil {
			return nil, err
		}
		if t.first {
			for i := range at {
				at[i].to = at[i].end()
			}
		}
		rows, err := p.e.recall(ctx, rel, at)
		if err != nil {
			return nil, err
		}
		tables[id] = &pastRows{table: rows}
		for _, s := range at {
			tables[id].read = append(tables[id].read, s.to)
		}
		for _, port := range ports {
			f, err := tableFeed(rows.snapshot(), p.graph.Scans()[port], p.env, true)
			if err != nil {
				return nil, err
			}
			p.initial = append(p.initial, pullFeed{port, f})
		}
	}
	slices.SortFunc(p.initial, func(a, b pullFeed) int { return a.port - b.port })
	return tables, nil
}

// prime takes in, unseen, all that the client has whole steps of.
func (p *push) prime(ctx context.Context, tables map[uint32]*pastRows, stateless bool) error {
	for _, s := range p.streams {
		for part := range s.r.parts {
			s.r.parts[part].next = s.of.from[part]
			if stateless && s.rows == nil {
				s.r.parts[part].next = s.of.at[part]
			}
		}
	}
	if stateless {
		p.initial = nil
	}
	p.mute = true
	alone := p.watch
	p.watch = nil // the streams go on with the first step
	err := p.takeFirst(ctx)
	p.watch = alone
	for _, r := range p.rels {
		copy(r.before, r.at)
	}
	if err != nil {
		return err
	}
	for _, s := range p.streams {
		var at []stretch
		for i := range s.of.ids {
			from := s.of.from[i]
			if stateless {
				from = s.of.at[i]
			}
			at = append(at, stretch{from: from, to: s.of.at[i]})
		}
		if err := p.e.stillThere(s.r, at); err != nil {
			return err
		}
	}
	return nil
}

// layOut lists the steps between the token and the present: the rest of the one it is in, and all that came then.
func (p *push) layOut(ctx context.Context, t Token, tables map[uint32]*pastRows, ends, place []int64) error {
	if t.rows > 0 && !t.first {
		s, err := p.changesTo(ctx, tables, ends)
		if err != nil {
			return err
		}
		p.resumed, p.has = append(p.resumed, s), t.rows
	}
	if p.watch != nil {
		return nil // the rest is in the streams
	}
	s, err := p.changesTo(ctx, tables, place)
	p.resumed = append(p.resumed, s)
	return err
}

// changesTo is the step that takes the tables and views to a place, as their topics tell it.
func (p *push) changesTo(ctx context.Context, tables map[uint32]*pastRows, place []int64) (tappedStep, error) {
	s := tappedStep{place: place}
	for _, r := range p.rels {
		ends := place[:len(r.ids)]
		place = place[len(r.ids):]
		t := tables[r.rel.ID]
		if t == nil {
			continue
		}
		changes, err := p.e.advanceTo(ctx, t, ends, p.tap.timed)
		if err != nil {
			return s, err
		}
		if changes.N > 0 {
			s.changes = append(s.changes, tapped{r.rel.ID, changes, len(t.types)})
		}
	}
	return s, nil
}

// advanceTo applies to the rows of a table or view what came in its topic up to the given ends, and returns it.
func (e *Engine) advanceTo(ctx context.Context, t *pastRows, ends []int64, timed bool) (*vec.Batch, error) {
	changes := t.newChanges(timed, false)
	r, err := e.newRowsReader(t.rel)
	if err != nil {
		return nil, err
	}
	for part := range r.parts {
		r.parts[part].next = t.read[part]
		for {
			c, err := e.readPast(ctx, r, part, ends[part])
			if err != nil {
				return nil, err
			}
			if c == nil {
				break
			}
			t.apply(c, changes)
		}
		t.read[part] = max(t.read[part], ends[part])
	}
	return changes, nil
}
