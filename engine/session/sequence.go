package session

import (
	"context"
	"strings"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
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
	name = kept(name)
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
	name = kept(name)
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

// Set implements fn.Sequences.
func (d *drawn) Set(name string, n int64, drawn bool) error {
	name = kept(name)
	if err := d.allowed(name); err != nil {
		return err
	}
	if !d.there(name) {
		return sqlerr.New(sqlerr.UndefinedTable, "relation \"%s\" does not exist", name)
	}
	if n < 1 {
		return sqlerr.New(sqlerr.NumericValueOutOfRange,
			"setval: value %d is out of bounds for sequence \"%s\" (1..9223372036854775807)", n, name)
	}
	if drawn {
		d.by[name] = n
		n++
	}
	return d.eng.SetSequence(context.Background(), name, n)
}

// kept is the name that a sequence is kept by, of one as SQL writes it: with its schema unless that is public. Defaults
// of columns hold it as it is kept, in any case.
func kept(text string) string {
	if !strings.Contains(text, `"`) {
		return strings.TrimPrefix(text, catalog.Public+".")
	}
	schema, name := fn.SplitName(text)
	if schema == "" || schema == catalog.Public {
		return name
	}
	return schema + "." + name
}

// there reports whether there is a sequence of a name that is kept.
func (d *drawn) there(kept string) bool {
	for _, r := range d.eng.Catalog().Relations() {
		for _, q := range r.Sequences() {
			if q.Name == kept {
				return true
			}
		}
	}
	return false
}
