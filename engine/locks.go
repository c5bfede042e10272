package engine

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// locks are the rows that open transactions have changed, or that they want nobody else to insert. A transaction holds
// its locks until what it wrote can be read, so that whoever waited for one reads that.
//
// They also tell which rows have been changed since a transaction looked at them. All transactions of SQL pass here;
// who writes to a topic otherwise is found out by the guards of the append (cluster.Guard).
type locks struct {
	mu   sync.Mutex
	held map[string]*Tx
	// shared are locks that several hold at a time, none of whom changes what they are of.
	shared map[string][]*Tx
	waits  map[*Tx]*Tx
	// commits numbers the commits; changed is the last one that changed a row, as far as a transaction in looking may
	// ask.
	commits uint64
	changed map[string]uint64
	// touched is the last commit of those who held a lock together with others.
	touched map[string]uint64
	prune   int // the size at which changed is cleared of what nobody asks for
	// looking are the transactions that look at rows, with the last commit that they see for sure.
	looking map[*Tx]uint64
}

const minPrune = 4096

func newLocks() *locks {
	return &locks{held: map[string]*Tx{}, shared: map[string][]*Tx{}, touched: map[string]uint64{},
		waits: map[*Tx]*Tx{}, changed: map[string]uint64{}, prune: minPrune, looking: map[*Tx]uint64{}}
}

// rowLock names the lock of a row by its key.
func rowLock(rel *catalog.Relation, key []byte) string {
	return string(append(binary.BigEndian.AppendUint32(append(make([]byte, 0, 5+len(key)), 0), rel.ID), key...))
}

// entryLock names the lock of an entry of the n-th index.
func entryLock(rel *catalog.Relation, n int, entry []byte) string {
	b := binary.BigEndian.AppendUint32(append(make([]byte, 0, 5+len(entry)), byte(n+1)), rel.ID)
	return string(append(b, entry...))
}

// look notes that tx is about to take a cut.
func (l *locks) look(tx *Tx) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.looking[tx] = l.commits
}

// looked ends what look began.
func (l *locks) looked(tx *Tx) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.looking, tx)
}

// acquire takes locks, waiting for whoever has them; timeout 0 is for ever. It reports whether one of the rows was
// changed since tx began to look.
func (l *locks) acquire(ctx context.Context, tx *Tx, names []string, timeout time.Duration) (moved bool, err error) {
	slices.Sort(names)
	var expired <-chan time.Time
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range names {
		for {
			holder := l.held[name]
			if holder == tx {
				break
			}
			if holder == nil {
				holder = otherThan(l.shared[name], tx)
			}
			if holder == nil {
				l.held[name] = tx
				tx.held = append(tx.held, name)
				break
			}
			if err := l.queueLocked(ctx, tx, holder, &expired, timeout); err != nil {
				return false, err
			}
		}
		if seen, looks := l.looking[tx]; looks && (l.changed[name] > seen || l.touched[name] > seen) {
			moved = true
		}
	}
	return moved, nil
}

// share takes locks that others may have too, as long as nobody has acquired them. It reports whether one of those who
// have acquired one since tx began to look has changed what it is of.
func (l *locks) share(ctx context.Context, tx *Tx, names []string, timeout time.Duration) (moved bool, err error) {
	slices.Sort(names)
	var expired <-chan time.Time
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range slices.Compact(names) {
		for {
			holder := l.held[name]
			if holder == nil || holder == tx {
				break
			}
			if err := l.queueLocked(ctx, tx, holder, &expired, timeout); err != nil {
				return false, err
			}
		}
		if !slices.Contains(l.shared[name], tx) {
			l.shared[name] = append(l.shared[name], tx)
			tx.shared = append(tx.shared, name)
		}
		if seen, looks := l.looking[tx]; looks && l.changed[name] > seen {
			moved = true
		}
	}
	return moved, nil
}

// try takes a lock, alone or beside others, where nobody stands in the way. It also reports whether what it is of was
// changed since tx began to look.
func (l *locks) try(tx *Tx, name string, shared bool) (free, moved bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	holder := l.held[name]
	if holder == nil && !shared {
		holder = otherThan(l.shared[name], tx)
	}
	if holder != nil && holder != tx {
		return false, false
	}
	switch {
	case holder == tx:
	case !shared:
		l.held[name] = tx
		tx.held = append(tx.held, name)
	case !slices.Contains(l.shared[name], tx):
		l.shared[name] = append(l.shared[name], tx)
		tx.shared = append(tx.shared, name)
	}
	seen, looks := l.looking[tx]
	return true, looks && l.changed[name] > seen
}

// holds reports whether tx has a lock.
func (l *locks) holds(tx *Tx) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(tx.held)+len(tx.shared) > 0
}

func otherThan(txs []*Tx, tx *Tx) *Tx {
	for _, t := range txs {
		if t != tx {
			return t
		}
	}
	return nil
}

// queueLocked waits for a holder, unless that waits for tx.
func (l *locks) queueLocked(ctx context.Context, tx, holder *Tx, expired *<-chan time.Time,
	timeout time.Duration) error {
	if l.reaches(holder, tx) {
		return sqlerr.New(sqlerr.DeadlockDetected, "deadlock detected").
			WithDetail("Each of several transactions waits for a row that the next one has changed.")
	}
	if *expired == nil && timeout > 0 {
		*expired = time.After(timeout)
	}
	return l.waitLocked(ctx, tx, holder, *expired)
}

// reaches reports whether tx waits for to, or for somebody who does.
func (l *locks) reaches(tx, to *Tx) bool {
	for ; tx != nil; tx = l.waits[tx] {
		if tx == to {
			return true
		}
	}
	return false
}

// waitLocked waits for the end of holder. The caller holds l.mu, which is free meanwhile.
func (l *locks) waitLocked(ctx context.Context, tx, holder *Tx, expired <-chan time.Time) error {
	l.waits[tx] = holder
	l.mu.Unlock()
	var err error
	select {
	case <-holder.done:
	case <-ctx.Done():
		err = ctx.Err()
	case <-expired:
		err = sqlerr.New(sqlerr.LockNotAvailable, "canceling statement due to lock timeout")
	}
	l.mu.Lock()
	delete(l.waits, tx)
	return err
}

// release gives up everything that tx holds. With changed, what it holds was changed.
func (l *locks) release(tx *Tx, changed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.looking, tx)
	if changed {
		l.commits++
	}
	note := changed && len(l.looking) > 0
	for _, name := range tx.held {
		delete(l.held, name)
		if note {
			l.changed[name] = l.commits
		}
	}
	for _, name := range tx.shared {
		if l.shared[name] = slices.DeleteFunc(l.shared[name], func(t *Tx) bool { return t == tx }); len(l.shared[name]) == 0 {
			delete(l.shared, name)
		}
		if note {
			l.touched[name] = l.commits
		}
	}
	tx.held, tx.shared = nil, nil
	close(tx.done)
	if len(l.looking) == 0 {
		clear(l.changed)
		clear(l.touched)
	} else if len(l.changed)+len(l.touched) > l.prune {
		l.forget()
	}
}

// forget drops from changed what every transaction sees for sure.
func (l *locks) forget() {
	seen := l.commits
	for _, n := range l.looking {
		seen = min(seen, n)
	}
	for _, noted := range []map[string]uint64{l.changed, l.touched} {
		for name, n := range noted {
			if n <= seen {
				delete(noted, name)
			}
		}
	}
	l.prune = max(minPrune, 2*(len(l.changed)+len(l.touched)))
}
