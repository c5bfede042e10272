package cluster

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/raft"
	"github.com/leatdb/leat/log"
)

// A manifest is the body of a shard's snapshot: what the files hold, not the files themselves.
type manifest struct {
	Partitions   []manifestPartition `json:"partitions"`
	Flows        []flowState         `json:"flows"`
	Txns         []*txn              `json:"txns,omitempty"`
	Groups       []*groupState       `json:"groups,omitempty"`
	GroupOrder   uint64              `json:"groupOrder,omitempty"`
	NextProducer int64               `json:"nextProducer,omitempty"`
	Time         int64               `json:"time,omitempty"`
	// Reached is the last entry that was applied; After are those of other shards, by shard, that it follows from.
	Reached uint64         `json:"reached,omitempty"`
	After   map[int]uint64 `json:"after,omitempty"`
}

type manifestPartition struct {
	ID    PartitionID `json:"id"`
	State log.State   `json:"state"`
	// Guarded is what guarded appends wrote at the end.
	Guarded   guardedRun     `json:"guarded"`
	Sequences sequencesState `json:"sequences,omitzero"`
	Waiting   []compaction   `json:"waiting,omitempty"`
}

// shardSnapshot is a manifest and what must happen around it: files durable before, dropped files gone after.
type shardSnapshot struct {
	shard   *shard
	body    []byte // the manifest: what it describes changes with the next entry
	dirty   []dirtyPartition
	dropped []*partition
}

// A dirtyPartition is one that is open, and what the manifest says about it.
type dirtyPartition struct {
	*partition
	state *log.State
}

// Snapshot implements raft.FSM. It only notes where everything is.
func (s *shard) Snapshot() (raft.FSMSnapshot, error) {
	if s.halted != nil {
		return nil, s.halted
	}
	snap := &shardSnapshot{shard: s}
	ids := s.ids()
	m := manifest{
		Groups: s.groups.sorted(), GroupOrder: s.groups.order, NextProducer: s.nextProducer, Time: s.lastTime,
		Reached: s.reached.index(), After: s.after,
		Txns: slices.SortedFunc(maps.Values(s.txns), func(a, b *txn) int { return strings.Compare(a.ID, b.ID) }),
	}
	m.Partitions = make([]manifestPartition, 0, len(ids))
	for _, id := range ids {
		p := s.partitions[id]
		waiting := p.waiting() // before the state: what is done meanwhile is found done again
		m.Partitions = append(m.Partitions, manifestPartition{id, p.current(), p.guarded, p.seq.state(), waiting})
		if p.opened() != nil {
			snap.dirty = append(snap.dirty, dirtyPartition{p, &m.Partitions[len(m.Partitions)-1].State})
		}
	}
	for _, f := range s.flows {
		m.Flows = append(m.Flows, f)
	}
	slices.SortFunc(m.Flows, func(a, b flowState) int {
		if a.Flow < b.Flow {
			return -1
		}
		return 1
	})
	s.dropMu.Lock()
	snap.dropped = slices.Clone(s.dropped)
	s.dropMu.Unlock()
	var err error
	snap.body, err = json.Marshal(&m)
	return snap, err
}

// Persist implements raft.FSMSnapshot: once it returns, the entries up to the snapshot are needed no more.
func (n *shardSnapshot) Persist(sink raft.SnapshotSink) error {
	for _, p := range n.dirty { // dropped ones too: the manifest has them, so a replay would open them
		if err := p.opened().Sync(); err != nil {
			return fmt.Errorf("partition %d: %w", p.id, err)
		}
	}
	if _, err := sink.Write(n.body); err != nil {
		return err
	}
	if err := sink.Close(); err != nil {
		return err
	}
	for _, p := range n.dirty {
		if err := p.opened().Durable(p.state); err != nil {
			n.shard.logger.Warn("cannot remove what was compacted", "partition", uint64(p.id), "error", err)
		}
	}
	if n.shard.kept.Load() == 0 { // else a later snapshot does it
		n.shard.removeDropped(n.dropped)
	}
	n.shard.grew() // who waits for a compaction to be durable looks again
	return nil
}

// Release implements raft.FSMSnapshot.
func (n *shardSnapshot) Release() {}

// removeDropped deletes the files of partitions that no snapshot and no entry needs any more.
func (s *shard) removeDropped(gone []*partition) {
	for _, p := range gone {
		err := p.close()
		if err == nil {
			err = os.RemoveAll(p.dir)
		}
		if err != nil {
			s.logger.Warn("cannot remove a dropped partition", "partition", uint64(p.id), "error", err)
		}
	}
	s.dropMu.Lock()
	defer s.dropMu.Unlock()
	s.dropped = slices.DeleteFunc(s.dropped, func(p *partition) bool { return slices.Contains(gone, p) })
}

// Restore implements raft.FSM: the shard becomes what the manifest says. The files are cut to it when they are opened;
// those that another node sent with it are put in their place first.
func (s *shard) Restore(r io.ReadCloser) error {
	defer r.Close()
	in := bufio.NewReaderSize(r, 1<<20)
	body := io.Reader(in)
	if magic, err := in.Peek(len(shipMagic)); err == nil && string(magic) == shipMagic {
		s.applying.Lock()
		defer s.applying.Unlock()
		if err := s.close(); err != nil {
			return err
		}
		if body, err = s.takeIn(in); err != nil {
			if log.Broken(err) {
				s.failed(fmt.Errorf("%w: files of shard %d: %w", ErrFailed, s.index, err))
			}
			return fmt.Errorf("cluster: files of shard %d: %w", s.index, err)
		}
		defer s.resnap() // without the files
	}
	var m manifest
	if err := json.NewDecoder(body).Decode(&m); err != nil {
		return fmt.Errorf("cluster: manifest of shard %d: %w", s.index, err)
	}
	if err := s.close(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.partitions = map[PartitionID]*partition{}
	s.flows = map[uint64]flowState{}
	s.dropped = nil
	for _, p := range m.Partitions {
		s.partitions[p.ID] = s.newPartition(p.ID, p.State, p.Sequences)
		s.partitions[p.ID].guarded, s.partitions[p.ID].compactions = p.Guarded, p.Waiting
		if len(p.Waiting) > 0 {
			defer s.compact()
		}
	}
	s.txns = map[string]*txn{}
	for _, t := range m.Txns {
		s.txns[t.ID] = t
	}
	s.groups.load(m.Groups, m.GroupOrder)
	s.nextProducer, s.lastTime, s.after = m.NextProducer, m.Time, maps.Clone(m.After)
	s.reached.set(m.Reached, 0)
	for _, f := range m.Flows {
		s.flows[f.Flow] = f
	}
	return nil
}
