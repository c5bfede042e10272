package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/leatdb/leat/log"
)

// An Append is what goes to one partition: whole RecordBatch v2 bytes, one batch or several. The bytes must not change
// until the call that was given them has returned, or the Pending's Wait has.
type Append struct {
	Partition PartitionID
	Batches   []byte
}

// A Step is one step of a flow: its appends are visible as a whole or not at all.
type Step struct {
	Flow, Epoch, Seq uint64
	Appends          []Append
}

// Append appends to partitions of one shard, to all or to none, and returns the first offset of each append, once they
// are durable and can be read.
func (n *Node) Append(ctx context.Context, appends ...Append) (bases []int64, err error) {
	p, err := n.AppendAsync(ctx, appends...)
	if err != nil {
		return nil, err
	}
	return p.Wait(ctx)
}

// A Pending is an append on its way.
type Pending struct {
	pump *pump // nil when the call is done
	call *call
}

// Wait waits for the append. When ctx ends first, the append may be committed all the same (ErrUnknownOutcome).
func (p *Pending) Wait(ctx context.Context) (bases []int64, err error) {
	r, err := p.wait(ctx)
	return r.bases, err
}

func (p *Pending) wait(ctx context.Context) (result, error) {
	if p.pump == nil {
		return p.call.result, p.call.result.err
	}
	return p.pump.wait(ctx, p.call)
}

// Done is closed when Wait will not block.
func (p *Pending) Done() <-chan struct{} { return p.call.done }

// AppendAsync is Append without the waiting. Appends of one goroutine are committed in the order of the calls. It
// blocks only while very much is under way.
func (n *Node) AppendAsync(ctx context.Context, appends ...Append) (*Pending, error) {
	i, err := n.shardOf(appends)
	if err != nil {
		return nil, err
	}
	appends, stamp, err := n.check(ctx, i, appends)
	if err != nil {
		return nil, err
	}
	return n.submitAnywhere(ctx, i, op{kind: opAppend, appends: appends, stamp: stamp})
}

// shardOf finds the shard of all appends.
func (n *Node) shardOf(appends []Append) (int, error) {
	if err := n.usable(); err != nil {
		return 0, err
	}
	if len(appends) == 0 {
		return 0, fmt.Errorf("%w: nothing to append", ErrNoPartition)
	}
	shard := -1
	for _, a := range appends {
		i, err := n.place(a.Partition)
		if err != nil {
			return 0, err
		}
		if shard >= 0 && i != shard {
			return 0, ErrManyShards
		}
		shard = i
	}
	return shard, nil
}

// place finds a partition's shard.
func (n *Node) place(id PartitionID) (int, error) {
	at, err := n.placed(id)
	return at.shard, err
}

// placed finds a partition's place.
func (n *Node) placed(id PartitionID) (placement, error) {
	at, ok := n.control.view.Load().partitions[id]
	if !ok {
		return at, fmt.Errorf("%w: %d", ErrNoPartition, id)
	}
	return at, nil
}

// check verifies the batches, and that the shard has the partitions: a topic is known a moment before they are made. It
// returns the appends as their topics want them compressed, and says whose records get the time of the append.
func (n *Node) check(ctx context.Context, shard int, appends []Append) (as []Append, stamp []bool, err error) {
	as = appends
	for i, a := range appends {
		if err := checkBatches(a.Batches); err != nil {
			return nil, nil, fmt.Errorf("cluster: append to partition %d: %w", a.Partition, err)
		}
		if _, err := n.shards[shard].partition(a.Partition); err != nil {
			if err := n.reconcile(ctx); err != nil {
				return nil, nil, err
			}
		}
		at, err := n.placed(a.Partition)
		if err != nil {
			return nil, nil, err
		}
		if at.settings.Compression != asProduced {
			if &as[0] == &appends[0] {
				as = slices.Clone(appends)
			}
			if as[i].Batches, err = at.settings.compressed(a.Batches); err != nil {
				return nil, nil, err
			}
		}
		if at.settings.LogAppendTime {
			if stamp == nil {
				stamp = make([]bool, len(appends))
			}
			stamp[i] = true
		}
	}
	return as, stamp, nil
}

// settingsOf finds the settings of a partition's topic.
func (n *Node) settingsOf(id PartitionID) *Settings {
	return n.control.view.Load().partitions[id].settings
}

// usable says whether the node takes calls.
func (n *Node) usable() error {
	select {
	case <-n.stop:
		return ErrClosed
	default:
		return n.failure()
	}
}

// do proposes one operation and waits for it. One of a spread shard is passed on to the node that leads it.
func (n *Node) do(ctx context.Context, shard int, o op) (result, error) {
	if n.isSpread(shard) {
		return n.anywhere(ctx, shard, o, true)
	}
	p, err := n.submit(ctx, shard, o)
	if err != nil {
		return result{}, err
	}
	return p.wait(ctx)
}

