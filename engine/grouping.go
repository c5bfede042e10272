package engine

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// groupingSet is one of an aggregation's GROUPING SETS: the keys that tell its groups apart.
type groupingSet struct {
	has  map[int]bool  // positions among the keys
	null []*vec.Column // NULL for every key
	set  *vec.Column   // the number of the set
	out  []*vec.Column // scratch
}

// groupingSets returns the sets of an aggregation, nil when it has none.
func groupingSets(n *plan.Aggregate) (sets []groupingSet) {
	for i, set := range n.Sets {
		s := groupingSet{has: map[int]bool{}, set: vec.ConstColumn(types.Value{Type: types.Int4, Int: int64(i)})}
		for _, k := range set {
			s.has[k] = true
		}
		for _, k := range n.Keys {
			s.null = append(s.null, vec.ConstColumn(types.Value{Type: k.Type(), Null: true}))
		}
		sets = append(sets, s)
	}
	return sets
}

// keys returns the keys of rows in this set: NULL where a key is not in it, and the number of the set.
func (s *groupingSet) keys(keys []*vec.Column) []*vec.Column {
	s.out = append(s.out[:0], s.null...)
	for k, c := range keys {
		if s.has[k] {
			s.out[k] = c
		}
	}
	return append(s.out, s.set)
}
