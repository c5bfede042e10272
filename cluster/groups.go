package cluster

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// offsetsExpiry is how long the offsets of a group without members are kept, milliseconds.
const offsetsExpiry = 7 * 24 * 60 * 60 * 1000

// A groupState is a consumer group, its pending offsets and transactions by producer. Only Apply changes it; it is part
// of the manifest.
type groupState struct {
	Group
	// Put says that the coordinator stored it; Touched is when it was last put or committed to, in milliseconds.
	Put     bool                                `json:"put,omitempty"`
	Touched int64                               `json:"touched"`
	Offsets map[PartitionID]committed           `json:"offsets,omitempty"`
	Pending map[int64]map[PartitionID]committed `json:"pending,omitempty"`
	Txns    map[int64]groupTxn                  `json:"txns,omitempty"`
}

// A groupTxn is the last transaction of a producer that a group was taken into. It is kept for a while after its end,
// so that nobody takes the group into it again.
type groupTxn struct {
	Epoch int16  `json:"epoch"`
	Seq   uint64 `json:"seq"`
	Open  bool   `json:"open"`
	Time  int64  `json:"time"` // milliseconds
}

// committed is an offset and its place among all commits of the shard: the later commit counts, also when the earlier
// one was of a transaction that ended after it.
type committed struct {
	GroupOffset
	Order uint64 `json:"order"`
}

// groupTable is the groups of a shard.
type groupTable struct {
	byName map[string]*groupState
	order  uint64 // of the last commit
}

// group returns a group, made when there is none.
func (t *groupTable) group(name string) *groupState {
	g := t.byName[name]
	if g == nil {
		g = &groupState{Group: Group{Name: name, Generation: -1}, Offsets: map[PartitionID]committed{},
			Pending: map[int64]map[PartitionID]committed{}, Txns: map[int64]groupTxn{}}
		t.byName[name] = g
	}
	return g
}

func (t *groupTable) mayJoin(name string, c *cmdBegin) error {
	g := t.byName[name]
	if g == nil {
		return nil
	}
	switch last, ok := g.Txns[c.Producer.ID]; {
	case ok && c.Producer.Epoch < last.Epoch:
		return fmt.Errorf("%w: epoch %d of producer %d in group %q", ErrProducerEpoch, c.Producer.Epoch, c.Producer.ID,
			name)
	case ok && (c.Seq < last.Seq || c.Seq == last.Seq && !last.Open):
		return fmt.Errorf("%w: transaction %d of producer %d has ended", ErrTxnState, c.Seq, c.Producer.ID)
	}
	return nil
}

func (t *groupTable) join(name string, c *cmdBegin, nowMs int64) {
	t.group(name).Txns[c.Producer.ID] = groupTxn{Epoch: c.Producer.Epoch, Seq: c.Seq, Open: true, Time: nowMs}
}

// end publishes the offsets that a producer's transaction committed, or drops them.
func (t *groupTable) end(name string, c *cmdMark, nowMs int64) {
	g, id := t.group(name), c.Producer.ID
	if last := g.Txns[id]; last.Epoch > c.Producer.Epoch || last.Seq > c.Seq {
		return
	}
	if c.Commit {
		for part, o := range g.Pending[id] {
			if o.Order > g.Offsets[part].Order {
				g.Offsets[part] = o
			}
		}
	}
	delete(g.Pending, id)
	g.Txns[id] = groupTxn{Epoch: c.Producer.Epoch, Seq: c.Seq, Time: nowMs}
}

// forgetEmpty drops a group of which nothing is left.
func (t *groupTable) forgetEmpty(g *groupState) {
	if !g.Put && len(g.Offsets)+len(g.Txns) == 0 {
		delete(t.byName, g.Name)
	}
}

// cmdOffsets is CommitOffsets.
type cmdOffsets struct {
	Group      string        `json:"group"`
	Generation int32         `json:"generation"`
	Offsets    []GroupOffset `json:"offsets"`
	Producer   *Producer     `json:"producer,omitempty"` // in its transaction
}

func (c *cmdOffsets) apply(s *shard, e *entry) (result, error) {
	t := &s.groups
	g := t.byName[c.Group]
	if err := c.check(g); err != nil {
		return result{err: err}, nil
	}
	if g == nil {
		g = t.group(c.Group)
	}
	into := g.Offsets
	if c.Producer != nil {
		if into = g.Pending[c.Producer.ID]; into == nil {
			into = map[PartitionID]committed{}
			g.Pending[c.Producer.ID] = into
		}
	}
	for _, o := range c.Offsets {
		t.order++
		o.Time = e.now
		into[o.Partition] = committed{o, t.order}
	}
	g.Touched = e.now
	return result{}, nil
}

