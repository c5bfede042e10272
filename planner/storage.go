package planner

import (
	"strconv"
	"strings"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// storageParameter is one of PostgreSQL's storage parameters of tables. They tune how its heap is laid out and
// vacuumed, of which Leat has nothing, and change no result. Programs set them, so they are checked as PostgreSQL does,
// kept, and shown in pg_class.reloptions (https://www.postgresql.org/docs/15/sql-createtable.html).
type storageParameter struct {
	min, max float64
	boolean  bool
	real     bool
}

var storageParameters = map[string]storageParameter{
	"fillfactor":                            {min: 10, max: 100},
	"toast_tuple_target":                    {min: 128, max: 8160},
	"parallel_workers":                      {min: 0, max: 1024},
	"autovacuum_enabled":                    {boolean: true},
	"vacuum_truncate":                       {boolean: true},
	"autovacuum_vacuum_threshold":           {min: 0, max: 1<<31 - 1},
	"autovacuum_vacuum_scale_factor":        {min: 0, max: 100, real: true},
	"autovacuum_vacuum_insert_threshold":    {min: -1, max: 1<<31 - 1},
	"autovacuum_vacuum_insert_scale_factor": {min: 0, max: 100, real: true},
	"autovacuum_analyze_threshold":          {min: 0, max: 1<<31 - 1},
	"autovacuum_analyze_scale_factor":       {min: 0, max: 100, real: true},
	"autovacuum_vacuum_cost_delay":          {min: -1, max: 100, real: true},
	"autovacuum_vacuum_cost_limit":          {min: 1, max: 10000},
	"autovacuum_freeze_min_age":             {min: 0, max: 1e9},
	"autovacuum_freeze_max_age":             {min: 1e5, max: 2e9},
	"autovacuum_freeze_table_age":           {min: 0, max: 2e9},
	"log_autovacuum_min_duration":           {min: -1, max: 1<<31 - 1},
}

// check tells what is wrong with a value.
func (sp storageParameter) check(key string, p prop) error {
	if sp.boolean {
		switch strings.ToLower(p.text) {
		case "true", "false", "on", "off", "yes", "no", "1", "0":
			return nil
		}
		return sqlerr.At(p.pos, sqlerr.InvalidParameterValue, "invalid value for boolean option \"%s\": %s", key, p.text)
	}
	kind := "integer"
	if sp.real {
		kind = "floating point"
	}
	v, err := strconv.ParseFloat(p.text, 64)
	if err == nil && !sp.real {
		_, err = strconv.ParseInt(p.text, 10, 64)
	}
	switch {
	case err != nil:
		return sqlerr.At(p.pos, sqlerr.InvalidParameterValue, "invalid value for %s option \"%s\": %s", kind, key, p.text)
	case !(v >= sp.min && v <= sp.max):
		return sqlerr.At(p.pos, sqlerr.InvalidParameterValue, "value %s out of bounds for option \"%s\"", p.text, key).
			WithDetail("Valid values are between \"%s\" and \"%s\".", plainNumber(sp.min), plainNumber(sp.max))
	}
	return nil
}

func plainNumber(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// storage gives rel the storage parameters, in the order they were written in.
func (ps props) storage(rel *catalog.Relation, list []ast.Prop) error {
	for _, o := range list {
		key := strings.ToLower(o.Key)
		sp, ok := storageParameters[key]
		if !ok {
			continue
		}
		if rel.Kind != catalog.Table && rel.Kind != catalog.View {
			return sqlerr.At(o.Pos(), sqlerr.InvalidParameterValue, "unrecognized property \"%s\"", key).
				WithHint("It is for tables.")
		}
		if err := sp.check(key, ps[key]); err != nil {
			return err
		}
		rel.Options = append(rel.Options, key+"="+ps[key].text)
	}
	return nil
}
