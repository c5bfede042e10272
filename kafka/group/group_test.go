package group

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// grow lets more fellows join: those who are there must see the rebalance.
func grow(t *testing.T, old []*fellow, more ...*fellow) []*fellow {
	t.Helper()
	joined := make(chan int16, len(more))
	for _, f := range more {
		go func() { joined <- f.join(t.Context()) }()
	}
	synctest.Wait()
	for _, f := range old {
		want(t, "heartbeat while others join", f.heartbeat(), int16(code.RebalanceInProgress))
	}
	all(t, "join again", old, func(f *fellow) int16 { return f.join(t.Context()) })
	for range more {
		want(t, "join", <-joined, 0)
	}
	everybody := append(append([]*fellow{}, old...), more...)
	all(t, "sync", everybody, func(f *fellow) int16 { return f.sync(t.Context()) })
	return everybody
}

func TestLifecycle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		c := start(t, store)
		a := newFellow(t, c)
		settle(t, a)
		want(t, "heartbeat", a.heartbeat(), 0)
		if a.joined.Generation != 1 {
			t.Errorf("generation %d, want 1", a.joined.Generation)
		}
		b, d := newFellow(t, c), newFellow(t, c)
		members := grow(t, []*fellow{a}, b)
		grow(t, members, d)
		if a.joined.Generation != 3 {
			t.Errorf("generation %d, want 3", a.joined.Generation)
		}
		if g := c.Describe("g"); g.State != "Stable" || len(g.Members) != 3 || g.Protocol != "range" {
			t.Errorf("described as %+v", g)
		}
		want(t, "leave", b.leave(), 0)
		want(t, "leave again", b.leave(), int16(code.UnknownMemberID))
		want(t, "heartbeat after one has left", a.heartbeat(), int16(code.RebalanceInProgress))
		settle(t, a, d)
		want(t, "leave", a.leave(), 0)
		want(t, "leave", d.leave(), 0)
		if s := store.groups["g"]; !s.Empty || s.Generation != 5 {
			t.Errorf("stored as %+v, want generation 5 without members", s)
		}
		if len(c.groups) != 0 {
			t.Error("the group without members is in memory")
		}
		if l := c.List(nil, nil); len(l) != 1 || l[0].GroupState != "Empty" {
			t.Errorf("listed as %+v", l)
		}
		settle(t, newFellow(t, c))
		if s := store.groups["g"]; s.Generation != 6 {
			t.Errorf("generation %d, want 6: it must not go back", s.Generation)
		}
	})
}

// TestSession loses a member that says nothing, and keeps one that does.
func TestSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &memory{})
		a, b := newFellow(t, c), newFellow(t, c)
		settle(t, a)
		grow(t, []*fellow{a}, b)
		for range 5 {
			time.Sleep(session / 2)
			a.heartbeat()
		}
		want(t, "heartbeat of the lost", b.heartbeat(), int16(code.UnknownMemberID))
		want(t, "heartbeat of the other", a.heartbeat(), int16(code.RebalanceInProgress))
		settle(t, a)
	})
}

// TestRebalanceTimeout goes on without a member that sends heartbeats and does not join again.
func TestRebalanceTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &memory{})
		a, b := newFellow(t, c), newFellow(t, c)
		settle(t, a)
		joined := make(chan int16, 1)
		began := time.Now()
		go func() { joined <- b.join(t.Context()) }()
		for len(joined) == 0 {
			time.Sleep(session / 4)
			a.heartbeat()
		}
		want(t, "join", <-joined, 0)
		if took := time.Since(began); took < rebalance || took > rebalance+session {
			t.Errorf("it took %v, want %v", took, rebalance)
		}
		want(t, "heartbeat of the slow one", a.heartbeat(), int16(code.UnknownMemberID))
		want(t, "sync", b.sync(t.Context()), 0)
	})
}

