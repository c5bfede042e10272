package state

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.etcd.io/bbolt"

	"github.com/leatdb/leat/log"
	"github.com/leatdb/leat/log/mapped"
	"github.com/leatdb/leat/sql/sqlerr"
)

// The file holds three buckets at its root:
//
//	meta     "step" → the metadata of the last checkpoint; "journal" → see journal.go
//	ops      owner (8 bytes) → operator (4 bytes) → its keys (see storedKey)
//	journal  chunks of the last checkpoint while it is being put into its place
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

// listedPages is how many free pages are listed in the file at most: a longer list would be much to write in each
// transaction. Without one, who opens the file, or could not write a transaction, looks for them in all of it.
const listedPages = 16 << 10

// initialMaps is how much address space is set aside for the file, the first that there is. A file that outgrows it
// has to wait for everybody who reads it, and the dataflow always does: hence so much.
var initialMaps = []int{1 << 40, 64 << 30, 4 << 30}

// opID names the state of one operator.
type opID struct {
	owner uint64
	op    uint32
}

// Store is the checkpoint file of a dataflow. All but Close, Wait and Meta are called by the goroutine that owns the
// dataflow; the writing happens in a goroutine of the store, which Close waits for.
type Store struct {
	db      *mapped.DB
	options Options
	// update runs one transaction; a test puts a failing disk here.
	update func(func(*bbolt.Tx) error) error
	broken error // what the disk has failed with, of the goroutine that writes
	sums   *pageSums
	mapped int

	mu sync.Mutex
	// busy is closed when the goroutine that writes ends; nil when none runs.
	busy chan struct{}
	// err is the outcome of the last write.
	err error
	// unwritten is the checkpoint whose write failed, to be merged into the next.
	unwritten *Checkpoint
	// ended is the checkpoint whose outcome nobody has been told.
	ended *Checkpoint
	// drops are owners whose state is to be freed.
	drops []uint64
	// current is the file as it was after the last checkpoint that Settle saw.
	current *version
	// idle is signalled when a reader leaves a version.
	idle *sync.Cond
	// waiting counts those who wait for the writing; hurry ends a pause of it.
	waiting atomic.Int32
	hurry   chan struct{}
	// stepped is set when the dataflow takes in something. noticed is when the goroutine that writes last saw that, and
	// rested when it last rested; both are that one's.
	stepped         atomic.Bool
	noticed, rested time.Time
	// written gets something when the goroutine that writes ends.
	written chan struct{}
	open    map[*version]struct{}
	closed  bool
}

// Options say how the file is written. The zero value is right for everything but tests.
type Options struct {
	// TxChanges is how many changes are put into the buckets at once; a checkpoint of no more has no journal.
	TxChanges int
	// ChunkBytes is about how long a chunk of a journal is; one transaction writes one.
	ChunkBytes int
	// Fault is asked before every transaction; an error of it is that of the disk.
	Fault func() error
	// Failed is told when the disk fails, which being full is not. Nothing is written to the file after that.
	Failed func(error)
}

// Open opens or creates the file. A checkpoint whose journal is whole is put into its place.
func Open(path string, o Options) (*Store, error) {
	o.TxChanges, o.ChunkBytes = cmp.Or(o.TxChanges, 4<<10), cmp.Or(o.ChunkBytes, 1<<20)
	s := &Store{options: o, open: map[*version]struct{}{}, written: make(chan struct{}, 1), hurry: make(chan struct{}, 1)}
	s.idle = sync.NewCond(&s.mu)
	s.update = s.transact
	beside, err := check(path)
	if err == nil && beside == nil { // else all of it was read just now
		err = mapped.Readable(path)
	}
	if err == nil {
		err = s.openFile(path)
	}
	if err != nil {
		if log.Broken(err) || mapped.IsFault(err) {
			s.tell(err)
		}
		return nil, diskError("cannot open state file "+path, err)
	}
	if err = log.SyncDir(filepath.Dir(path)); err == nil { // the file may be new
		s.sums, err = openSums(path, s.db, beside)
	}
	if err == nil {
		err = errors.Join(s.replayJournal(), s.sums.save(s.db))
	}
	if err == nil {
		s.current, err = s.newVersion()
	}
	if err != nil {
		err = s.met(err)
		return nil, errors.Join(diskError("cannot open state file "+path, err), s.db.Close())
	}
	return s, nil
}

