package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine/state"
)

// backupMagic begins a backup, which is sealed:
//
//	"LEATBAK1" | the checkpoint's file | what cluster.Backup writes
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
	checkpoint, log, err := e.moment(ctx)
	if err != nil {
		return translate(err)
	}
	defer checkpoint.Close()
	defer log.Close()
	return writeSealed(w, func(w io.Writer) error {
		if _, err := io.WriteString(w, backupMagic); err != nil {
			return err
		}
		if err := writeFile(w, checkpoint); err != nil {
			return err
		}
		_, err := log.WriteTo(w)
		return translate(err)
	})
}

// moment begins a backup of a checkpoint, and of the log after it. What is changed of the catalog waits: there is a
// checkpoint that fits it before it is.
func (e *Engine) moment(ctx context.Context) (*state.Copy, *cluster.Backup, error) {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	checkpoint, err := e.flow.store.Copy()
	if err != nil {
		return nil, nil, err
	}
	log, err := e.node.Backup(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, checkpoint.Close())
	}
	return checkpoint, log, nil
}

// TakeBackup makes the directories of a server, which must be new, of what Backup has written.
func TakeBackup(r io.Reader, engineDir string, cfg cluster.Config) error {
	return readSealed(r, func(r io.Reader) error {
		var magic [len(backupMagic)]byte
		if _, err := io.ReadFull(r, magic[:]); err != nil || string(magic[:]) != backupMagic {
			return errors.Join(errors.New("engine: this is no backup, or one of another version of Leat"), err)
		}
		if err := os.Mkdir(engineDir, 0o755); err != nil {
			return err
		}
		f, err := os.Create(filepath.Join(engineDir, checkpointFile))
		if err != nil {
			return err
		}
		err = readFile(r, f)
		if err == nil {
			err = f.Sync()
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("engine: checkpoint of a backup: %w", err)
		}
		return cluster.TakeBackup(cfg, r)
	})
}
