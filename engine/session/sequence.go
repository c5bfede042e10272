package session

import (
	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/sql/sqlerr"
)

// drawn are the numbers that the session has drawn of sequences. It implements fn.Sequences.
type drawn struct {
	eng  *engine.Engine
	by   map[string]int64
	last string
}

// Next implements fn.Sequences.
func (d *drawn) Next(name string) (int64, error) {
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
