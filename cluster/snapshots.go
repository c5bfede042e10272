package cluster

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/leatdb/leat/log"
)

// snapshots are the files of a group's snapshots, the newest of which counts. The library syncs the files and the name
// of the directory that they are in, but not their own names.
type snapshots struct {
	*raft.FileSnapshotStore
	dir    string
	failed func(error) // is told when the disk fails
	bad    error       // why one could not be opened: the library does not say it
}

// openSnapshots makes the directory of a group's snapshots, durably, when it is not there.
func openSnapshots(dir string, group uint64, logger hclog.Logger, failed func(error)) (*snapshots, error) {
	const inside = "snapshots" // so the library names it
	base := filepath.Join(dir, fmt.Sprint(group))
	s := &snapshots{dir: filepath.Join(base, inside), failed: failed}
	err := log.MakeDir(base, 0o755)
	if err == nil {
		err = log.MakeDir(s.dir, 0o755)
	}
	if err == nil {
		s.FileSnapshotStore, err = raft.NewFileSnapshotStoreWithLogger(base, 1, logger)
	}
	return s, err
}

// Create implements raft.SnapshotStore.
func (s *snapshots) Create(version raft.SnapshotVersion, index, term uint64, configuration raft.Configuration,
	configurationIndex uint64, trans raft.Transport) (raft.SnapshotSink, error) {
	sink, err := s.FileSnapshotStore.Create(version, index, term, configuration, configurationIndex, trans)
	if err != nil {
		return nil, s.tell(err)
	}
	return &namedSink{sink, filepath.Join(s.dir, sink.ID()+".tmp"), s, false}, nil
}

// Open implements raft.SnapshotStore.
func (s *snapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	meta, body, err := s.FileSnapshotStore.Open(id)
	if err != nil {
		s.bad = fmt.Errorf("%s: %w (%w)", filepath.Join(s.dir, id), errDamaged, err)
	}
	return meta, body, err
}

// tell passes an error on, and tells the node when it is the disk's.
func (s *snapshots) tell(err error) error {
	if log.Broken(err) {
		s.failed(fmt.Errorf("a snapshot in %s: %w", s.dir, err))
	}
	return err
}

// A namedSink is a snapshot that is being written.
type namedSink struct {
	raft.SnapshotSink
	dir    string
	store  *snapshots
	closed bool
}

// Close implements raft.SnapshotSink: the snapshot is there whole, names included, when it gets its own.
// Raft closes it once more.
func (s *namedSink) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	if err := log.SyncDir(s.dir); err != nil {
		return s.store.tell(fmt.Errorf("cluster: a snapshot: %w", err))
	}
	return s.store.tell(s.SnapshotSink.Close())
}
