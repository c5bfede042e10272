package cluster

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leatdb/leat/log"
)

// TestClock asks a clock of three for the time while one of them, or the node's own, is wrong.
func TestClock(t *testing.T) {
	const hour, year = time.Hour, 365 * 24 * time.Hour
	at := time.Unix(1_800_000_000, 0)
	for _, c := range []struct {
		own    time.Duration
		others []time.Duration
		want   time.Duration
	}{
		{0, nil, 0},
		{year, nil, year}, // who is alone has no other
		{0, []time.Duration{0, 0}, 0},
		{time.Second, []time.Duration{0, 0}, time.Second}, // as clocks are
		{10 * year, []time.Duration{0, 0}, 0},
		{-hour, []time.Duration{0, 0}, 0},
		{0, []time.Duration{-year, 0}, 0},
		{0, []time.Duration{year, -year}, 0},
		{year, []time.Duration{0}, 0}, // of two the earlier
		{hour, []time.Duration{hour, -year, hour, hour}, hour},
	} {
		clock := newClock(func() time.Time { return at.Add(c.own) })
		for i, other := range c.others {
			asked := time.Now()
			clock.heard(uint64(i), at.Add(other).UnixNano(), asked, asked)
		}
		if got := clock.now().Sub(at.Add(c.want)); got < 0 || got > time.Minute {
			t.Errorf("%v, others %v: %v after what is right", c.own, c.others, got)
		}
	}
}

// TestWrongClock puts the clock of the leader years ahead, and back: what is young stays, transactions go on, and what
// is written gets the time of the others.
func TestWrongClock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var mu sync.Mutex
		off := map[string]time.Duration{}
		s := newSimCluster(t, 11, func(c *Config) {
			host := c.Peers.Addr
			c.Now = func() time.Time {
				mu.Lock()
				defer mu.Unlock()
				return time.Now().Add(off[host])
			}
			c.RetentionCheck = time.Second
		})
		s.three()
		s.update(Change{CreateTopics: []TopicConfig{{Name: "t", Partitions: 1, Retention: time.Hour}}})
		_, n := s.leader()
		topic, _ := n.Topic("t")
		p := topic.IDs[0]
		by, err := n.InitProducer(t.Context(), ProducerRequest{TransactionalID: "x", Timeout: 15 * time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		if err := n.AddToTxn(t.Context(), Txn{"x", by}, []PartitionID{p}, nil); err != nil {
			t.Fatal(err)
		}
		for _, jump := range []time.Duration{10 * 365 * 24 * time.Hour, -50 * time.Hour} {
			<-time.After(2 * clockEvery) // they have told each other
			mu.Lock()
			off[n.cfg.Peers.Addr] = jump
			mu.Unlock()
			var b log.Builder
			b.Append(nil, []byte("young"), time.Now().UnixMilli(), nil)
			if _, err := n.Append(t.Context(), Append{p, b.Finish()}); err != nil {
				t.Fatal(err)
			}
			<-time.After(10 * time.Second)
			if now := n.Now().Sub(time.Now()); now.Abs() > time.Second {
				t.Errorf("%v after a jump of %v the time is %v off", n.Self(), jump, now)
			}
			if start, _, err := n.Bounds(p); err != nil || start != 0 {
				t.Errorf("after a jump of %v the log begins at %d, %v", jump, start, err)
			}
		}
		if _, err := n.EndTxn(t.Context(), EndTxn{Txn: Txn{"x", by}}); err != nil {
			t.Errorf("the transaction: %v", err)
		}
	})
}

// TestWrongClockFromTheStart starts nodes one of which has a clock that is days ahead, and leads before they have met:
// what is written gets the time of the others from the first entry on.
func TestWrongClockFromTheStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var wrong atomic.Bool
		s := newSimCluster(t, 12, func(c *Config) {
			host := c.Peers.Addr
			c.Now = func() time.Time {
				if host == hostOf(1) && wrong.Load() {
					return time.Now().Add(240 * time.Hour)
				}
				return time.Now()
			}
		})
		s.three()
		s.stop(2)
		s.update(Change{CreateTopics: []TopicConfig{{Name: "t", Partitions: 1}}}) // node 2 does not have it
		_, n := s.leader()
		topic, _ := n.Topic("t")
		<-time.After(time.Second)
		s.stop(1)
		s.stop(3)
		wrong.Store(true)
		n = s.start(1)
		s.start(2)
		if _, leader := s.leader(); leader != n {
			t.Fatal("node 2 leads, which lacks an entry")
		}
		appendTo(t, n, topic.IDs[0], "a")
		n.shards[0].applying.RLock()
		defer n.shards[0].applying.RUnlock()
		if ahead := time.Until(time.UnixMilli(n.shards[0].lastTime)); ahead > time.Minute {
			t.Fatalf("the first entry is %v ahead", ahead)
		}
	})
}
