package engine

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/leatdb/leat/cluster"
)

// backupMagic begins a backup:
//
//	"LEATBAK1" | size u64 | the checkpoint's file | what cluster.Backup writes | SHA-256 of all before
//
// The checkpoint is not newer than the log, as after a crash: what starts from a backup computes the steps between the
// two again.
const backupMagic = "LEATBAK1"

// Backup writes a backup of everything that was acknowledged before. Nothing waits for it but retention, compaction and
// the deletion of files.
func (e *Engine) Backup(ctx context.Context, w io.Writer) error {
	release, err := e.node.FreezeAll(ctx)
	if err != nil {
		return translate(err)
	}
	defer release()
	checkpoint, err := e.flow.store.Copy()
	if err != nil {
		return err
	}
	defer checkpoint.Close()
	log, err := e.node.Backup()
	if err != nil {
		return translate(err)
	}
	defer log.Close()
	out := bufio.NewWriterSize(w, 256<<10)
	sum := sha256.New()
	both := io.MultiWriter(out, sum)
	head := binary.LittleEndian.AppendUint64([]byte(backupMagic), uint64(checkpoint.SizeBytes))
	if _, err := both.Write(head); err != nil {
		return err
	}
	if _, err := checkpoint.WriteTo(both); err != nil {
		return err
	}
	if _, err := log.WriteTo(both); err != nil {
		return translate(err)
	}
	if _, err := out.Write(sum.Sum(nil)); err != nil {
		return err
	}
	return out.Flush()
}

// TakeBackup makes the directories of a server, which must be new, of what Backup has written.
func TakeBackup(r io.Reader, engineDir string, cfg cluster.Config) error {
	sum := sha256.New()
	raw := bufio.NewReaderSize(r, 256<<10)
	in := io.TeeReader(raw, sum)
	var head [len(backupMagic) + 8]byte
	if _, err := io.ReadFull(in, head[:]); err != nil || string(head[:len(backupMagic)]) != backupMagic {
		return errors.Join(errors.New("engine: this is no backup, or one of another version of Leat"), err)
	}
	if err := os.Mkdir(engineDir, 0o755); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(engineDir, checkpointFile))
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, in, int64(binary.LittleEndian.Uint64(head[len(backupMagic):])))
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("engine: checkpoint of a backup: %w", err)
	}
	if err := cluster.TakeBackup(cfg, in); err != nil {
		return err
	}
	if err := checkSum(raw, sum); err != nil {
		return fmt.Errorf("engine: end of a backup: %w", err)
	}
	return nil
}
