package fn

import (
	_ "embed" // for the list of keywords
	"strings"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// keywordLines are PostgreSQL's keywords, one a line, with what pg_get_keywords says of each.
//
//go:embed keywords.txt
var keywordLines string

// catalogTables declares the set-returning functions that clients ask of the system catalog.
func catalogTables() []Table {
	text, b := types.Text, types.Bool
	none := tablewise(func(Row, []*vec.Column) error { return nil })
	return []Table{
		{Name: "_pg_expandarray", Args: in(AnyArray), Strict: true,
			Cols:   []types.Field{{Name: "x", Type: AnyElement}, {Name: "n", Type: types.Int4}},
			Kernel: tablewise(expandArray),
			Doc: Doc{Category: "catalog", Summary: "Gives the elements of an array, numbered from 1. It is in " +
				"information_schema.", Examples: ex("_pg_expandarray(ARRAY[7,9])", "7,1; 9,2")}},
		{Name: "pg_get_keywords", Stable: true, Cols: []types.Field{{Name: "word", Type: text},
			{Name: "catcode", Type: types.CharByte}, {Name: "barelabel", Type: b}, {Name: "catdesc", Type: text},
			{Name: "baredesc", Type: text}}, Kernel: tablewise(keywords),
			Doc: Doc{Category: "catalog", Summary: "Lists PostgreSQL's keywords."}},
		{Name: "pg_show_all_settings", Stable: true, Cols: []types.Field{{Name: "name", Type: text},
			{Name: "setting", Type: text}, {Name: "unit", Type: text}, {Name: "category", Type: text},
			{Name: "short_desc", Type: text}, {Name: "extra_desc", Type: text}, {Name: "context", Type: text},
			{Name: "vartype", Type: text}, {Name: "source", Type: text}, {Name: "min_val", Type: text},
			{Name: "max_val", Type: text}, {Name: "enumvals", Type: types.ArrayOf(text)}, {Name: "boot_val", Type: text},
			{Name: "reset_val", Type: text}, {Name: "sourcefile", Type: text}, {Name: "sourceline", Type: types.Int4},
			{Name: "pending_restart", Type: b}}, Kernel: tablewise(allSettings),
			Doc: Doc{Category: "catalog", Summary: "Lists the settings of the session, as pg_settings does."}},
		{Name: "pg_partition_ancestors", Args: in(types.Regclass), Strict: true, Stable: true,
			Cols: []types.Field{{Name: "relid", Type: types.Regclass}}, Kernel: none,
			Doc: Doc{Category: "catalog", Summary: "Gives nothing: no relation is a part of another."}},
		{Name: "pg_partition_tree", Args: in(types.Regclass), Strict: true, Stable: true,
			Cols: []types.Field{{Name: "relid", Type: types.Regclass}, {Name: "parentrelid", Type: types.Regclass},
				{Name: "isleaf", Type: b}, {Name: "level", Type: types.Int4}}, Kernel: none,
			Doc: Doc{Category: "catalog", Summary: "Gives nothing: no relation has parts."}},
		{Name: "pg_available_extensions", Stable: true, Cols: []types.Field{{Name: "name", Type: types.Name},
			{Name: "default_version", Type: text}, {Name: "comment", Type: text}}, Kernel: none,
			Doc: Doc{Category: "catalog", Summary: "Gives nothing: there are no extensions."}},
		{Name: "pg_listening_channels", Stable: true, Cols: column(text),
			Kernel: tablewise(func(r Row, out []*vec.Column) error {
				if r.Env.Control != nil {
					for _, c := range r.Env.Control.Channels() {
						out[0].AppendString(c)
					}
				}
				return nil
			}), Doc: Doc{Category: "catalog", Summary: "Lists the channels that the session listens on."}},
		{Name: "pg_timezone_names", Stable: true, Cols: []types.Field{{Name: "name", Type: text},
			{Name: "abbrev", Type: text}, {Name: "utc_offset", Type: types.IntervalType}, {Name: "is_dst", Type: b}},
			Kernel: tablewise(zoneNames), Doc: Doc{Category: "catalog", Summary: "Lists the time zones there are."}},
	}
}

func expandArray(r Row, out []*vec.Column) error {
	a, lo, hi := r.List(0)
	for k := lo; k < hi; k++ {
		out[0].AppendFrom(a.Kids[0], k)
		out[1].AppendInt(int64(k - lo + 1))
	}
	return nil
}

func keywords(_ Row, out []*vec.Column) error {
	for _, line := range strings.Split(strings.TrimSpace(keywordLines), "\n") {
		f := strings.Split(line, "\t")
		out[0].AppendString(f[0])
		out[1].AppendString(f[1])
		out[2].AppendBool(f[2] == "t")
		out[3].AppendString(f[3])
		out[4].AppendString(f[4])
	}
	return nil
}

func allSettings(r Row, out []*vec.Column) error {
	if r.Env.Settings == nil {
		return nil
	}
	for _, s := range r.Env.Settings() {
		s.append(out)
	}
	return nil
}

// append adds the setting as a row of pg_settings.
func (s Setting) append(out []*vec.Column) {
	row := [...]string{0: s.Name, 1: s.Value, 2: s.Unit, 3: s.Group(), 4: s.Doc,
		9: s.Lowest, 10: s.Highest, 6: s.Context(), 7: s.Kind,
		8: s.Source(), 12: s.Initial, 13: s.Initial, 16: ""}
	for i, c := range out {
		switch {
		case i == len(out)-1:
			c.AppendBool(false)
		case i == settingWords && len(s.Words) > 0:
			for _, w := range s.Words {
				c.Kids[0].AppendString(w)
			}
			c.CloseList()
		case row[i] == "" && i > 1 && i != 12 && i != 13:
			c.AppendNull()
		default:
			c.AppendString(row[i])
		}
	}
}

// settingWords is the column of pg_settings with the words of an enumeration.
const settingWords = 11

// Context says who may set the setting, in PostgreSQL's words.
func (s Setting) Context() string {
	switch {
	case s.Who != "":
		return s.Who
	case s.Fixed:
		return "internal"
	}
	return "user"
}

// Group is the category of the setting.
func (s Setting) Group() string {
	if s.Category == "" {
		return "Leat"
	}
	return s.Category
}

// Source says where the value comes from, in PostgreSQL's words.
func (s Setting) Source() string {
	if s.Chosen {
		return "session"
	}
	return "default"
}
