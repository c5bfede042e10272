package planner

import (
	"strconv"
	"strings"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/types"
)

// ExprString prints an expression as SQL. schema gives the columns their names; it may be nil, then those the
// expression remembers are used.
func ExprString(e plan.Expr, schema *plan.Schema) string {
	p := exprPrinter{schema: schema}
	p.print(e, 0)
	return p.b.String()
}

// exprList prints expressions with commas between.
func exprList(es []plan.Expr, schema *plan.Schema) string {
	p := exprPrinter{schema: schema}
	p.list(es)
	return p.b.String()
}

type exprPrinter struct {
	b      strings.Builder
	schema *plan.Schema
}

// Binding strengths: an operand that binds less than its place asks for goes into parentheses.
const (
	bindOr = iota + 1
	bindAnd
	bindNot
	bindIs
	bindCompare
	bindOther
	bindAdd
	bindMul
	bindPower
	bindPrefix
	bindCast
)

// operatorBinding gives the strength of an infix operator.
func operatorBinding(op string) int {
	switch op {
	case "=", "<>", "<", "<=", ">", ">=":
		return bindCompare
	case "+", "-":
		return bindAdd
	case "*", "/", "%":
		return bindMul
	case "^":
		return bindPower
	}
	return bindOther
}

func (p *exprPrinter) list(es []plan.Expr) {
	for i, e := range es {
		if i > 0 {
			p.b.WriteString(", ")
		}
		p.print(e, 0)
	}
}

// print writes e; in parentheses when it binds less than min.
func (p *exprPrinter) print(e plan.Expr, min int) {
	strength := p.strength(e)
	if strength < min {
		p.b.WriteByte('(')
		defer p.b.WriteByte(')')
	}
	switch e := e.(type) {
	case *plan.Col:
		p.column(e)
	case *plan.Const:
		p.b.WriteString(valueString(e.Value))
	case *plan.Param:
		p.b.WriteString("$" + strconv.Itoa(e.N))
	case *plan.Call:
		p.call(e, strength)
	case *plan.Cast:
		if e.Try {
			p.b.WriteString("TRY_CAST(")
			p.print(e.X, 0)
			p.b.WriteString(" AS " + e.Typ.String() + ")")
			return
		}
		p.print(e.X, bindCast)
		p.b.WriteString("::" + e.Typ.String())
	case *plan.And:
		p.infix(e.Args, " AND ", bindAnd)
	case *plan.Or:
		p.infix(e.Args, " OR ", bindOr)
	case *plan.Not:
		p.b.WriteString("NOT ")
		p.print(e.X, bindNot)
	case *plan.IsNull:
		p.is(e.X, e.Not, "NULL")
	case *plan.IsBool:
		p.is(e.X, e.Not, strings.ToUpper(strconv.FormatBool(e.Want)))
	case *plan.In:
		p.in(e)
	default:
		p.constructor(e)
	}
}

// strength is how tightly e holds together.
func (p *exprPrinter) strength(e plan.Expr) int {
	switch e := e.(type) {
	case *plan.And:
		return bindAnd
	case *plan.Or:
		return bindOr
	case *plan.Not:
		return bindNot
	case *plan.IsNull, *plan.IsBool:
		return bindIs
	case *plan.In:
		return bindOther
	case *plan.Call:
		if strings.HasPrefix(e.Fn.Name, "prefix ") {
			return bindPrefix
		}
		if isOperator(e.Fn.Name) && len(e.Args) == 2 {
			return operatorBinding(e.Fn.Name)
		}
	}
	return bindCast + 1
}

func isOperator(name string) bool {
	return name != "" && strings.IndexByte("+-*/<>=~!@#%^&|`?", name[0]) >= 0
}

func (p *exprPrinter) column(e *plan.Col) {
	name := e.Name
	if p.schema != nil && e.Index < len(p.schema.Cols) {
		name = p.schema.Cols[e.Index].Name
	}
	if name == "" {
		name = "#" + strconv.Itoa(e.Index)
	}
	p.b.WriteString(identifier(name))
}

func (p *exprPrinter) call(e *plan.Call, strength int) {
	name := e.Fn.Name
	if op, ok := strings.CutPrefix(name, "prefix "); ok && len(e.Args) == 1 {
		p.b.WriteString(op)
		p.print(e.Args[0], bindPrefix+1)
		return
	}
	switch {
	case name == "subscript" && len(e.Args) == 2:
		p.print(e.Args[0], bindCast)
		p.b.WriteByte('[')
		p.print(e.Args[1], 0)
		p.b.WriteByte(']')
	case strength < bindCast && len(e.Args) == 2:
		p.print(e.Args[0], strength)
		p.b.WriteString(" " + name + " ")
		p.print(e.Args[1], strength+1)
	default:
		p.b.WriteString(name + "(")
		p.list(e.Args)
		p.b.WriteByte(')')
	}
}

