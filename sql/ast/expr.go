// Package ast is the syntax tree of Leat's SQL: what the user wrote, with names folded and every construct's place in
// the text, before anything is known of what the names mean. It is data only; package parse makes it, package planner
// reads it.
package ast

// Expr is an expression. The set is closed: the types of this file.
type Expr interface {
	// Pos is the byte offset of the expression's first character in the statement's text; for a binary operator and
	// other infix forms it is the operator's, which is where PostgreSQL points.
	Pos() int
}

// P is a byte offset in the statement's text.
type P int32

// Pos returns p as an int.
func (p P) Pos() int { return int(p) }

// LitKind is the kind of a literal.
type LitKind uint8

// The kinds of literals.
const (
	LitNull   LitKind = iota
	LitBool           // Text is "true" or "false"
	LitInt            // digits, perhaps with a leading "-"; may exceed int64
	LitNumber         // decimal point or exponent: numeric
	LitString         // Text is the decoded string; its type is unknown until bound
	LitBits           // B'..' and X'..', Text starts with b or x
)

type (
	// ColRef is a column, perhaps qualified: c, t.c, s.t.c.
	ColRef struct {
		P
		Name []string
	}
	// Star is * or t.* in a select list, and count(*)'s argument nowhere: see Call.Star.
	Star struct {
		P
		Qual []string
	}
	// Lit is a literal.
	Lit struct {
		P
		Kind LitKind
		Text string
	}
	// Param is $n.
	Param struct {
		P
		N int
	}
	// Default is the word DEFAULT in VALUES or SET.
	Default struct{ P }
	// Unary is a prefix operator: "-", "+", "NOT", "~", "@", "|/" …
	Unary struct {
		P
		Op     string
		Schema string // of OPERATOR(s.op)
		X      Expr
	}
	// Binary is an infix operator. "AND" and "OR" are here too. "!=" is folded to "<>".
	Binary struct {
		P
		Op     string
		Schema string // of OPERATOR(s.op)
		L, R   Expr
	}
	// Like is LIKE, ILIKE and SIMILAR TO.
	Like struct {
		P
		Op          string // "LIKE", "ILIKE", "SIMILAR"
		Not         bool
		X, Pat, Esc Expr // Esc may be nil
	}
	// Between is x [NOT] BETWEEN [SYMMETRIC] lo AND hi.
	Between struct {
		P
		Not, Sym  bool
		X, Lo, Hi Expr
	}
	// In is x [NOT] IN (list) or (query).
	In struct {
		P
		Not  bool
		X    Expr
		List []Expr
		Sub  *Query
	}
	// Quant is l op ANY|ALL (array or query).
	Quant struct {
		P
		Op     string // "NOT LIKE" and "NOT ILIKE" too
		Schema string // of OPERATOR(s.op)
		L      Expr
		All    bool
		Sub    *Query
		Arr    Expr
	}
	// Is is x IS [NOT] NULL, TRUE, FALSE, UNKNOWN, or DISTINCT FROM y.
	Is struct {
		P
		Not  bool
		What string // "NULL", "TRUE", "FALSE", "UNKNOWN", "DISTINCT", "NORMALIZED"
		X, Y Expr
	}
	// Case is both forms of CASE; X is nil in the searched one, Else may be nil.
	Case struct {
		P
		X    Expr
		When []When
		Else Expr
	}
	// When is one branch of a Case.
	When struct{ Cond, Then Expr }
	// Cast is x::t, CAST(x AS t), TRY_CAST(x AS t) and the typed literal t 'x'.
	Cast struct {
		P
		X    Expr
		Type *Type
		Try  bool
		Lit  bool
	}
	// Call is a function call with all that may hang on it.
	Call struct {
		P
		Name []string
		Args []Expr
		// Form is "" for f(a, b), else the SQL form: "EXTRACT", "SUBSTRING", "SUBSTRING SIMILAR", "POSITION", "OVERLAY",
		// "TRIM BOTH", "TRIM LEADING", "TRIM TRAILING". Args then stand as PostgreSQL passes them: EXTRACT(f FROM x) has 'f'
		// and x, POSITION(a IN b) has b and a, TRIM(c FROM x) has x and c, SUBSTRING(x FOR n) has x, 1 and n.
		Form     string
		NoParens bool // current_date, current_user …: a column in scope wins
		Star     bool // f(*)
		Distinct bool
		Variadic bool        // the last argument is VARIADIC
		Order    []OrderItem // inside the parentheses
		Within   []OrderItem // WITHIN GROUP (ORDER BY …)
		Filter   Expr
		Over     *WindowSpec
		Nulls    string // "IGNORE", "RESPECT", ""
	}
	// NamedArg is name => x or name := x in a call, and ksqlDB's lambda of one bare parameter: the binder decides.
	NamedArg struct {
		P
		Name string
		X    Expr
	}
	// Lambda is (x, y) => body.
	Lambda struct {
		P
		Params []string
		Body   Expr
	}
	// Array is ARRAY[…].
	Array struct {
		P
		Elems []Expr
	}
	// ArrayQuery is ARRAY(query).
	ArrayQuery struct {
		P
		Q *Query
	}
	// Map is MAP(k := v, …).
	Map struct {
		P
		Keys, Vals []Expr
	}
	// Struct is STRUCT(name := v, …).
	Struct struct {
		P
		Names []string
		Vals  []Expr
	}
	// Index is x[i].
	Index struct {
		P
		X, I Expr
	}
	// Slice is x[lo:hi]; either bound may be nil.
	Slice struct {
		P
		X, Lo, Hi Expr
	}
	// Field is x->name (ksqlDB) or (x).name; Name "*" stands for all fields.
	Field struct {
		P
		X    Expr
		Dot  bool
		Name string
	}
	// Row is ROW(…) or (a, b).
	Row struct {
		P
		Elems []Expr
	}
	// Subquery is a scalar subquery.
	Subquery struct {
		P
		Q *Query
	}
	// Exists is EXISTS (query).
	Exists struct {
		P
		Q *Query
	}
	// AtTimeZone is x AT TIME ZONE zone.
	AtTimeZone struct {
		P
		X, Zone Expr
	}
	// Collate is x COLLATE name.
	Collate struct {
		P
		X    Expr
		Name []string
	}
	// GroupSet is ROLLUP (…), CUBE (…), GROUPING SETS (…) or () in GROUP BY.
	GroupSet struct {
		P
		Kind  string // "ROLLUP", "CUBE", "SETS", "EMPTY"
		Elems []Expr
	}
)

