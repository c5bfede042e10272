// Package format turns the bytes of records into columns and columns into bytes: the formats a relation's keys and
// values may have (JSON, DELIMITED, KAFKA, NONE; see NewDecoder and NewEncoder) and the streams COPY reads and writes
// (text, csv, json; see CopyReader and CopyWriter).
//
// What the bytes of a format are is ksqlDB's choice, so that topics written by it can be read and the other way
// round; what they hold is exact: every value of every type that a format supports survives encoding and decoding.
// Where ksqlDB's form would lose something (a timestamp's microseconds), a longer form is written, and both are read.
//
// Nothing here panics on bad input or allocates for a good record: decoders append to columns that the caller reuses.
package format

import (
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// Schema is what a record holds: its columns in their order, by name and type.
type Schema struct {
	Names []string
	Types []types.Type
}

// Options are the settings of a format. The zero value is what a relation gets that sets none.
type Options struct {
	// Delimiter separates the fields of DELIMITED; 0 stands for a comma.
	Delimiter byte
	// Unwrapped says that the record of a schema of one column is that column's bare value, not an object that holds
	// it: JSON keys of one column, and values WITH (wrap_single_value = false). Formats other than JSON ignore it.
	Unwrapped bool
}

// A Decoder reads records into columns. It keeps scratch memory and belongs to one goroutine.
type Decoder interface {
	// Decode reads every record of values. There is one column for each name of the schema; nil ones are not wanted and
	// skipped. A good record appends one row to every wanted column. A bad one leaves the columns as they were, and bad
	// is told its index in values and the reason, an *sqlerr.Error. Records that are nil (tombstones) must not be here.
	Decode(values [][]byte, cols []*vec.Column, bad func(i int, err error))
}

// An Encoder writes rows as records. It keeps scratch memory and belongs to one goroutine.
type Encoder interface {
	// AppendRecord appends row i of the columns, one for each name of the schema. Const columns are allowed. A format
	// of bare values (KAFKA) has no bytes for NULL: the caller writes a null record then.
	AppendRecord(dst []byte, cols []*vec.Column, i int) []byte
	// AppendRecords appends rows lo to hi, one after the other, and to ends the length of dst after each of them.
	AppendRecords(dst []byte, ends []int, cols []*vec.Column, lo, hi int) ([]byte, []int)
}

// The names of the formats.
const (
	JSON      = "JSON"
	Delimited = "DELIMITED"
	Kafka     = "KAFKA"
	None      = "NONE"
)

// Names returns the names of all formats.
func Names() []string { return []string{Delimited, JSON, Kafka, None} }

// NewDecoder returns a decoder of the named format (any case), or an error when there is no such format or it
// cannot hold a column of the schema.
func NewDecoder(name string, s Schema, o Options) (Decoder, error) {
	if err := Check(name, s, o); err != nil {
		return nil, err
	}
	switch strings.ToUpper(name) {
	case JSON:
		return newJSONDecoder(s, o), nil
	case Delimited:
		return newDelimitedDecoder(s, o), nil
	case Kafka:
		return newKafkaDecoder(s), nil
	default:
		return noneDecoder{}, nil
	}
}

// NewEncoder returns an encoder of the named format (any case), or an error as NewDecoder does.
func NewEncoder(name string, s Schema, o Options) (Encoder, error) {
	if err := Check(name, s, o); err != nil {
		return nil, err
	}
	switch strings.ToUpper(name) {
	case JSON:
		return newJSONEncoder(s, o), nil
	case Delimited:
		return newDelimitedEncoder(s, o), nil
	case Kafka:
		return kafkaEncoder{}, nil
	default:
		return noneEncoder{}, nil
	}
}

// Check returns an error when there is no format of that name (any case) or when it cannot hold the schema.
func Check(name string, s Schema, o Options) error {
	for i, n := range s.Names {
		if err := checkType(s.Types[i]); err != nil {
			return err.WithDetail("Column %q has this type.", n)
		}
	}
	switch strings.ToUpper(name) {
	case JSON:
		if o.Unwrapped && len(s.Names) != 1 {
			return sqlerr.New(sqlerr.InvalidParameterValue, "a bare JSON value holds one column, not %d", len(s.Names))
		}
		return nil
	case Delimited:
		return checkDelimited(s, o)
	case Kafka:
		return checkKafka(s)
	case None:
		if len(s.Names) > 0 {
			return sqlerr.New(sqlerr.InvalidParameterValue, "format NONE holds no columns")
		}
		return nil
	}
	return sqlerr.New(sqlerr.InvalidParameterValue, "unknown format %q", name).
		WithHint("Known formats are %s.", strings.Join(Names(), ", "))
}

// checkType refuses types that have no values to store, and maps whose keys are not text.
func checkType(t types.Type) *sqlerr.Error {
	switch t.Kind {
	case types.KindVoid, types.KindUnknown:
		return sqlerr.New(sqlerr.FeatureNotSupported, "no format can hold type %s", t)
	case types.KindMap:
		if !t.Key().IsString() {
			return sqlerr.New(sqlerr.FeatureNotSupported, "keys of maps must be text, not %s", t.Key())
		}
		return checkType(t.Elem())
	case types.KindArray:
		return checkType(t.Elem())
	case types.KindStruct:
		for _, f := range t.Fields() {
			if err := checkType(f.Type); err != nil {
				return err
			}
		}
	}
	return nil
}

// rows returns how many rows the wanted columns hold, which is the same for all, or -1 when none is wanted.
func rows(cols []*vec.Column) int {
	for _, c := range cols {
		if c != nil {
			return c.Len()
		}
	}
	return -1
}

// rollback takes the columns back to n rows, together with anything appended for a row that was not finished.
func rollback(cols []*vec.Column, n int) {
	for _, c := range cols {
		if c != nil {
			c.Truncate(n)
		}
	}
}

// noneDecoder is for relations without a key or value: there is nothing to read.
type noneDecoder struct{}

// Decode takes every record for good.
func (noneDecoder) Decode([][]byte, []*vec.Column, func(int, error)) {}

type noneEncoder struct{}

// AppendRecord appends nothing.
func (noneEncoder) AppendRecord(dst []byte, _ []*vec.Column, _ int) []byte { return dst }

// AppendRecords appends nothing for each row.
func (noneEncoder) AppendRecords(dst []byte, ends []int, _ []*vec.Column, lo, hi int) ([]byte, []int) {
	for ; lo < hi; lo++ {
		ends = append(ends, len(dst))
	}
	return dst, ends
}
