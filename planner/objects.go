package planner

import (
	"strconv"
	"strings"

	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/types"
)

// objects answers functions that ask of the system catalog, from the snapshot that the statement is planned against. It
// implements fn.CatalogInfo.
type objects struct{ ctx *Context }

// Objects returns what functions may ask of the catalog that c has.
func (c *Context) Objects() fn.CatalogInfo { return objects{c} }

// Name implements fn.CatalogInfo.
func (o objects) Name(relation string, oid int64) (schema, name string, ok bool) {
	id, snap := uint32(oid), o.ctx.Catalog
	if oid != int64(id) {
		return "", "", false
	}
	switch relation {
	case "pg_class", "pg_type":
		if r, ok := o.relation(id); ok && (r.Kind == catalog.Type) == (relation == "pg_type") {
			return r.Schema, r.Name, true
		}
		if k, ok := snap.KeyByID(id); ok && relation == "pg_class" {
			return k.Rel.Schema, k.Name, true
		}
		if t, ok := types.FromOID(id, -1); ok && relation == "pg_type" {
			return systemSchema, t.String(), true
		}
		if schema, name, ok := snap.RowTypeByID(id); ok && relation == "pg_type" {
			return schema, name, true
		}
		if name, ok := types.PseudoName(id); ok && relation == "pg_type" {
			return systemSchema, name, true
		}
	case "pg_proc":
		if f, ok := snap.FunctionByID(id); ok {
			return f.Schema, f.Name, true
		}
		if p, ok := fn.ProcByOID(oid); ok {
			return systemSchema, p.Name, true
		}
	case "pg_namespace":
		name, ok = snap.SchemaByID(id)
	case "pg_authid":
		name, ok = snap.RoleByID(id)
	case "pg_collation":
		name, ok = collationNames[id]
		return systemSchema, name, ok
	}
	return "", name, ok
}

// relation finds a relation by its number, one of the server itself too.
func (o objects) relation(id uint32) (*catalog.Relation, bool) {
	if r, ok := o.ctx.Catalog.ByID(id); ok {
		return r, r.Kind != catalog.Insert
	}
	if o.ctx.SystemByID != nil {
		return o.ctx.SystemByID(id)
	}
	return nil, false
}

// Find implements fn.CatalogInfo.
func (o objects) Find(relation, schema, name string) []int64 {
	snap := o.ctx.Catalog
	switch relation {
	case "pg_class", "pg_type":
		return o.first(schema, func(schema string) []int64 {
			if r, ok := o.lookup(relation, schema, name); ok {
				return []int64{int64(r.ID)}
			}
			if r, ok := snap.Relation(schema, name); ok && r.Kind != catalog.Type && !r.Computed() && relation == "pg_type" {
				return []int64{int64(r.RowType())}
			}
			if id, ok := enumArray(snap, schema, name); ok && relation == "pg_type" {
				return []int64{int64(id)}
			}
			if k, ok := snap.KeyByName(schema, name); ok && relation == "pg_class" {
				return []int64{int64(k.ID)}
			}
			if t, ok := types.ByName(name); ok && relation == "pg_type" && schema == systemSchema {
				return []int64{int64(t.OID())}
			}
			if id, ok := types.PseudoOID(name); ok && relation == "pg_type" && schema == systemSchema {
				return []int64{int64(id)}
			}
			return nil
		})
	case "pg_proc":
		var all []int64
		for _, s := range o.path(schema) {
			if s == systemSchema {
				for _, p := range fn.ProcsNamed(name) {
					all = append(all, p.OID)
				}
			}
			for _, f := range snap.Functions(s, name) {
				all = append(all, int64(f.ID))
			}
		}
		return all
	case "pg_attribute": // the number of a column of the relation with the number that stands for the schema
		if id, err := strconv.ParseUint(schema, 10, 32); err == nil {
			if r, ok := o.relation(uint32(id)); ok && r.ColumnIndex(name) >= 0 {
				return []int64{int64(r.ColumnIndex(name)) + 1}
			}
		}
	case "pg_namespace":
		if id, ok := snap.SchemaID(name); ok {
			return []int64{int64(id)}
		}
	case "pg_authid":
		if id, ok := snap.RoleID(name); ok {
			return []int64{int64(id)}
		}
	case "pg_collation":
		for id, collation := range collationNames {
			if collation == name && (schema == "" || schema == systemSchema) {
				return []int64{int64(id)}
			}
		}
	}
	return nil
}

// enumArray finds the type of arrays of an enum by its name, mood[] or _mood.
func enumArray(snap *catalog.Snapshot, schema, name string) (uint32, bool) {
	of, brackets := strings.CutSuffix(name, "[]")
	if !brackets {
		of = strings.TrimPrefix(name, "_")
	}
	r, ok := snap.Relation(schema, of)
	if !ok || of == name || !r.IsEnum() {
		return 0, false
	}
	return r.RowArray(), true
}

