package planner

import (
	"strings"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// fitLiterals gives the literals among xs, in the statements of ksqlDB, the type of what they stand beside: beside text
// every literal is text, and beside integers a string is the number it spells.
func (b *binder) fitLiterals(xs []plan.Expr, es []ast.Expr) {
	if !b.lookupJoins() {
		return
	}
	var ts []types.Type
	for _, x := range xs {
		if _, literal := x.(*plan.Const); !literal {
			ts = append(ts, x.Type())
		}
	}
	to, err := fn.CommonType(ts, "")
	if len(ts) == 0 || err != nil {
		return
	}
	for i, x := range xs {
		c, ok := x.(*plan.Const)
		lit, written := es[i].(*ast.Lit)
		switch {
		case !ok || !written || c.Value.Null:
		case to.IsString() && c.Value.Type != types.Unknown:
			xs[i] = literalText(lit)
		case integer(to) && c.Value.Type == types.Unknown:
			xs[i] = b.spelledNumber(c, to)
		}
	}
}

func literalText(lit *ast.Lit) plan.Expr {
	return &plan.Const{Value: types.Value{Type: types.Text, Str: lit.Text}}
}

func integer(t types.Type) bool {
	return t.Kind == types.KindInt2 || t.Kind == types.KindInt4 || t.Kind == types.KindInt8
}

// spelledNumber gives a string as the number it spells, which may be wider than the integers it stands beside.
func (b *binder) spelledNumber(c *plan.Const, beside types.Type) plan.Expr {
	for _, t := range []types.Type{beside, types.Int8, types.Numeric} {
		if x, err := b.parseLiteral(c.Value.Str, t, 0); err == nil {
			if t == types.Numeric {
				if whole, err := b.evaluate(&plan.Cast{X: x, Typ: types.Int8, Explicit: true}, 0); err == nil {
					back, err := b.operator("=", []plan.Expr{&plan.Const{Value: whole}, x}, []ast.Expr{nil, nil}, 0)
					if v, ok := back.(*plan.Const); err == nil && ok && v.Value.Bool {
						return &plan.Const{Value: whole}
					}
				}
			}
			return x
		}
	}
	return c
}

// bindAs binds e where a value of type want is asked for: the parts of a constructor get the types of want's parts. To
// be stored, a struct may leave out fields, which are then NULL.
func (b *binder) bindAs(sc *scope, e ast.Expr, want types.Type, ctx fn.CastContext) (plan.Expr, error) {
	switch e := e.(type) {
	case *ast.Array:
		if want.Kind == types.KindArray {
			elems, err := b.bindParts(sc, e.Elems, want.Elem(), ctx)
			return b.foldOr(&plan.Array{Elems: elems, Typ: want.Base()}, err)
		}
	case *ast.Map:
		if want.Kind == types.KindMap && len(e.Keys) > 0 {
			keys, err := b.bindParts(sc, e.Keys, want.Key(), ctx)
			if err != nil {
				return nil, err
			}
			vals, err := b.bindParts(sc, e.Vals, want.Elem(), ctx)
			return b.foldOr(&plan.Map{Keys: keys, Vals: vals, Typ: want.Base()}, err)
		}
	case *ast.Struct:
		if want.Kind == types.KindStruct {
			return b.structAs(sc, e, want, ctx)
		}
	}
	return b.bind(sc, e)
}

func (b *binder) foldOr(x plan.Expr, err error) (plan.Expr, error) {
	if err != nil {
		return nil, err
	}
	return b.fold(x), nil
}

// bindParts binds parts of a constructor that are all of one type.
func (b *binder) bindParts(sc *scope, es []ast.Expr, want types.Type, ctx fn.CastContext) ([]plan.Expr, error) {
	out := make([]plan.Expr, len(es))
	for i, e := range es {
		x, err := b.bindAs(sc, e, want, ctx)
		if err != nil {
			return nil, err
		}
		if lit, ok := e.(*ast.Lit); ok && b.lookupJoins() && want.IsString() && lit.Kind != ast.LitNull {
			x = literalText(lit)
		}
		if out[i], err = b.part(x, want, ctx, leftmost(e)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// part converts a part of a constructor to the type that is wanted of it.
func (b *binder) part(x plan.Expr, want types.Type, ctx fn.CastContext, pos int) (plan.Expr, error) {
	if from := x.Type(); from != types.Unknown && !fn.CanCast(from, want, ctx) {
		return nil, sqlerr.At(pos, sqlerr.DatatypeMismatch, "a value of type %s is wanted here, not of type %s",
			want.Base(), from.Base()).WithHint("You will need to rewrite or cast the expression.")
	}
	return b.coerce(x, want, ctx, pos)
}

// structAs binds STRUCT(name := x, …) as a struct of type want. To be stored, it may leave out fields.
func (b *binder) structAs(sc *scope, e *ast.Struct, want types.Type, ctx fn.CastContext) (plan.Expr, error) {
	fields := want.Fields()
	s := &plan.Struct{Typ: want.Base(), Vals: make([]plan.Expr, len(fields))}
	for i, name := range e.Names {
		at := want.FieldIndex(name)
		if at < 0 {
			return b.bind(sc, e) // which says how the types differ
		}
		if s.Vals[at] != nil {
			return nil, sqlerr.At(e.Vals[i].Pos(), sqlerr.DuplicateColumn, "field \"%s\" specified more than once", name)
		}
		x, err := b.bindAs(sc, e.Vals[i], fields[at].Type, ctx)
		if err != nil {
			return nil, err
		}
		if s.Vals[at], err = b.part(x, fields[at].Type, ctx, leftmost(e.Vals[i])); err != nil {
			return nil, err
		}
	}
	for i, v := range s.Vals {
		if v == nil && ctx != fn.Assignment {
			return b.bind(sc, e)
		}
		if v == nil {
			s.Vals[i] = &plan.Const{Value: types.NullOf(fields[i].Type)}
		}
	}
	return b.fold(s), nil
}

// completed gives the beginning of a timestamp that a text such as 2024, 2024-05 or 2024-05-01T12 spells in part, in
// full; other texts stay as they are.
func completed(text string) string {
	date, clock, hasClock := strings.Cut(text, "T")
	switch parts := strings.Split(date, "-"); {
	case !digits(parts...) || len(parts[0]) != 4 || len(parts) > 3:
		return text
	default:
		for ; len(parts) < 3; parts = append(parts, "01") {
		}
		date = strings.Join(parts, "-")
	}
	if !hasClock || clock == "" {
		return date
	}
	end := strings.IndexAny(clock, "+-Z")
	if end < 0 {
		end = len(clock)
	}
	if parts := strings.Split(clock[:end], ":"); digits(parts...) && len(parts) == 1 {
		clock = parts[0] + ":00" + clock[end:]
	}
	return date + " " + clock
}

// digits reports whether every part is digits and nothing else.
func digits(parts ...string) bool {
	for _, p := range parts {
		if p == "" || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	return true
}
