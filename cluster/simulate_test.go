package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leatdb/leat/internal/linear"
	"github.com/leatdb/leat/log"
)

// seeds are which histories TestSimulation makes: eight, the one that LEAT_SEED names, or as many as LEAT_SEEDS says, from
// that one on.
func seeds() (first, count uint64) {
	first, count = 1, 8
	if n, err := strconv.ParseUint(os.Getenv("LEAT_SEED"), 10, 64); err == nil {
		first, count = n, 1
	}
	if n, err := strconv.ParseUint(os.Getenv("LEAT_SEEDS"), 10, 32); err == nil {
		count = n
	}
	return first, count
}

// A simulation is clients of a cluster that is ill-treated.
type simulation struct {
	*simCluster
	part  PartitionID
	began time.Time
	last  atomic.Int64 // what now has said

	mu      sync.Mutex // guards what follows, and simCluster.nodes
	history linear.History
	next    int
	clocks  map[string]time.Duration // how wrong those of hosts are
}

// clock is a host's, which may be wrong.
func (s *simulation) clock(host string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.clocks[host])
}

// now is a clock that never stands still, though the bubble's does.
func (s *simulation) now() int64 {
	for {
		last := s.last.Load()
		now := max(int64(time.Since(s.began)), last+1)
		if s.last.CompareAndSwap(last, now) {
			return now
		}
	}
}

// some returns a node that runs; nil when it does not.
func (s *simulation) some(r *rand.Rand) *Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nodes[1+r.IntN(3)]
}

// append appends the next value through a node, as a client does that does not try again.
func (s *simulation) append(ctx context.Context, n *Node) {
	s.mu.Lock()
	s.next++
	a := linear.Append{Value: s.next, Begin: s.now()}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, err := n.Append(ctx, Append{s.part, batch(strconv.Itoa(a.Value))})
	a.End = s.now()
	switch {
	case err == nil:
		a.Outcome = linear.Acknowledged
	case errors.Is(err, ErrNotLeader) && !errors.Is(err, ErrUnknownOutcome):
		a.Outcome = linear.Refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history.Appends = append(s.history.Appends, a)
}

// read reads the log through a node. A node that does not ask whether it still leads is the bug that is to be found.
func (s *simulation) read(ctx context.Context, n *Node, confirm bool) bool {
	r := linear.Read{Begin: s.now()}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if confirm && n.Confirm(ctx) != nil {
		return false
	}
	at, next, err := n.Bounds(s.part)
	var buf []byte
	for err == nil && at < next {
		if buf, err = n.Read(s.part, at, 1<<20, buf[:0]); err != nil {
			return false
		}
		for b := buf; len(b) > 0 && at < next; {
			h, one, rest, err := log.NextBatch(b)
			var records log.Reader
			if err == nil {
				err = records.Reset(one)
			}
			var rec log.Record
			for err == nil && records.Next(&rec) {
				v, _ := strconv.Atoi(string(rec.Value))
				r.Values = append(r.Values, v)
			}
			if err != nil {
				return false
			}
			b, at = rest, h.LastOffset()+1
		}
	}
	if err != nil {
		return false
	}
	r.End = s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history.Reads = append(s.history.Reads, r)
	return true
}

// harm does something to the network or to a node, and after a while undoes it.
func (s *simulation) harm(r *rand.Rand) string {
	i := 1 + r.IntN(3)
	for leader, n := range s.nodes { // the leader more often than others
		if n.Leads() && r.IntN(2) == 0 {
			i = leader
		}
	}
	a := time.Duration(50+r.IntN(900)) * time.Millisecond
	what := r.IntN(8)
	switch what {
	case 0:
		s.net.isolate(hostOf(i), true)
	case 1:
		s.net.deafen(hostOf(i), true)
	case 2:
		s.net.breakAll(hostOf(i))
	case 3:
		s.net.mu.Lock()
		s.net.slow = 30 * time.Millisecond
		s.net.mu.Unlock()
	case 4:
		if n := s.nodes[i]; n != nil {
			if err := n.Snapshot(); err != nil && !errors.Is(err, ErrClosed) {
				s.t.Log(err)
			}
		}
	case 5:
		s.mu.Lock()
		n := s.nodes[i]
		delete(s.nodes, i)
		s.mu.Unlock()
		if err := n.Close(); err != nil {
			s.t.Error(err)
		}
		<-time.After(a / 4)
		n = s.open(i)
		s.mu.Lock()
		s.nodes[i] = n
		s.mu.Unlock()
	case 6:
		s.net.mute(hostOf(i))
	case 7:
		s.mu.Lock()
		s.clocks[hostOf(i)] = time.Duration(r.IntN(48)-24) * time.Hour
		s.mu.Unlock()
	}
	<-time.After(a)
	s.net.mend()
	return fmt.Sprintf("%d of node %d for %v", what, i, a)
}

// TestSimulation writes and reads while links are cut and slowed down, connections broken and nodes stopped: what
// clients see is linearizable, and the replicas are the same in the end.
func TestSimulation(t *testing.T) {
	first, count := seeds()
	for seed := first; seed < first+count; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) { simulate(t, seed) })
		})
	}
}

