package cluster

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leatdb/leat/log"
)

// ofSpread is a topic in the spread shards.
func ofSpread(name string, partitions int) TopicConfig {
	return TopicConfig{Name: name, Partitions: partitions, Config: map[string]string{PlacementSetting: placedSpread}}
}

// balanced waits until each node that runs leads as many spread shards as the others.
func (s *simCluster) balanced() {
	s.t.Helper()
	s.within(60*time.Second, "balanced leaders", func() bool {
		led := map[uint64]int{}
		for _, n := range s.nodes {
			for i, of := range n.spread {
				if of.tenure.Load() == nil {
					continue
				}
				if led[n.Self()]++; n.groups[1+n.control.homes+i].leaderOf() != n.Self() {
					return false
				}
			}
		}
		counts := slices.Sorted(maps.Values(led))
		return len(counts) == len(s.nodes) && counts[0] == counts[len(counts)-1]
	})
}

// TestSpread spreads a topic over three nodes, each of which leads a third. What is written at any node is read at the
// leader, also when a node is gone that led some of it, and leaders are balanced again when it comes back.
func TestSpread(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSimulation(t, 31).simCluster
		s.balanced()
		s.update(Change{CreateTopics: []TopicConfig{ofSpread("t", 6)}})
		_, n := s.leader()
		topic, _ := n.Topic("t")
		leaders := map[uint64]int{}
		for _, id := range topic.IDs {
			leaders[n.LeaderOf(id)]++
		}
		if len(leaders) != 3 {
			t.Fatal("leaders of partitions", leaders)
		}
		s.within(10*time.Second, "all nodes know the topic", func() bool {
			for _, m := range s.nodes {
				if _, ok := m.Topic("t"); !ok {
					return false
				}
			}
			return true
		})
		write := func(round int) {
			t.Helper()
			for i, id := range topic.IDs {
				for _, m := range s.nodes {
					if _, err := m.Append(t.Context(), Append{id, batch(fmt.Sprint(round, i, m.Self()))}); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		count := func(want int) {
			t.Helper()
			_, n := s.leader() // Confirm
			for _, id := range topic.IDs {
				if got := committedValues(t, n, id); len(got) != want {
					t.Fatalf("partition %d has %d values, want %d", id, len(got), want)
				}
			}
		}
		write(1)
		count(3)
		together := func(round int) {
			t.Helper()
			var appends []Append
			for _, id := range topic.IDs {
				appends = append(appends, Append{id, batch(fmt.Sprint("together ", round))})
			}
			_, n := s.leader()
			if err := n.AppendTogether(t.Context(), appends...); err != nil {
				t.Fatal(err)
			}
		}
		for round := range 4 {
			together(round)
		}
		ends, err := n.Ends(t.Context(), topic.IDs, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, end := range ends {
			if end != 3+8 { // with a marker each
				t.Errorf("partition %d ends at %d", i, end)
			}
		}
		leader, _ := s.leader()
		gone := 1 + leader%3
		s.stop(gone)
		write(2)
		count(5 + 4)
		s.start(gone)
		s.balanced()
		write(3)
		count(8 + 4)
		s.update(Change{DeleteTopics: []string{"t"}})
		s.within(10*time.Second, "the partitions are gone", func() bool {
			for _, n := range s.nodes {
				for _, i := range n.spreadShards() {
					if n.Partitions(i) > 0 {
						return false
					}
				}
			}
			return true
		})
	})
}

// TestSpreadIsRefused: where there are no spread shards nothing is put there, and a topic stays where it is.
func TestSpreadIsRefused(t *testing.T) {
	n := openNode(t, testConfig(t.TempDir()))
	_, err := n.Update(t.Context(), Change{CreateTopics: []TopicConfig{ofSpread("t", 1)}})
	want(t, err, ErrTopicConfig)
	cfg := testConfig(t.TempDir())
	cfg.Spread = 2
	n = openNode(t, cfg)
	update(t, n, Change{CreateTopics: []TopicConfig{ofSpread("t", 1)}})
	home, days := placedHome, "86400000"
	want(t, n.AlterTopic(t.Context(), "t", map[string]*string{PlacementSetting: &home}, false), ErrTopicConfig)
	want(t, n.AlterTopic(t.Context(), "t", map[string]*string{"retention.ms": &days}, true), nil)
	if topic, _ := n.Topic("t"); !topic.Settings().Spread {
		t.Error("it is in the home shard now")
	}
	closeNode(t, n)
	cfg.Spread = 0 // a setting for new clusters only
	n = openNode(t, cfg)
	topic, _ := n.Topic("t")
	appendTo(t, n, topic.IDs[0], "v")
	expectValues(t, n, topic.IDs[0], "v")
}

// A transactor writes transactions over partitions of several shards.
type transactor struct {
	*simulation
	name  string
	parts []PartitionID
	began int
}

// at finds a node that serves a partition; nil for none.
func (s *simulation) at(id PartitionID) *Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.nodes {
		if n.Serves(id) {
			return n
		}
	}
	return nil
}

// transact writes one transaction, and says what it wrote and whether it was told that it is committed.
func (x *transactor) transact(ctx context.Context, r *rand.Rand) (value string, committed bool) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	lead := x.at(x.parts[0])
	if lead == nil {
		return "", false
	}
	by, err := lead.InitProducer(ctx, ProducerRequest{TransactionalID: x.name, Timeout: time.Minute,
		Known: nobody})
	if err != nil {
		return "", false
	}
	x.began++
	value = fmt.Sprint(x.name, "/", x.began)
	for _, id := range x.parts {
		n := x.at(id)
		if n == nil {
			return value, false
		}
		p, err := n.Produce(ctx, Produce{id, sent(by, 0, true, value), x.name, true})
		if err == nil {
			_, err = p.Wait(ctx)
		}
		if err != nil {
			return value, false
		}
	}
	commit := r.IntN(4) > 0
	_, err = lead.EndTxn(ctx, EndTxn{Txn: Txn{x.name, by}, Commit: commit})
	return value, commit && err == nil
}

