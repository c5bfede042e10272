package session

import (
	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// drawn are the numbers that the session has drawn of sequences. It implements fn.Sequences.
type drawn struct {
	eng  *engine.Engine
	by   map[string]int64
	last string

	role    func() string
	version uint64            // of the catalog that may was asked of
	may     map[string]string // the role that may draw, by sequence
}

// allowed checks that the role may draw: whoever may insert into the table that the sequence numbers.
func (d *drawn) allowed(name string) error {
	cat, role := d.eng.Catalog(), d.role()
	if cat.Version() != d.version {
		d.version, d.may = cat.Version(), map[string]string{}
	}
	if d.may[name] == role {
		return nil
	}
	for _, r := range cat.Relations() {
		for i := range r.Columns {
			if seq, ok := r.Columns[i].Sequence(); ok && seq == name && !cat.Can(role, r, catalog.MayInsert) {
				return sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied for sequence %s", name)
			}
		}
	}
	d.may[name] = role
	return nil
}

// Next implements fn.Sequences.
func (d *drawn) Next(name string) (int64, error) {
	if err := d.allowed(name); err != nil {
		return 0, err
	}
	n, err := d.eng.NextVal(name)
	if err == nil {
		d.by[name], d.last = n, name
	}
	return n, err
}

// Current implements fn.Sequences.
func (d *drawn) Current(name string) (int64, error) {
	n, ok := d.by[name]
	if !ok {
		return 0, sqlerr.New(sqlerr.ObjectNotInPrerequisite,
			"currval of sequence %q is not yet defined in this session", name)
	}
	return n, nil
}

// Last implements fn.Sequences.
func (d *drawn) Last() (int64, error) {
	if d.last == "" {
		return 0, sqlerr.New(sqlerr.ObjectNotInPrerequisite, "lastval is not yet defined in this session")
	}
	return d.by[d.last], nil
}
