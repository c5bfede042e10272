package cluster

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/leatdb/leat/log"
)

// A voter is one replica of a shard whose raft group has three: the same state machine and pump as a node's, over the
// library's transport and stores in memory.
type voter struct {
	id    raft.ServerID
	shard *shard
	raft  *raft.Raft
	pump  *pump
	net   *raft.InmemTransport
}

// voters are the three replicas of one shard.
type voters struct {
	t   *testing.T
	all []*voter
}

func newVoters(t *testing.T) *voters {
	vs := &voters{t: t}
	var servers []raft.Server
	for i := range 3 {
		addr, net := raft.NewInmemTransport(raft.ServerAddress(fmt.Sprint("voter", i)))
		v := &voter{id: raft.ServerID(addr), net: net}
		quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
		// Each has segments of another size: their bytes are the same all the same.
		v.shard = newShard(0, 1, filepath.Join(t.TempDir(), "shard"),
			log.Config{SegmentSizeBytes: int64(2000 * (i + 1)), IndexIntervalBytes: 100 * (i + 1)}, quiet)
		v.shard.grew, v.shard.compact, v.shard.stop = func() {}, func() {}, make(chan struct{})
		v.shard.failed = func(err error) { t.Error(err) }
		v.shard.settings = func(PartitionID) *Settings { return nil }
		servers = append(servers, raft.Server{ID: v.id, Address: addr})
		vs.all = append(vs.all, v)
	}
	for _, v := range vs.all {
		for _, w := range vs.all {
			v.net.Connect(raft.ServerAddress(w.id), w.net)
		}
		conf := raft.DefaultConfig()
		conf.LocalID, conf.BatchApplyCh = v.id, true
		conf.HeartbeatTimeout, conf.ElectionTimeout = 100*time.Millisecond, 100*time.Millisecond
		conf.LeaderLeaseTimeout, conf.CommitTimeout = 80*time.Millisecond, 5*time.Millisecond
		conf.Logger = hclog.NewNullLogger()
		store := raft.NewInmemStore()
		if err := raft.BootstrapCluster(conf, store, store, raft.NewInmemSnapshotStore(), v.net,
			raft.Configuration{Servers: servers}); err != nil {
			t.Fatal(err)
		}
		var err error
		if v.raft, err = raft.NewRaft(conf, v.shard, store, store, raft.NewInmemSnapshotStore(), v.net); err != nil {
			t.Fatal(err)
		}
		plenty := &disk{free: func(string) (int64, error) { return 1 << 40, nil }}
		v.pump = newPump(v.raft, plenty, time.Now)
	}
	t.Cleanup(vs.close)
	return vs
}

func (vs *voters) close() {
	for _, v := range vs.all {
		if err := v.raft.Shutdown().Error(); err != nil {
			vs.t.Error(err)
		}
		v.pump.close(ErrClosed)
		if err := v.shard.close(); err != nil {
			vs.t.Error(err)
		}
		if err := v.net.Close(); err != nil {
			vs.t.Error(err)
		}
	}
}

// leader waits for a leader that others can reach.
func (vs *voters) leader() *voter {
	for {
		for _, v := range vs.all {
			if v.raft.State() == raft.Leader && v.raft.VerifyLeader().Error() == nil {
				return v
			}
		}
	}
}

// isolate takes a voter off the network, or brings it back.
func (vs *voters) isolate(v *voter, away bool) {
	for _, w := range vs.all {
		if w == v {
			continue
		}
		if away {
			v.net.Disconnect(raft.ServerAddress(w.id))
			w.net.Disconnect(raft.ServerAddress(v.id))
		} else {
			v.net.Connect(raft.ServerAddress(w.id), w.net)
			w.net.Connect(raft.ServerAddress(v.id), v.net)
		}
	}
}

// do proposes an operation until its outcome is known, as a client does that retries.
func (vs *voters) do(o op) result {
	for {
		v := vs.leader()
		c, err := v.pump.submit(vs.t.Context(), o)
		if err != nil {
			vs.t.Fatal(err)
		}
		r, err := v.pump.wait(vs.t.Context(), c)
		if err == nil || errors.Is(err, ErrTxnState) || errors.Is(err, ErrOutOfOrder) {
			r.err = err
			return r
		}
	}
}

