package planner

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// nested binds what makes arrays, maps and structs and what takes them apart.
func (b *binder) nested(sc *scope, e ast.Expr) (plan.Expr, error) {
	switch e := e.(type) {
	case *ast.Array:
		return b.array(sc, e)
	case *ast.Map:
		return b.mapExpr(sc, e)
	case *ast.Struct:
		return b.structExpr(sc, e.Names, e.Vals)
	case *ast.Row:
		return b.row(sc, e)
	case *ast.Index:
		return b.index(sc, e)
	case *ast.Field:
		return b.field(sc, e)
	case *ast.Slice:
		return b.slice(sc, e)
	}
	return nil, b.refuseExpr(e)
}

// array binds ARRAY[…].
func (b *binder) array(sc *scope, e *ast.Array) (plan.Expr, error) {
	xs, _, err := b.bindAll(sc, e.Elems)
	if err != nil {
		return nil, err
	}
	if len(xs) == 0 {
		return nil, sqlerr.At(e.Pos(), sqlerr.IndeterminateDatatype, "cannot determine type of empty array").
			WithHint("Explicitly cast to the desired type, for example ARRAY[]::integer[].")
	}
	if err := b.someKnown("an array", xs, e.Pos()); err != nil {
		return nil, err
	}
	b.fitLiterals(xs, e.Elems)
	t, err := b.common(xs, e.Elems, "ARRAY", e.Pos())
	if err != nil {
		return nil, err
	}
	return b.fold(&plan.Array{Elems: xs, Typ: types.ArrayOf(t.Base())}), nil
}

// mapExpr binds MAP(k := v).
func (b *binder) mapExpr(sc *scope, e *ast.Map) (plan.Expr, error) {
	if len(e.Keys) == 0 {
		return nil, sqlerr.At(e.Pos(), sqlerr.IndeterminateDatatype, "cannot determine type of empty map").
			WithHint("Explicitly cast NULL to the desired type, for example NULL::map<text, integer>.")
	}
	keys, _, err := b.bindAll(sc, e.Keys)
	if err != nil {
		return nil, err
	}
	vals, _, err := b.bindAll(sc, e.Vals)
	if err != nil {
		return nil, err
	}
	if err := b.someKnown("a map", vals, e.Pos()); err != nil {
		return nil, err
	}
	b.fitLiterals(keys, e.Keys)
	b.fitLiterals(vals, e.Vals)
	kt, err := b.common(keys, e.Keys, "MAP", e.Pos())
	if err != nil {
		return nil, err
	}
	vt, err := b.common(vals, e.Vals, "MAP", e.Pos())
	if err != nil {
		return nil, err
	}
	return b.fold(&plan.Map{Keys: keys, Vals: vals, Typ: types.MapOf(kt.Base(), vt.Base())}), nil
}

// structExpr binds STRUCT(name := v) and ROW(v).
func (b *binder) structExpr(sc *scope, names []string, es []ast.Expr) (plan.Expr, error) {
	vals := make([]plan.Expr, len(es))
	fields := make([]types.Field, len(es))
	for i, e := range es {
		x, err := b.known(sc, e)
		if err != nil {
			return nil, err
		}
		for _, f := range fields[:i] {
			if f.Name == names[i] {
				return nil, sqlerr.At(e.Pos(), sqlerr.DuplicateColumn, "field \"%s\" specified more than once", names[i])
			}
		}
		vals[i] = x
		fields[i] = types.Field{Name: names[i], Type: x.Type().Base()}
	}
	return b.fold(&plan.Struct{Vals: vals, Typ: types.StructOf(fields...)}), nil
}

// row binds ROW(…), in which t.* stands for the columns of t.
func (b *binder) row(sc *scope, e *ast.Row) (plan.Expr, error) {
	var elems []ast.Expr
	for _, x := range e.Elems {
		star, ok := x.(*ast.Star)
		if !ok {
			elems = append(elems, x)
			continue
		}
		cols, err := sc.star(star)
		if err != nil {
			return nil, err
		}
		for _, c := range cols {
			elems = append(elems, &ast.ColRef{P: star.P, Name: []string{c.table, c.name}})
		}
	}
	names := make([]string, len(elems))
	for i := range names {
		names[i] = ordinalName("f", i+1)
	}
	return b.structExpr(sc, names, elems)
}

// index binds x[i]: the element of an array, the value of a map, or PostgreSQL 14's subscript of jsonb.
func (b *binder) index(sc *scope, e *ast.Index) (plan.Expr, error) {
	x, err := b.known(sc, e.X)
	if err != nil {
		return nil, err
	}
	i, err := b.bind(sc, e.I)
	if err != nil {
		return nil, err
	}
	switch t := x.Type(); t.Kind {
	case types.KindArray:
		if !fn.CanCast(i.Type(), types.Int4, fn.Assignment) {
			return nil, sqlerr.At(leftmost(e.I), sqlerr.DatatypeMismatch, "array subscript must have type integer")
		}
		if i, err = b.coerce(i, types.Int4, fn.Assignment, leftmost(e.I)); err != nil {
			return nil, err
		}
		if i, err = b.ksqlSubscript(x, i, e.Pos()); err != nil {
			return nil, err
		}
	case types.KindMap:
		if i, err = b.coerce(i, t.Key(), fn.Implicit, leftmost(e.I)); err != nil {
			return nil, err
		}
	default:
		return nil, sqlerr.At(leftmost(e.X), sqlerr.DatatypeMismatch,
			"cannot subscript type %s because it does not support subscripting", t.Base())
	}
	return b.scalar("subscript", []plan.Expr{x, i}, []ast.Expr{e.X, e.I}, e.Pos())
}

// field binds x->name and (x).name.
func (b *binder) field(sc *scope, e *ast.Field) (plan.Expr, error) {
	x, err := b.known(sc, e.X)
	if err != nil {
		return nil, err
	}
	t := x.Type()
	switch {
	case e.Name == "*":
		return nil, sqlerr.At(e.Pos(), sqlerr.SyntaxError, "row expansion via \"*\" is not supported here")
	case t.Kind != types.KindStruct && !e.Dot && (t.Kind == types.KindJSON || t.Kind == types.KindJSONB):
		key, err := b.column(sc, &ast.ColRef{P: e.P, Name: []string{e.Name}})
		if err != nil {
			return nil, sqlerr.From(sqlerr.Locate(err, e.Pos())).WithHint("Write the key as a string: -> '%s'.", e.Name)
		}
		return b.operator("->", []plan.Expr{x, key}, nil, e.Pos())
	case t.Kind != types.KindStruct && e.Dot:
		return nil, sqlerr.At(leftmost(e.X), sqlerr.WrongObjectType,
			"column notation .%s applied to type %s, which is not a composite type", e.Name, t.Base())
	case t.Kind != types.KindStruct:
		return nil, sqlerr.At(e.Pos(), sqlerr.WrongObjectType,
			"field notation ->%s applied to type %s, which is not a struct", e.Name, t.Base())
	}
	i := t.FieldIndex(e.Name)
	if i < 0 {
		err := sqlerr.At(e.Pos(), sqlerr.UndefinedColumn, "field \"%s\" not found in type %s", e.Name, t)
		var names []string
		for _, f := range t.Fields() {
			names = append(names, f.Name)
		}
		if near, ok := catalog.Nearest(e.Name, names); ok {
			err = err.WithHint("Perhaps you meant to reference the field \"%s\".", near)
		}
		return nil, err
	}
	return b.fold(&plan.Field{X: x, Index: i, Typ: t.Fields()[i].Type}), nil
}
