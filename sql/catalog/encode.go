package catalog

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// documentVersion is the version of the JSON documents that Encode writes. A reader refuses later ones.
const documentVersion = 1

// document is a Relation as it is kept in the control group. Fields are only ever added; one whose meaning changes
// takes a new name and a new version.
type document struct {
	Version     int               `json:"v"`
	ID          uint32            `json:"id"`
	Schema      string            `json:"schema"`
	Name        string            `json:"name"`
	Kind        Kind              `json:"kind"`
	Columns     []columnDocument  `json:"columns"`
	Key         []int             `json:"key,omitempty"`
	Topic       string            `json:"topic,omitempty"`
	Partitions  int               `json:"partitions,omitempty"`
	KeyFormat   string            `json:"key_format,omitempty"`
	ValueFormat string            `json:"value_format,omitempty"`
	Delimiter   string            `json:"delimiter,omitempty"`
	TimeColumn  *int              `json:"time_column,omitempty"`
	TimeFormat  string            `json:"time_format,omitempty"`
	Windowed    bool              `json:"windowed,omitempty"`
	KeyDelim    string            `json:"key_delimiter,omitempty"`
	Unwrapped   bool              `json:"unwrapped,omitempty"`
	WindowKind  string            `json:"window_kind,omitempty"`
	WindowSize  int64             `json:"window_size_ms,omitempty"`
	Ksql        bool              `json:"ksql,omitempty"`
	ReadOnly    bool              `json:"read_only,omitempty"`
	Layout      int               `json:"layout,omitempty"`
	History     []int64           `json:"history,omitempty"`
	KeyName     string            `json:"key_name,omitempty"`
	Uniques     []Unique          `json:"uniques,omitempty"`
	Checks      []Check           `json:"checks,omitempty"`
	Foreign     []Foreign         `json:"foreign,omitempty"`
	Indexes     []Index           `json:"indexes,omitempty"`
	Indexed     int               `json:"indexed,omitempty"`
	Since       int64             `json:"since,omitempty"`
	Query       string            `json:"query,omitempty"`
	Statement   string            `json:"statement,omitempty"`
	QueryID     string            `json:"query_id,omitempty"`
	Reads       []uint32          `json:"reads,omitempty"`
	Uses        []uint32          `json:"uses,omitempty"`
	Target      uint32            `json:"target,omitempty"`
	Settings    map[string]string `json:"settings,omitempty"`
	Terminated  bool              `json:"terminated,omitempty"`
	Paused      bool              `json:"paused,omitempty"`
	OwnsTopic   bool              `json:"owns_topic,omitempty"`
	RetentionMs int64             `json:"retention_ms,omitempty"`
	RetentionB  int64             `json:"retention_bytes,omitempty"`
	Created     int64             `json:"created,omitempty"`
	Comment     string            `json:"comment,omitempty"`
	Owner       string            `json:"owner,omitempty"`
	State       uint32            `json:"state,omitempty"`
	Next        *document         `json:"next,omitempty"`
	Was         *document         `json:"was,omitempty"`
	Options     []string          `json:"options,omitempty"`
	OnError     ErrorPolicy       `json:"on_error,omitzero"`
	Numbers     *Numbers          `json:"numbers,omitempty"`
	KeepMs      int64             `json:"keep_ms,omitempty"`
	Placement   string            `json:"placement,omitempty"`
	Part        uint32            `json:"part,omitempty"`
	Labels      []types.EnumLabel `json:"labels,omitzero"`
	Domain      *Domain           `json:"domain,omitempty"`
}

type columnDocument struct {
	Name     string       `json:"name"`
	Type     typeDocument `json:"type"`
	NotNull  bool         `json:"not_null,omitempty"`
	Headers  bool         `json:"headers,omitempty"`
	Header   string       `json:"header,omitempty"`
	Comment  string       `json:"comment,omitempty"`
	Default  string       `json:"default,omitempty"`
	Identity string       `json:"identity,omitempty"`
	Field    string       `json:"field,omitempty"`
	Computed string       `json:"generated,omitempty"`
	Domain   uint32       `json:"domain,omitempty"`
}

// typeDocument is a type in a document. A simple type is a string, its PostgreSQL name; an array is {"array": type}, a
// map {"map": [type, type]}, a struct {"struct": [{"name": …, "type": …}]}, so that no field name needs quoting; an
// enum {"enum": identity}.
type typeDocument struct{ types.Type }

type fieldDocument struct {
	Name string       `json:"name"`
	Type typeDocument `json:"type"`
}