func (p *exprPrinter) infix(args []plan.Expr, op string, strength int) {
	for i, a := range args {
		if i > 0 {
			p.b.WriteString(op)
		}
		p.print(a, strength+1)
	}
}

func (p *exprPrinter) is(x plan.Expr, not bool, what string) {
	p.print(x, bindIs+1)
	p.b.WriteString(" IS ")
	if not {
		p.b.WriteString("NOT ")
	}
	p.b.WriteString(what)
}

func (p *exprPrinter) in(e *plan.In) {
	p.print(e.X, bindOther+1)
	if e.Not {
		p.b.WriteString(" NOT")
	}
	p.b.WriteString(" IN (")
	for i, v := range e.List {
		if i > 0 {
			p.b.WriteString(", ")
		}
		p.b.WriteString(valueString(v))
	}
	p.b.WriteByte(')')
}

// constructor prints the expressions that have words or brackets of their own.
func (p *exprPrinter) constructor(e plan.Expr) {
	switch e := e.(type) {
	case *plan.Case:
		p.b.WriteString("CASE")
		for _, w := range e.When {
			p.b.WriteString(" WHEN ")
			p.print(w.Cond, 0)
			p.b.WriteString(" THEN ")
			p.print(w.Then, 0)
		}
		p.b.WriteString(" ELSE ")
		p.print(e.Else, 0)
		p.b.WriteString(" END")
	case *plan.Coalesce:
		p.b.WriteString("coalesce(")
		p.list(e.Args)
		p.b.WriteByte(')')
	case *plan.Array:
		p.b.WriteString("ARRAY[")
		p.list(e.Elems)
		p.b.WriteByte(']')
	case *plan.Map:
		p.b.WriteString("MAP(")
		for i := range e.Keys {
			if i > 0 {
				p.b.WriteString(", ")
			}
			p.print(e.Keys[i], 0)
			p.b.WriteString(" := ")
			p.print(e.Vals[i], 0)
		}
		p.b.WriteByte(')')
	case *plan.Struct:
		p.b.WriteString("STRUCT(")
		for i, x := range e.Vals {
			if i > 0 {
				p.b.WriteString(", ")
			}
			if fs := e.Typ.Fields(); i < len(fs) {
				p.b.WriteString(identifier(fs[i].Name) + " := ")
			}
			p.print(x, 0)
		}
		p.b.WriteByte(')')
	case *plan.Field:
		p.print(e.X, bindCast)
		name := "?"
		if fs := e.X.Type().Fields(); e.Index < len(fs) {
			name = identifier(fs[e.Index].Name)
		}
		p.b.WriteString("->" + name)
	case *plan.Lambda:
		p.b.WriteString("(" + strings.Join(e.Names, ", ") + ") => ")
		p.print(e.Body, 0)
	case *plan.Var:
		p.b.WriteString(identifier(e.Name))
	case *plan.Outer:
		p.b.WriteString("outer." + identifier(e.Name))
	case *plan.Subquery:
		p.b.WriteString("(query)")
	}
}

// valueString prints a constant as SQL.
func valueString(v types.Value) string {
	if v.Null {
		return "NULL"
	}
	switch v.Type.Kind {
	case types.KindBool:
		return strconv.FormatBool(v.Bool)
	case types.KindInt2, types.KindInt4, types.KindInt8:
		return strconv.FormatInt(v.Int, 10)
	}
	text := string(types.AppendText(nil, v, types.Env{}))
	if v.Type.Kind == types.KindNumeric {
		return text
	}
	text = "'" + strings.ReplaceAll(text, "'", "''") + "'"
	if v.Type.Kind == types.KindText || v.Type.Kind == types.KindUnknown {
		return text
	}
	return text + "::" + v.Type.String()
}

// identifiers prints a qualified name.
func identifiers(name string) string {
	parts := strings.Split(name, ".")
	for i, p := range parts {
		parts[i] = identifier(p)
	}
	return strings.Join(parts, ".")
}

// identifier prints a name, in quotes where it needs them.
func identifier(name string) string {
	plain := name != ""
	for i := 0; i < len(name); i++ {
		c := name[i]
		plain = plain && (c == '_' || c >= 'a' && c <= 'z' || i > 0 && c >= '0' && c <= '9')
	}
	if plain || strings.HasPrefix(name, "#") {
		return name
	}
	return "\"" + strings.ReplaceAll(name, "\"", "\"\"") + "\""
}
