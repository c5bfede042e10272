package ast

// Query is a whole query: WITH, body, ORDER BY, LIMIT, EMIT.
type Query struct {
	P
	Text      string // the user's text of this query, when it is the body of CREATE … AS
	With      []CTE
	Recursive bool
	Body      SetExpr
	Order     []OrderItem
	Limit     Expr // nil for none and for LIMIT ALL
	WithTies  bool
	Offset    Expr
	Locking   []Locking
	Emit      Emit
	Follow    *Follow // how EMIT CHANGES begins and what it tells; nil where nothing is said
}

// Locking is FOR UPDATE and its kin.
type Locking struct {
	P
	Strength     string // "FOR UPDATE", "FOR NO KEY UPDATE", "FOR SHARE" or "FOR KEY SHARE"
	Of           []Name // nil for all
	NoWait, Skip bool
}

// Follow is what stands behind EMIT CHANGES, SINCE … and WITH (…), or AS OF … behind a query that is asked once.
type Follow struct {
	P
	Since    Since
	At       Expr // of SinceAt
	AsOf     bool // AS OF At
	Op       bool // WITH (OP)
	Token    bool // WITH (TOKEN)
	Progress Expr // WITH (PROGRESS = interval); nil for none
}

// Since is where a push query begins.
type Since uint8

// The places where a push query begins.
const (
	SinceDefault   Since = iota // as the session's settings say
	SinceNow                    // SINCE NOW
	SinceBeginning              // SINCE BEGINNING
	SinceAt                     // SINCE x: after a token, or at a time
)

// Emit is how a query's result comes.
type Emit uint8

// The ways a result comes.
const (
	EmitNone    Emit = iota // once: a pull query
	EmitChanges             // EMIT CHANGES: for ever, every change
	EmitFinal               // EMIT FINAL: for ever, each window once, when it closes
)

// CTE is one WITH query.
type CTE struct {
	P
	Name         string
	Cols         []string
	Materialized *bool
	Q            *Query
	Change       Stmt // *Insert, *Update or *Delete, in place of Q
}

// SetExpr is a query body: *SetOp, *Select, *Values or *Nested.
type SetExpr interface {
	setExpr()
	Pos() int
}

type (
	// SetOp is UNION, INTERSECT or EXCEPT.
	SetOp struct {
		P
		Op   string
		All  bool
		L, R SetExpr
	}
	// Select is SELECT … HAVING.
	Select struct {
		P
		Distinct    bool
		DistinctOn  []Expr
		Items       []SelectItem
		From        []From // a comma list; empty without FROM
		Window      *StreamWindow
		Where       Expr
		Group       []Expr
		PartitionBy []Expr // ksqlDB's PARTITION BY
		Having      Expr
		Windows     []NamedWindow
	}
	// Values is VALUES (…), (…); TABLE t is a Select of Star.
	Values struct {
		P
		Rows [][]Expr
	}
	// Nested is a parenthesised query that has clauses of its own.
	Nested struct {
		P
		Q *Query
	}
)

func (*SetOp) setExpr()  {}
func (*Select) setExpr() {}
func (*Values) setExpr() {}
func (*Nested) setExpr() {}

// SelectItem is one item of a select list or of RETURNING.
type SelectItem struct {
	X     Expr
	Alias string
}

// NamedWindow is WINDOW name AS (spec).
type NamedWindow struct {
	P
	Name string
	Spec *WindowSpec
}

// StreamWindow is ksqlDB's WINDOW TUMBLING|HOPPING|SESSION (…). Durations are nil when not given.
type StreamWindow struct {
	P
	Kind                            string // "TUMBLING", "HOPPING", "SESSION"
	Size, Advance, Retention, Grace *Duration
}

// Duration is a count of a unit: 10 SECONDS.
type Duration struct {
	P
	N    int64
	Unit string // "MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "YEAR": singular, upper case
}

// Within is WITHIN d or WITHIN (before, after), with GRACE PERIOD.
type Within struct {
	P
	Before, After *Duration // After is nil when one duration serves both sides
	Grace         *Duration
}

// From is an item of FROM: *TableRef, *SubqueryRef, *FuncRef or *Join.
type From interface {
	from()
	Pos() int
}

type (
	// TableRef is a relation by name.
	TableRef struct {
		P
		Name  []string
		Only  bool
		AsOf  Expr // FOR SYSTEM_TIME AS OF x
		Alias Alias
	}
	// SubqueryRef is [LATERAL] (query) alias.
	SubqueryRef struct {
		P
		Lateral bool
		Q       *Query
		Alias   Alias
	}
	// FuncRef is [LATERAL] f(…) [WITH ORDINALITY], ROWS FROM (…), and window functions such as TUMBLE(t, col, size),
	// whose first argument is then a *TableArg.
	FuncRef struct {
		P
		Lateral    bool
		Calls      []*Call
		Ordinality bool
		Alias      Alias
	}
	// Join is every kind of join; comma in FROM is a list in Select.From instead.
	Join struct {
		P
		Kind    string // "INNER", "LEFT", "RIGHT", "FULL", "CROSS"
		Natural bool
		Asof    bool
		L, R    From
		On      Expr
		Using   []string
		Within  *Within
		Alias   Alias
	}
)

func (*TableRef) from()    {}
func (*SubqueryRef) from() {}
func (*FuncRef) from()     {}
func (*Join) from()        {}

// TableArg is a relation as an argument of a table function: TUMBLE(t, …), SESSION(t PARTITION BY k, …).
type TableArg struct {
	P
	Name        []string
	PartitionBy []Expr
}

// Alias is AS name (cols) or AS name (col type, …).
type Alias struct {
	P
	Name string
	Cols []string
	Defs []FieldDef
}

// Pos and the marker make TableArg an Expr: see FuncRef.
var _ Expr = (*TableArg)(nil)
