package session

import (
	"strings"

	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
)

// privileges answers has_…_privilege for a session. It implements fn.Access.
type privileges struct{ s *Session }

// Has implements fn.Access.
func (p privileges) Has(q fn.AccessQuestion) (has, there bool, err error) {
	cat := p.s.eng.Catalog()
	user, err := p.user(cat, q)
	if err != nil {
		return false, false, err
	}
	may := func(string, bool) bool { return true } // with what has no privileges of its own here
	switch q.Kind {
	case "table", "any_column", "sequence":
		rel := p.relation(cat, q)
		if rel == nil {
			return false, false, nil
		}
		if q.Kind == "sequence" && rel.Kind != catalog.Sequence {
			return false, false, sqlerr.New(sqlerr.WrongObjectType, "\"%s\" is not a sequence", rel.Name)
		}
		may = func(name string, pass bool) bool {
			want, known := catalog.PrivilegeByName(name)
			switch {
			case !known: // REFERENCES and TRIGGER are nobody's but the owner's
				return cat.Has(user, rel.OwnedBy())
			case pass:
				return cat.MayGrant(user, rel, want)
			}
			return cat.Can(user, rel, want)
		}
	case "schema":
		if q.Name == "" {
			return false, false, nil
		}
		name := q.Name
		system := name == systemSchema || name == "pg_catalog" || name == "information_schema"
		if !system && name != catalog.Public && !cat.HasSchema(name) {
			return false, false, nil
		}
		may = func(privilege string, pass bool) bool {
			want, _ := catalog.PrivilegeByName(privilege)
			if system || pass {
				return cat.IsSuperuser(user) || system && want == catalog.MayUse && !pass || !system && cat.OwnsSchema(user, name)
			}
			return cat.CanSchema(user, name, want)
		}
	case "role":
		role, err := p.user(cat, fn.AccessQuestion{User: q.Name, UserOID: q.OID})
		if err != nil {
			return false, false, err
		}
		may = func(string, bool) bool { return cat.Has(user, role) }
	case "foreign_data_wrapper", "server": // there are none
		return false, false, nil
	case "parameter":
		may = func(privilege string, _ bool) bool { return privilege == "SET" || cat.IsSuperuser(user) }
	case "database", "tablespace":
		may = func(privilege string, _ bool) bool { return privilege == "CONNECT" || cat.IsSuperuser(user) }
	}
	has, err = anyPrivilege(q, may)
	return has, true, err
}

// user is the user that a question is about.
func (p privileges) user(cat *catalog.Snapshot, q fn.AccessQuestion) (string, error) {
	switch {
	case q.User == "" && q.UserOID == 0:
		return p.s.role(), nil
	case q.UserOID != 0:
		if name, ok := cat.RoleByID(uint32(q.UserOID)); ok {
			return name, nil
		}
		return "", sqlerr.New(sqlerr.UndefinedObject, "role with OID %d does not exist", q.UserOID)
	}
	if _, ok := cat.Role(q.User); !ok {
		return "", sqlerr.New(sqlerr.UndefinedObject, "role \"%s\" does not exist", q.User)
	}
	return q.User, nil
}

// relation finds the relation that a question is about, nil for none.
func (p privileges) relation(cat *catalog.Snapshot, q fn.AccessQuestion) *catalog.Relation {
	if q.Name == "" {
		rel, _ := cat.ByID(uint32(q.OID))
		return rel
	}
	schema, name := fn.SplitName(q.Name)
	parts := []string{name}
	if schema != "" {
		parts = []string{schema, name}
	}
	rel, err := cat.Resolve(p.s.set.path, parts)
	if err == nil {
		return rel
	}
	path := append([]string{"pg_catalog"}, p.s.set.path...)
	if schema != "" {
		path = []string{schema}
	}
	for _, schema := range path {
		if rel, ok := p.s.eng.PlanContext(nil).System(schema, name); ok {
			return rel
		}
	}
	return nil
}

// asked are the privileges that may be asked for, by kind of object.
var asked = map[string]string{
	"table": "SELECT INSERT UPDATE DELETE TRUNCATE REFERENCES TRIGGER", "any_column": "SELECT INSERT UPDATE REFERENCES",
	"sequence": "USAGE SELECT UPDATE", "schema": "CREATE USAGE", "database": "CREATE CONNECT TEMPORARY TEMP",
	"function": "EXECUTE", "type": "USAGE", "language": "USAGE", "tablespace": "CREATE",
	"role": "USAGE MEMBER", "foreign_data_wrapper": "USAGE", "server": "USAGE", "parameter": "SET",
}

// anyPrivilege reads the privileges of a question, and reports whether there is one of them.
func anyPrivilege(q fn.AccessQuestion, may func(name string, pass bool) bool) (has bool, err error) {
	for _, text := range strings.Split(q.Privilege, ",") {
		name, pass := strings.CutSuffix(strings.ToUpper(strings.TrimSpace(text)), " WITH GRANT OPTION")
		known := false
		for _, k := range strings.Fields(asked[q.Kind]) {
			known = known || k == name
		}
		if !known {
			return false, sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized privilege type: \"%s\"",
				strings.TrimSpace(text))
		}
		has = has || may(name, pass)
	}
	return has, nil
}
