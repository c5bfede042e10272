package engine

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/log"
)

// checkpointFile is the file of the flow's checkpoints in the engine's directory.
const checkpointFile = "flow-1.db"

// copyTimeout bounds how long a copy may make no progress.
const copyTimeout = 30 * time.Second

// Copies are the copies of checkpoints that the nodes of a cluster hold, so that each can go on where another ended.
// The node that leads gives its checkpoints to the others; one that begins to lead without one fetches it. What the log
// keeps goes only when a majority has a checkpoint that does not need it, and no node is about to go on from one that
// does.
//
// A copy travels sealed, as
//
//	length of metadata u32 | metadata | the file
//
// and is answered with one byte.
type Copies struct {
	node   *cluster.Node
	voters func() []uint64 // the nodes that it takes most of
	dir    string
	log    *slog.Logger

	// differs are the queries that put out something else when they are computed again here: see doubt.go. It is that of
	// the flow that runs.
	differs map[uint32]string

	// file is held by whoever reads or replaces the checkpoint here while the engine does not run.
	file sync.Mutex

	mu     sync.Mutex
	use    use               // of the checkpoint here; guarded by mu
	store  *state.Store      // of an engine that follows, where it may be read; guarded by mu
	giving net.Conn          // where the checkpoint here is sent just now; guarded by mu
	held   map[uint64][]byte // the metadata of what other nodes hold; guarded by mu
	lent   map[uint64]loan   // what nodes were given and have not caught up from; guarded by mu
}

// use says what uses a checkpoint.
type use int

const (
	unused  use = iota
	follows     // an engine that follows: a copy that comes is laid beside
	leads       // the engine of this node, which leads
)

// spareFile is a copy that came while an engine followed.
const spareFile = "flow-1.copy"

// NewCopies makes a node take copies in, and give its own to nodes that ask.
func NewCopies(node *cluster.Node, dir string, logger *slog.Logger) *Copies {
	c := &Copies{node: node, voters: node.Voters, dir: dir, log: logger, held: map[uint64][]byte{},
		lent: map[uint64]loan{}, differs: map[uint32]string{}}
	node.HandleStreams(cluster.StreamCheckpoints, c.serve)
	node.VoteWhen(c.ready)
	return c
}

// ready reports whether a node could go on from the checkpoint that it holds.
func (c *Copies) ready(node uint64) bool {
	steps, ok := c.node.Topic(stepsTopic)
	if !ok {
		return true
	}
	first, _, err := c.node.Bounds(steps.IDs[0])
	c.mu.Lock()
	defer c.mu.Unlock()
	return err == nil && stepsOf(c.held[node]) >= first
}

func (c *Copies) path() string { return filepath.Join(c.dir, checkpointFile) }

// serve answers another node: it gives a copy, or wants the one that is here.
func (c *Copies) serve(from uint64, header []byte, s net.Conn) {
	switch string(header) {
	case "put":
		if err := c.take(s); err != nil {
			c.log.Warn("a checkpoint was not taken in", "from", from, "error", err)
			return
		}
		s.Write([]byte{1}) // when that is lost, it is sent again
	case "have":
		if _, err := s.Write(c.have()); err != nil {
			c.log.Debug("what checkpoint there is was not told", "to", from, "error", err)
		}
	case "get":
		if err := c.give(s); err != nil {
			c.log.Warn("a checkpoint was not given", "to", from, "error", err)
		}
	}
}

// take puts a copy that another node sends into the place of the one that is here. Nobody waits for the other node.
func (c *Copies) take(s net.Conn) error {
	if c.usedBy() == leads {
		return errLeads
	}
	name, _, err := c.receive(s)
	if err != nil {
		return err
	}
	defer os.Remove(name)
	c.file.Lock()
	defer c.file.Unlock()
	switch c.usedBy() {
	case leads:
		return errLeads
	case follows:
		return c.place(name, spareFile)
	}
	return c.place(name, checkpointFile)
}

func (c *Copies) usedBy() use {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.use
}

var errLeads = errors.New("this node leads")

// receive writes what a stream brings to a new file beside the checkpoint that is here, and returns its name, which is
// the caller's to remove, and the checkpoint's metadata.
func (c *Copies) receive(s net.Conn) (name string, meta []byte, err error) {
	if err := log.MakeDir(c.dir, 0o755); err != nil {
		return "", nil, err
	}
	f, err := os.CreateTemp(c.dir, "copy-*")
	if err != nil {
		return "", nil, err
	}
	meta, err = readCopy(s, f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		if log.Broken(err) {
			c.node.Fail(fmt.Errorf("a copy of a checkpoint: %w", err))
		}
		return "", nil, errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), meta, nil
}

