package session

import (
	"strings"

	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// kindName is what errors call a relation.
func kindName(r *catalog.Relation) string { return strings.ToLower(string(r.Kind)) }

// allowed checks that the statement that was bound may do to relations what it does.
func (s *Session) allowed(needs []planner.Need) error {
	cat := s.eng.Catalog()
	for _, n := range needs {
		as := n.As
		if as == "" {
			as = s.role()
		}
		if !cat.Can(as, n.Rel, n.Can) {
			return sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied for %s %s", kindName(n.Rel), n.Rel.Name)
		}
		if n.Rel.Kind != catalog.System && n.Rel.Schema != systemSchema && !cat.CanSchema(as, n.Rel.Schema, catalog.MayUse) {
			return sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied for schema %s", n.Rel.Schema)
		}
	}
	return nil
}

// systemSchema is where the relations of the system are.
const systemSchema = "leat_catalog"

// owns checks that a relation is the role's own.
func (s *Session) owns(r *catalog.Relation) error {
	if s.eng.Catalog().Has(s.role(), r.OwnedBy()) {
		return nil
	}
	return sqlerr.New(sqlerr.InsufficientPrivilege, "must be owner of %s %s", kindName(r), r.Name)
}

// ownsFunction checks that a function is the role's own.
func (s *Session) ownsFunction(f *catalog.Function) error {
	if s.eng.Catalog().Has(s.role(), f.OwnedBy()) {
		return nil
	}
	return sqlerr.New(sqlerr.InsufficientPrivilege, "must be owner of function %s", f.Name)
}

// ownsAll checks that relations are the role's own.
func (s *Session) ownsAll(rels []*catalog.Relation) error {
	for _, r := range rels {
		if err := s.owns(r); err != nil {
			return err
		}
	}
	return nil
}

// ownsSchema checks that a schema is the role's own. One that is not there is for others to tell.
func (s *Session) ownsSchema(name string) error {
	cat := s.eng.Catalog()
	if name != catalog.Public && !cat.HasSchema(name) || cat.OwnsSchema(s.role(), name) {
		return nil
	}
	return sqlerr.New(sqlerr.InsufficientPrivilege, "must be owner of schema %s", name)
}

// mayCreateIn checks that the role may make things in a schema. One that is not there is for others to tell.
func (s *Session) mayCreateIn(schema string) error {
	cat := s.eng.Catalog()
	if schema != catalog.Public && !cat.HasSchema(schema) || cat.CanSchema(s.role(), schema, catalog.MayCreate) {
		return nil
	}
	return sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied for schema %s", schema)
}

// mayTakeTopic checks that the role may make a relation over a topic that is there: its owner can read the topic, and
// write to it unless it is a source.
func (s *Session) mayTakeTopic(rel *catalog.Relation) error {
	topic := rel.Topic
	if topic == "" {
		topic = rel.Name
		if rel.Schema != catalog.Public {
			topic = rel.Schema + "." + rel.Name
		}
	}
	if !rel.Stored() || !s.eng.HasTopic(topic) {
		return nil
	}
	want := catalog.TopicRead | catalog.TopicWrite
	if rel.ReadOnly {
		want = catalog.TopicRead
	}
	if s.eng.Catalog().CanUse(s.role(), catalog.OnTopic, topic, want) {
		return nil
	}
	return sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied for topic %s", topic)
}

// mayDeleteTopics checks that the role may delete the topics of relations.
func (s *Session) mayDeleteTopics(rels []*catalog.Relation) error {
	for _, r := range rels {
		if r.Stored() && !s.eng.Catalog().CanUse(s.role(), catalog.OnTopic, r.Topic, catalog.TopicDelete) {
			return sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied for topic %s", r.Topic)
		}
	}
	return nil
}

// ownsQuery checks that the role owns the relation that a continuous query maintains, or every one with "".
func (s *Session) ownsQuery(id string) error {
	for _, r := range s.eng.Catalog().Relations() {
		if r.QueryID != "" && !r.Terminated && (id == "" || strings.EqualFold(r.QueryID, id)) {
			if err := s.owns(r); err != nil {
				return err
			}
		}
	}
	return nil
}