// openFile opens the database.
func (s *Store) openFile(path string) (err error) {
	for _, s.mapped = range initialMaps {
		s.db, err = mapped.Open(path, 0o644, bbolt.Options{
			Timeout: time.Second, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType, InitialMmapSize: s.mapped,
		})
		if !errors.Is(err, syscall.ENOMEM) {
			break
		}
	}
	return err
}

// transact runs one transaction that writes.
func (s *Store) transact(fn func(*bbolt.Tx) error) (err error) {
	if s.broken != nil {
		return s.broken
	}
	if s.options.Fault != nil {
		err = log.WithCause(s.options.Fault())
	}
	if err == nil {
		s.db.NoFreelistSync = s.db.Stats().FreePageN > listedPages
		err = log.WithCause(updated(s.db, fn))
	}
	if err == nil {
		err = s.sums.advance(s.db)
	}
	if err = unread(s.db.Path(), err); log.Broken(err) || IsDamage(err) {
		s.broken = fmt.Errorf("%s: %w", s.db.Path(), err)
		s.tell(s.broken)
	}
	return err
}

// view runs one transaction that reads.
func (s *Store) view(fn func(*bbolt.Tx) error) error { return s.met(s.db.View(fn)) }

// met returns the error of who has read the file, and tells when that cannot be done.
func (s *Store) met(err error) error {
	if mapped.IsFault(err) && !IsDamage(err) {
		err = unread(s.db.Path(), err)
		s.tell(err)
	}
	return err
}

// tell tells that the disk has failed.
func (s *Store) tell(err error) {
	if s.options.Failed != nil {
		s.options.Failed(err)
	}
}

// updated runs one transaction. That the library panics at a page that makes no sense is an error.
func updated(db *mapped.DB, fn func(*bbolt.Tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = senseless(db, p)
		}
	}()
	return db.Update(fn)
}

// Close waits for the write that runs and closes the file. Changes that a failed write left are lost: the last
// checkpoint stands. Snapshots of maps that are not whole in memory cannot be read any more.
func (s *Store) Close() error {
	err := s.Wait()
	s.closeVersions()
	if cerr := s.db.Close(); cerr != nil {
		err = errors.Join(err, diskError("cannot close state file", cerr))
	}
	return err
}

// Busy tells whether a checkpoint is being written.
func (s *Store) Busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy != nil
}

// Written gets something when what was being written is, and Settle has to be called.
func (s *Store) Written() <-chan struct{} { return s.written }

