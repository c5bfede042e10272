package group

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// memory is a Store that outlives coordinators.
type memory struct {
	mu     sync.Mutex
	groups map[string]Stored
	fail   error // of Put
	names  []Topic
}

func (m *memory) topics() []Topic {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.names
}

func (m *memory) Put(_ context.Context, s Stored) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	if m.groups == nil {
		m.groups = map[string]Stored{}
	}
	m.groups[s.Name] = s
	return nil
}

func (m *memory) Delete(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.groups, name)
	return nil
}

func (m *memory) Find(name string) (Stored, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.groups[name]
	return s, ok
}

func (m *memory) All() []Stored {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Stored
	for _, s := range m.groups {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Stored) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// start starts a coordinator in a bubble of time.
func start(t *testing.T, store *memory) *Coordinator {
	t.Helper()
	c, err := New(Config{Store: store, Topics: store.topics})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

const (
	session   = 10 * time.Second
	rebalance = 60 * time.Second
)

// A fellow is a member as a client is one.
type fellow struct {
	t        *testing.T
	c        *Coordinator
	id       string
	instance *string
	version  int16 // of JoinGroup
	protos   []string
	joined   *kmsg.JoinGroupResponse
	part     string
}

func newFellow(t *testing.T, c *Coordinator, protos ...string) *fellow {
	if len(protos) == 0 {
		protos = []string{"range"}
	}
	return &fellow{t: t, c: c, version: 9, protos: protos}
}

func (f *fellow) joinRequest() *kmsg.JoinGroupRequest {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version, req.Group, req.MemberID, req.InstanceID, req.ProtocolType = f.version, "g", f.id, f.instance, "consumer"
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = int32(session/1e6), int32(rebalance/1e6)
	for _, name := range f.protos {
		p := kmsg.NewJoinGroupRequestProtocol()
		p.Name, p.Metadata = name, []byte(name)
		req.Protocols = append(req.Protocols, p)
	}
	return req
}

// join joins, with the ID that it is told at the first try, and returns the code.
func (f *fellow) join(ctx context.Context) int16 {
	resp := f.c.Join(ctx, Client{ID: "test", Host: "/here"}, f.joinRequest())
	if resp.ErrorCode == 79 {
		f.id = resp.MemberID
		resp = f.c.Join(ctx, Client{ID: "test", Host: "/here"}, f.joinRequest())
	}
	if resp.ErrorCode == 0 {
		f.id, f.joined = resp.MemberID, resp
	}
	return resp.ErrorCode
}

// sync asks for the part. A leader gives everybody the name of the member.
func (f *fellow) sync(ctx context.Context) int16 {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Version, req.Group, req.MemberID, req.InstanceID = 5, "g", f.id, f.instance
	req.Generation = f.joined.Generation
	for _, m := range f.joined.Members {
		a := kmsg.NewSyncGroupRequestGroupAssignment()
		a.MemberID, a.MemberAssignment = m.MemberID, []byte("part of "+m.MemberID)
		req.GroupAssignment = append(req.GroupAssignment, a)
	}
	resp := f.c.Sync(ctx, req)
	f.part = string(resp.MemberAssignment)
	return resp.ErrorCode
}

func (f *fellow) heartbeat() int16 {
	req := kmsg.NewPtrHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.InstanceID = 4, "g", f.id, f.instance
	if f.joined != nil {
		req.Generation = f.joined.Generation
	}
	return int16(f.c.Heartbeat(req))
}

func (f *fellow) leave() int16 {
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Version, req.Group = 5, "g"
	m := kmsg.NewLeaveGroupRequestMember()
	m.MemberID, m.InstanceID = f.id, f.instance
	req.Members = append(req.Members, m)
	return f.c.Leave(req).Members[0].ErrorCode
}

// all does the same for several fellows at once, and wants it to work.
func all(t *testing.T, what string, fellows []*fellow, do func(*fellow) int16) {
	t.Helper()
	var done sync.WaitGroup
	for i, f := range fellows {
		done.Go(func() {
			if c := do(f); c != 0 {
				t.Errorf("%s of fellow %d: error %d", what, i, c)
			}
		})
	}
	done.Wait()
}

// settle joins and syncs everybody.
func settle(t *testing.T, fellows ...*fellow) {
	t.Helper()
	all(t, "join", fellows, func(f *fellow) int16 { return f.join(t.Context()) })
	all(t, "sync", fellows, func(f *fellow) int16 { return f.sync(t.Context()) })
	leaders := 0
	for _, f := range fellows {
		if want := "part of " + f.id; f.part != want {
			t.Errorf("the part is %q, want %q", f.part, want)
		}
		if f.joined.LeaderID == f.id {
			leaders++
			if len(f.joined.Members) != len(fellows) {
				t.Errorf("the leader sees %d members, want %d", len(f.joined.Members), len(fellows))
			}
		}
		if f.joined.Generation != fellows[0].joined.Generation {
			t.Errorf("generations %d and %d", f.joined.Generation, fellows[0].joined.Generation)
		}
	}
	if leaders != 1 {
		t.Errorf("%d leaders", leaders)
	}
}

func want(t *testing.T, what string, got, want int16) {
	t.Helper()
	if got != want {
		t.Errorf("%s: error %d, want %d", what, got, want)
	}
}
