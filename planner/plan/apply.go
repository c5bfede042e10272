package plan

import (
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/types"
)

// ApplyKind says what an Apply makes of the rows of its query.
type ApplyKind uint8

// The kinds of Apply.
const (
	ApplyScalar ApplyKind = iota // the one value of the one row, NULL without a row; two rows are an error
	ApplyExists                  // whether there is a row
	ApplyTest                    // Test of each row, joined by OR, or by AND with All
	ApplyArray                   // the array of the values
	ApplyRows                    // every row, as in a join: LATERAL
	ApplyLeft                    // every row for which On holds, or one of NULLs
	ApplySemi                    // rows of In for which there is a row, or with Test one for which that is true
	ApplyAnti                    // the other rows of In
)

type (
	// Apply runs Query for every row of In. Args, which are over In's row, are what the Outer expressions in it refer to.
	// Its columns are In's, then one value, or the columns of Query for ApplyRows and ApplyLeft. Without Args the query
	// is the same for all rows. Guard, over In's row, tells for which rows the value is wanted; nil for all.
	Apply struct {
		In, Query Node
		Kind      ApplyKind
		Args      []Expr
		Left      []Expr // over In
		Test      Expr   // of ApplyTest: over Left, then the query's columns
		All       bool
		On        Expr // of ApplyLeft: over In's columns, then the query's
		Guard     Expr
		Pos       int
		Sch       Schema
	}
	// TableFunc calls set-returning functions for every row of In, side by side: the shorter are filled up with NULLs. Its
	// columns are In's, then those of the calls, then with Ordinality a number from 1.
	TableFunc struct {
		In         Node
		Calls      []TableCall
		Ordinality bool
		Left       bool // a row of In for which there are no rows comes once, with NULLs
		On         Expr // of Left: over all columns
		Pos        int
		Sch        Schema
	}
	// WindowAgg gives every row the values of window functions, which have one Partition and Order. Its columns are In's,
	// then one per function.
	WindowAgg struct {
		In    Node
		Funcs []WindowFunc
		Pos   int
		Sch   Schema
	}
	// GroupTop keeps the first rows by Order of those that have By in common: the ones whose Rank is at most Limit. Its
	// columns are In's, then with Number the rank.
	GroupTop struct {
		In     Node
		By     []Expr
		Order  []SortKey
		Rank   Rank
		Limit  int64
		Number bool
		Pos    int
		Sch    Schema
	}
	// SetOp is INTERSECT or EXCEPT.
	SetOp struct {
		Left, Right Node
		Except, All bool
		Pos         int
		Sch         Schema
	}
	// Recursive is a WITH RECURSIVE query: Base, and Step again and again over what the last round gave, until it gives
	// nothing new. Distinct removes duplicates.
	Recursive struct {
		Base, Step Node
		ID         int // which RecursiveScans in Step are of it
		Distinct   bool
		Pos        int
		Sch        Schema
	}
	// RecursiveScan reads the rows of the round before.
	RecursiveScan struct {
		ID   int
		Name string
		Sch  Schema
	}
	// Shared computes In, whose rows go to the SharedScans of its ID as well.
	Shared struct {
		In Node
		ID int
	}
	// SharedScan gives the rows of a Shared.
	SharedScan struct {
		ID  int
		Sch Schema
	}
	// ClockFilter keeps the rows for which X is above Bound (Above), or below it, or with Equal the same. Bound has no
	// columns and grows with the clock: rows leave, or come in, while nothing else happens.
	ClockFilter struct {
		In           Node
		X, Bound     Expr
		Above, Equal bool
		Pos          int
		Sch          Schema
	}
	// Final holds the rows of a windowed aggregation back until their window is closed: EMIT FINAL.
	Final struct {
		In     Node
		Closes Closing // over the columns of In
		Pos    int
	}
)

// Rank says how the rows of a GroupTop are numbered.
type Rank uint8

// The ranks.
const (
	RowNumber Rank = iota // every row has a number of its own
	PeerRank              // rows that Order does not tell apart have the number of their first
	DenseRank             // such rows have one number, and the next have the next
)

// Within bounds a join of two streams: a row of the left side meets rows of the right that are at most Before older and
// After younger than it. All are milliseconds.
type Within struct {
	Before, After int64
	Grace         int64 // -1 when not said: rows that come late still join for a day
	// LeftTime, RightTime, LeftStream and RightStream are columns of the inputs: event times and stream times in
	// milliseconds.
	LeftTime, RightTime, LeftStream, RightStream int
}

// TableCall is one function of a TableFunc.
type TableCall struct {
	Fn   *fn.Table
	Args []Expr
	Cols []types.Type
}

// WindowFunc is one function of a WindowAgg: Fn or Agg.
type WindowFunc struct {
	Fn          *fn.Window
	Agg         AggFunc
	Args        []Expr
	Filter      Expr
	IgnoreNulls bool
	Partition   []Expr
	Order       []SortKey
	Frame       Frame
	Type        types.Type
	Pos         int
}

// Frame is the frame of a window function.
type Frame struct {
	Unit   string // "ROWS", "RANGE", "GROUPS"
	Lo, Hi Bound
	// Exclude takes rows out of it.
	Exclude fn.Exclusion
}

// Bound is an end of a Frame. X is the distance of "PRECEDING" and "FOLLOWING".
type Bound struct {
	Kind string // "UNBOUNDED PRECEDING", "PRECEDING", "CURRENT ROW", "FOLLOWING", "UNBOUNDED FOLLOWING"
	X    Expr
}

// Schema implements Node.
func (n *Apply) Schema() *Schema { return &n.Sch }

// Schema implements Node.
func (n *TableFunc) Schema() *Schema { return &n.Sch }

// Schema implements Node.
func (n *WindowAgg) Schema() *Schema { return &n.Sch }

// Schema implements Node.
func (n *GroupTop) Schema() *Schema { return &n.Sch }

// Schema implements Node.
func (n *SetOp) Schema() *Schema { return &n.Sch }

// Schema implements Node.
func (n *Recursive) Schema() *Schema { return &n.Sch }

// Schema implements Node.
func (n *RecursiveScan) Schema() *Schema { return &n.Sch }

// Schema implements Node.
func (n *Shared) Schema() *Schema { return n.In.Schema() }

// Schema implements Node.
func (n *SharedScan) Schema() *Schema { return &n.Sch }

// Schema implements Node.
func (n *ClockFilter) Schema() *Schema { return &n.Sch }

// Schema implements Node.
func (n *Final) Schema() *Schema { return n.In.Schema() }

// Inputs implements Node.
func (n *Apply) Inputs() []Node { return []Node{n.In, n.Query} }

// Inputs implements Node.
func (n *TableFunc) Inputs() []Node { return []Node{n.In} }

// Inputs implements Node.
func (n *WindowAgg) Inputs() []Node { return []Node{n.In} }

// Inputs implements Node.
func (n *GroupTop) Inputs() []Node { return []Node{n.In} }

// Inputs implements Node.
func (n *SetOp) Inputs() []Node { return []Node{n.Left, n.Right} }

// Inputs implements Node.
func (n *Recursive) Inputs() []Node { return []Node{n.Base, n.Step} }

// Inputs implements Node.
func (n *RecursiveScan) Inputs() []Node { return nil }

// Inputs implements Node.
func (n *Shared) Inputs() []Node { return []Node{n.In} }

// Inputs implements Node.
func (n *SharedScan) Inputs() []Node { return nil }

// Inputs implements Node.
func (n *ClockFilter) Inputs() []Node { return []Node{n.In} }

// Inputs implements Node.
func (n *Final) Inputs() []Node { return []Node{n.In} }
