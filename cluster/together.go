package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/leatdb/leat/log"
)

// What goes to partitions of several shards as one is a transaction, as Kafka's clients have them, of a producer of the
// node's own. Such producers are kept for the next ones: each writes one transaction at a time.

const (
	// ownPrefix begins the transactional ids of the nodes' own producers. No client may have one.
	ownPrefix = "__leat_"
	// ownTimeout is after how long such a transaction is given up.
	ownTimeout = 30 * time.Second
	// ownRetry is how long to wait before it is tried again to end one.
	ownRetry = 20 * time.Millisecond
)

// OwnTransaction reports whether a transactional id is one of the nodes' own.
func OwnTransaction(id string) bool { return strings.HasPrefix(id, ownPrefix) }

// ownProducers are the producers of this reign that write nothing now.
type ownProducers struct {
	mu    sync.Mutex // guards what follows
	reign *reign
	free  []Txn
	made  int
	open  map[chan struct{}]struct{} // of transactions that are written now; closed when they have ended
}

// begin notes that a transaction begins, and returns what is to be called when it has ended.
func (o *ownProducers) begin() (end func()) {
	ended := make(chan struct{})
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open == nil {
		o.open = map[chan struct{}]struct{}{}
	}
	o.open[ended] = struct{}{}
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.open, ended)
		close(ended)
	}
}

