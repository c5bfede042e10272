package ast

// Stmt is a statement. Start and End bound its own text within the message it came in.
type Stmt interface{ stmt() }

// Name is a possibly qualified name with its place.
type Name struct {
	P
	Parts []string
}

// Last returns the unqualified part of the name.
func (n Name) Last() string { return n.Parts[len(n.Parts)-1] }

// Prop is one entry of WITH (key = value). Keys are folded to lower case.
type Prop struct {
	P
	Key string
	Val Expr // a literal, or a ColRef for a bare word
}

// ColumnDef is a column of CREATE STREAM or CREATE TABLE.
type ColumnDef struct {
	P
	Name        string
	Type        *Type
	Key         bool // KEY
	PrimaryKey  bool // PRIMARY KEY
	NotNull     bool // NOT NULL
	Default     Expr // DEFAULT x; DefaultText is the user's text of it
	DefaultText string
	Identity    string           // GENERATED ALWAYS|BY DEFAULT AS IDENTITY: "ALWAYS", "BY DEFAULT"
	Generated   bool             // GENERATED ALWAYS AS (Default) STORED
	Numbers     *SequenceOptions // of an identity column; nil for none
	Headers     bool             // HEADERS
	Header      string           // HEADER('name')
	Like        *LikeTable       // LIKE table, in place of a column
}

// SequenceOptions are the options of a sequence. A number that is not given is nil.
type SequenceOptions struct {
	P
	Type                         *Type
	Start, Step, Min, Max, Cache *int64
	NoMin, NoMax                 bool
	Cycle                        *bool
	Restart                      bool   // RESTART
	RestartWith                  *int64 // its number
	Owner                        *Name  // OWNED BY table.column
	NoOwner                      bool   // OWNED BY NONE
}

// With is WITH in front of a statement that changes rows.
type With struct {
	Queries   []CTE
	Recursive bool
}

// LikeTable is LIKE table in the list of columns of CREATE TABLE.
type LikeTable struct {
	P
	Table     Name
	Including map[string]bool // "defaults", "constraints", "indexes", "identity"
}

// OnError is ON ERROR SKIP | FAIL | DEAD LETTER INTO stream.
type OnError struct {
	P
	Do   string // "SKIP", "FAIL", "DEAD LETTER"
	Into Name   // of DEAD LETTER
}

// Unique is a UNIQUE constraint of a column or table.
type Unique struct {
	P
	Name    string // "" when not given
	Columns []string
}

// Check is a CHECK constraint.
type Check struct {
	P
	Name   string // "" when not given
	Column string // the column it was written at, "" for one of the table
	X      Expr
	Text   string // the user's text of X
}

// Foreign is a foreign key of a column or table.
type Foreign struct {
	P
	Name                 string // "" when not given
	Columns, Refs        []string
	Table                Name
	OnUpdate, OnDelete   string // as catalog.Foreign has them
	Clear                []string
	Full                 bool
	Deferrable, Deferred bool
	NotValid             bool
}

// RoleName names a role; Name is "public" and Public set for PUBLIC.
type RoleName struct {
	P
	Name    string
	Public  bool
	Current bool // CURRENT_USER and its like: Name is empty
}

// PrivilegeName is a privilege of GRANT, in upper case.
type PrivilegeName struct {
	P
	Name string
}

// Secret is a text that is never printed.
type Secret struct{ text string }

// SecretOf hides a text.
func SecretOf(text string) *Secret { return &Secret{text} }

// Reveal gives the text, to be made a verifier of.
func (s *Secret) Reveal() string { return s.text }

// String prints a secret as what it is.
func (s *Secret) String() string { return "(secret)" }

// FuncParam is a parameter of CREATE FUNCTION; Default is the text of an expression.
type FuncParam struct {
	P
	Name    string
	Type    *Type
	Default string
}

// FuncName names a function, with the types of its parameters where they are given.
type FuncName struct {
	P
	Parts   []string
	Args    []*Type
	HasArgs bool
}

// Plain returns the name without the types.
func (n FuncName) Plain() Name { return Name{P: n.P, Parts: n.Parts} }