// TestSyncTimeout goes on when the leader never says who does what.
func TestSyncTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &memory{})
		a, b := newFellow(t, c), newFellow(t, c)
		settle(t, a)
		joined := make(chan int16, 1)
		go func() { joined <- b.join(t.Context()) }()
		synctest.Wait()
		want(t, "join", a.join(t.Context()), 0)
		want(t, "join", <-joined, 0)
		leader, other := a, b
		if a.joined.LeaderID != a.id {
			leader, other = b, a
		}
		done := make(chan int16, 1)
		go func() { done <- other.sync(t.Context()) }()
		for len(done) == 0 {
			time.Sleep(session / 2)
			leader.heartbeat()
		}
		want(t, "sync without the leader", <-done, int16(code.RebalanceInProgress))
		want(t, "heartbeat of the leader", leader.heartbeat(), int16(code.UnknownMemberID))
		settle(t, other)
	})
}

// TestStatic restarts a static member: the group goes on without a rebalance, and the old process is fenced.
func TestStatic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &memory{})
		a, b := newFellow(t, c), newFellow(t, c)
		a.instance, b.instance = kmsg.StringPtr("one"), kmsg.StringPtr("two")
		settle(t, a)
		grow(t, []*fellow{a}, b)
		for _, old := range []*fellow{a, b} {
			again := newFellow(t, c)
			again.instance = old.instance
			want(t, "join of the restarted", again.join(t.Context()), 0)
			if again.joined.Generation != old.joined.Generation {
				t.Errorf("generation %d, want %d", again.joined.Generation, old.joined.Generation)
			}
			if lead := again.joined.LeaderID == again.id; lead != again.joined.SkipAssignment {
				t.Errorf("leader %v, skips the assignment %v", lead, again.joined.SkipAssignment)
			}
			want(t, "sync of the restarted", again.sync(t.Context()), 0)
			if again.part != old.part {
				t.Errorf("the part is %q, want the old %q", again.part, old.part)
			}
			want(t, "heartbeat of the fenced", old.heartbeat(), int16(code.FencedInstanceID))
			want(t, "heartbeat of the restarted", again.heartbeat(), 0)
		}
	})
}

// TestRestart starts another coordinator over what the first has stored.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		c := start(t, store)
		a, b := newFellow(t, c), newFellow(t, c)
		settle(t, a)
		grow(t, []*fellow{a}, b)
		c.Close()
		want(t, "heartbeat of a closed coordinator", a.heartbeat(), int16(code.CoordinatorNotAvailable))
		time.Sleep(time.Hour)
		c = start(t, store)
		a.c, b.c = c, c
		want(t, "heartbeat after the restart", a.heartbeat(), 0)
		want(t, "sync after the restart", b.sync(t.Context()), 0)
		time.Sleep(session - time.Second)
		a.heartbeat()
		time.Sleep(2 * time.Second)
		want(t, "heartbeat of the silent", b.heartbeat(), int16(code.UnknownMemberID))
		settle(t, a)
		if a.joined.Generation != 3 {
			t.Errorf("generation %d, want 3", a.joined.Generation)
		}
	})
}

// TestOldClient joins without being told its ID first, and leaves nothing behind when it hangs up.
func TestOldClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &memory{})
		a := newFellow(t, c)
		a.version = 2
		settle(t, a)
		b := newFellow(t, c)
		b.version = 2
		ctx, hangUp := context.WithCancel(t.Context())
		done := make(chan int16, 1)
		go func() { done <- b.join(ctx) }()
		synctest.Wait()
		hangUp()
		want(t, "join of who hung up", <-done, int16(code.UnknownMemberID))
		settle(t, a)
	})
}

