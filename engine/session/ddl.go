package session

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// bindCreate binds CREATE STREAM, TABLE and MATERIALIZED VIEW, with columns or AS a query.
func (s *Session) bindCreate(p *Prepared, st *ast.Create) error {
	if infers(st) {
		return s.bindInferred(p, st)
	}
	rel, err := s.relation(p, st)
	if err != nil {
		// IF NOT EXISTS of something that is there has nothing to bind.
		if _, ok := s.eng.Catalog().Relation(schemaName(st.Name), st.Name.Last()); !ok || !st.IfNotExists {
			return err
		}
		rel = &catalog.Relation{Schema: schemaName(st.Name), Name: st.Name.Last()}
	}
	rel.Statement = p.stmt.Text
	if err := s.lasting(st, rel); err != nil {
		return err
	}
	if rel.Kind == catalog.PlainView {
		s.needs = nil // whoever reads it asks its owner's privileges then
	}
	if old, exists := s.eng.Catalog().Relation(rel.Schema, rel.Name); exists && st.OrReplace && rel.Stored() {
		return s.bindReplace(p, st, old, rel)
	}
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) { return s.create(ctx, st, rel) }
	return nil
}

func (s *Session) relation(p *Prepared, st *ast.Create) (*catalog.Relation, error) {
	var rel *catalog.Relation
	var err error
	switch {
	case st.As == nil:
		rel, err = planner.Create(s.planContext(p), st)
	case st.NoData, copies(st):
		rel, err = planner.CreateEmpty(s.planContext(p), st)
	default:
		_, rel, err = planner.CreateAs(s.planContext(p), st)
	}
	if err == nil {
		rel.OnError, err = planner.OnError(s.planContext(p), rel, st.OnError)
	}
	return rel, err
}

// bindReplace binds CREATE OR REPLACE of a relation with rows that is there.
func (s *Session) bindReplace(p *Prepared, st *ast.Create, old, rel *catalog.Relation) error {
	policy := rel.OnError
	if st.OnError == nil {
		policy = old.OnError // as of all that it does not say
	}
	rp, err := planner.Replace(s.planContext(p), old, rel, st)
	if err != nil {
		return err
	}
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) {
		if err := s.beginDDL(ctx, "CREATE "+st.What, st.Pos()); err != nil {
			return nil, err
		}
		if err := s.owns(old); err != nil {
			return nil, err
		}
		old, err := s.setOnError(ctx, old, policy, st.OnError)
		if err != nil {
			return nil, sqlerr.Locate(err, st.Name.Pos())
		}
		rel.OnError = old.OnError
		switch {
		case rp.Same:
			s.warn(sqlerr.SuccessfulCompletion, "relation %q is the same already", rel.Name)
		case rp.Alter != nil:
			rp.Alter.Rel.Statement, rp.Alter.Rel.OnError = rel.Statement, rel.OnError
			err = s.eng.Alter(ctx, old, rp.Alter, s.env())
		default:
			s.keepSettings(rel)
			err = s.eng.ReplaceQuery(ctx, old, rel)
		}
		if err != nil {
			return nil, sqlerr.Locate(err, st.Name.Pos())
		}
		return done("CREATE " + st.What), nil
	}
	return nil
}

// keepSettings gives a relation that a query makes the settings of the session that are kept with it, beside those that
// its properties are.
func (s *Session) keepSettings(rel *catalog.Relation) {
	own := rel.Settings
	rel.Settings = s.keptSettings()
	if catalog.Temporary(rel.Schema) {
		rel.Settings["search_path"] = rel.Schema + ", " + rel.Settings["search_path"]
	}
	maps.Copy(rel.Settings, own)
	if rel.Kind == catalog.View {
		delete(rel.Settings, resetSetting)
	}
}

func schemaName(n ast.Name) string {
	if len(n.Parts) > 1 {
		return n.Parts[len(n.Parts)-2]
	}
	return "public"
}