// place gives a file of the directory its name; c.file is held.
func (c *Copies) place(from, to string) error {
	err := state.RemoveSums(filepath.Join(c.dir, to))
	if err = errors.Join(err, os.Rename(from, filepath.Join(c.dir, to))); err != nil {
		return err
	}
	return errors.Join(state.WriteSums(filepath.Join(c.dir, to)), log.SyncDir(c.dir))
}

// give sends the checkpoint that is here, until the engine is to run.
func (c *Copies) give(s net.Conn) error {
	c.file.Lock()
	defer c.file.Unlock()
	c.mu.Lock()
	use, store := c.use, c.store
	c.giving = s
	c.mu.Unlock()
	var file *state.Copy
	var err error
	switch {
	case use == unused:
		if err = state.Check(c.path()); err == nil {
			file, err = state.CopyFile(c.path())
		}
	case store != nil:
		file, err = store.Copy()
	default:
		return errLeads
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(writeCopy(s, file), file.Close())
}

// progress is a stream of which every read and write has a while.
type progress struct{ net.Conn }

// Read implements io.Reader.
func (p progress) Read(b []byte) (int, error) {
	p.SetReadDeadline(time.Now().Add(copyTimeout))
	return p.Conn.Read(b)
}

// Write implements io.Writer.
func (p progress) Write(b []byte) (int, error) {
	p.SetWriteDeadline(time.Now().Add(copyTimeout))
	return p.Conn.Write(b)
}

func writeCopy(s net.Conn, file *state.Copy) error {
	return writeSealed(progress{s}, func(w io.Writer) error {
		head := binary.LittleEndian.AppendUint32(nil, uint32(len(file.Meta)))
		if _, err := w.Write(append(head, file.Meta...)); err != nil {
			return err
		}
		return writeFile(w, file)
	})
}

// readCopy writes the file to w and returns its metadata.
func readCopy(s net.Conn, w io.Writer) (meta []byte, err error) {
	err = readSealed(progress{s}, func(r io.Reader) error {
		var n [4]byte
		if _, err := io.ReadFull(r, n[:]); err != nil {
			return err
		}
		meta = make([]byte, binary.LittleEndian.Uint32(n[:]))
		if _, err := io.ReadFull(r, meta); err != nil {
			return err
		}
		return readFile(r, w)
	})
	return meta, err
}

// stepsOf says from where in the steps a checkpoint goes on, 0 for none.
func stepsOf(meta []byte) int64 {
	var m checkpointMeta
	if len(meta) == 0 || json.Unmarshal(meta, &m) != nil {
		return 0
	}
	return m.Steps
}

// prepare makes sure that the checkpoint here is not older than the steps that are kept, and fits the catalog, before
// the engine opens it.
func (c *Copies) prepare(ctx context.Context, first int64, fits fitting) error {
	c.lead()
	c.file.Lock()
	defer c.file.Unlock()
	err := c.setAside()
	if err == nil {
		err = c.takeSpare(fits)
	}
	if err == nil {
		err = c.newEnough(ctx, first, fits)
	}
	if err != nil {
		c.release()
	}
	return err
}

// lead says that an engine leads here, or is about to.
func (c *Copies) lead() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.held)
	clear(c.lent)
	c.use = leads
	c.storeLocked(nil)
}

// follow makes sure that the newest checkpoint is the one that an engine opens which is to follow.
func (c *Copies) follow(fits fitting) error {
	c.mu.Lock()
	c.use = follows
	c.storeLocked(nil)
	c.mu.Unlock()
	c.file.Lock()
	defer c.file.Unlock()
	err := c.setAside()
	if err == nil {
		err = c.takeSpare(fits)
	}
	if err != nil {
		c.release()
	}
	return err
}

// giveOf says from where checkpoints are given while an engine follows; nil for nowhere. Nothing is read from the one
// before then.
func (c *Copies) giveOf(store *state.Store) {
	c.mu.Lock()
	c.storeLocked(store)
	c.mu.Unlock()
	if store == nil {
		c.file.Lock() // until nothing is given any more
		defer c.file.Unlock()
	}
}

func (c *Copies) storeLocked(store *state.Store) {
	if c.store = store; c.giving != nil && store == nil {
		c.giving.Close()
	}
}

// have is the metadata of the checkpoint of an engine that follows: it writes them by itself, and needs no copies as
// long as that is one to go on from.
func (c *Copies) have() []byte {
	c.file.Lock()
	defer c.file.Unlock()
	c.mu.Lock()
	store := c.store
	c.mu.Unlock()
	if store == nil {
		return nil
	}
	meta, err := store.Meta()
	if err != nil {
		c.log.Warn("a checkpoint cannot be read", "error", err)
	}
	return meta
}

