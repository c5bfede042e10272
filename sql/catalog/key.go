package catalog

import (
	"fmt"

	"github.com/leatdb/leat/sql/types"
)

// Key is a primary key or a UNIQUE constraint, which PostgreSQL's catalog lists as a constraint and as an index, or an
// index alone.
type Key struct {
	Rel     *Relation
	Name    string
	Primary bool
	Columns []int  // positions
	ID      uint32 // of the constraint, and of the index
	// Unique and Constraint tell what kind of an index it is; Orders are those of its columns, nil for the usual.
	Unique, Constraint bool
	Orders             []string
	Include            []int // positions of columns that an index has beside its own
	Exprs              []IndexExpr
	Where              string
}

// Column describes the i'th column of the index.
func (k *Key) Column(i int) Column {
	if at := k.Columns[i]; at >= 0 {
		return k.Rel.Columns[at]
	}
	x := k.Exprs[i]
	var t typeDocument
	if t.simple(x.Type) != nil {
		t.Type = types.Text
	}
	return Column{Name: x.Name, Type: t.Type}
}

// Keys lists the keys of a table that are constraints. The KEY of a stream is none, as its values repeat.
func (r *Relation) Keys() []Key {
	var out []Key
	for _, k := range r.keys() {
		if k.Constraint {
			out = append(out, k)
		}
	}
	return out
}

// firstIndex is the part of a relation that comes before those of its indexes.
const firstIndex = 512

// IndexKeys lists the indexes: those of the keys, then those that CREATE INDEX made.
func (r *Relation) IndexKeys() []Key {
	out := r.keys()
	for _, x := range r.Indexes {
		out = append(out, Key{Rel: r, Name: x.Name, Columns: x.Columns, ID: r.PartID(firstIndex + x.Number), Unique: x.Unique,
			Orders: x.Orders, Include: x.Include, Exprs: x.Exprs, Where: x.Where})
	}
	return out
}

// keys lists what is unique in a table.
func (r *Relation) keys() []Key {
	if r.Kind != Table {
		return nil
	}
	var out []Key
	if len(r.Key) > 0 && !r.Windowed {
		out = append(out, Key{Rel: r, Name: r.PrimaryKey(), Primary: true, Columns: r.Key, ID: r.PartID(0), Unique: true,
			Constraint: true})
	}
	for i, u := range r.Uniques {
		out = append(out, Key{Rel: r, Name: u.Name, Primary: u.Primary, Columns: u.Columns, ID: r.PartID(i + 1), Unique: true,
			Constraint: !u.Index})
	}
	return out
}

// PrimaryKey is the name of the primary key's constraint.
func (r *Relation) PrimaryKey() string {
	if r.KeyName != "" {
		return r.KeyName
	}
	return r.Name + "_pkey"
}

// firstCheck is the part of a relation that is its first CHECK constraint.
const firstCheck = 1024

// AllChecks are the CHECK constraints of a table or of a domain.
func (r *Relation) AllChecks() []Check {
	if r.Domain != nil {
		return r.Domain.Checks
	}
	return r.Checks
}

// CheckID is the number of a CHECK constraint.
func (r *Relation) CheckID(i int) uint32 { return r.PartID(firstCheck + i) }

// partBits is how many bits of a number tell the parts of a relation apart.
const partBits = 11

// PartID is the number of something that belongs to the relation and has none of its own. Numbers of parts are above
// those of relations, and repeat only among things of different kinds.
func (r *Relation) PartID(part int) uint32 { return r.ID<<partBits | uint32(part) }

// The parts of a relation that are its row type and the type of arrays of it.
const (
	rowTypePart = 2000 + iota
	rowArrayPart
)

// RowType is the number of the type of the relation's rows, RowArray that of arrays of them.
func (r *Relation) RowType() uint32 { return r.PartID(rowTypePart) }

// RowArray is the number of the type of arrays of the relation's rows.
func (r *Relation) RowArray() uint32 { return r.PartID(rowArrayPart) }

// Is reports whether the column has values of a type of CREATE TYPE or CREATE DOMAIN that is not just another's name.
func (c *Column) Is(of *Relation) bool {
	return of.Domain != nil && c.Domain == of.ID || of.IsEnum() && c.Type.Contains(of.Columns[0].Type)
}

// IsEnum reports whether CREATE TYPE … AS ENUM made it.
func (r *Relation) IsEnum() bool { return r.Kind == Type && r.Labels != nil }

// LabelID is the number of a label of an enum. It stays when labels come before it.
func (r *Relation) LabelID(l types.EnumLabel) uint32 { return nameID(fmt.Sprint(r.ID, " ", l.Number)) }

// TypeByID returns the enum, or the type of arrays of one, that has a number.
func (s *Snapshot) TypeByID(id uint32) (types.Type, bool) {
	r, ok := s.ByID(id)
	array := false
	if !ok {
		r, array = s.byID[id>>partBits], true
	}
	if r == nil || !r.IsEnum() || array && id != r.RowArray() {
		return types.Unknown, false
	}
	if array {
		return types.ArrayOf(r.Columns[0].Type), true
	}
	return r.Columns[0].Type, true
}

// RowTypeByID names the row type, or the type of arrays of it, that has a number.
func (s *Snapshot) RowTypeByID(id uint32) (schema, name string, ok bool) {
	r, ok := s.ByID(id >> partBits)
	switch {
	case ok && r.IsEnum() && id == r.RowArray():
		return r.Schema, r.Name + "[]", true
	case !ok || r.Kind == Type || r.Kind == Insert || r.Computed():
		return "", "", false
	case id == r.RowType():
		return r.Schema, r.Name, true
	case id == r.RowArray():
		return r.Schema, r.Name + "[]", true
	}
	return "", "", false
}

// KeyByID returns the key with that number.
func (s *Snapshot) KeyByID(id uint32) (Key, bool) {
	if r, ok := s.ByID(id >> partBits); ok {
		for _, k := range r.IndexKeys() {
			if k.ID == id {
				return k, true
			}
		}
	}
	return Key{}, false
}

// KeyByName returns the key of that name in a schema.
func (s *Snapshot) KeyByName(schema, name string) (Key, bool) {
	for _, r := range s.sorted {
		if r.Schema != schema {
			continue
		}
		for _, k := range r.IndexKeys() {
			if k.Name == name {
				return k, true
			}
		}
	}
	return Key{}, false
}
