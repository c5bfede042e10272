//go:build clients && linux

package chaos

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// spreadSet are topics whose partitions have leaders of their own, on several nodes. Every transaction is in one of home
// and in several shards besides.
var spreadSet = topicSet{
	plain: topicOf{name: "wide", parts: 6, spread: true},
	txn:   []topicOf{{name: "near", parts: 1}, {name: "far", parts: 2, spread: true}, {name: "farther", parts: 1, spread: true}},
	group: "wide-readers", mover: "wide-mover", clients: 3000, pause: 25,
}

// createSpread makes a topic whose partitions have leaders of their own.
func (s *session) createSpread(name string, parts int32) {
	s.t.Helper()
	cl := s.client()
	defer cl.Close()
	placement := "spread"
	var err error
	for end := time.Now().Add(3 * time.Minute); s.life.Err() == nil && time.Now().Before(end); s.pause(s.life, 100*time.Millisecond) {
		short, cancel := context.WithTimeout(s.life, opTimeout)
		_, err = kadm.NewClient(cl).CreateTopic(short, parts, -1, map[string]*string{"leat.placement": &placement}, name)
		cancel()
		if err == nil || errors.Is(err, kerr.TopicAlreadyExists) {
			return
		}
	}
	s.t.Fatalf("topic %s: %v", name, err)
}

// settles is how long leaders may take to be balanced again, on a machine that is busy.
const settles = 30 * time.Second

// balanced waits until each node leads as many partitions as the others.
func (r *run) balanced() {
	cl := r.client()
	defer cl.Close()
	began := time.Now()
	var leads map[int32]int
	for time.Since(began) < settles {
		short, cancel := context.WithTimeout(r.life, opTimeout)
		all, err := kadm.NewClient(cl).ListTopics(short, spreadSet.plain.name)
		cancel()
		leads = map[int32]int{}
		all.EachPartition(func(p kadm.PartitionDetail) { leads[p.Leader]++ })
		even := func(n int32) bool { return n >= 0 && leads[n] == int(spreadSet.plain.parts)/3 }
		if err == nil && len(leads) == 3 && !slices.ContainsFunc(sortedNumbers(leads), func(n int32) bool { return !even(n) }) {
			r.say("leaders are balanced after %v", time.Since(began).Round(time.Millisecond))
			return
		}
		<-time.After(50 * time.Millisecond)
	}
	r.t.Errorf("%v after all is well leaders are not balanced: so many partitions has each %v: %+v", settles, leads, r.status())
}

func sortedNumbers(m map[int32]int) (keys []int32) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// estrange cuts the links between the node that leads the cluster and one that leads a shard besides: a third node
// reaches both, so they may go on leading.
func (n *nemesis) estrange(p draw) {
	leader, others := n.leaders()
	if leader == nil || len(others) == 0 {
		return
	}
	other := others[p.which%len(others)]
	n.net.Set(leader.number, other.number, Link{Cut: true})
	n.net.Set(other.number, leader.number, Link{Cut: true})
	n.wait(p.last)
}
