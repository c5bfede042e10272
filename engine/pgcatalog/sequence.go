package pgcatalog

import (
	"strconv"

	"github.com/leatdb/leat/sql/catalog"
)

// sequences lists those that are there.
func (s *Source) sequences() []*catalog.Relation {
	var out []*catalog.Relation
	for _, rel := range s.made() {
		if rel.Kind == catalog.Sequence {
			out = append(out, rel)
		}
	}
	return out
}

func sequenceRows(s *Source, t *table) {
	for _, q := range s.sequences() {
		n := q.Numbers
		t.add("seqrelid", q.ID, "seqtypid", n.Type.OID(), "seqstart", n.Start, "seqincrement", n.Step, "seqmax", n.Max,
			"seqmin", n.Min, "seqcache", n.Cache, "seqcycle", n.Cycle)
	}
}

func sequenceList(s *Source, t *table) {
	for _, q := range s.sequences() {
		n := q.Numbers
		var last any
		if s.LastValue != nil && s.may(q) {
			if v, ok := s.LastValue(q.ID); ok {
				last = v
			}
		}
		t.add("schemaname", q.Schema, "sequencename", q.Name, "sequenceowner", q.OwnedBy(),
			"data_type", n.Type.OID(), "start_value", n.Start, "min_value", n.Min, "max_value", n.Max, "increment_by", n.Step,
			"cycle", n.Cycle, "cache_size", n.Cache, "last_value", last)
	}
}

func infoSequences(s *Source, t *table) {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	for _, q := range s.sequences() {
		n := q.Numbers
		if n.Identity || !s.may(q) { // those of identity columns are their own affair
			continue
		}
		t.add("sequence_catalog", s.database(), "sequence_schema", q.Schema, "sequence_name", q.Name,
			"data_type", n.Type.String(), "numeric_precision", n.Type.Bits(), "numeric_precision_radix", 2,
			"numeric_scale", 0, "start_value", number(n.Start), "minimum_value", number(n.Min),
			"maximum_value", number(n.Max), "increment", number(n.Step), "cycle_option", yes(n.Cycle))
	}
}

// The numbers of relations of the catalog whose rows depend on others.
const (
	attrdefID = 2604
	rewriteID = 2618
)

// dependencies tells what stands and falls with what: the index of a constraint with it, the sequence of a column and
// its default with the table, and a view with what it reads.
func dependencies(s *Source, t *table) {
	add := func(class int, object uint32, of int, on uint32, column int, kind byte) {
		t.add("classid", class, "objid", object, "objsubid", 0, "refclassid", of, "refobjid", on, "refobjsubid", column,
			"deptype", kind)
	}
	drawn := s.sequences()
	for _, rel := range s.made() {
		for _, k := range rel.Keys() {
			add(classID, k.ID, constraintsID, k.ID, 0, 'i')
			for _, at := range k.Columns {
				add(constraintsID, k.ID, classID, rel.ID, at+1, 'a')
			}
		}
		s.eachForeign(rel, func(i int, f *catalog.Foreign, of *catalog.Relation, key catalog.Key) {
			for _, at := range f.Columns {
				add(constraintsID, rel.ForeignID(i), classID, rel.ID, at+1, 'a')
			}
			for _, name := range f.Refs {
				add(constraintsID, rel.ForeignID(i), classID, of.ID, of.ColumnIndex(name)+1, 'n')
			}
			add(constraintsID, rel.ForeignID(i), classID, key.ID, 0, 'n')
		})
		for _, q := range s.Catalog.Owned(rel.ID) {
			kind := byte('a')
			if q.Numbers.Identity {
				kind = 'i'
			}
			add(classID, q.ID, classID, rel.ID, rel.ColumnIndex(q.Numbers.Column)+1, kind)
		}
		for i, c := range rel.Columns {
			if c.Default == "" || c.Identity != "" {
				continue
			}
			add(attrdefID, rel.PartID(i+1), classID, rel.ID, i+1, 'a')
			for _, q := range drawn {
				if c.DrawsFrom(q) {
					add(attrdefID, rel.PartID(i+1), classID, q.ID, 0, 'n')
				}
			}
		}
		if k := kind(rel); k != 'v' && k != 'm' {
			continue
		}
		rule := rel.PartID(rulePart)
		add(rewriteID, rule, classID, rel.ID, 0, 'i')
		add(rewriteID, rule, classID, rel.ID, 0, 'n')
		for _, id := range rel.Reads {
			add(rewriteID, rule, classID, id, 0, 'n')
		}
		for _, id := range rel.Uses {
			if _, ok := s.Catalog.ByID(id); ok {
				add(rewriteID, rule, classID, id, 0, 'n')
			} else {
				add(rewriteID, rule, procID, id, 0, 'n')
			}
		}
	}
}
