package fn

import (
	"slices"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

const (
	invalidNtile    sqlerr.Code = "22014"
	invalidNthValue sqlerr.Code = "22016"
)

// windowDecls declares the window functions.
func windowDecls() []Window {
	i8, f8, i4 := types.Int8, types.Float8, types.Int4
	fs := []Window{
		{Name: "row_number", Ret: i8, Reach: ReachNumber, Kernel: eachRow(func(p *Partition, i int) int64 {
			return p.Before + int64(i) + 1
		}), Doc: Doc{Summary: "Numbers the rows of the partition, from 1.",
			Examples: ex("row_number() OVER (ORDER BY x)", "1; 2; 3")}},
		{Name: "rank", Ret: i8, Reach: ReachNumber, Kernel: eachRow(func(p *Partition, i int) int64 {
			return p.Before + int64(p.Peers[i]) + 1
		}), Doc: Doc{Summary: "Gives the number of the first peer of the row: the rank, with gaps.",
			Examples: ex("rank() OVER (ORDER BY x)", "1; 1; 3")}},
		{Name: "dense_rank", Ret: i8, Reach: ReachNumber, Kernel: denseRank,
			Doc: Doc{Summary: "Gives the rank without gaps: it counts the groups of peers.",
				Examples: ex("dense_rank() OVER (ORDER BY x)", "1; 1; 2")}},
		{Name: "percent_rank", Ret: f8, Reach: ReachAll, Kernel: percentRank,
			Doc: Doc{Summary: "Gives the rank between 0 and 1: (rank - 1) / (rows - 1).",
				Examples: ex("percent_rank() OVER (ORDER BY x)", "0; 0; 1")}},
		{Name: "cume_dist", Ret: f8, Reach: ReachAll, Kernel: cumulativeDistribution,
			Doc: Doc{Summary: "Gives the share of rows up to and with the peers of the row.",
				Examples: ex("cume_dist() OVER (ORDER BY x DESC)", "0.3333333333333333; 1; 1")}},
		{Name: "ntile", Args: in(i4), Ret: i4, Reach: ReachAll, Kernel: ntile,
			Doc: Doc{Summary: "Divides the partition into so many parts of nearly equal size and gives the part's number.",
				Examples: ex("ntile(2) OVER (ORDER BY x)", "1; 1; 2")}},
		{Name: "first_value", Args: in(AnyElement), Ret: AnyElement, Nulls: true, Kernel: nthValue(firstOf),
			Doc: Doc{Summary: "Gives the value at the first row of the frame.",
				Examples: ex("first_value(x) OVER (ORDER BY x DESC)", "2; 2; 2")}},
		{Name: "last_value", Args: in(AnyElement), Ret: AnyElement, Nulls: true, Kernel: nthValue(lastOf),
			Doc: Doc{Summary: "Gives the value at the last row of the frame.",
				Examples: ex("last_value(x) OVER (ORDER BY x)", "1; 1; 2")}},
		{Name: "nth_value", Args: in(AnyElement, i4), Ret: AnyElement, Nulls: true, Kernel: nthValue(nthOf),
			Doc: Doc{Summary: "Gives the value at the n-th row of the frame, counted from 1, or NULL.",
				Examples: ex("nth_value(x, 3) OVER (ORDER BY x)", "NULL; NULL; 2")}},
	}
	for _, d := range []struct {
		name, summary, rows string
		sign                int
	}{
		{"lag", "Gives the value so many rows before, 1 by default, or else the third argument, or NULL.", "NULL; 1; 1", -1},
		{"lead", "Gives the value so many rows after, 1 by default, or else the third argument, or NULL.", "1; 2; NULL", 1},
	} {
		k := offsetValue(d.sign)
		fs = append(fs,
			Window{Name: d.name, Args: in(AnyElement), Ret: AnyElement, Reach: ReachOffset, Nulls: true, Kernel: k,
				Doc: Doc{Summary: d.summary, Examples: ex(d.name+"(x) OVER (ORDER BY x)", d.rows)}},
			Window{Name: d.name, Args: in(AnyElement, i4), Ret: AnyElement, Reach: ReachOffset, Nulls: true, Kernel: k},
			Window{Name: d.name, Args: in(AnyCompat, i4, AnyCompat), Ret: AnyCompat, Reach: ReachOffset, Nulls: true, Kernel: k})
	}
	return fs
}

// eachRow makes a kernel of a function of a row's place.
func eachRow(f func(p *Partition, i int) int64) WindowKernel {
	return func(_ *Call, p *Partition, _ []*vec.Column, out *vec.Column) {
		for i := range p.N {
			out.AppendInt(f(p, i))
		}
	}
}

func denseRank(_ *Call, p *Partition, _ []*vec.Column, out *vec.Column) {
	rank := p.GroupsBefore
	for i := range p.N {
		if int(p.Peers[i]) == i {
			rank++
		}
		out.AppendInt(rank)
	}
}

func percentRank(_ *Call, p *Partition, _ []*vec.Column, out *vec.Column) {
	for i := range p.N {
		out.AppendFloat(float64(p.Peers[i]) / float64(max(p.N-1, 1)))
	}
}

func cumulativeDistribution(_ *Call, p *Partition, _ []*vec.Column, out *vec.Column) {
	for i := 0; i < p.N; {
		end := i + 1
		for end < p.N && p.Peers[end] == p.Peers[i] {
			end++
		}
		for ; i < end; i++ {
			out.AppendFloat(float64(end) / float64(p.N))
		}
	}
}

// ntile gives the first parts one row more when the rows do not divide evenly. The first row says how many parts.
func ntile(c *Call, p *Partition, args []*vec.Column, out *vec.Column) {
	parts := int64(0)
	if p.N > 0 && !args[0].IsNull(0) {
		if parts = args[0].Int[args[0].At(0)]; parts <= 0 {
			c.Fail(0, sqlerr.New(invalidNtile, "argument of ntile must be greater than zero"))
			parts = 0
		}
	}
	n := int64(p.N)
	for i := range n {
		if parts == 0 {
			out.AppendNull()
			continue
		}
		size, longer := n/parts, n%parts
		if i < longer*(size+1) {
			out.AppendInt(i/(size+1) + 1)
		} else {
			out.AppendInt(longer + (i-longer*(size+1))/size + 1)
		}
	}
}

// offsetValue is lag and lead.
func offsetValue(sign int) WindowKernel {
	return func(_ *Call, p *Partition, args []*vec.Column, out *vec.Column) {
		var there []int // with IGNORE NULLS, the rows that count
		for i := range p.N {
			if p.IgnoreNulls && !args[0].IsNull(i) {
				there = append(there, i)
			}
		}
		for i := range p.N {
			by := int64(1)
			if len(args) > 1 {
				if args[1].IsNull(i) {
					out.AppendNull()
					continue
				}
				by = args[1].Int[args[1].At(i)]
			}
			at := p.offset(there, i, int64(sign)*by)
			switch {
			case at >= 0 && at < int64(p.N):
				out.AppendFrom(args[0], args[0].At(int(at)))
			case len(args) > 2:
				out.AppendFrom(args[2], args[2].At(i))
			default:
				out.AppendNull()
			}
		}
	}
}

// offset returns the row that is so many after row i, counting with IGNORE NULLS only those in there; -1 for none.
func (p *Partition) offset(there []int, i int, by int64) int64 {
	if !p.IgnoreNulls || by == 0 {
		return int64(i) + by
	}
	k, found := slices.BinarySearch(there, i)
	at := int64(k) + by
	if by > 0 && !found {
		at--
	}
	if at < 0 || at >= int64(len(there)) {
		return -1
	}
	return int64(there[at])
}

// nthValue is first_value, last_value and nth_value: pick chooses the row of a frame, -1 for none.
func nthValue(pick func(c *Call, p *Partition, i int, args []*vec.Column) int) WindowKernel {
	return func(c *Call, p *Partition, args []*vec.Column, out *vec.Column) {
		for i := range p.N {
			if k := pick(c, p, i, args); k < 0 {
				out.AppendNull()
			} else {
				out.AppendFrom(args[0], args[0].At(k))
			}
		}
	}
}

func firstOf(_ *Call, p *Partition, i int, args []*vec.Column) int {
	return p.nth(args[0], i, 1)
}

func lastOf(_ *Call, p *Partition, i int, args []*vec.Column) int {
	for k := int(p.Hi[i]) - 1; k >= int(p.Lo[i]); k-- {
		if !p.leavesOut(args[0], i, k) {
			return k
		}
	}
	return -1
}

func nthOf(c *Call, p *Partition, i int, args []*vec.Column) int {
	if args[1].IsNull(i) {
		return -1
	}
	n := args[1].Int[args[1].At(i)]
	if n <= 0 {
		c.Fail(i, sqlerr.New(invalidNthValue, "argument of nth_value must be greater than zero"))
		return -1
	}
	return p.nth(args[0], i, n)
}

// leavesOut reports whether row k, where x is the first argument, does not count in the frame of row i.
func (p *Partition) leavesOut(x *vec.Column, i, k int) bool {
	return p.Excludes(i, k) || p.IgnoreNulls && x.IsNull(k)
}

// nth returns the n-th row of the frame of row i, counted from 1, or -1.
func (p *Partition) nth(x *vec.Column, i int, n int64) int {
	lo, hi := int(p.Lo[i]), int(p.Hi[i])
	if p.Exclude == ExcludeNothing && !p.IgnoreNulls {
		if n > int64(hi-lo) {
			return -1
		}
		return lo + int(n) - 1
	}
	for k := lo; k < hi; k++ {
		if !p.leavesOut(x, i, k) {
			if n--; n == 0 {
				return k
			}
		}
	}
	return -1
}
