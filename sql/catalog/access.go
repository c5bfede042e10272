package catalog

import (
	"slices"
	"strings"
)

// A grant on a relation is one on its topic, and the other way round:
//
//	SELECT on a relation                      READ of its topic
//	INSERT into a stream                      WRITE to its topic
//	INSERT, UPDATE and DELETE of a table      WRITE to its topic, whose records may replace and delete rows
//	any of these                              DESCRIBE of its topic

// OwnedBy is the role that owns the relation.
func (r *Relation) OwnedBy() string { return ownerOr(r.Owner) }

// OwnedBy is the role that owns the function.
func (f *Function) OwnedBy() string { return ownerOr(f.Owner) }

// OwnedBy is the role that owns the schema.
func (s *Schema) OwnedBy() string { return ownerOr(s.Owner) }

func ownerOr(name string) string {
	if name == "" {
		return Bootstrap
	}
	return name
}

// IsSuperuser reports whether a role may do everything.
func (s *Snapshot) IsSuperuser(role string) bool {
	r, ok := s.roles[role]
	return ok && r.Superuser
}

// each calls f for a role, the roles it is a member of, and PUBLIC, until f is satisfied.
func (s *Snapshot) each(role string, f func(*Role) bool) bool {
	names := []string{role}
	for i := 0; i < len(names); i++ {
		r, ok := s.roles[names[i]]
		if !ok {
			continue
		}
		if f(r) {
			return true
		}
		for _, of := range r.MemberOf {
			if !slices.Contains(names, of) {
				names = append(names, of)
			}
		}
	}
	return f(s.roles[Everybody])
}

// Has reports whether a role has the privileges of another: it is that role or a member of it, or a superuser.
func (s *Snapshot) Has(role, other string) bool {
	if s.IsSuperuser(role) {
		return true
	}
	return s.each(role, func(r *Role) bool { return r.Name == other && other != Everybody })
}

// Member reports whether a role is another, or a member of it.
func (s *Snapshot) Member(role, other string) bool {
	return s.each(role, func(r *Role) bool { return r.Name == other && other != Everybody })
}

// granted collects what the grants of a role give where match says so, until it has all of want.
func (s *Snapshot) granted(role string, want Privilege, pass bool, match func(*Grant) Privilege) bool {
	var have Privilege
	return s.each(role, func(r *Role) bool {
		for i := range r.Grants {
			g := &r.Grants[i]
			if got := match(g); got != 0 {
				if pass {
					got &= g.Pass
				}
				have |= got
			}
		}
		return have&want == want
	})
}

// Can reports whether a role may do all of want with a relation.
func (s *Snapshot) Can(role string, rel *Relation, want Privilege) bool {
	return s.relation(role, rel, want, false)
}

// MayGrant reports whether a role may give all of want to others.
func (s *Snapshot) MayGrant(role string, rel *Relation, want Privilege) bool {
	return s.relation(role, rel, want, true)
}

func (s *Snapshot) relation(role string, rel *Relation, want Privilege, pass bool) bool {
	if rel.Kind == System && want == MaySelect && !pass || s.Has(role, rel.OwnedBy()) {
		return true
	}
	return s.granted(role, want, pass, func(g *Grant) Privilege {
		switch {
		case g.On == OnRelation && g.ID == rel.ID:
			return g.Can
		case g.On == OnTopic && rel.Stored() && g.names(rel.Topic) && !pass && !strings.HasPrefix(rel.Topic, "__"):
			return ofTopic(g.Can)
		}
		return 0
	})
}

// ofTopic is what privileges on a topic give on a relation over it.
func ofTopic(can Privilege) (out Privilege) {
	if can&TopicRead != 0 {
		out |= MaySelect
	}
	if can&TopicWrite != 0 {
		out |= MayInsert | MayUpdate | MayDelete
	}
	return out
}

// toTopic is what privileges on a relation give on its topic.
func toTopic(rel *Relation, can Privilege) (out Privilege) {
	if can&MaySelect != 0 {
		out |= TopicRead
	}
	write := MayInsert
	if rel.Kind != Stream {
		write |= MayUpdate | MayDelete
	}
	if can&write == write {
		out |= TopicWrite
	}
	return out
}

// names reports whether a grant is on an object of that name.
func (g *Grant) names(name string) bool {
	return g.Name == "*" || g.Name == name || g.Prefix && strings.HasPrefix(name, g.Name)
}