type (
	// QueryStmt is a query as a statement.
	QueryStmt struct {
		P
		Q *Query
	}
	// Create is CREATE STREAM | TABLE | MATERIALIZED VIEW | VIEW, with columns or AS a query.
	Create struct {
		P
		What        string // "STREAM", "TABLE", "MATERIALIZED VIEW", "VIEW"
		OrReplace   bool
		Source      bool // CREATE SOURCE STREAM|TABLE
		Temp        bool
		OnCommit    string // of a temporary table: "DROP", "DELETE ROWS", or "" for PRESERVE ROWS
		Once        bool   // SELECT INTO: the rows of As are copied, and do not follow it
		IfNotExists bool
		Name        Name
		Columns     []ColumnDef
		ColsText    string   // what stands between the parentheses, where columns are to be inferred
		HasColumns  bool     // distinguishes () and a list from none at all
		PrimaryKey  []string // the table constraint PRIMARY KEY (a, b)
		KeyName     string   // of CONSTRAINT name PRIMARY KEY
		Uniques     []Unique // of columns and of the table
		Checks      []*Check
		Foreign     []*Foreign
		ColNames    []string // CREATE VIEW v (a, b) AS
		Props       []Prop
		As          *Query // its Text is set
		NoData      bool   // WITH NO DATA
		OnError     *OnError
	}
	// Alter is ALTER TABLE | STREAM | MATERIALIZED VIEW.
	Alter struct {
		P
		What     string // "TABLE", "STREAM", "MATERIALIZED VIEW"
		IfExists bool
		Name     Name
		Actions  []*AlterAction
	}
	// AlterAction is one thing that ALTER does: "ADD COLUMN", "DROP COLUMN", "RENAME COLUMN", "RENAME", "SET DEFAULT",
	// "DROP DEFAULT", "SET NOT NULL", "DROP NOT NULL", "OWNER", "SET ON ERROR", "ADD IDENTITY", "SET IDENTITY",
	// "DROP IDENTITY",
	// "VALIDATE CONSTRAINT".
	AlterAction struct {
		P
		Do      string
		Unless  bool       // IF NOT EXISTS or IF EXISTS
		Cascade bool       // of DROP COLUMN
		Def     *ColumnDef // of ADD COLUMN, with the constraints in New; of SET DEFAULT its Default
		New     *Create    // what the column's constraints, or those of ADD CONSTRAINT, were written into
		Column  string
		OnError *OnError
		To      string // the new name; of OWNER the role, "" for CURRENT_USER; of DROP CONSTRAINT its name
	}
	// CreateSequence is CREATE SEQUENCE.
	CreateSequence struct {
		P
		Temp        bool
		IfNotExists bool
		Name        Name
		Options     SequenceOptions
	}
	// AlterSequence is ALTER SEQUENCE with options.
	AlterSequence struct {
		P
		IfExists bool
		Name     Name
		Options  SequenceOptions
	}
	// CreateFunction is CREATE FUNCTION … LANGUAGE SQL.
	CreateFunction struct {
		P
		OrReplace bool
		Name      Name
		Params    []FuncParam
		Returns   *Type      // nil with Table
		SetOf     bool       // RETURNS SETOF type
		Table     []FieldDef // RETURNS TABLE (name type, …)
		Strict    bool
		Body      string // the text of a query
		BodyPos   P
	}
	// DropFunction is DROP FUNCTION.
	DropFunction struct {
		P
		IfExists bool
		Cascade  bool
		Funcs    []FuncName
	}
	// CreateSchema is CREATE SCHEMA.
	CreateSchema struct {
		P
		IfNotExists bool
		Name        Name
	}
	// Comment is COMMENT ON kind name IS 'text' | NULL. The name of a COLUMN ends in the column's.
	Comment struct {
		P
		What string // "TABLE", "COLUMN", "FUNCTION" …
		Name FuncName
		Text string // "" for NULL
	}
	// Maintain is VACUUM, ANALYZE, REFRESH MATERIALIZED VIEW or UNLISTEN: what keeps other databases in order.
	Maintain struct {
		P
		Verb    string
		Names   []Name // the relations it is for; none for all
		Options []Prop // in parentheses, of VACUUM and ANALYZE
	}
	// Listen is LISTEN, UNLISTEN or NOTIFY.
	Listen struct {
		P
		Verb    string
		Channel string // "" for UNLISTEN *
		Payload string // of NOTIFY
	}
	// RoleChange is CREATE or ALTER of a USER or ROLE.
	RoleChange struct {
		P
		Verb       string // "CREATE", "ALTER"
		What       string // "USER", "ROLE"
		Name       RoleName
		Login      *bool
		Superuser  *bool
		Password   *Secret // nil when the statement does not say
		NoPassword bool    // PASSWORD NULL
		In         []RoleName
	}
	// Grant is GRANT or REVOKE: of privileges on objects, or of membership in roles.
	Grant struct {
		P
		Revoke     bool
		Privileges []PrivilegeName // empty for ALL
		Roles      []RoleName      // of which membership is granted; then there is no On
		On         string          // "TABLE", "ALL TABLES", "SEQUENCE", "ALL SEQUENCES", "SCHEMA"
		Names      []Name
		To         []RoleName
		Option     bool // WITH GRANT OPTION, GRANT OPTION FOR
	}
	// Define is DEFINE name = 'value', or UNDEFINE name.
	Define struct {
		P
		Name  string
		Value string
		Undo  bool
	}
	// Assert is ASSERT [NOT EXISTS] TOPIC name [WITH (…)] [TIMEOUT d], and of STREAM and TABLE.
	Assert struct {
		P
		What    string // "TOPIC", "STREAM", "TABLE"
		Not     bool   // NOT EXISTS
		Name    Name
		Columns []ColumnDef
		Props   []Prop
		Timeout *Duration
	}
	// SetConstraints is SET CONSTRAINTS names | ALL DEFERRED | IMMEDIATE.
	SetConstraints struct {
		P
		Names    []Name // none for ALL
		Deferred bool
	}
	// Drop is DROP STREAM | TABLE | MATERIALIZED VIEW | VIEW | TYPE | SCHEMA | …
	Drop struct {
		P
		What        string
		IfExists    bool
		Names       []Name
		On          *Name // the relation of a trigger, a rule or a policy
		Cascade     bool
		DeleteTopic bool
	}
	// Insert is INSERT INTO, of VALUES or of a query (which is a continuous query when Q.Emit says so).
	Insert struct {
		P
		With      *With // nil without
		Table     Name
		Alias     string
		Columns   []Name
		Props     []Prop
		Q         *Query // Values for INSERT … VALUES
		Default   bool   // DEFAULT VALUES
		Conflict  *Conflict
		Returning []SelectItem
	}
	// Conflict is ON CONFLICT.
	Conflict struct {
		P
		Target     []string
		Constraint string   // its name, in place of Target
		Update     []Assign // nil for DO NOTHING
		Where      Expr
	}
	// Assign is one item of SET in UPDATE: columns = x.
	Assign struct {
		P
		Columns []string
		X       Expr
	}
	// Update is UPDATE.
	Update struct {
		P
		With      *With // nil without
		Table     Name
		Alias     string
		Sets      []Assign
		From      []From
		Where     Expr
		Returning []SelectItem
	}
	// Delete is DELETE.
	Delete struct {
		P
		With      *With // nil without
		Table     Name
		Alias     string
		Using     []From
		Where     Expr
		Returning []SelectItem
	}
	// Truncate is TRUNCATE.
	Truncate struct {
		P
		Names   []Name
		Restart bool // RESTART IDENTITY
		Cascade bool
	}
	// Copy is COPY of a table or query, from STDIN or to STDOUT.
	Copy struct {
		P
		Table   Name // empty Parts when Q is set
		Columns []Name
		Q       *Query
		To      bool
		// Options are format, delimiter, null, header, quote, escape, on_error …, of the old forms too. An option without a
		// value is true; column lists are a Row of ColRef, or Star.
		Options []Prop
	}
	// Show is SHOW or LIST of a kind of object (STREAMS, TABLES, QUERIES, TOPICS …), or of a setting.
	Show struct {
		P
		What     string // upper case, or "SETTING"
		Extended bool
		Setting  string // with What = "SETTING": its name, "all" for SHOW ALL
		Name     Name   // with What = "CREATE"
	}
	// Describe is DESCRIBE name.
	Describe struct {
		P
		Name     Name
		Extended bool
		Function bool
	}
	// Explain is EXPLAIN [ANALYZE] of a statement, or of a running query by its ID.
	Explain struct {
		P
		Analyze bool
		Options []Prop
		Stmt    Stmt
		QueryID string
	}
	// Terminate is TERMINATE query | ALL; also PAUSE and RESUME.
	Terminate struct {
		P
		Verb    string // "TERMINATE", "PAUSE", "RESUME"
		QueryID string // as written; "" with All
		All     bool
	}
	// PrintTopic is PRINT topic [FROM BEGINNING] [INTERVAL n | SAMPLE n] [LIMIT n].
	PrintTopic struct {
		P
		Topic     string // as written
		TopicPos  int
		Beginning bool
		Interval  int64 // 1 where it is not said
		Limit     int64 // -1 where it is not said
	}
	// Backup is BACKUP TO STDOUT.
	Backup struct{ P }
	// Flush is FLUSH [relation, …]: wait until every continuous query, or those that make some relations, have seen all
	// that was committed before.
	Flush struct {
		P
		Names []Name // none for all
	}
	// Set is SET [SESSION|LOCAL] name = value | TO value | TO DEFAULT, and RESET name.
	Set struct {
		P
		Local  bool
		Name   string // lower case; "auto.offset.reset" and "auto_offset_reset" stay as written
		Values []Expr // literals, a bare word being a string; more than one for lists (search_path); nil for DEFAULT
		Reset  bool   // RESET name; Name "all" for RESET ALL
		Also   []*Set // the further settings of SET TRANSACTION with several modes
	}
	// Begin is BEGIN or START TRANSACTION.
	Begin struct {
		P
		Start     bool // START TRANSACTION
		Isolation string
		ReadOnly  *bool
	}
	// Commit is COMMIT or END.
	Commit struct{ P }
	// Rollback is ROLLBACK or ABORT; To names a savepoint.
	Rollback struct {
		P
		To string
	}
	// Savepoint is SAVEPOINT name, or RELEASE name.
	Savepoint struct {
		P
		Name    string
		Release bool
	}
	// Prepare is PREPARE name (types) AS stmt.
	Prepare struct {
		P
		Name  string
		Types []*Type
		Stmt  Stmt
	}
	// Execute is EXECUTE name (args).
	Execute struct {
		P
		Name string
		Args []Expr
	}
	// Deallocate is DEALLOCATE name | ALL.
	Deallocate struct {
		P
		Name string // "" for ALL
	}
	// DeclareCursor is DECLARE name CURSOR FOR query.
	DeclareCursor struct {
		P
		Name   string
		Scroll *bool
		Hold   bool
		Binary bool
		Q      *Query
	}
	// Fetch is FETCH or MOVE.
	Fetch struct {
		P
		Name  string
		Move  bool
		Dir   string // "FORWARD", "BACKWARD", "ABSOLUTE", "RELATIVE", "FIRST", "LAST"
		Count int64
		All   bool
	}
	// CloseCursor is CLOSE name | ALL.
	CloseCursor struct {
		P
		Name string // "" for ALL
	}
	// Discard is DISCARD ALL | PLANS | SEQUENCES | TEMP.
	Discard struct {
		P
		What string
	}
	// CreateIndex is CREATE [UNIQUE] INDEX [IF NOT EXISTS] [name] ON table (columns).
	CreateIndex struct {
		P
		Unique, IfNotExists bool
		Name                string // "" where there is none
		Table               Name
		Columns             []*IndexColumn
		Include             []string
		IncludePos          P
		Where               Expr // of the rows that are in it, as it was written in WhereText; nil for all
		WhereText           string
	}
	// Other is a statement that the grammar knows and Leat does not do yet: it is refused by name.
	Other struct {
		P
		Verb string // "ALTER TABLE", "CREATE INDEX" …
	}
)

