package engine

import (
	"bytes"
	"encoding/binary"

	"github.com/leatdb/leat/sql/catalog"
)

// A row of a base table without a key is known by the partition and offset of the record that brought it; that record
// has no key. A record that changes or deletes the row names it by its own key, and stands in the same partition:
//
//	0x00 "leat.row" partition (2) offset (8)
//
// A row that a transaction has inserted and not committed yet has a provisional name, which no partition has.
var rowKeyPrefix = []byte("\x00leat.row")

const (
	rowKeySize       = 10
	provisionalFirst = 0xff // first byte of a provisional name
)

// hasHiddenKey reports whether the rows of a relation are known by where they came from.
func hasHiddenKey(rel *catalog.Relation) bool {
	return rel.Kind == catalog.Table && rel.Query == "" && len(rel.Key) == 0
}

// rowKey appends to dst what row i is known by in a table without a key.
func (c *chunk) rowKey(dst []byte, i int) []byte {
	if i < len(c.keys) && c.keys[i] != nil {
		return append(dst, c.keys[i]...)
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(c.part))
	return binary.BigEndian.AppendUint64(dst, uint64(c.offset[i]))
}

// namedRow returns the name in the key of a record that changes a row; nil when it is a key of another kind.
func namedRow(key []byte) []byte {
	if name, ok := bytes.CutPrefix(key, rowKeyPrefix); ok && len(name) == rowKeySize {
		return name
	}
	return nil
}

// provisionalKey is the name of the n-th row that a transaction inserts.
func provisionalKey(n uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{provisionalFirst, provisionalFirst}, n)
}

func isProvisional(name []byte) bool {
	return name[0] == provisionalFirst && name[1] == provisionalFirst
}

// rowPartition is the partition of a row's name.
func rowPartition(name []byte) int { return int(binary.BigEndian.Uint16(name)) }
