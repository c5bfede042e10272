// Package pgwire is the Postgres door: it speaks protocols 3.0 and 3.2
// (https://www.postgresql.org/docs/current/protocol.html) to clients, and to the engine through the few methods of this
// file. It translates messages, nothing more: what a statement means is decided behind Session.
package pgwire

import (
	"context"
	"net"

	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// Backend opens sessions.
type Backend interface {
	// Open begins a session for a client that has connected. An error refuses the connection.
	Open(ctx context.Context, start Startup) (Session, error)
}

// Startup is what a client said when it connected, and how the session talks back outside of results.
type Startup struct {
	User, Database string
	// Params are the other startup parameters, options included ("-c name=value" resolved), by lower-case name.
	Params map[string]string
	PID    int32
	Remote net.Addr
	// Notice sends a notice or warning. The goroutine that uses the session calls it, while a method of it runs. Classes
	// 01 and 25 are warnings.
	Notice func(*sqlerr.Error)
	// Report tells the client the value of a parameter (ParameterStatus), at start and whenever it changes. It is called
	// like Notice; the client hears of it before its next turn.
	Report func(name, value string)
	// Cursors lists the cursors there are. It is called like Notice.
	Cursors func() []fn.Cursor
	// Keepalive sets when a client that does not answer is given up. It is called like Notice.
	Keepalive func(Keepalive) error
	// Cancel ends the statement that runs, End the conversation; Wake says that a Listener has notifications. They may
	// be called from any goroutine, until the session is closed.
	Cancel, End, Wake func()
}

// TxStatus is the transaction status that ReadyForQuery carries.
type TxStatus byte

// The transaction statuses.
const (
	Idle     TxStatus = 'I'
	InTx     TxStatus = 'T'
	FailedTx TxStatus = 'E'
)

// Session is one client's conversation. Its methods are called by one goroutine.
type Session interface {
	// Prepare binds a statement; params are the types the client declared (types.Unknown where it did not). Preparing and
	// executing count as parts of one implicit transaction until Sync.
	Prepare(ctx context.Context, stmt parse.Statement, params []types.Type) (Prepared, error)
	// Sync ends the implicit transaction: with failed it is rolled back. A transaction block goes on; with failed it
	// becomes FailedTx, also after an error that the session has not seen.
	Sync(ctx context.Context, failed bool) error
	Status() TxStatus
	Close()
}

// Parser is a Session that parses the client's messages itself.
type Parser interface {
	Parse(text string) ([]parse.Statement, error)
}

// Keeper is a Session that keeps prepared statements under their names, so that those of PREPARE and those of Parse are
// the same to both.
type Keeper interface {
	// Keep gives a statement a name, which must be free.
	Keep(name string, p Prepared)
	// Kept finds a statement by its name; it is equal to the one that Keep was given.
	Kept(name string) (p Prepared, ok bool)
	// Forget takes a name away, if it is there.
	Forget(name string)
}

// Prepared is a statement that has been bound. It may be executed many times, until the session ends.
type Prepared interface {
	// Describe returns the types of the parameters, and the columns of the result; nil columns for a statement that has
	// none (which differs from a result of no columns).
	Describe() (params []types.Type, columns []catalog.Column)
	// Execute runs the statement. For one without rows the work is done when it returns.
	Execute(ctx context.Context, args []types.Value) (Result, error)
}

// Result is what a statement gives. It belongs to one goroutine.
type Result interface {
	// Next returns the next rows, borrowed until the next call; io.EOF after the last. A push query's Next waits for
	// rows until ctx ends.
	Next(ctx context.Context) (*vec.Batch, error)
	// Tag returns the command tag without its row count ("SELECT", "CREATE STREAM"), and whether the number of rows the
	// door sent follows; a tag that carries a count of its own ("INSERT 0 3") comes complete.
	Tag() (tag string, count bool)
	Close()
}

// CopyIn is the Result of COPY FROM STDIN: it takes the client's data. After Finish, Tag is complete. Layout() (columns
// int, binary bool), where CopyIn and CopyOut have it, says what the client is told of the data.
type CopyIn interface {
	Result
	// Write takes a piece of data of any size; p is borrowed. After an error the copy is over, and Finish is not called.
	Write(ctx context.Context, p []byte) error
	// Finish ends the copy; cause is nil when all data came, else why the client gave up.
	Finish(ctx context.Context, cause error) error
}

// CopyOut is the Result of COPY TO STDOUT: Next is not used.
type CopyOut interface {
	Result
	// Read returns the next piece of data, borrowed until the next call; io.EOF at the end.
	Read(ctx context.Context) ([]byte, error)
}
