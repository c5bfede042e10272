package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/leatdb/leat/cluster/mesh"
	"github.com/leatdb/leat/log/mapped"
	"go.etcd.io/bbolt"
)

// The level of a cluster is one number for the format of everything that its nodes write for each other or for later:
// entries, documents, step records, checkpoints, manifests, the write-ahead log, what nodes ask of each other. A
// binary works at the levels from minLevel to maxLevel. The cluster's is a document: the leader raises it to the
// highest that all members know, also those that are down, and it never falls. What a level has brought is written
// once the cluster is there ([Node.Level]) and not before, so until then each node may go back to the binary that it
// had.
//
// What each level has brought:
//
//	1  everything up to the first version that knows of levels
//	2  LevelSums: step records say what each query put out and which were given up, checkpoints say of what graph a
//	   query's state is
//	3  LevelSpread: clusters that are made have spread shards, and topics may be there
//
// Whoever adds something that an older binary would not understand, or would pass over to its harm, adds a row and a
// constant, and asks for the level before it is written. The name of the document and its form never change.
const (
	minLevel = 1
	maxLevel = 3
)

// LevelSums is the level from which on step records and checkpoints tell how they can be checked.
const LevelSums = 2

// LevelSpread is the level from which on a new cluster has spread shards.
const LevelSpread = 3

// levelKey is the name of the level's document.
const levelKey = "level"

// A Level is that document.
type Level struct {
	Level   int    `json:"level"`
	Version string `json:"version"` // of the binary that raised it
}

// firstLevel is that of a cluster without a document.
const firstLevel = 1

// OwnLevels are the levels that this binary works at.
func OwnLevels() mesh.Levels { return mesh.Levels{Min: minLevel, Max: maxLevel} }

// levelOf reads the document.
func levelOf(doc []byte) Level {
	var l Level
	if json.Unmarshal(doc, &l) != nil || l.Level < firstLevel {
		l.Level = firstLevel
	}
	return l
}

// refuses says why a binary cannot be used with what, which is at the level; "" when it can.
func (l Level) refuses(what, version string, own mesh.Levels) string {
	if own == (mesh.Levels{}) {
		own = mesh.Levels{Min: firstLevel, Max: firstLevel}
	}
	by := ""
	if l.Version != "" {
		by = fmt.Sprintf(", which version %s has raised it to", l.Version)
	}
	at := max(l.Level, firstLevel)
	switch {
	case own.Has(at):
		return ""
	case at > own.Max:
		return fmt.Sprintf("%s is at level %d%s; version %s works at levels %d to %d: use a version that knows level %d",
			what, at, by, version, own.Min, own.Max, at)
	default:
		return fmt.Sprintf("%s is at level %d%s; version %s works at levels %d to %d: upgrade to a version first that "+
			"knows both, and wait until the level has been raised", what, at, by, version, own.Min, own.Max)
	}
}

// Level is the cluster's level: nothing that a later one has brought may be written.
func (n *Node) Level() int { return n.control.view.Load().level.Level }

// levels are those that this node works at.
func (n *Node) levels() mesh.Levels { return n.cfg.Peers.Self.Levels }

// admitLevels says why a node must not be in the cluster because of its levels.
func (n *Node) admitLevels(version string, l mesh.Levels) (refusal string, final bool) {
	if why := n.control.view.Load().level.refuses("the cluster", version, l); why != "" {
		return why, true
	}
	if to := n.raising.Load(); to != 0 && !l.Has(int(to)) {
		return "the cluster's level is being raised", false
	}
	return "", false
}

// unwelcome ends a node whose binary is of other levels than the cluster.
func (n *Node) unwelcome(refusal string) { n.failed(fmt.Errorf("%w: %s", ErrLevel, refusal)) }

// peekTimeout bounds opening a control database to look at it.
const peekTimeout = time.Second

