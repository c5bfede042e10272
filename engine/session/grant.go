package session

import (
	"context"
	"slices"
	"strings"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// grantee is an object of GRANT.
type granted struct {
	on   catalog.Grant
	kind catalog.Kind
	name string // as errors say it: table "t"
	may  func(catalog.Privilege) bool
}

// grant runs GRANT and REVOKE.
func (s *Session) grant(ctx context.Context, st *ast.Grant) (Result, error) {
	tag := "GRANT"
	if st.Revoke {
		tag = "REVOKE"
	}
	if st.Roles != nil {
		tag += " ROLE"
	}
	if err := s.beginDDL(ctx, tag, st.Pos()); err != nil {
		return nil, err
	}
	return done(tag), s.eng.ChangeRoles(ctx, func(cat *catalog.Snapshot) (engine.RoleChange, error) {
		roles := &rolesInHand{s: s, cat: cat}
		if st.Roles != nil {
			return roles.change, s.grantRoles(roles, st)
		}
		err := s.grantObjects(roles, st)
		return roles.change, err
	})
}

// rolesInHand are roles as a statement is about to leave them.
type rolesInHand struct {
	s      *Session
	cat    *catalog.Snapshot
	change engine.RoleChange
}

// of finds a role, as it is to be.
func (h *rolesInHand) of(n ast.RoleName) (*catalog.Role, error) {
	r, err := h.s.existing(h.cat, n)
	if err != nil {
		return nil, err
	}
	for _, p := range h.change.Put {
		if p.Name == r.Name {
			return p, nil
		}
	}
	copied := *r
	return &copied, nil
}

func (h *rolesInHand) put(r *catalog.Role) {
	h.change.Put = slices.DeleteFunc(h.change.Put, func(p *catalog.Role) bool { return p.Name == r.Name })
	h.change.Put = append(h.change.Put, r)
}

func (s *Session) grantObjects(h *rolesInHand, st *ast.Grant) error {
	objects, err := s.grantTargets(h.cat, st)
	if err != nil {
		return err
	}
	for _, o := range objects {
		can, err := privilegesOf(st, o)
		if err != nil {
			return err
		}
		var allowed catalog.Privilege
		for bit := catalog.Privilege(1); bit <= can; bit <<= 1 {
			if can&bit != 0 && o.may(bit) {
				allowed |= bit
			}
		}
		verb := "granted"
		if st.Revoke {
			verb = "revoked"
		}
		switch {
		case allowed == 0:
			return sqlerr.At(st.Pos(), sqlerr.InsufficientPrivilege, "permission denied for %s", o.name)
		case allowed != can && len(st.Privileges) > 0:
			s.warn(sqlerr.PrivilegeNotGranted, "not all privileges were %s for %s", verb, o.name)
		}
		for _, to := range st.To {
			r, err := h.of(to)
			if err != nil {
				return err
			}
			if st.Option && !st.Revoke && to.Public {
				return sqlerr.At(to.Pos(), sqlerr.InvalidGrantOperation, "grant options can only be granted to roles")
			}
			g := o.on
			g.Can = allowed
			if st.Option {
				g.Pass = allowed
			}
			if st.Revoke {
				h.put(r.Without(g, st.Option))
			} else {
				h.put(r.With(g))
			}
		}
	}
	return nil
}

// grantTargets finds the objects of GRANT.
func (s *Session) grantTargets(cat *catalog.Snapshot, st *ast.Grant) ([]granted, error) {
	role := s.role()
	var out []granted
	relation := func(rel *catalog.Relation) {
		out = append(out, granted{catalog.Grant{On: catalog.OnRelation, ID: rel.ID}, rel.Kind, kindName(rel) + " " + rel.Name,
			func(p catalog.Privilege) bool { return cat.MayGrant(role, rel, p) }})
	}
	for _, n := range st.Names {
		switch st.On {
		case "TABLE", "SEQUENCE":
			rel, err := cat.Resolve(s.set.path, n.Parts)
			if err != nil {
				return nil, sqlerr.Locate(err, n.Pos())
			}
			if rel.Kind == catalog.Type {
				return nil, sqlerr.At(n.Pos(), sqlerr.WrongObjectType, "\"%s\" is a type", rel.Name)
			}
			if st.On == "SEQUENCE" && rel.Kind != catalog.Sequence {
				return nil, notA(rel, n, st.On)
			}
			relation(rel)
			continue
		case "ALL TABLES", "ALL SEQUENCES":
			for _, rel := range cat.Relations() {
				if rel.Schema == n.Last() && rel.Kind != catalog.Type && rel.Kind != catalog.Insert &&
					(rel.Kind == catalog.Sequence) == (st.On == "ALL SEQUENCES") {
					relation(rel)
				}
			}
		case "SCHEMA":
			out = append(out, granted{catalog.Grant{On: catalog.OnSchema, Name: n.Last()}, "", "schema " + n.Last(),
				func(catalog.Privilege) bool { return cat.OwnsSchema(role, n.Last()) }})
		}
		if n.Last() != catalog.Public && !cat.HasSchema(n.Last()) {
			return nil, sqlerr.At(n.Pos(), sqlerr.InvalidSchemaName, "schema \"%s\" does not exist", n.Last())
		}
	}
	return out, nil
}

// privilegesOf reads the privileges that a statement names, for a kind of object.
func privilegesOf(st *ast.Grant, o granted) (catalog.Privilege, error) {
	all, kind := catalog.AllOnRelation, "table"
	switch {
	case o.on.On == catalog.OnSchema:
		all, kind = catalog.AllOnSchema, "schema"
	case o.kind == catalog.Sequence:
		all, kind = catalog.AllOnSequence, "sequence"
	}
	if len(st.Privileges) == 0 {
		return all, nil
	}
	var can catalog.Privilege
	for _, n := range st.Privileges {
		p, ok := catalog.PrivilegeByName(n.Name)
		switch {
		case n.Name == "REFERENCES" || n.Name == "TRIGGER":
			return 0, sqlerr.At(n.Pos(), sqlerr.FeatureNotSupported, "GRANT %s is not supported yet", n.Name)
		case n.Name == "EXECUTE" || n.Name == "CONNECT" || n.Name == "TEMPORARY" || n.Name == "TEMP",
			ok && p&(catalog.AllOnRelation|catalog.AllOnSchema) != 0 && p&all == 0:
			return 0, sqlerr.At(n.Pos(), sqlerr.InvalidGrantOperation, "invalid privilege type %s for %s", n.Name, kind)
		case !ok || p&all == 0:
			return 0, sqlerr.At(n.Pos(), sqlerr.SyntaxError, "unrecognized privilege type \"%s\"", strings.ToLower(n.Name))
		}
		can |= p
	}
	return can, nil
}

// grantRoles makes roles members of others, or ends that.
func (s *Session) grantRoles(h *rolesInHand, st *ast.Grant) error {
	if st.Option {
		return sqlerr.At(st.Pos(), sqlerr.SyntaxError, "grant options are for privileges, not for roles")
	}
	for _, n := range st.Roles {
		of, err := h.of(n)
		if err != nil {
			return err
		}
		if err := s.superuser(n.Pos(), "must have admin option on role \"%s\"", of.Name); err != nil {
			return err
		}
		for _, to := range st.To {
			r, err := h.of(to)
			if err != nil {
				return err
			}
			member := slices.Contains(r.MemberOf, of.Name)
			switch {
			case to.Public:
				return sqlerr.At(to.Pos(), sqlerr.UndefinedObject, "role \"public\" does not exist")
			case st.Revoke && !member:
				s.warn(sqlerr.Warning, "role \"%s\" is not a member of role \"%s\"", r.Name, of.Name)
			case !st.Revoke && member:
				s.warn(sqlerr.SuccessfulCompletion, "role \"%s\" is already a member of role \"%s\"", r.Name, of.Name)
			case !st.Revoke && h.cat.Member(of.Name, r.Name):
				return sqlerr.At(n.Pos(), sqlerr.InvalidGrantOperation, "role \"%s\" is a member of role \"%s\"",
					of.Name, r.Name)
			case st.Revoke:
				r.MemberOf = slices.DeleteFunc(slices.Clone(r.MemberOf), func(m string) bool { return m == of.Name })
				h.put(r)
			default:
				r.MemberOf = append(slices.Clone(r.MemberOf), of.Name)
				h.put(r)
			}
		}
	}
	return nil
}