// bubble runs a test in a bubble. Pools of yamux keep timers of it, for as long as two collections.
func bubble(t *testing.T, test func(t *testing.T)) {
	defer func() {
		runtime.GC()
		runtime.GC()
	}()
	synctest.Test(t, test)
}

// newSimulation makes three nodes with spread shards.
func newSimulation(t *testing.T, seed uint64) *simulation {
	s := &simulation{began: time.Now(), clocks: map[string]time.Duration{}}
	s.simCluster = newSimCluster(t, seed, func(c *Config) {
		host := c.Peers.Addr
		c.Now = func() time.Time { return s.clock(host) }
		c.Spread, c.Peers.Self.Spread = 3, true
	})
	s.three()
	return s
}

// simulate makes one history: of a home partition where the seed is even, of a spread one where it is odd.
func simulate(t *testing.T, seed uint64) {
	s := newSimulation(t, seed)
	of := TopicConfig{Name: "t", Partitions: 1}
	if seed%2 == 1 {
		of.Config = map[string]string{PlacementSetting: placedSpread}
	}
	s.update(Change{CreateTopics: []TopicConfig{of}})
	_, n := s.leader()
	topic, _ := n.Topic("t")
	s.part = topic.IDs[0]
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for i := range 5 {
		r := rand.New(rand.NewPCG(seed, uint64(100+i)))
		clients.Go(func() {
			for ctx.Err() == nil {
				switch n := s.some(r); {
				case n == nil:
				case i < 3:
					s.append(ctx, n)
				default:
					s.read(ctx, n, true)
				}
				<-time.After(time.Duration(r.IntN(12)) * time.Millisecond)
			}
		})
	}
	r := rand.New(rand.NewPCG(seed, 2))
	var done []string
	for range 6 {
		done = append(done, s.harm(r))
	}
	stop()
	clients.Wait()
	s.within(20*time.Second, "a last read", func() bool {
		_, n := s.leader()
		return s.read(t.Context(), n, true)
	})
	if wrong := s.history.Check(); len(wrong) > 0 {
		t.Fatalf("after %v: %v", done, wrong)
	}
	acked := 0
	for _, a := range s.history.Appends {
		if a.Outcome == linear.Acknowledged {
			acked++
		}
	}
	last := s.history.Reads[len(s.history.Reads)-1].Values
	for i := range s.nodes {
		s.within(20*time.Second, fmt.Sprintf("node %d has what the others have", i), func() bool {
			_, next, err := s.nodes[i].Bounds(s.part)
			return err == nil && int(next) >= len(last)
		})
	}
	t.Logf("%d appends of which %d were acknowledged, %d reads, after %v", len(s.history.Appends), acked,
		len(s.history.Reads), done)
}

