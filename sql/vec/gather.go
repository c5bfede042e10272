package vec

import "github.com/leatdb/leat/sql/types"

// AppendFrom appends row i of src, a column of the same class.
func (c *Column) AppendFrom(src *Column, i int) {
	if src.Const {
		i = 0
	}
	if src.Null != nil && src.Null[i] {
		c.AppendNull()
		return
	}
	switch c.Type.Class() {
	case types.ClassBool:
		c.AppendBool(src.Bool[i])
	case types.ClassInt:
		c.AppendInt(src.Int[i])
	case types.ClassFloat:
		c.AppendFloat(src.Float[i])
	case types.ClassDecimal:
		c.AppendDec(src.Dec[i])
	case types.ClassInterval:
		c.AppendIvl(src.Ivl[i])
	case types.ClassBytes:
		c.AppendBytes(src.Data[src.Off[i]:src.Off[i+1]])
	case types.ClassList, types.ClassMap:
		lo, hi := int(src.Off[i]), int(src.Off[i+1])
		for k, kid := range c.Kids {
			kid.AppendRange(src.Kids[k], lo, hi)
		}
		c.CloseList()
	case types.ClassStruct:
		for k, kid := range c.Kids {
			kid.AppendFrom(src.Kids[k], i)
		}
		c.CloseStruct()
	}
}

// AppendRange appends rows lo to hi of src, a column of the same class. A constant src is appended hi-lo times.
func (c *Column) AppendRange(src *Column, lo, hi int) {
	if lo >= hi {
		return
	}
	if src.Const {
		c.appendRepeated(src, hi-lo)
		return
	}
	switch c.Type.Class() {
	case types.ClassBool:
		c.Bool = append(c.Bool, src.Bool[lo:hi]...)
	case types.ClassInt:
		c.Int = append(c.Int, src.Int[lo:hi]...)
	case types.ClassFloat:
		c.Float = append(c.Float, src.Float[lo:hi]...)
	case types.ClassDecimal:
		c.Dec = append(c.Dec, src.Dec[lo:hi]...)
	case types.ClassInterval:
		c.Ivl = append(c.Ivl, src.Ivl[lo:hi]...)
	case types.ClassBytes:
		base := uint32(len(c.Data))
		c.Data = append(c.Data, src.Data[src.Off[lo]:src.Off[hi]]...)
		c.appendOffsets(src.Off[lo:hi+1], base)
	case types.ClassList, types.ClassMap:
		base := uint32(c.Kids[0].n)
		for k, kid := range c.Kids {
			kid.AppendRange(src.Kids[k], int(src.Off[lo]), int(src.Off[hi]))
		}
		c.appendOffsets(src.Off[lo:hi+1], base)
	case types.ClassStruct:
		for k, kid := range c.Kids {
			kid.AppendRange(src.Kids[k], lo, hi)
		}
	}
	if src.Null != nil {
		c.appendNulls(src.Null[lo:hi])
	} else if c.Null != nil {
		c.Null = resize(c.Null, c.n+hi-lo)
	}
	c.n += hi - lo
}

// appendOffsets appends off[1:], moved so that off[0] becomes base.
func (c *Column) appendOffsets(off []uint32, base uint32) {
	if len(c.Off) == 0 {
		c.Off = append(c.Off, 0)
	}
	shift := base - off[0] // wraps around, and back below
	c.Off = grow(c.Off, len(off)-1)
	for _, o := range off[1:] {
		c.Off = append(c.Off, o+shift)
	}
}

// appendNulls appends to Null alone; c.n is still the number of rows before.
func (c *Column) appendNulls(null []bool) {
	if c.Null == nil {
		any := false
		for _, x := range null {
			any = any || x
		}
		if !any {
			return
		}
		c.Null = resize(c.nulls[:0], c.n)
		c.nulls = nil
	}
	c.Null = append(c.Null, null...)
}

