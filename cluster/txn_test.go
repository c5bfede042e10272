package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/leatdb/leat/log"
)

// sent makes the batch of an idempotent producer.
func sent(by Producer, seq int32, transactional bool, values ...string) []byte {
	var b log.Builder
	if transactional {
		b.SetAttributes(log.AttrTransactional)
	}
	b.SetProducer(by.ID, by.Epoch, seq)
	for _, v := range values {
		b.Append([]byte(v), []byte(v), 1000, nil)
	}
	return bytes.Clone(b.Finish())
}

// produce sends a batch and waits for it.
func produce(t testing.TB, n *Node, r Produce) (int64, error) {
	t.Helper()
	p, err := n.Produce(t.Context(), r)
	if err != nil {
		return 0, err
	}
	done, err := p.Wait(t.Context())
	return done.Base, err
}

// A fataler is a test, also one of package rapid.
type fataler interface {
	Helper()
	Fatal(args ...any)
}

// committedValues reads what a reader of committed records sees of a partition.
func committedValues(t fataler, n *Node, p PartitionID) (all []string) {
	t.Helper()
	at, _, err := n.Bounds(p)
	if err != nil {
		t.Fatal(err)
	}
	end, err := n.LastStable(p)
	if err != nil {
		t.Fatal(err)
	}
	for at < end {
		b, err := n.Read(p, at, 4<<10, nil)
		if err != nil {
			t.Fatal(err)
		}
		aborted, err := n.Aborted(p, at, end)
		if err != nil {
			t.Fatal(err)
		}
		for len(b) > 0 {
			h, one, rest, err := log.NextBatch(b)
			if err != nil {
				t.Fatal(err)
			}
			b = rest
			if h.BaseOffset >= end {
				at = end
				break
			}
			at = h.LastOffset() + 1
			if Skip(&h, aborted) {
				continue
			}
			var r log.Reader
			var rec log.Record
			if err := r.Reset(one); err != nil {
				t.Fatal(err)
			}
			for r.Next(&rec) {
				all = append(all, string(rec.Value))
			}
		}
	}
	return all
}

func expectCommitted(t testing.TB, n *Node, p PartitionID, want ...string) {
	t.Helper()
	if got := committedValues(t, n, p); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("partition %d shows %v, want %v", p, got, want)
	}
}