// submit proposes one operation, when this node leads its shard.
func (n *Node) submit(ctx context.Context, shard int, o op) (*Pending, error) {
	p, err := n.pumpOf(shard)
	if err != nil {
		return nil, err
	}
	c, err := p.submit(ctx, o)
	if err != nil {
		return nil, err
	}
	return &Pending{p, c}, nil
}

// submitAnywhere is submit of an append, which is passed on when another node leads the shard: then it has ended.
func (n *Node) submitAnywhere(ctx context.Context, shard int, o op) (*Pending, error) {
	if !n.isSpread(shard) || n.spreadOf(shard).tenure.Load() != nil {
		return n.submit(ctx, shard, o)
	}
	r, err := n.anywhere(ctx, shard, o, true)
	if err != nil {
		return nil, err
	}
	c := &call{op: o, result: r, done: make(chan struct{})}
	close(c.done)
	return &Pending{nil, c}, nil
}

// ClaimFlow makes the caller the owner of a flow: steps of older epochs are refused from now on. It returns the new
// epoch, and the number of the last step that was committed (0: none).
func (n *Node) ClaimFlow(ctx context.Context, flow uint64) (epoch, lastSeq uint64, err error) {
	if err := n.usable(); err != nil {
		return 0, 0, err
	}
	r, err := n.do(ctx, flowShard(flow, n.control.homes), op{kind: opClaim, flow: flow})
	return r.epoch, r.lastSeq, err
}

// CommitStep commits a step when its epoch is the flow's newest and its number follows the last one; else ErrFenced.
// All its partitions must be in the flow's home shard. It returns the first offset of each append.
func (n *Node) CommitStep(ctx context.Context, s Step) (bases []int64, err error) {
	home := flowShard(s.Flow, n.control.homes)
	if len(s.Appends) > 0 {
		i, err := n.shardOf(s.Appends)
		if err != nil {
			return nil, err
		}
		if i != home {
			return nil, fmt.Errorf("%w: flow %d has its home in shard %d", ErrManyShards, s.Flow, home)
		}
		if s.Appends, _, err = n.check(ctx, i, s.Appends); err != nil {
			return nil, err
		}
	} else if err := n.usable(); err != nil {
		return nil, err
	}
	r, err := n.do(ctx, home, op{kind: opStep, flow: s.Flow, epoch: s.Epoch, seq: s.Seq, appends: s.Appends})
	return r.bases, err
}

// Trim moves a partition's start forward; what lies before is gone.
func (n *Node) Trim(ctx context.Context, p PartitionID, start int64) error {
	if err := n.usable(); err != nil {
		return err
	}
	i, err := n.place(p)
	if err != nil {
		return err
	}
	_, err = n.do(ctx, i, op{kind: opTrim, partitions: []PartitionID{p}, start: start})
	return err
}

// Read appends whole batches of a partition to dst, beginning with the one that holds offset: at least one, and more
// up to maxBytes. At the end it appends nothing. What is found damaged is repaired with what another node has; else the
// error is log.ErrCorrupt.
func (n *Node) Read(p PartitionID, offset int64, maxBytes int, dst []byte) ([]byte, error) {
	l, err := n.log(p)
	if err != nil {
		return dst, err
	}
	had := len(dst)
	dst, err = l.Read(offset, maxBytes, dst)
	if errors.Is(err, log.ErrCorrupt) && n.repair(p, l) {
		dst, err = l.Read(offset, maxBytes, dst[:had])
	}
	return dst, readError(p, err)
}

// Bounds returns a partition's first offset, and the one that the next record gets.
func (n *Node) Bounds(p PartitionID) (start, next int64, err error) {
	q, err := n.here(p)
	if err != nil || q == nil {
		return 0, 0, err
	}
	start, next = q.bounds()
	return start, next, nil
}

func (n *Node) find(id PartitionID) (*partition, error) {
	i, err := n.place(id)
	if err != nil {
		return nil, err
	}
	p, err := n.shards[i].partition(id)
	if err != nil && n.usable() == nil && n.Leads() {
		// The topic is known and its partitions are being made.
		if err = n.reconcile(context.Background()); err == nil {
			p, err = n.shards[i].partition(id)
		}
	}
	return p, err
}

func (n *Node) log(id PartitionID) (*log.Partition, error) {
	p, err := n.find(id)
	if err != nil {
		return nil, err
	}
	return p.open()
}

// readError says what it means that a log was closed: its topic has been deleted, or the node closes.
func readError(p PartitionID, err error) error {
	if errors.Is(err, log.ErrClosed) {
		return fmt.Errorf("%w: %d: %w", ErrNoPartition, p, err)
	}
	return err
}
