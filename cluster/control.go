package cluster

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"github.com/leatdb/leat/log"
	"github.com/leatdb/leat/log/mapped"
	"go.etcd.io/bbolt"
)

// The buckets of the control group's database.
var (
	bucketMeta      = []byte("meta")
	bucketDocuments = []byte("documents")
	bucketTopics    = []byte("topics")
)

// The keys of bucketMeta: numbers, big-endian.
var (
	keyVersion       = []byte("version")       // of the documents and topics
	keyApplied       = []byte("applied")       // index of the last entry that changed something
	keyNextTopic     = []byte("nextTopic")     // the next topic's number
	keyNextPartition = []byte("nextPartition") // the next partition's number
	keyShards        = []byte("shards")        // how many home shards the cluster was made with
	keySpread        = []byte("spread")        // and how many spread shards, none where it is not there
)

// A view is what the control group holds, immutable.
type view struct {
	version    uint64
	documents  map[string][]byte
	topics     map[string]Topic
	partitions map[PartitionID]placement
	uuids      map[[16]byte]string // of topics, to their names
	members    map[uint64]Member
	spread     int   // how many spread shards there are
	occupied   []int // those that have partitions, in order
	level      Level
	sum        uint64        // of the database
	changed    chan struct{} // closed when the next view is there
}

// A placement says where a partition lives and whose it is.
type placement struct {
	shard    int
	topic    string
	index    int       // in the topic
	settings *Settings // of the topic
}

// A control is the state machine of the control group. Its database is durable by itself: after a restart it skips what
// it has.
type control struct {
	path   string
	logger *slog.Logger
	failed func(error)
	stop   chan struct{}
	broken chan struct{} // closed when the node has failed
	// usable says whether this binary works at a level; leveled is told of that of each view.
	usable  func(Level) error
	leveled func(int)

	homes   int // shards that the cluster's leader leads; those behind them are spread shards
	spread  int
	db      *mapped.DB // Apply's, Snapshot's and Restore's
	view    atomic.Pointer[view]
	applied uint64
	halted  error
}

// openControl opens the database. The numbers of shards count only when it is new.
func (n *Node) openControl(homes, spread int) error {
	if n.levels().Max < LevelSpread {
		spread = 0
	}
	c := &control{path: n.path("control.db"), logger: n.cfg.Logger, homes: homes, spread: spread, failed: n.failed,
		stop: n.stop, broken: n.failedCh,
		usable: func(l Level) error { return n.usableAt("the cluster", l) }, leveled: n.leveled}
	if err := c.open(); err != nil {
		return fmt.Errorf("cluster: control database %s: %w", c.path, err)
	}
	n.control = c
	return nil
}

func (c *control) open() error { return guarded(c.openFile) }

func (c *control) openFile() error {
	if err := mapped.Readable(c.path); err != nil {
		return err
	}
	db, err := mapped.Open(c.path, 0o600, bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return err
	}
	c.db = db
	var next *view
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, b := range [][]byte{bucketMeta, bucketDocuments, bucketTopics} {
			if _, err := tx.CreateBucketIfNotExists(b); err != nil {
				return err
			}
		}
		sum, err := checkSum(tx)
		if err != nil {
			return err
		}
		meta := summer{tx.Bucket(bucketMeta), bucketMeta, &sum}
		if err := c.countShards(meta); err != nil {
			return err
		}
		c.applied = number(meta.Bucket, keyApplied)
		if next, err = c.load(tx); err == nil {
			next.sum = sum
			err = c.usable(next.level)
		}
		return err
	})
	if err != nil {
		return errors.Join(err, db.Close())
	}
	c.publish(next)
	return nil
}

// countShards reads how many shards there are, or notes it in a new database.
func (c *control) countShards(meta summer) error {
	if n := number(meta.Bucket, keyShards); n != 0 {
		c.homes, c.spread = int(n), int(number(meta.Bucket, keySpread))
		return nil
	}
	if c.spread > 0 {
		if err := putNumber(meta, keySpread, uint64(c.spread)); err != nil {
			return err
		}
	}
	return putNumber(meta, keyShards, uint64(c.homes))
}

// shards is how many there are.
func (c *control) shards() int { return c.homes + c.spread }

