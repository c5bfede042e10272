package cluster

import (
	"context"
	"encoding/binary"
	"fmt"
)

// A Guard is a condition of an append: nobody has appended to Partition, at or after offset Since, but guarded appends.
// Their writers know of each other; a producer that writes as it likes is found out. With Still, nobody has at all.
type Guard struct {
	Partition PartitionID
	Since     int64
	Still     bool
}

// guardBytes is what a guard takes in an entry.
const guardBytes = 17

// AppendGuarded is AppendAsync when all guards hold, as the entry is applied; else nothing is appended and Wait gives
// ErrMoved. Everything must be in one shard.
func (n *Node) AppendGuarded(ctx context.Context, guards []Guard, appends ...Append) (*Pending, error) {
	i, err := n.shardOf(appends)
	if err != nil {
		return nil, err
	}
	for _, g := range guards {
		at, err := n.place(g.Partition)
		if err != nil {
			return nil, err
		}
		if at != i {
			return nil, ErrManyShards
		}
	}
	appends, stamp, err := n.check(ctx, i, appends)
	if err != nil {
		return nil, err
	}
	return n.submitAnywhere(ctx, i, op{kind: opGuarded, guards: guards, appends: appends, stamp: stamp})
}

// guardedRun is the stretch of offsets at the end of a partition that guarded appends wrote. It ends where the
// partition does, or somebody else has appended since and it counts no more.
type guardedRun struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// holds reports whether a partition that ends at next fulfils a guard.
func (r guardedRun) holds(g Guard, next int64) bool {
	return g.Since >= next || !g.Still && r.To == next && r.From <= g.Since
}

// grow takes in a guarded append of [from, to).
func (r *guardedRun) grow(from, to int64) {
	if r.To != from {
		r.From = from
	}
	r.To = to
}

// applyGuarded appends when the guards hold.
func (s *shard) applyGuarded(o *op, e *entry) (result, error) {
	for _, g := range o.guards {
		p, err := s.partition(g.Partition)
		if err != nil {
			return result{err: err}, nil
		}
		if _, next := p.bounds(); !p.guarded.holds(g, next) {
			return result{err: fmt.Errorf("%w: partition %d has grown from %d to %d", ErrMoved, g.Partition, g.Since, next)}, nil
		}
	}
	r, err := s.applyAppends(o.appends, e)
	if err != nil || r.err != nil {
		return r, err
	}
	for i, a := range o.appends {
		p, err := s.partition(a.Partition)
		if err != nil {
			return result{}, err
		}
		if _, next := p.bounds(); p.guarded.To != next { // the first append to it
			p.guarded.grow(r.bases[i], next)
		}
	}
	return r, nil
}

func encodeGuards(b []byte, guards []Guard) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, uint32(len(guards)))
	for _, g := range guards {
		b = le.AppendUint64(b, uint64(g.Partition))
		b = le.AppendUint64(b, uint64(g.Since))
		still := byte(0)
		if g.Still {
			still = 1
		}
		b = append(b, still)
	}
	return b
}

// decodeGuards reads what encodeGuards wrote and returns the bytes behind it.
func decodeGuards(b []byte) (guards []Guard, rest []byte, err error) {
	le := binary.LittleEndian
	if len(b) < 4 || uint64(le.Uint32(b)) > uint64(len(b)-4)/guardBytes {
		return nil, nil, fmt.Errorf("%w: guards in %d bytes", errEntry, len(b))
	}
	n := le.Uint32(b)
	for b = b[4:]; n > 0; n-- {
		if b[16] > 1 {
			return nil, nil, fmt.Errorf("%w: guard of kind %d", errEntry, b[16])
		}
		guards = append(guards, Guard{PartitionID(le.Uint64(b)), int64(le.Uint64(b[8:])), b[16] == 1})
		b = b[guardBytes:]
	}
	return guards, b, nil
}
