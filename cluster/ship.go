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
// Segments come in the order of the manifest, each as long as it says. Whoever takes them in checks every batch.
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
	f := &shipFiles{shard: s, first: append(head, b...), gone: wantSnapshot}
	size := int64(len(f.first))
	for _, p := range m.Partitions {
		dir := s.partitionDir(p.ID)
		for _, seg := range p.State.Segments {
			if seg.Size > 0 {
				f.files = append(f.files, shipFile{filepath.Join(dir, seg.FileName()), seg.Size})
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
	name string
	size int64
}

// shipFiles reads what shipped promises.
type shipFiles struct {
	shard *shard
	first []byte
	files []shipFile
	gone  func() // a file is not there any more

	open *os.File
	left int64
}

// Read implements io.Reader.
func (f *shipFiles) Read(p []byte) (int, error) {
	if len(f.first) > 0 {
		n := copy(p, f.first)
		f.first = f.first[n:]
		return n, nil
	}
	for f.left == 0 {
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	n, err := f.open.Read(p[:min(int64(len(p)), f.left)])
	f.left -= int64(n)
	if n == 0 && errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("%w: %s is shorter than its snapshot says", log.ErrCorrupt, f.open.Name())
	}
	return n, nil
}

// next opens the next file.
func (f *shipFiles) next() error {
	if err := f.Close(); err != nil {
		return err
	}
	if len(f.files) == 0 {
		return io.EOF
	}
	file := f.files[0]
	f.files = f.files[1:]
	opened, err := os.Open(file.name)
	if err != nil {
		f.gone()
		return fmt.Errorf("cluster: a segment to be sent: %w", err)
	}
	f.open, f.left = opened, file.size
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
