package fn

import (
	"bytes"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// hypotheticalDecls declares the aggregates that tell where a row would stand: its values are in the parentheses, and
// WITHIN GROUP says what they are compared with.
func hypotheticalDecls() []Aggregate {
	var fs []Aggregate
	for _, d := range []struct {
		name, summary string
		example       string // of a row 2
		ret           types.Type
		value         func(s standing, out *vec.Column)
	}{
		{"rank", "Gives the rank that a row of these values would have, with gaps.", "3", types.Int8,
			func(s standing, out *vec.Column) { out.AppendInt(s.before + 1) }},
		{"dense_rank", "Gives the rank that a row of these values would have, without gaps.", "2", types.Int8,
			func(s standing, out *vec.Column) { out.AppendInt(s.distinct + 1) }},
		{"percent_rank", "Gives the rank that a row of these values would have, between 0 and 1.", "0.5", types.Float8,
			func(s standing, out *vec.Column) { out.AppendFloat(float64(s.before) / float64(max(s.rows, 1))) }},
		{"cume_dist", "Gives the share of rows up to and with the peers of a row of these values.", "0.8", types.Float8,
			func(s standing, out *vec.Column) { out.AppendFloat(float64(s.upTo+1) / float64(s.rows+1)) }},
	} {
		state := func(args []types.Type, _ types.Type, by []Order) Accumulator {
			return &hypothetical{lists: lists{args: args}, by: by, value: d.value}
		}
		fs = append(fs, Aggregate{Name: d.name, Args: in(Any, Any), Ret: d.ret, Ordered: state, Hypothetical: true,
			Resolve: func(args []types.Type) ([]types.Type, types.Type, bool) {
				params, ok := pairTypes(args)
				return params, d.ret, ok
			},
			New: func(args []types.Type, ret types.Type, _ bool) Accumulator {
				return state(args, ret, make([]Order, len(args)/2))
			}, Doc: Doc{Summary: d.summary, Examples: ex(d.name+"(2) WITHIN GROUP (ORDER BY x)", d.example)}})
	}
	return fs
}

// pairTypes gives each argument of the first half and its fellow of the second a common type.
func pairTypes(args []types.Type) (params []types.Type, ok bool) {
	n := len(args) / 2
	params = make([]types.Type, len(args))
	for k := range n {
		t, err := CommonType(in(args[n+k], args[k]), "WITHIN GROUP")
		if err != nil {
			return nil, false
		}
		params[k], params[n+k] = t, t
	}
	return params, n > 0 && len(args)%2 == 0
}

// standing says where a row would stand among others.
type standing struct {
	rows     int64 // the others
	before   int64 // those in front of it
	distinct int64 // those in front of it, peers counted once
	upTo     int64 // those in front of it and its peers
}

// hypothetical is the state of these aggregates: the rows, each with the values of the one that is not there.
type hypothetical struct {
	lists
	by    []Order
	value func(s standing, out *vec.Column)
}

// Result implements Accumulator.
func (a *hypothetical) Result(groups []int32, out *vec.Column) {
	for _, g := range groups {
		cols, n := a.rows(g)
		s := standing{rows: int64(n)}
		seen := map[string]bool{}
		half := len(cols) / 2
		var own, key []byte
		for i := range n {
			if i == 0 {
				own = a.appendKey(nil, cols[:half], 0)
			}
			key = a.appendKey(key[:0], cols[half:], i)
			switch bytes.Compare(key, own) {
			case -1:
				s.before++
				s.upTo++
				seen[string(key)] = true
			case 0:
				s.upTo++
			}
		}
		s.distinct = int64(len(seen))
		a.value(s, out)
	}
}

func (a *hypothetical) appendKey(dst []byte, cols []*vec.Column, i int) []byte {
	for k, col := range cols {
		dst = vec.AppendKey(dst, col, i, a.by[k].Desc, a.by[k].NullsFirst)
	}
	return dst
}
