package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestJoin makes three nodes of one, whose records were there before: the newcomers get them, with the files of its
// snapshots, and have everything when the first node is gone.
func TestJoin(t *testing.T) {
	s := newSimCluster(t, 1, nil)
	n := s.start(1)
	s.leader()
	p := create(t, n, "t", 1)[0]
	var want []string
	write := func(n *Node, count int) {
		t.Helper()
		for range count {
			v := fmt.Sprint("value ", len(want))
			if _, err := n.Append(t.Context(), Append{p, batch(v)}); err != nil {
				t.Fatal(err)
			}
			want = append(want, v)
		}
	}
	write(n, 500)
	if err := n.Snapshot(); err != nil { // what it covers is in files only
		t.Fatal(err)
	}
	write(n, 20)
	s.start(2)
	s.start(3)
	s.voters(3)
	write(n, 20)
	s.stop(1)
	_, n = s.leader()
	if got := values(t, n, p); !slices.Equal(got, want) {
		t.Fatalf("%d of %d values are there", len(got), len(want))
	}
	write(n, 5)
	s.start(1)
	s.within(10*time.Second, "the first node is back", func() bool {
		_, next, err := s.nodes[1].Bounds(p)
		return err == nil && int(next) == len(want)
	})
	if got := values(t, s.nodes[1], p); !slices.Equal(got, want) {
		t.Fatalf("%d of %d values are there", len(got), len(want))
	}
}

