package kafka

import (
	"context"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/leatdb/leat/kafka/code"
	"github.com/leatdb/leat/kafka/group"
	"github.com/leatdb/leat/log"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a log in memory. It keeps the batches of each partition, and acknowledges them when it is told to.
type fake struct {
	mu      sync.Mutex
	topics  []Topic
	batches map[PartitionID][][]byte
	next    map[PartitionID]int64
	start   map[PartitionID]int64
	stable  map[PartitionID]int64 // open transactions begin there
	aborted []AbortedTxn
	offsets []CommittedOffset
	groups  map[string]group.Stored
	held    chan struct{} // appends wait for it to be closed; nil lets them through
	watches map[chan struct{}]bool
	lastPID int64
}

func newFake(topics ...Topic) *fake {
	return &fake{topics: topics, batches: map[PartitionID][][]byte{}, next: map[PartitionID]int64{},
		start: map[PartitionID]int64{}, stable: map[PartitionID]int64{}, groups: map[string]group.Stored{},
		watches: map[chan struct{}]bool{}}
}

// topicAB is a topic of two partitions.
var topicAB = Topic{Name: "ab", ID: [16]byte{15: 7}, Partitions: []PartitionID{1, 2}}

func (f *fake) Topic(name string) (Topic, bool) {
	i := slices.IndexFunc(f.Topics(), func(t Topic) bool { return t.Name == name })
	if i < 0 {
		return Topic{}, false
	}
	return f.Topics()[i], true
}

func (f *fake) TopicByID(id [16]byte) (Topic, bool) {
	i := slices.IndexFunc(f.Topics(), func(t Topic) bool { return t.ID == id })
	if i < 0 {
		return Topic{}, false
	}
	return f.Topics()[i], true
}

func (f *fake) Topics() []Topic {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.topics)
}

func (f *fake) Settings(string) []Setting {
	return []Setting{{Name: "cleanup.policy", Value: "delete", Kind: "list", Doc: "what goes"}}
}

func (f *fake) CreateTopic(_ context.Context, t NewTopic) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t.Partitions > 100 {
		return code.InvalidPartitions
	}
	id := byte(10 * (len(f.topics) + 1))
	n := Topic{Name: t.Name, ID: [16]byte{15: id}}
	for i := range t.Partitions {
		n.Partitions = append(n.Partitions, PartitionID(int(id)+i))
	}
	if !t.ValidateOnly {
		f.topics = append(f.topics, n)
	}
	return nil
}

func (f *fake) DeleteTopic(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.topics)
	f.topics = slices.DeleteFunc(f.topics, func(t Topic) bool { return t.Name == name })
	if len(f.topics) == n {
		return code.UnknownTopicOrPartition
	}
	return nil
}

func (f *fake) AddPartitions(context.Context, string, int) error { return nil }

func (f *fake) AlterTopic(context.Context, string, map[string]*string, bool) error { return nil }

func (f *fake) SizeBytes(PartitionID) (int64, error) { return 100, nil }

func (f *fake) Trim(_ context.Context, p PartitionID, start int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.start[p] = start
	return nil
}

// pendingFake is an append that is acknowledged when held is closed.
type pendingFake struct {
	held chan struct{}
	done Produced
}

func (p pendingFake) Wait(ctx context.Context) (Produced, error) {
	if p.held != nil {
		select {
		case <-p.held:
		case <-ctx.Done():
			return Produced{}, ctx.Err()
		}
	}
	return p.done, nil
}

func (f *fake) Produce(_ context.Context, p Produce) (Pending, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	base := f.next[p.Partition]
	for rest := p.Batches; len(rest) > 0; {
		h, n, err := log.Check(rest)
		if err != nil {
			return nil, err
		}
		b := slices.Clone(rest[:n])
		log.PutOffsetEpoch(b, f.next[p.Partition], 3)
		f.batches[p.Partition] = append(f.batches[p.Partition], b)
		f.next[p.Partition] += int64(h.LastOffsetDelta) + 1
		rest = rest[n:]
	}
	f.signal()
	return pendingFake{f.held, Produced{Base: base, AppendTime: -1, Start: f.start[p.Partition]}}, nil
}

