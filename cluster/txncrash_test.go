package cluster

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leatdb/leat/cluster/internal/crash"
	"github.com/leatdb/leat/log"
)

// TestPowerCutInTransactions cuts the power under clients that copy numbers in transactions over several partitions and
// commit a group's offset with each, from another partition that is compacted meanwhile: a transaction whose commit was
// answered is there in all partitions and in the group, one that was not is there as a whole or not at all.
func TestPowerCutInTransactions(t *testing.T) {
	for _, shards := range []int{1, 3} {
		t.Run(fmt.Sprint("shards=", shards), func(t *testing.T) { powerCutInTransactions(t, shards) })
	}
}

func powerCutInTransactions(t *testing.T, shards int) {
	var d crash.Disk
	cfg := onDisk(t.TempDir(), &d)
	cfg.Shards, cfg.RetentionCheck, cfg.TxnCheck = shards, time.Hour, time.Hour
	n := openNode(t, cfg)
	p := create(t, n, "out", 3)
	update(t, n, Change{CreateTopics: []TopicConfig{{Name: "keys", Partitions: 1, Config: map[string]string{
		"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0"}}}})
	topic, _ := n.Topic("keys")
	keys := topic.IDs[0]
	acked, done := 0, 0 // rounds whose commit was answered, or seen to have happened
	for life := range 25 {
		r := rand.New(rand.NewPCG(11, uint64(life)))
		d.Off(1 + r.IntN(250))
		for round := done; ; round++ {
			if err := copyRound(t, n, p, keys, round); err != nil {
				break
			}
			acked = round + 1
			if round%5 == 4 {
				n.compactOld(t.Context())
			}
			if round%11 == 10 {
				_ = n.Snapshot() // the power may be gone
			}
		}
		n.Close()
		d.Crash(r)
		n = openNode(t, cfg)
		n.tendTxns(t.Context(), time.Now().UnixMilli()) // what was prepared ends
		if err := abortOpen(t, n); err != nil {
			t.Fatal(err)
		}
		done = checkRounds(t, n, p, keys)
		if done < acked {
			t.Fatalf("life %d: %d rounds are there, %d were answered", life, done, acked)
		}
	}
	if done < 20 {
		t.Fatalf("only %d rounds were done", done)
	}
}

// copyRound is one transaction.
func copyRound(t *testing.T, n *Node, p []PartitionID, keys PartitionID, round int) error {
	id, err := n.InitProducer(t.Context(), ProducerRequest{TransactionalID: "copy", Timeout: time.Minute, Known: nobody})
	if err != nil {
		return err
	}
	x := Txn{"copy", id}
	value := fmt.Sprint(round)
	for _, part := range append([]PartitionID{keys}, p...) {
		v := value
		if part == keys {
			v = fmt.Sprint("k", round%3, strings.Repeat(".", 500)) // its key as well
		}
		w, err := n.Produce(t.Context(), Produce{part, sent(id, 0, true, v), "copy", true})
		if err == nil {
			_, err = w.Wait(t.Context())
		}
		if err != nil {
			return err
		}
	}
	err = n.CommitOffsets(t.Context(), OffsetCommit{Group: "g", Generation: -1, Txn: x, AddToTxn: true,
		Offsets: []GroupOffset{{Partition: p[0], Offset: int64(round + 1)}}})
	if err == nil {
		_, err = n.EndTxn(t.Context(), EndTxn{x, true, true})
	}
	return err
}

// abortOpen does what the next instance of the client does first.
func abortOpen(t *testing.T, n *Node) error {
	_, err := n.InitProducer(t.Context(), ProducerRequest{TransactionalID: "copy", Timeout: time.Minute, Known: nobody})
	return err
}