// appendRepeated appends the one row of the constant column src n times.
func (c *Column) appendRepeated(src *Column, n int) {
	start := c.n
	if src.Null != nil && src.Null[0] {
		for range n {
			c.AppendNull()
		}
		return
	}
	switch c.Type.Class() {
	case types.ClassBool:
		c.Bool = fill(c.Bool, src.Bool[0], n)
	case types.ClassInt:
		c.Int = fill(c.Int, src.Int[0], n)
	case types.ClassFloat:
		c.Float = fill(c.Float, src.Float[0], n)
	case types.ClassDecimal:
		c.Dec = fill(c.Dec, src.Dec[0], n)
	case types.ClassInterval:
		c.Ivl = fill(c.Ivl, src.Ivl[0], n)
	case types.ClassBytes:
		b := src.Bytes(0)
		c.Off = grow(c.Off, n+1)
		c.Data = grow(c.Data, n*len(b))
		for range n {
			c.AppendBytes(b)
		}
		return
	default:
		for range n {
			c.AppendFrom(src, 0)
		}
		return
	}
	if c.Null != nil {
		c.Null = resize(c.Null, start+n)
	}
	c.n += n
}

func fill[T any](s []T, v T, n int) []T {
	s = grow(s, n)
	for range n {
		s = append(s, v)
	}
	return s
}

// Gather appends the rows of src that sel names, in its order. A row may be named more than once.
func (c *Column) Gather(src *Column, sel []int32) {
	if src.Const {
		c.AppendRange(src, 0, len(sel))
		return
	}
	switch c.Type.Class() {
	case types.ClassBool:
		c.Bool = gather(c.Bool, src.Bool, sel)
	case types.ClassInt:
		c.Int = gather(c.Int, src.Int, sel)
	case types.ClassFloat:
		c.Float = gather(c.Float, src.Float, sel)
	case types.ClassDecimal:
		c.Dec = gather(c.Dec, src.Dec, sel)
	case types.ClassInterval:
		c.Ivl = gather(c.Ivl, src.Ivl, sel)
	case types.ClassBytes:
		c.gatherBytes(src, sel)
	case types.ClassList, types.ClassMap:
		c.gatherLists(src, sel)
	case types.ClassStruct:
		for k, kid := range c.Kids {
			kid.Gather(src.Kids[k], sel)
		}
	}
	c.gatherNulls(src, sel)
	c.n += len(sel)
}

func gather[T any](dst, src []T, sel []int32) []T {
	n := len(dst)
	dst = grow(dst, len(sel))[:n+len(sel)]
	out := dst[n:]
	for k, i := range sel {
		out[k] = src[i]
	}
	return dst
}

func (c *Column) gatherBytes(src *Column, sel []int32) {
	if len(sel) == 0 {
		return
	}
	if len(c.Off) == 0 {
		c.Off = append(grow(c.Off, len(sel)+1), 0)
	}
	size := 0
	for _, i := range sel {
		size += int(src.Off[i+1] - src.Off[i])
	}
	data, off := grow(c.Data, size), grow(c.Off, len(sel))
	for _, i := range sel {
		data = append(data, src.Data[src.Off[i]:src.Off[i+1]]...)
		off = append(off, uint32(len(data)))
	}
	c.Data, c.Off = data, off
}

func (c *Column) gatherLists(src *Column, sel []int32) {
	for _, i := range sel {
		for k, kid := range c.Kids {
			kid.AppendRange(src.Kids[k], int(src.Off[i]), int(src.Off[i+1]))
		}
		c.closeOff(c.Kids[0].n)
	}
}

// gatherNulls appends to Null alone; c.n is still the number of rows before.
func (c *Column) gatherNulls(src *Column, sel []int32) {
	if src.Null == nil {
		if c.Null != nil {
			c.Null = resize(c.Null, c.n+len(sel))
		}
		return
	}
	if c.Null == nil {
		any := false
		for _, i := range sel {
			any = any || src.Null[i]
		}
		if !any {
			return
		}
		c.Null = resize(c.nulls[:0], c.n)
		c.nulls = nil
	}
	c.Null = gather(c.Null, src.Null, sel)
}
