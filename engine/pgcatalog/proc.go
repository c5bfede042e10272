package pgcatalog

import (
	"strings"

	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/types"
)

// The numbers of languages.
const (
	internalID = 12
	sqlID      = 14
)

func procs(s *Source, t *table) {
	for _, p := range fn.Procs() {
		args, ret := procTypes(p)
		t.add("oid", p.OID, "proname", p.Name, "pronamespace", catalog.SystemSchemaID, "proowner", catalog.BootstrapID,
			"prolang", internalID, "procost", 1, "prokind", p.Kind, "proretset", p.Set, "provolatile", byte('i'),
			"proparallel", byte('s'), "pronargs", len(args), "prorettype", ret, "proargtypes", args, "prosrc", p.Name)
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

// procTypes are the numbers of the types of the arguments and of the result.
func procTypes(p fn.Proc) (args []int, ret int64) {
	if p.Internal {
		for _, a := range p.ArgOIDs {
			args = append(args, int(a))
		}
		return args, p.RetOID
	}
	for _, a := range p.Args {
		args = append(args, int(procType(a)))
	}
	if p.Set && p.Ret == (types.Type{}) {
		return args, int64(types.RecordOID)
	}
	return args, int64(procType(p.Ret))
}

// procType is the number of the type of an argument, where anything may stand for a polymorphic one.
func procType(t types.Type) uint32 {
	switch t {
	case fn.AnyArray, fn.AnyCompatArray:
		return 2277
	case fn.AnyElement, fn.AnyCompat, fn.AnyNonArray, fn.AnyCompatNonArray:
		return 2283
	case fn.Any, fn.AnyMap, fn.AnyStruct:
		return 2276
	}
	return t.OID()
}
