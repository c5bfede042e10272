package fn

import (
	"slices"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// ksqlSections lists the functions that come from ksqlDB.
func ksqlSections() [][]Scalar {
	return [][]Scalar{
		ksqlTextDecls(), ksqlMaskDecls(), ksqlBytesDecls(), ksqlRegexDecls(), ksqlTimeDecls(), ksqlMathDecls(),
		ksqlArrayDecls(), ksqlSetDecls(), ksqlMapDecls(), ksqlJSONDecls(), ksqlURLDecls(), lambdaDecls(),
	}
}

// ksqlAggregates lists the aggregates that come from ksqlDB.
func ksqlAggregates() []Aggregate {
	return slices.Concat(collectDecls(), topkDecls(), offsetDecls(), momentDecls())
}

// all resolves an overload whose every argument has type t, least or more of them; untyped literals do not count.
func all(t, ret types.Type, least int) func(args []types.Type) ([]types.Type, types.Type, bool) {
	return func(args []types.Type) ([]types.Type, types.Type, bool) {
		for _, a := range args {
			if a != t {
				return nil, types.Unknown, false
			}
		}
		return args, ret, len(args) >= least
	}
}

// only resolves an overload for precisely these types; it is no candidate for others, which are left to PostgreSQL's.
func only(ret types.Type, want ...types.Type) func(args []types.Type) ([]types.Type, types.Type, bool) {
	return func(args []types.Type) ([]types.Type, types.Type, bool) {
		return want, ret, slices.Equal(args, want)
	}
}

// anyNull reports whether an argument of the row is NULL.
func (r Row) anyNull() bool {
	for k := range r.args {
		if r.IsNull(k) {
			return true
		}
	}
	return false
}

// appendStrings appends a list of texts.
func appendStrings(out *vec.Column, ss []string) {
	for _, s := range ss {
		out.Kids[0].AppendString(s)
	}
	out.CloseList()
}
