package catalog

// Foreign is a foreign key: rows whose columns hold something have a row of another table that holds the same.
type Foreign struct {
	Name    string   `json:"name"`
	Columns []int    `json:"columns"` // positions
	Table   uint32   `json:"table"`   // the table that is referred to; 0 for the relation itself, before it is made
	Refs    []string `json:"refs"`    // the columns there, one for each
	// OnUpdate and OnDelete are what becomes of the row when what it refers to goes: "RESTRICT", "CASCADE", "SET NULL",
	// "SET DEFAULT", or "" for NO ACTION. Clear are the positions that ON DELETE SET … is about, nil for all.
	OnUpdate string `json:"on_update,omitempty"`
	OnDelete string `json:"on_delete,omitempty"`
	Clear    []int  `json:"clear,omitempty"`
	Full     bool   `json:"full,omitempty"` // MATCH FULL
	// Deferrable and Deferred are DEFERRABLE and INITIALLY DEFERRED: it may be, or is, checked at COMMIT.
	Deferrable bool `json:"deferrable,omitempty"`
	Deferred   bool `json:"deferred,omitempty"`
	NotValid   bool `json:"not_valid,omitempty"` // rows that were there have not been checked
}

// firstForeign is the part of a relation that is its first foreign key.
const firstForeign = 1536

// ForeignID is the number of a foreign key.
func (r *Relation) ForeignID(i int) uint32 { return r.PartID(firstForeign + i) }

// KeyOf finds what makes the columns that the key refers to unique in the table: -1 for its primary key, else the
// number of a UNIQUE constraint. order gives for each of its columns which of Refs it is.
func (f *Foreign) KeyOf(of *Relation) (constraint int, order []int, ok bool) {
	match := func(columns []int) []int {
		var order []int
		for _, pos := range columns {
			for i, name := range f.Refs {
				if of.Columns[pos].Name == name {
					order = append(order, i)
				}
			}
		}
		if len(order) != len(columns) || len(order) != len(f.Refs) {
			return nil
		}
		return order
	}
	if len(of.Key) > 0 {
		if order := match(of.Key); order != nil {
			return -1, order, true
		}
	}
	for n, u := range of.Uniques {
		if order := match(u.Columns); order != nil {
			return n, order, true
		}
	}
	return 0, nil, false
}

// Referring lists the tables that have foreign keys to a relation.
func (s *Snapshot) Referring(id uint32) []*Relation { return s.referring[id] }

// Linked reports whether a foreign key comes from a relation or goes to it.
func (s *Snapshot) Linked(id uint32) bool {
	r, ok := s.byID[id]
	return ok && (len(r.Foreign) > 0 || len(s.referring[id]) > 0)
}
