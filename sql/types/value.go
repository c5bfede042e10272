package types

// Value is one SQL value at the edge of the system: a literal, a parameter, a key looked up. Which field holds it
// follows from Type.Class(): Bool; Int; Float; Dec; Ivl; Str; List (elements, struct fields in order, or a map's
// keys and values alternating).
//
// Integers: date counts days and timestamps count microseconds since 1970-01-01 UTC (PostgreSQL's wire formats count
// from 2000; the conversion is in the binary codecs). Time is microseconds since midnight. The extremes of int64
// stand for -infinity and infinity.
type Value struct {
	Type  Type
	Null  bool
	Bool  bool
	Int   int64
	Float float64
	Dec   Decimal
	Ivl   Interval
	Str   string
	List  []Value
}

// NullOf returns the NULL of type t.
func NullOf(t Type) Value { return Value{Type: t, Null: true} }

// Interval is PostgreSQL's interval: three independent counts.
type Interval struct {
	Months, Days int32
	Micros       int64
}
