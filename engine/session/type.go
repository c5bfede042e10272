package session

import (
	"context"
	"slices"
	"strings"

	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// bindCreateType binds CREATE TYPE.
func (s *Session) bindCreateType(p *Prepared, st *ast.CreateType) error {
	rel, err := planner.CreateType(s.planContext(p), st)
	if err != nil {
		return err
	}
	rel.Statement = p.stmt.Text
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) {
		if err := s.beginDDL(ctx, "CREATE TYPE", st.Pos()); err != nil {
			return nil, err
		}
		if err := s.mayCreateIn(rel.Schema); err != nil {
			return nil, err
		}
		rel.Owner = s.role()
		created, err := s.eng.Create(ctx, rel, st.IfNotExists)
		if err != nil {
			return nil, sqlerr.Locate(err, st.Name.Pos())
		}
		if !created {
			s.warn(sqlerr.DuplicateObject, "type %q already exists, skipping", rel.Name)
		}
		return done("CREATE TYPE"), nil
	}
	return nil
}

// TypeByOID finds an enum, or the type of arrays of it, by its number.
func (s *Session) TypeByOID(oid uint32) (types.Type, bool) { return s.eng.Catalog().TypeByID(oid) }

// typeNamed finds a type of CREATE TYPE.
func (s *Session) typeNamed(n ast.Name) (*catalog.Relation, error) {
	rel, err := s.eng.Catalog().Resolve(s.set.path, n.Parts)
	if err != nil || rel.Kind != catalog.Type {
		return nil, sqlerr.At(n.Pos(), sqlerr.UndefinedObject, "type \"%s\" does not exist", strings.Join(n.Parts, "."))
	}
	return rel, nil
}

// bindAlterEnum binds ALTER TYPE … ADD VALUE and RENAME VALUE.
func (s *Session) bindAlterEnum(p *Prepared, st *ast.AlterEnum) error {
	rel, err := s.typeNamed(st.Name)
	if err != nil {
		return err
	}
	if rel.Columns[0].Type.Kind != types.KindEnum {
		return sqlerr.At(st.Name.Pos(), sqlerr.WrongObjectType, "%s is not an enum", rel.QualifiedName())
	}
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) {
		if err := s.beginDDL(ctx, "ALTER TYPE", st.Pos()); err != nil {
			return nil, err
		}
		if err := s.owns(rel); err != nil {
			return nil, err
		}
		err := s.eng.AlterType(ctx, rel, func(cat *catalog.Snapshot, now *catalog.Relation) (*catalog.Relation, error) {
			if st.To != nil {
				return renamedLabel(cat, now, st)
			}
			return s.withLabel(now, st)
		})
		return done("ALTER TYPE"), err
	}
	return nil
}

// withLabel is an enum with another label; nil when it is there and that is no error.
func (s *Session) withLabel(now *catalog.Relation, st *ast.AlterEnum) (*catalog.Relation, error) {
	if err := planner.CheckLabel(st.Label); err != nil {
		return nil, err
	}
	e := &types.Enum{Labels: now.Labels}
	if e.Find(st.Label.Text) >= 0 {
		if st.IfNotExists {
			s.warn(sqlerr.DuplicateObject, "enum label %q already exists, skipping", st.Label.Text)
			return nil, nil
		}
		return nil, sqlerr.New(sqlerr.DuplicateObject, "enum label \"%s\" already exists", st.Label.Text)
	}
	if err := neverUsed(now, st.Label, ""); err != nil {
		return nil, err
	}
	at := len(now.Labels)
	if st.Near != nil {
		if at = e.Find(st.Near.Text); at < 0 {
			return nil, noLabel(st.Near.Text)
		}
		if !st.Before {
			at++
		}
	}
	r := *now
	var err error
	r.Labels, err = e.Insert(at, st.Label.Text)
	return &r, err
}

func noLabel(label string) error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "\"%s\" is not an existing enum label", label)
}

// neverUsed refuses a name that a label other than of had: records may have it still.
func neverUsed(now *catalog.Relation, name ast.Label, of string) error {
	for _, l := range now.Labels {
		if l.Label != of && slices.Contains(l.Former, name.Text) {
			return sqlerr.At(name.Pos(), sqlerr.FeatureNotSupported,
				"enum label \"%s\" cannot be used again: it was a name of \"%s\"", name.Text, l.Label).
				WithHint("Records in topics may have it still.")
		}
	}
	return nil
}

// renamedLabel is an enum one label of which has another name.
func renamedLabel(cat *catalog.Snapshot, now *catalog.Relation, st *ast.AlterEnum) (*catalog.Relation, error) {
	if err := planner.CheckLabel(*st.To); err != nil {
		return nil, err
	}
	e := &types.Enum{Labels: now.Labels}
	at := e.Find(st.Label.Text)
	switch {
	case at < 0:
		return nil, noLabel(st.Label.Text)
	case e.Find(st.To.Text) >= 0:
		return nil, sqlerr.New(sqlerr.DuplicateObject, "enum label \"%s\" already exists", st.To.Text)
	}
	if err := neverUsed(now, *st.To, st.Label.Text); err != nil {
		return nil, err
	}
	if what := spelling(cat, now, "'"+strings.ReplaceAll(st.Label.Text, "'", "''")+"'"); what != "" {
		return nil, sqlerr.At(st.Label.Pos(), sqlerr.FeatureNotSupported, "cannot rename enum label \"%s\": %s names it",
			st.Label.Text, what).WithHint("DROP it first, and create it again.")
	}
	r := *now
	r.Labels = slices.Clone(now.Labels)
	l := &r.Labels[at]
	if l.Former = slices.Clone(l.Former); !slices.Contains(l.Former, l.Label) {
		l.Former = append(l.Former, l.Label)
	}
	l.Label = st.To.Text
	return &r, nil
}

