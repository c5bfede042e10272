package pgcatalog

import (
	"strconv"

	"github.com/leatdb/leat/sql/catalog"
)

// sequences lists those of all tables.
func (s *Source) sequences() []catalog.Sequence {
	var out []catalog.Sequence
	for _, rel := range s.made() {
		out = append(out, rel.Sequences()...)
	}
	return out
}

// sequenceBlock is how many numbers a sequence takes from the catalog at first, which PostgreSQL calls its cache.
const sequenceBlock = 32

func sequenceRows(s *Source, t *table) {
	for _, q := range s.sequences() {
		lowest, highest := q.Limits()
		t.add("seqrelid", q.ID, "seqtypid", q.Type().OID(), "seqstart", lowest, "seqincrement", 1, "seqmax", highest,
			"seqmin", lowest, "seqcache", sequenceBlock, "seqcycle", false)
	}
}

func sequenceList(s *Source, t *table) {
	for _, q := range s.sequences() {
		lowest, highest := q.Limits()
		t.add("schemaname", q.Rel.Schema, "sequencename", q.Name, "sequenceowner", q.Rel.OwnedBy(),
			"data_type", q.Type().OID(), "start_value", lowest, "min_value", lowest, "max_value", highest, "increment_by", 1,
			"cycle", false, "cache_size", sequenceBlock)
	}
}

func infoSequences(s *Source, t *table) {
	for _, q := range s.sequences() {
		if q.Rel.Columns[q.Column].Identity != "" || !s.may(q.Rel) { // those of identity columns are their own affair
			continue
		}
		lowest, highest := q.Limits()
		t.add("sequence_catalog", s.database(), "sequence_schema", q.Rel.Schema, "sequence_name", q.Name,
			"data_type", q.Type().String(), "numeric_precision", q.Type().Bits(), "numeric_precision_radix", 2,
			"numeric_scale", 0, "start_value", strconv.FormatInt(lowest, 10), "minimum_value", strconv.FormatInt(lowest, 10),
			"maximum_value", strconv.FormatInt(highest, 10), "increment", "1", "cycle_option", "NO")
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
	for _, rel := range s.made() {
		for _, k := range rel.Keys() {
			add(classID, k.ID, constraintsID, k.ID, 0, 'i')
			for _, at := range k.Columns {
				add(constraintsID, k.ID, classID, rel.ID, at+1, 'a')
			}
		}
		for _, q := range rel.Sequences() {
			kind := byte('a')
			if rel.Columns[q.Column].Identity != "" {
				kind = 'i'
			}
			add(classID, q.ID, classID, rel.ID, q.Column+1, kind)
		}
		for i, c := range rel.Columns {
			if c.Default != "" && c.Identity == "" {
				add(attrdefID, rel.PartID(i+1), classID, rel.ID, i+1, 'a')
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