func (s *Session) create(ctx context.Context, st *ast.Create, rel *catalog.Relation) (Result, error) {
	begin := s.beginDDL
	if st.Temp {
		begin = s.beginChange
	}
	if err := begin(ctx, "CREATE "+st.What, st.Pos()); err != nil {
		return nil, err
	}
	if st.Temp {
		if err := s.temp.make(ctx, s, st); err != nil {
			return nil, err
		}
	} else if err := s.mayCreateIn(rel.Schema); err != nil {
		return nil, err
	}
	rel.Owner = s.role()
	old, exists := s.eng.Catalog().Relation(rel.Schema, rel.Name)
	if !exists {
		if err := s.mayTakeTopic(rel); err != nil {
			return nil, err
		}
	}
	if rel.Query != "" {
		s.keepSettings(rel)
	}
	if exists && st.OrReplace {
		if err := s.owns(old); err != nil {
			return nil, err
		}
	}
	if exists && st.OrReplace && rel.Kind == catalog.PlainView {
		return done("CREATE VIEW"), sqlerr.Locate(s.eng.ReplaceView(ctx, old, rel), st.Name.Pos())
	}
	var made *catalog.Relation
	if !exists {
		var err error
		if made, err = s.makeLetters(ctx, &rel.OnError, st.OnError); err != nil {
			return nil, err
		}
	}
	tag := "CREATE " + st.What
	if st.NoData {
		tag = "CREATE TABLE AS"
	}
	created, err := s.eng.Create(ctx, rel, st.IfNotExists)
	if err != nil {
		if made != nil {
			err = errors.Join(err, s.eng.Drop(ctx, []*catalog.Relation{made}, false, false, nil))
		}
		return nil, sqlerr.Locate(err, st.Name.Pos())
	}
	if !created {
		s.warn(sqlerr.DuplicateTable, "relation %q already exists, skipping", rel.Name)
		return done(tag), nil
	}
	if st.Temp {
		s.temp.made(s, rel, st.OnCommit)
	}
	if copies(st) && !st.NoData {
		return s.copyQuery(ctx, rel, st)
	}
	return done(tag), nil
}

// beginDDL is what every change of the catalog begins with.
func (s *Session) beginDDL(ctx context.Context, verb string, pos int) error {
	if err := s.beginChange(ctx, verb, pos); err != nil {
		return err
	}
	s.noteDDL()
	return nil
}

// beginChange is beginDDL of what ROLLBACK takes back.
func (s *Session) beginChange(ctx context.Context, verb string, pos int) error {
	if err := s.checkWritable(verb, pos); err != nil {
		return err
	}
	return s.flushImplicit(ctx)
}

// drop runs DROP.
func (s *Session) drop(ctx context.Context, st *ast.Drop) (Result, error) {
	kind, ok := kinds[st.What]
	switch {
	case st.What == "SCHEMA":
		return s.dropSchemas(ctx, st)
	case st.What == "INDEX":
		return s.dropIndexes(ctx, st)
	case st.What == "USER", st.What == "ROLE":
		return s.dropRoles(ctx, st)
	case absent[st.What] != "":
		return s.dropAbsent(st)
	case !ok:
		return nil, sqlerr.At(st.Pos(), sqlerr.FeatureNotSupported, "DROP %s is not supported yet", st.What)
	}
	if err := s.checkWritable("DROP "+st.What, st.Pos()); err != nil {
		return nil, err
	}
	if err := s.flushImplicit(ctx); err != nil {
		return nil, err
	}
	var rels []*catalog.Relation
	for _, n := range st.Names {
		r, err := s.eng.Catalog().Resolve(s.set.path, n.Parts)
		if err != nil {
			e, what := *sqlerr.From(err), strings.ToLower(st.What)
			if kind == catalog.Type {
				e.Code, what = sqlerr.UndefinedObject, "type" // also of a domain
			}
			if !st.IfExists {
				e.Message = strings.Replace(e.Message, "relation", what, 1)
				return nil, sqlerr.Locate(&e, n.Pos())
			}
			s.warn(e.Code, "%s %q does not exist, skipping", what, n.Last())
			continue
		}
		if st.What == "DOMAIN" && r.Kind == kind && r.Domain == nil {
			return nil, notA(r, n, st.What)
		}
		if r.Kind != kind {
			return nil, notA(r, n, st.What).WithHint("Use DROP %s to remove a %s.", r.Kind, strings.ToLower(string(r.Kind)))
		}
		rels = append(rels, r)
	}
	if err := s.ownsAll(rels); err != nil {
		return nil, err
	}
	if st.DeleteTopic {
		if err := s.mayDeleteTopics(rels); err != nil {
			return nil, err
		}
	}
	s.noteDDL()
	if kind == catalog.Type && st.Cascade {
		if err := s.dropUsers(ctx, rels); err != nil {
			return nil, sqlerr.Locate(err, st.Pos())
		}
	}
	err := s.eng.Drop(ctx, rels, st.Cascade, st.DeleteTopic, s.cascades)
	gone := func(r *catalog.Relation) bool {
		_, there := s.eng.Catalog().ByID(r.ID)
		return !there
	}
	if err != nil && st.IfExists && sqlerr.From(err).Code == sqlerr.UndefinedTable && slices.ContainsFunc(rels, gone) {
		return s.drop(ctx, st) // another session was faster
	}
	return done("DROP " + st.What), err
}