func (c *cmdOffsets) check(g *groupState) error {
	if g != nil && c.Generation >= 0 && c.Generation < g.Generation {
		return fmt.Errorf("%w: %d of %q, now %d", ErrGeneration, c.Generation, c.Group, g.Generation)
	}
	if c.Producer == nil {
		return nil
	}
	var open groupTxn
	if g != nil {
		open = g.Txns[c.Producer.ID]
	}
	switch {
	case c.Producer.Epoch < open.Epoch:
		return fmt.Errorf("%w: epoch %d of producer %d in group %q", ErrProducerEpoch, c.Producer.Epoch,
			c.Producer.ID, c.Group)
	case !open.Open || c.Producer.Epoch != open.Epoch:
		return fmt.Errorf("%w: producer %d has none open in group %q", ErrTxnState, c.Producer.ID, c.Group)
	}
	return nil
}

// cmdPutGroup is PutGroup.
type cmdPutGroup struct {
	Group Group `json:"group"`
}

func (c *cmdPutGroup) apply(s *shard, e *entry) (result, error) {
	g := s.groups.byName[c.Group.Name]
	if g != nil && c.Group.Generation < g.Generation {
		return result{err: fmt.Errorf("%w: %d of %q, now %d", ErrGeneration, c.Group.Generation, c.Group.Name,
			g.Generation)}, nil
	}
	g = s.groups.group(c.Group.Name)
	g.Group, g.Put, g.Touched = c.Group, true, e.now
	return result{}, nil
}

// cmdForgetGroup is DeleteGroup, or DeleteOffsets of some partitions.
type cmdForgetGroup struct {
	Name       string        `json:"name"`
	Partitions []PartitionID `json:"partitions,omitempty"` // none: the group
}

func (c *cmdForgetGroup) apply(s *shard, e *entry) (result, error) {
	g := s.groups.byName[c.Name]
	if g == nil {
		return result{err: fmt.Errorf("%w: %q", ErrNoGroup, c.Name)}, nil
	}
	if len(c.Partitions) == 0 {
		delete(s.groups.byName, c.Name)
		return result{}, nil
	}
	for _, id := range c.Partitions {
		delete(g.Offsets, id)
		for _, pending := range g.Pending {
			delete(pending, id)
		}
	}
	s.groups.forgetEmpty(g)
	return result{}, nil
}

// cmdExpire forgets what nobody has used for long, by the time of its entry: offsets of groups without members,
// producers of partitions, and transactional ids.
type cmdExpire struct{}

func (c *cmdExpire) apply(s *shard, e *entry) (result, error) {
	for _, g := range s.groups.byName {
		s.groups.expire(g, e.now)
	}
	for id, t := range s.txns {
		if t.expired(e.now) {
			delete(s.txns, id)
		}
	}
	for _, id := range s.ids() {
		s.partitions[id].seq.expire(e.now)
	}
	return result{}, nil
}

func (t *txn) expired(nowMs int64) bool {
	return t.State != TxnOngoing && !t.preparing() && nowMs-t.Updated > offsetsExpiry
}

// expire forgets a group's old offsets, and then a group that has none.
func (t *groupTable) expire(g *groupState, nowMs int64) {
	maps.DeleteFunc(g.Txns, func(_ int64, last groupTxn) bool { return last.expired(nowMs) })
	if g.expires(nowMs) {
		maps.DeleteFunc(g.Offsets, func(_ PartitionID, o committed) bool { return nowMs-o.Time > offsetsExpiry })
		g.Put = g.Put && len(g.Offsets) > 0
	}
	t.forgetEmpty(g)
}

func (x groupTxn) expired(nowMs int64) bool { return !x.Open && nowMs-x.Time > producerExpiry }

// expires says whether a group has had no members for long: offsets that were committed long ago may go.
func (g *groupState) expires(nowMs int64) bool {
	return (!g.Put || g.Empty) && nowMs-g.Touched > offsetsExpiry
}

// worthExpiring says whether an expire entry would change something.
func (s *shard) worthExpiring(nowMs int64) bool {
	for _, g := range s.groups.byName {
		if g.expires(nowMs) {
			return true
		}
		for _, x := range g.Txns {
			if x.expired(nowMs) {
				return true
			}
		}
	}
	for _, t := range s.txns {
		if t.expired(nowMs) {
			return true
		}
	}
	for _, id := range s.ids() {
		q := s.partitions[id].seq
		q.mu.RLock()
		for _, p := range q.known {
			if p.expired(nowMs) {
				q.mu.RUnlock()
				return true
			}
		}
		q.mu.RUnlock()
	}
	return false
}

// sorted lists the groups by name.
func (t *groupTable) sorted() []*groupState {
	list := make([]*groupState, 0, len(t.byName))
	for _, g := range t.byName {
		list = append(list, g)
	}
	slices.SortFunc(list, func(a, b *groupState) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// load takes the groups of a manifest.
func (t *groupTable) load(list []*groupState, order uint64) {
	t.byName, t.order = map[string]*groupState{}, order
	for _, from := range list {
		g := t.group(from.Name)
		g.Group, g.Put, g.Touched = from.Group, from.Put, from.Touched
		if from.Offsets != nil {
			g.Offsets = from.Offsets
		}
		if from.Pending != nil {
			g.Pending = from.Pending
		}
		if from.Txns != nil {
			g.Txns = from.Txns
		}
	}
}