func want(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || (want == nil) != (err == nil) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

func initTxn(t testing.TB, n *Node, id string) Txn {
	t.Helper()
	p, err := n.InitProducer(t.Context(), ProducerRequest{TransactionalID: id, Timeout: time.Minute, Known: nobody})
	if err != nil {
		t.Fatal(err)
	}
	return Txn{id, p}
}

func TestIdempotentProducer(t *testing.T) {
	cfg := testConfig(t.TempDir())
	n := openNode(t, cfg)
	p := create(t, n, "t", 2)
	by, err := n.InitProducer(t.Context(), ProducerRequest{Known: nobody})
	want(t, err, nil)
	send := func(part, seq int, values ...string) (int64, error) {
		t.Helper()
		return produce(t, n, Produce{Partition: p[part], Batches: sent(by, int32(seq), false, values...)})
	}
	for seq := range 7 {
		if at, err := send(0, 2*seq, fmt.Sprint("a", seq), fmt.Sprint("b", seq)); err != nil || at != int64(2*seq) {
			t.Fatalf("batch %d: %d, %v", seq, at, err)
		}
	}
	_, err = send(1, 5, "x") // of a producer that the partition does not know
	want(t, err, nil)
	for range 2 {
		for seq := 2; seq < 7; seq++ {
			if at, err := send(0, 2*seq, "a", "b"); err != nil || at != int64(2*seq) {
				t.Fatalf("batch %d again: %d, %v", seq, at, err)
			}
		}
		_, err = send(0, 2, "a", "b")
		want(t, err, ErrOutOfOrder)
		_, err = send(0, 15, "a")
		want(t, err, ErrOutOfOrder)
		_, err = send(0, 12, "a") // half of what was sent
		want(t, err, ErrOutOfOrder)
		_, err = produce(t, n, Produce{Partition: p[0], Batches: sent(Producer{by.ID, 3}, 4, false, "c")})
		want(t, err, ErrOutOfOrder)
		if list, err := n.Producers(p[0]); err != nil || len(list) != 1 || list[0].LastSequence != 13 {
			t.Fatalf("producers %+v, %v", list, err)
		}
		want(t, n.Snapshot(), nil)
		closeNode(t, n)
		n = openNode(t, cfg)
	}
	next := Producer{by.ID, by.Epoch + 1}
	_, err = produce(t, n, Produce{Partition: p[0], Batches: sent(next, 0, false, "new")})
	want(t, err, nil)
	_, err = send(0, 14, "old")
	want(t, err, ErrProducerEpoch)
	if other, err := n.InitProducer(t.Context(), ProducerRequest{Known: nobody}); err != nil || other.ID == by.ID {
		t.Fatalf("producer %+v again, %v", other, err)
	}
}

func TestTransaction(t *testing.T) {
	for _, shards := range []int{1, 3} {
		t.Run(fmt.Sprint("shards=", shards), func(t *testing.T) { transaction(t, shards) })
	}
}

func transaction(t *testing.T, shards int) {
	cfg := testConfig(t.TempDir())
	cfg.Shards = shards
	n := openNode(t, cfg)
	p := create(t, n, "t", 6)
	a := initTxn(t, n, "a")
	ctx := t.Context()
	seq := map[PartitionID]int32{}
	write := func(x Txn, part PartitionID, v string) error {
		t.Helper()
		_, err := produce(t, n, Produce{part, sent(x.Producer, seq[part], true, v), x.TransactionalID, false})
		if err == nil {
			seq[part]++
		}
		return err
	}
	want(t, write(a, p[0], "too early"), ErrTxnState)
	for round, commit := range []bool{true, false, true} {
		want(t, n.AddToTxn(ctx, a, p, []string{"g", "h"}), nil)
		for i := range p {
			appendTo(t, n, p[i], fmt.Sprint("plain", round))
			want(t, write(a, p[i], fmt.Sprint("txn", round)), nil)
		}
		for _, g := range []string{"g", "h"} {
			want(t, n.CommitOffsets(ctx, OffsetCommit{Group: g, Generation: -1, Txn: a,
				Offsets: []GroupOffset{{Partition: p[1], Offset: int64(round)}}}), nil)
		}
		if offsets, err := n.Offsets("g"); err != nil || len(offsets) != 1 || !offsets[0].Pending {
			t.Fatalf("offsets %+v, %v", offsets, err)
		}
		if round == 1 {
			want(t, n.Snapshot(), nil)
		}
		closeNode(t, n)
		n = openNode(t, cfg)
		if stable, _ := n.LastStable(p[3]); stable != int64(3*round+1) {
			t.Fatalf("last stable offset %d in round %d", stable, round)
		}
		_, err := n.EndTxn(ctx, EndTxn{Txn: a, Commit: commit})
		want(t, err, nil)
		_, err = n.EndTxn(ctx, EndTxn{Txn: a, Commit: commit})
		want(t, err, nil)
		_, err = n.EndTxn(ctx, EndTxn{Txn: a, Commit: !commit})
		want(t, err, ErrTxnState)
		want(t, write(a, p[0], "too late"), ErrTxnState)
		want(t, n.CommitOffsets(ctx, OffsetCommit{Group: "g", Txn: a, Generation: -1,
			Offsets: []GroupOffset{{Partition: p[1], Offset: 99}}}), ErrTxnState)
	}
	b := initTxn(t, n, "a")
	want(t, n.AddToTxn(ctx, a, p, nil), ErrProducerFenced)
	want(t, n.AddToTxn(ctx, Txn{"a", Producer{12345, 0}}, p, nil), ErrProducerMapping)
	want(t, n.AddToTxn(ctx, Txn{"nobody", a.Producer}, p, nil), ErrProducerMapping)
	want(t, n.AddToTxn(ctx, b, p, nil), nil)
	want(t, write(a, p[0], "fenced"), ErrProducerEpoch)
	closeNode(t, n)
	n = openNode(t, cfg)
	for i := range p {
		expectCommitted(t, n, p[i], "plain0", "txn0", "plain1", "plain2", "txn2")
	}
	for _, g := range []string{"g", "h"} {
		if o, err := n.Offsets(g); err != nil || len(o) != 1 || o[0].Offset != 2 || o[0].Pending {
			t.Fatalf("offsets %+v, %v", o, err)
		}
	}
}

// TestTransactionVersion2 adds partitions as they are written to, takes a new epoch with every end, and repeats ends.
func TestTransactionVersion2(t *testing.T) {
	for _, shards := range []int{1, 3} {
		cfg := testConfig(t.TempDir())
		cfg.Shards = shards
		n := openNode(t, cfg)
		p := create(t, n, "t", 3)
		x := initTxn(t, n, "x")
		var old EndTxn
		for round := range 4 {
			for i := range p {
				for seq := range int32(2) {
					_, err := produce(t, n, Produce{p[i], sent(x.Producer, seq, true, fmt.Sprintf("%d%d", round, seq)), "x", true})
					want(t, err, nil)
				}
			}
			if round > 0 { // late, when the next transaction is open
				if got, err := n.EndTxn(t.Context(), old); err == nil {
					t.Fatalf("a late end gave %+v", got)
				}
			}
			want(t, n.CommitOffsets(t.Context(), OffsetCommit{Group: "g", Generation: -1, Txn: x, AddToTxn: true,
				Offsets: []GroupOffset{{Partition: p[0], Offset: int64(round)}}}), nil)
			old = EndTxn{Txn: x, Commit: round%2 == 0, Bump: true}
			next, err := n.EndTxn(t.Context(), old)
			want(t, err, nil)
			if again, err := n.EndTxn(t.Context(), old); err != nil || again != next || next.Epoch != x.Producer.Epoch+1 {
				t.Fatalf("again %+v after %+v, %v", again, next, err)
			}
			wrong := old
			wrong.Commit = !wrong.Commit
			_, err = n.EndTxn(t.Context(), wrong)
			want(t, err, ErrTxnState)
			_, err = produce(t, n, Produce{p[0], sent(x.Producer, 2, true, "zombie"), "x", true})
			if err == nil {
				t.Fatal("a zombie has written")
			}
			x.Producer = next
		}
		for i := range p {
			expectCommitted(t, n, p[i], "00", "01", "20", "21")
		}
		if o, _ := n.Offsets("g"); o[0].Offset != 2 {
			t.Fatalf("offsets %+v", o)
		}
		closeNode(t, n)
	}
}

func TestTransactionTimeout(t *testing.T) {
	cfg := testConfig(t.TempDir())
	now := time.UnixMilli(5000)
	cfg.Now = func() time.Time { return now }
	cfg.TxnCheck = time.Hour
	n := openNode(t, cfg)
	p := create(t, n, "t", 1)
	x := initTxn(t, n, "x")
	_, err := produce(t, n, Produce{p[0], sent(x.Producer, 0, true, "lost"), "x", true})
	want(t, err, nil)
	n.tendTxns(t.Context(), now.UnixMilli())
	if d, _ := n.Transaction("x"); d.State != TxnOngoing || d.Started != 5000 {
		t.Fatalf("%+v", d)
	}
	now = now.Add(time.Minute + time.Second)
	n.tendTxns(t.Context(), now.UnixMilli())
	if d, _ := n.Transaction("x"); d.State != TxnCompleteAbort {
		t.Fatalf("%+v", d)
	}
	_, err = produce(t, n, Produce{p[0], sent(x.Producer, 1, true, "late"), "x", true})
	want(t, err, ErrProducerFenced)
	_, err = n.EndTxn(t.Context(), EndTxn{Txn: x, Commit: true})
	want(t, err, ErrProducerFenced)
	expectCommitted(t, n, p[0])
	_, err = n.InitProducer(t.Context(), ProducerRequest{TransactionalID: "x", Timeout: time.Hour, Known: nobody})
	want(t, err, ErrTxnTimeout)
}

// TestProducerRecovery asks for a new epoch with the old one in hand.
func TestProducerRecovery(t *testing.T) {
	n := openNode(t, testConfig(t.TempDir()))
	p := create(t, n, "t", 1)
	a := initTxn(t, n, "x")
	ask := func(known Producer) (Producer, error) {
		return n.InitProducer(t.Context(), ProducerRequest{TransactionalID: "x", Timeout: time.Minute, Known: known})
	}
	_, err := produce(t, n, Produce{p[0], sent(a.Producer, 0, true, "open"), "x", true})
	want(t, err, nil)
	b, err := ask(a.Producer)
	want(t, err, nil)
	if again, err := ask(a.Producer); err != nil || again != b {
		t.Fatalf("%+v, then %+v, %v", b, again, err)
	}
	// A transaction that left the epoch as it was does not stand for a lost answer.
	_, err = produce(t, n, Produce{p[0], sent(b, 0, true, "more"), "x", true})
	want(t, err, nil)
	b, err = n.EndTxn(t.Context(), EndTxn{Txn: Txn{"x", b}})
	want(t, err, nil)
	if next, err := ask(b); err != nil || next.ID != b.ID || next.Epoch != b.Epoch+1 {
		t.Fatalf("%+v after %+v, %v", next, b, err)
	}
	c := initTxn(t, n, "x")
	_, err = ask(b)
	want(t, err, ErrProducerFenced)
	if c.Producer.ID != b.ID || c.Producer.Epoch <= b.Epoch {
		t.Fatalf("%+v after %+v", c.Producer, b)
	}
	expectCommitted(t, n, p[0])
	// An epoch runs out: the next is of another producer id.
	n.shards[0].txns["x"].Producer.Epoch = lastEpoch
	last := Txn{"x", Producer{c.Producer.ID, lastEpoch}}
	_, err = produce(t, n, Produce{p[0], sent(last.Producer, 0, true, "last"), "x", true})
	want(t, err, nil)
	d, err := n.EndTxn(t.Context(), EndTxn{Txn: last, Commit: true, Bump: true})
	if err != nil || d.ID == c.Producer.ID || d.Epoch != 0 {
		t.Fatalf("%+v, %v", d, err)
	}
	if again, err := n.EndTxn(t.Context(), EndTxn{Txn: last, Commit: true, Bump: true}); err != nil || again != d {
		t.Fatalf("%+v, %v", again, err)
	}
	expectCommitted(t, n, p[0], "last")
}
