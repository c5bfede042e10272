package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/leatdb/leat/log"
)

// compactSpan is how many offsets one compaction takes in at most: its table of keys is in memory.
const compactSpan = 4 << 20

// compactAgain is how long a compaction waits that the disk had no room for.
const compactAgain = 10 * time.Second

// A compaction is one that an entry has asked for and that this node has yet to carry out. It is part of the manifest:
// what comes out follows from the entry, when it is done does not matter.
type compaction struct {
	Upto              int64 `json:"upto"`
	NowMs             int64 `json:"now"`
	DeleteRetentionMs int64 `json:"deleteRetention"`
}

// cmdCompact asks for the compaction of a partition.
type cmdCompact struct {
	Partition         PartitionID `json:"partition"`
	Upto              int64       `json:"upto"`
	DeleteRetentionMs int64       `json:"deleteRetention"`
}

func (c *cmdCompact) apply(s *shard, e *entry) (result, error) {
	p, err := s.partition(c.Partition)
	if err != nil {
		return result{err: err}, nil
	}
	if stable := p.seq.lastStable(); c.Upto > stable {
		return result{err: fmt.Errorf("%w: compact partition %d to %d, the last stable offset is %d",
			log.ErrOffsetOutOfRange, p.id, c.Upto, stable)}, nil
	}
	l, err := retry(s, "open", p.id, p.open)
	if err != nil {
		return result{}, err
	}
	if _, err := retry(s, "roll", p.id, func() (struct{}, error) { return struct{}{}, l.Roll() }); err != nil {
		return result{}, err
	}
	p.mu.Lock()
	p.compactions = append(p.compactions, compaction{c.Upto, e.now, c.DeleteRetentionMs})
	p.mu.Unlock()
	s.compact()
	return result{}, nil
}

// waiting lists the compactions to be done.
func (p *partition) waiting() []compaction {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.compactions)
}

// wantCompactions wakes whoever does them.
func (n *Node) wantCompactions() {
	select {
	case n.compactions <- struct{}{}:
	default:
	}
}

// compactWaiting carries out compactions until the node closes.
func (n *Node) compactWaiting() {
	defer n.done.Done()
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-n.compactions:
		case <-again.C:
		case <-n.stop:
			return
		}
		if !n.compactAll() {
			again.Reset(compactAgain)
		}
	}
}

// compactAll carries out the compactions that wait. It returns false when one has to be tried again.
func (n *Node) compactAll() (done bool) {
	done = true
	for i, s := range n.shards {
		freed := false
		for _, id := range s.ids() {
			p, err := s.partition(id)
			if err != nil {
				continue
			}
			for _, c := range p.waiting() {
				if err := s.compactOne(p, c); err != nil {
					if !errors.Is(err, log.ErrStopped) && !errors.Is(err, log.ErrClosed) {
						n.cfg.Logger.Warn("a compaction failed", "partition", uint64(id), "error", err)
						done = false
					}
					if errors.Is(err, log.ErrCorrupt) {
						s.mend(id)
					}
					break
				}
				freed = true
			}
		}
		if freed {
			n.groups[1+i].snapshotWanted() // the old files go then
		}
	}
	return done
}

// compactOne carries out a partition's first compaction.
func (s *shard) compactOne(p *partition, c compaction) error {
	l, err := p.open()
	if err != nil {
		return err
	}
	job := log.Compaction{Upto: c.Upto, NowMs: c.NowMs, DeleteRetentionMs: c.DeleteRetentionMs,
		ProducerExpiryMs: producerExpiry}
	for _, a := range p.seq.between(0, c.Upto) {
		job.Aborted = append(job.Aborted, log.Aborted(a))
	}
	if err := l.Compact(job, s.stop, p.seq.forgetMarkers); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.compactions) > 0 && p.compactions[0] == c {
		p.compactions = p.compactions[1:]
	}
	return nil
}

// compactOld proposes compactions where much of a partition was never compacted, or a part of it is old. As with
// retention, what is applied is the offset.
func (n *Node) compactOld(ctx context.Context) {
	now := n.Now().UnixMilli()
	for _, t := range n.Topics() {
		settings := t.Settings()
		if !settings.Compact {
			continue
		}
		for _, id := range t.IDs {
			if n.usable() != nil {
				return
			}
			if err := n.compactPartition(ctx, id, &settings, now); err != nil {
				n.cfg.Logger.Warn("compaction", "topic", t.Name, "partition", uint64(id), "error", err)
			}
		}
	}
}

func (n *Node) compactPartition(ctx context.Context, id PartitionID, settings *Settings, nowMs int64) error {
	p, err := n.find(id)
	if err != nil {
		return err
	}
	l, err := p.open()
	if err != nil || len(p.waiting()) > 0 {
		return err
	}
	upto, done := n.mayTrim(id)
	defer done()
	upto = min(upto, p.seq.lastStable())
	if lag := settings.MinCompactionLag; lag > 0 {
		young, _, ok, err := l.OffsetForTime(nowMs - lag.Milliseconds() + 1)
		if err != nil {
			return err
		}
		if ok {
			upto = min(upto, young)
		}
	}
	upto, dirty, all, err := l.Dirty(upto, compactSpan)
	if err != nil || dirty == 0 {
		return err
	}
	if float64(dirty) < settings.MinCleanableRatio*float64(all) {
		if old, err := n.overdue(l, settings, nowMs); err != nil || !old {
			return err
		}
	}
	shard, err := n.place(id)
	if err != nil {
		return err
	}
	_, err = n.do(ctx, shard, commandOp(opCompact, &cmdCompact{id, upto, settings.DeleteRetention.Milliseconds()}))
	return err
}

// overdue says whether the first record that was never compacted is older than max.compaction.lag.ms.
func (n *Node) overdue(l *log.Partition, settings *Settings, nowMs int64) (bool, error) {
	if settings.MaxCompactionLag == forEver {
		return false, nil
	}
	start, _ := l.Bounds()
	b, err := l.Read(max(start, l.Cleaned()), 0, nil)
	if err != nil || len(b) == 0 {
		return false, err
	}
	h, err := log.ParseHeader(b)
	return nowMs-h.BaseTimestamp > settings.MaxCompactionLag.Milliseconds(), err
}

// setSegments tells the partitions of all topics when to begin new segments.
func (n *Node) setSegments() {
	for id, at := range n.control.view.Load().partitions {
		if p, err := n.shards[at.shard].partition(id); err == nil {
			if l := p.opened(); l != nil {
				l.SetSegments(at.settings.segments())
			}
		}
	}
}

// segments is what a partition's log is told, 0 where the node's setting counts.
func (s *Settings) segments() (sizeBytes int64, age time.Duration) {
	if s.SegmentBytes != defaultSegmentBytes {
		sizeBytes = s.SegmentBytes
	}
	return sizeBytes, s.SegmentAge
}
