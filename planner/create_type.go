package planner

import (
	"crypto/rand"
	"encoding/hex"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// CreateType gives the catalog's entry for CREATE TYPE: a relation of kind Type, whose one column has the type.
func CreateType(ctx *Context, st *ast.CreateType) (*catalog.Relation, error) {
	name := st.Name.Last()
	if _, system := typeNames[name]; system {
		return nil, sqlerr.New(sqlerr.DuplicateObject, "type \"%s\" already exists", name)
	}
	schema := schemaOfName(ctx, st.Name)
	if r, ok := ctx.Catalog.Relation(schema, name); ok && !(st.IfNotExists && r.Kind == catalog.Type) {
		return nil, sqlerr.New(sqlerr.DuplicateObject, "type \"%s\" already exists", name)
	}
	rel := &catalog.Relation{Schema: schema, Name: name, Kind: catalog.Type, TimeColumn: -1}
	var t types.Type
	var err error
	if st.Type != nil {
		t, err = ctx.resolveType(st.Type)
	} else {
		t, rel.Labels, err = newEnum(st)
	}
	if err != nil {
		return nil, err
	}
	rel.Columns = []catalog.Column{{Name: name, Type: t}}
	return rel, nil
}

// newEnum gives a new enum, which is not any that there was before, and its labels.
func newEnum(st *ast.CreateType) (types.Type, []types.EnumLabel, error) {
	labels := []string{}
	seen := map[string]bool{}
	for _, l := range st.Labels {
		if err := CheckLabel(l); err != nil {
			return types.Unknown, nil, err
		}
		if seen[l.Text] {
			return types.Unknown, nil, sqlerr.New(sqlerr.UniqueViolation,
				"duplicate key value violates unique constraint \"pg_enum_typid_label_index\"").
				WithDetail("The label \"%s\" is there twice.", l.Text)
		}
		seen[l.Text] = true
		labels = append(labels, l.Text)
	}
	var identity [16]byte
	_, _ = rand.Read(identity[:]) // never fails
	return types.EnumOf(hex.EncodeToString(identity[:])), types.FirstLabels(labels), nil
}

// maxLabel is how many bytes a label of an enum may have.
const maxLabel = 63

// CheckLabel refuses what cannot be a label of an enum.
func CheckLabel(l ast.Label) error {
	if len(l.Text) > maxLabel {
		return sqlerr.New(sqlerr.InvalidName, "invalid enum label \"%s\"", l.Text).
			WithDetail("Labels must be %d bytes or less.", maxLabel)
	}
	return nil
}
