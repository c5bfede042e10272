package planner

import (
	"fmt"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// CreateSequence gives the sequence that CREATE SEQUENCE makes.
func CreateSequence(ctx *Context, st *ast.CreateSequence) (*catalog.Relation, error) {
	schema := schemaOfName(ctx, st.Name)
	if st.Temp {
		schema = ctx.Temp
	}
	n, _, err := ctx.numbers(nil, &st.Options)
	if err != nil {
		return nil, err
	}
	q := catalog.NewSequence(schema, st.Name.Last(), n)
	return q, ctx.ownedBy(q, &st.Options)
}

// AlterSequence gives a sequence with other options. It goes on with restart unless that is nil.
func AlterSequence(ctx *Context, q *catalog.Relation, o *ast.SequenceOptions) (now *catalog.Relation, restart *int64,
	err error) {
	n, restart, err := ctx.numbers(q.Numbers, o)
	if err != nil {
		return nil, nil, err
	}
	r := *q
	r.Numbers = &n
	if n.Identity && (o.Owner != nil || o.NoOwner) {
		owner, _ := ctx.Catalog.ByID(n.Table)
		return nil, nil, sqlerr.New(sqlerr.FeatureNotSupported, "cannot change ownership of identity sequence").
			WithDetail("Sequence \"%s\" is linked to table \"%s\".", q.Name, owner.Name)
	}
	return &r, restart, ctx.ownedBy(&r, o)
}

// ownedBy applies OWNED BY.
func (ctx *Context) ownedBy(q *catalog.Relation, o *ast.SequenceOptions) error {
	if o.NoOwner {
		q.Numbers.Table, q.Numbers.Column = 0, ""
	}
	if o.Owner == nil {
		return nil
	}
	parts := o.Owner.Parts
	if len(parts) < 2 {
		return sqlerr.New(sqlerr.SyntaxError, "invalid OWNED BY option").
			WithHint("Specify OWNED BY table.column or OWNED BY NONE.")
	}
	rel, err := ctx.Catalog.Resolve(ctx.path(), parts[:len(parts)-1])
	if err != nil {
		e := *sqlerr.From(err)
		e.Hint = ""
		return &e
	}
	column := o.Owner.Last()
	switch {
	case rel.Kind != catalog.Table:
		return sqlerr.New(sqlerr.WrongObjectType, "sequence cannot be owned by relation \"%s\"", rel.Name)
	case rel.Schema != q.Schema:
		return sqlerr.New(sqlerr.ObjectNotInPrerequisite, "sequence must be in same schema as table it is linked to")
	case q.ID != 0 && q.OwnedBy() != rel.OwnedBy():
		return sqlerr.New(sqlerr.ObjectNotInPrerequisite, "sequence must have same owner as table it is linked to")
	case rel.ColumnIndex(column) < 0:
		return sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" of relation \"%s\" does not exist", column, rel.Name)
	}
	q.Numbers.Table, q.Numbers.Column = rel.ID, column
	return nil
}

// numbers applies the options of a sequence, which for a new one are over nothing. It follows PostgreSQL's init_params.
func (ctx *Context) numbers(had *catalog.Numbers, o *ast.SequenceOptions) (n catalog.Numbers, restart *int64,
	err error) {
	fail := func(format string, args ...any) (catalog.Numbers, *int64, error) {
		return n, nil, sqlerr.New(sqlerr.InvalidParameterValue, format, args...)
	}
	n = catalog.Numbers{Type: types.Int8, Step: 1, Cache: 1}
	if had != nil {
		n = *had
	}
	newMin, newMax := had == nil || o.NoMin, had == nil || o.NoMax
	if o.Type != nil {
		t, err := ctx.resolveType(o.Type)
		if err != nil {
			return n, nil, err
		}
		if !wholeNumber(t) {
			return fail("sequence type must be smallint, integer, or bigint")
		}
		lowest, highest := catalog.Range(n.Type)
		newMax = newMax || n.Max == highest
		newMin = newMin || n.Min == lowest
		n.Type = t
	}
	if o.Step != nil {
		n.Step = *o.Step
	}
	if n.Step == 0 {
		return fail("INCREMENT must not be zero")
	}
	if o.Cycle != nil {
		n.Cycle = *o.Cycle
	}
	lowest, highest := catalog.Range(n.Type)
	switch {
	case o.Max != nil:
		n.Max = *o.Max
	case newMax && n.Step > 0:
		n.Max = highest
	case newMax:
		n.Max = -1
	}
	if n.Max < lowest || n.Max > highest {
		return fail("MAXVALUE (%d) is out of range for sequence data type %s", n.Max, n.Type)
	}
	switch {
	case o.Min != nil:
		n.Min = *o.Min
	case newMin && n.Step > 0:
		n.Min = 1
	case newMin:
		n.Min = lowest
	}
	if n.Min < lowest || n.Min > highest {
		return fail("MINVALUE (%d) is out of range for sequence data type %s", n.Min, n.Type)
	}
	if n.Min >= n.Max {
		return fail("MINVALUE (%d) must be less than MAXVALUE (%d)", n.Min, n.Max)
	}
	restart, err = start(&n, had == nil, o)
	return n, restart, err
}

