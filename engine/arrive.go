package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/sql/catalog"
)

// The partitions of a topic that is spread over the nodes are in shards of their own, whose entries come here in their
// own time. What the flow's shard says may so be ahead of them: a checkpoint, or a recorded step, may name offsets that
// this node does not have yet. They were committed, so they come; whoever needs them waits.
//
// It may be behind them, too: records that a step read may be taken by retention, or left out by compaction, before a
// node that follows has come to the step. Where all is in one shard, trimSteps sees to it that the step's record goes
// first. Here the reader looks (checkRange), and has to begin with a newer checkpoint.

// need is an offset that this node's replica of a partition has to reach.
type need struct {
	part cluster.PartitionID
	to   int64
}

// needsOf lists what a recorded step reads, and where it says that streams end.
func (f *flow) needsOf(r *stepRecord) (list []need) {
	for i := range r.Subs {
		for _, rr := range r.Subs[i].Reads {
			if s := f.sources[rr.Rel]; s != nil && rr.Part < len(s.parts) {
				list = append(list, need{s.parts[rr.Part].id, rr.To})
			}
		}
	}
	for id, end := range r.Ends {
		list = append(list, need{id, end})
	}
	return list
}

// needsNow lists what the flow has read, and where streams ended. After a start from a checkpoint that may not be here.
func (f *flow) needsNow() (list []need) {
	add := func(parts []cursor) {
		for _, p := range parts {
			list = append(list, need{p.id, p.next})
		}
	}
	for _, s := range f.sources {
		list = append(list, made(s.ids())...)
		if s.live != nil {
			add(s.live.parts)
		}
	}
	for _, v := range f.views {
		for _, r := range v.readers() {
			add(r.parts)
		}
	}
	for id, end := range f.round {
		list = append(list, need{id, end})
	}
	return list
}

// made asks for partitions to be there.
func made(ids []cluster.PartitionID) (list []need) {
	for _, id := range ids {
		list = append(list, need{id, 0})
	}
	return list
}

// lacking returns what of a list is not here yet. A partition that was deleted is waited for by nobody; one that is new
// may not be here.
func (f *flow) lacking(list []need) []need {
	return slices.DeleteFunc(list, func(n need) bool {
		_, end, err := f.node.Bounds(n.part)
		if err != nil {
			_, _, placed := f.node.Locate(n.part)
			return !placed
		}
		return end >= n.to
	})
}

// arrive waits until all of a list is here, the flow ends, or ctx does.
func (f *flow) arrive(ctx context.Context, list []need) error {
	list = f.lacking(list)
	if len(list) == 0 {
		return nil
	}
	f.log.Info("the dataflow waits for records of other shards", "partitions", len(list))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-f.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	for _, n := range list {
		if err := f.node.Reached(ctx, n.part, n.to); err != nil && !errors.Is(err, cluster.ErrNoPartition) {
			return err
		}
	}
	return nil
}

// checkRange notes, of what a step has read of partitions in shards of their own, up to where it was compacted. A node
// that follows gives up when more than that may have been gone by the time it came to the step.
func (f *flow) checkRange(s *source, rr *readRange, live bool) error {
	if !s.spread || rr.From >= rr.To || !live && !f.following.on.Load() {
		return nil
	}
	cleaned, err := f.node.Compacted(s.parts[rr.Part].id)
	if err != nil {
		return err
	}
	if cleaned <= rr.From {
		cleaned = 0
	}
	if live {
		rr.Clean = cleaned
		return nil
	}
	start, _, err := f.node.Bounds(s.parts[rr.Part].id)
	if err == nil && (start > rr.From || cleaned > rr.Clean) {
		err = errOvertaken
	}
	return err
}

// freeze is cluster.Node.Freeze of what a query reads. Of partitions whose shards others lead, this node then has what
// was done to them before.
func (e *Engine) freeze(ctx context.Context, r *catalog.Relation) (release func(), err error) {
	ids := e.readsFrom(r)
	spread := e.anySpread(ids)
	if spread {
		if err := e.flow.arrive(ctx, made(ids)); err != nil {
			return nil, err
		}
	}
	release, err = e.node.Freeze(ctx, ids)
	if err != nil || !spread {
		return release, err
	}
	if err = e.node.Confirm(ctx); err == nil {
		var again func()
		if again, err = e.node.Freeze(ctx, ids); err == nil {
			again()
		}
	}
	if err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// anySpread reports whether one of the partitions is spread over the nodes.
func (e *Engine) anySpread(ids []cluster.PartitionID) bool {
	return e.node.Spread() > 0 && slices.ContainsFunc(ids, func(id cluster.PartitionID) bool {
		t, _, ok := e.node.Locate(id)
		return ok && t.Settings().Spread
	})
}
