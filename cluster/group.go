package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/leatdb/leat/cluster/wal"
)

// controlGroup is the number of the control group in the write-ahead log; shard i is group firstShard+i.
const (
	controlGroup uint64 = 1
	firstShard   uint64 = 2
)

// retryElection is how long a lone voter that stepped down, because it could not write, waits before it tries again.
const retryElection = 20 * time.Millisecond

// snapshotAgain is how long it waits before a snapshot that failed is tried again.
const snapshotAgain = 10 * time.Second

// A group is one raft group's replica on this node.
type group struct {
	id        uint64
	self      raft.ServerID
	alone     bool // it runs without a network
	log       *wal.Group
	raft      *raft.Raft
	transport transport
	logger    *slog.Logger

	snapshots chan struct{} // a snapshot is wanted
	stop      chan struct{}
	done      sync.WaitGroup

	ending sync.Once
	ended  raft.Future // of the replica's end
}

// heartbeat is how long a follower among several nodes hears nothing before it stands for election. A process that
// ends is noticed before that, by its connection.
const heartbeat = 750 * time.Millisecond

// trailingBytes is how much of a group's log a snapshot leaves, for followers that are a little behind.
const trailingBytes = 32 << 20

// raftConfig is the same for every group. A lone voter needs no time-outs: elect starts its elections. Nothing but
// snapshotWanted starts a snapshot: bytes count, not entries.
func raftConfig(self raft.ServerID, alone bool, logger hclog.Logger) *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = self
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = heartbeat, heartbeat, heartbeat/2
	if alone {
		c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = 10*time.Second, 10*time.Second, 5*time.Second
	}
	c.CommitTimeout = 150 * time.Millisecond // followers apply an entry that nothing follows this late
	c.MaxAppendEntries = maxEntriesInFlight
	c.BatchApplyCh = true
	c.NoLegacyTelemetry = true
	c.PreVoteDisabled = alone
	c.SnapshotInterval = math.MaxInt64 / 4
	c.SnapshotThreshold = math.MaxUint64
	c.TrailingLogs = 0
	c.Logger = logger
	return c
}

// groupConfig is what startGroup needs.
type groupConfig struct {
	dir  string
	id   uint64
	self raft.ServerID
	// first makes the replica the only voter when the group is new.
	first     bool
	alone     bool
	applied   uint64 // the state machine is durable by itself up to here
	wal       *wal.WAL
	transport transport
	logger    *slog.Logger
	failed    func(error) // is told when the disk fails
}