// cascades tells the client of what goes with a relation.
func (s *Session) cascades(what string) {
	s.warn(sqlerr.SuccessfulCompletion, "drop cascades to %s", what)
}

// kinds are the kinds of relations by the words of statements.
var kinds = map[string]catalog.Kind{"STREAM": catalog.Stream, "TABLE": catalog.Table, "TYPE": catalog.Type,
	"DOMAIN":            catalog.Type,
	"MATERIALIZED VIEW": catalog.View, "VIEW": catalog.PlainView, "SEQUENCE": catalog.Sequence}

// notA is the error for a relation that is of another kind than what a statement says.
func notA(r *catalog.Relation, n ast.Name, what string) *sqlerr.Error {
	return sqlerr.At(n.Pos(), sqlerr.WrongObjectType, "%q is not a %s", r.Name, strings.ToLower(what))
}

// terminate runs TERMINATE, PAUSE and RESUME.
func (s *Session) terminate(ctx context.Context, st *ast.Terminate) (Result, error) {
	if err := s.ownsQuery(st.QueryID); err != nil {
		return nil, err
	}
	if err := s.flushImplicit(ctx); err != nil {
		return nil, err
	}
	if st.Verb != "TERMINATE" {
		return done(st.Verb), sqlerr.Locate(s.eng.Pause(ctx, st.QueryID, st.Verb == "PAUSE"), st.Pos())
	}
	return done("TERMINATE"), sqlerr.Locate(s.eng.Terminate(ctx, st.QueryID), st.Pos())
}

// discard runs DISCARD, which forgets what the session has set.
func (s *Session) discard(ctx context.Context, st *ast.Discard) (Result, error) {
	if s.tx.explicit && st.What == "ALL" {
		return nil, sqlerr.At(st.Pos(), sqlerr.ActiveSQLTransaction, "DISCARD ALL cannot run inside a transaction block")
	}
	if st.What == "ALL" || st.What == "TEMP" {
		if err := s.temp.drop(ctx, s); err != nil {
			return nil, err
		}
	}
	if st.What == "ALL" {
		s.set.resetAll()
		clear(s.prepared)
		s.drawn.forget()
		s.calls.locks.Release(false)
	}
	if st.What == "SEQUENCES" {
		s.drawn.forget()
	}
	return done("DISCARD " + st.What), nil
}

// maintain runs what keeps other databases in order. Here views follow by themselves, space is reclaimed and plans need
// no statistics: what is left is to see that the relations are there, and that a view has taken in all that came.
func (s *Session) maintain(ctx context.Context, st *ast.Maintain) (Result, error) {
	for _, n := range st.Names {
		rel, err := s.eng.Catalog().Resolve(s.set.path, n.Parts)
		if err != nil {
			return nil, sqlerr.Locate(err, n.Pos())
		}
		if st.Verb == "REFRESH MATERIALIZED VIEW" && rel.Kind != catalog.View {
			return nil, notA(rel, n, "MATERIALIZED VIEW")
		}
	}
	if err := checkMaintenance(st); err != nil {
		return nil, err
	}
	if st.Verb == "REFRESH MATERIALIZED VIEW" {
		if err := s.flushImplicit(ctx); err != nil {
			return nil, err
		}
		return done(st.Verb), s.eng.Flush(ctx)
	}
	if s.tx.explicit && st.Verb == "VACUUM" {
		return nil, sqlerr.At(st.Pos(), sqlerr.ActiveSQLTransaction, "VACUUM cannot run inside a transaction block")
	}
	return done(st.Verb), nil
}

// maintenanceOptions are PostgreSQL's options of VACUUM and ANALYZE: they ask for more or less of what there is nothing
// to do of here (https://www.postgresql.org/docs/15/sql-vacuum.html).
var maintenanceOptions = map[string][]string{
	"VACUUM": {"full", "freeze", "verbose", "analyze", "disable_page_skipping", "skip_locked", "index_cleanup",
		"process_toast", "truncate", "parallel"},
	"ANALYZE": {"verbose", "skip_locked"},
}

// checkMaintenance refuses options that PostgreSQL does not know.
func checkMaintenance(st *ast.Maintain) error {
	for _, o := range st.Options {
		if !slices.Contains(maintenanceOptions[st.Verb], o.Key) {
			return sqlerr.At(o.Pos(), sqlerr.SyntaxError, "unrecognized %s option \"%s\"", st.Verb, o.Key)
		}
	}
	return nil
}
