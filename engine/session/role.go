package session

import (
	"context"
	"slices"
	"strings"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/scram"
	"github.com/leatdb/leat/sql/sqlerr"
)

// role is whose privileges count: the user, or the role that SET ROLE has named.
func (s *Session) role() string { return s.set.show("leat.user") }

// maySetRole checks that the user may act as a role.
func (s *Session) maySetRole(name string) error {
	cat := s.eng.Catalog()
	if _, ok := cat.Role(name); !ok || name == catalog.Everybody {
		return sqlerr.New(sqlerr.InvalidParameterValue, "role \"%s\" does not exist", name)
	}
	if !cat.Has(s.set.show("leat.session_user"), name) {
		return sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied to set role \"%s\"", name)
	}
	return nil
}

// mayBecome checks that the session may go on as another user: whoever logged in must be a superuser.
func (s *Session) mayBecome(name string) error {
	cat := s.eng.Catalog()
	if _, ok := cat.Role(name); !ok || name == catalog.Everybody {
		return sqlerr.New(sqlerr.InvalidParameterValue, "role \"%s\" does not exist", name)
	}
	if name != s.cfg.User && !cat.IsSuperuser(s.cfg.User) {
		return sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied to set session authorization")
	}
	return nil
}

// superuser refuses what only a superuser may do.
func (s *Session) superuser(pos int, format string, args ...any) error {
	if s.eng.Catalog().IsSuperuser(s.role()) {
		return nil
	}
	return sqlerr.At(pos, sqlerr.InsufficientPrivilege, format, args...)
}

// roleName is the name of the role that a statement means.
func (s *Session) roleName(r ast.RoleName) string {
	if r.Current {
		return s.role()
	}
	return r.Name
}

// existing finds a role that must be there.
func (s *Session) existing(cat *catalog.Snapshot, r ast.RoleName) (*catalog.Role, error) {
	name := s.roleName(r)
	if found, ok := cat.Role(name); ok && (name != catalog.Everybody || r.Public) {
		return found, nil
	}
	return nil, sqlerr.At(r.Pos(), sqlerr.UndefinedObject, "role \"%s\" does not exist", name)
}

// changeRole runs CREATE and ALTER of a USER or ROLE.
func (s *Session) changeRole(ctx context.Context, st *ast.RoleChange) (Result, error) {
	if err := s.beginDDL(ctx, st.Verb+" ROLE", st.Pos()); err != nil {
		return nil, err
	}
	err := s.eng.ChangeRoles(ctx, func(cat *catalog.Snapshot) (engine.RoleChange, error) {
		var r *catalog.Role
		var err error
		if st.Verb == "CREATE" {
			r, err = s.newRole(cat, st)
		} else {
			r, err = s.alteredRole(cat, st)
		}
		if err != nil {
			return engine.RoleChange{}, err
		}
		return engine.RoleChange{Put: []*catalog.Role{r}}, s.applyOptions(r, st)
	})
	return done(st.Verb + " ROLE"), err
}

func (s *Session) newRole(cat *catalog.Snapshot, st *ast.RoleChange) (*catalog.Role, error) {
	if err := s.superuser(st.Pos(), "permission denied to create role"); err != nil {
		return nil, err
	}
	name := s.roleName(st.Name)
	switch _, there := cat.Role(name); {
	case st.Name.Public, name == "none", strings.HasPrefix(name, "pg_"):
		return nil, sqlerr.At(st.Name.Pos(), sqlerr.ReservedName, "role name \"%s\" is reserved", name)
	case there:
		return nil, sqlerr.At(st.Name.Pos(), sqlerr.DuplicateObject, "role \"%s\" already exists", name)
	}
	r := &catalog.Role{Name: name, Login: st.What == "USER"}
	for _, in := range st.In {
		of, err := s.existing(cat, in)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(r.MemberOf, of.Name) {
			r.MemberOf = append(r.MemberOf, of.Name)
		}
	}
	return r, nil
}

func (s *Session) alteredRole(cat *catalog.Snapshot, st *ast.RoleChange) (*catalog.Role, error) {
	old, err := s.existing(cat, st.Name)
	if err != nil {
		return nil, err
	}
	if st.Name.Public {
		return nil, sqlerr.At(st.Name.Pos(), sqlerr.UndefinedObject, "role \"public\" does not exist")
	}
	own := old.Name == s.role() && st.Login == nil && st.Superuser == nil // everybody may change his own password
	if !own {
		if old.Superuser || st.Superuser != nil {
			err = s.superuser(st.Pos(), "must be superuser to alter superuser roles or change superuser attribute")
		} else {
			err = s.superuser(st.Pos(), "permission denied")
		}
		if err != nil {
			return nil, err
		}
	}
	taken := func(b *bool) bool { return b != nil && !*b }
	if old.Name == catalog.Bootstrap && (taken(st.Superuser) || taken(st.Login)) {
		return nil, sqlerr.At(st.Pos(), sqlerr.FeatureNotSupported, "permission denied to alter role").
			WithDetail("The user \"%s\" is always a superuser that can log in.", old.Name)
	}
	r := *old
	return &r, nil
}

