package state

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/bbolt"

	"github.com/leatdb/leat/sql/sqlerr"
)

// The file holds two buckets at its root:
//
//	meta   "step" → the metadata of the last checkpoint
//	ops    owner (8 bytes) → operator (4 bytes) → its keys (see storedKey)
var (
	metaBucket = []byte("meta")
	metaKey    = []byte("step")
	opsBucket  = []byte("ops")
)

// A stored key begins with plainKey and the key itself, or, for keys that bbolt finds too long, with longKey and is
// followed by the key's SHA-256; the value then begins with the key's length and the key.
const (
	plainKey = 0
	longKey  = 1
	// maxPlain leaves room for the first byte below bbolt.MaxKeySize.
	maxPlain = bbolt.MaxKeySize - 8
)

// initialMap is how much address space is set aside for the file at first: growing a map copies what a transaction has
// in hand.
const initialMap = 4 << 30

// opID names the state of one operator.
type opID struct {
	owner uint64
	op    uint32
}

// Store is the checkpoint file of a dataflow. Begin, Commit, Wait and Drop are called by the goroutine that owns the
// dataflow; the writing happens in a goroutine of the store, which Close waits for.
type Store struct {
	db *bbolt.DB
	// update runs one transaction; a test puts a failing disk here.
	update func(func(*bbolt.Tx) error) error

	mu sync.Mutex
	// busy is closed when the running write ends; nil when none runs.
	busy chan struct{}
	// err is the outcome of the last write.
	err error
	// unwritten is the checkpoint whose write failed, to be merged into the next.
	unwritten *Checkpoint
}

// Open opens or creates the file.
func Open(path string) (*Store, error) {
	db, err := bbolt.Open(path, 0o644, &bbolt.Options{
		Timeout: time.Second, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType,
		InitialMmapSize: initialMap,
	})
	if err != nil {
		return nil, diskError("cannot open state file "+path, err)
	}
	return &Store{db: db, update: db.Update}, nil
}

// Close waits for the write that runs and closes the file. Changes that a failed write left are lost: the last
// checkpoint stands.
func (s *Store) Close() error {
	err := s.Wait()
	if cerr := s.db.Close(); cerr != nil {
		err = errors.Join(err, diskError("cannot close state file", cerr))
	}
	return err
}

// Begin starts to collect a checkpoint.
func (s *Store) Begin() *Checkpoint { return &Checkpoint{s: s, ops: map[opID]*changes{}} }

// Busy tells whether a checkpoint is being written.
func (s *Store) Busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy != nil
}

// Wait waits until no checkpoint is being written and returns how the last one ended. After an error the file holds
// the checkpoint before it; the next Commit writes what is missing too.
func (s *Store) Wait() error {
	s.mu.Lock()
	busy := s.busy
	s.mu.Unlock()
	if busy != nil {
		<-busy
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Meta returns the metadata of the last checkpoint in the file, nil when there is none.
func (s *Store) Meta() (meta []byte, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		if b := tx.Bucket(metaBucket); b != nil {
			meta = slices.Clone(b.Get(metaKey))
		}
		return nil
	})
	return meta, diskError("cannot read state", err)
}

// Load gives fn every key that the file holds for an operator, plain keys in order before very long ones. Key and
// value are borrowed. An error of fn ends it and is returned.
func (s *Store) Load(owner uint64, op uint32, fn func(key, value []byte) error) error {
	return s.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(opsBucket)
		if b == nil {
			return nil
		}
		id := opID{owner, op}
		if b = b.Bucket(id.ownerKey()); b == nil {
			return nil
		}
		if b = b.Bucket(id.opKey()); b == nil {
			return nil
		}
		return b.ForEach(func(k, v []byte) error {
			key, value, err := loadPair(k, v)
			if err != nil {
				return err
			}
			return fn(key, value)
		})
	})
}

// Drop frees the state of an owner, in the file and in what is still to be written. It waits for a running write.
func (s *Store) Drop(owner uint64) error {
	_ = s.Wait() // how it ended is reported to whoever began it
	s.mu.Lock()
	if u := s.unwritten; u != nil {
		maps.DeleteFunc(u.ops, func(id opID, _ *changes) bool { return id.owner == owner })
	}
	s.mu.Unlock()
	err := s.update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(opsBucket)
		key := opID{owner: owner}.ownerKey()
		if b == nil || b.Bucket(key) == nil {
			return nil
		}
		return b.DeleteBucket(key)
	})
	return diskError("cannot drop state", err)
}