// TestConfirmWhileClosing asks a leader whether it leads until it is closed: everybody gets an answer.
func TestConfirmWhileClosing(t *testing.T) {
	for seed := range uint64(20) {
		bubble(t, func(t *testing.T) {
			s := newSimCluster(t, seed, nil)
			s.three()
			id, n := s.leader()
			var clients sync.WaitGroup
			for range 16 {
				clients.Go(func() {
					for range 100 { // few enough: while they go on, no time passes
						err := n.Confirm(t.Context())
						if err != nil && !errors.Is(err, ErrNotLeader) && !errors.Is(err, ErrClosed) {
							t.Error(err)
						}
					}
				})
			}
			s.stop(id)
			clients.Wait()
		})
	}
}

// TestSimulationFindsABug makes mistakes that a node could make, while its leader is cut off: the checker finds them.
func TestSimulationFindsABug(t *testing.T) {
	for name, bug := range map[string]func(s *simulation, old, next *Node){
		"a read that does not ask whether the node leads still": func(s *simulation, old, next *Node) {
			s.read(s.t.Context(), old, false)
		},
		"an answer before the others have the record": func(s *simulation, old, next *Node) {
			s.mu.Lock()
			s.next++
			a := linear.Append{Value: s.next, Begin: s.now(), Outcome: linear.Acknowledged}
			s.mu.Unlock()
			if _, err := old.AppendAsync(s.t.Context(), Append{s.part, batch(strconv.Itoa(a.Value))}); err != nil {
				s.t.Log(err) // it has noticed that it leads no longer
			}
			a.End = s.now()
			s.history.Appends = append(s.history.Appends, a)
			s.later(next)
		},
		"a record that is stored twice": func(s *simulation, old, next *Node) {
			s.again(next)
			s.later(next)
		},
		"a record that a reader is not given": func(s *simulation, old, next *Node) {
			s.later(next)
			r := &s.history.Reads[len(s.history.Reads)-1]
			r.Values = r.Values[1:]
		},
		"an answer that nothing has happened, when it has": func(s *simulation, old, next *Node) {
			s.history.Appends[len(s.history.Appends)-1].Outcome = linear.Refused
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { findsBug(t, bug) })
		})
	}
}

// later reads when all that has been done has ended.
func (s *simulation) later(n *Node) {
	<-time.After(time.Second)
	if !s.read(s.t.Context(), n, true) {
		s.t.Error("the new leader does not serve")
	}
}

// again appends the last value once more.
func (s *simulation) again(n *Node) {
	if _, err := n.Append(s.t.Context(), Append{s.part, batch(strconv.Itoa(s.next))}); err != nil {
		s.t.Error(err)
	}
}

func findsBug(t *testing.T, bug func(s *simulation, old, next *Node)) {
	s := &simulation{simCluster: newSimCluster(t, 7, nil), began: time.Now()}
	s.three()
	s.update(Change{CreateTopics: []TopicConfig{{Name: "t", Partitions: 1}}})
	old, n := s.leader()
	topic, _ := n.Topic("t")
	s.part = topic.IDs[0]
	s.append(t.Context(), n)
	s.net.isolate(hostOf(old), true)
	var next int
	s.within(20*time.Second, "another leads", func() bool {
		next, _ = s.leader()
		return next != old
	})
	s.within(20*time.Second, "it writes", func() bool {
		s.append(t.Context(), s.nodes[next])
		return s.history.Appends[len(s.history.Appends)-1].Outcome == linear.Acknowledged
	})
	if s.read(t.Context(), n, true) {
		t.Error("a leader of the past has confirmed a read")
	}
	if !s.read(t.Context(), s.nodes[next], true) || len(s.history.Check()) > 0 {
		t.Fatal("the new leader does not serve", s.history.Check())
	}
	bug(s, n, s.nodes[next])
	if wrong := s.history.Check(); len(wrong) == 0 {
		t.Error("it was not found")
	} else {
		t.Log(wrong)
	}
}
