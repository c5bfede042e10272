package cluster

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/hashicorp/raft"
	"github.com/leatdb/leat/cluster/wal"
)

// A Backup is everything that a node has applied at one moment. It is written as
//
//	length u32 | backupHead | size u64 | control database | a shard's manifest and files, as ship.go has them | …
//
// with numbers in little-endian order.
type Backup struct {
	node    *Node
	head    backupHead
	control []byte   // the control database at the moment
	bodies  [][]byte // the shards' manifests
}

// backupHead is the first of what is written.
type backupHead struct {
	Groups []groupMoment `json:"groups"`
	Level  Level         `json:"level,omitzero"`
}

// A groupMoment is how far a raft group was.
type groupMoment struct {
	Index uint64 `json:"index"`
	Term  uint64 `json:"term"`
}

// Backup notes where everything is. No partition may lose anything until Close: the caller has frozen them all. A node
// that leads is the one to ask: what it has applied of one group is never without what that follows from in another.
func (n *Node) Backup(ctx context.Context) (*Backup, error) {
	b := &Backup{node: n}
	for _, s := range n.shards {
		s.kept.Add(1)
	}
	release, err := n.moment(ctx, slices.Repeat([]bool{true}, len(n.shards)))
	if err == nil {
		err = b.note()
		release()
	}
	if err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// note notes where everything is while nothing is applied to shards.
func (b *Backup) note() error {
	for _, s := range b.node.shards {
		snap, err := s.Snapshot()
		if err != nil {
			return err
		}
		b.bodies = append(b.bodies, snap.(*shardSnapshot).body)
	}
	snap, err := b.node.control.Snapshot() // with all that the shards know of: it was there before
	if err != nil {
		return err
	}
	defer snap.Release() // the database cannot grow before: nobody could change a document while somebody takes a backup
	var control bytes.Buffer
	if _, err := snap.(*controlSnapshot).tx.WriteTo(&control); err != nil {
		return err
	}
	b.control = control.Bytes()
	b.head.Level = b.node.control.view.Load().level
	for _, g := range b.node.groups { // beyond what is applied is well, but not below: a backup holds no entries
		b.head.Groups = append(b.head.Groups, groupMoment{g.raft.LastIndex(), g.raft.CurrentTerm()})
	}
	return nil
}

// Close ends the backup.
func (b *Backup) Close() {
	for _, s := range b.node.shards {
		if s.dropMu.Lock(); s.kept.Add(-1) == 0 && len(s.dropped) > 0 {
			s.resnap() // their files go then
		}
		s.dropMu.Unlock()
	}
}

// WriteTo implements io.WriterTo.
func (b *Backup) WriteTo(w io.Writer) (n int64, err error) {
	head, err := json.Marshal(&b.head)
	if err != nil {
		return 0, err
	}
	c := counting{w: w}
	first := append(binary.LittleEndian.AppendUint32(nil, uint32(len(head))), head...)
	if _, err := c.Write(binary.LittleEndian.AppendUint64(first, uint64(len(b.control)))); err != nil {
		return c.n, err
	}
	if _, err := c.Write(b.control); err != nil {
		return c.n, err
	}
	for i, s := range b.node.shards {
		files, _, err := s.files(b.bodies[i], func() {})
		if err == nil {
			_, err = io.Copy(&c, files)
			err = errors.Join(err, files.Close())
		}
		if err != nil {
			return c.n, fmt.Errorf("cluster: backup of shard %d: %w", i, err)
		}
	}
	return c.n, nil
}

// counting counts what is written.
type counting struct {
	w io.Writer
	n int64
}

// Write implements io.Writer.
func (c *counting) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// TakeBackup makes a node's directory, which must be new, of a backup as it was written, and checks every batch. Its
// files are durable then; their names are when the directories are. Recover makes a cluster of it.
func TakeBackup(cfg Config, r io.Reader) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	n := &Node{cfg: cfg.withDefaults(), stop: make(chan struct{})}
	for _, dir := range []string{n.cfg.Dir, n.path("shards"), n.path("snapshots")} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return fmt.Errorf("cluster: %w", err)
		}
	}
	var head backupHead
	if err := readHead(r, &head); err != nil {
		return fmt.Errorf("cluster: head of a backup: %w", err)
	}
	if err := n.usableAt("the backup", head.Level); err != nil {
		return err
	}
	if err := n.takeControl(r, len(head.Groups)-1); err != nil {
		return fmt.Errorf("cluster: control database of a backup: %w", err)
	}
	if err := n.takeShards(r, head.Groups); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	n.identity = identity{Node: founder, Cluster: randomName(), Shards: n.control.homes, Spread: n.control.spread}
	return n.saveIdentity()
}

