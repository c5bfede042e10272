package kafka

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/group"
)

// stuckGroups are groups that cannot be stored: the disk does not answer.
type stuckGroups struct {
	fakeGroups
	asked chan struct{}
}

// Put implements group.Store.
func (s stuckGroups) Put(ctx context.Context, _ group.Stored) error {
	close(s.asked)
	<-ctx.Done()
	return ctx.Err()
}

// TestCloseWhileGroupsAreStored closes a server while a member waits for its group to be stored: it does not wait longer
// than it may.
func TestCloseWhileGroupsAreStored(t *testing.T) {
	f := newFake(topicAB)
	stuck := stuckGroups{fakeGroups{f}, make(chan struct{})}
	s, nc := serveFake(t, f, func(c *Config) { c.Groups = stuck })
	c := newClient(t, nc)
	join := kmsg.NewPtrJoinGroupRequest()
	join.Version, join.Group, join.ProtocolType, join.SessionTimeoutMillis = 2, "g", "consumer", 10000
	join.RebalanceTimeoutMillis = 10000
	join.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: []byte{0}}}
	joined := ask[*kmsg.JoinGroupResponse](c, join)
	if joined.ErrorCode != 0 {
		t.Fatal(joined.ErrorCode)
	}
	sync := kmsg.NewPtrSyncGroupRequest()
	sync.Version, sync.Group, sync.Generation, sync.MemberID = 1, "g", joined.Generation, joined.MemberID
	c.send(sync)
	<-stuck.asked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	closed := make(chan error, 1)
	go func() { closed <- s.Close(ctx) }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the server waits for a group to be stored")
	}
}
