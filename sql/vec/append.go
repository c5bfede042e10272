package vec

import "github.com/leatdb/leat/sql/types"

// AppendNull appends a NULL.
func (c *Column) AppendNull() {
	switch c.Type.Class() {
	case types.ClassBool:
		c.Bool = append(c.Bool, false)
	case types.ClassInt:
		c.Int = append(c.Int, 0)
	case types.ClassFloat:
		c.Float = append(c.Float, 0)
	case types.ClassDecimal:
		c.Dec = append(c.Dec, types.Decimal{})
	case types.ClassInterval:
		c.Ivl = append(c.Ivl, types.Interval{})
	case types.ClassBytes:
		c.closeOff(len(c.Data))
	case types.ClassList, types.ClassMap:
		c.closeOff(c.Kids[0].n)
	case types.ClassStruct:
		for _, k := range c.Kids {
			k.AppendNull()
		}
	}
	c.setNullAtEnd()
}

// setNullAtEnd counts one more row, which is NULL.
func (c *Column) setNullAtEnd() {
	if c.Null == nil {
		c.Null = resize(c.nulls[:0], c.n)
		c.nulls = nil
	}
	c.Null = append(c.Null, true)
	c.n++
}

// closeOff ends a row of variable size at end.
func (c *Column) closeOff(end int) {
	if len(c.Off) == 0 {
		c.Off = append(c.Off, 0)
	}
	c.Off = append(c.Off, uint32(end))
}

// valid notes in Null that the row being appended is not NULL; called when there are NULLs already.
func (c *Column) valid() { c.Null = append(c.Null, false) }

// AppendBool appends to a ClassBool column.
func (c *Column) AppendBool(v bool) {
	c.Bool = append(c.Bool, v)
	if c.n++; c.Null != nil {
		c.valid()
	}
}

// AppendInt appends to a ClassInt column.
func (c *Column) AppendInt(v int64) {
	c.Int = append(c.Int, v)
	if c.n++; c.Null != nil {
		c.valid()
	}
}

// AppendFloat appends to a ClassFloat column.
func (c *Column) AppendFloat(v float64) {
	c.Float = append(c.Float, v)
	if c.n++; c.Null != nil {
		c.valid()
	}
}

// AppendDec appends to a ClassDecimal column.
func (c *Column) AppendDec(v types.Decimal) {
	c.Dec = append(c.Dec, v)
	if c.n++; c.Null != nil {
		c.valid()
	}
}

// AppendIvl appends to a ClassInterval column.
func (c *Column) AppendIvl(v types.Interval) {
	c.Ivl = append(c.Ivl, v)
	if c.n++; c.Null != nil {
		c.valid()
	}
}

// AppendBytes appends to a ClassBytes column.
func (c *Column) AppendBytes(v []byte) {
	c.Data = append(c.Data, v...)
	c.CloseBytes()
}

// AppendString appends to a ClassBytes column.
func (c *Column) AppendString(v string) {
	c.Data = append(c.Data, v...)
	c.CloseBytes()
}

// CloseBytes ends a row of a ClassBytes column whose bytes were appended to Data.
func (c *Column) CloseBytes() {
	if len(c.Off) == 0 {
		c.Off = append(c.Off, 0)
	}
	c.Off = append(c.Off, uint32(len(c.Data)))
	if c.n++; c.Null != nil {
		c.valid()
	}
}

// CloseList ends a row of a list or map, whose elements were appended to Kids before.
func (c *Column) CloseList() {
	c.closeOff(c.Kids[0].n)
	if c.n++; c.Null != nil {
		c.valid()
	}
}

// CloseStruct ends a row of a struct; every column of Kids got its value before.
func (c *Column) CloseStruct() {
	if c.n++; c.Null != nil {
		c.valid()
	}
}

// AppendValue appends v, whose type must be of the column's class.
func (c *Column) AppendValue(v types.Value) {
	if v.Null {
		c.AppendNull()
		return
	}
	switch c.Type.Class() {
	case types.ClassBool:
		c.AppendBool(v.Bool)
	case types.ClassInt:
		c.AppendInt(v.Int)
	case types.ClassFloat:
		c.AppendFloat(v.Float)
	case types.ClassDecimal:
		c.AppendDec(v.Dec)
	case types.ClassInterval:
		c.AppendIvl(v.Ivl)
	case types.ClassBytes:
		c.AppendString(v.Str)
	case types.ClassList:
		for _, e := range v.List {
			c.Kids[0].AppendValue(e)
		}
		c.CloseList()
	case types.ClassMap:
		for i := 0; i+1 < len(v.List); i += 2 {
			c.Kids[0].AppendValue(v.List[i])
			c.Kids[1].AppendValue(v.List[i+1])
		}
		c.CloseList()
	case types.ClassStruct:
		for i, k := range c.Kids {
			if i < len(v.List) {
				k.AppendValue(v.List[i])
			} else {
				k.AppendNull()
			}
		}
		c.CloseStruct()
	}
}

// Value returns row i as a value that shares nothing with the column.
func (c *Column) Value(i int) types.Value {
	v := types.Value{Type: c.Type}
	if c.Const {
		i = 0
	}
	if c.Null != nil && c.Null[i] {
		v.Null = true
		return v
	}
	switch c.Type.Class() {
	case types.ClassBool:
		v.Bool = c.Bool[i]
	case types.ClassInt:
		v.Int = c.Int[i]
	case types.ClassFloat:
		v.Float = c.Float[i]
	case types.ClassDecimal:
		v.Dec = c.Dec[i]
	case types.ClassInterval:
		v.Ivl = c.Ivl[i]
	case types.ClassBytes:
		v.Str = string(c.Bytes(i))
	case types.ClassList:
		v.List = make([]types.Value, 0, c.Off[i+1]-c.Off[i])
		for j := int(c.Off[i]); j < int(c.Off[i+1]); j++ {
			v.List = append(v.List, c.Kids[0].Value(j))
		}
	case types.ClassMap:
		v.List = make([]types.Value, 0, 2*(c.Off[i+1]-c.Off[i]))
		for j := int(c.Off[i]); j < int(c.Off[i+1]); j++ {
			v.List = append(v.List, c.Kids[0].Value(j), c.Kids[1].Value(j))
		}
	case types.ClassStruct:
		v.List = make([]types.Value, len(c.Kids))
		for j, k := range c.Kids {
			v.List[j] = k.Value(i)
		}
	}
	return v
}