// checkRounds returns how many rounds are there, the same in every partition and in the group.
func checkRounds(t *testing.T, n *Node, p []PartitionID, keys PartitionID) int {
	t.Helper()
	rounds := -1
	for _, part := range p {
		got := committedValues(t, n, part)
		for i, v := range got {
			if v != fmt.Sprint(i) {
				t.Fatalf("partition %d: %s where %d belongs", part, v, i)
			}
		}
		if rounds >= 0 && len(got) != rounds {
			t.Fatalf("a torn transaction: %d and %d rounds", rounds, len(got))
		}
		rounds = len(got)
	}
	offsets, err := n.Offsets("g")
	if err != nil || rounds > 0 && (len(offsets) != 1 || offsets[0].Offset != int64(rounds) || offsets[0].Pending) {
		t.Fatalf("%d rounds, and the group has %+v, %v", rounds, offsets, err)
	}
	latest := map[string]bool{}
	for _, v := range committedValues(t, n, keys) {
		latest[v[:2]] = true
	}
	if len(latest) != min(rounds, 3) {
		t.Fatalf("%d keys after %d rounds", len(latest), rounds)
	}
	return rounds
}

// TestProduceOnAFullDisk refuses records while there is no room, lets transactions end, and takes records again.
func TestProduceOnAFullDisk(t *testing.T) {
	cfg := testConfig(t.TempDir())
	var low atomic.Bool
	cfg.freeBytes = func(string) (int64, error) {
		if low.Load() {
			return 1000, nil
		}
		return 1 << 30, nil
	}
	n := openNode(t, cfg)
	p := create(t, n, "t", 1)
	x := initTxn(t, n, "x")
	send := func(seq int32, v string) error {
		n.disk.asked = n.disk.asked.Add(-freeAge)
		_, err := produce(t, n, Produce{p[0], sent(x.Producer, seq, true, v), "x", true})
		return err
	}
	want(t, send(0, "a"), nil)
	low.Store(true)
	want(t, send(1, "b"), ErrDiskFull)
	want(t, n.CommitOffsets(t.Context(), OffsetCommit{Group: "g", Generation: -1}), ErrDiskFull)
	next, err := n.EndTxn(t.Context(), EndTxn{x, true, true})
	want(t, err, nil)
	expectCommitted(t, n, p[0], "a")
	x.Producer = next
	low.Store(false)
	want(t, send(0, "b"), nil)
	_, err = n.EndTxn(t.Context(), EndTxn{x, true, true})
	want(t, err, nil)
	expectCommitted(t, n, p[0], "a", "b")
}

// TestLeaderEpochs compares the answers about leader epochs with the batches of the log, over several leaders.
func TestLeaderEpochs(t *testing.T) {
	cfg := testConfig(t.TempDir())
	n := openNode(t, cfg)
	p := create(t, n, "t", 1)[0]
	r := rand.New(rand.NewPCG(1, 2))
	ends := map[int32]int64{}
	var newest int32
	for range 6 {
		for range r.IntN(4) {
			at := appendTo(t, n, p, "a", "b")
			b, err := n.Read(p, at, 0, nil)
			want(t, err, nil)
			h, err := log.ParseHeader(b)
			want(t, err, nil)
			newest = h.LeaderEpoch
			ends[newest] = h.LastOffset() + 1
		}
		if now, err := n.LeaderEpoch(p); err != nil || now < newest {
			t.Fatalf("leader epoch %d, %v, after records of %d", now, err, newest)
		}
		if r.IntN(2) == 0 {
			want(t, n.Snapshot(), nil)
		}
		for epoch := int32(0); epoch <= newest+1; epoch++ {
			wantEpoch, wantEnd := int32(-1), int64(-1)
			for e, end := range ends {
				if e <= epoch && e > wantEpoch {
					wantEpoch, wantEnd = e, end
				}
			}
			if found, end, err := n.EpochEnd(p, epoch); err != nil || found != wantEpoch || end != wantEnd {
				t.Fatalf("epoch %d: %d ends at %d, %v; want %d at %d", epoch, found, end, err, wantEpoch, wantEnd)
			}
		}
		closeNode(t, n)
		n = openNode(t, cfg)
	}
	if _, _, err := n.EpochEnd(PartitionID(math.MaxInt32), 1); !errors.Is(err, ErrNoPartition) {
		t.Fatal(err)
	}
}