// CanSchema reports whether a role may do all of want in a schema.
func (s *Snapshot) CanSchema(role, schema string, want Privilege) bool {
	if s.OwnsSchema(role, schema) {
		return true
	}
	return s.granted(role, want, false, func(g *Grant) Privilege {
		if g.On == OnSchema && g.Name == schema {
			return g.Can
		}
		return 0
	})
}

// implied are the operations of Kafka that others include.
var implied = []struct{ can, also Privilege }{
	{TopicRead | TopicWrite | TopicDelete | TopicAlter, TopicDescribe}, {AlterConfigs, DescribeConfigs},
}

func withImplied(can Privilege) Privilege {
	for _, i := range implied {
		if can&i.can != 0 {
			can |= i.also
		}
	}
	return can
}

// CanUse reports whether a role may do all of want, which are Kafka's operations, with a topic, group, transactional ID
// or the cluster.
func (s *Snapshot) CanUse(role string, on ObjectKind, name string, want Privilege) bool {
	if s.IsSuperuser(role) {
		return true
	}
	var over []*Relation
	var have Privilege
	if on == OnTopic {
		for _, r := range s.byTopic[name] {
			over = append(over, r)
			if !s.Has(role, r.OwnedBy()) {
				continue
			}
			if have |= TopicRead | TopicWrite; r.OwnsTopic {
				have |= TopicDelete | TopicAlter | AlterConfigs
			}
		}
	}
	sql := make([]Privilege, len(over)) // what grants give together, also where each alone is too little
	s.each(role, func(r *Role) bool {
		for i := range r.Grants {
			g := &r.Grants[i]
			if g.On == on && g.names(name) {
				have |= g.Can
			}
			for k, rel := range over {
				if g.On == OnRelation && g.ID == rel.ID {
					sql[k] |= g.Can
					have |= toTopic(rel, sql[k])
				}
			}
		}
		return false
	})
	return withImplied(have)&want == want
}

// CanUseAny reports whether a role may do want with any object of a kind.
func (s *Snapshot) CanUseAny(role string, on ObjectKind, want Privilege) bool {
	if s.IsSuperuser(role) {
		return true
	}
	for topic := range s.byTopic {
		if on == OnTopic && s.CanUse(role, on, topic, want) {
			return true
		}
	}
	return s.each(role, func(r *Role) bool {
		return slices.ContainsFunc(r.Grants, func(g Grant) bool {
			return g.On == on && withImplied(g.Can)&want == want
		})
	})
}

// Over returns the relations that are over a topic.
func (s *Snapshot) Over(topic string) []*Relation { return s.byTopic[topic] }

// OfTopic is what a grant on a relation is to Kafka's clients: what it gives on the topic.
func (r *Relation) OfTopic(can Privilege) Privilege { return toTopic(r, can) }

// OwnsSchema reports whether a role owns a schema.
func (s *Snapshot) OwnsSchema(role, name string) bool {
	owner := Bootstrap
	for _, sc := range s.schemas {
		if sc.Name == name {
			owner = sc.OwnedBy()
		}
	}
	return s.Has(role, owner)
}

// DependsOnRole lists what stands in the way of dropping a role: what it owns and what it may do.
func (s *Snapshot) DependsOnRole(role string) []string {
	var out []string
	for _, r := range s.sorted {
		if r.OwnedBy() == role {
			out = append(out, "owner of "+strings.ToLower(string(r.Kind))+" "+r.Name)
		}
	}
	for _, f := range s.AllFunctions() {
		if f.OwnedBy() == role {
			out = append(out, "owner of function "+f.Signature())
		}
	}
	for _, sc := range s.schemas {
		if sc.OwnedBy() == role {
			out = append(out, "owner of schema "+sc.Name)
		}
	}
	r, ok := s.roles[role]
	if !ok {
		return out
	}
	for _, g := range r.Grants {
		if g.On != OnRelation {
			out = append(out, "privileges for "+strings.ReplaceAll(string(g.On), "_", " ")+" "+g.Name)
		} else if rel, ok := s.ByID(g.ID); ok {
			out = append(out, "privileges for "+strings.ToLower(string(rel.Kind))+" "+rel.Name)
		}
	}
	return out
}