// signal wakes who waits; f.mu is held.
func (f *fake) signal() {
	for w := range f.watches {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

func (f *fake) Read(p PartitionID, offset int64, maxBytes int, dst []byte) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	from := len(dst)
	for _, b := range f.batches[p] {
		h, err := log.ParseHeader(b)
		if err != nil {
			return dst, err
		}
		if h.LastOffset() < offset {
			continue
		}
		if len(dst) > from && len(dst)-from+len(b) > maxBytes {
			break
		}
		dst = append(dst, b...)
	}
	return dst, nil
}

func (f *fake) File(PartitionID, int64, int64, int) (FileRange, error) { return nil, nil }

func (f *fake) Bounds(p PartitionID) (Bounds, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := Bounds{Start: f.start[p], Stable: f.next[p], Next: f.next[p]}
	if s, open := f.stable[p]; open {
		b.Stable = s
	}
	return b, nil
}

func (f *fake) FindTime(PartitionID, int64) (TimedOffset, bool, error) {
	return TimedOffset{}, false, nil
}

func (f *fake) MaxTimestamp(PartitionID) (TimedOffset, bool, error) { return TimedOffset{}, false, nil }

func (f *fake) LeaderEpoch(PartitionID) (int32, error) { return 3, nil }

func (f *fake) EpochEnd(p PartitionID, epoch int32) (int32, int64, error) {
	return min(epoch, 3), f.next[p], nil
}

func (f *fake) Watch() (<-chan struct{}, func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := make(chan struct{}, 1)
	f.watches[w] = true
	return w, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.watches, w)
	}
}

func (f *fake) Commit(_ context.Context, c OffsetCommit) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range c.Offsets {
		f.offsets = append(f.offsets, CommittedOffset{GroupOffset: o, Topic: "ab", Number: int32(o.Partition) - 1,
			Pending: c.Txn.TransactionalID != ""})
	}
	return nil
}

func (f *fake) Committed(string) ([]CommittedOffset, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.offsets), nil
}

func (f *fake) Forget(context.Context, string, []PartitionID) error { return nil }

// fakeGroups is the fake as a group.Store.
type fakeGroups struct{ *fake }

func (f fakeGroups) Put(_ context.Context, s group.Stored) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.groups[s.Name] = s
	return nil
}

func (f fakeGroups) Delete(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.groups, name)
	return nil
}

func (f fakeGroups) Find(name string) (group.Stored, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.groups[name]
	return s, ok
}

func (f fakeGroups) All() []group.Stored { return nil }

func (f *fake) InitProducer(context.Context, ProducerRequest) (Producer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lastPID++
	return Producer{ID: f.lastPID}, nil
}

func (f *fake) AddToTxn(context.Context, Txn, []PartitionID, []string) error {
	return code.ProducerFenced
}

func (f *fake) EndTxn(_ context.Context, e EndTxn) (Producer, error) {
	return e.Producer, code.InvalidTxnState
}

func (f *fake) WriteMarker(context.Context, PartitionID, Producer, bool, int32) error { return nil }

func (f *fake) Transactions() []Transaction { return nil }

func (f *fake) Transaction(string) (Transaction, bool) { return Transaction{}, false }

func (f *fake) Producers(PartitionID) ([]PartitionProducer, error) { return nil, nil }

func (f *fake) Aborted(PartitionID, int64, int64) ([]AbortedTxn, error) { return f.aborted, nil }

// config configures a server over the fake.
func (f *fake) config() Config {
	return Config{
		Addr: "127.0.0.1:0", Advertised: "leat:9092", ClusterID: "fake", Dir: "/data",
		Topics: f, Admin: f, Records: f, Positions: f, Storage: f, Watcher: f, Offsets: f, Groups: fakeGroups{f},
		Transactions: f, Views: f, Grace: 10 * time.Second,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

// serveFake starts a server over the fake, and connects.
func serveFake(t testing.TB, f *fake, change func(*Config)) (*Server, net.Conn) {
	t.Helper()
	c := f.config()
	if change != nil {
		change(&c)
	}
	s, err := Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	nc, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return s, nc
}