// load reads the view of a transaction.
func (c *control) load(tx *bbolt.Tx) (*view, error) {
	v := &view{
		version:   number(tx.Bucket(bucketMeta), keyVersion),
		documents: map[string][]byte{}, topics: map[string]Topic{},
		changed: make(chan struct{}),
	}
	err := tx.Bucket(bucketDocuments).ForEach(func(k, b []byte) error {
		v.documents[string(k)] = slices.Clone(b)
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = tx.Bucket(bucketTopics).ForEach(func(k, b []byte) error {
		var t Topic
		if err := json.Unmarshal(b, &t); err != nil {
			return fmt.Errorf("topic %q: %w", k, err)
		}
		v.topics[t.Name] = t
		return nil
	})
	v.place(c.homes, c.spread)
	return v, err
}

// place derives where the partitions are.
func (v *view) place(homes, spread int) {
	v.spread = spread
	v.partitions, v.uuids = map[PartitionID]placement{}, map[[16]byte]string{}
	v.members, v.level = membersOf(v.documents), levelOf(v.documents[levelKey])
	for name, t := range v.topics {
		if t.UUID == [16]byte{} { // made before topics had one
			binary.BigEndian.PutUint64(t.UUID[8:], t.ID)
			v.topics[name] = t
		}
		v.uuids[t.UUID] = t.Name
		settings := t.Settings()
		for i, id := range t.IDs {
			at := placement{shardOf(&t, &settings, i, homes, spread), t.Name, i, &settings}
			if v.partitions[id] = at; at.shard >= homes && !slices.Contains(v.occupied, at.shard) {
				v.occupied = append(v.occupied, at.shard)
			}
		}
	}
	slices.Sort(v.occupied)
}

// shardOf is the placement: fixed by the topic and the number of the partition in it.
func shardOf(t *Topic, s *Settings, index, homes, spread int) int {
	switch {
	case s.Spread && spread > 0:
		return homes + int((t.ID+uint64(index))%uint64(spread))
	case t.Home != 0:
		return flowShard(t.Home, homes)
	}
	return int(uint64(t.IDs[index]) % uint64(homes))
}

func flowShard(flow uint64, homes int) int { return int(flow % uint64(homes)) }

// publish makes a view the current one.
func (c *control) publish(next *view) {
	if last := c.view.Swap(next); last != nil {
		close(last.changed)
	}
	c.leveled(next.level.Level)
}

// Apply implements raft.FSM. It returns the new version, or an error.
func (c *control) Apply(l *raft.Log) any {
	if c.halted != nil {
		return c.halted
	}
	if l.Index <= c.applied {
		return c.view.Load().version
	}
	var change Change
	if err := json.Unmarshal(l.Data, &change); err != nil {
		return c.halt(fmt.Errorf("entry %d: %w", l.Index, err))
	}
	next, err := c.view.Load().after(&change)
	if err != nil {
		return err
	}
	if err := c.usable(levelOf(next.documents[levelKey])); err != nil { // nothing that comes after it is for this binary
		return c.halt(err)
	}
	for tries := 0; ; tries++ {
		err := log.WithCause(guarded(func() error {
			return c.db.Update(func(tx *bbolt.Tx) error { return c.write(tx, l.Index, &change, next) })
		}))
		if err == nil {
			break
		}
		if !isNoSpace(err) {
			return c.halt(fmt.Errorf("entry %d: %w", l.Index, err))
		}
		if tries%100 == 0 {
			c.logger.Error("no space for the control database: waiting for some", "error", err)
		}
		select {
		case <-time.After(applyRetry):
		case <-c.stop:
			return c.halt(fmt.Errorf("%w while an entry waits for space", ErrClosed))
		case <-c.broken:
			return c.halt(errors.New("the node has failed while an entry waits for space"))
		}
	}
	next.place(c.homes, c.spread)
	c.applied = l.Index
	c.publish(next)
	return next.version
}

func (c *control) halt(err error) error {
	c.halted = fmt.Errorf("%w: control group: %w", ErrFailed, err)
	c.failed(c.halted)
	return c.halted
}

// after returns the view that the change leads to, topics still without numbers, or why it cannot happen.
func (v *view) after(c *Change) (*view, error) {
	if c.IfVersion != 0 && c.IfVersion != v.version {
		return nil, fmt.Errorf("%w: expected %d, found %d", ErrConflict, c.IfVersion, v.version)
	}
	next := &view{
		version: v.version + 1, documents: maps.Clone(v.documents), topics: maps.Clone(v.topics),
		changed: make(chan struct{}),
	}
	for _, name := range c.DeleteTopics {
		if _, ok := next.topics[name]; !ok {
			return nil, fmt.Errorf("%w: %q", ErrNoTopic, name)
		}
		delete(next.topics, name)
	}
	for _, a := range c.AlterTopics {
		t, ok := next.topics[a.Name]
		if !ok {
			return nil, fmt.Errorf("%w: %q", ErrNoTopic, a.Name)
		}
		var err error
		if next.topics[a.Name], err = a.alter(t); err != nil {
			return nil, err
		}
	}
	for i := range c.CreateTopics {
		t := &c.CreateTopics[i]
		if err := t.Validate(); err != nil {
			return nil, err
		}
		if s := t.Settings(); s.Spread && v.spread == 0 {
			return nil, fmt.Errorf("%w: topic %q cannot be spread: this cluster was made without spread shards",
				ErrTopicConfig, t.Name)
		}
		if _, ok := next.topics[t.Name]; ok {
			return nil, fmt.Errorf("%w: %q", ErrTopicExists, t.Name)
		}
		next.topics[t.Name] = Topic{TopicConfig: *t}
	}
	for _, k := range c.Delete {
		delete(next.documents, k)
	}
	maps.Copy(next.documents, c.Put)
	return next, nil
}

// write stores the change, and gives new topics and partitions their numbers, in next as well.
func (c *control) write(tx *bbolt.Tx, index uint64, change *Change, next *view) error {
	next.sum = c.view.Load().sum
	meta := summer{tx.Bucket(bucketMeta), bucketMeta, &next.sum}
	docs := summer{tx.Bucket(bucketDocuments), bucketDocuments, &next.sum}
	topics := summer{tx.Bucket(bucketTopics), bucketTopics, &next.sum}
	var errs []error
	keep := func(err error) { errs = append(errs, err) }
	for _, name := range change.DeleteTopics {
		keep(topics.Delete([]byte(name)))
	}
	for _, a := range change.AlterTopics { // an attempt before this one may have given them numbers
		t := next.topics[a.Name]
		t.IDs = c.view.Load().topics[a.Name].IDs
		next.topics[a.Name] = t
	}
	topic, id := max(number(meta.Bucket, keyNextTopic), 1), max(number(meta.Bucket, keyNextPartition), 1)
	store := func(t Topic) {
		t.IDs = slices.Clone(t.IDs)
		for len(t.IDs) < t.Partitions {
			t.IDs = append(t.IDs, PartitionID(id))
			id++
		}
		b, err := json.Marshal(&t)
		keep(err)
		keep(topics.Put([]byte(t.Name), b))
		next.topics[t.Name] = t
	}
	for _, a := range change.AlterTopics {
		store(next.topics[a.Name])
	}
	for _, tc := range change.CreateTopics {
		store(Topic{TopicConfig: tc, ID: topic})
		topic++
	}
	for _, k := range change.Delete {
		keep(docs.Delete([]byte(k)))
	}
	for k, b := range change.Put {
		keep(docs.Put([]byte(k), b))
	}
	keep(putNumber(meta, keyNextTopic, topic))
	keep(putNumber(meta, keyNextPartition, id))
	keep(putNumber(meta, keyVersion, next.version))
	keep(putNumber(meta, keyApplied, index))
	keep(putSum(meta.Bucket, index, next.sum))
	return errors.Join(errs...)
}

func number(b *bbolt.Bucket, key []byte) uint64 {
	v := b.Get(key)
	if len(v) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(v)
}

func putNumber(b summer, key []byte, n uint64) error {
	return b.Put(key, binary.BigEndian.AppendUint64(nil, n))
}

// controlSnapshot is a read transaction: the database as it was.
type controlSnapshot struct{ tx *bbolt.Tx }

// Snapshot implements raft.FSM.
func (c *control) Snapshot() (raft.FSMSnapshot, error) {
	if c.halted != nil {
		return nil, c.halted
	}
	tx, err := c.db.Begin(false)
	if mapped.IsFault(err) {
		c.failed(fmt.Errorf("%w: control group: %w", ErrFailed, err))
	}
	if err != nil {
		return nil, err
	}
	return &controlSnapshot{tx}, nil
}

// Persist implements raft.FSMSnapshot.
func (s *controlSnapshot) Persist(sink raft.SnapshotSink) error {
	if _, err := s.tx.WriteTo(sink); err != nil {
		return err
	}
	return sink.Close()
}

// Release implements raft.FSMSnapshot.
func (s *controlSnapshot) Release() {
	if err := s.tx.Rollback(); err != nil && !errors.Is(err, bbolt.ErrTxClosed) {
		panic("BUG: cluster: end of a control snapshot: " + err.Error())
	}
}

// Restore implements raft.FSM: the snapshot replaces the database.
func (c *control) Restore(r io.ReadCloser) error {
	defer r.Close()
	err := c.restore(r)
	if errors.Is(err, ErrLevel) || log.Broken(err) {
		c.failed(err)
	}
	return err
}

func (c *control) restore(r io.Reader) error {
	f, err := os.CreateTemp(filepath.Dir(c.path), "restore-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := c.db.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), c.path); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(c.path)); err != nil {
		return err
	}
	return c.open()
}

func (c *control) close() error { return c.db.Close() }