// TestReplace drains a node, removes it and takes in another: three vote all the time but for a moment.
func TestReplace(t *testing.T) {
	s := newSimCluster(t, 2, nil)
	s.three()
	s.start(4) // it follows
	s.voters(3)
	leader, n := s.leader()
	id := n.Self()
	if err := n.drain(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	s.within(10*time.Second, "another leads", func() bool { i, _ := s.leader(); return i != leader })
	s.voters(3)
	_, n = s.leader()
	if err := n.remove(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	s.within(10*time.Second, "it is gone", func() bool {
		st, err := n.Status(t.Context())
		if err != nil || len(st.Nodes) != 3 {
			return false
		}
		for _, g := range st.Groups {
			for _, r := range g.Replicas {
				if r.Node == id {
					return false
				}
			}
		}
		return true
	})
	if err := n.remove(t.Context(), id); err == nil {
		t.Error("it was removed twice")
	}
}

// TestLostNode replaces a node that is lost for good.
func TestLostNode(t *testing.T) {
	s := newSimCluster(t, 10, nil)
	s.three()
	leader, n := s.leader()
	lost := 1 + leader%3
	id := s.nodes[lost].Self()
	s.stop(lost)
	s.start(4)
	s.voters(3) // the lost one among them
	if err := n.remove(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	newcomer := s.nodes[4].Self()
	s.within(20*time.Second, "the newcomer has its vote", func() bool {
		st, err := n.Status(t.Context())
		if err != nil || len(st.Nodes) != 3 {
			return false
		}
		for _, g := range st.Groups {
			if len(g.Replicas) != 3 || !slices.ContainsFunc(g.Replicas, func(r ReplicaState) bool {
				return r.Node == newcomer && r.Voter
			}) {
				return false
			}
		}
		return true
	})
}

// TestTwo: of two nodes one votes. Two voters would stop when either did.
func TestTwo(t *testing.T) {
	s := newSimCluster(t, 3, nil)
	s.start(1)
	s.start(2)
	_, n := s.leader()
	s.within(10*time.Second, "the second follows", func() bool {
		st, err := n.Status(t.Context())
		return err == nil && len(st.Groups[1].Replicas) == 2 && st.Groups[1].Replicas[1].Applied > 0
	})
	s.voters(1)
	s.stop(2)
	create(t, n, "t", 1)
	if _, err := n.Append(t.Context(), Append{1, batch("v")}); err != nil {
		t.Fatal(err)
	}
}

// TestDeposed: a leader that is cut off serves nobody: its writes are not acknowledged, and its reads not confirmed once
// another one leads.
func TestDeposed(t *testing.T) {
	s := newSimCluster(t, 4, nil)
	s.three()
	s.update(Change{CreateTopics: []TopicConfig{{Name: "t", Partitions: 1}}})
	old, n := s.leader()
	topic, _ := n.Topic("t")
	p := topic.IDs[0]
	over, err := n.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.net.isolate(hostOf(old), true)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := n.Append(ctx, Append{p, batch("lost")}); err == nil {
		t.Fatal("a write was acknowledged by a minority")
	} else if !errors.Is(err, ErrUnknownOutcome) && !errors.Is(err, ErrNotLeader) {
		t.Fatal(err)
	}
	<-over
	if err := n.Confirm(ctx); !errors.Is(err, ErrNotLeader) {
		t.Fatal(err)
	}
	next, m := s.leader()
	if next == old {
		t.Fatal("it still leads")
	}
	if _, err := m.Append(ctx, Append{p, batch("kept")}); err != nil {
		t.Fatal(err)
	}
	s.net.mend()
	s.within(10*time.Second, "it has what the others have", func() bool {
		_, at, err := n.Bounds(p)
		return err == nil && at == 1
	})
	if got := values(t, n, p); !slices.Equal(got, []string{"kept"}) {
		t.Fatal(got)
	}
}

// TestAlone: a directory of several nodes does not start alone, and one that has a cluster joins no other.
func TestAlone(t *testing.T) {
	s := newSimCluster(t, 5, nil)
	s.three()
	for i := 1; i <= 3; i++ {
		s.stop(i)
	}
	for i := 1; i <= 3; i++ {
		if n, err := Open(t.Context(), testConfig(s.dirs[i])); err == nil {
			n.Close()
			t.Errorf("node %d started alone", i)
		} else if !errors.Is(err, ErrMember) {
			t.Error(err)
		}
	}
	own := t.TempDir()
	n, err := Open(t.Context(), testConfig(own))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	c := testConfig(own)
	c.Peers = Peers{Addr: hostOf(9), Join: []string{hostOf(2)}, Network: s.net.host(hostOf(9)), Self: Member{Addr: hostOf(9)}}
	if _, err := Open(t.Context(), c); !errors.Is(err, ErrMember) {
		t.Error(err)
	}
}

// TestRecover makes a cluster of its own of one of three nodes, which has everything; the others do not know it.
func TestRecover(t *testing.T) {
	s := newSimCluster(t, 9, nil)
	s.three()
	s.update(Change{CreateTopics: []TopicConfig{{Name: "t", Partitions: 1}}, Put: map[string][]byte{"d": []byte("x")}})
	_, n := s.leader()
	topic, _ := n.Topic("t")
	p := topic.IDs[0]
	fill(t, n, p)
	want := values(t, n, p)
	s.within(10*time.Second, "a follower has everything", func() bool {
		got := 0
		for _, m := range s.nodes {
			if _, next, err := m.Bounds(p); err == nil && int(next) == len(want) {
				got++
			}
		}
		return got == 3
	})
	for i := 1; i <= 3; i++ {
		s.stop(i)
	}
	if err := Recover(testConfig(s.dirs[2])); err != nil {
		t.Fatal(err)
	}
	n, err := Open(t.Context(), testConfig(s.dirs[2]))
	if err != nil {
		t.Fatal(err)
	}
	if got := values(t, n, p); !slices.Equal(got, want) {
		t.Errorf("%d of %d values are there", len(got), len(want))
	}
	if _, docs := n.Documents(); string(docs["d"]) != "x" || len(n.Members()) != 0 {
		t.Error(docs, n.Members())
	}
	if _, err := n.Append(t.Context(), Append{p, batch("more")}); err != nil {
		t.Error(err)
	}
	closeNode(t, n)
	n = s.start(2) // as the first of a new cluster
	s.within(10*time.Second, "it leads, alone", func() bool { return n.Leads() && len(n.Members()) == 1 })
}

// TestFailover stops leaders, and says how long it takes until another one writes.
func TestFailover(t *testing.T) {
	s := newSimCluster(t, 6, nil)
	s.three()
	s.update(Change{CreateTopics: []TopicConfig{{Name: "t", Partitions: 1}}})
	for range 3 {
		i, n := s.leader()
		topic, _ := n.Topic("t")
		s.net.breakAll(hostOf(i))
		began := time.Now()
		s.stop(i)
		_, n = s.leader()
		if _, err := n.Append(t.Context(), Append{topic.IDs[0], batch("v")}); err != nil && !errors.Is(err, ErrNotLeader) {
			t.Fatal(err)
		}
		t.Logf("node %d leads after %v", n.Self(), time.Since(began))
		s.start(i)
		s.voters(3)
	}
}

// TestJoinWhileLeaderGoes asks a node for membership whose leader has just gone: it is told to ask again, as long as it
// is not taken in.
func TestJoinWhileLeaderGoes(t *testing.T) {
	s := newSimCluster(t, 12, nil)
	s.three()
	leader, _ := s.leader()
	s.stop(leader)
	for i, n := range s.nodes {
		var a adminAnswer
		m := Member{Addr: fmt.Sprint("host", 10+i), Token: fmt.Sprint("token", i), Levels: OwnLevels()}
		err := n.answer(t.Context(), 0, &adminRequest{Op: "join", Member: &m}, &a)
		if err != nil && !a.Retry && !passes(err) {
			t.Errorf("node %d: %v", i, err)
		}
	}
}

// TestResignInTurn has every node that leads resign, as one does that cannot serve: in the end each has led.
func TestResignInTurn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSimCluster(t, 4, nil)
		s.three()
		led := map[uint64]bool{}
		for range 6 {
			_, n := s.leader()
			led[n.Self()] = true
			if err := n.Resign(); err != nil {
				t.Log(err)
			}
			s.within(10*time.Second, "it leads no longer", func() bool { return !n.Leads() })
		}
		if len(led) != 3 {
			t.Errorf("of three nodes %v have led", led)
		}
	})
}

// TestRemovedLeaderLeads has the leader lose its reign when it has been removed, and win the next election: it leads
// until another node can, instead of keeping all others from leading.
func TestRemovedLeaderLeads(t *testing.T) {
	s := newSimCluster(t, 1, nil)
	s.three()
	_, n := s.leader()
	update(t, n, Change{Delete: []string{memberKey(n.Self())}})
	n.endReign(n.reign.Load())
	s.within(20*time.Second, "another leader, and two that are left", func() bool {
		_, next := s.leader()
		return next != n && len(next.groups[0].servers()) == 2
	})
}

// TestLastVoterStays refuses to remove the last node that may vote: those that are left would never be given its vote.
func TestLastVoterStays(t *testing.T) {
	s := newSimCluster(t, 1, nil)
	n := s.start(1)
	_, err := n.Lead(t.Context())
	want(t, err, nil)
	update(t, n, Change{Put: map[string][]byte{memberKey(2): []byte(`{"id": 2, "addr": "host2", "draining": true}`)}})
	if err := n.remove(t.Context(), 1); err == nil {
		t.Error("the last node that may vote was removed")
	}
	want(t, n.remove(t.Context(), 2), nil)
}
