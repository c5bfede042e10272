package fn

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// Version is what version() says. Clients read the number after "PostgreSQL".
const Version = "PostgreSQL 15.0 (Leat 0.1), 64-bit"

// setting reads a setting of the session, or the default when it has none.
func (e *Env) setting(name, otherwise string) string {
	if e.Setting != nil {
		if v := e.Setting(name); v != "" {
			return v
		}
	}
	return otherwise
}

// sessionDecls declares what a session knows of itself.
func sessionDecls() []Scalar {
	text, name := types.Text, types.Name
	say := func(f func(e *Env) string) Kernel {
		return func(c *Call, _ []*vec.Column, out *vec.Column) { out.AppendString(f(c.Env)) }
	}
	user := func(e *Env) string { return e.setting("leat.user", "leat") }
	sessionUser := func(e *Env) string { return e.setting("leat.session_user", "leat") }
	fs := []Scalar{{Name: "version", Ret: text, Strict: true, Stable: true,
		Kernel: say(func(*Env) string { return Version }),
		Doc:    Doc{Category: "session", Summary: "Names the server and its version."}}}
	for _, d := range []struct {
		name, summary string
		f             func(e *Env) string
	}{
		{"current_database", "Names the database.", func(e *Env) string { return e.setting("leat.database", "leat") }},
		{"current_catalog", "Names the database.", func(e *Env) string { return e.setting("leat.database", "leat") }},
		{"current_user", "Names the user.", user}, {"session_user", "Names the user that has logged in.", sessionUser},
		{"user", "Names the user.", user},
		{"getpgusername", "Names the user.", user}, {"current_role", "Names the user.", user},
	} {
		fs = append(fs, Scalar{Name: d.name, Ret: name, Strict: true, Stable: true, Kernel: say(d.f),
			Doc: Doc{Summary: d.summary}})
	}
	fs = append(fs, Scalar{Name: "current_schema", Ret: name, Strict: true, Stable: true,
		Kernel: rowwise(func(r Row, out *vec.Column) error {
			return appendFound(out, true, func() (string, bool) {
				for _, s := range r.Env.schemas() {
					return s, true
				}
				return "", false
			})
		}), Doc: Doc{Summary: "Names the schema in which new relations are made."}})
	return append(fs, settingDecls()...)
}

// schemas are those of the search path that there are.
func (e *Env) schemas() []string {
	var out []string
	for _, s := range strings.Split(e.setting("search_path", "public"), ",") {
		s = strings.TrimSpace(s)
		if quoted, ok := strings.CutPrefix(s, `"`); ok {
			s = strings.ReplaceAll(strings.TrimSuffix(quoted, `"`), `""`, `"`)
		} else {
			s = strings.ToLower(s)
		}
		if s == "$user" {
			s = e.setting("leat.user", "leat")
		}
		if s != "" && (e.Catalog == nil || len(e.Catalog.Find("pg_namespace", "", s)) > 0) && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// settingOf reads a setting that must be there: one with a value, or one that is known and empty.
func (e *Env) settingOf(name string) (string, bool) {
	name = strings.ToLower(name)
	v := e.setting(name, "")
	if v != "" || e.Settings == nil {
		return v, v != ""
	}
	return "", slices.ContainsFunc(e.Settings(), func(s Setting) bool { return strings.EqualFold(s.Name, name) })
}

// settingDecls declares the functions of a session that take arguments, and the number of its process.
func settingDecls() []Scalar {
	text, name := types.Text, types.Name
	return []Scalar{
		{Name: "current_schemas", Args: in(types.Bool), Ret: types.ArrayOf(name), Strict: true, Stable: true,
			Kernel: rowwise(func(r Row, out *vec.Column) error {
				path := r.Env.schemas()
				if r.Bool(0) && !slices.Contains(path, "pg_catalog") {
					path = append([]string{"pg_catalog"}, path...)
				}
				for _, s := range path {
					out.Kids[0].AppendString(s)
				}
				out.CloseList()
				return nil
			}), Doc: Doc{Summary: "Lists the schemas that are searched for names."}},
		{Name: "current_setting", Args: in(text), Ret: text, Strict: true, Stable: true,
			Kernel: rowwise(func(r Row, out *vec.Column) error {
				v, ok := r.Env.settingOf(r.Text(0))
				if !ok {
					return sqlerr.New(sqlerr.UndefinedObject, "unrecognized configuration parameter %q", r.Text(0))
				}
				out.AppendString(v)
				return nil
			}), Doc: Doc{Summary: "Gives the value of a setting."}},
		{Name: "current_setting", Args: in(text, types.Bool), Ret: text, Strict: true, Stable: true,
			Kernel: rowwise(func(r Row, out *vec.Column) error {
				v, ok := r.Env.settingOf(r.Text(0))
				switch {
				case ok:
					out.AppendString(v)
				case r.Bool(1):
					out.AppendNull()
				default:
					return sqlerr.New(sqlerr.UndefinedObject, "unrecognized configuration parameter %q", r.Text(0))
				}
				return nil
			})},
		{Name: "pg_backend_pid", Ret: types.Int4, Strict: true, Stable: true,
			Kernel: func(c *Call, _ []*vec.Column, out *vec.Column) {
				pid, err := strconv.Atoi(c.Env.setting("leat.pid", ""))
				if err != nil {
					pid = os.Getpid()
				}
				out.AppendInt(int64(pid))
			}, Doc: Doc{Summary: "Gives the number of the session, by which it can be cancelled."}},
		{Name: "pg_typeof", Args: in(Any), Ret: types.Regtype, Stable: true,
			Resolve: func(args []types.Type) ([]types.Type, types.Type, bool) { return args, types.Regtype, len(args) == 1 },
			Kernel: rowwise(func(r Row, out *vec.Column) error {
				col, _ := r.Col(0)
				if col.Type.Kind == types.KindStruct {
					out.AppendInt(int64(types.RecordOID)) // which it is to a client
				} else {
					out.AppendInt(int64(base(col.Type).OID()))
				}
				return nil
			}), Doc: Doc{Summary: "Names the type of a value.", Examples: ex("pg_typeof(33)", "integer")}},
	}
}
