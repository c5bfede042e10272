package fn

import (
	"errors"

	"github.com/leatdb/leat/sql/jsonpath"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// pathDecls declares the tests and look-ups by a path of SQL/JSON. Those whose names end with _tz differ in PostgreSQL
// by what .datetime() may do, which there is not here.
func pathDecls() []Scalar {
	j, p := types.JSONB, types.JSONPath
	var fs []Scalar
	for _, d := range []struct {
		name, summary string
		ret           types.Type
		f             pathFunc
		examples      []Example
	}{
		{"jsonb_path_exists", "Tells whether a path of SQL/JSON finds anything.", types.Bool, pathExists,
			ex(`jsonb_path_exists('{"a":[1,2,3,4,5]}', '$.a[*] ? (@ >= $min && @ <= $max)', '{"min":2, "max":4}')`, "t")},
		{"jsonb_path_match", "Gives the value of a predicate of SQL/JSON.", types.Bool, pathMatch,
			ex(`jsonb_path_match('{"a":[1,2,3]}', 'exists($.a[*] ? (@ > 2))')`, "t")},
		{"jsonb_path_query_array", "Gives all that a path of SQL/JSON finds as an array.", j, pathArray,
			ex(`jsonb_path_query_array('{"a":[1,2,3]}', '$.a[*] ? (@ > 1)') ->> 1`, "3")},
		{"jsonb_path_query_first", "Gives the first that a path of SQL/JSON finds.", j, pathFirst,
			ex(`jsonb_path_query_first('{"a":[1,2,3]}', '$.a[*] ? (@ > 1)')`, "2")},
	} {
		for _, name := range []string{d.name, d.name + "_tz"} {
			for n := 2; n <= 4; n++ {
				doc := Doc{Category: "json", Summary: d.summary + " A fourth argument that is true leaves out errors.",
					Examples: d.examples}
				if name != d.name {
					doc = Doc{Category: "json", Summary: "Another name of " + d.name + "."}
				}
				if n > 2 {
					doc = Doc{Category: "json"}
				}
				fs = append(fs, Scalar{Name: name, Args: in(j, p, j, types.Bool)[:n], Ret: d.ret, Strict: true,
					Params: []string{"target", "path", "vars", "silent"}[:n], Default: "'{}'",
					Kernel: withPath(func(r Row) bool { return r.Args() > 3 && r.Bool(3) }, d.f), Doc: doc})
			}
		}
	}
	silent := func(Row) bool { return true }
	return append(fs,
		Scalar{Name: "@?", Args: in(j, p), Ret: types.Bool, Strict: true, Kernel: withPath(silent, pathExists),
			Doc: Doc{Summary: "Tells whether a path of SQL/JSON finds anything.",
				Examples: ex(`'{"a":[1,2,3]}'::jsonb @? '$.a[*] ? (@ > 2)'`, "t")}},
		Scalar{Name: "@@", Args: in(j, p), Ret: types.Bool, Strict: true, Kernel: withPath(silent, pathMatch),
			Doc: Doc{Summary: "Gives the value of a predicate of SQL/JSON.",
				Examples: ex(`'{"a":[1,2,3]}'::jsonb @@ '$.a[*] > 2'`, "t")}})
}

// pathTableDecls declares what gives all that a path finds as rows.
func pathTableDecls() []Table {
	j, p := types.JSONB, types.JSONPath
	var fs []Table
	for _, name := range []string{"jsonb_path_query", "jsonb_path_query_tz"} {
		for n := 2; n <= 4; n++ {
			doc := Doc{Category: "json"}
			if n == 2 {
				doc.Summary = "Gives all that a path of SQL/JSON finds."
				doc.Examples = ex(name+`('{"a":[1,2,3]}', '$.a[*] ? (@ > 1)')`, "2; 3")
			}
			fs = append(fs, Table{Name: name, Args: in(j, p, j, types.Bool)[:n], Cols: column(j), Strict: true, Doc: doc,
				Kernel: tablewise(func(r Row, out []*vec.Column) error {
					var cache pathCache
					found, err := cache.query(r, r.Args() > 3 && r.Bool(3))
					if err != nil {
						return err
					}
					for _, n := range found {
						out[0].AppendBytes(n.Append(nil))
					}
					return nil
				})})
		}
	}
	return fs
}

// silenced leaves out an error that a silent call does not report, and gives one that it does as it is told.
func silenced(err error, silent bool) error {
	var soft *pathError
	switch {
	case !errors.As(err, &soft):
		return err
	case silent:
		return nil
	}
	return soft.err
}

// A pathFunc appends what it makes of a path. An error may be a pathError.
type pathFunc = func(c *pathCache, r Row, silent bool, out *vec.Column) error

// withPath makes a kernel of a function over a path. A silent one gives NULL where the path fails.
func withPath(silent func(r Row) bool, f pathFunc) Kernel {
	return func(c *Call, args []*vec.Column, out *vec.Column) {
		var cache pathCache
		rowwise(func(r Row, out *vec.Column) error {
			err := f(&cache, r, silent(r), out)
			if err == nil {
				return nil
			}
			if err = silenced(err, silent(r)); err == nil {
				out.AppendNull()
			}
			return err
		})(c, args, out)
	}
}

// pathCache holds the path read last: it is nearly always constant.
type pathCache struct {
	text string
	path *jsonpath.Path
}

// run prepares the path of argument 1 over the value of argument 0.
func (c *pathCache) run(r Row) (*pathRun, error) {
	if text := r.Bytes(1); c.path == nil || c.text != string(text) {
		path, err := types.ReadJSONPath(string(text))
		if err != nil {
			return nil, err
		}
		c.text, c.path = string(text), path
	}
	v, err := types.ReadJSONB(r.Text(0))
	if err != nil {
		return nil, err
	}
	run := &pathRun{root: &v, vars: &types.JSONNode{}, strict: c.path.Strict, lenient: !c.path.Strict}
	if r.Args() > 2 {
		vars, err := types.ReadJSONB(r.Text(2))
		if err != nil {
			return nil, err
		}
		if run.vars = &vars; vars.Kind != '{' {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "\"vars\" argument is not an object").
				WithDetail("Jsonpath parameters should be encoded as key-value pairs of \"vars\" object.")
		}
	}
	return run, nil
}

