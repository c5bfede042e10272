// Package catalog holds what the database knows of its relations, as immutable snapshots: a statement binds against
// one Snapshot from beginning to end, and DDL makes the next one. The control group (package cluster) keeps the
// documents; this package gives them meaning.
package catalog

import (
	"slices"
	"strings"

	"github.com/leatdb/leat/sql/types"
)

// Kind is what a relation is.
type Kind string

// The kinds of relations.
const (
	Stream    Kind = "STREAM" // append-only: every record is a row
	Table     Kind = "TABLE"  // keyed by its primary key: the newest record of a key is its row, a tombstone deletes it
	View      Kind = "MATERIALIZED VIEW"
	PlainView Kind = "VIEW"         // a query with a name: it is put in where it is read
	Type      Kind = "TYPE"         // CREATE TYPE: another name for the type of its one column
	Sequence  Kind = "SEQUENCE"     // counts; see Numbers
	Insert    Kind = "INSERT"       // an INSERT of a query that stays: its rows are written to another relation
	System    Kind = "SYSTEM TABLE" // rows come from the server itself: leat_catalog, pg_catalog, information_schema
)

// Relation is a stream, table or view.
type Relation struct {
	ID      uint32 // stable, never reused; also the OID
	Schema  string // "public" unless said otherwise
	Name    string
	Kind    Kind
	Columns []Column
	// Key lists the positions of the columns that live in the record's key: KEY columns of a stream, PRIMARY KEY of a
	// table, the unique key the planner found for a view. A table or view with rows that no key identifies has none.
	Key []int

	Topic       string
	Partitions  int
	KeyFormat   string // KAFKA, JSON, DELIMITED, NONE
	ValueFormat string // JSON, DELIMITED, KAFKA, NONE
	// Delimiter separates the fields of DELIMITED values: "," unless the statement says otherwise. KeyDelimiter does it
	// in DELIMITED keys.
	Delimiter, KeyDelimiter string
	// Unwrapped tells that the single column of the value stands there alone, not as a field of an object.
	Unwrapped bool
	// TimeColumn is the position of the column that carries the event time, -1 for the record's timestamp.
	TimeColumn int
	TimeFormat string // Java DateTimeFormatter pattern of a text TimeColumn, "" for ISO 8601
	// Windowed is set when the key includes window bounds (WINDOWSTART, WINDOWEND).
	Windowed bool
	// WindowKind ("TUMBLING", "HOPPING", "SESSION") and WindowSizeMs say how the bounds stand in a windowed key. The size
	// of a session is 0.
	WindowKind   string
	WindowSizeMs int64
	// Ksql tells that the relation is one of ksqlDB's: its statement names the topic it is over, as all of ksqlDB's do,
	// or it is made by a statement of ksqlDB's over such relations, which then follows ksqlDB and not PostgreSQL.
	Ksql bool
	// ReadOnly is set by CREATE SOURCE: nothing but its topic's producers writes to it.
	ReadOnly bool

	// State is the number under which the rows and the state of the query are kept since the query was replaced, 0 for
	// the ID.
	State uint32
	// Next is the relation that is being made to take the place of this one; its ID is the number of its state. Was is
	// the one whose place this one has taken, as long as steps may have to be computed again that it was there for.
	Next, Was *Relation
	// History is where the partitions of the topic ended when all rows had been written to it anew, in the form of a query
	// that took another's place: what is before says nothing of the relation as it is.
	History []int64
	// Layout counts the changes of the columns: rows in the state are laid out as it was then.
	Layout int
	// Since is the step from which on the relation is what it is: those before have to be computed with what it was.
	Since int64
	// KeyName names the primary key that INSERT enforces. It is "" for a table in ksqlDB's sense, in which the newest row
	// of a key replaces the one before.
	KeyName string
	Uniques []Unique
	Checks  []Check
	Foreign []Foreign
	Indexes []Index
	// Indexed is the highest number that an index has had which was dropped: the state may still have what was in it.
	Indexed int

	// Query is the text of the SELECT that maintains the relation, "" for one that is written to. Statement is the whole
	// statement that made it.
	Query     string
	Statement string
	// QueryID names the continuous query ("CTAS_DEPARTURES_7"); "" when there is none.
	QueryID string
	// Reads lists the IDs of the relations the query reads.
	Reads []uint32
	// Uses lists the IDs of the views and functions that the query was put together from.
	Uses []uint32
	// Part is the number under which the flow keeps what the query shares with others: see engine/part.go; 0 for nothing.
	Part uint32
	// Target is the ID of the relation that an INSERT writes to; 0 for anything else.
	Target uint32
	// Settings are the session's settings the query was created under (timezone, auto.offset.reset …).
	Settings map[string]string
	// Terminated is set by TERMINATE: the query no longer runs, its rows stay.
	Terminated bool
	Paused     bool // by PAUSE: the query takes nothing in until RESUME
	OwnsTopic  bool // the topic was created with the relation and goes with it
	// OnError says what becomes of records that cannot be decoded, or of rows that the query cannot compute.
	OnError ErrorPolicy
	// RetentionMs and RetentionBytes are how long, and how much of each partition, a stream's topic keeps; 0 is for ever
	// and everything.
	RetentionMs, RetentionBytes int64
	// Placement is where the topic's partitions are: Spread, or "" for at home. What is not made yet may say Home.
	Placement string
	// KeepMs is how long a row of a table or view stays, from its event time on; 0 is for ever.
	KeepMs  int64
	Created int64  // microseconds since 1970-01-01 UTC
	Comment string // of COMMENT ON
	Owner   string // the role that made it, "" for the first superuser
	// Labels are the values of an enum, in their order; nil for anything else.
	Labels []types.EnumLabel
	// Domain is what a type of CREATE DOMAIN asks of its values; nil for anything else.
	Domain *Domain
	// Numbers is how a sequence counts; nil for anything else.
	Numbers *Numbers
	// Own are sequences that are to be made together with a new relation, or a change of it.
	Own []*Relation
	// Options are PostgreSQL's storage parameters, each as name=value. They mean nothing here, and are shown.
	Options []string
}