// committed reads what is decided in partitions at one moment, at the leader.
func (s *simulation) committed(ctx context.Context, parts []PartitionID) (all [][]string, ok bool) {
	n := s.at(parts[0])
	if n == nil || n.Confirm(ctx) != nil {
		return nil, false
	}
	ends, err := n.Ends(ctx, parts, nil)
	if err != nil {
		return nil, false
	}
	for i, id := range parts {
		values, ok := s.decided(n, id, ends[i])
		if !ok {
			return nil, false
		}
		all = append(all, values)
	}
	return all, true
}

// decided reads the committed values of a partition before an offset.
func (s *simulation) decided(n *Node, id PartitionID, end int64) (all []string, ok bool) {
	for at := int64(0); at < end; {
		b, err := n.Read(id, at, 1<<20, nil)
		if err != nil || len(b) == 0 {
			return nil, false
		}
		aborted, err := n.Aborted(id, at, end)
		if err != nil {
			return nil, false
		}
		for len(b) > 0 && at < end {
			h, one, rest, err := log.NextBatch(b)
			if err != nil {
				return nil, false
			}
			if b, at = rest, h.LastOffset()+1; h.BaseOffset >= end || Skip(&h, aborted) {
				continue
			}
			var records log.Reader
			var rec log.Record
			if records.Reset(one) != nil {
				return nil, false
			}
			for records.Next(&rec) {
				all = append(all, string(rec.Value))
			}
		}
	}
	slices.Sort(all)
	return all, true
}

// TestSimulatedTransactions writes transactions over a home partition and three spread ones while nodes are ill-treated.
// Whoever reads sees each in all partitions or in none, and those that were acknowledged before.
func TestSimulatedTransactions(t *testing.T) {
	first, count := seeds()
	count = (count + 2) / 3 // they take longer than those of TestSimulation
	for seed := first; seed < first+count; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) { simulateTransactions(t, seed) })
		})
	}
}

