// Package sqlerr holds the error every layer above the log speaks: a message in PostgreSQL's wording, the SQLSTATE
// that drivers match on, and the place in the user's text. An error gets its code where it is born; no layer
// above assigns one later.
//
// Codes are those of PostgreSQL's appendix A (https://www.postgresql.org/docs/15/errcodes-appendix.html).
package sqlerr

import (
	"errors"
	"fmt"
)

// Code is a five-character SQLSTATE.
type Code string

// The codes in use, named after PostgreSQL's condition names. Add one when the first error needs it.
const (
	SuccessfulCompletion        Code = "00000"
	Warning                     Code = "01000"
	FeatureNotSupported         Code = "0A000"
	CardinalityViolation        Code = "21000"
	StringDataRightTruncation   Code = "22001"
	NumericValueOutOfRange      Code = "22003"
	NullValueNotAllowed         Code = "22004"
	InvalidDatetimeFormat       Code = "22007"
	DatetimeFieldOverflow       Code = "22008"
	SubstringError              Code = "22011"
	DivisionByZero              Code = "22012"
	InvalidParameterValue       Code = "22023"
	InvalidRegularExpression    Code = "2201B"
	InvalidLimit                Code = "2201W"
	InvalidOffset               Code = "2201X"
	CharacterNotInRepertoire    Code = "22021"
	InvalidEscapeSequence       Code = "22025"
	SequenceLimitExceeded       Code = "2200H"
	InvalidTextRepresentation   Code = "22P02"
	InvalidBinaryRepresentation Code = "22P03"
	BadCopyFileFormat           Code = "22P04"
	UntranslatableCharacter     Code = "22P05"
	InvalidJSONText             Code = "22032"
	NotNullViolation            Code = "23502"
	ForeignKeyViolation         Code = "23503"
	UniqueViolation             Code = "23505"
	CheckViolation              Code = "23514"
	InvalidTransactionState     Code = "25000"
	ActiveSQLTransaction        Code = "25001"
	ReadOnlySQLTransaction      Code = "25006"
	NoActiveSQLTransaction      Code = "25P01"
	InvalidSavepoint            Code = "3B001"
	SerializationFailure        Code = "40001"
	DeadlockDetected            Code = "40P01"
	GeneratedAlways             Code = "428C9"
	LockNotAvailable            Code = "55P03"
	InFailedSQLTransaction      Code = "25P02"
	InvalidSQLStatementName     Code = "26000"
	InvalidAuthorization        Code = "28000"
	DependentObjectsStillExist  Code = "2BP01"
	InvalidCursorName           Code = "34000"
	InvalidCatalogName          Code = "3D000"
	InvalidSchemaName           Code = "3F000"
	StatementCompletionUnknown  Code = "40003"
	InvalidGrantOperation       Code = "0LP01"
	PrivilegeNotGranted         Code = "01007"
	InvalidPassword             Code = "28P01"
	InsufficientPrivilege       Code = "42501"
	SyntaxError                 Code = "42601"
	InvalidName                 Code = "42602"
	NameTooLong                 Code = "42622"
	DuplicateColumn             Code = "42701"
	AmbiguousColumn             Code = "42702"
	UndefinedColumn             Code = "42703"
	UndefinedObject             Code = "42704"
	InvalidObjectDefinition     Code = "42P17"
	InvalidFunctionDefinition   Code = "42P13"
	DuplicateFunction           Code = "42723"
	DuplicateSchema             Code = "42P06"
	ReservedName                Code = "42939"
	DuplicateObject             Code = "42710"
	DuplicateAlias              Code = "42712"
	AmbiguousFunction           Code = "42725"
	GroupingError               Code = "42803"
	DatatypeMismatch            Code = "42804"
	WrongObjectType             Code = "42809"
	InvalidForeignKey           Code = "42830"
	CannotCoerce                Code = "42846"
	UndefinedFunction           Code = "42883"
	UndefinedTable              Code = "42P01"
	UndefinedParameter          Code = "42P02"
	DuplicateCursor             Code = "42P03"
	DuplicatePreparedStatement  Code = "42P05"
	DuplicateTable              Code = "42P07"
	AmbiguousParameter          Code = "42P08"
	InvalidColumnReference      Code = "42P10"
	InvalidTableDefinition      Code = "42P16"
	IndeterminateDatatype       Code = "42P18"
	InsufficientResources       Code = "53000"
	DiskFull                    Code = "53100"
	OutOfMemory                 Code = "53200"
	TooManyConnections          Code = "53300"
	ConfigurationLimitExceeded  Code = "53400"
	ProgramLimitExceeded        Code = "54000"
	AssertFailure               Code = "P0004"
	StatementTooComplex         Code = "54001"
	ObjectNotInPrerequisite     Code = "55000"
	ObjectInUse                 Code = "55006"
	CantChangeRuntimeParam      Code = "55P02"
	QueryCanceled               Code = "57014"
	AdminShutdown               Code = "57P01"
	CannotConnectNow            Code = "57P03"
	IdleSessionTimeout          Code = "57P05"
	IdleInTransactionTimeout    Code = "25P03"
	IOError                     Code = "58030"
	SnapshotTooOld              Code = "72000"
	ConnectionFailure           Code = "08006"
	ProtocolViolation           Code = "08P01"
	InternalError               Code = "XX000"
	DataCorrupted               Code = "XX001"
)

// Error is one error as a Postgres client sees it (protocol fields C, M, D, H, P and W).
type Error struct {
	Code    Code
	Message string
	Detail  string
	Hint    string
	// Schema, Table, Column and Constraint name what an error of a row's values is about; "" where nothing is.
	Schema, Table, Column, Constraint string
	Where                             string // context, such as "COPY flights, line 3, column delay"
	// Offset is the byte offset in the statement's text, -1 when the error has no place there.
	Offset int
	// Final says that a session that may go on at another node does not: it would be told the same there.
	Final bool
}

// New returns an error without a position.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Offset: -1}
}

// At returns an error that points at a byte offset of the statement's text.
func At(offset int, code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Offset: offset}
}

// WithHint sets the hint and returns e.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// WithDetail sets the detail and returns e.
func (e *Error) WithDetail(format string, args ...any) *Error {
	e.Detail = fmt.Sprintf(format, args...)
	return e
}

// Error returns the message and, when there is one, the hint.
func (e *Error) Error() string {
	if e.Hint != "" {
		return e.Message + " (" + e.Hint + ")"
	}
	return e.Message
}

// From returns the *Error in err's chain, or wraps err as an internal error. It returns nil for nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return New(InternalError, "%s", err.Error())
}

// Locate returns err with the offset set when err is an *Error that has none. Other errors pass unchanged.
func Locate(err error, offset int) error {
	var e *Error
	if errors.As(err, &e) && e.Offset < 0 {
		c := *e
		c.Offset = offset
		return &c
	}
	return err
}
