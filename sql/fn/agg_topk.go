package fn

import (
	"encoding/binary"
	"strconv"

	"github.com/tidwall/btree"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// topkDecls declares the aggregates that keep the greatest values.
func topkDecls() []Aggregate {
	newTops := func(distinct bool) func([]types.Type, types.Type, bool) Accumulator {
		return func(args []types.Type, _ types.Type, appendOnly bool) Accumulator {
			a := &tops{distinct: distinct, appendOnly: appendOnly}
			for _, t := range args[:len(args)-1] {
				a.cols = append(a.cols, vec.NewColumn(t))
			}
			return a
		}
	}
	return []Aggregate{
		{Name: "topk", Args: in(Any, types.Int4), ConstFrom: 1, Resolve: topkTypes(100), New: newTops(false),
			Doc: Doc{Summary: "Gives the k greatest values that are not NULL, the greatest first; k is the last argument. " +
				"With columns between, each comes as a struct of sort_col and col0, col1 …"}},
		{Name: "topkdistinct", Args: in(Any, types.Int4), ConstFrom: 1, Resolve: topkTypes(2), New: newTops(true),
			Doc: Doc{Summary: "Gives the k greatest distinct values that are not NULL, the greatest first."}},
	}
}

// topkTypes resolves a value, further columns up to so many arguments, and k.
func topkTypes(most int) func(args []types.Type) ([]types.Type, types.Type, bool) {
	return func(args []types.Type) ([]types.Type, types.Type, bool) {
		n := len(args)
		if n < 2 || n > most || args[n-1] == types.Unknown || !CanCast(args[n-1], types.Int4, Implicit) {
			return nil, types.Unknown, false
		}
		params := append([]types.Type(nil), args...)
		params[n-1] = types.Int4
		var fields []types.Field
		for k := range params[:n-1] {
			if params[k] == types.Unknown {
				params[k] = types.Text
			}
			name := "sort_col"
			if k > 0 {
				name = "col" + strconv.Itoa(k-1)
			}
			fields = append(fields, types.Field{Name: name, Type: params[k]})
		}
		if n == 2 {
			return params, types.ArrayOf(params[0]), true
		}
		return params, types.ArrayOf(types.StructOf(fields...)), true
	}
}

// tops is the state of topk and topkdistinct: every row with its count, the greatest first; where no row is ever taken
// away, only the k greatest.
type tops struct {
	distinct, appendOnly bool
	groups               []topRows
	cols                 []*vec.Column // scratch, of the types of the value and the other columns
	key                  []byte        // scratch
}

type topRows struct {
	k    int64
	rows *btree.Map[string, bagCount] // by the value's descending key, then the row
	n    int64                        // rows held, where no row is ever taken away
}

// Update implements Accumulator.
func (a *tops) Update(c *Call, groups []int32, diff []int32, args []*vec.Column) {
	a.groups = extend(a.groups, groups)
	last := args[len(args)-1]
	for i, g := range groups {
		if args[0].IsNull(i) {
			continue
		}
		if last.IsNull(i) || last.Int[last.At(i)] < 1 || last.Int[last.At(i)] > maxKept {
			c.Fail(i, sqlerr.New(sqlerr.InvalidParameterValue, "number of values must be between 1 and %d", maxKept))
			continue
		}
		for k, col := range a.cols {
			col.Reset()
			col.AppendFrom(args[k], args[k].At(i))
		}
		s := &a.groups[g]
		if s.k = last.Int[last.At(i)]; s.rows == nil {
			s.rows = btree.NewMap[string, bagCount](bagDegree)
		}
		a.add(s, diffAt(diff, i))
	}
}

// add adds the row in a.cols d times.
func (a *tops) add(s *topRows, d int64) {
	keyLen := a.makeKey()
	if !a.appendOnly {
		addToBag(s.rows, a.key, keyLen, d)
		return
	}
	if _, had := s.rows.Get(string(a.key)); d <= 0 || a.distinct && had {
		return
	}
	if a.distinct {
		d = 1
	}
	addToBag(s.rows, a.key, keyLen, min(d, s.k))
	for s.n += min(d, s.k); s.n > s.k; s.n-- { // the least goes
		key, count, _ := s.rows.Max()
		addToBag(s.rows, []byte(key), count.keyLen, -1)
	}
}

// makeKey puts the key of the row in a.cols into a.key: what orders it, keyLen bytes, then the row.
func (a *tops) makeKey() (keyLen int) {
	a.key = vec.AppendKey(a.key[:0], a.cols[0], 0, true, false)
	keyLen = len(a.key)
	a.key = vec.AppendRow(a.key, a.cols, 0)
	return keyLen
}

// Result implements Accumulator.
func (a *tops) Result(groups []int32, out *vec.Column) {
	to := out.Kids
	if len(a.cols) > 1 {
		to = out.Kids[0].Kids
	}
	for _, g := range groups {
		s := at(a.groups, g)
		if s.rows != nil {
			shown, last := int64(0), ""
			s.rows.Scan(func(k string, c bagCount) bool {
				if a.distinct && shown > 0 && k[:c.keyLen] == last {
					return true // the same value, written differently
				}
				for n := c.n; n > 0 && shown < s.k; n-- {
					if _, err := vec.DecodeRow([]byte(k[c.keyLen:]), to); err != nil {
						panic("BUG: aggregate state was checked when it was decoded: " + err.Error())
					}
					if len(a.cols) > 1 {
						out.Kids[0].CloseStruct()
					}
					if shown, last = shown+1, k[:c.keyLen]; a.distinct {
						break
					}
				}
				return shown < s.k
			})
		}
		out.CloseList()
	}
}

// Encode implements Accumulator.
func (a *tops) Encode(g int32, dst []byte) []byte {
	s := at(a.groups, g)
	dst = binary.AppendVarint(dst, s.k)
	if s.rows != nil {
		s.rows.Scan(func(k string, c bagCount) bool {
			dst = appendSized(binary.AppendVarint(dst, c.n), []byte(k[c.keyLen:]))
			return true
		})
	}
	return dst
}

// Decode implements Accumulator.
func (a *tops) Decode(g int32, src []byte) error {
	var s topRows
	if len(src) > 0 {
		r := stateReader{src: src}
		s.k, s.rows = r.varint(), btree.NewMap[string, bagCount](bagDegree)
		r.bad = r.bad || s.k < 0 || s.k > maxKept
		for len(r.src) > 0 && !r.bad {
			n := r.varint()
			if row := r.bytes(); r.bad || !isRow(row, a.cols...) || a.cols[0].IsNull(0) {
				r.bad = true
				break
			}
			keyLen := a.makeKey()
			addToBag(s.rows, a.key, keyLen, n)
			s.n += n
		}
		if err := r.err(); err != nil {
			return err
		}
	}
	a.groups = set(a.groups, g, s)
	return nil
}
