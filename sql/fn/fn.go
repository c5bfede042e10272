// Package fn is the registry of functions: every scalar, aggregate and set-returning function, every operator and
// every cast, one declaration each that holds signature, documentation, examples and the vectorised kernel. The
// binder resolves against it, the engine runs its kernels, docs/functions.md is printed from it.
package fn

import (
	"strings"

	"time"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// Call is one evaluation of a kernel over a batch.
type Call struct {
	// N is the number of rows. A constant argument (vec.Column.Const) has one row that stands for all N.
	N int
	// Env holds what differs from statement to statement; it is never nil.
	Env *Env
	// Ret is the type of the result.
	Ret types.Type
	// Null, when not nil, marks rows that will be NULL whatever the kernel makes of them (a strict function's NULL
	// arguments): the kernel may leave them out, and Fail takes no error of them.
	Null []bool
	// Lambdas are the arguments that are lambdas, by position; nil when there is none.
	Lambdas []Lambda
	// Errs collects rows that failed, by row number; the caller decides whether they fail the statement or are
	// set aside. A failed row's result is ignored.
	Errs map[int]error

	loc *time.Location // what Location found
}

// Env is the part of the session and of the moment that functions may see. Inside a maintained query it is fixed when
// the query is created (TimeZone) or given by the step (Now), so that evaluation is deterministic.
type Env struct {
	// Now is the time of the statement's transaction, in microseconds since 1970-01-01 UTC.
	Now int64
	// Settings answers current_setting and the output formats: timezone, datestyle, user, database, search_path …
	Setting func(name string) string
	// Style is what the settings say of how values are printed and dates read.
	Style types.Style
	// Sequences are what nextval draws from; nil where there are none.
	Sequences Sequences
	// Catalog answers the functions of the system catalog; nil stands for a catalog without relations.
	Catalog CatalogInfo
	// Caller is the session that runs the statement; nil where none does.
	Caller Caller
	// Control is the same session, to what changes it or reaches others; nil where none does.
	Control Control
	// Access answers has_…_privilege; nil allows everything.
	Access Access
	// Settings lists the settings of the session, for pg_settings; it may be nil.
	Settings func() []Setting
	// Cursors lists the cursors of the session, for pg_cursors; it may be nil.
	Cursors func() []Cursor
	// Clients lists the sessions of the server, for pg_stat_activity; it may be nil.
	Clients func() []ClientState
	// Locks lists the locks that are held and waited for, for pg_locks, and Prepared the session's prepared statements;
	// they may be nil.
	Locks func() []LockState
	// Storage tells of sizes; nil where it is not known.
	Storage  Storage
	Blockers func(pid int32) []int32 // the sessions that hold what a session waits for
	Prepared func() []PreparedState
}

// LockState is a lock that is held, or waited for.
type LockState struct {
	PID           int32
	Type          string // "relation", "advisory" or "transactionid"
	Mode          string
	Granted       bool
	Relation      uint32
	Class, Object uint32 // of an advisory lock
	Part          int
}

// PreparedState is a prepared statement of a session.
type PreparedState struct {
	Name, Text string
	At         time.Time
	Types      []types.Type
	FromSQL    bool // by PREPARE
}

// ClientState is what pg_stat_activity shows of a session.
type ClientState struct {
	PID                         int32
	User, Database, Application string
	Address                     string // host and port of the client, "" when they are not known
	State, Query                string
	// Started, Transaction, Statement and Changed are when the session, its transaction and its newest statement
	// began, and when State changed; zero for none.
	Started, Transaction, Statement, Changed time.Time
}

// Cursor is a cursor of a session.
type Cursor struct {
	Name, Statement      string
	Hold, Binary, Scroll bool
	Made                 time.Time
}

// Setting is a setting of a session.
type Setting struct {
	Name, Value, Initial string
	Fixed                bool   // it cannot be set
	Chosen               bool   // the session has set it
	Kind, Unit           string // as in pg_settings
	Words                []string
	// Who may set it, its category, and the lowest and highest value, as in pg_settings; "" where PostgreSQL has it not.
	Who, Category, Lowest, Highest string
	Doc                            string
}

// Fail records that row i has no value because of err, which should be a *sqlerr.Error.
func (c *Call) Fail(i int, err error) {
	if c.Skips(i) {
		return
	}
	if c.Errs == nil {
		c.Errs = map[int]error{}
	}
	if _, ok := c.Errs[i]; !ok {
		c.Errs[i] = err
	}
}

// Skips reports whether row i is NULL whatever the kernel makes of it.
func (c *Call) Skips(i int) bool { return c.Null != nil && c.Null[i] }

// Kernel computes a scalar function for every row: it fills out, which is empty and has the type c.Ret, with c.N rows
// (or with one, setting out.Const). args are borrowed.
type Kernel func(c *Call, args []*vec.Column, out *vec.Column)

// Doc is what the reference prints of a function.
type Doc struct {
	Summary  string // one sentence
	Category string // "string", "math", "date/time" …
	Examples []Example
	Since    string
}

// Example is an expression and the text of its value; a test evaluates every one.
type Example struct{ SQL, Want string }

// Scalar is one overload of a scalar function or operator.
type Scalar struct {
	Name     string       // lower case; an operator is named by its symbol, a prefix one by "prefix " and its symbol
	Args     []types.Type // may hold the pseudo-types of polymorphic.go
	Variadic bool         // the last of Args repeats
	Ret      types.Type
	// Params names the arguments, for calls by name. Default is the SQL of one that is left out between others.
	Params  []string
	Default string
	// Resolve, when set, decides over polymorphic overloads: it is given the actual argument types (types.Unknown for
	// untyped literals) and returns the types to convert them to and the type of the result.
	Resolve func(args []types.Type) (params []types.Type, ret types.Type, ok bool)
	// LambdaParams, when set, says that the arguments from LambdaAt on are lambdas: given the types of those before
	// them it returns the types of a lambda's parameters. To Resolve the type of a lambda is that of its body.
	LambdaParams func(args []types.Type) (params []types.Type, ok bool)
	LambdaAt     int
	// Strict functions give NULL when an argument is NULL; the caller still runs the kernel over all rows, and sets
	// the NULLs after it.
	Strict bool
	// Volatile functions (random) are not folded and not allowed in a maintained query; Stable ones (now) are fixed
	// within a statement.
	Volatile, Stable bool
	// Clock functions tell the time: what they give grows while a query is maintained.
	Clock bool
	// Total functions never fail and are cheap: they may be run over rows whose value nobody needs.
	Total  bool
	Kernel Kernel
	Doc    Doc
}

// Named reports whether f is called by its name: an operator is not.
func (f *Scalar) Named() bool {
	return f.Name[0] >= 'a' && f.Name[0] <= 'z' && !strings.HasPrefix(f.Name, "prefix ")
}

// Aggregate is one overload of an aggregate function.
type Aggregate struct {
	Name string
	Args []types.Type // empty for count(*)
	Ret  types.Type
	// ConstFrom, when not 0, says that the arguments from this one on are the same in every row: constants of the query.
	ConstFrom int
	// Resolve is as in Scalar.
	Resolve func(args []types.Type) (params []types.Type, ret types.Type, ok bool)
	// New returns the state of an aggregation over arguments of these types. appendOnly promises that no diff is
	// negative, which lets min and max keep one value instead of all.
	New func(args []types.Type, ret types.Type, appendOnly bool) Accumulator
	// Arrival says that the order in which rows come shows in the result. With DISTINCT it is the order of the arguments.
	Arrival bool
	// Ordered, which only the ordered-set aggregates have, is New for any order of WITHIN GROUP (ORDER BY …); New is that
	// of ascending keys. What they order by are the last of the arguments.
	Ordered func(args []types.Type, ret types.Type, by []Order) Accumulator
	// Hypothetical aggregates take as many arguments in their parentheses as they order by.
	Hypothetical bool
	Doc          Doc // its examples are over the rows 1, 1, 2 and NULL of x
}

// Accumulator is the state of one aggregate for many groups, numbered from 0, as columns. One goroutine owns it.
type Accumulator interface {
	// Update adds row i of args, diff[i] times (nil: once), to group groups[i]. Groups not seen before begin empty.
	// A row that fails (overflow) is reported to c and changes nothing.
	Update(c *Call, groups []int32, diff []int32, args []*vec.Column)
	// Result appends the value of each listed group to out.
	Result(groups []int32, out *vec.Column)
	// Encode appends the state of a group to dst.
	Encode(group int32, dst []byte) []byte
	// Decode sets the state of a group from what Encode made; an empty src empties the group, so that its number can be
	// given to another.
	Decode(group int32, src []byte) error
}