func readHead(r io.Reader, head *backupHead) error {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return err
	}
	body := make([]byte, binary.LittleEndian.Uint32(size[:]))
	if _, err := io.ReadFull(r, body); err != nil {
		return err
	}
	return json.Unmarshal(body, head)
}

// takeControl writes the control database.
func (n *Node) takeControl(r io.Reader, shards int) error {
	var size [8]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return err
	}
	f, err := os.Create(n.path("control.db"))
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, r, int64(binary.LittleEndian.Uint64(size[:])))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := n.openControl(1, 0); err != nil {
		return err
	}
	if is := n.control.shards(); is != shards {
		err = fmt.Errorf("it is of %d shards, the backup has %d", is, shards)
	}
	return errors.Join(err, n.control.close())
}

// takeShards writes the files of the shards, and what raft has to know.
func (n *Node) takeShards(r io.Reader, groups []groupMoment) (err error) {
	if n.wal, err = wal.Open(n.path("wal"), n.cfg.WAL); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.wal.Close()) }()
	control, err := os.Open(n.path("control.db"))
	if err != nil {
		return err
	}
	defer control.Close()
	for i, fsm := range n.machines() {
		body := io.Reader(control)
		if s, ok := fsm.(*shard); ok {
			if body, err = s.takeIn(r); err != nil {
				return fmt.Errorf("files of shard %d: %w", s.index, err)
			}
		}
		if err := n.takeGroup(groupID(i), groups[i], body); err != nil {
			return fmt.Errorf("group %d: %w", groupID(i), err)
		}
	}
	return nil
}

// takeGroup makes a snapshot of what a group had applied, the only thing that is there of it.
func (n *Node) takeGroup(id uint64, m groupMoment, body io.Reader) error {
	logger := raftLogger(n.cfg.Logger)
	snaps, err := openSnapshots(n.path("snapshots"), id, logger, n.failed)
	if err != nil {
		return err
	}
	self := serverOf(founder)
	servers := raft.Configuration{Servers: []raft.Server{
		{ID: self, Address: raft.ServerAddress(self), Suffrage: raft.Voter}}}
	sink, err := snaps.Create(raft.SnapshotVersionMax, m.Index, m.Term, servers, m.Index, newLone())
	if err != nil {
		return err
	}
	if _, err := io.Copy(sink, body); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	if err := sink.Close(); err != nil {
		return err
	}
	return n.wal.Group(id).SetUint64([]byte("CurrentTerm"), m.Term) // terms go on from there
}

// FreezeAll is Freeze of all partitions that there are or will be.
func (n *Node) FreezeAll(ctx context.Context) (release func(), err error) {
	n.holds.freezeAll(1)
	release = func() { n.holds.freezeAll(-1) }
	var ids []PartitionID
	for _, s := range n.shards {
		ids = append(ids, s.ids()...)
	}
	settled, err := n.Freeze(ctx, ids)
	if err != nil {
		release()
		return nil, err
	}
	settled()
	return release, nil
}

func (h *holds) freezeAll(by int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all += by
}