type nestedDocument struct {
	Array  *typeDocument   `json:"array,omitempty"`
	Map    []typeDocument  `json:"map,omitempty"`
	Struct []fieldDocument `json:"struct,omitempty"`
	Enum   string          `json:"enum,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (t typeDocument) MarshalJSON() ([]byte, error) {
	switch t.Kind {
	case types.KindArray:
		return json.Marshal(nestedDocument{Array: &typeDocument{t.Elem()}})
	case types.KindMap:
		return json.Marshal(nestedDocument{Map: []typeDocument{{t.Key()}, {t.Elem()}}})
	case types.KindEnum:
		return json.Marshal(nestedDocument{Enum: t.Identity()})
	case types.KindStruct:
		fields := []fieldDocument{}
		for _, f := range t.Fields() {
			fields = append(fields, fieldDocument{f.Name, typeDocument{f.Type}})
		}
		return json.Marshal(struct {
			Struct []fieldDocument `json:"struct"`
		}{fields})
	default:
		return json.Marshal(t.String())
	}
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *typeDocument) UnmarshalJSON(src []byte) error {
	if len(src) > 0 && src[0] == '"' {
		var name string
		if err := json.Unmarshal(src, &name); err != nil {
			return corrupt("type: %s", err)
		}
		return t.simple(name)
	}
	var n nestedDocument
	if err := json.Unmarshal(src, &n); err != nil {
		return corrupt("type: %s", err)
	}
	switch {
	case n.Array != nil:
		t.Type = types.ArrayOf(n.Array.Type)
	case n.Enum != "":
		t.Type = types.EnumOf(n.Enum)
	case len(n.Map) == 2:
		t.Type = types.MapOf(n.Map[0].Type, n.Map[1].Type)
	case n.Struct != nil:
		fields := make([]types.Field, len(n.Struct))
		for i, f := range n.Struct {
			fields[i] = types.Field{Name: f.Name, Type: f.Type.Type}
		}
		t.Type = types.StructOf(fields...)
	default:
		return corrupt("type: %s", src)
	}
	return nil
}

// simpleTypes are the types that are not nested, without modifiers.
var simpleTypes = func() map[string]types.Type {
	m := map[string]types.Type{}
	for _, t := range []types.Type{
		types.Unknown, types.Bool, types.Int2, types.Int4, types.Int8, types.Float4, types.Float8, types.Numeric,
		types.Text, types.Varchar, types.Char, types.Name, types.CharByte, types.Bytea, types.Date, types.Time,
		types.Timestamp, types.TimestampTZ, types.IntervalType, types.UUID, types.JSON, types.JSONB, types.OID,
		types.Regclass, types.Regtype, types.Regproc, types.Regnamespace, types.Regrole, types.Void,
		types.Inet, types.CIDR, types.LSN, types.XID, types.XID8, types.Regprocedure, types.Regoper, types.Regoperator,
		types.Regcollation, types.Regconfig, types.Regdict,
	} {
		m[t.String()] = t
	}
	return m
}()

// simple sets t to the type that String spells as name.
func (t *typeDocument) simple(name string) error {
	base, args := name, ""
	if open := strings.IndexByte(name, '('); open >= 0 {
		end := strings.IndexByte(name, ')')
		if end < open {
			return corrupt("type %q", name)
		}
		base, args = strings.TrimSpace(name[:open])+name[end+1:], name[open+1:end]
	}
	got, ok := simpleTypes[base]
	if !ok {
		return corrupt("type %q", name)
	}
	t.Type = got
	if args == "" {
		return nil
	}
	var nums []int
	for _, a := range strings.Split(args, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(a))
		if err != nil {
			return corrupt("type %q", name)
		}
		nums = append(nums, n)
	}
	switch {
	case got.Kind == types.KindNumeric && len(nums) == 2:
		t.Type = types.NumericOf(nums[0], nums[1])
	case len(nums) == 1 && (got.Kind == types.KindVarchar || got.Kind == types.KindChar):
		t.Type = got.WithMod(int32(nums[0] + 4))
	case len(nums) == 1:
		t.Type = got.WithMod(int32(nums[0]))
	default:
		return corrupt("type %q", name)
	}
	return nil
}

// Encode returns r as the JSON document that the control group keeps.
func Encode(r *Relation) ([]byte, error) { return json.Marshal(documentOf(r)) }

// documentOf returns nil for nil.
func documentOf(r *Relation) *document {
	if r == nil {
		return nil
	}
	d := &document{
		Version: documentVersion, ID: r.ID, Schema: r.Schema, Name: r.Name, Kind: r.Kind, Key: r.Key,
		Topic: r.Topic, Partitions: r.Partitions, KeyFormat: r.KeyFormat, ValueFormat: r.ValueFormat,
		Delimiter: r.Delimiter, TimeColumn: &r.TimeColumn, TimeFormat: r.TimeFormat, Windowed: r.Windowed,
		Query: r.Query, Statement: r.Statement, QueryID: r.QueryID, Reads: r.Reads, Settings: r.Settings,
		Terminated: r.Terminated, OwnsTopic: r.OwnsTopic, Created: r.Created,
		RetentionMs: r.RetentionMs, RetentionB: r.RetentionBytes, Placement: r.Placement,
		KeyDelim: r.KeyDelimiter, Unwrapped: r.Unwrapped, WindowKind: r.WindowKind, WindowSize: r.WindowSizeMs,
		ReadOnly: r.ReadOnly, Uses: r.Uses, Comment: r.Comment, Layout: r.Layout, History: r.History, Owner: r.Owner,
		KeyName: r.KeyName, Uniques: r.Uniques, Checks: r.Checks, Foreign: r.Foreign, Indexes: r.Indexes,
		Indexed: r.Indexed, Since: r.Since,
		Target: r.Target, Paused: r.Paused, Ksql: r.Ksql, State: r.State, Next: documentOf(r.Next), Was: documentOf(r.Was),
		Options: r.Options, OnError: r.OnError, Numbers: r.Numbers, KeepMs: r.KeepMs, Part: r.Part,
		Labels: r.Labels, Domain: r.Domain,
		Columns: make([]columnDocument, len(r.Columns)),
	}
	for i, c := range r.Columns {
		d.Columns[i] = columnDocument{c.Name, typeDocument{c.Type}, c.NotNull, c.Headers, c.Header, c.Comment,
			c.Default, c.Identity, c.Field, c.Generated, c.Domain}
	}
	return d
}

// Decode returns the relation that Encode wrote.
func Decode(src []byte) (*Relation, error) {
	d := document{}
	if err := json.Unmarshal(src, &d); err != nil {
		return nil, corrupt("%s", err)
	}
	return d.relation()
}

func (d *document) relation() (*Relation, error) {
	if d.Version < 1 || d.Version > documentVersion {
		return nil, corrupt("version %d", d.Version)
	}
	r := &Relation{
		ID: d.ID, Schema: d.Schema, Name: d.Name, Kind: d.Kind, Key: d.Key, Topic: d.Topic,
		Partitions: d.Partitions, KeyFormat: d.KeyFormat, ValueFormat: d.ValueFormat, Delimiter: d.Delimiter,
		TimeColumn: -1, TimeFormat: d.TimeFormat, Windowed: d.Windowed, Query: d.Query, Statement: d.Statement,
		QueryID: d.QueryID, Reads: d.Reads, Settings: d.Settings, Terminated: d.Terminated, OwnsTopic: d.OwnsTopic,
		RetentionMs: d.RetentionMs, RetentionBytes: d.RetentionB, Placement: d.Placement,
		Created: d.Created, KeyDelimiter: d.KeyDelim, Unwrapped: d.Unwrapped, WindowKind: d.WindowKind,
		WindowSizeMs: d.WindowSize, ReadOnly: d.ReadOnly, Uses: d.Uses, Comment: d.Comment,
		Layout: d.Layout, History: d.History, KeyName: d.KeyName, Uniques: d.Uniques, Checks: d.Checks, Indexes: d.Indexes,
		Indexed: d.Indexed, Since: d.Since,
		Target: d.Target, Owner: d.Owner, Paused: d.Paused, Ksql: d.Ksql, State: d.State, Options: d.Options,
		OnError: d.OnError, Numbers: d.Numbers, KeepMs: d.KeepMs, Part: d.Part, Foreign: d.Foreign,
		Labels: d.Labels, Domain: d.Domain,
	}
	for _, o := range []struct {
		d *document
		r **Relation
	}{{d.Next, &r.Next}, {d.Was, &r.Was}} {
		if o.d != nil {
			var err error
			if *o.r, err = o.d.relation(); err != nil {
				return nil, err
			}
		}
	}
	if d.TimeColumn != nil {
		r.TimeColumn = *d.TimeColumn
	}
	for _, c := range d.Columns {
		r.Columns = append(r.Columns, Column{Name: c.Name, Type: c.Type.Type, NotNull: c.NotNull,
			Headers: c.Headers, Header: c.Header, Comment: c.Comment, Default: c.Default, Identity: c.Identity,
			Field: c.Field, Generated: c.Computed, Domain: c.Domain})
	}
	if r.TimeColumn < -1 || r.TimeColumn >= len(r.Columns) {
		return nil, corrupt("time column %d of %d", r.TimeColumn, len(r.Columns))
	}
	for _, k := range r.Key {
		if k < 0 || k >= len(r.Columns) {
			return nil, corrupt("key column %d of %d", k, len(r.Columns))
		}
	}
	return r, nil
}

func corrupt(format string, args ...any) error {
	return sqlerr.New(sqlerr.DataCorrupted, "corrupt catalog document: "+format, args...)
}