func simulateTransactions(t *testing.T, seed uint64) {
	s := newSimulation(t, seed)
	var parts [3][]PartitionID // of each: a transaction that is open hides what comes behind it in the same partition
	for i := range parts {
		h, sp := fmt.Sprint("h", i), fmt.Sprint("s", i)
		s.update(Change{CreateTopics: []TopicConfig{{Name: h, Partitions: 1}, ofSpread(sp, 3)}})
		_, n := s.leader()
		home, _ := n.Topic(h)
		spread, _ := n.Topic(sp)
		parts[i] = slices.Concat(home.IDs, spread.IDs)
	}
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	var mu sync.Mutex
	var acked []string
	for i := range parts {
		r := rand.New(rand.NewPCG(seed, uint64(100+i)))
		x := &transactor{simulation: s, name: fmt.Sprint("x", i), parts: parts[i]}
		clients.Go(func() {
			for ctx.Err() == nil {
				if v, committed := x.transact(ctx, r); committed {
					mu.Lock()
					acked = append(acked, v)
					mu.Unlock()
				}
				<-time.After(time.Duration(r.IntN(20)) * time.Millisecond)
			}
		})
	}
	reads := 0
	look := func(ctx context.Context) bool {
		mu.Lock()
		before := slices.Clone(acked)
		mu.Unlock()
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		all, ok := s.committed(ctx, slices.Concat(parts[:]...))
		if !ok {
			return false
		}
		for i, values := range all {
			if first := all[i-i%4]; !slices.Equal(values, first) {
				t.Errorf("partition %d of transactions of x%d has %v, the first has %v", i%4, i/4, values, first)
			}
			for _, v := range before {
				_, has := slices.BinarySearch(values, v)
				if !has && strings.HasPrefix(v, fmt.Sprint("x", i/4, "/")) {
					t.Errorf("%s was acknowledged and is not there: %s", v, strings.Join(values, " "))
				}
			}
		}
		return true
	}
	clients.Go(func() {
		for ctx.Err() == nil {
			if look(ctx) {
				reads++
			}
			<-time.After(5 * time.Millisecond)
		}
	})
	r := rand.New(rand.NewPCG(seed, 3))
	var done []string
	for range 6 {
		done = append(done, s.harm(r))
	}
	stop()
	clients.Wait()
	s.within(20*time.Second, "a last read", func() bool { return look(t.Context()) })
	if t.Failed() {
		t.Log(done)
	}
	t.Logf("%d transactions were acknowledged, %d reads", len(acked), reads)
}

// TestNotHereYet asks where a spread partition ends that was not made here yet, as where nobody leads its shard or this
// node is behind: it is empty as far as this node knows. One that has no place is none.
func TestNotHereYet(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.Spread = 2
	n := openNode(t, cfg)
	update(t, n, Change{CreateTopics: []TopicConfig{ofSpread("t", 2), {Name: "home", Partitions: 1}}})
	topic, _ := n.Topic("t")
	home, _ := n.Topic("home")
	appendTo(t, n, topic.IDs[1], "v")
	shard, err := n.place(topic.IDs[0])
	want(t, err, nil)
	s := n.shards[shard]
	s.mu.Lock()
	p := s.partitions[topic.IDs[0]]
	delete(s.partitions, topic.IDs[0])
	s.mu.Unlock()
	ends, err := n.Ends(t.Context(), slices.Concat(topic.IDs, home.IDs), nil)
	if err != nil || !slices.Equal(ends, []int64{0, 1, 0}) {
		t.Error(ends, err)
	}
	start, next, err := n.Bounds(topic.IDs[0])
	stable, unstable := n.LastStable(topic.IDs[0])
	if start != 0 || next != 0 || stable != 0 || err != nil || unstable != nil {
		t.Error(start, next, stable, err, unstable)
	}
	_, err = n.Ends(t.Context(), []PartitionID{99}, nil)
	want(t, err, ErrNoPartition)
	s.mu.Lock()
	s.partitions[topic.IDs[0]] = p
	s.mu.Unlock()
}

// TestLearn asks nodes that do not lead for topics that have just been made.
func TestLearn(t *testing.T) {
	s := newSimCluster(t, 3, nil)
	s.three()
	_, leader := s.leader()
	for i := range 10 {
		name := fmt.Sprint("topic", i)
		create(t, leader, name, 1)
		for _, n := range s.nodes {
			if err := n.Learn(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, ok := n.Topic(name); !ok {
				t.Fatalf("node %d does not know %s", n.Self(), name)
			}
		}
	}
}

// TestLearnAfterSilence asks for topics while the leader is silent: the question is put to the next one soon.
func TestLearnAfterSilence(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSimCluster(t, 1, nil)
		s.three()
		i, old := s.leader()
		asks := s.nodes[1+i%3]
		s.within(time.Second, "a leader is known", func() bool { return asks.Leader() == old.Self() })
		s.net.mute(hostOf(i))
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := asks.Learn(ctx); err == nil {
			t.Error("a node that is silent has answered")
		}
		s.within(10*time.Second, "another leads", func() bool { return asks.Leader() != 0 && asks.Leader() != old.Self() })
		s.within(5*time.Second, "what there is is known", func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return asks.Learn(ctx) == nil
		})
	})
}
