package fn

import (
	"slices"

	"github.com/leatdb/leat/sql/types"
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

// all resolves an overload whose every argument has type t, least or more of them; some may be untyped literals.
func all(t, ret types.Type, least int) func(args []types.Type) ([]types.Type, types.Type, bool) {
	return func(args []types.Type) ([]types.Type, types.Type, bool) {
		params := make([]types.Type, len(args))
		for k, a := range args {
			if params[k] = t; a != t && a != types.Unknown {
				return nil, types.Unknown, false
			}
		}
		return params, ret, len(args) >= least && slices.Contains(args, t)
	}
}

// only resolves an overload for precisely these types; it is no candidate for others, which are left to PostgreSQL's.
func only(ret types.Type, want ...types.Type) func(args []types.Type) ([]types.Type, types.Type, bool) {
	return func(args []types.Type) ([]types.Type, types.Type, bool) {
		return want, ret, slices.Equal(args, want)
	}
}
