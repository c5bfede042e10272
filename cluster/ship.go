package cluster

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/leatdb/leat/log"
)

// A snapshot that goes to another node is not a manifest alone: the files follow that it names.
//
//	+------------+-----------------+----------+---------+---------+-----
//	| "LEATSHIP" | length u64 (LE) | manifest | segment | segment | …
//	+------------+-----------------+----------+---------+---------+-----
//
// Segments come in the order of the manifest, each as long as it says. Whoever sends them checks every batch, since a
// node that has got a snapshot starts from it and from nothing else; whoever takes them in does so as well.
const shipMagic = "LEATSHIP"

const shipHeaderLen = len(shipMagic) + 8

// shipped makes the stream of a manifest and its files. A file that retention has taken meanwhile ends the attempt: a
// newer snapshot, which is asked for, does not name it.
func (s *shard) shipped(body io.Reader, wantSnapshot func()) (io.ReadCloser, int64, error) {
	b, err := io.ReadAll(body)
	if err != nil {
		return nil, 0, err
	}
	return s.files(b, wantSnapshot)
}

// files makes the stream of a manifest and its files.
func (s *shard) files(b []byte, wantSnapshot func()) (io.ReadCloser, int64, error) {
	if len(b) > shipHeaderLen && string(b[:len(shipMagic)]) == shipMagic { // as it came from another node
		wantSnapshot()
		return nil, 0, errors.New("cluster: the newest snapshot is another node's: a new one is taken first")
	}
	var m manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, 0, fmt.Errorf("cluster: manifest of shard %d: %w", s.index, err)
	}
	head := binary.LittleEndian.AppendUint64([]byte(shipMagic), uint64(len(b)))
	f := &shipFiles{shard: s, ready: append(head, b...), gone: wantSnapshot}
	size := int64(len(f.ready))
	for _, p := range m.Partitions {
		dir := s.partitionDir(p.ID)
		for _, seg := range p.State.Segments {
			if seg.Size > 0 {
				f.files = append(f.files, shipFile{p.ID, filepath.Join(dir, seg.FileName()), seg.Size})
				size += seg.Size
			}
		}
	}
	return f, size, nil
}

func (s *shard) partitionDir(id PartitionID) string {
	return filepath.Join(s.dir, strconv.FormatUint(uint64(id), 10))
}

type shipFile struct {
	partition PartitionID
	name      string
	size      int64
}

// shipFiles reads what shipped promises.
type shipFiles struct {
	shard *shard
	ready []byte // comes next
	files []shipFile
	gone  func() // a file is not there any more

	file  shipFile // that is open
	open  *os.File
	in    *bufio.Reader
	left  int64 // of it
	batch []byte
}

// Read implements io.Reader.
func (f *shipFiles) Read(p []byte) (int, error) {
	for len(f.ready) == 0 {
		if err := f.fetch(); err != nil {
			return 0, err
		}
	}
	n := copy(p, f.ready)
	f.ready = f.ready[n:]
	return n, nil
}

// fetch reads the next batch. A partition that has a damaged one is repaired, for the next attempt.
func (f *shipFiles) fetch() (err error) {
	for f.left == 0 {
		if err := f.next(); err != nil {
			return err
		}
	}
	f.batch, err = readBatch(f.in, f.batch[:0], f.left)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w: it is shorter than its snapshot says", log.ErrCorrupt)
	}
	if errors.Is(err, log.ErrCorrupt) || errors.Is(err, log.ErrMagic) {
		f.shard.mend(f.file.partition)
	}
	if err != nil {
		return fmt.Errorf("cluster: %s, %d bytes before its end: %w", f.file.name, f.left, err)
	}
	f.ready, f.left = f.batch, f.left-int64(len(f.batch))
	return nil
}

// next opens the next file.
func (f *shipFiles) next() error {
	if err := f.Close(); err != nil {
		return err
	}
	if len(f.files) == 0 {
		return io.EOF
	}
	f.file, f.files = f.files[0], f.files[1:]
	opened, err := os.Open(f.file.name)
	if err != nil {
		f.gone()
		return fmt.Errorf("cluster: a segment to be sent: %w", err)
	}
	f.open, f.left = opened, f.file.size
	f.in = bufio.NewReaderSize(opened, 1<<20)
	return nil
}

// Close implements io.Closer.
func (f *shipFiles) Close() error {
	if f.open == nil {
		return nil
	}
	err := f.open.Close()
	f.open = nil
	return err
}

// takeIn writes the files of a shipped snapshot in the place of those that are there, and returns its manifest.
func (s *shard) takeIn(r io.Reader) (io.Reader, error) {
	var head [shipHeaderLen]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.LittleEndian.Uint64(head[len(shipMagic):]))
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	var m manifest
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	for _, p := range m.Partitions {
		dir := s.partitionDir(p.ID)
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return nil, err
		}
		for _, seg := range p.State.Segments {
			if err := takeSegment(filepath.Join(dir, seg.FileName()), r, seg.Size); err != nil {
				return nil, fmt.Errorf("partition %d: %w", p.ID, err)
			}
		}
		if err := syncDir(dir); err != nil {
			return nil, err
		}
	}
	return bytes.NewReader(body), errors.Join(syncDir(s.dir), syncDir(filepath.Dir(s.dir)))
}

// takeSegment writes one file, and checks its batches.
func takeSegment(name string, r io.Reader, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	var batch []byte
	for left := size; left > 0; left -= int64(len(batch)) {
		if batch, err = readBatch(r, batch[:0], left); err != nil {
			return fmt.Errorf("%s, %d bytes before its end: %w", filepath.Base(name), left, err)
		}
		if _, err := w.Write(batch); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Sync()
}

// readBatch reads one batch of at most limit bytes and checks it.
func readBatch(r io.Reader, b []byte, limit int64) ([]byte, error) {
	const prefix = 12 // base offset, length
	b = append(b, make([]byte, prefix)...)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	n := int64(binary.BigEndian.Uint32(b[8:]))
	if n+prefix > limit {
		return nil, fmt.Errorf("%w: a batch of %d bytes where %d are left", log.ErrCorrupt, n+prefix, limit)
	}
	b = append(b, make([]byte, n)...)
	if _, err := io.ReadFull(r, b[prefix:]); err != nil {
		return nil, err
	}
	_, _, err := log.Check(b)
	return b, err
}