// spelling finds an object whose kept text has some words in it, and which has to do with the type.
func spelling(cat *catalog.Snapshot, of *catalog.Relation, words string) string {
	has := func(r *catalog.Relation) bool {
		return slices.ContainsFunc(r.Columns, func(c catalog.Column) bool { return c.Is(of) })
	}
	for _, r := range cat.Relations() {
		concerned := has(r) || slices.Contains(r.Uses, of.ID)
		for _, id := range r.Reads {
			if from, ok := cat.ByID(id); ok {
				concerned = concerned || has(from)
			}
		}
		texts := []string{r.Query}
		for _, c := range r.Columns {
			texts = append(texts, c.Default, c.Generated)
		}
		checks := r.Checks
		if r.Domain != nil {
			texts, checks = append(texts, r.Domain.Default), r.Domain.Checks
		}
		for _, c := range checks {
			texts = append(texts, c.Text)
		}
		for _, x := range r.Indexes {
			texts = append(texts, x.Where)
			for _, e := range x.Exprs {
				texts = append(texts, e.Text)
			}
		}
		if concerned && r.ID != of.ID && strings.Contains(strings.Join(texts, "\x00"), words) {
			return strings.ToLower(string(r.Kind)) + " " + r.Name
		}
	}
	for _, f := range cat.AllFunctions() {
		if strings.Contains(f.Body, words) {
			return "function " + f.Name
		}
	}
	return ""
}

func cannotRename(now *catalog.Relation, what string) error {
	return sqlerr.New(sqlerr.FeatureNotSupported, "cannot rename type \"%s\": %s names it", now.Name, what).
		WithHint("DROP it first, and create it again.")
}

// bindRenameType binds ALTER TYPE … RENAME TO.
func (s *Session) bindRenameType(p *Prepared, st *ast.Alter, rel *catalog.Relation) error {
	if rel.Kind != catalog.Type {
		return sqlerr.At(st.Name.Pos(), sqlerr.WrongObjectType, "%s is not a type", rel.QualifiedName())
	}
	to := st.Actions[0].To
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) {
		if err := s.beginDDL(ctx, "ALTER TYPE", st.Pos()); err != nil {
			return nil, err
		}
		if err := s.owns(rel); err != nil {
			return nil, err
		}
		err := s.eng.AlterType(ctx, rel, func(cat *catalog.Snapshot, now *catalog.Relation) (*catalog.Relation, error) {
			if what := spelling(cat, now, now.Name); what != "" {
				return nil, cannotRename(now, what)
			}
			r := *now
			r.Name, r.Columns = to, []catalog.Column{{Name: to, Type: now.Columns[0].Type}}
			return &r, nil
		})
		return done("ALTER TYPE"), err
	}
	return nil
}

// dropUsers drops what has one of some types: columns of tables, functions, and what is made by queries.
func (s *Session) dropUsers(ctx context.Context, doomed []*catalog.Relation) error {
	typed := func(c catalog.Column) bool {
		return slices.ContainsFunc(doomed, func(of *catalog.Relation) bool {
			return c.Is(of)
		})
	}
	var made, altered []*catalog.Relation
	var plans []*planner.AlterPlan
	for _, r := range s.eng.Catalog().Relations() {
		switch {
		case r.Kind == catalog.Type || !slices.ContainsFunc(r.Columns, typed):
		case r.Query != "":
			made = append(made, r)
		default:
			st := &ast.Alter{What: "TABLE", Name: ast.Name{Parts: []string{r.Schema, r.Name}}}
			for _, c := range r.Columns {
				if typed(c) {
					st.Actions = append(st.Actions, &ast.AlterAction{Do: "DROP COLUMN", Column: c.Name, Cascade: true})
				}
			}
			ap, err := planner.Alter(s.planContext(&Prepared{}), r, st)
			if err != nil {
				return err
			}
			altered, plans = append(altered, r), append(plans, ap)
		}
	}
	for _, r := range made {
		s.cascades(strings.ToLower(string(r.Kind)) + " " + r.Name)
	}
	if err := s.eng.Drop(ctx, made, true, false, s.cascades); err != nil {
		return err
	}
	for i, r := range altered {
		for _, c := range r.Columns {
			if typed(c) {
				s.cascades("column " + c.Name + " of table " + r.Name)
			}
		}
		if err := s.eng.Alter(ctx, r, plans[i], s.env()); err != nil {
			return err
		}
		for _, what := range plans[i].Gone {
			s.cascades(what)
		}
	}
	return s.dropFunctionsOf(ctx, doomed)
}

// dropFunctionsOf drops the functions that have one of some types.
func (s *Session) dropFunctionsOf(ctx context.Context, doomed []*catalog.Relation) error {
	var fs []*catalog.Function
	for _, f := range s.eng.Catalog().AllFunctions() {
		mentioned := func(of *catalog.Relation) bool { return of.IsEnum() && f.Mentions(of.Columns[0].Type) }
		if slices.ContainsFunc(doomed, mentioned) {
			s.cascades("function " + f.Signature())
			fs = append(fs, f)
		}
	}
	return s.eng.DropFunctions(ctx, fs, true, s.cascades)
}
