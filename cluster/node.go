package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"github.com/leatdb/leat/cluster/mesh"
	"github.com/leatdb/leat/cluster/wal"
	"github.com/leatdb/leat/log"
)

// Config configures a node. Only Dir is needed.
type Config struct {
	// HoldRetention makes retention and compaction wait until somebody says by Hold what of a partition is no longer
	// needed, or by HoldsNamed that all is said.
	HoldRetention bool
	// Dir is the data directory; it is created when it is missing.
	Dir string
	// Shards is how many home shards a new cluster gets: data groups that its leader leads. It cannot change later.
	// Default 1.
	Shards int
	// Spread is how many spread shards a new cluster gets: data groups whose leaders are balanced over the nodes. It
	// cannot change later. Default 0.
	Spread int
	// WAL configures the write-ahead log. Its Pinned, MayAllocate and Failed are the node's own.
	WAL wal.Config
	// SegmentSizeBytes is the size of a partition's segments. Default: that of package log.
	SegmentSizeBytes int64
	// RetentionCheck is how often retention is looked after. Default 1 minute.
	RetentionCheck time.Duration
	// TxnCheck is how often transactions are looked after that take too long. Default 1 second.
	TxnCheck time.Duration
	// ScrubEvery is how often the partitions' files are checked for damage. Default 1 hour.
	ScrubEvery time.Duration
	// ReserveBytes is the free disk space below which appends are refused. Default 64 MiB.
	ReserveBytes int64
	// Logger gets what happens. Default: none.
	Logger *slog.Logger
	// Peers says how the node meets others. Default: not at all.
	Peers Peers
	// Now is the clock that entries get their time from. Default time.Now.
	Now func() time.Time

	logFS     log.FS                      // tests: a file system for partitions that loses what is not synced
	freeBytes func(string) (int64, error) // tests: the free space
}

// Validate says whether a node can be made of c.
func (c *Config) Validate() error {
	switch {
	case c.Dir == "":
		return errors.New("cluster: no data directory")
	case c.Shards < 0 || c.Shards > 64 || c.Spread < 0 || c.Spread > 64:
		return fmt.Errorf("cluster: %d home and %d spread shards, up to 64 of each are possible", c.Shards, c.Spread)
	case c.RetentionCheck < 0 || c.TxnCheck < 0 || c.ScrubEvery < 0 || c.ReserveBytes < 0 || c.SegmentSizeBytes < 0:
		return errors.New("cluster: negative setting")
	}
	return nil
}