// fitting returns an error when a checkpoint, by its metadata, does not fit the catalog.
type fitting func(meta []byte) error

// metaIn is the metadata of the checkpoint in a file; ok is false where there is none.
func (c *Copies) metaIn(name string) (meta []byte, ok bool, err error) {
	file, err := state.CopyFile(filepath.Join(c.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return file.Meta, true, file.Close()
}

// takeSpare lets a copy that was laid beside take the place of the checkpoint, when it is newer, or fits and the other
// does not; c.file is held.
func (c *Copies) takeSpare(fits fitting) error {
	spare, ok, err := c.metaIn(spareFile)
	if err != nil || !ok {
		return err
	}
	own, ok, err := c.metaIn(checkpointFile)
	if err != nil {
		return err
	}
	better := stepsOf(own) < stepsOf(spare)
	if fit := fits(spare) == nil; fit != (fits(own) == nil) {
		better = fit
	}
	if !ok || better {
		return c.place(filepath.Join(c.dir, spareFile), checkpointFile)
	}
	return os.Remove(filepath.Join(c.dir, spareFile))
}

// newEnough fetches a checkpoint unless the one here is new enough.
func (c *Copies) newEnough(ctx context.Context, first int64, fits fitting) error {
	own, ok, err := c.metaIn(checkpointFile)
	if err != nil {
		return err
	}
	var why error
	if ok {
		why = fits(own)
	}
	if stepsOf(own) >= first && why == nil {
		return nil
	}
	if err = c.fetch(ctx, first, fits); err != nil && stepsOf(own) >= first { // it may do all the same
		c.log.Warn("no node that answers has a checkpoint that fits better", "error", why)
		return nil
	}
	return err
}

// ErrNoCheckpoint is the error of an engine that has no checkpoint to go on from, and gets none.
var ErrNoCheckpoint = errors.New("engine: no checkpoint that the log goes on from")

// fetch gets a checkpoint from a node that has one which is new enough.
func (c *Copies) fetch(ctx context.Context, first int64, fits fitting) error {
	errs := []error{fmt.Errorf("%w: no node that answers has one that is new enough", ErrNoCheckpoint)}
	for _, m := range c.node.Members() {
		if m.ID == c.node.Self() {
			continue
		}
		err := c.fetchFrom(ctx, m.ID, first, fits)
		if err == nil {
			c.log.Info("a checkpoint was fetched", "from", m.ID)
			return nil
		}
		errs = append(errs, fmt.Errorf("node %d: %w", m.ID, err))
	}
	return errors.Join(errs...)
}

func (c *Copies) fetchFrom(ctx context.Context, node uint64, first int64, fits fitting) error {
	s, err := c.node.OpenStream(ctx, node, cluster.StreamCheckpoints, []byte("get"))
	if err != nil {
		return err
	}
	defer s.Close()
	defer context.AfterFunc(ctx, func() { s.Close() })()
	name, meta, err := c.receive(s)
	if err != nil {
		return err
	}
	defer os.Remove(name)
	if steps := stepsOf(meta); steps < first {
		return fmt.Errorf("its checkpoint goes on at step record %d, the log begins at %d", steps, first)
	}
	if err := fits(meta); err != nil {
		return err
	}
	return c.place(name, checkpointFile)
}

// release says that the engine has closed its file.
func (c *Copies) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.use, c.store = unused, nil
}

// fetchCheckpoint sees to it that the engine finds a checkpoint that it can go on from.
func (e *Engine) fetchCheckpoint(ctx context.Context) error {
	steps, ok := e.node.Topic(stepsTopic)
	if !ok {
		return fmt.Errorf("engine: internal topics are missing")
	}
	first, _, err := e.node.Bounds(steps.IDs[0])
	if err != nil {
		return err
	}
	if e.cfg.Copies == nil {
		return e.setAsideAlone(first)
	}
	return e.cfg.Copies.prepare(ctx, first, e.fitsCatalog)
}

// shareNoMore says that the checkpoint may be replaced by others'.
func (e *Engine) shareNoMore() {
	if e.cfg.Copies != nil {
		e.cfg.Copies.release()
	}
}

// fitsCatalog is a fitting.
func (e *Engine) fitsCatalog(body []byte) error {
	meta, err := readMeta(body)
	if err == nil {
		err = e.remembers(meta)
	}
	if err == nil {
		err = e.begunBy(meta)
	}
	return err
}