// IndexColumn is a column of an index; Order is as PostgreSQL writes it, "" for the usual.
type IndexColumn struct {
	P
	Name, Order string
	// X, in the place of Name, is an expression, as it was written in Text.
	X     Expr
	Text  string
	Class *Name // its operator class, nil for the default one of its type
}

func (*CreateIndex) stmt()    {}
func (*QueryStmt) stmt()      {}
func (*Create) stmt()         {}
func (*Alter) stmt()          {}
func (*CreateSequence) stmt() {}
func (*SetConstraints) stmt() {}
func (*AlterSequence) stmt()  {}
func (*CreateFunction) stmt() {}
func (*DropFunction) stmt()   {}
func (*CreateSchema) stmt()   {}
func (*Comment) stmt()        {}
func (*Maintain) stmt()       {}
func (*Listen) stmt()         {}
func (*RoleChange) stmt()     {}
func (*Grant) stmt()          {}
func (*Define) stmt()         {}
func (*Assert) stmt()         {}
func (*Drop) stmt()           {}
func (*Insert) stmt()         {}
func (*Update) stmt()         {}
func (*Delete) stmt()         {}
func (*Truncate) stmt()       {}
func (*Copy) stmt()           {}
func (*Show) stmt()           {}
func (*Describe) stmt()       {}
func (*Explain) stmt()        {}
func (*PrintTopic) stmt()     {}
func (*Terminate) stmt()      {}
func (*Backup) stmt()         {}
func (*Flush) stmt()          {}
func (*Set) stmt()            {}
func (*Begin) stmt()          {}
func (*Commit) stmt()         {}
func (*Rollback) stmt()       {}
func (*Savepoint) stmt()      {}
func (*Prepare) stmt()        {}
func (*Execute) stmt()        {}
func (*Deallocate) stmt()     {}
func (*DeclareCursor) stmt()  {}
func (*Fetch) stmt()          {}
func (*CloseCursor) stmt()    {}
func (*Discard) stmt()        {}
func (*Other) stmt()          {}
