package planner

import (
	"slices"
	"strings"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
)

// Replacement says what CREATE OR REPLACE does with the relation that is there.
type Replacement struct {
	// Same is set when it is what it would become.
	Same bool
	// Alter adds the columns that a relation without a query lacks; nil where the query is replaced.
	Alter *AlterPlan
}

// Replace plans how rel, made of st, takes the place of old.
func Replace(ctx *Context, old, rel *catalog.Relation, st *ast.Create) (*Replacement, error) {
	at := st.Name.Pos()
	refused := func(what string) error {
		return refuse(at, "CREATE OR REPLACE of %s", what).WithHint("DROP it, and create it again.")
	}
	if st.As != nil && !st.NoData {
		return replaceQuery(ctx, old, rel, st, refused)
	}
	if len(rel.Columns) < len(old.Columns) || !sameStorage(old, rel) {
		return nil, refused("a relation by one with other properties")
	}
	var defs []*ast.AlterAction
	for i, c := range rel.Columns {
		if i < len(old.Columns) {
			if !sameColumn(old.Columns[i], c) || old.IsKey(i) != rel.IsKey(i) {
				return nil, refused("a relation by one with another column \"" + c.Name + "\"")
			}
			continue
		}
		k := slices.IndexFunc(st.Columns, func(d ast.ColumnDef) bool { return d.Name == c.Name })
		if k < 0 {
			return nil, refused("a relation by one LIKE another")
		}
		defs = append(defs, &ast.AlterAction{P: st.Columns[k].P, Do: "ADD COLUMN", Def: &st.Columns[k], New: &ast.Create{}})
	}
	checks := func(a, b catalog.Check) bool { return a.Text == b.Text }
	uniques := func(a, b catalog.Unique) bool { return slices.Equal(a.Columns, b.Columns) }
	if !slices.EqualFunc(old.Checks, rel.Checks, checks) || !slices.EqualFunc(old.Uniques, rel.Uniques, uniques) {
		return nil, refused("a relation by one with other constraints")
	}
	if len(defs) == 0 {
		return &Replacement{Same: true}, nil
	}
	p, err := Alter(ctx, old, &ast.Alter{P: st.P, What: st.What, Name: st.Name, Actions: defs})
	return &Replacement{Alter: p}, err
}

// replaceQuery plans the replacement of a query. What others read has its columns still, and further ones at most at
// the end; so has a stream, whose records stay.
func replaceQuery(ctx *Context, old, rel *catalog.Relation, st *ast.Create,
	refused func(string) error) (*Replacement, error) {
	if oneSpace(old.Query) == oneSpace(rel.Query) && len(old.Columns) == len(rel.Columns) && sameStorage(old, rel) &&
		!old.Terminated {
		return &Replacement{Same: true}, nil
	}
	kind := strings.ToLower(string(old.Kind))
	switch {
	case rel.Kind == catalog.Stream && old.Terminated:
		return nil, refused("a stream whose query was terminated")
	case rel.Kind == catalog.Stream && !sameStorage(old, rel),
		rel.Topic != "" && rel.Topic != old.Topic, rel.Partitions != 0 && rel.Partitions != old.Partitions:
		return nil, refused("a " + kind + " by one with other properties")
	}
	if rel.Kind != catalog.Stream && len(ctx.Catalog.Dependants(old.ID)) == 0 {
		return &Replacement{}, nil
	}
	return &Replacement{}, sameLeading(old, rel, st.Name.Pos())
}

func oneSpace(s string) string { return strings.Join(strings.Fields(s), " ") }

// sameColumn reports whether two columns hold the same.
func sameColumn(a, b catalog.Column) bool {
	return a.Name == b.Name && a.Type == b.Type && a.NotNull == b.NotNull && a.Default == b.Default &&
		a.Identity == b.Identity && a.Headers == b.Headers && a.Header == b.Header
}

// sameStorage reports whether rel, which is not made yet, keeps its rows as old does. What rel does not say is as it
// was.
func sameStorage(old, rel *catalog.Relation) bool {
	return (rel.Topic == "" || rel.Topic == old.Topic) && (rel.Partitions == 0 || rel.Partitions == old.Partitions) &&
		(rel.Placement == "" || (rel.Placement == catalog.Spread) == (old.Placement == catalog.Spread)) &&
		rel.KeyFormat == old.KeyFormat && rel.ValueFormat == old.ValueFormat && rel.Delimiter == old.Delimiter &&
		rel.KeyDelimiter == old.KeyDelimiter && rel.Unwrapped == old.Unwrapped && rel.TimeColumn == old.TimeColumn &&
		rel.TimeFormat == old.TimeFormat && rel.Windowed == old.Windowed && rel.WindowKind == old.WindowKind &&
		rel.WindowSizeMs == old.WindowSizeMs && rel.RetentionMs == old.RetentionMs &&
		rel.RetentionBytes == old.RetentionBytes && rel.KeepMs == old.KeepMs && (rel.KeyName == "") == (old.KeyName == "") &&
		slices.Equal(rel.Key, old.Key)
}
