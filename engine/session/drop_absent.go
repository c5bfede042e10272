package session

import (
	"fmt"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/sqlerr"
)

// absent are the kinds of objects of which there is none here, and what PostgreSQL calls one.
var absent = map[string]string{"TRIGGER": "trigger", "RULE": "rule", "POLICY": "policy", "COLLATION": "collation",
	"EXTENSION": "extension", "LANGUAGE": "language", "PUBLICATION": "publication", "SERVER": "server",
	"STATISTICS": "statistics object", "SUBSCRIPTION": "subscription", "TABLESPACE": "tablespace"}

// dropAbsent runs DROP of objects that cannot be there.
func (s *Session) dropAbsent(st *ast.Drop) (Result, error) {
	if st.On != nil {
		if _, err := s.eng.Catalog().Resolve(s.set.path, st.On.Parts); err != nil {
			if !st.IfExists {
				return nil, sqlerr.Locate(err, st.On.Pos())
			}
			s.warn(sqlerr.UndefinedTable, "relation %q does not exist, skipping", st.On.Last())
			return done("DROP " + st.What), nil
		}
	}
	for _, n := range st.Names {
		what := fmt.Sprintf("%s %q", absent[st.What], n.Last())
		if st.On != nil && (st.IfExists || st.What == "RULE") {
			what += fmt.Sprintf(" for relation %q", st.On.Last())
		} else if st.On != nil {
			what += fmt.Sprintf(" for table %q", st.On.Last())
		}
		if !st.IfExists {
			return nil, sqlerr.At(n.Pos(), sqlerr.UndefinedObject, "%s does not exist", what)
		}
		s.warn(sqlerr.UndefinedObject, "%s does not exist, skipping", what)
	}
	return done("DROP " + st.What), nil
}
