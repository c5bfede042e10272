package cluster

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// lastEpoch is the last epoch that a producer id is given out with; the one behind it is for fencing.
const lastEpoch = math.MaxInt16 - 1

// nobody is no producer.
var nobody = Producer{ID: NoProducer, Epoch: -1}

// A txn is a transactional id and its transaction, in the shard that coordinates it. Only Apply changes it; it is part
// of the manifest.
type txn struct {
	ID        string    `json:"id"`
	Producer  Producer  `json:"producer"`
	Last      Producer  `json:"last"` // what Producer was before: a request that is repeated shows it
	TimeoutMs int64     `json:"timeout"`
	State     TxnState  `json:"state"`
	Seq       uint64    `json:"seq"`     // how many transactions there were, this one included
	Started   int64     `json:"started"` // milliseconds, -1 without a transaction
	Updated   int64     `json:"updated"`
	Marker    Producer  `json:"marker"` // what the markers say, from prepare on
	Parts     []txnPart `json:"parts,omitempty"`
	Groups    []txnPart `json:"groups,omitempty"`
}

// A txnPart is a partition or a group that takes part, and its shard.
type txnPart struct {
	Partition PartitionID `json:"partition,omitempty"`
	Group     string      `json:"group,omitempty"`
	Shard     int         `json:"shard"`
}

func (p *txnPart) less(q *txnPart) int {
	if c := compare(int64(p.Partition), int64(q.Partition)); c != 0 {
		return c
	}
	return strings.Compare(p.Group, q.Group)
}

// addPart adds a part to an ordered list that has each once.
func addPart(list []txnPart, p txnPart) []txnPart {
	i, ok := slices.BinarySearchFunc(list, p, func(a, b txnPart) int { return a.less(&b) })
	if ok {
		return list
	}
	return slices.Insert(list, i, p)
}

func (t *txn) preparing() bool { return t.State == TxnPrepareCommit || t.State == TxnPrepareAbort }

// describe is what the API shows of a transaction.
func (t *txn) describe() Transaction {
	d := Transaction{
		Txn: Txn{t.ID, t.Producer}, State: t.State, Timeout: ms(t.TimeoutMs), Started: t.Started,
	}
	for _, p := range t.Parts {
		d.Partitions = append(d.Partitions, p.Partition)
	}
	for _, g := range t.Groups {
		d.Groups = append(d.Groups, g.Group)
	}
	return d
}

// bump gives a producer its next epoch, or a new id when there is none left.
func (s *shard) bump(p Producer) Producer {
	if p.Epoch < lastEpoch {
		return Producer{p.ID, p.Epoch + 1}
	}
	return Producer{s.newProducer(), 0}
}

// newProducer takes an id that no other shard gives out.
func (s *shard) newProducer() int64 {
	id := s.nextProducer*int64(s.homes) + int64(s.index)
	s.nextProducer++
	return id
}

// cmdInit is InitProducer.
type cmdInit struct {
	ID        string   `json:"id,omitempty"`
	TimeoutMs int64    `json:"timeout,omitempty"`
	Known     Producer `json:"known"`
}

func (c *cmdInit) apply(s *shard, e *entry) (result, error) {
	if c.ID == "" {
		return result{producer: Producer{s.newProducer(), 0}}, nil
	}
	t := s.txns[c.ID]
	if t == nil {
		t = &txn{ID: c.ID, Producer: Producer{s.newProducer(), 0}, Last: nobody, Marker: nobody}
		s.txns[c.ID] = t
		t.restart(c.TimeoutMs, e.now)
		return result{producer: t.Producer}, nil
	}
	ongoing, last, known := t.State == TxnOngoing, nobody, c.Known.ID != NoProducer
	if known {
		last = c.Known
	}
	switch {
	case t.preparing():
		return result{err: t.busy(), unfinished: true}, nil
	case known && c.Known == t.Last && c.Known != t.Producer && !ongoing: // the answer was lost
		t.restart(c.TimeoutMs, e.now)
		return result{producer: t.Producer}, nil
	case known && c.Known != t.Producer:
		return result{err: t.fenced(c.Known)}, nil
	}
	if ongoing {
		if err := s.fence(t, e); err != nil {
			return result{}, err
		}
		if t.preparing() {
			t.Last = last // it asks again when the other shards have ended the transaction
			return result{err: t.busy(), unfinished: true}, nil
		}
	}
	t.Producer, t.Last = s.bump(t.Producer), last
	t.restart(c.TimeoutMs, e.now)
	return result{producer: t.Producer}, nil
}

// restart makes the transactional id ready for its first transaction.
func (t *txn) restart(timeoutMs, nowMs int64) {
	t.TimeoutMs, t.State, t.Started, t.Updated, t.Parts, t.Groups = timeoutMs, TxnEmpty, -1, nowMs, nil, nil
}

func (t *txn) busy() error { return fmt.Errorf("%w: %q", ErrConcurrentTxn, t.ID) }

func (t *txn) fenced(by Producer) error {
	return fmt.Errorf("%w: %q is producer %d of epoch %d now, not %d of %d", ErrProducerFenced, t.ID,
		t.Producer.ID, t.Producer.Epoch, by.ID, by.Epoch)
}

