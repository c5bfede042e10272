package state

import (
	"io"
	"os"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// A Copy is the file as it was at one moment, to be read once: size bytes, and the metadata of the checkpoint in them.
type Copy struct {
	tx        *bbolt.Tx
	close     func() error
	Meta      []byte // nil: no checkpoint yet
	SizeBytes int64
}

// Copy begins to copy the file. Checkpoints go on meanwhile, in other pages.
func (s *Store) Copy() (*Copy, error) {
	return copyOf(s.db, func() error { return nil })
}

// CopyFile begins to copy a file that is not open. A file that is not there is fs.ErrNotExist.
func CopyFile(path string) (*Copy, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, ReadOnly: true})
	if err != nil {
		return nil, diskError("cannot read state file "+path, err)
	}
	c, err := copyOf(db, db.Close)
	if err != nil {
		db.Close()
	}
	return c, err
}

func copyOf(db *bbolt.DB, end func() error) (*Copy, error) {
	tx, err := db.Begin(false)
	if err != nil {
		return nil, diskError("cannot read state", err)
	}
	c := &Copy{tx: tx, close: end, SizeBytes: tx.Size()}
	if b := tx.Bucket(metaBucket); b != nil {
		c.Meta = slices.Clone(b.Get(metaKey))
	}
	return c, nil
}

// WriteTo implements io.WriterTo.
func (c *Copy) WriteTo(w io.Writer) (int64, error) { return c.tx.WriteTo(w) }

// Close ends the copy.
func (c *Copy) Close() error {
	if err := c.tx.Rollback(); err != nil {
		return diskError("cannot end a copy of state", err)
	}
	return c.close()
}
