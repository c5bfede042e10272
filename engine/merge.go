package engine

import (
	"github.com/leatdb/leat/sql/vec"
)

// Merged is what a MERGE does: the keys of the rows that go, those that get other values, and rows that come.
type Merged struct {
	Deleted, Updated [][]byte
	To, Inserted     *vec.Batch // which CheckRows has passed
}

// Merge does what a MERGE does to rows. What is unique must be so at the end.
func (c *Change) Merge(m Merged) error {
	d := c.draft()
	if err := d.delete(m.Deleted); err != nil {
		return err
	}
	if _, err := d.replace(m.Updated, m.To); err != nil {
		return err
	}
	u := &upsert{draft: d, rows: m.Inserted, affects: map[string]bool{}}
	if err := u.all(); err != nil {
		return err
	}
	return c.finish(d)
}