// Where the partitions of topics are: at home, with the node that leads the cluster, or spread over the nodes.
const (
	Home   = "home"
	Spread = "spread"
)

// ErrorPolicy is ON ERROR. The zero value sets aside what is bad, and tells of it in leat_catalog.errors.
type ErrorPolicy struct {
	// Fail stops the query, or what reads the relation.
	Fail bool `json:"fail,omitempty"`
	// Into is the ID of the stream that dead letters go to, 0 for leat_catalog.errors.
	Into uint32 `json:"into,omitempty"`
}

// Stored reports whether the relation has rows of its own, in a topic. A view and a type are only descriptions.
func (r *Relation) Stored() bool {
	return r.Kind == Stream || r.Kind == Table || r.Kind == View
}

// Computed reports whether the server makes the rows of the relation when they are read.
func (r *Relation) Computed() bool { return r.Kind == System || r.Kind == Sequence }

// StateID is the number under which the rows of the relation and the state of its query are kept.
func (r *Relation) StateID() uint32 {
	if r.State != 0 {
		return r.State
	}
	return r.ID
}

// Extends reports whether other has the columns of the relation, and further ones at most at the end.
func (r *Relation) Extends(other *Relation) bool {
	if len(other.Columns) < len(r.Columns) {
		return false
	}
	for i, c := range r.Columns {
		if o := other.Columns[i]; o.Name != c.Name || o.Type != c.Type {
			return false
		}
	}
	return true
}

// Continuous reports whether a query runs for the relation all the time.
func (r *Relation) Continuous() bool { return r.QueryID != "" && !r.Terminated }

// Column is a column of a relation.
type Column struct {
	Name    string
	Type    types.Type
	NotNull bool
	// Headers tells that the column holds the record's headers, all of them or, with Header set, the last of that name.
	Headers bool
	Header  string
	Comment string // of COMMENT ON
	// Field is the name in records, where it is another: a column that was renamed keeps it.
	Field string
	// Default is the text of the expression that stands in for a value that an INSERT does not give, "" for NULL.
	Default string
	// Generated is the text of the expression, over the other columns, that the value is computed from; "" for none.
	Generated string
	// Identity is "ALWAYS" or "BY DEFAULT" for a column GENERATED … AS IDENTITY.
	Identity string
	// Domain is the ID of the domain whose values the column has, 0 for none; Type is what that is a domain of.
	Domain uint32
	// Table and Number tell of a column of a result which column of a relation it is: the relation's ID and the position
	// from 1; 0 where it is none.
	Table  uint32
	Number int
}

// Unique is a UNIQUE constraint.
type Unique struct {
	Name    string `json:"name"`
	Columns []int  `json:"columns"` // positions
	// Primary tells that it is the primary key of a table that was made without one: its rows keep keys of their own.
	Primary bool `json:"primary,omitempty"`
	// Index tells that CREATE UNIQUE INDEX made it, so that it is no constraint.
	Index bool `json:"index,omitempty"`
}

// Index is a secondary index of a table or view.
type Index struct {
	Name    string   `json:"name"`
	Columns []int    `json:"columns"` // positions; -1 for an expression
	Orders  []string `json:"orders"`  // of each column: "", "DESC", "NULLS FIRST" …
	// Exprs are the expressions, by their place among the columns; nil where there is none.
	Exprs []IndexExpr `json:"exprs,omitempty"`
	// Where is the condition of the rows that are in the index, "" for all.
	Where string `json:"where,omitempty"`
	// Include are positions of columns that are named beside; a look-up gives the whole row.
	Include []int `json:"include,omitempty"`
	// Number tells the indexes of the relation apart, those that were dropped among them.
	Number int `json:"number"`
	// Unique says that the columns hold the key of the relation.
	Unique bool `json:"unique,omitempty"`
}

// IndexExpr is an expression that an index has in the place of a column.
type IndexExpr struct {
	Text string `json:"text"`
	// Name is that of the index's column, Type its type's as Type.String spells it.
	Name string `json:"name"`
	Type string `json:"type"`
}

// Plain reports whether the index is of columns and has all rows.
func (x *Index) Plain() bool { return x.Exprs == nil && x.Where == "" }

// Check is a CHECK constraint: a condition over the columns that must not be false.
type Check struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// ByName gives the positions of constraints in the order of their names, in which they are checked as in PostgreSQL.
func ByName(checks []Check) []int {
	order := make([]int, len(checks))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(checks[a].Name, checks[b].Name) })
	return order
}

// Domain is what CREATE DOMAIN asks of values. A domain of a domain, which the column of its relation names, asks what
// that one does too.
type Domain struct {
	NotNull bool    `json:"not_null,omitempty"`
	Default string  `json:"default,omitempty"` // the text of an expression
	Checks  []Check `json:"checks,omitempty"`  // conditions of VALUE
}

// Checked reports whether what an INSERT may write depends on the rows there are.
func (r *Relation) Checked() bool { return r.KeyName != "" || len(r.Uniques) > 0 || len(r.Foreign) > 0 }
