package pgcatalog

import (
	"time"

	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// table collects the rows of a relation.
type table struct {
	rel    *catalog.Relation
	batch  *vec.Batch
	at     map[string]int
	wanted []bool
	filled []bool
}

func newTable(rel *catalog.Relation, want []int) *table {
	ts := make([]types.Type, len(rel.Columns))
	t := &table{rel: rel, at: make(map[string]int, len(ts)), wanted: make([]bool, len(ts)), filled: make([]bool, len(ts))}
	for i, c := range rel.Columns {
		ts[i], t.at[c.Name] = c.Type, i
	}
	for _, i := range want {
		if i >= 0 {
			t.wanted[i] = true
		}
	}
	t.batch = vec.NewBatch(ts)
	return t
}

// add appends a row: names of columns and their values by turns. A column that is not named is NULL, or 0, false or
// empty where it is never NULL.
func (t *table) add(pairs ...any) {
	for i := 0; i < len(pairs); i += 2 {
		at, ok := t.at[pairs[i].(string)]
		if !ok {
			panic("BUG: pgcatalog: " + t.rel.Name + " has no column " + pairs[i].(string))
		}
		if t.wanted[at] {
			store(t.batch.Cols[at], pairs[i+1])
			t.filled[at] = true
		}
	}
	for i, c := range t.rel.Columns {
		if t.wanted[i] && !t.filled[i] {
			if c.NotNull {
				zero(t.batch.Cols[i])
			} else {
				t.batch.Cols[i].AppendNull()
			}
		}
		t.filled[i] = false
	}
	t.batch.N++
}

// store appends a value of Go to a column; nil is NULL.
func store(c *vec.Column, v any) {
	switch v := v.(type) {
	case nil:
		c.AppendNull()
	case string:
		c.AppendString(v)
	case byte:
		c.AppendString(string(rune(v)))
	case bool:
		c.AppendBool(v)
	case uint32:
		c.AppendInt(int64(v))
	case int64:
		c.AppendInt(v)
	case int:
		if c.Type.Class() == types.ClassFloat {
			c.AppendFloat(float64(v))
		} else {
			c.AppendInt(int64(v))
		}
	case time.Duration:
		c.AppendIvl(types.Interval{Micros: v.Microseconds()})
	case []string:
		for _, s := range v {
			c.Kids[0].AppendString(s)
		}
		c.CloseList()
	case []int:
		for _, n := range v {
			c.Kids[0].AppendInt(int64(n))
		}
		c.CloseList()
	default:
		panic("BUG: pgcatalog: a value of this type")
	}
}

// zero appends what stands for nothing in a column that is never NULL.
func zero(c *vec.Column) {
	switch c.Type.Class() {
	case types.ClassBool:
		c.AppendBool(false)
	case types.ClassInt:
		c.AppendInt(0)
	case types.ClassFloat:
		c.AppendFloat(0)
	case types.ClassList:
		c.CloseList()
	default:
		c.AppendString("")
	}
}

// text is s, or NULL when it is empty.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// yes is how information_schema writes a truth value.
func yes(b bool) string {
	if b {
		return "YES"
	}
	return "NO"
}
