package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"path/filepath"
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

// A group is one raft group's replica on this node.
type group struct {
	id        uint64
	raft      *raft.Raft
	transport transport
	logger    *slog.Logger

	snapshots chan struct{} // a snapshot is wanted
	stop      chan struct{}
	done      sync.WaitGroup
}

// raftConfig is the same for every group. A lone voter needs no time-outs: elect starts its elections. Nothing but
// snapshotWanted starts a snapshot: bytes count, not entries.
func raftConfig(logger hclog.Logger) *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = localServer
	c.HeartbeatTimeout = 10 * time.Second
	c.ElectionTimeout = 10 * time.Second
	c.LeaderLeaseTimeout = 5 * time.Second
	c.CommitTimeout = 50 * time.Millisecond
	c.MaxAppendEntries = maxEntriesInFlight
	c.BatchApplyCh = true
	c.NoLegacyTelemetry = true
	c.PreVoteDisabled = true
	c.SnapshotInterval = math.MaxInt64 / 4
	c.SnapshotThreshold = math.MaxUint64
	c.TrailingLogs = 0
	c.Logger = logger
	return c
}

// startGroup starts the replica of a group, as the only voter when the group is new. It does not wait for leadership.
func startGroup(dir string, id uint64, fsm raft.FSM, restored bool, log *wal.WAL, tr transports,
	logger *slog.Logger) (*group, error) {
	logger = logger.With("group", id)
	quiet := raftLogger(logger)
	snaps, err := raft.NewFileSnapshotStoreWithLogger(filepath.Join(dir, fmt.Sprint(id)), 1, quiet)
	if err != nil {
		return nil, fmt.Errorf("cluster: snapshots of group %d: %w", id, err)
	}
	g := &group{
		id: id, transport: tr(id), logger: logger,
		snapshots: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	conf, store := raftConfig(quiet), log.Group(id)
	conf.NoSnapshotRestoreOnStart = restored
	err = raft.BootstrapCluster(conf, store, store, snaps, g.transport, raft.Configuration{Servers: []raft.Server{
		{ID: localServer, Address: localServer, Suffrage: raft.Voter},
	}})
	if err != nil && !errors.Is(err, raft.ErrCantBootstrap) {
		return nil, fmt.Errorf("cluster: group %d: %w", id, err)
	}
	if g.raft, err = raft.NewRaft(conf, fsm, store, store, snaps, g.transport); err != nil {
		return nil, fmt.Errorf("cluster: group %d: %w", id, err)
	}
	g.elect()
	return g, nil
}

// elect makes this replica stand for election now instead of after a timeout: an ordinary candidacy.
func (g *group) elect() {
	request := &raft.TimeoutNowRequest{RPCHeader: raft.RPCHeader{
		ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(localServer), Addr: []byte(localServer)}}
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
			g.done.Add(2)
			go g.keepLeading(failed)
			go g.takeSnapshots()
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

func (g *group) takeSnapshots() {
	defer g.done.Done()
	for {
		select {
		case <-g.snapshots:
			if err := g.snapshot(); err != nil {
				g.logger.Warn("no snapshot taken", "error", err)
			}
		case <-g.stop:
			return
		}
	}
}

// snapshot takes a snapshot now; having nothing new is fine.
func (g *group) snapshot() error {
	err := g.raft.Snapshot().Error()
	if errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return nil
	}
	return err
}

// close stops the replica.
func (g *group) close() error {
	close(g.stop)
	err := g.raft.Shutdown().Error()
	g.done.Wait()
	return err
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
