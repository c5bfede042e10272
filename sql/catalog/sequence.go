package catalog

import (
	"encoding/json"
	"strings"

	"github.com/leatdb/leat/sql/types"
)

// Numbers is how a sequence counts, and whose it is.
type Numbers struct {
	Type                         types.Type // smallint, integer or bigint
	Start, Step, Min, Max, Cache int64
	Cycle                        bool
	// Table and Column are the column that owns the sequence, which goes with it; 0 for none. Identity tells that it is
	// what GENERATED … AS IDENTITY stands for.
	Table    uint32
	Column   string
	Identity bool
}

// numbersDocument is Numbers as a document holds it.
type numbersDocument struct {
	Type     typeDocument `json:"type"`
	Start    int64        `json:"start"`
	Step     int64        `json:"step"`
	Min      int64        `json:"min"`
	Max      int64        `json:"max"`
	Cache    int64        `json:"cache"`
	Cycle    bool         `json:"cycle,omitempty"`
	Table    uint32       `json:"table,omitempty"`
	Column   string       `json:"column,omitempty"`
	Identity bool         `json:"identity,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (n Numbers) MarshalJSON() ([]byte, error) {
	return json.Marshal(numbersDocument{typeDocument{n.Type}, n.Start, n.Step, n.Min, n.Max, n.Cache, n.Cycle, n.Table,
		n.Column, n.Identity})
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *Numbers) UnmarshalJSON(src []byte) error {
	var d numbersDocument
	if err := json.Unmarshal(src, &d); err != nil {
		return err
	}
	*n = Numbers{d.Type.Type, d.Start, d.Step, d.Min, d.Max, d.Cache, d.Cycle, d.Table, d.Column, d.Identity}
	return nil
}

// NewSequence is a sequence that counts as the numbers say.
func NewSequence(schema, name string, n Numbers) *Relation {
	return &Relation{Schema: schema, Name: name, Kind: Sequence, TimeColumn: -1, Numbers: &n, Columns: []Column{
		{Name: "last_value", Type: types.Int8, NotNull: true}, {Name: "log_cnt", Type: types.Int8, NotNull: true},
		{Name: "is_called", Type: types.Bool, NotNull: true}}}
}

// Range is the smallest and the largest number of a type.
func Range(t types.Type) (lowest, highest int64) {
	bits := max(t.Bits(), 16)
	return -1 << (bits - 1), 1<<(bits-1) - 1
}

// Upward counts from 1 by ones, as far as the type goes.
func Upward(t types.Type) Numbers {
	_, highest := Range(t)
	return Numbers{Type: t, Start: 1, Step: 1, Min: 1, Max: highest, Cache: 1}
}

// Next is the number that comes after one; ok is false when there is none.
func (n *Numbers) Next(after int64) (next int64, ok bool) {
	switch {
	case n.Step > 0 && after <= n.Max && uint64(n.Max)-uint64(after) >= uint64(n.Step),
		n.Step < 0 && after >= n.Min && uint64(after)-uint64(n.Min) >= -uint64(n.Step):
		return after + n.Step, true
	case !n.Cycle:
		return 0, false
	case n.Step > 0:
		return n.Min, true
	}
	return n.Max, true
}

// Draw is the text of a default that draws from a sequence. It always names the schema, so that it means the same to
// every session.
func Draw(schema, name string) string {
	return "nextval('" + strings.ReplaceAll(quoteIdent(schema)+"."+quoteIdent(name), "'", "''") + "'::regclass)"
}

// quoteIdent writes a name in quotes where it is not one in small letters.
func quoteIdent(name string) string {
	const plain = "abcdefghijklmnopqrstuvwxyz0123456789_"
	if name != "" && strings.Trim(name, plain) == "" && (name[0] < '0' || name[0] > '9') {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// Draws reports whether the column's default draws from a sequence.
func (c *Column) Draws(seq *Relation) bool { return c.Default == Draw(seq.Schema, seq.Name) }

// DrawsFrom reports whether the column's default has in it that it draws from a sequence.
func (c *Column) DrawsFrom(seq *Relation) bool {
	return strings.Contains(c.Default, Draw(seq.Schema, seq.Name))
}

// ShownDefault is the default as it is shown: without the schema of a sequence that is public.
func (c *Column) ShownDefault() string {
	return strings.ReplaceAll(c.Default, "nextval('public.", "nextval('")
}

// Owned lists the sequences that columns of a relation own.
func (s *Snapshot) Owned(id uint32) []*Relation { return s.owned[id] }

// SequenceOf returns the sequence that a column of a relation owns.
func (s *Snapshot) SequenceOf(id uint32, column string) (*Relation, bool) {
	for _, q := range s.owned[id] {
		if q.Numbers.Column == column {
			return q, true
		}
	}
	return nil, false
}

// DrawnBy lists the relations with columns whose defaults draw from a sequence.
func (s *Snapshot) DrawnBy(seq *Relation) []*Relation {
	var out []*Relation
	for _, r := range s.sorted {
		for i := range r.Columns {
			if r.Columns[i].DrawsFrom(seq) {
				out = append(out, r)
				break
			}
		}
	}
	return out
}
