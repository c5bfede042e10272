package plan

import (
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/types"
)

// Expr is a typed expression over the columns of one input row (of a Join's On: the left columns, then the right's).
// The set is closed: the types of this file. All implicit casts are explicit Casts here.
type Expr interface{ Type() types.Type }

// AggFunc is the aggregate function of an Agg.
type AggFunc = *fn.Aggregate

type (
	// Col is column Index of the input.
	Col struct {
		Index int
		Typ   types.Type
		Name  string // for EXPLAIN
	}
	// Const is a constant.
	Const struct{ Value types.Value }
	// Param is $N, counted from 1. It becomes a Const before a plan runs.
	Param struct {
		N   int
		Typ types.Type
	}
	// Call is a scalar function or operator.
	Call struct {
		Fn   *fn.Scalar
		Args []Expr
		Typ  types.Type
		Pos  int // place in the user's text, for errors of evaluation
	}
	// Cast converts X to Typ. Try gives NULL where the conversion fails. Explicit casts may truncate.
	Cast struct {
		X        Expr
		Typ      types.Type
		Explicit bool
		Try      bool
	}
	// And is true when all are true; a row decided by one argument is not evaluated for the next.
	And struct{ Args []Expr }
	// Or is true when one is true; a row decided by one argument is not evaluated for the next.
	Or struct{ Args []Expr }
	// Not is three-valued negation.
	Not struct{ X Expr }
	// IsNull is x IS [NOT] NULL.
	IsNull struct {
		X   Expr
		Not bool
	}
	// IsBool is x IS [NOT] TRUE or FALSE.
	IsBool struct {
		X    Expr
		Want bool
		Not  bool
	}
	// Case evaluates Then only for rows whose Cond is the first that is true. Else is never nil.
	Case struct {
		When []When
		Else Expr
		Typ  types.Type
	}
	// Coalesce is the first argument that is not NULL; later ones are evaluated only for rows that need them.
	Coalesce struct {
		Args []Expr
		Typ  types.Type
	}
	// In is x [NOT] IN (constants), all of x's type; other forms become Or of equalities.
	In struct {
		X    Expr
		List []types.Value
		Not  bool
	}
	// Outer is value Index of those that the Subquery or Apply around this expression hands to its query.
	Outer struct {
		Index int
		Typ   types.Type
		Name  string // for EXPLAIN
	}
	// Subquery is a query within an expression. Before a plan is finished all become Apply nodes.
	Subquery struct {
		Kind  ApplyKind // ApplyScalar, ApplyExists, ApplyTest or ApplyArray
		Query Node
		Args  []Expr // what its Outer expressions refer to, over the row that the expression is for
		Test  Expr   // of ApplyTest: over Left, then the query's columns
		Left  []Expr
		All   bool
		Typ   types.Type
		Pos   int
	}
	// Array, Map and Struct construct; the elements have the element, key and field types of Typ.
	Array struct {
		Elems []Expr
		Typ   types.Type
	}
	// Map is MAP(k := v).
	Map struct {
		Keys, Vals []Expr
		Typ        types.Type
	}
	// Struct is STRUCT(name := v) and ROW(…).
	Struct struct {
		Vals []Expr
		Typ  types.Type
	}
	// Field is the field at position Index of a struct.
	Field struct {
		X     Expr
		Index int
		Typ   types.Type
	}
	// Lambda is an argument of a Call that is a function of its parameters, and of the columns of the row. Body reads
	// parameter i as Var First+i; Vars below First are those of the lambdas around it. Its type is that of the body.
	Lambda struct {
		First  int
		Params []types.Type
		Names  []string // for EXPLAIN
		Body   Expr
	}
	// Var is a parameter of a Lambda around it. They are numbered from the outermost lambda inwards.
	Var struct {
		N    int
		Typ  types.Type
		Name string // for EXPLAIN
	}
)

// When is a branch of a Case.
type When struct{ Cond, Then Expr }

// Type implements Expr.
func (e *Col) Type() types.Type { return e.Typ }

// Type implements Expr.
func (e *Const) Type() types.Type { return e.Value.Type }

// Type implements Expr.
func (e *Param) Type() types.Type { return e.Typ }

// Type implements Expr.
func (e *Call) Type() types.Type { return e.Typ }

// Type implements Expr.
func (e *Cast) Type() types.Type { return e.Typ }

// Type implements Expr.
func (e *And) Type() types.Type { return types.Bool }

// Type implements Expr.
func (e *Or) Type() types.Type { return types.Bool }

// Type implements Expr.
func (e *Not) Type() types.Type { return types.Bool }

// Type implements Expr.
func (e *IsNull) Type() types.Type { return types.Bool }

// Type implements Expr.
func (e *IsBool) Type() types.Type { return types.Bool }

// Type implements Expr.
func (e *Case) Type() types.Type { return e.Typ }

// Type implements Expr.
func (e *Coalesce) Type() types.Type { return e.Typ }

// Type implements Expr.
func (e *In) Type() types.Type { return types.Bool }

// Type implements Expr.
func (e *Array) Type() types.Type { return e.Typ }

// Type implements Expr.
func (e *Map) Type() types.Type { return e.Typ }

// Type implements Expr.
func (e *Struct) Type() types.Type { return e.Typ }

// Type implements Expr.
func (e *Field) Type() types.Type { return e.Typ }

// Type implements Expr.
func (e *Lambda) Type() types.Type { return e.Body.Type() }

// Type implements Expr.
func (e *Var) Type() types.Type { return e.Typ }

// Type implements Expr.
func (e *Outer) Type() types.Type { return e.Typ }

// Type implements Expr.
func (e *Subquery) Type() types.Type { return e.Typ }