// Checkpoint is a set of changes being collected. Nothing is written before Commit.
type Checkpoint struct {
	s    *Store
	meta []byte
	ops  map[opID]*changes
}

// Writer returns where the changes of an operator go. It copies what it is given.
func (c *Checkpoint) Writer(owner uint64, op uint32) Writer {
	id := opID{owner, op}
	w := c.ops[id]
	if w == nil {
		w = &changes{}
		c.ops[id] = w
	}
	return w
}

// Commit hands the checkpoint, with its metadata (copied), to the store's goroutine, which writes it in one
// transaction together with what earlier failed writes left. It first waits for the write that runs, if any; Busy
// tells beforehand. Wait gives the outcome.
func (c *Checkpoint) Commit(meta []byte) {
	s := c.s
	_ = s.Wait() // a failure of it is in s.unwritten, and was there to be seen by its owner
	c.meta = slices.Clone(meta)
	s.mu.Lock()
	defer s.mu.Unlock()
	done, older := make(chan struct{}), s.unwritten
	s.busy, s.unwritten = done, nil
	go func() {
		c.over(older)
		err := diskError("cannot write checkpoint", s.update(c.write))
		s.mu.Lock()
		s.busy, s.err = nil, err
		if err != nil {
			s.unwritten = c
		}
		s.mu.Unlock()
		close(done)
	}()
}

// over puts c on top of what an older checkpoint could not write.
func (c *Checkpoint) over(older *Checkpoint) {
	for _, ch := range c.ops {
		ch.sort()
	}
	if older == nil {
		return
	}
	for id, old := range older.ops {
		if ch := c.ops[id]; ch != nil {
			old = ch.over(old)
		}
		c.ops[id] = old
	}
}

func (c *Checkpoint) write(tx *bbolt.Tx) error {
	b, err := tx.CreateBucketIfNotExists(metaBucket)
	if err != nil {
		return err
	}
	if err := b.Put(metaKey, c.meta); err != nil {
		return err
	}
	ops, err := tx.CreateBucketIfNotExists(opsBucket)
	if err != nil {
		return err
	}
	ids := slices.SortedFunc(maps.Keys(c.ops), func(a, b opID) int {
		return cmp.Or(cmp.Compare(a.owner, b.owner), cmp.Compare(a.op, b.op))
	})
	for _, id := range ids {
		owner, err := ops.CreateBucketIfNotExists(id.ownerKey())
		if err != nil {
			return err
		}
		b, err := owner.CreateBucketIfNotExists(id.opKey())
		if err != nil {
			return err
		}
		if err := writeChanges(b, c.ops[id]); err != nil {
			return err
		}
	}
	return nil
}

// writeChanges applies sorted changes. bbolt keeps a reference to values until the transaction ends, and copies keys.
func writeChanges(b *bbolt.Bucket, ch *changes) error {
	var key []byte
	for _, e := range ch.list {
		k, v := ch.key(e), ch.value(e)
		key = storedKey(key[:0], k)
		var err error
		switch {
		case e.del:
			err = b.Delete(key)
		case key[0] == longKey:
			err = b.Put(key, slices.Concat(binary.AppendUvarint(nil, uint64(len(k))), k, v))
		default:
			err = b.Put(key, v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func storedKey(dst, key []byte) []byte {
	if len(key) <= maxPlain {
		return append(append(dst, plainKey), key...)
	}
	sum := sha256.Sum256(key)
	return append(append(dst, longKey), sum[:]...)
}

func loadPair(k, v []byte) (key, value []byte, err error) {
	if len(k) > 0 && k[0] == plainKey {
		return k[1:], v, nil
	}
	n, used := binary.Uvarint(v)
	if used <= 0 || n > uint64(len(v)-used) {
		return nil, nil, sqlerr.New(sqlerr.DataCorrupted, "state file holds a malformed key of %d bytes", len(k))
	}
	return v[used : used+int(n)], v[used+int(n):], nil
}

func (id opID) ownerKey() []byte { return binary.BigEndian.AppendUint64(nil, id.owner) }

func (id opID) opKey() []byte { return binary.BigEndian.AppendUint32(nil, id.op) }

// diskError gives an error of the file its SQLSTATE; nil stays nil.
func diskError(what string, err error) error {
	if err == nil {
		return nil
	}
	code := sqlerr.IOError
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		code = sqlerr.DiskFull
	}
	return sqlerr.New(code, "%s: %v", what, err)
}