// Wait waits until nothing is being written and returns how the last write ended. After an error the file holds the
// checkpoint before it, or the whole of it; the next Commit writes what is missing too.
func (s *Store) Wait() error {
	s.mu.Lock()
	busy := s.busy
	s.mu.Unlock()
	if busy != nil {
		s.waiting.Add(1)
		defer s.waiting.Add(-1)
		select {
		case s.hurry <- struct{}{}:
		default:
		}
		<-busy
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

const (
	// restAfter is how long the store's goroutine works at a time.
	restAfter = 2 * time.Millisecond
	// idleAfter is for how long nothing must have come in for it to go on without a rest.
	idleAfter = 500 * time.Millisecond
)

// Stepped tells that the dataflow takes in something. It may be called at any time.
func (s *Store) Stepped() { s.stepped.Store(true) }

// rest leaves the cores and the disk to others for as long as the store's goroutine has worked since it last did so,
// unless somebody waits, or nothing has come in for a while. It is called after each transaction, and between pieces of
// other work.
func (s *Store) rest() {
	now := time.Now()
	worked := now.Sub(s.rested)
	if worked < restAfter {
		return
	}
	if s.stepped.Swap(false) {
		s.noticed = now
	}
	if s.waiting.Load() == 0 && now.Sub(s.noticed) < idleAfter {
		select {
		case <-s.hurry:
		case <-time.After(worked):
		}
	}
	s.rested = time.Now()
}

// Settle tells the maps and operators what has become of the checkpoint that ended since it was last called, if one
// has: only then may what they hold be evicted.
func (s *Store) Settle() error {
	s.mu.Lock()
	c := s.ended
	s.ended = nil
	s.mu.Unlock()
	if c == nil {
		return nil
	}
	if c.err == nil {
		v, err := s.newVersion()
		if err != nil {
			c.settle(false)
			return diskError("cannot read state", s.met(err))
		}
		s.mu.Lock()
		old := s.current
		s.current = v
		s.mu.Unlock()
		old.release()
	}
	c.settle(c.err == nil)
	return nil
}

// Meta returns the metadata of the last checkpoint in the file, nil when there is none.
func (s *Store) Meta() (meta []byte, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
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
	return s.view(func(tx *bbolt.Tx) error {
		c := s.newCursor(tx, opID{owner, op})
		if c == nil {
			return nil
		}
		for k, v := c.seek(nil); k != nil; k, v = c.next() {
			key, value, err := loadPair(k, v)
			if err == nil {
				err = fn(key, value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Owners lists whose state the file holds.
func (s *Store) Owners() (list []uint64, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		b := tx.Bucket(opsBucket)
		if b == nil {
			return nil
		}
		return b.ForEachBucket(func(k []byte) error {
			list = append(list, binary.BigEndian.Uint64(k))
			return nil
		})
	})
	return list, diskError("cannot read state", err)
}

// Drop frees the state of an owner, in the file and in what is still to be written. It does not wait for that: the
// store's goroutine does it, when it has written what it is writing.
func (s *Store) Drop(owner uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unwritten != nil {
		s.unwritten.forget(owner)
	}
	s.drops = append(s.drops, owner)
	if s.busy == nil {
		s.busy = make(chan struct{})
		go s.work(nil)
	}
}

// work is the store's goroutine: it writes a checkpoint, if there is one, and frees what is to be dropped.
func (s *Store) work(c *Checkpoint) {
	if c != nil {
		err := diskError("cannot write checkpoint", s.write(c))
		_ = s.sums.save(s.db) // without them the file is taken as it is
		s.mu.Lock()
		s.err, c.err = err, err
		if err != nil {
			s.unwritten = c
		}
		s.ended = c
		s.mu.Unlock()
	}
	for {
		s.mu.Lock()
		drops := s.drops
		s.drops = nil
		if len(drops) == 0 {
			close(s.busy)
			s.busy = nil
			s.mu.Unlock()
			select {
			case s.written <- struct{}{}:
			default:
			}
			return
		}
		s.mu.Unlock()
		for _, owner := range drops {
			if err := s.drop(owner); err != nil { // it is freed when the file is opened again
				s.mu.Lock()
				s.err = diskError("cannot drop state", err)
				s.mu.Unlock()
			}
		}
		_ = s.sums.save(s.db)
	}
}

func (s *Store) drop(owner uint64) error {
	return s.update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(opsBucket)
		key := opID{owner: owner}.ownerKey()
		if b == nil || b.Bucket(key) == nil {
			return nil
		}
		return b.DeleteBucket(key)
	})
}

func opBucket(tx *bbolt.Tx, id opID) *bbolt.Bucket {
	b := tx.Bucket(opsBucket)
	if b == nil {
		return nil
	}
	if b = b.Bucket(id.ownerKey()); b == nil {
		return nil
	}
	return b.Bucket(id.opKey())
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
	if err == nil || IsDamage(err) {
		return err
	}
	code := sqlerr.IOError
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		code = sqlerr.DiskFull
	}
	return sqlerr.New(code, "%s: %v", what, err)
}