// applyOptions gives a role what the options of a statement say.
func (s *Session) applyOptions(r *catalog.Role, st *ast.RoleChange) error {
	if st.Login != nil {
		r.Login = *st.Login
	}
	if st.Superuser != nil {
		r.Superuser = *st.Superuser
	}
	switch {
	case st.NoPassword:
		r.Verifiers = nil
	case st.Password != nil:
		var err error
		if r.Verifiers, err = catalog.Verifiers(st.Password.Reveal()); err != nil {
			return sqlerr.Locate(err, st.Pos())
		}
		if r.Verifiers == nil {
			s.warn(sqlerr.SuccessfulCompletion, "empty string is not a valid password, clearing password")
		}
	}
	return nil
}

// dropRoles runs DROP ROLE and DROP USER.
func (s *Session) dropRoles(ctx context.Context, st *ast.Drop) (Result, error) {
	if err := s.beginDDL(ctx, "DROP ROLE", st.Pos()); err != nil {
		return nil, err
	}
	if err := s.superuser(st.Pos(), "permission denied to drop role"); err != nil {
		return nil, err
	}
	err := s.eng.ChangeRoles(ctx, func(cat *catalog.Snapshot) (c engine.RoleChange, err error) {
		for _, n := range st.Names {
			name := n.Last()
			_, there := cat.Role(name)
			switch {
			case (!there || name == catalog.Everybody) && st.IfExists:
				s.warn(sqlerr.UndefinedObject, "role \"%s\" does not exist, skipping", name)
				continue
			case !there || name == catalog.Everybody:
				return c, sqlerr.At(n.Pos(), sqlerr.UndefinedObject, "role \"%s\" does not exist", name)
			case name == s.role():
				return c, sqlerr.At(n.Pos(), sqlerr.ObjectInUse, "current user cannot be dropped")
			case name == s.cfg.User:
				return c, sqlerr.At(n.Pos(), sqlerr.ObjectInUse, "session user cannot be dropped")
			case name == catalog.Bootstrap:
				return c, sqlerr.At(n.Pos(), sqlerr.DependentObjectsStillExist,
					"cannot drop role %s because it is required by the database system", name)
			}
			if depends := cat.DependsOnRole(name); depends != nil {
				return c, sqlerr.At(n.Pos(), sqlerr.DependentObjectsStillExist,
					"role \"%s\" cannot be dropped because some objects depend on it", name).
					WithDetail("%s", strings.Join(depends, "\n"))
			}
			c.Drop = append(c.Drop, name)
		}
		for _, r := range cat.Roles() { // nobody stays a member of what is gone
			left := *r
			left.MemberOf = slices.DeleteFunc(slices.Clone(r.MemberOf), func(of string) bool {
				return slices.Contains(c.Drop, of)
			})
			if len(left.MemberOf) < len(r.MemberOf) && !slices.Contains(c.Drop, r.Name) {
				c.Put = append(c.Put, &left)
			}
		}
		return c, nil
	})
	return done("DROP ROLE"), err
}

// roleRows answers SHOW USERS and SHOW ROLES.
func (s *Session) roleRows() ([][]string, error) {
	yes := func(b bool) string {
		if b {
			return "yes"
		}
		return "no"
	}
	var out [][]string
	for _, r := range s.eng.Catalog().Roles() {
		if r.Name == catalog.Everybody {
			continue
		}
		var kinds []string
		for _, text := range r.Verifiers {
			if v, err := scram.Parse(text); err == nil {
				kinds = append(kinds, string(v.Mechanism))
			}
		}
		out = append(out, []string{r.Name, yes(r.Login), yes(r.Superuser), strings.Join(kinds, ", "),
			strings.Join(r.MemberOf, ", ")})
	}
	return out, nil
}

// grantRows answers SHOW GRANTS: what each role may do with what.
func (s *Session) grantRows() ([][]string, error) {
	cat := s.eng.Catalog()
	var out [][]string
	for _, r := range cat.Roles() {
		for _, g := range r.Grants {
			name := g.Name
			if g.Prefix {
				name += "…"
			}
			if g.On == catalog.OnRelation {
				rel, ok := cat.ByID(g.ID)
				if !ok {
					continue
				}
				name = qualified(rel)
			}
			out = append(out, []string{r.Name, string(g.On), name, strings.Join(g.Can.Names(), ", "),
				strings.Join(g.Pass.Names(), ", ")})
		}
	}
	return out, nil
}
