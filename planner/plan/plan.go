// Package plan is what the planner makes and the engine runs: a tree of relational nodes over typed expressions. It is
// data only, so that a plan can be printed, compared and kept.
//
// Every node takes and gives changes (vec.Batch): rows with a diff. The same tree serves a pull query, run once over a
// snapshot, and a continuous one, run step by step.
package plan

import (
	"time"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/types"
)

// Query is a planned query.
type Query struct {
	Root Node
	// Logical is the tree as it was bound, printed, where the planner was asked to keep it.
	Logical string
	// Rules are the rules of the optimiser that changed the tree, where the planner was asked to keep it.
	Rules []string
	Emit  ast.Emit
	// Visible is the number of leading columns of Root that the user asked for; the rest are hidden (sort keys).
	Visible int
	// Origins tell of the visible columns which of them are columns of relations; nil where none is.
	Origins []Origin
	// Params are the types of $1, $2, …, inferred where the client did not say.
	Params []types.Type
	// Reads lists the relations the query reads, each once.
	Reads []*catalog.Relation
	// Uses lists the IDs of the views and functions the query was put together from.
	Uses []uint32
	// Stream is set when the result is a stream in ksqlDB's sense: rows only ever come.
	Stream bool
	// Timed is set when the last column of Root, but for an envelope, is the event time of the row in milliseconds: an
	// INSERT that stays and names ROWTIME.
	Timed bool
	// Carries is set when the last column of Root, which is hidden, is the envelope of the record that a row comes from.
	Carries bool
	// Follow is how a push query begins and what it tells; nil where the user says nothing.
	Follow *Follow
}

// Origin is the column of a relation that a column of a result is: their numbers in the catalog, 0 for none.
type Origin struct {
	Relation uint32
	Column   int // from 1
}

// Follow is what stands behind EMIT CHANGES.
type Follow struct {
	Since    ast.Since
	At       Expr // of SinceAt: text, timestamp or timestamptz
	AtPos    int  // of At, or else of the clause
	Op       bool
	Token    bool
	Progress time.Duration // 0 for none
}

// Node is a relational operator. The set is closed: the types of this file.
type Node interface {
	// Schema describes the rows the node gives. It is shared: do not change it.
	Schema() *Schema
	// Inputs returns the nodes it reads, in port order.
	Inputs() []Node
}

// Schema describes the rows of a node.
type Schema struct {
	Cols []Column
	// Key lists columns whose values no two rows (of diff 1) share; nil when none are known. An empty, non-nil Key means
	// at most one row.
	Key []int
	// AppendOnly means that no row is ever taken away.
	AppendOnly bool
}

// Column is a column of a Schema.
type Column struct {
	Name string
	Type types.Type
}

// Pseudo columns of a scan, as positions in Scan.Cols.
const (
	RowTime      = -1 // bigint, event time in milliseconds
	RowPartition = -2 // int
	RowOffset    = -3 // bigint
	RowID        = -5 // bytea: what UPDATE and DELETE know a table's row by
	StreamTime   = -4 // bigint: the highest event time seen in the row's partition so far, the row's own included
	Envelope     = -6 // bytea: the headers of the row's record, and whether its value is null; NULL for neither
)

// EnvelopeName is the name of the column of envelopes; EXPLAIN does not show it.
const EnvelopeName = "$envelope"