// OrderItem is one item of ORDER BY.
type OrderItem struct {
	X          Expr
	Desc       bool
	NullsFirst *bool // nil when not said: NULLS LAST for ascending, FIRST for descending
}

// WindowSpec is what follows OVER, and the body of WINDOW w AS (…).
type WindowSpec struct {
	P
	Ref       string // OVER w
	Base      string // OVER (w …)
	Partition []Expr
	Order     []OrderItem
	Frame     *Frame
}

// Frame is a window frame.
type Frame struct {
	Unit    string // "ROWS", "RANGE", "GROUPS"
	Lo, Hi  Bound
	Exclude string // "", "CURRENT ROW", "GROUP", "TIES"
}

// Bound is one end of a Frame.
type Bound struct {
	Kind string // "UNBOUNDED PRECEDING", "PRECEDING", "CURRENT ROW", "FOLLOWING", "UNBOUNDED FOLLOWING"
	X    Expr
}

// Type is a type as written. Which type it is the binder decides (custom types, aliases).
type Type struct {
	P
	// Name is the folded words without modifiers; what SQL spells in several words is one word here: "double precision",
	// "character varying", "timestamp with time zone". "array", "map" and "struct" are the names of nested types.
	Name []string
	Args []int // (10,2)
	// Interval is the fields of an interval type or literal: "", "DAY", "HOUR TO SECOND" …
	Interval string
	Elem     *Type // element of an array, value of a map
	Key      *Type // key of a map
	Fields   []FieldDef
	Quoted   bool // "char" in quotes is another type than char
}

// FieldDef is a field of a struct type or a column of a column definition list.
type FieldDef struct {
	P
	Name string
	Type *Type
}