// LevelIn is the level that a node's directory was written at. Nothing in it is touched.
func LevelIn(dir string) (l Level, err error) {
	l, path := levelOf(nil), filepath.Join(dir, "control.db")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	err = guarded(func() error {
		if err := mapped.Readable(path); err != nil {
			return err
		}
		db, err := mapped.Open(path, 0o600, bbolt.Options{Timeout: peekTimeout, ReadOnly: true})
		if err != nil {
			return err
		}
		err = db.View(func(tx *bbolt.Tx) error {
			if docs := tx.Bucket(bucketDocuments); docs != nil {
				l = levelOf(docs.Get([]byte(levelKey)))
			}
			return nil
		})
		return errors.Join(err, db.Close())
	})
	if err != nil {
		return l, fmt.Errorf("cluster: control database %s: %w", path, err)
	}
	return l, nil
}

// Usable returns an error when a binary, this one by its levels, cannot be used with what, which is at the level.
func (l Level) Usable(what, version string, own mesh.Levels) error {
	if why := l.refuses(what, version, own); why != "" {
		return fmt.Errorf("%w: %s", ErrLevel, why)
	}
	return nil
}

// mayUse checks the level of a data directory before anything in it is touched.
func (n *Node) mayUse() error {
	l, err := LevelIn(n.cfg.Dir)
	return errors.Join(err, n.usableAt("the data directory", l))
}

func (n *Node) usableAt(what string, l Level) error {
	return l.Usable(what, n.cfg.Peers.Self.Version, n.levels())
}

// raisable is the level that a cluster could be at: the highest that all members know.
func raisable(members map[uint64]Member) int {
	to := 0
	for _, m := range members {
		if m.HoldLevel {
			return 0
		}
		if high := max(m.Levels.Max, firstLevel); to == 0 || high < to {
			to = high
		}
	}
	for _, m := range members {
		if !m.Levels.Has(to) {
			return 0
		}
	}
	return to
}

// raise raises the cluster's level when all members know a higher one. Who connects meanwhile has to know it too, so
// that no node of an older binary, which its document does not tell of yet, is given what it does not understand.
func (n *Node) raise(ctx context.Context) error {
	v := n.control.view.Load()
	members := v.members
	if n.alone() { // documents of nodes are those of another cluster
		self := n.cfg.Peers.Self
		members = map[uint64]Member{n.Self(): self}
	}
	to := raisable(members)
	if to <= v.level.Level {
		return nil
	}
	if !n.alone() {
		n.raising.Store(int64(to))
		defer n.raising.Store(0)
		all := true
		n.mesh.Each(func(l mesh.Levels, _ func()) { all = all && l.Has(to) })
		if !all {
			return nil
		}
	}
	return n.putLevel(ctx, v.version, to)
}

// putLevel writes the document. When somebody else has changed documents meanwhile, that is all: it is tried again.
func (n *Node) putLevel(ctx context.Context, ifVersion uint64, to int) error {
	doc, err := json.Marshal(&Level{Level: to, Version: n.cfg.Peers.Self.Version})
	if err != nil {
		return err
	}
	_, err = n.Update(ctx, Change{IfVersion: ifVersion, Put: map[string][]byte{levelKey: doc}})
	if errors.Is(err, ErrConflict) {
		return nil
	}
	if err == nil {
		n.cfg.Logger.Info("the level has been raised", "to", to)
	}
	return err
}

// settleLevel gives a new cluster the highest level, and raises that of a node that runs alone.
func (n *Node) settleLevel(ctx context.Context) error {
	if v := n.control.view.Load(); v.version == 0 && len(v.documents) == 0 {
		return n.putLevel(ctx, 0, n.levels().Max)
	}
	if n.alone() {
		return n.raise(ctx)
	}
	return nil
}

// leveled is told of the level whenever the documents have changed: nodes that do not know it are cut off.
func (n *Node) leveled(level int) {
	if n.mesh == nil || n.told.Swap(int64(level)) == int64(level) {
		return
	}
	go n.mesh.Each(func(l mesh.Levels, end func()) {
		if !l.Has(level) {
			end()
		}
	})
}