// txnOf finds the transaction of a producer that must be the current one.
func (s *shard) txnOf(of Txn) (*txn, error) {
	t := s.txns[of.TransactionalID]
	switch {
	case t == nil || t.Producer.ID != of.Producer.ID && t.Last.ID != of.Producer.ID:
		return nil, fmt.Errorf("%w: %q and %d", ErrProducerMapping, of.TransactionalID, of.Producer.ID)
	case t.Producer != of.Producer:
		return nil, t.fenced(of.Producer)
	}
	return t, nil
}

// cmdJoin is AddToTxn in the coordinator's shard.
type cmdJoin struct {
	Txn   Txn       `json:"txn"`
	Parts []txnPart `json:"parts,omitempty"` // partitions and groups
}

func (c *cmdJoin) apply(s *shard, e *entry) (result, error) {
	t, err := s.txnOf(c.Txn)
	if err == nil && t.preparing() {
		return result{err: t.busy(), unfinished: true}, nil
	}
	if err != nil {
		return result{err: err}, nil
	}
	local := cmdBegin{Producer: c.Txn.Producer, Seq: t.Seq, Parts: s.own(c.Parts)}
	if t.State != TxnOngoing {
		local.Seq++
	}
	if err = local.check(s); err != nil {
		return result{err: err}, nil
	}
	if t.State != TxnOngoing {
		t.restart(t.TimeoutMs, e.now)
		t.State, t.Started, t.Seq = TxnOngoing, e.now, local.Seq
	}
	t.Updated = e.now
	for _, p := range c.Parts {
		if p.Group != "" {
			t.Groups = addPart(t.Groups, p)
		} else {
			t.Parts = addPart(t.Parts, p)
		}
	}
	local.join(s, e)
	return result{seq: t.Seq}, nil
}

// own picks the parts that are of this shard.
func (s *shard) own(parts []txnPart) (own []txnPart) {
	for _, p := range parts {
		if p.Shard == s.index {
			own = append(own, p)
		}
	}
	return own
}

// cmdBegin takes partitions and groups of this shard into a producer's transaction.
type cmdBegin struct {
	Producer Producer  `json:"producer"`
	Seq      uint64    `json:"seq"`
	Parts    []txnPart `json:"parts"`
	// After is what it follows from in another shard (see Ends).
	After map[int]uint64 `json:"after,omitempty"`
}