// settle waits until the transactions have ended that are open now: what comes behind them in a partition is hidden
// until then, however long ago it was acknowledged.
func (o *ownProducers) settle(ctx context.Context) error {
	o.mu.Lock()
	open := slices.Collect(maps.Keys(o.open))
	o.mu.Unlock()
	for _, ended := range open {
		select {
		case <-ended:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// take returns a producer that nobody else uses; one without a producer id is to be made.
func (o *ownProducers) take(r *reign) Txn {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.reign != r {
		o.reign, o.free, o.made = r, nil, 0
	}
	if n := len(o.free); n > 0 {
		t := o.free[n-1]
		o.free = o.free[:n-1]
		return t
	}
	o.made++
	return Txn{ownPrefix + strconv.Itoa(o.made), nobody}
}

// give gives a producer back.
func (o *ownProducers) give(r *reign, t Txn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.reign == r {
		o.free = append(o.free, t)
	}
}

// AppendTogether is Append to partitions of any shards, to all or to none. Where they are of several it does not say at
// which offsets. What fails because a shard gets another leader is tried again; when it has none for long, the error is
// ErrNoLeader, and nothing was appended.
func (n *Node) AppendTogether(ctx context.Context, appends ...Append) error {
	for end := time.Now().Add(ownTimeout / 3); ; {
		err := n.appendTogether(ctx, appends)
		switch {
		case err == nil, !errors.Is(err, ErrNotLeader), errors.Is(err, ErrUnknownOutcome), n.usable() != nil, !n.Leads():
			return err
		case time.Now().After(end):
			return fmt.Errorf("%w: %s", ErrNoLeader, err.Error())
		}
		select {
		case <-time.After(ownRetry):
		case <-n.stop:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// appendTogether is AppendTogether once.
func (n *Node) appendTogether(ctx context.Context, appends []Append) error {
	if _, err := n.shardOf(appends); !errors.Is(err, ErrManyShards) {
		if err == nil {
			_, err = n.Append(ctx, appends...)
		}
		return err
	}
	waves, err := n.waves(ctx, appends)
	if err != nil {
		return err
	}
	r := n.reign.Load()
	if r == nil {
		return ErrNotLeader
	}
	t := n.own.take(r)
	defer func() { n.own.give(r, t) }()
	defer n.own.begin()()
	for known := t.Producer != nobody; ; known = false {
		if !known {
			t.Producer, err = n.InitProducer(ctx, ProducerRequest{TransactionalID: t.TransactionalID, Timeout: ownTimeout,
				Known: nobody})
			if err != nil {
				t.Producer = nobody
				return notYet(ctx, err)
			}
		}
		t.Producer, err = n.together(ctx, t, waves)
		if !known || !errors.Is(err, ErrProducerMapping) { // it was not used for so long that it was forgotten
			return err
		}
	}
}

// notYet is the error of what a transaction does before it is to be committed: whatever was written, nobody sees it.
func notYet(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrUnknownOutcome), errors.Is(err, ErrConcurrentTxn):
		return fmt.Errorf("%w: %s", ErrNotLeader, err.Error())
	}
	return err
}

// A wave is a batch of each partition that has one left, by shard.
type wave []waveBatch

type waveBatch struct {
	shard int
	op    op
	batch []byte
	seq   int32
}

// waves checks what is to be appended, and divides it so that each partition's batches come one after the other.
func (n *Node) waves(ctx context.Context, appends []Append) ([]wave, error) {
	var waves []wave
	at, seq := map[PartitionID]int{}, map[PartitionID]int32{}
	for _, a := range appends {
		shard, err := n.place(a.Partition)
		if err != nil {
			return nil, err
		}
		as, stamp, err := n.check(ctx, shard, []Append{a})
		if err != nil {
			return nil, err
		}
		for rest := slices.Clone(as[0].Batches); len(rest) > 0; {
			h, batch, left, err := log.NextBatch(rest)
			if err != nil {
				return nil, err
			}
			i := at[a.Partition]
			if i == len(waves) {
				waves = append(waves, nil)
			}
			o := op{kind: opAppend, appends: []Append{{a.Partition, batch}}, stamp: stamp}
			waves[i] = append(waves[i], waveBatch{shard, o, batch, seq[a.Partition]})
			at[a.Partition], seq[a.Partition] = i+1, seq[a.Partition]+h.Records
			rest = left
		}
	}
	return waves, nil
}

// together writes one transaction of a producer. It returns the producer to go on as, nobody when a new one is needed.
func (n *Node) together(ctx context.Context, t Txn, waves []wave) (Producer, error) {
	var ids []PartitionID
	for _, b := range waves[0] {
		ids = append(ids, b.op.appends[0].Partition)
	}
	err := n.AddToTxn(ctx, t, ids, nil)
	for i := 0; err == nil && i < len(waves); i++ {
		err = n.write(ctx, t.Producer, waves[i])
	}
	end := EndTxn{Txn: t, Commit: err == nil, Bump: true}
	if err != nil {
		// Whoever asked may be gone; nothing is waited for long then, and what is left open ends by its timeout.
		outer := ctx
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ownTimeout/10)
		defer cancel()
		next, failed := n.EndTxn(ctx, end)
		if failed != nil {
			next = nobody
		}
		return next, notYet(outer, err)
	}
	// A commit is not given up with who asked for it: what others have written behind it would be hidden until it ends.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ownTimeout)
	defer cancel()
	return n.endOwn(ctx, end)
}

// write appends a wave, to all partitions at once: each shard has its leader.
func (n *Node) write(ctx context.Context, by Producer, w wave) error {
	var all sync.WaitGroup
	errs := make([]error, len(w))
	for i, b := range w {
		log.StampProducer(b.batch, by.ID, by.Epoch, b.seq)
		all.Go(func() { _, errs[i] = n.do(ctx, b.shard, b.op) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// endOwn commits a transaction: it tries again until it is known to have ended in all shards.
func (n *Node) endOwn(ctx context.Context, end EndTxn) (Producer, error) {
	for {
		next, err := n.EndTxn(ctx, end)
		switch {
		case err == nil:
			return next, nil
		case errors.Is(err, ErrTxnState), errors.Is(err, ErrProducerFenced), errors.Is(err, ErrProducerMapping):
			return nobody, err // it took too long, and was aborted
		case n.usable() != nil, !n.Leads():
			return nobody, fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
		}
		select {
		case <-time.After(ownRetry):
		case <-n.stop:
		case <-ctx.Done():
			return nobody, fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
		}
	}
}

// EndOwn ends what nodes that led before have left open of their own transactions, or have ended in some shards alone:
// what was acknowledged behind it would not show before. Nothing may be appended meanwhile.
func (n *Node) EndOwn(ctx context.Context) error {
	var errs []error
	for _, t := range n.Transactions() {
		switch t.State {
		case TxnOngoing, TxnPrepareCommit, TxnPrepareAbort:
		default:
			continue
		}
		if !OwnTransaction(t.TransactionalID) {
			continue
		}
		_, err := n.InitProducer(ctx, ProducerRequest{TransactionalID: t.TransactionalID, Timeout: ownTimeout, Known: nobody})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