func (c Config) withDefaults() Config {
	c.Shards = max(c.Shards, 1)
	if c.RetentionCheck == 0 {
		c.RetentionCheck = time.Minute
	}
	if c.TxnCheck == 0 {
		c.TxnCheck = time.Second
	}
	if c.ScrubEvery == 0 {
		c.ScrubEvery = time.Hour
	}
	if c.ReserveBytes == 0 {
		c.ReserveBytes = 64 << 20
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.freeBytes == nil {
		c.freeBytes = freeBytes
	}
	if c.Peers.Self.Levels == (mesh.Levels{}) {
		c.Peers.Self.Levels = OwnLevels()
	}
	return c
}

// A Node is this process's part of the cluster.
type Node struct {
	holds holds

	cfg         Config
	clock       *clock
	txnsSeen    txnsSeen
	own         ownProducers
	ending      turns // of those who end transactions
	disk        *disk
	wal         *wal.WAL
	control     *control
	groupMu     sync.Mutex // guards groups while they start: the write-ahead log may ask for snapshots then
	groups      []*group   // the control group, then the shards
	shards      []*shard
	spread      []*spreadShard
	watches     watches
	compactions chan struct{} // some wait

	identity identity
	mesh     *mesh.Mesh // nil when it runs alone
	layers   layers
	raising  atomic.Int64  // the level that the cluster's is being raised to; 0 for none
	told     atomic.Int64  // the level that leveled was last told
	roles    chan struct{} // some group's leadership came or went
	reign    atomic.Pointer[reign]
	reignMu  sync.Mutex
	// reignBegan is closed when a reign begins, and made anew; guarded by reignMu.
	reignBegan chan struct{}
	pumps      map[*pump]struct{}     // that have not ended, of any reign; guarded by reignMu
	repairing  sync.Mutex             // is held while a partition is repaired for a reader
	repairs    map[PartitionID]repair // the last ones; guarded by repairing
	confirms   sure                   // that this node leads
	learns     sure                   // that the topics here are the leader's
	fresh      sure                   // that, and what it has of the spread shards
	canvassers canvassers
	mayVote    atomic.Pointer[func(node uint64) bool]
	engine     atomic.Pointer[func() *EngineState]
	pinging    sync.Map // numbers of nodes

	ddl chan struct{} // holds one element while an Update brings the shards in line with the topics

	end       context.CancelFunc // ends the node's own work
	stop      chan struct{}
	done      sync.WaitGroup
	closeOnce sync.Once
	closeErr  error

	// asking is shared while the library is asked for what it would not answer after its end.
	asking sync.RWMutex

	failMu   sync.Mutex
	fail     error
	failedCh chan struct{} // closed when fail is set
}

// Open opens the node's data directory and starts its groups. A node that runs alone leads them all, and has applied
// everything that was committed, when Open returns; another one may lead or follow, and Lead says when it leads.
func Open(ctx context.Context, cfg Config) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg.withDefaults(), stop: make(chan struct{}), failedCh: make(chan struct{}),
		compactions: make(chan struct{}, 1), ddl: make(chan struct{}, 1), roles: make(chan struct{}, 1),
		reignBegan: make(chan struct{}), pumps: map[*pump]struct{}{},
		repairs: map[PartitionID]repair{}}
	n.clock = newClock(n.cfg.Now)
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	n.end = end
	if err := n.start(ctx); err != nil {
		return nil, errors.Join(err, n.shutdown())
	}
	if !n.alone() {
		n.done.Add(3 + len(n.groups))
		go n.tendClock(life)
		for _, g := range n.homeGroups() {
			go n.followRole(g)
		}
		for _, i := range n.spreadShards() {
			go n.governShard(life, i)
		}
		go n.govern(life)
		go n.tendMembers(life)
	}
	n.done.Add(5)
	go n.scrub(life)
	go n.compactWaiting()
	go n.retain(life)
	go n.tend(life)
	go n.stopFailed()
	return n, nil
}

// start starts everything in order. shutdown undoes as much of it as was done.
func (n *Node) start(ctx context.Context) error {
	if err := n.mayUse(); err != nil {
		return err
	}
	for _, dir := range []string{n.cfg.Dir, n.path("shards"), n.path("snapshots")} {
		if err := log.MakeDir(dir, 0o700); err != nil {
			return fmt.Errorf("cluster: %w", err)
		}
	}
	if err := n.meet(ctx); err != nil {
		return err
	}
	n.disk = &disk{dir: n.cfg.Dir, reserve: n.cfg.ReserveBytes, free: n.cfg.freeBytes}
	if err := n.openShards(); err != nil {
		return err
	}
	if err := n.joins(); err != nil {
		return err
	}
	wc := n.cfg.WAL
	wc.Pinned, wc.MayAllocate, wc.Failed = n.pinned, n.mayAllocate, n.failed
	if wc.Logger == nil {
		wc.Logger = n.cfg.Logger
	}
	var err error
	if n.wal, err = wal.Open(n.path("wal"), wc); err != nil {
		return err
	}
	if err := n.startGroups(); err != nil {
		return err
	}
	if !n.alone() {
		_, err := n.mesh.Listen(n.cfg.Peers.Addr)
		return err
	}
	for _, g := range n.groups {
		servers := g.servers()
		if len(servers) == 0 {
			return fmt.Errorf("%w: this node joins a cluster: it needs an address for the others", ErrMember)
		}
		if len(servers) > 1 || servers[0].ID != g.self {
			return fmt.Errorf("%w: this data directory belongs to a cluster of %d nodes: it needs an address for the others",
				ErrMember, len(servers))
		}
		if err := g.ready(ctx, n.failedCh); err != nil {
			return err
		}
	}
	if err := n.failure(); err != nil {
		return err
	}
	for _, i := range n.spreadShards() {
		if err := n.beginTenure(i, 0); err != nil {
			return fmt.Errorf("cluster: shard %d: %w", i, err)
		}
	}
	terms, _ := n.leads()
	return n.begin(ctx, terms)
}

