package catalog

import (
	"encoding/json"
	"sort"

	"github.com/leatdb/leat/sql/types"
)

// Function is a function of CREATE FUNCTION … LANGUAGE SQL: a query over its parameters, which is put in where the
// function is called.
type Function struct {
	ID      uint32 // of the same count as those of relations
	Schema  string
	Name    string
	Params  []Parameter
	Returns types.Type
	// Columns are those of RETURNS TABLE, or the one of RETURNS SETOF; nil for a function that gives one value.
	Columns []Column
	// Body is the text of the query, Statement that of the whole statement.
	Body      string
	Statement string
	Strict    bool   // NULL for a NULL argument, without looking further
	Path      string // the search_path it was made with: where the names of its body are looked for
	Created   int64  // microseconds since 1970-01-01 UTC
	Comment   string // of COMMENT ON
	Owner     string // the role that made it, "" for the first superuser
}

// Parameter is a parameter of a Function. Default is the text of an expression, "" for none.
type Parameter struct {
	Name    string
	Type    types.Type
	Default string
}

// Types lists the types of the parameters.
func (f *Function) Types() []types.Type {
	ts := make([]types.Type, len(f.Params))
	for i, p := range f.Params {
		ts[i] = p.Type
	}
	return ts
}

// Signature is the function's name with the types of its parameters.
func (f *Function) Signature() string {
	s := f.Name + "("
	for i, p := range f.Params {
		if i > 0 {
			s += ", "
		}
		s += p.Type.String()
	}
	return s + ")"
}

// Mentions reports whether a parameter or the result is of type t, or has it as a part.
func (f *Function) Mentions(t types.Type) bool {
	for _, p := range f.Params {
		if p.Type.Contains(t) {
			return true
		}
	}
	for _, c := range f.Columns {
		if c.Type.Contains(t) {
			return true
		}
	}
	return f.Returns.Contains(t)
}

// Schema is a namespace of CREATE SCHEMA.
type Schema struct {
	Name    string `json:"name"`
	Comment string `json:"comment,omitempty"`
	Created int64  `json:"created,omitempty"`
	Owner   string `json:"owner,omitempty"` // the role that made it, "" for the first superuser
}

// With returns s with functions and schemas added, which must not change afterwards.
func (s *Snapshot) With(functions []*Function, schemas []*Schema) *Snapshot {
	out := *s
	out.functions = map[qualified][]*Function{}
	sort.Slice(functions, func(i, j int) bool { return functions[i].ID < functions[j].ID })
	for _, f := range functions {
		at := qualified{f.Schema, f.Name}
		out.functions[at] = append(out.functions[at], f)
	}
	out.schemas = schemas
	sort.Slice(schemas, func(i, j int) bool { return schemas[i].Name < schemas[j].Name })
	return &out
}

// Functions returns the functions of that schema and name, the oldest first. The slice is shared: do not change it.
func (s *Snapshot) Functions(schema, name string) []*Function {
	return s.functions[qualified{schema, name}]
}

// AllFunctions returns every function in the order of their names.
func (s *Snapshot) AllFunctions() []*Function {
	var out []*Function
	for _, fs := range s.functions {
		out = append(out, fs...)
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Name != out[j].Name {
			return out[i].Name < out[j].Name
		}
		return out[i].ID < out[j].ID
	})
	return out
}

// HasSchema reports whether CREATE SCHEMA has made a schema of that name.
func (s *Snapshot) HasSchema(name string) bool {
	for _, had := range s.schemas {
		if had.Name == name {
			return true
		}
	}
	return false
}

// Schemas returns the schemas of CREATE SCHEMA in the order of their names. The slice is shared: do not change it.
func (s *Snapshot) Schemas() []*Schema { return s.schemas }

type functionDocument struct {
	Version   int                 `json:"v"`
	ID        uint32              `json:"id"`
	Schema    string              `json:"schema"`
	Name      string              `json:"name"`
	Params    []parameterDocument `json:"params,omitempty"`
	Returns   typeDocument        `json:"returns"`
	Columns   []columnDocument    `json:"columns,omitempty"`
	Body      string              `json:"body"`
	Statement string              `json:"statement"`
	Strict    bool                `json:"strict,omitempty"`
	Path      string              `json:"path,omitempty"`
	Created   int64               `json:"created,omitempty"`
	Comment   string              `json:"comment,omitempty"`
	Owner     string              `json:"owner,omitempty"`
}

type parameterDocument struct {
	Name    string       `json:"name,omitempty"`
	Type    typeDocument `json:"type"`
	Default string       `json:"default,omitempty"`
}

// EncodeFunction returns f as the JSON document that the control group keeps.
func EncodeFunction(f *Function) ([]byte, error) {
	d := functionDocument{Version: documentVersion, ID: f.ID, Schema: f.Schema, Name: f.Name,
		Returns: typeDocument{f.Returns}, Body: f.Body, Statement: f.Statement, Strict: f.Strict, Path: f.Path,
		Created: f.Created, Comment: f.Comment, Owner: f.Owner}
	for _, p := range f.Params {
		d.Params = append(d.Params, parameterDocument{p.Name, typeDocument{p.Type}, p.Default})
	}
	for _, c := range f.Columns {
		d.Columns = append(d.Columns, columnDocument{Name: c.Name, Type: typeDocument{c.Type}})
	}
	return json.Marshal(d)
}

// DecodeFunction returns the function that EncodeFunction wrote.
func DecodeFunction(src []byte) (*Function, error) {
	var d functionDocument
	if err := json.Unmarshal(src, &d); err != nil {
		return nil, corrupt("%s", err)
	}
	if d.Version < 1 || d.Version > documentVersion {
		return nil, corrupt("version %d", d.Version)
	}
	f := &Function{ID: d.ID, Schema: d.Schema, Name: d.Name, Returns: d.Returns.Type, Body: d.Body,
		Statement: d.Statement, Strict: d.Strict, Path: d.Path, Created: d.Created, Comment: d.Comment, Owner: d.Owner}
	for _, p := range d.Params {
		f.Params = append(f.Params, Parameter{p.Name, p.Type.Type, p.Default})
	}
	for _, c := range d.Columns {
		f.Columns = append(f.Columns, Column{Name: c.Name, Type: c.Type.Type})
	}
	return f, nil
}