func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		c := start(t, store)
		a := newFellow(t, c, "range", "sticky")
		settle(t, a)
		join := func(change func(*kmsg.JoinGroupRequest)) int16 {
			req := newFellow(t, c, "range").joinRequest()
			change(req)
			return c.Join(t.Context(), Client{}, req).ErrorCode
		}
		want(t, "no group", join(func(r *kmsg.JoinGroupRequest) { r.Group = "" }), int16(code.InvalidGroupID))
		want(t, "short session", join(func(r *kmsg.JoinGroupRequest) { r.SessionTimeoutMillis = 1 }),
			int16(code.InvalidSessionTimeout))
		want(t, "unknown member", join(func(r *kmsg.JoinGroupRequest) { r.MemberID = "x" }), int16(code.UnknownMemberID))
		want(t, "other type", join(func(r *kmsg.JoinGroupRequest) { r.ProtocolType = "connect" }),
			int16(code.InconsistentGroupProtocol))
		want(t, "other protocol", join(func(r *kmsg.JoinGroupRequest) { r.Protocols[0].Name = "x" }),
			int16(code.InconsistentGroupProtocol))
		want(t, "no protocol", join(func(r *kmsg.JoinGroupRequest) { r.Protocols = nil }),
			int16(code.InconsistentGroupProtocol))
		want(t, "heartbeat after all that", a.heartbeat(), 0)

		commit := func(generation int32, id string, txn bool) int16 {
			return int16(c.MayCommit("g", generation, id, nil, txn))
		}
		want(t, "commit of the member", commit(1, a.id, false), 0)
		want(t, "commit of an old generation", commit(0, a.id, false), int16(code.IllegalGeneration))
		want(t, "commit of a stranger", commit(1, "x", false), int16(code.UnknownMemberID))
		want(t, "commit of nobody", commit(-1, "", false), int16(code.UnknownMemberID))
		want(t, "commit of nobody in a transaction", commit(-1, "", true), 0)
		want(t, "deletion with members", int16(c.Delete(t.Context(), "g")), int16(code.NonEmptyGroup))
		want(t, "commit to no group with a generation", int16(c.MayCommit("h", 1, "x", nil, false)),
			int16(code.IllegalGeneration))
		want(t, "commit to no group", int16(c.MayCommit("h", -1, "", nil, false)), 0)
		want(t, "deletion of no group", int16(c.Delete(t.Context(), "h")), int16(code.GroupIDNotFound))

		a.leave()
		want(t, "commit without members", commit(-1, "", false), 0)
		want(t, "deletion", int16(c.Delete(t.Context(), "g")), 0)
		if g := c.Describe("g"); g.State != "Dead" {
			t.Errorf("the state after the deletion is %s", g.State)
		}
	})
}

// TestStoreFails gives no assignment that could not be stored.
func TestStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		c := start(t, store)
		a := newFellow(t, c)
		want(t, "join", a.join(t.Context()), 0)
		store.fail = errors.New("no room")
		want(t, "sync", a.sync(t.Context()), int16(code.CoordinatorNotAvailable))
		store.fail = nil
		settle(t, a)
	})
}

// TestPending lets a rebalance wait for a member that has been told its ID, and no longer than its session.
func TestPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &memory{})
		b := newFellow(t, c)
		resp := c.Join(t.Context(), Client{}, b.joinRequest())
		want(t, "first join", resp.ErrorCode, int16(code.MemberIDRequired))
		a := newFellow(t, c)
		began := time.Now()
		settle(t, a)
		if took := time.Since(began); took != session {
			t.Errorf("it took %v, want %v", took, session)
		}
		b.id = resp.MemberID
		want(t, "late join", b.join(t.Context()), int16(code.UnknownMemberID))
	})
}

// TestElection chooses what all know and most want.
func TestElection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &memory{})
		a := newFellow(t, c, "range", "sticky", "mine")
		settle(t, a)
		b, d := newFellow(t, c, "sticky", "range"), newFellow(t, c, "sticky", "range", "other")
		grow(t, grow(t, []*fellow{a}, b), d)
		if got := *a.joined.Protocol; got != "sticky" {
			t.Errorf("the protocol is %s, want sticky", got)
		}
	})
}
