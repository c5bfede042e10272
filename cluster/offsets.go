package cluster

import (
	"errors"
	"io"
	"os"

	"github.com/leatdb/leat/log"
)

// EpochEnd answers Kafka's OffsetForLeaderEpoch: the newest leader epoch that is not newer than the one asked for, and
// the offset behind its last record. found is -1 when there is none.
func (n *Node) EpochEnd(p PartitionID, epoch int32) (found int32, end int64, err error) {
	l, err := n.log(p)
	if err != nil {
		return -1, -1, err
	}
	found, end, ok := l.EpochEnd(epoch)
	if !ok {
		return -1, -1, nil
	}
	return found, end, nil
}

// LeaderEpoch is the current leader epoch of a partition.
func (n *Node) LeaderEpoch(p PartitionID) (int32, error) {
	shard, err := n.place(p)
	if err != nil {
		return -1, err
	}
	return int32(n.groups[1+shard].raft.CurrentTerm()), nil
}

// A TimedOffset is the place of a record.
type TimedOffset struct {
	Offset      int64
	Timestamp   int64 // milliseconds
	LeaderEpoch int32
}

// FindTime finds the first record that is not older than ms, milliseconds since 1970; ok is false when there is none.
// Damage is repaired as it is for Read.
func (n *Node) FindTime(p PartitionID, ms int64) (at TimedOffset, ok bool, err error) {
	l, err := n.log(p)
	if err != nil {
		return at, false, err
	}
	at.Offset, at.Timestamp, ok, err = l.OffsetForTime(ms)
	if errors.Is(err, log.ErrCorrupt) && n.repair(p, l) {
		at.Offset, at.Timestamp, ok, err = l.OffsetForTime(ms)
	}
	at.LeaderEpoch = l.EpochAt(at.Offset)
	return at, ok, readError(p, err)
}

// MaxTimestamp finds the first record with the partition's newest timestamp; ok is false when it is empty.
func (n *Node) MaxTimestamp(p PartitionID) (at TimedOffset, ok bool, err error) {
	l, err := n.log(p)
	if err != nil {
		return at, false, err
	}
	newest, ok, err := l.NewestTime()
	if err != nil || !ok {
		return at, false, readError(p, err)
	}
	return n.FindTime(p, newest)
}

// SizeBytes is the size of a partition's files.
func (n *Node) SizeBytes(p PartitionID) (int64, error) {
	l, err := n.log(p)
	if err != nil {
		return 0, err
	}
	return l.SizeBytes(), nil
}

// Compacted is the offset below which records of a partition may be missing that others below it replace.
func (n *Node) Compacted(p PartitionID) (int64, error) {
	at, err := n.find(p)
	if err != nil {
		return 0, err
	}
	l, err := at.open()
	if err != nil {
		return 0, readError(p, err)
	}
	upto := l.Cleaned()
	for _, c := range at.waiting() {
		upto = max(upto, c.Upto)
	}
	return upto, nil
}

// Locate finds the topic of a partition and its number there.
func (n *Node) Locate(p PartitionID) (topic Topic, index int, ok bool) {
	v := n.control.view.Load()
	at, ok := v.partitions[p]
	return v.topics[at.topic], at.index, ok
}

// A FileRange is whole batches in a file, to be sent as they are. The file stays readable until Close, whatever
// happens to the partition.
type FileRange struct {
	File   *os.File
	Offset int64
	Bytes  int64
}

// WriteTo writes the range to w, by sendfile when w is a TCP connection.
func (r *FileRange) WriteTo(w io.Writer) (int64, error) {
	if r.Bytes == 0 {
		return 0, nil
	}
	if _, err := r.File.Seek(r.Offset, io.SeekStart); err != nil {
		return 0, err
	}
	n, err := io.Copy(w, &io.LimitedReader{R: r.File, N: r.Bytes})
	if err == nil && n < r.Bytes {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Close closes the file.
func (r *FileRange) Close() error {
	if r.File == nil {
		return nil
	}
	return r.File.Close()
}

// File is Read without reading: where the batches are. Bytes is 0 at the end of the log. Batches at limit and behind,
// when it is not negative, are left out (a high watermark or last stable offset). Not every file system can do it
// (errors.ErrUnsupported); Read always can.
func (n *Node) File(p PartitionID, offset, limit int64, maxBytes int) (*FileRange, error) {
	l, err := n.log(p)
	if err != nil {
		return nil, err
	}
	f, at, size, err := l.File(offset, limit, maxBytes)
	if err != nil {
		return nil, readError(p, err)
	}
	return &FileRange{f, at, size}, nil
}
