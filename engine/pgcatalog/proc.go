package pgcatalog

import (
	"strings"

	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
)

// The numbers of languages.
const (
	internalID = 12
	sqlID      = 14
)

func procs(s *Source, t *table) {
	for _, p := range fn.Procs() {
		args := make([]int, len(p.ArgOIDs))
		for i, a := range p.ArgOIDs {
			args[i] = int(a)
		}
		schema := uint32(catalog.SystemSchemaID)
		if strings.HasPrefix(p.Name, "_pg_") {
			schema = s.schemaID("information_schema")
		}
		t.add("oid", p.OID, "proname", p.Name, "pronamespace", schema, "proowner", catalog.BootstrapID,
			"prolang", internalID, "procost", 1, "prokind", p.Kind, "proretset", p.Set, "provolatile", p.Volatility,
			"proisstrict", p.Strict,
			"proparallel", byte('s'), "pronargs", len(args), "prorettype", p.RetOID, "proargtypes", args,
			"prosrc", p.Name)
	}
	for _, f := range s.Catalog.AllFunctions() {
		var args []int
		var names []string
		defaults := 0
		for _, p := range f.Params {
			args = append(args, int(p.Type.OID()))
			names = append(names, p.Name)
			if p.Default != "" {
				defaults++
			}
		}
		var argNames any
		if strings.Join(names, "") != "" {
			argNames = names
		}
		t.add("oid", f.ID, "proname", f.Name, "pronamespace", s.schemaID(f.Schema), "proowner", s.roleID(f.OwnedBy()),
			"prolang", sqlID, "procost", 100, "prokind", byte('f'), "proisstrict", f.Strict, "proretset", f.Columns != nil,
			"provolatile", byte('v'), "proparallel", byte('u'), "pronargs", len(args), "pronargdefaults", defaults,
			"prorettype", f.Returns.OID(), "proargtypes", args, "proargnames", argNames, "prosrc", f.Body)
	}
}
