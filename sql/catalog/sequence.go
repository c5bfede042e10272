package catalog

import "github.com/leatdb/leat/sql/types"

// Sequence is what numbers a column of a table: PostgreSQL's catalog lists it as a relation.
type Sequence struct {
	Rel    *Relation
	Column int // position
	Name   string
	ID     uint32
}

// firstSequence is the part of a relation that is the sequence of its first column.
const firstSequence = 1500

// Sequences lists the sequences that number columns of the relation.
func (r *Relation) Sequences() []Sequence {
	var out []Sequence
	for i := range r.Columns {
		if name, ok := r.Columns[i].Sequence(); ok {
			out = append(out, Sequence{r, i, name, r.PartID(firstSequence + i)})
		}
	}
	return out
}

// Limits are the smallest and the largest number of the sequence: those of its column's type.
func (s Sequence) Limits() (lowest, highest int64) {
	switch s.Type() {
	case types.Int2:
		return 1, 1<<15 - 1
	case types.Int4:
		return 1, 1<<31 - 1
	}
	return 1, 1<<63 - 1
}

// Type is the type of the numbers.
func (s Sequence) Type() types.Type { return s.Rel.Columns[s.Column].Type.Base() }

// SequenceByID returns the sequence with that number.
func (s *Snapshot) SequenceByID(id uint32) (Sequence, bool) {
	if r, ok := s.ByID(id >> partBits); ok {
		for _, q := range r.Sequences() {
			if q.ID == id {
				return q, true
			}
		}
	}
	return Sequence{}, false
}

// SequenceByName returns the sequence of that name in a schema.
func (s *Snapshot) SequenceByName(schema, name string) (Sequence, bool) {
	for _, r := range s.sorted {
		if r.Schema != schema {
			continue
		}
		for _, q := range r.Sequences() {
			if q.Name == name {
				return q, true
			}
		}
	}
	return Sequence{}, false
}
