package fn

import (
	"slices"
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// aclLetter is a privilege: how an aclitem writes it, and its name.
type aclLetter struct {
	letter byte
	name   string
}

// aclLetters are the privileges in the order in which an aclitem has them.
var aclLetters = []aclLetter{{'a', "INSERT"}, {'r', "SELECT"}, {'w', "UPDATE"}, {'d', "DELETE"}, {'D', "TRUNCATE"},
	{'x', "REFERENCES"},
	{'t', "TRIGGER"}, {'X', "EXECUTE"}, {'U', "USAGE"}, {'C', "CREATE"}, {'T', "TEMPORARY"}, {'c', "CONNECT"},
	{'s', "SET"}, {'A', "ALTER SYSTEM"}}

// defaultACLs tell, by the letter of a kind of object, what everybody and what the owner may do unless it is granted
// otherwise.
var defaultACLs = map[string]struct{ everybody, owner string }{
	"c": {}, "r": {owner: "arwdDxt"}, "s": {owner: "rwU"}, "d": {"Tc", "CTc"}, "f": {"X", "X"}, "l": {"U", "U"},
	"L": {owner: "rw"}, "n": {owner: "UC"}, "t": {owner: "C"}, "F": {owner: "U"}, "S": {owner: "U"}, "T": {"U", "U"},
	"p": {owner: "sA"},
}

// aclDecls declares the functions that make access privileges.
func aclDecls() []Scalar {
	oid, text, b := types.OID, types.Text, types.Bool
	return []Scalar{
		{Name: "acldefault", Args: in(types.CharByte, oid), Ret: types.ArrayOf(types.ACLItem), Strict: true, Stable: true,
			Kernel: rowwise(aclDefault), Doc: Doc{Category: "catalog",
				Summary: "Gives the privileges on an object of a kind for its owner and everybody, unless granted otherwise."}},
		{Name: "makeaclitem", Args: in(oid, oid, text, b), Ret: types.ACLItem, Strict: true, Stable: true,
			Kernel: rowwise(makeACL),
			Doc:    Doc{Summary: "Writes a privilege: of whom, by whom, what, and whether to pass it on."}},
	}
}

// roleNamed is the name of a role as an aclitem has it; 0 is everybody.
func (r Row) roleNamed(oid int64) string {
	if oid == 0 {
		return ""
	}
	if r.Env.Catalog != nil {
		if _, name, ok := r.Env.Catalog.Name("pg_authid", oid); ok {
			return QuoteIdent(name)
		}
	}
	return types.Value{Type: types.OID, Int: oid}.String()
}

func aclDefault(r Row, out *vec.Column) error {
	kind, owner := r.Text(0), r.roleNamed(r.Int(1))
	of, ok := defaultACLs[kind]
	if !ok {
		return sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized object type abbreviation: %s", kind)
	}
	if of.everybody != "" {
		out.Kids[0].AppendString("=" + of.everybody + "/" + owner)
	}
	if of.owner != "" {
		out.Kids[0].AppendString(owner + "=" + of.owner + "/" + owner)
	}
	out.CloseList()
	return nil
}

func makeACL(r Row, out *vec.Column) error {
	wanted := map[string]bool{}
	for _, p := range strings.Split(r.Text(2), ",") {
		p = strings.ToUpper(strings.TrimSpace(p))
		if p == "TEMP" {
			p = "TEMPORARY"
		}
		if !slices.ContainsFunc(aclLetters, func(l aclLetter) bool { return l.name == p }) {
			return sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized privilege type: \"%s\"", p)
		}
		wanted[p] = true
	}
	letters := ""
	for _, l := range aclLetters {
		if wanted[l.name] {
			letters += string(l.letter)
			if r.Bool(3) {
				letters += "*"
			}
		}
	}
	out.AppendString(r.roleNamed(r.Int(0)) + "=" + letters + "/" + r.roleNamed(r.Int(1)))
	return nil
}

// aclTables declares aclexplode.
func aclTables() []Table {
	oid := types.OID
	return []Table{{Name: "aclexplode", Args: in(types.ArrayOf(types.ACLItem)), Strict: true, Stable: true,
		Cols: []types.Field{{Name: "grantor", Type: oid}, {Name: "grantee", Type: oid},
			{Name: "privilege_type", Type: types.Text}, {Name: "is_grantable", Type: types.Bool}},
		Kernel: tablewise(explodeACL), Doc: Doc{Category: "catalog", Summary: "Lists the privileges in an array of them."}}}
}

func explodeACL(r Row, out []*vec.Column) error {
	a, lo, hi := r.List(0)
	for k := lo; k < hi; k++ {
		item := string(a.Kids[0].Bytes(k))
		slash := strings.LastIndexByte(item, '/')
		at := strings.LastIndexByte(item[:max(slash, 0)], '=')
		if at < 0 {
			return sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type aclitem: \"%s\"", item)
		}
		letters := item[at+1 : slash]
		for i := range len(letters) {
			for _, l := range aclLetters {
				if l.letter == letters[i] {
					out[0].AppendInt(r.roleOID(item[slash+1:]))
					out[1].AppendInt(r.roleOID(item[:at]))
					out[2].AppendString(l.name)
					out[3].AppendBool(strings.HasPrefix(letters[i+1:], "*"))
				}
			}
		}
	}
	return nil
}

// roleOID is the number of a role as an aclitem names it, 0 for everybody.
func (r Row) roleOID(quoted string) int64 {
	if parts, ok := splitQualified(quoted); ok && r.Env.Catalog != nil {
		if found := r.Env.Catalog.Find("pg_authid", "", parts[0]); len(found) > 0 {
			return found[0]
		}
	}
	return 0
}
