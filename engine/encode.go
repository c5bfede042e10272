package engine

import (
	"fmt"

	"github.com/leatdb/leat/engine/format"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/vec"
)

// encoder turns rows of a relation into the keys and values of records.
type encoder struct {
	key, value     format.Encoder // nil when the side has no columns
	keyPos, valPos []int
	keyBuf, valBuf []byte
	bounds         *windowBounds // at the end of keys; nil for none
	named          bool          // the key\'s format names its columns
	bare           bool          // a NULL that is the whole value is written as a null value
	keyCols        []*vec.Column
	valCols        []*vec.Column
}

func newEncoder(rel *catalog.Relation) (*encoder, error) {
	e := &encoder{}
	e.keyPos, e.valPos = recordLayout(rel)
	e.bounds = newWindowBounds(rel)
	var err error
	if len(e.keyPos) > 0 {
		if e.key, err = format.NewEncoder(rel.KeyFormat, formatSchema(rel, e.keyPos), keyOptions(rel)); err != nil {
			return nil, err
		}
	}
	if len(e.valPos) > 0 {
		if e.value, err = format.NewEncoder(rel.ValueFormat, formatSchema(rel, e.valPos), valueOptions(rel)); err != nil {
			return nil, err
		}
	}
	e.named = rel.KeyFormat == format.JSON
	e.bare = writesNullAsNone(rel) && len(e.valPos) > 0
	e.keyCols, e.valCols = make([]*vec.Column, len(e.keyPos)), make([]*vec.Column, len(e.valPos))
	return e, nil
}

// writesNullAsNone reports whether a NULL in the value is a null value of the record: KAFKA has nothing else for it,
// and ksqlDB does it for a value that is not wrapped in an object.
func writesNullAsNone(rel *catalog.Relation) bool {
	return rel.ValueFormat == format.Kafka || rel.Unwrapped
}

// mustEncoder is newEncoder for a relation whose formats were checked when it was created.
func mustEncoder(rel *catalog.Relation) *encoder {
	e, err := newEncoder(rel)
	if err != nil {
		panic(fmt.Sprintf("BUG: the formats of relation %s were not checked: %v", rel.Name, err))
	}
	return e
}

// record returns the key and value of row i of the relation's columns, lent until the next call. A NULL that is the
// whole key is a null key: the row has none; so is a NULL that is the whole value in the format KAFKA.
func (e *encoder) record(cols []*vec.Column, i int) (key, value []byte) {
	if e.key != nil {
		for k, pos := range e.keyPos {
			e.keyCols[k] = cols[pos]
		}
		if !e.nullKey(i) {
			e.keyBuf = e.key.AppendRecord(e.keyBuf[:0], e.keyCols, i)
			key = notNil(e.keyBuf)
		}
	}
	if e.bounds != nil {
		key = e.windowKey(key, cols, i)
	}
	e.valBuf = e.valBuf[:0]
	if e.value != nil {
		for k, pos := range e.valPos {
			e.valCols[k] = cols[pos]
		}
		if e.bare && cols[e.valPos[0]].IsNull(i) {
			return key, nil
		}
		e.valBuf = e.value.AppendRecord(e.valBuf, e.valCols, i)
	}
	return key, notNil(e.valBuf)
}

// nullKey reports whether the key of row i is null: its one column is, or, in a format without names, all of them.
func (e *encoder) nullKey(i int) bool {
	if len(e.keyPos) > 1 && e.named {
		return false
	}
	for _, col := range e.keyCols {
		if !col.IsNull(i) {
			return false
		}
	}
	return true
}

// notNil returns b, which is empty and not null when it has no bytes: an empty text is written as nothing.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