// openShards opens the control database with the shards of the cluster that this node joins, or of a new one.
func (n *Node) openShards() error {
	if n.identity.Shards > 0 {
		return n.openControl(n.identity.Shards, n.identity.Spread)
	}
	return n.openControl(n.cfg.Shards, n.cfg.Spread)
}

// groupID is the number of the i-th group: the control group's, then those of the shards.
func groupID(i int) uint64 {
	if i == 0 {
		return controlGroup
	}
	return firstShard + uint64(i-1)
}

// machines makes the shards, and returns the state machines of all groups.
func (n *Node) machines() []raft.FSM {
	fsms := []raft.FSM{n.control}
	for i := range n.control.shards() {
		s := newShard(i, n.control.homes, filepath.Join(n.path("shards"), strconv.Itoa(i)),
			log.Config{SegmentSizeBytes: n.cfg.SegmentSizeBytes, FS: n.cfg.logFS, Failed: n.failed}, n.cfg.Logger)
		s.grew, s.failed, s.stop = n.watches.signal, n.failed, n.stop
		s.broken, s.compact, s.settings = n.failedCh, n.wantCompactions, n.settingsOf
		s.resnap = func() { n.wantSnapshots(firstShard + uint64(i)) }
		s.mend = func(id PartitionID) { n.mendFound(s, id) }
		if n.isSpread(i) {
			n.spread = append(n.spread, &spreadShard{})
		}
		n.shards = append(n.shards, s)
		fsms = append(fsms, s)
	}
	return fsms
}

func (n *Node) startGroups() error {
	fsms := n.machines()
	if err := n.makeDirs(); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	if !n.alone() {
		n.connect()
	}
	for i, fsm := range fsms {
		g, err := n.startGroup(groupID(i), fsm, n.wal)
		if err != nil {
			return err
		}
		n.groupMu.Lock()
		n.groups = append(n.groups, g)
		n.groupMu.Unlock()
	}
	return nil
}

// makeDirs makes the shards' directories, and all names so far durable, before anything is acknowledged.
func (n *Node) makeDirs() error {
	errs := []error{syncDir(n.cfg.Dir)}
	for _, s := range n.shards {
		errs = append(errs, log.MakeDir(s.dir, 0o750))
	}
	return errors.Join(errs...)
}

func (n *Node) path(name string) string { return filepath.Join(n.cfg.Dir, name) }

// pinned is told by the write-ahead log that a group keeps it from recycling segments.
func (n *Node) pinned(id uint64) {
	n.wantSnapshots(id)
}

// mayAllocate is asked by the write-ahead log. When the answer is no, snapshots may set segments free.
func (n *Node) mayAllocate(bytes int64) error {
	err := n.disk.allocate(bytes)
	if err != nil {
		n.wantSnapshots(0)
	}
	return err
}

// wantSnapshots asks one group for a snapshot, or all of them (0). The groups may be starting still.
func (n *Node) wantSnapshots(id uint64) {
	n.groupMu.Lock()
	defer n.groupMu.Unlock()
	for _, g := range n.groups {
		if id == 0 || g.id == id {
			g.snapshotWanted()
		}
	}
}

// Fail stops the node when the disk has failed under something else that is to be durable: it is to be built anew.
func (n *Node) Fail(err error) { n.failed(err) }

func (n *Node) failed(err error) {
	n.failMu.Lock()
	defer n.failMu.Unlock()
	if n.fail == nil {
		n.fail = err
		if !errors.Is(err, ErrFailed) {
			n.fail = fmt.Errorf("%w: %w", ErrFailed, err)
		}
		close(n.failedCh)
		n.cfg.Logger.Error("the node has failed", "error", err)
	}
}