type (
	// Scan reads a relation. A stream gives its records, a table or view its rows and their changes.
	Scan struct {
		Rel  *catalog.Relation
		Cols []int // positions in Rel.Columns, or pseudo columns
		// Lookup, when set, gives for each column of Rel.Key (or a prefix of it) the one value wanted: the point look-up of
		// a pull query. The expressions are constants or parameters.
		Lookup []Expr
		// Index names the index whose columns Lookup is about, By; the key's when it is "".
		Index string
		By    []Column
		// Among, in the place of Lookup, lists the values wanted of the first column.
		Among []types.Value
		// NullRows has the records of a stream whose value is null come too, as rows of NULLs with their key.
		NullRows bool
		// Part is what the relation has the rows of where it is a part that continuous queries share.
		Part *Aggregate
		Sch  Schema
	}
	// Values is constant rows. SELECT without FROM is one row of no columns.
	Values struct {
		Rows [][]Expr
		Sch  Schema
	}
	// Filter keeps the rows for which Cond is true.
	Filter struct {
		In   Node
		Cond Expr
	}
	// Project computes columns.
	Project struct {
		In    Node
		Exprs []Expr
		Sch   Schema
	}
	// Window puts every row into the windows its event time falls in: it appends windowstart and windowend, bigint
	// milliseconds. A row whose window closed is late and goes to the error stream.
	Window struct {
		In   Node
		Kind string // "TUMBLING", "HOPPING", "SESSION", "CUMULATING"
		// Milliseconds. Advance is Size for a tumbling window, the step of a cumulating one. The Size of a session is the gap
		// that ends it. Grace is how long after its end a window stays open; -1 for ever.
		Size, Advance, Grace int64
		Retention            int64  // how long after its start a window's rows are kept, at least; 0 when not said
		Time                 int    // column of In: event time in milliseconds
		StreamTime           int    // column of In; see the pseudo column, -1 when nothing is ever late
		By                   []Expr // a session is one of rows that have these in common
		// Of, when set, is the type of the column that gives the time and of the bounds: timestamp or timestamptz. Time is
		// that column then.
		Of  types.Type
		Pos int
		Sch Schema
	}
	// Aggregate groups by Keys. Without keys there is always one row (Global). Its columns are the keys, then the
	// aggregates.
	Aggregate struct {
		In     Node
		Keys   []Expr
		Aggs   []Agg
		Global bool
		// Sets are the GROUPING SETS, as positions in Keys; a key that is not in a set is NULL in its groups. Nil stands for
		// the one set of all keys. With sets the last column is the number of the set, from 0, an integer.
		Sets [][]int
		// Closes says when the groups of a windowed aggregation change no more, so that they can be forgotten; their rows
		// stay. Nil when they never are.
		Closes *Closing
		Pos    int
		Sch    Schema
	}
	// Join joins on equality of LeftKeys and RightKeys, and on the rest of the condition. Columns: left's, then right's;
	// of Semi and Anti only left's.
	Join struct {
		Left, Right         Node
		Kind                JoinKind
		LeftKeys, RightKeys []Expr // over the left and the right input; pairs have one type
		// NullSafe tells for each pair of keys whether NULL equals NULL: IS NOT DISTINCT FROM. It may be shorter than they.
		NullSafe []bool
		On       Expr // over both, nil when the keys say it all
		// Lookup marks ksqlDB's stream-table join: a left row meets the right rows there are when it comes; later changes
		// of the right side change nothing.
		Lookup bool
		Within *Within // the join of two streams in ksqlDB
		Probe  *Probe  // how the right rows are found one by one; nil when they are all read
		Index  *JoinIndex
		Pos    int
		Sch    Schema
	}
	// Distinct removes duplicates; with On, all but the first row by the order By of those that have On in common. Sch may
	// be left empty: then it has the schema of In.
	Distinct struct {
		In  Node
		On  []Expr
		By  []SortKey
		Pos int
		Sch Schema
	}
	// Sort orders the rows of a finite result; with Limit or Offset it is top-N and can be maintained. Limit and Offset
	// are constants or parameters, nil when absent. By may be empty. Sch may be left empty: then it has the schema of In.
	Sort struct {
		In            Node
		By            []SortKey
		Limit, Offset Expr
		Per           []Expr // Limit and Offset count among the rows that have these in common
		WithTies      bool   // the rows that are equal by By to the last within Limit come too
		Pos           int
		Sch           Schema
	}
	// Union is UNION ALL.
	Union struct {
		Ins []Node
		Sch Schema
	}
)

// Closing says when a window is closed: when event time has passed column Key, the end of the window, by After
// milliseconds or more.
type Closing struct {
	Key   int
	After int64
}

