package planner

import (
	"strings"

	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
)

// function gives the statement that made a function, or the part of its signature that is asked for.
func (o objects) function(oid int64, part string) (string, bool) {
	if f, ok := o.ctx.Catalog.FunctionByID(uint32(oid)); ok {
		switch part {
		case fn.FunctionArguments:
			return parameterList(f, true), true
		case fn.FunctionIdentity:
			return parameterList(f, false), true
		case fn.FunctionResult:
			return result(f), true
		}
		return f.Statement, true
	}
	p, ok := fn.ProcByOID(oid)
	switch {
	case !ok || part == "pg_proc" || p.Internal:
		return "", false
	case part != fn.FunctionResult:
		return fn.Signature(p.Args), true
	case p.Set && p.Ret.Mod == 0:
		return "SETOF record", true
	case p.Set:
		return "SETOF " + fn.TypeName(p.Ret), true
	}
	return fn.TypeName(p.Ret), true
}

// parameterList writes the parameters of a function, with their defaults or without.
func parameterList(f *catalog.Function, defaults bool) string {
	out := make([]string, len(f.Params))
	for i, p := range f.Params {
		if p.Name != "" {
			out[i] = fn.QuoteIdent(p.Name) + " "
		}
		out[i] += p.Type.String()
		if defaults && p.Default != "" {
			out[i] += " DEFAULT " + p.Default
		}
	}
	return strings.Join(out, ", ")
}

// result writes what a function returns.
func result(f *catalog.Function) string {
	switch {
	case f.Columns == nil:
		return f.Returns.String()
	case len(f.Columns) == 1 && f.Columns[0].Name == f.Name:
		return "SETOF " + f.Columns[0].Type.String()
	}
	out := make([]string, len(f.Columns))
	for i, c := range f.Columns {
		out[i] = fn.QuoteIdent(c.Name) + " " + c.Type.String()
	}
	return "TABLE(" + strings.Join(out, ", ") + ")"
}