func (o objects) lookup(relation, schema, name string) (*catalog.Relation, bool) {
	r, ok := o.ctx.Catalog.Relation(schema, name)
	if ok && (r.Kind == catalog.Type) == (relation == "pg_type") {
		return r, true
	}
	if o.ctx.System != nil && relation == "pg_class" {
		return o.ctx.System(schema, name)
	}
	return nil, false
}

// path lists the schemas to look in: the one that is named, or those of the search path, before which the system's
// is searched unless it is in it.
func (o objects) path(schema string) []string {
	if schema != "" {
		return []string{schema}
	}
	path := o.ctx.path()
	for _, s := range path {
		if s == systemSchema {
			return path
		}
	}
	return append([]string{systemSchema}, path...)
}

// first is what find finds in the first schema in which it finds something.
func (o objects) first(schema string, find func(schema string) []int64) []int64 {
	for _, s := range o.path(schema) {
		if found := find(s); found != nil {
			return found
		}
	}
	return nil
}

// Definition implements fn.CatalogInfo.
func (o objects) Definition(relation string, oid int64, column int) (sql string, ok bool) {
	switch relation {
	case "pg_class":
		if r, ok := o.relation(uint32(oid)); ok && column == 0 && r.Query != "" {
			return r.Query + ";", true
		}
		return o.index(uint32(oid), column)
	case fn.FunctionTypes:
		return o.argumentTypes(oid)
	case fn.RelationKind:
		return o.kind(uint32(oid))
	case fn.ColumnName:
		if r, ok := o.relation(uint32(oid)); ok && column > 0 && column <= len(r.Columns) {
			return r.Columns[column-1].Name, true
		}
		return "", false
	case fn.ParameterDefault:
		if f, ok := o.ctx.Catalog.FunctionByID(uint32(oid)); ok && column > 0 && column <= len(f.Params) {
			return f.Params[column-1].Default, f.Params[column-1].Default != ""
		}
		return "", false
	case fn.SerialSequence:
		if r, ok := o.relation(uint32(oid)); ok && column > 0 && column <= len(r.Columns) {
			if q, ok := o.ctx.Catalog.SequenceOf(r.ID, r.Columns[column-1].Name); ok {
				return fn.QuoteIdent(q.Schema) + "." + fn.QuoteIdent(q.Name), true
			}
		}
		return "", false
	case "pg_constraint":
		return o.constraint(uint32(oid))
	case "pg_proc", fn.FunctionArguments, fn.FunctionIdentity, fn.FunctionResult:
		return o.function(oid, relation)
	}
	return "", false
}

// Comment implements fn.CatalogInfo.
func (o objects) Comment(relation string, oid int64, column int) (text string, ok bool) {
	switch relation {
	case "pg_class":
		r, ok := o.relation(uint32(oid))
		switch {
		case !ok || r.Kind == catalog.Type || column < 0 || column > len(r.Columns):
		case column > 0:
			text = r.Columns[column-1].Comment
		default:
			text = r.Comment
		}
	case "pg_type":
		if r, ok := o.ctx.Catalog.ByID(uint32(oid)); ok && r.Kind == catalog.Type {
			text = r.Comment
		}
	case "pg_proc":
		if f, ok := o.ctx.Catalog.FunctionByID(uint32(oid)); ok {
			text = f.Comment
		}
	case "pg_namespace":
		name, _ := o.ctx.Catalog.SchemaByID(uint32(oid))
		for _, s := range o.ctx.Catalog.Schemas() {
			if s.Name == name {
				text = s.Comment
			}
		}
	}
	return text, text != ""
}

// collationNames are the collations there are: all of them order by code points.
var collationNames = map[uint32]string{100: "default", 950: "C", 951: "POSIX"}

// kind tells what a number of pg_class is of.
func (o objects) kind(id uint32) (string, bool) {
	if r, ok := o.relation(id); ok {
		switch r.Kind {
		case catalog.View:
			return "materialized view", true
		case catalog.PlainView:
			return "view", true
		case catalog.Stream:
			return "stream", true
		case catalog.Sequence:
			return "sequence", true
		}
		return "table", r.Kind != catalog.Type
	}
	_, ok := o.ctx.Catalog.KeyByID(id)
	return "index", ok
}

// argumentTypes gives the types of a function's arguments.
func (o objects) argumentTypes(oid int64) (string, bool) {
	var names []string
	if f, ok := o.ctx.Catalog.FunctionByID(uint32(oid)); ok {
		for _, p := range f.Params {
			names = append(names, p.Type.Base().String())
		}
		return strings.Join(names, ","), true
	}
	p, ok := fn.ProcByOID(oid)
	for _, a := range p.ArgOIDs {
		if t, known := types.FromOID(uint32(a), -1); known {
			names = append(names, t.String())
		} else if name, pseudo := types.PseudoName(uint32(a)); pseudo {
			names = append(names, name)
		}
	}
	return strings.Join(names, ","), ok
}