// hashes returns what a voter's partitions hold, as hashes.
func (vs *voters) hashes(v *voter, ids []PartitionID) []string {
	v.shard.applying.RLock()
	defer v.shard.applying.RUnlock()
	var all []string
	for _, id := range ids {
		p, err := v.shard.partition(id)
		if err != nil {
			vs.t.Fatal(err)
		}
		_, next := p.bounds()
		state, err := jsonOf(p.seq.state())
		if err != nil {
			vs.t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%d %x %s", next, sha256.Sum256(allBytes(vs.t, p)), state))
	}
	return all
}

// allBytes reads a partition.
func allBytes(t *testing.T, p *partition) (all []byte) {
	t.Helper()
	l, err := p.open()
	if err != nil {
		t.Fatal(err)
	}
	at, next := l.Bounds()
	for at < next {
		n := len(all)
		if all, err = l.Read(at, 1<<20, all); err != nil {
			t.Fatal(err)
		}
		at = endOf(all[n:])
	}
	return all
}

// TestThreeVoters writes in transactions and outside while leaders come and go, with retries of what got no answer:
// every value is there once and in order, and the replicas are the same to the byte, after a compaction as well.
func TestThreeVoters(t *testing.T) {
	vs := newVoters(t)
	ids := []PartitionID{1, 2, 3}
	vs.do(op{kind: opCreate, partitions: ids})
	plain := vs.do(commandOp(opInit, &cmdInit{Known: nobody})).producer
	x := Txn{"x", vs.do(commandOp(opInit, &cmdInit{ID: "x", TimeoutMs: 60000, Known: nobody})).producer}
	parts := []txnPart{{Partition: 1}, {Partition: 2}, {Partition: 3}}
	for round := range 12 {
		if r := vs.do(commandOp(opJoin, &cmdJoin{x, parts})); r.err != nil {
			t.Fatal(r.err)
		}
		away := vs.leader()
		for i, id := range ids {
			if i == 1 && round%3 == 0 {
				vs.isolate(away, true)
			}
			value := fmt.Sprint("v", round)
			for by, txn := range map[Producer]bool{plain: false, x.Producer: true} {
				seq := int32(round)
				if txn {
					seq = 0 // of a new epoch
				}
				r := vs.do(op{kind: opAppend, appends: []Append{{id, sent(by, seq, txn, value)}}})
				if r.err != nil {
					t.Fatalf("round %d: %v", round, r.err)
				}
			}
		}
		r := vs.do(commandOp(opEnd, &cmdEnd{Txn: x, Commit: round%2 == 0, Bump: true}))
		if r.err != nil {
			t.Fatal(r.err)
		}
		x.Producer = r.producer
		vs.isolate(away, false)
	}
	leader := vs.leader()
	if err := leader.raft.Barrier(0).Error(); err != nil {
		t.Fatal(err)
	}
	compare := func() {
		t.Helper()
		want := vs.hashes(vs.leader(), ids)
		for _, v := range vs.all {
			got := vs.hashes(v, ids)
			for deadline := time.Now().Add(10 * time.Second); !slices.Equal(got, want); got = vs.hashes(v, ids) {
				if time.Now().After(deadline) { // it is a follower, and may be late
					t.Fatalf("%s has %v, want %v", v.id, got, want)
				}
				runtime.Gosched()
			}
		}
	}
	compare()
	for _, id := range ids {
		vs.expectInOrder(id)
		p, _ := leader.shard.partition(id)
		vs.do(commandOp(opCompact, &cmdCompact{id, p.seq.lastStable(), 1000}))
	}
	for _, v := range vs.all {
		for _, id := range ids {
			p, _ := v.shard.partition(id)
			for len(p.waiting()) == 0 { // a follower gets there when it gets there
				runtime.Gosched()
			}
			if err := v.shard.compactOne(p, p.waiting()[0]); err != nil {
				t.Fatal(err)
			}
		}
	}
	compare()
}

// expectInOrder checks that a partition has what the idempotent producer wrote, each once and in order.
func (vs *voters) expectInOrder(id PartitionID) {
	vs.t.Helper()
	p, _ := vs.all[0].shard.partition(id)
	b := allBytes(vs.t, p)
	round := 0
	for len(b) > 0 {
		h, one, rest, err := log.NextBatch(b)
		if err != nil {
			vs.t.Fatal(err)
		}
		if b = rest; h.Transactional() || h.Control() {
			continue
		}
		var r log.Reader
		var rec log.Record
		if err := r.Reset(one); err != nil || !r.Next(&rec) {
			vs.t.Fatal(err)
		}
		if want := fmt.Sprint("v", round); string(rec.Value) != want {
			vs.t.Fatalf("partition %d: %s where %s belongs", id, rec.Value, want)
		}
		round++
	}
	if round != 12 {
		vs.t.Fatalf("partition %d has %d of 12 records", id, round)
	}
}

func jsonOf(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}