// query gives all that a path finds; a silent one what it finds before it fails.
func (c *pathCache) query(r Row, silent bool) ([]*types.JSONNode, error) {
	run, err := c.run(r)
	if err != nil {
		return nil, err
	}
	found, err := run.collect(c.path.Root, run.root, false)
	if err != nil {
		err = silenced(err, silent)
	}
	return found, err
}

func pathExists(c *pathCache, r Row, _ bool, out *vec.Column) error {
	run, err := c.run(r)
	if err != nil {
		return err
	}
	found, err := run.any(c.path.Root, run.root)
	if err == nil {
		out.AppendBool(found)
	}
	return err
}

func pathMatch(c *pathCache, r Row, silent bool, out *vec.Column) error {
	found, err := c.query(r, silent)
	if err != nil {
		return err
	}
	if len(found) == 1 {
		switch found[0].Kind {
		case 't', 'f':
			out.AppendBool(found[0].Kind == 't')
			return nil
		case 'n':
			out.AppendNull()
			return nil
		}
	}
	return pathFail(singletonRequired, "single boolean result is expected")
}

func pathArray(c *pathCache, r Row, silent bool, out *vec.Column) error {
	found, err := c.query(r, silent)
	if err != nil {
		return err
	}
	all := types.JSONNode{Kind: '['}
	for _, n := range found {
		all.Elems = append(all.Elems, *n)
	}
	out.AppendBytes(all.Append(nil))
	return nil
}

func pathFirst(c *pathCache, r Row, silent bool, out *vec.Column) error {
	found, err := c.query(r, silent)
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		out.AppendNull()
	default:
		out.AppendBytes(found[0].Append(nil))
	}
	return nil
}
