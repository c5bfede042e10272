package catalog

import (
	"slices"
	"sort"
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// Public is the schema of relations whose statement names none.
const Public = "public"

// Snapshot is the catalog at one version. It never changes; DDL makes another.
type Snapshot struct {
	version uint64
	byName  map[qualified]*Relation
	byID    map[uint32]*Relation
	sorted  []*Relation

	byTopic   map[string][]*Relation
	referring map[uint32][]*Relation // tables with foreign keys, by the relation that they refer to
	owned     map[uint32][]*Relation // sequences, by the relation whose column owns them
	functions map[qualified][]*Function
	schemas   []*Schema
	roles     map[string]*Role
}

type qualified struct{ schema, name string }

// New returns the snapshot that holds rels, which must not change afterwards. Of two relations with one name the later
// wins.
func New(version uint64, rels []*Relation) *Snapshot {
	s := &Snapshot{
		version: version,
		byName:  make(map[qualified]*Relation, len(rels)),
		byID:    make(map[uint32]*Relation, len(rels)),
		byTopic: map[string][]*Relation{},
		owned:   map[uint32][]*Relation{}, referring: map[uint32][]*Relation{},
	}
	for _, r := range rels {
		s.byID[r.ID] = r
		if r.Kind == Insert { // nobody can name it
			s.sorted = append(s.sorted, r)
			continue
		}
		s.byName[qualified{r.Schema, r.Name}] = r
	}
	for _, r := range s.byName {
		s.sorted = append(s.sorted, r)
	}
	sort.Slice(s.sorted, func(i, j int) bool {
		a, b := s.sorted[i], s.sorted[j]
		if a.Name != b.Name {
			return a.Name < b.Name
		}
		return a.Schema < b.Schema
	})
	for _, r := range s.sorted {
		if r.Stored() {
			s.byTopic[r.Topic] = append(s.byTopic[r.Topic], r)
		}
		for i := range r.Foreign {
			if id := r.Foreign[i].Table; !slices.Contains(s.referring[id], r) {
				s.referring[id] = append(s.referring[id], r)
			}
		}
		if r.Numbers != nil && r.Numbers.Table != 0 {
			s.owned[r.Numbers.Table] = append(s.owned[r.Numbers.Table], r)
		}
	}
	for _, rels := range s.referring { // in the order in which they were made, in which they are checked
		sort.Slice(rels, func(i, j int) bool { return rels[i].ID < rels[j].ID })
	}
	return s.WithRoles(nil)
}

// DefineEnums says what the enums of the catalog are, for this process: columns that have them know no more than that.
func (s *Snapshot) DefineEnums() {
	for _, r := range s.sorted {
		if r.IsEnum() {
			types.DefineEnum(r.Columns[0].Type, &types.Enum{OID: r.ID, Array: r.RowArray(), Schema: r.Schema, Name: r.Name,
				Labels: r.Labels})
		}
	}
}

// Version tells snapshots apart: a later one has a higher number.
func (s *Snapshot) Version() uint64 { return s.version }

// Relation returns the relation of that schema and name.
func (s *Snapshot) Relation(schema, name string) (*Relation, bool) {
	r, ok := s.byName[qualified{schema, name}]
	return r, ok
}

// ByID returns the relation with that ID.
func (s *Snapshot) ByID(id uint32) (*Relation, bool) {
	r, ok := s.byID[id]
	return r, ok
}

// Relations returns every relation in the order of their names. The slice is shared: do not change it.
func (s *Snapshot) Relations() []*Relation { return s.sorted }

// Replacing returns the snapshot with another definition of the relation of the same ID.
func (s *Snapshot) Replacing(rel *Relation) *Snapshot {
	rels := []*Relation{rel}
	for _, r := range s.sorted {
		if r.ID != rel.ID {
			rels = append(rels, r)
		}
	}
	out := New(s.version, rels)
	out.functions, out.schemas, out.roles = s.functions, s.schemas, s.roles
	return out
}

// Dependants returns the relations whose queries read the relation id or insert into it, or use the view or function of
// that ID, in the order of their names.
func (s *Snapshot) Dependants(id uint32) []*Relation {
	var out []*Relation
	for _, r := range s.sorted {
		if slices.Contains(r.Reads, id) || slices.Contains(r.Uses, id) || r.Target == id && id != 0 {
			out = append(out, r)
		}
	}
	return out
}

// Sending lists the relations whose dead letters go to the one with the given ID.
func (s *Snapshot) Sending(id uint32) []*Relation {
	var out []*Relation
	for _, r := range s.sorted {
		if r.OnError.Into == id && id != 0 {
			out = append(out, r)
		}
	}
	return out
}

// PolicyText is ON ERROR as statements have it.
func (s *Snapshot) PolicyText(p ErrorPolicy) string {
	switch into, ok := s.ByID(p.Into); {
	case p.Fail:
		return "FAIL"
	case ok:
		return "DEAD LETTER INTO " + into.QualifiedName()
	}
	return "SKIP"
}

// Resolve returns the relation that name (perhaps qualified) means when unqualified names are looked for in the
// schemas of path, in order.
func (s *Snapshot) Resolve(path, name []string) (*Relation, error) {
	if len(name) == 0 {
		return nil, sqlerr.New(sqlerr.InvalidName, "empty relation name")
	}
	if len(name) > 1 {
		schema := name[len(name)-2]
		if schema == TempAlias && len(path) > 0 && Temporary(path[0]) {
			schema = path[0]
		}
		if r, ok := s.Relation(schema, name[len(name)-1]); ok {
			return r, nil
		}
		return nil, s.Undefined(path, name)
	}
	for _, schema := range path {
		if r, ok := s.Relation(schema, name[0]); ok {
			return r, nil
		}
	}
	return nil, s.Undefined(path, name)
}

// Undefined returns the error for a name that no relation has, with the closest name as a hint.
func (s *Snapshot) Undefined(path, name []string) *sqlerr.Error {
	err := sqlerr.New(sqlerr.UndefinedTable, "relation \"%s\" does not exist", strings.Join(name, "."))
	schemas := path
	if len(name) > 1 {
		schemas = []string{name[len(name)-2]}
	}
	var names []string
	for _, r := range s.sorted {
		for _, schema := range schemas {
			if r.Schema == schema {
				names = append(names, r.Name)
				break
			}
		}
	}
	if near, ok := Nearest(name[len(name)-1], names); ok {
		err = err.WithHint("Perhaps you meant to reference the relation \"%s\".", near)
	}
	return err
}

// ColumnIndex returns the position of the named column, or -1.
func (r *Relation) ColumnIndex(name string) int {
	for i := range r.Columns {
		if r.Columns[i].Name == name {
			return i
		}
	}
	return -1
}

// ColumnIndexes are the positions of columns by their names, -1 where there is none.
func (r *Relation) ColumnIndexes(names []string) []int {
	var positions []int
	for _, name := range names {
		positions = append(positions, r.ColumnIndex(name))
	}
	return positions
}

// ColumnNames are the names of the columns at some positions.
func (r *Relation) ColumnNames(positions []int) []string {
	var names []string
	for _, pos := range positions {
		names = append(names, r.Columns[pos].Name)
	}
	return names
}

// IsKey reports whether the column at position i is part of the key.
func (r *Relation) IsKey(i int) bool {
	for _, k := range r.Key {
		if k == i {
			return true
		}
	}
	return false
}

// QualifiedName returns the name as an error message spells it: without the schema when that is public.
func (r *Relation) QualifiedName() string {
	if r.Schema == "" || r.Schema == Public {
		return r.Name
	}
	return r.Schema + "." + r.Name
}

// Nearest returns the candidate that name is most likely a misspelling of: one that differs in no more than a third of
// the characters, and no more than three.
func Nearest(name string, candidates []string) (string, bool) {
	best, bestDist := "", min(len(name)/3+1, 4)
	for _, c := range candidates {
		if c == name {
			continue
		}
		if d := distance(name, c, bestDist); d < bestDist {
			best, bestDist = c, d
		}
	}
	return best, best != ""
}

// distance is the Levenshtein distance of a and b, or limit when it is not less.
func distance(a, b string, limit int) int {
	if len(a) > 63 || len(b) > 63 || len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	var rows [2][64]int
	prev, cur := &rows[0], &rows[1]
	for j := 0; j <= len(b); j++ {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
		}
		prev, cur = cur, prev
	}
	return min(prev[len(b)], limit)
}
