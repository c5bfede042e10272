package engine

import (
	"bytes"
	"iter"
	"strings"

	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// link is a foreign key between two tables as they are for one statement.
type link struct {
	child, of    *catalog.Relation
	key          *catalog.Foreign
	values, refs *valueReader // of a row of child, and of what it refers to
	// constraint is what makes the columns that are referred to unique, -1 for the primary key, and order gives for each
	// of them which of the foreign key's it is.
	constraint int
	order      []int
}

func newLink(child, of *catalog.Relation, f *catalog.Foreign) (*link, error) {
	constraint, order, ok := f.KeyOf(of)
	if !ok {
		return nil, altered(of)
	}
	return &link{child: child, of: of, key: f, values: newValueReader(child, f.Columns),
		refs: newValueReader(of, of.ColumnIndexes(f.Refs)), constraint: constraint, order: order}, nil
}

// link is a foreign key that the statement has to do with.
func (l *links) link(child, of *catalog.Relation, f *catalog.Foreign) (*link, error) {
	name := foreignKey{child.ID, f.Name}
	if k := l.known[name]; k != nil {
		return k, nil
	}
	k, err := newLink(child, of, f)
	if err == nil {
		l.known[name] = k
	}
	return k, err
}

// reference is a value of a foreign key: of a row that must have what it refers to, or of one that has gone and nothing
// may refer to.
type reference struct {
	*link
	row      []byte   // the key of the child's row
	parts    [][]byte // the bytes of the value, one for each column of the foreign key
	was      []byte   // what was referred to, as the state had it
	said     []string // the value as text, of what went before the end of the transaction
	restrict bool
}

// byLink cuts references where another foreign key begins.
func byLink(refs []reference) iter.Seq[[]reference] {
	return func(yield func([]reference) bool) {
		for from, i := 0, 1; i <= len(refs); i++ {
			if i < len(refs) && refs[i].link == refs[from].link {
				continue
			}
			if !yield(refs[from:i]) {
				return
			}
			from = i
		}
	}
}

// appendKey appends the bytes of the value in the order of the key that is referred to.
func (r reference) appendKey(b []byte) []byte {
	for _, i := range r.order {
		b = append(b, r.parts[i]...)
	}
	return b
}

// referredLock begins the names of locks of what is referred to.
const referredLock = 0xff

// lock names the lock of what is referred to.
func (r reference) lock() string {
	return string([]byte{referredLock}) + entryLock(r.of, r.constraint+1, r.appendKey(nil))
}

// in reports whether the row is there that is referred to.
func (r reference) in(of *table) (ok bool) {
	if key := r.appendKey(nil); r.constraint < 0 {
		_, ok = of.rows.Get(key)
	} else {
		_, ok = of.uniq[r.constraint].keys.Get(key)
	}
	return ok
}

// texts are the values of what has gone.
func (r reference) texts() []string {
	if r.said != nil {
		return r.said
	}
	r.refs.read(r.was)
	return r.refs.texts()
}

// missing is the error of a row that refers to nothing.
func (k *link) missing(values []string) error {
	return k.broken().WithDetail("Key (%s)=(%s) is not present in table \"%s\".",
		strings.Join(k.child.ColumnNames(k.key.Columns), ", "), strings.Join(values, ", "), k.of.Name)
}

// mixed is the error of a row that has some of the values that MATCH FULL wants.
func (k *link) mixed() error {
	return k.broken().WithDetail("MATCH FULL does not allow mixing of null and nonnull key values.")
}

func (k *link) broken() *sqlerr.Error {
	return k.violation("insert or update on table %q violates foreign key constraint %q", k.child.Name, k.key.Name)
}

// referred is the error of a row that goes while others refer to it.
func (k *link) referred(values []string) error {
	return k.violation("update or delete on table %q violates foreign key constraint %q on table %q", k.of.Name,
		k.key.Name, k.child.Name).
		WithDetail("Key (%s)=(%s) is still referenced from table \"%s\".", strings.Join(k.key.Refs, ", "),
			strings.Join(values, ", "), k.child.Name)
}

func (k *link) violation(format string, args ...any) *sqlerr.Error {
	e := sqlerr.New(sqlerr.ForeignKeyViolation, format, args...)
	e.Schema, e.Table, e.Constraint = k.child.Schema, k.child.Name, k.key.Name
	return e
}

// valueReader reads the values of some columns from rows as the state has them, one at a time.
type valueReader struct {
	columns []int
	cols    []*vec.Column // of the row; nil for those that are not wanted
}

func newValueReader(rel *catalog.Relation, columns []int) *valueReader {
	r := &valueReader{columns: columns, cols: make([]*vec.Column, len(rel.Columns))}
	for _, pos := range columns {
		r.cols[pos] = vec.NewColumn(rel.Columns[pos].Type)
	}
	return r
}

// decode makes a row the one that is read.
func (r *valueReader) decode(stored []byte) {
	for _, pos := range r.columns {
		r.cols[pos].Reset()
	}
	if _, err := vec.DecodeRow(stored[8:], r.cols); err != nil {
		panic("BUG: a row in state cannot be decoded: " + err.Error())
	}
}

// read returns the key bytes of the values of a row, and how many of them are NULL.
func (r *valueReader) read(stored []byte) (parts [][]byte, nulls int) {
	r.decode(stored)
	parts = make([][]byte, len(r.columns))
	for i, pos := range r.columns {
		if r.cols[pos].IsNull(0) {
			nulls++
		} else {
			parts[i] = vec.AppendKey(nil, r.cols[pos], 0, false, false)
		}
	}
	return parts, nulls
}

// texts are the values of the row that was read last.
func (r *valueReader) texts() []string {
	var texts []string
	for _, pos := range r.columns {
		if r.cols[pos].IsNull(0) {
			texts = append(texts, "null")
		} else {
			texts = append(texts, string(r.cols[pos].AppendText(nil, 0, types.Env{})))
		}
	}
	return texts
}

func sameParts(a, b [][]byte) bool {
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}
