package state

import (
	"errors"
	"io"
	"os"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/leatdb/leat/log/mapped"
)

// A Copy is the file as it was at one moment, to be read once: size bytes, and the metadata of the checkpoint in them.
type Copy struct {
	tx        *bbolt.Tx
	close     func() error
	sums      []uint32 // of the pages; nil where they are not known
	page      int      // their size
	path      string
	Meta      []byte // nil: no checkpoint yet
	SizeBytes int64
}

// Copy begins to copy the file. Checkpoints go on meanwhile, in other pages.
func (s *Store) Copy() (*Copy, error) {
	c, err := copyOf(s.db, func() error { return nil })
	if err != nil {
		return nil, diskError("cannot read state", s.met(err))
	}
	c.page, c.path, c.sums = s.sums.size, s.db.Path(), s.sums.at(uint64(c.tx.ID()))
	return c, nil
}

// CopyFile begins to copy a file that is not open. A file that is not there is fs.ErrNotExist.
func CopyFile(path string) (*Copy, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	db, err := mapped.Open(path, 0o600, bbolt.Options{Timeout: time.Second, ReadOnly: true})
	if err != nil {
		return nil, diskError("cannot read state file "+path, unread(path, err))
	}
	c, err := copyOf(db, db.Close)
	if err != nil {
		return nil, errors.Join(diskError("cannot read state file "+path, unread(path, err)), db.Close())
	}
	return c, nil
}

func copyOf(db *mapped.DB, end func() error) (*Copy, error) {
	tx, err := db.Begin(false)
	if err != nil {
		return nil, err
	}
	c := &Copy{tx: tx, close: end, SizeBytes: tx.Size()}
	if err := db.Look(func() error {
		if b := tx.Bucket(metaBucket); b != nil {
			c.Meta = slices.Clone(b.Get(metaKey))
		}
		return nil
	}); err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	return c, nil
}

// WriteTo implements io.WriterTo. It fails at a page that is not what was written.
func (c *Copy) WriteTo(w io.Writer) (int64, error) {
	if c.sums == nil {
		return c.tx.WriteTo(w)
	}
	return c.tx.WriteTo(&pageWriter{w: w, c: c})
}

// pageWriter looks at the pages that pass through it.
type pageWriter struct {
	w    io.Writer
	c    *Copy
	id   uint64
	part []byte // of the page that has begun
}

// Write implements io.Writer.
func (p *pageWriter) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		n := min(len(rest), p.c.page-len(p.part))
		page := rest[:n]
		if n < p.c.page {
			p.part = append(p.part, page...)
			page = p.part
		}
		if rest = rest[n:]; len(page) < p.c.page {
			break
		}
		if p.id < uint64(len(p.c.sums)) && p.c.sums[p.id] != 0 && p.c.sums[p.id] != sumOf(p.id, page) {
			return 0, damaged(p.c.path, p.id)
		}
		p.id, p.part = p.id+1, p.part[:0]
	}
	return p.w.Write(b)
}

// Close ends the copy.
func (c *Copy) Close() error {
	if err := c.tx.Rollback(); err != nil {
		return diskError("cannot end a copy of state", err)
	}
	return c.close()
}