// start applies START, RESTART and CACHE, when the limits are known.
func start(n *catalog.Numbers, fresh bool, o *ast.SequenceOptions) (restart *int64, err error) {
	within := func(what string, at int64) error {
		switch {
		case at < n.Min:
			return sqlerr.New(sqlerr.InvalidParameterValue, "%s value (%d) cannot be less than MINVALUE (%d)", what, at, n.Min)
		case at > n.Max:
			return sqlerr.New(sqlerr.InvalidParameterValue, "%s value (%d) cannot be greater than MAXVALUE (%d)", what, at,
				n.Max)
		}
		return nil
	}
	switch {
	case o.Start != nil:
		n.Start = *o.Start
	case fresh && n.Step > 0:
		n.Start = n.Min
	case fresh:
		n.Start = n.Max
	}
	if err := within("START", n.Start); err != nil {
		return nil, err
	}
	if o.Restart {
		at := n.Start
		if o.RestartWith != nil {
			at = *o.RestartWith
		}
		if err := within("RESTART", at); err != nil {
			return nil, err
		}
		restart = &at
	}
	if o.Cache != nil {
		if n.Cache = *o.Cache; n.Cache <= 0 {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "CACHE (%d) must be greater than zero", n.Cache)
		}
	}
	return restart, nil
}

// numbered gives a column of rel a sequence of its own.
func (ctx *Context) numbered(rel *catalog.Relation, c *ast.ColumnDef, col *catalog.Column, n catalog.Numbers) error {
	if rel.Kind != catalog.Table {
		return refuse(c.Pos(), "a column of a stream that is numbered")
	}
	col.Name = c.Name
	ctx.own(rel, col, n)
	return nil
}

// own adds a sequence to those that are to be made with rel, for a column.
func (ctx *Context) own(rel *catalog.Relation, col *catalog.Column, n catalog.Numbers) {
	n.Column, n.Identity, n.Table = col.Name, col.Identity != "", 0
	q := catalog.NewSequence(rel.Schema, ctx.freeRelation(rel, objectName(rel.Name, col.Name, "seq")), n)
	col.Default = catalog.Draw(q.Schema, q.Name)
	rel.Own = append(rel.Own, q)
}

// identity gives an identity column its sequence.
func (ctx *Context) identity(rel *catalog.Relation, c *ast.ColumnDef, col *catalog.Column, t types.Type) error {
	o := ast.SequenceOptions{P: c.P}
	if c.Numbers != nil {
		o = *c.Numbers
	}
	if o.Type != nil || o.Owner != nil || o.NoOwner || o.Restart {
		return sqlerr.At(o.Pos(), sqlerr.SyntaxError, "invalid sequence option of an identity column")
	}
	n, _, err := ctx.numbers(&catalog.Numbers{Type: t.Base(), Step: 1, Cache: 1}, identityDefaults(&o, t))
	if err != nil {
		return err
	}
	return ctx.numbered(rel, c, col, n)
}

// identityDefaults completes the options of a new identity column, whose type is that of the column.
func identityDefaults(o *ast.SequenceOptions, t types.Type) *ast.SequenceOptions {
	out := *o
	out.NoMin, out.NoMax = o.Min == nil, o.Max == nil
	if o.Start == nil {
		up := o.Step == nil || *o.Step > 0
		lowest, first := int64(1), o.Min
		if !up {
			lowest, first = -1, o.Max
		}
		if first == nil {
			first = &lowest
		}
		out.Start = first
	}
	return &out
}

// objectName makes the name of what belongs to a column, as PostgreSQL does: of both names, cut to fit.
func objectName(table, column, label string) string {
	const longest = 63
	for len(table)+len(column)+len(label)+2 > longest {
		if len(table) > len(column) {
			table = table[:len(table)-1]
		} else {
			column = column[:len(column)-1]
		}
	}
	return table + "_" + column + "_" + label
}

// freeRelation makes a name one that no relation in the schema of rel has, nor what is to be made with it.
func (ctx *Context) freeRelation(rel *catalog.Relation, name string) string {
	taken := func(name string) bool {
		if _, ok := ctx.Catalog.Relation(rel.Schema, name); ok {
			return true
		}
		for _, q := range rel.Own {
			if q.Name == name {
				return true
			}
		}
		return false
	}
	free := name
	for i := 1; taken(free); i++ {
		free = fmt.Sprintf("%s%d", name, i)
	}
	return free
}