// JoinKind is the kind of a join.
type JoinKind uint8

// The kinds of joins.
const (
	Inner JoinKind = iota
	Left
	Right
	Full
	Semi // the left rows that match
	Anti // the left rows that do not
)

// Halves reports whether the join gives the columns of its left side only.
func (n *Join) Halves() bool { return n.Kind == Semi || n.Kind == Anti }

// NullSafeAt reports whether the i-th pair of keys holds NULLs to be equal.
func (n *Join) NullSafeAt(i int) bool { return i < len(n.NullSafe) && n.NullSafe[i] }

// Probe says how a join that is asked once finds the rows of the relation that its right side reads: by columns By of
// it, the first of the relation's key or of the Index named, whose values are those of the join's left keys Keys.
type Probe struct {
	Index string
	By    []int
	Keys  []int
}

// JoinIndex says how a join of a continuous query finds the rows of one of its sides in the table that they are of,
// where they are as after the step, in place of keeping them: by columns By, which have the values of the join's keys
// Keys. They are the first of the table's own key, or else an index is kept for all queries that join the table so.
type JoinIndex struct {
	Right bool // it is the right side
	Own   bool
	Scan  *Scan
	// At are the columns of the scan that those of the side are. Where is a condition over the scan's columns; nil for
	// none.
	At       []int
	Where    Expr
	By, Keys []int
}

// Agg is one aggregate of an Aggregate node.
type Agg struct {
	Fn       AggFunc
	Args     []Expr
	Distinct bool
	Filter   Expr // nil for none
	// Order is the order in which rows come to the aggregate: ORDER BY in its parentheses, or WITHIN GROUP.
	Order []SortKey
	Type  types.Type
	Pos   int
}

// SortKey is one key of a Sort.
type SortKey struct {
	X          Expr
	Desc       bool
	NullsFirst bool
}

// or returns s, or the schema of in when s was left empty.
func (s *Schema) or(in Node) *Schema {
	if s.Cols == nil {
		return in.Schema()
	}
	return s
}

// Schema implements Node.
func (n *Scan) Schema() *Schema { return &n.Sch }

// Schema implements Node.
func (n *Values) Schema() *Schema { return &n.Sch }

// Schema implements Node.
func (n *Filter) Schema() *Schema { return n.In.Schema() }

// Schema implements Node.
func (n *Project) Schema() *Schema { return &n.Sch }

// Schema implements Node.
func (n *Window) Schema() *Schema { return &n.Sch }

// Schema implements Node.
func (n *Aggregate) Schema() *Schema { return &n.Sch }

// Schema implements Node.
func (n *Join) Schema() *Schema { return &n.Sch }

// Schema implements Node.
func (n *Distinct) Schema() *Schema { return n.Sch.or(n.In) }

// Schema implements Node.
func (n *Sort) Schema() *Schema { return n.Sch.or(n.In) }

// Schema implements Node.
func (n *Union) Schema() *Schema { return &n.Sch }

// Inputs implements Node.
func (n *Scan) Inputs() []Node { return nil }

// Inputs implements Node.
func (n *Values) Inputs() []Node { return nil }

// Inputs implements Node.
func (n *Filter) Inputs() []Node { return []Node{n.In} }

// Inputs implements Node.
func (n *Project) Inputs() []Node { return []Node{n.In} }

// Inputs implements Node.
func (n *Window) Inputs() []Node { return []Node{n.In} }

// Inputs implements Node.
func (n *Aggregate) Inputs() []Node { return []Node{n.In} }

// Inputs implements Node.
func (n *Join) Inputs() []Node { return []Node{n.Left, n.Right} }

// Inputs implements Node.
func (n *Distinct) Inputs() []Node { return []Node{n.In} }

// Inputs implements Node.
func (n *Sort) Inputs() []Node { return []Node{n.In} }

// Inputs implements Node.
func (n *Union) Inputs() []Node { return n.Ins }
