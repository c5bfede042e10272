package types

import (
	"math"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/leatdb/leat/sql/sqlerr"
)

// A value of an enum is held as the number of its label. Numbers never change and are in the order of the labels, with
// gaps for what ALTER TYPE … ADD VALUE puts between two: so values are compared, hashed and kept as integers are, and
// only text needs the labels. These change under the same type, as the columns that have it stay what they are.

// Enum is what the catalog says of a type that CREATE TYPE … AS ENUM made. It does not change; ALTER TYPE makes
// another.
type Enum struct {
	OID, Array   uint32 // the identifiers of the type and of arrays of it
	Schema, Name string
	Labels       []EnumLabel // in their order
}

// EnumLabel is a value of an enum.
type EnumLabel struct {
	Number int64  `json:"number"`
	Label  string `json:"label"`
	// Former are names that it had: records in topics may have them still.
	Former []string `json:"former,omitempty"`
}

// enumGap is the distance of the numbers of labels that are made one after the other.
const enumGap = 1 << 32

// EnumOf returns the enum with an identity that no other has, wherever it was made. DefineEnum says what it is.
func EnumOf(identity string) Type {
	n := &nested{enum: &atomic.Pointer[Enum]{}, identity: identity}
	return Type{Kind: KindEnum, Mod: -1, nested: intern(n)}
}

// DefineEnum says what the enum t is from now on.
func DefineEnum(t Type, def *Enum) { t.nested.enum.Store(def) }

// Identity returns what EnumOf was given.
func (t Type) Identity() string { return t.nested.identity }

// Enum returns what is known of the enum t; nil for other types. It must not be changed.
func (t Type) Enum() *Enum {
	if t.Kind != KindEnum {
		return nil
	}
	if def := t.nested.enum.Load(); def != nil {
		return def
	}
	return &Enum{} // dropped, and nobody has made it in this process
}

// Contains reports whether t is u, or has it as a type of its parts.
func (t Type) Contains(u Type) bool {
	if t == u {
		return true
	}
	if t.nested == nil {
		return false
	}
	for _, f := range t.nested.fields {
		if f.Type.Contains(u) {
			return true
		}
	}
	switch t.Kind {
	case KindArray:
		return t.nested.elem.Contains(u)
	case KindMap:
		return t.nested.elem.Contains(u) || t.nested.key.Contains(u)
	}
	return false
}

// Enums lists the enums that t is or has as types of its parts.
func (t Type) Enums() []Type {
	switch t.Kind {
	case KindEnum:
		return []Type{t}
	case KindArray:
		return t.Elem().Enums()
	case KindMap:
		return append(t.Key().Enums(), t.Elem().Enums()...)
	}
	var out []Type
	for _, f := range t.Fields() {
		out = append(out, f.Type.Enums()...)
	}
	return out
}

// FirstLabels gives the labels of a new enum their numbers.
func FirstLabels(labels []string) []EnumLabel {
	out := make([]EnumLabel, len(labels)) // not nil, also for none
	for i, l := range labels {
		out[i] = EnumLabel{Number: int64(i+1) * enumGap, Label: l}
	}
	return out
}

// Find returns the place of a label, or -1.
func (e *Enum) Find(label string) int {
	return slices.IndexFunc(e.Labels, func(l EnumLabel) bool { return l.Label == label })
}

// Insert returns the labels with a new one at a place.
func (e *Enum) Insert(at int, label string) ([]EnumLabel, error) {
	n := EnumLabel{Label: label}
	count := len(e.Labels)
	switch {
	case count == 0:
		n.Number = enumGap
	case at == count:
		n.Number = e.Labels[count-1].Number + enumGap
	case at == 0:
		n.Number = e.Labels[0].Number - enumGap
	default:
		lo, hi := e.Labels[at-1].Number, e.Labels[at].Number
		if n.Number = lo + (hi-lo)/2; n.Number == lo {
			return nil, sqlerr.New(sqlerr.ProgramLimitExceeded, "there is no room between %q and %q for another value",
				e.Labels[at-1].Label, e.Labels[at].Label)
		}
	}
	return slices.Insert(slices.Clone(e.Labels), at, n), nil
}

// of returns the label of a number.
func (e *Enum) of(number int64) string {
	at, ok := slices.BinarySearchFunc(e.Labels, number, func(l EnumLabel, n int64) int {
		switch {
		case l.Number < n:
			return -1
		case l.Number > n:
			return 1
		}
		return 0
	})
	if !ok {
		return ""
	}
	return e.Labels[at].Label
}

// Range returns the numbers of the labels from lo to hi, either of which may be nil for no bound.
func (e *Enum) Range(lo, hi *int64) []int64 {
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if lo != nil {
		from = *lo
	}
	if hi != nil {
		to = *hi
	}
	var out []int64
	for _, l := range e.Labels {
		if l.Number >= from && l.Number <= to {
			out = append(out, l.Number)
		}
	}
	return out
}

// ParseEnum reads a label of the enum t.
func ParseEnum[S string | []byte](t Type, s S, env Env) (int64, error) {
	e := t.Enum()
	for i := range e.Labels {
		if l := &e.Labels[i]; l.Label == string(s) {
			return l.Number, nil
		}
	}
	if env.Former {
		for i := range e.Labels {
			if slices.Contains(e.Labels[i].Former, string(s)) {
				return e.Labels[i].Number, nil
			}
		}
	}
	return 0, sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input value for enum %s: \"%s\"", t, clean(string(s)))
}

// string is the name of an enum as format_type prints it where the schema public is searched.
func (e *Enum) string() string {
	if e.Schema == "" || e.Schema == "public" {
		return quoted(e.Name)
	}
	return quoted(e.Schema) + "." + quoted(e.Name)
}

// quoted is a name as it is written, in quotes where it needs them.
func quoted(name string) string {
	for i := range len(name) {
		if c := name[i]; c != '_' && (c < 'a' || c > 'z') && (i == 0 || c < '0' || c > '9') {
			return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
		}
	}
	return name
}