func (c *cmdBegin) check(s *shard) error {
	for _, p := range c.Parts {
		if p.Group != "" {
			if err := s.groups.mayJoin(p.Group, c); err != nil {
				return err
			}
			continue
		}
		part, err := s.partition(p.Partition)
		if err == nil {
			err = part.seq.mayJoin(c.Producer, c.Seq)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *cmdBegin) apply(s *shard, e *entry) (result, error) {
	if err := c.check(s); err != nil {
		return result{err: err}, nil
	}
	c.join(s, e)
	s.follow(c.After)
	return result{}, nil
}

func (c *cmdBegin) join(s *shard, e *entry) {
	for _, p := range c.Parts {
		if p.Group != "" {
			s.groups.join(p.Group, c, e.now)
		} else if part, err := s.partition(p.Partition); err == nil {
			part.seq.join(c.Producer, c.Seq, e.now)
		}
	}
}

// cmdEnd is EndTxn, or with Started the end of a transaction that took too long.
type cmdEnd struct {
	Txn     Txn   `json:"txn"`
	Commit  bool  `json:"commit,omitempty"`
	Bump    bool  `json:"bump,omitempty"`
	Started int64 `json:"started,omitempty"`
}

func (c *cmdEnd) apply(s *shard, e *entry) (result, error) {
	if c.Started != 0 {
		t := s.txns[c.Txn.TransactionalID]
		if t == nil || t.State != TxnOngoing || t.Producer != c.Txn.Producer || t.Started != c.Started {
			return result{}, nil // it has ended meanwhile
		}
		return result{unfinished: true}, s.fence(t, e)
	}
	if t := s.txns[c.Txn.TransactionalID]; t != nil && c.Bump && c.Txn.Producer == t.Last && t.State != TxnOngoing {
		return t.repeated(c)
	}
	t, err := s.txnOf(c.Txn)
	if err != nil {
		return result{err: err}, nil
	}
	if t.State != TxnOngoing {
		return s.endNothing(t, c, e)
	}
	next, marker := t.Producer, t.Producer
	if c.Bump {
		next, marker.Epoch = s.bump(t.Producer), marker.Epoch+1
	}
	if err := s.finish(t, c.Commit, next, marker, e); err != nil {
		return result{}, err
	}
	return result{producer: t.Producer, unfinished: t.preparing()}, nil
}

// repeated answers an EndTxn that was applied before and gave the producer its present epoch.
func (t *txn) repeated(c *cmdEnd) (result, error) {
	committed := t.State == TxnCompleteCommit || t.State == TxnPrepareCommit
	switch {
	case t.State == TxnEmpty || committed != c.Commit:
		return result{err: t.wrongState(c.Commit)}, nil
	case t.preparing():
		return result{err: t.busy(), producer: t.Producer, unfinished: true}, nil
	}
	return result{producer: t.Producer}, nil
}

func (t *txn) wrongState(commit bool) error {
	what := "abort"
	if commit {
		what = "commit"
	}
	return fmt.Errorf("%w: cannot %s %q, which is in state %s", ErrTxnState, what, t.ID, t.State)
}

// endNothing answers an EndTxn when no transaction is open: again, or for none that was begun.
func (s *shard) endNothing(t *txn, c *cmdEnd, e *entry) (result, error) {
	switch {
	case t.preparing() && (t.State == TxnPrepareCommit) == c.Commit:
		return result{err: t.busy(), unfinished: true}, nil
	case t.preparing():
	case c.Bump && !c.Commit: // nothing was sent, and the producer wants a new epoch all the same
		t.Last, t.Producer = t.Producer, s.bump(t.Producer)
		t.State, t.Updated = TxnCompleteAbort, e.now
		return result{producer: t.Producer}, nil
	case c.Bump:
	case t.State == TxnCompleteCommit && c.Commit, t.State == TxnCompleteAbort && !c.Commit:
		return result{producer: t.Producer}, nil
	}
	return result{err: t.wrongState(c.Commit)}, nil
}

// fence aborts the open transaction and takes the epoch from whoever has it.
func (s *shard) fence(t *txn, e *entry) error {
	next := t.Producer
	if next.Epoch <= lastEpoch {
		next.Epoch++
	}
	err := s.finish(t, false, next, next, e)
	t.Last = nobody
	return err
}

// finish ends the open transaction: in the same entry when all of it is in this shard. Else it is for whoever looks at
// the state to end it in the other shards, by cmdMark, and then here, by cmdDone: who reads both sees all of it or
// nothing by what is here (see Ends).
func (s *shard) finish(t *txn, commit bool, next, marker Producer, e *entry) error {
	t.Last, t.Producer, t.Marker, t.Updated = t.Producer, next, marker, e.now
	t.State = TxnPrepareAbort
	if commit {
		t.State = TxnPrepareCommit
	}
	if all := slices.Concat(t.Parts, t.Groups); len(s.own(all)) < len(all) {
		return nil
	}
	return s.endHere(t, e)
}

// endHere ends a transaction that is prepared in this shard, and with that everywhere.
func (s *shard) endHere(t *txn, e *entry) error {
	m := cmdMark{Producer: t.Marker, Seq: t.Seq, Commit: t.State == TxnPrepareCommit, Epoch: e.epoch,
		Parts: s.own(slices.Concat(t.Parts, t.Groups))}
	_, err := m.apply(s, e)
	t.complete()
	return err
}

func (t *txn) complete() {
	t.State += TxnCompleteCommit - TxnPrepareCommit
	t.Started, t.Parts, t.Groups = -1, nil, nil
}

// cmdMark ends what a producer has open in partitions and groups of this shard.
type cmdMark struct {
	Producer Producer `json:"producer"`
	Seq      uint64   `json:"seq"`
	Commit   bool     `json:"commit,omitempty"`
	Epoch    int32    `json:"epoch"` // of the coordinator
	// ID is the transactional id where another shard coordinates it.
	ID    string    `json:"id,omitempty"`
	Parts []txnPart `json:"parts"`
	// After is what it follows from in that one (see Ends).
	After map[int]uint64 `json:"after,omitempty"`
}

func (c *cmdMark) apply(s *shard, e *entry) (r result, err error) {
	s.follow(c.After)
	for _, p := range c.Parts {
		if p.Group != "" {
			s.groups.end(p.Group, c, e.now)
			continue
		}
		part, err := s.partition(p.Partition)
		if err != nil {
			continue // its topic was dropped
		}
		if refused, err := s.mark(part, c, e); err != nil {
			return result{}, err
		} else if refused != nil {
			r.err = refused
		}
	}
	return r, nil
}

// mark ends a producer's transaction in one partition.
func (s *shard) mark(p *partition, c *cmdMark, e *entry) (refused, err error) {
	write, refused := p.seq.mayEnd(c.Producer, c.Seq)
	if refused != nil {
		return refused, nil
	}
	marker := noOffset
	if write {
		if marker, err = s.append(p, marking(c, e.now), e); err != nil {
			return nil, err
		}
	}
	p.seq.end(c, marker, e.now)
	p.settle()
	return nil, nil
}

// cmdDone says that all other shards have ended the transaction.
type cmdDone struct {
	ID     string   `json:"id"`
	Marker Producer `json:"marker"`
	// After are their entries that did (see Ends).
	After map[int]uint64 `json:"after,omitempty"`
}

func (c *cmdDone) apply(s *shard, e *entry) (result, error) {
	if t := s.txns[c.ID]; t != nil && t.preparing() && t.Marker == c.Marker {
		s.follow(c.After)
		t.Updated = e.now
		return result{}, s.endHere(t, e)
	}
	return result{}, nil
}
