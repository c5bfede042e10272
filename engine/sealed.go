package engine

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/leatdb/leat/engine/state"
)

// What leaves a server as a stream, a copy of a checkpoint or a backup, is sealed: the SHA-256 of all that came before
// is its end. A file within goes as
//
//	size u64 | its bytes
//
// with numbers in little-endian order.

// streamBuffer is how much of such a stream is written or read at once.
const streamBuffer = 256 << 10

// writeSealed writes a stream, whose content write gives.
func writeSealed(to io.Writer, write func(w io.Writer) error) error {
	out, sum := bufio.NewWriterSize(to, streamBuffer), sha256.New()
	if err := write(io.MultiWriter(out, sum)); err != nil {
		return err
	}
	if _, err := out.Write(sum.Sum(nil)); err != nil {
		return err
	}
	return out.Flush()
}

// readSealed reads a stream, whose content read takes to its end. Before readSealed has returned nil it may be wrong.
func readSealed(from io.Reader, read func(r io.Reader) error) error {
	in, sum := bufio.NewReaderSize(from, streamBuffer), sha256.New()
	if err := read(io.TeeReader(in, sum)); err != nil {
		return err
	}
	var want [sha256.Size]byte
	if _, err := io.ReadFull(in, want[:]); err != nil {
		return fmt.Errorf("engine: no checksum at the end of a copy: %w", err)
	}
	if !bytes.Equal(want[:], sum.Sum(nil)) {
		return errors.New("engine: the checksum of a copy is wrong")
	}
	return nil
}

// writeFile writes a checkpoint's file into a stream.
func writeFile(w io.Writer, file *state.Copy) error {
	if _, err := w.Write(binary.LittleEndian.AppendUint64(nil, uint64(file.SizeBytes))); err != nil {
		return err
	}
	_, err := file.WriteTo(w)
	return err
}

// readFile reads a file of a stream into w.
func readFile(r io.Reader, w io.Writer) error {
	var size [8]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return err
	}
	_, err := io.CopyN(w, r, int64(binary.LittleEndian.Uint64(size[:])))
	return err
}