// startGroup starts the replica of a group. It does not wait for leadership.
func startGroup(c groupConfig, fsm raft.FSM) (*group, error) {
	logger := c.logger.With("group", c.id)
	quiet := raftLogger(logger)
	fail := func(err error) (*group, error) { return nil, fmt.Errorf("cluster: group %d: %w", c.id, err) }
	snaps, err := openSnapshots(c.dir, c.id, quiet, c.failed)
	if err != nil {
		return fail(err)
	}
	g := &group{
		id: c.id, self: c.self, alone: c.alone, log: c.wal.Group(c.id), transport: c.transport, logger: logger,
		snapshots: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	conf := raftConfig(c.self, c.alone, quiet)
	newest, err := newestSnapshot(snaps)
	if err != nil {
		return fail(err)
	}
	// What a state machine has beyond the snapshot stays; one that is behind, because the machine stopped while another
	// node's snapshot was taken in, is restored.
	conf.NoSnapshotRestoreOnStart = c.applied > 0 && c.applied >= newest
	if last, _ := g.log.LastIndex(); last > 0 && last < newest { // that snapshot has made the log old
		if err := g.log.DeleteRange(0, last); err != nil {
			return fail(err)
		}
	}
	if c.first {
		err = raft.BootstrapCluster(conf, g.log, g.log, snaps, g.transport, raft.Configuration{Servers: []raft.Server{
			{ID: g.self, Address: raft.ServerAddress(g.self), Suffrage: raft.Voter},
		}})
		if err != nil && !errors.Is(err, raft.ErrCantBootstrap) {
			return fail(err)
		}
	}
	if g.raft, err = raft.NewRaft(conf, fsm, g.log, g.log, snaps, g.transport); err != nil {
		return fail(errors.Join(err, snaps.bad))
	}
	if servers := g.servers(); len(servers) == 1 && servers[0].ID == g.self {
		g.elect()
	}
	g.done.Add(1)
	go g.takeSnapshots()
	return g, nil
}

// newestSnapshot returns the index of the newest snapshot, 0 for none.
func newestSnapshot(snaps raft.SnapshotStore) (uint64, error) {
	list, err := snaps.List()
	if err != nil || len(list) == 0 {
		return 0, err
	}
	return list[0].Index, nil
}

// servers returns the members of the group, as this replica knows them.
func (g *group) servers() []raft.Server {
	f := g.raft.GetConfiguration()
	if f.Error() != nil {
		return nil
	}
	return f.Configuration().Servers
}

// elect makes this replica stand for election now instead of after a timeout: an ordinary candidacy.
func (g *group) elect() {
	request := &raft.TimeoutNowRequest{RPCHeader: raft.RPCHeader{
		ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(g.self), Addr: []byte(g.self)}}
	g.transport.deliver(raft.RPC{Command: request, RespChan: make(chan raft.RPCResponse, 1)})
}

// ready waits until this replica leads and has applied everything that was committed before.
func (g *group) ready(ctx context.Context, failed <-chan struct{}) error {
	var again <-chan time.Time
	for {
		select {
		case lead := <-g.raft.LeaderCh():
			if !lead {
				again = time.After(retryElection)
				continue
			}
		case <-again:
			g.elect()
			continue
		case <-failed:
			return fmt.Errorf("%w while group %d started", ErrFailed, g.id)
		case <-ctx.Done():
			return fmt.Errorf("cluster: group %d has no leader yet: %w", g.id, ctx.Err())
		}
		switch err := g.raft.Barrier(0).Error(); {
		case err == nil:
			g.done.Add(1)
			go g.keepLeading(failed)
			return nil
		case errors.Is(err, raft.ErrRaftShutdown):
			return fmt.Errorf("cluster: group %d: %w", g.id, err)
		}
	}
}

// keepLeading stands for election again when a failed write made the lone voter step down.
func (g *group) keepLeading(failed <-chan struct{}) {
	defer g.done.Done()
	again := time.NewTimer(0)
	<-again.C
	defer again.Stop()
	for {
		select {
		case lead := <-g.raft.LeaderCh():
			if !lead {
				g.logger.Debug("leadership lost")
				again.Reset(retryElection)
			}
		case <-again.C:
			if g.raft.State() == raft.Follower {
				g.elect()
			}
		case <-failed:
			return
		case <-g.stop:
			return
		}
	}
}

// snapshotWanted asks for a snapshot soon.
func (g *group) snapshotWanted() {
	select {
	case g.snapshots <- struct{}{}:
	default:
	}
}

// takeSnapshots takes those that are wanted. One that fails is tried again: without it files stay that are not needed,
// and nobody begins to read what was compacted.
func (g *group) takeSnapshots() {
	defer g.done.Done()
	var again <-chan time.Time
	for {
		select {
		case <-g.snapshots:
		case <-again:
		case <-g.stop:
			return
		}
		again = nil
		if err := g.snapshot(); err != nil && !errors.Is(err, raft.ErrRaftShutdown) {
			g.logger.Warn("no snapshot taken", "error", err)
			again = time.After(snapshotAgain)
		}
	}
}

// snapshot takes a snapshot now; having nothing new is fine.
func (g *group) snapshot() error {
	if !g.alone {
		keep := g.raft.ReloadableConfig()
		keep.TrailingLogs = g.log.Within(trailingBytes)
		if err := g.raft.ReloadConfig(keep); err != nil {
			return err
		}
	}
	err := g.raft.Snapshot().Error()
	if errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return nil
	}
	return err
}

// shutdown begins to stop the replica. Only the library's first answer can be waited for: until then the replica may
// apply and store.
func (g *group) shutdown() raft.Future {
	g.ending.Do(func() { g.ended = g.raft.Shutdown() })
	return g.ended
}

// close stops the replica.
func (g *group) close() error {
	close(g.stop)
	err := g.shutdown().Error()
	g.done.Wait()
	return errors.Join(err, g.hangUp())
}

// hangUp ends the transport.
func (g *group) hangUp() error {
	if c, ok := g.transport.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// raftLogger passes raft's warnings on at debug level: a lone voter's elections are no news.
func raftLogger(logger *slog.Logger) hclog.Logger {
	l := hclog.NewInterceptLogger(&hclog.LoggerOptions{Name: "raft", Output: io.Discard, Level: hclog.Off})
	l.RegisterSink(logSink{logger})
	return l
}

type logSink struct{ logger *slog.Logger }

// Accept implements hclog.SinkAdapter.
func (s logSink) Accept(_ string, level hclog.Level, msg string, args ...any) {
	if level >= hclog.Warn {
		s.logger.Debug("raft", "says", msg, "facts", args)
	}
}
