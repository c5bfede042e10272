package parse

import "github.com/leatdb/leat/sql/ast"

// role reads CREATE and ALTER of a USER or ROLE.
func (p *parser) role() ast.Stmt {
	s := &ast.RoleChange{P: p.pos(), Verb: upper(p.ident())}
	s.What = upper(p.ident())
	s.Name = p.roleName()
	if p.is("rename") || p.is("set") || p.is("reset") || p.is("in", "database") {
		p.unsupported(p.i, s.Verb+" "+s.What+" … "+upper(p.cur().val)+" is")
	}
	p.accept("with")
	for !p.end() {
		p.roleOption(s)
	}
	return s
}

// roleOption reads one option of a role. Those that ask for what there is not are refused; those that ask for what is
// so anyhow are taken.
func (p *parser) roleOption(s *ast.RoleChange) {
	yes, no := true, false
	switch {
	case p.accept("login"):
		s.Login = &yes
	case p.accept("nologin"):
		s.Login = &no
	case p.accept("superuser"):
		s.Superuser = &yes
	case p.accept("nosuperuser"):
		s.Superuser = &no
	case p.is("password"), p.is("encrypted", "password"):
		p.accept("encrypted")
		p.next(1)
		if p.accept("null") {
			s.NoPassword, s.Password = true, nil
			return
		}
		if p.cur().kind != kString {
			p.fail("")
		}
		s.Password, s.NoPassword = ast.SecretOf(p.cur().val), false
		p.next(1)
	case p.accept("inherit"), p.accept("nocreatedb"), p.accept("nocreaterole"), p.accept("noreplication"),
		p.accept("nobypassrls"):
	case s.Verb == "CREATE" && (p.is("in", "role") || p.is("in", "group")):
		p.next(2)
		s.In = p.roleNames()
	case p.cur().kind == kWord && roleWords[p.cur().val]:
		p.unsupported(p.i, upper(p.cur().val)+" of a role is")
	default:
		p.fail("")
	}
}

// roleWords begin the options of PostgreSQL that are not here.
var roleWords = map[string]bool{"createdb": true, "createrole": true, "noinherit": true, "replication": true,
	"bypassrls": true, "connection": true, "valid": true, "role": true, "admin": true, "sysid": true, "user": true,
	"unencrypted": true, "in": true}

func (p *parser) roleName() ast.RoleName {
	r := ast.RoleName{P: p.pos()}
	switch {
	case p.accept("public"):
		r.Name, r.Public = "public", true
	case p.accept("current_user"), p.accept("current_role"), p.accept("session_user"):
		r.Current = true
	default:
		r.Name = p.newName()
	}
	return r
}

func (p *parser) roleNames() []ast.RoleName {
	l := []ast.RoleName{p.roleName()}
	for p.acceptP(",") {
		l = append(l, p.roleName())
	}
	return l
}

// grant reads GRANT and REVOKE.
func (p *parser) grant() ast.Stmt {
	s := &ast.Grant{P: p.pos(), Revoke: p.is("revoke")}
	p.next(1)
	to := "to"
	if s.Revoke {
		to = "from"
		s.Option = p.accept("grant", "option", "for")
		if p.is("admin", "option", "for") {
			p.unsupported(p.i, "ADMIN OPTION is")
		}
	}
	if p.accept("all") {
		p.accept("privileges")
	} else {
		s.Privileges = p.privileges()
	}
	switch {
	case p.accept("on"):
		p.grantObjects(s)
	case s.Privileges == nil:
		p.fail("")
	default:
		for _, n := range s.Privileges {
			s.Roles = append(s.Roles, ast.RoleName{P: n.P, Name: n.Name})
		}
		s.Privileges = nil
	}
	p.expect(to)
	p.accept("group")
	s.To = p.roleNames()
	p.grantEnd(s)
	return s
}

// privileges reads a list of privileges or of roles; which of them it is, is told by what follows.
func (p *parser) privileges() []ast.PrivilegeName {
	var l []ast.PrivilegeName
	quoted := false
	for {
		n := ast.PrivilegeName{P: p.pos()}
		quoted = quoted || p.cur().kind == kQuoted
		n.Name = p.ident()
		if p.isP("(") {
			p.unsupported(p.i, "GRANT of columns is")
		}
		l = append(l, n)
		if !p.acceptP(",") {
			break
		}
	}
	if p.is("on") && !quoted {
		for i := range l {
			l[i].Name = upper(l[i].Name)
		}
	}
	return l
}

// grantObjects reads what stands behind ON.
func (p *parser) grantObjects(s *ast.Grant) {
	switch {
	case p.accept("all", "tables", "in", "schema"):
		s.On = "ALL TABLES"
	case p.accept("all", "sequences", "in", "schema"):
		s.On = "ALL SEQUENCES"
	case p.is("sequence") && p.at(1).name() && !p.at(1).word("to") && !p.at(1).word("from"):
		p.next(1)
		s.On = "SEQUENCE"
	case p.is("all"):
		p.unsupported(p.i, "GRANT ON ALL "+upper(p.at(1).val)+" is")
	case p.is("schema") && p.at(1).name():
		p.next(1)
		s.On = "SCHEMA"
	default:
		if p.at(1).name() && !p.at(1).word("to") && !p.at(1).word("from") && p.cur().kind == kWord {
			switch p.cur().val {
			case "table", "stream", "view":
				p.next(1)
			case "materialized":
				p.accept("materialized", "view")
			default:
				p.unsupported(p.i, "GRANT ON "+upper(p.cur().val)+" is")
			}
		}
		s.On = "TABLE"
	}
	s.Names = p.names()
}

// grantEnd reads what may stand behind the roles.
func (p *parser) grantEnd(s *ast.Grant) {
	switch {
	case !s.Revoke && p.is("with", "grant", "option"):
		if s.Roles != nil {
			p.fail("")
		}
		p.next(3)
		s.Option = true
	case !s.Revoke && p.is("with"):
		p.unsupported(p.i, "WITH "+upper(p.at(1).val)+" OPTION is")
	case p.is("granted"):
		p.unsupported(p.i, "GRANTED BY is")
	case s.Revoke && p.is("cascade"):
		p.unsupported(p.i, "REVOKE … CASCADE is")
	case s.Revoke:
		p.accept("restrict")
	}
}