// stopFailed stops the groups when the node has failed: without a write-ahead log they can neither commit nor elect,
// and the library panics when it cannot store a term.
func (n *Node) stopFailed() {
	defer n.done.Done()
	select {
	case <-n.stop:
		return
	case <-n.failedCh:
	}
	n.quiesce(n.failure())
	n.asking.Lock() // who asks from now on learns that the node has failed
	defer n.asking.Unlock()
	if n.wal.Err() != nil || !n.alone() { // among several, the others go on
		for _, g := range n.groups {
			g.shutdown()
			if err := g.hangUp(); err != nil { // else who has sent something would wait for an answer
				n.cfg.Logger.Warn("the transport of a group has not been closed", "group", g.id, "error", err)
			}
		}
	}
}

// quiesce refuses further calls, and waits for those in flight: of this reign, and of those before.
func (n *Node) quiesce(reason error) {
	n.reignMu.Lock() // what begins to serve from now on is refused by serve
	pumps := slices.Collect(maps.Keys(n.pumps))
	n.reignMu.Unlock()
	for _, p := range pumps {
		p.close(reason)
	}
	n.ddl <- struct{}{} // an Update in flight
	defer func() { <-n.ddl }()
}

// consult asks the library for something and waits for the answer. When its replica has been shut down it may take a
// question and never answer, so a node that has failed does not ask, and does not stop its replicas while one is open.
func (n *Node) consult(ask func() error) error {
	n.asking.RLock()
	defer n.asking.RUnlock()
	if err := n.failure(); err != nil {
		return err
	}
	return ask()
}

// barrier waits until everything is applied that was committed in a group before this node led it.
func (n *Node) barrier(g *group) error {
	return n.consult(func() error { return g.raft.Barrier(10 * time.Second).Error() })
}

// await waits for a signal. A node that closes or has failed may never give it: whoever waits for what the node does
// waits here.
func (n *Node) await(ctx context.Context, signal <-chan struct{}) error {
	select {
	case <-signal:
		return nil
	case <-n.stop:
		return ErrClosed
	case <-n.failedCh:
		return n.failure()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (n *Node) failure() error {
	n.failMu.Lock()
	defer n.failMu.Unlock()
	return n.fail
}

// Err returns why the node can apply nothing any more, or nil.
func (n *Node) Err() error {
	if err := n.failure(); err != nil {
		return err
	}
	return n.wal.Err()
}

// Snapshot makes everything applied durable in the partitions' files, so that the write-ahead log can be recycled and
// the next start replays little.
func (n *Node) Snapshot() error {
	var errs []error
	for _, g := range n.groups {
		errs = append(errs, g.snapshot())
	}
	return errors.Join(errs...)
}

// Close stops the node in the reverse order of its start. Calls in flight come to their end; later ones get ErrClosed.
func (n *Node) Close() error {
	n.closeOnce.Do(func() { n.closeErr = n.shutdown() })
	return n.closeErr
}

// cheapSnapshotBytes is how much the write-ahead log must hold for Close to take a snapshot, which spares the next
// start a replay.
const cheapSnapshotBytes = 8 << 20

func (n *Node) shutdown() error {
	n.handOver()
	close(n.stop)
	n.end()
	n.confirms.end()
	n.learns.end()
	n.fresh.end()
	n.canvassers.end()
	for _, s := range n.spread {
		s.confirms.end()
	}
	n.done.Wait()
	var errs []error
	n.quiesce(ErrClosed)
	if len(n.groups) > 0 && n.Err() == nil && n.wal.LiveBytes() > cheapSnapshotBytes {
		if err := n.Snapshot(); err != nil {
			n.cfg.Logger.Warn("no snapshot at the end", "error", err)
		}
	}
	if n.mesh != nil { // first: raft would wait for answers
		errs = append(errs, n.mesh.Close())
	}
	for i := len(n.groups) - 1; i >= 0; i-- {
		errs = append(errs, n.groups[i].close())
	}
	for _, s := range n.shards {
		errs = append(errs, s.close())
	}
	if n.wal != nil {
		errs = append(errs, n.wal.Close())
	}
	if n.control != nil {
		errs = append(errs, n.control.close())
	}
	n.watches.close()
	return errors.Join(errs...)
}
