package planner

import (
	"strings"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// knownProps are the properties that WITH takes, in the order the hint lists them.
var knownProps = []string{"kafka_topic", "partitions", "replicas", "format", "key_format", "value_format",
	"value_delimiter", "timestamp", "timestamp_format", "retention_ms", "retention_bytes"}

// laterProps are properties of ksqlDB that are known and not done yet.
var laterProps = map[string]bool{
	"wrap_single_value": true, "key_delimiter": true, "cleanup_policy": true,
	"window_type": true, "window_size": true, "key_schema_id": true, "value_schema_id": true,
	"key_schema_full_name": true, "value_schema_full_name": true, "value_avro_schema_full_name": true,
	"key_protobuf_nullable_representation": true, "value_protobuf_nullable_representation": true,
	"sourced_by_connector": true, "query_id": true, "infer": true,
}

// props are the properties of a WITH clause by their names.
type props map[string]prop

type prop struct {
	text string
	num  bool
	pos  int
}

// parseProps reads a WITH clause.
func parseProps(list []ast.Prop) (props, error) {
	ps := props{}
	for _, p := range list {
		key := strings.ToLower(p.Key)
		known := false
		for _, k := range knownProps {
			known = known || k == key
		}
		if laterProps[key] {
			return nil, refuse(p.Pos(), "the property %s", key)
		}
		if !known {
			err := sqlerr.At(p.Pos(), sqlerr.InvalidParameterValue, "unrecognized property \"%s\"", key).
				WithHint("The properties are %s.", strings.Join(knownProps, ", "))
			return nil, err
		}
		if _, twice := ps[key]; twice {
			return nil, sqlerr.At(p.Pos(), sqlerr.SyntaxError, "property \"%s\" specified more than once", key)
		}
		v := prop{pos: p.Pos()}
		switch x := p.Val.(type) {
		case *ast.Lit:
			v.text, v.num, v.pos = x.Text, x.Kind == ast.LitInt, x.Pos()
		case *ast.ColRef:
			v.text, v.pos = strings.Join(x.Name, "."), x.Pos()
		default:
			return nil, sqlerr.At(p.Val.Pos(), sqlerr.InvalidParameterValue, "property \"%s\" must be a literal", key)
		}
		ps[key] = v
	}
	return ps, nil
}

// bad is the error for a value that a property cannot have.
func (p prop) bad(key, want string) error {
	return sqlerr.At(p.pos, sqlerr.InvalidParameterValue, "invalid value for property \"%s\": \"%s\"", key, p.text).
		WithHint("%s", want)
}

// apply gives rel what the properties say, and the defaults of those that are not given.
func (ps props) apply(rel *catalog.Relation, st *ast.Create) error {
	if p, ok := ps["kafka_topic"]; ok {
		if p.text == "" || len(p.text) > 249 {
			return p.bad("kafka_topic", "A topic's name has between 1 and 249 characters.")
		}
		for _, c := range []byte(p.text) {
			if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
				return p.bad("kafka_topic", "A topic's name is made of letters, digits, dots, underscores and hyphens.")
			}
		}
		rel.Topic = p.text
	}
	if p, ok := ps["partitions"]; ok {
		n, isInt := parseInt(p.text)
		if !isInt || n < 1 || n > 10000 {
			return p.bad("partitions", "The number of partitions is between 1 and 10000.")
		}
		rel.Partitions = int(n)
	}
	if p, ok := ps["replicas"]; ok && p.text != "1" {
		if n, isInt := parseInt(p.text); !isInt || n < 1 {
			return p.bad("replicas", "The number of replicas is 1.")
		}
		return refuse(p.pos, "more than one replica")
	}
	if err := ps.formats(rel, st); err != nil {
		return err
	}
	if err := ps.retention(rel); err != nil {
		return err
	}
	return ps.timestamp(rel)
}

// retention says how much of its topic a stream keeps; -1 stands for all of it.
func (ps props) retention(rel *catalog.Relation) error {
	for key, to := range map[string]*int64{"retention_ms": &rel.RetentionMs, "retention_bytes": &rel.RetentionBytes} {
		p, ok := ps[key]
		if !ok {
			continue
		}
		n, isInt := parseInt(p.text)
		switch {
		case p.text == "-1":
			continue
		case !isInt || n < 1:
			return p.bad(key, "It is a positive number, or -1 to keep everything.")
		case rel.Kind != catalog.Stream:
			return refuse(p.pos, key+" of a table or view")
		}
		*to = n
	}
	return nil
}

// formats sets and checks the formats.
func (ps props) formats(rel *catalog.Relation, st *ast.Create) error {
	rel.KeyFormat, rel.ValueFormat = "KAFKA", "JSON"
	keyPos, valuePos := st.Name.Pos(), st.Name.Pos()
	if p, ok := ps["format"]; ok {
		for _, other := range []string{"key_format", "value_format"} {
			if q, both := ps[other]; both {
				return sqlerr.At(q.pos, sqlerr.InvalidParameterValue, "cannot supply both \"%s\" and \"format\"", other)
			}
		}
		f, err := p.format("format")
		if err != nil {
			return err
		}
		rel.KeyFormat, rel.ValueFormat, keyPos, valuePos = f, f, p.pos, p.pos
	}
	if p, ok := ps["value_format"]; ok {
		f, err := p.format("value_format")
		if err != nil {
			return err
		}
		rel.ValueFormat, valuePos = f, p.pos
	}
	p, said := ps["key_format"]
	if said {
		f, err := p.format("key_format")
		if err != nil {
			return err
		}
		rel.KeyFormat, keyPos = f, p.pos
	}
	_, said2 := ps["format"]
	if !said && !said2 && !plainKey(rel) {
		rel.KeyFormat = "JSON"
	}
	if len(rel.Key) == 0 {
		rel.KeyFormat = "NONE"
	}
	if p, ok := ps["value_delimiter"]; ok {
		if err := p.delimiter(rel); err != nil {
			return err
		}
	} else if rel.ValueFormat == "DELIMITED" {
		rel.Delimiter = ","
	}
	if err := checkFormat(rel, rel.KeyFormat, true, keyPos); err != nil {
		return err
	}
	return checkFormat(rel, rel.ValueFormat, false, valuePos)
}

// plainKey reports whether the key can be written in the KAFKA format: one column of a simple type.
func plainKey(rel *catalog.Relation) bool {
	return len(rel.Key) == 1 && kafkaType(rel.Columns[rel.Key[0]].Type)
}

func kafkaType(t types.Type) bool {
	switch t.Kind {
	case types.KindInt4, types.KindInt8, types.KindFloat8, types.KindText, types.KindVarchar, types.KindBytea:
		return true
	}
	return false
}

// format reads the name of a format.
func (p prop) format(key string) (string, error) {
	name := strings.ToUpper(p.text)
	switch name {
	case "JSON", "DELIMITED", "KAFKA", "NONE":
		return name, nil
	case "AVRO", "PROTOBUF", "PROTOBUF_NOSR", "JSON_SR":
		return "", refuse(p.pos, "the format %s", name)
	}
	return "", p.bad(key, "The formats are JSON, DELIMITED, KAFKA and NONE.")
}

// delimiter reads the property value_delimiter.
func (p prop) delimiter(rel *catalog.Relation) error {
	if rel.ValueFormat != "DELIMITED" {
		return sqlerr.At(p.pos, sqlerr.InvalidParameterValue,
			"value_delimiter can only be used with the format DELIMITED, not with %s", rel.ValueFormat)
	}
	switch strings.ToUpper(p.text) {
	case "SPACE":
		rel.Delimiter = " "
	case "TAB":
		rel.Delimiter = "\t"
	default:
		if len([]rune(p.text)) != 1 || p.text == "\n" || p.text == "\"" {
			return p.bad("value_delimiter", "A delimiter is one character, SPACE or TAB.")
		}
		rel.Delimiter = p.text
	}
	return nil
}

// checkFormat checks that a format can hold the columns it is for.
func checkFormat(rel *catalog.Relation, format string, key bool, pos int) error {
	part := "value"
	if key {
		part = "key"
	}
	var cols []catalog.Column
	for i, c := range rel.Columns {
		if rel.IsKey(i) == key {
			cols = append(cols, c)
		}
	}
	switch format {
	case "NONE":
		if len(cols) > 0 {
			return sqlerr.At(pos, sqlerr.InvalidParameterValue, "the %s format NONE cannot hold columns", part)
		}
	case "KAFKA":
		if len(cols) > 1 {
			return sqlerr.At(pos, sqlerr.InvalidParameterValue,
				"the format KAFKA holds a single column, the %s has %d", part, len(cols)).WithHint("Use the format JSON.")
		}
		for _, c := range cols {
			if !kafkaType(c.Type) {
				return sqlerr.At(pos, sqlerr.FeatureNotSupported,
					"the format KAFKA does not support type %s of column \"%s\"", c.Type, c.Name).
					WithHint("Use the format JSON.")
			}
		}
	case "DELIMITED":
		for _, c := range cols {
			if k := c.Type.Class(); k == types.ClassList || k == types.ClassMap || k == types.ClassStruct {
				return sqlerr.At(pos, sqlerr.FeatureNotSupported,
					"the format DELIMITED does not support type %s of column \"%s\"", c.Type, c.Name).
					WithHint("Use the format JSON.")
			}
		}
	}
	return nil
}

// timestamp sets the column of the event time.
func (ps props) timestamp(rel *catalog.Relation) error {
	f, hasFormat := ps["timestamp_format"]
	p, ok := ps["timestamp"]
	if !ok {
		if hasFormat {
			return sqlerr.At(f.pos, sqlerr.InvalidParameterValue, "timestamp_format needs the property timestamp")
		}
		return nil
	}
	i := rel.ColumnIndex(p.text)
	if i < 0 {
		i = rel.ColumnIndex(strings.ToLower(p.text))
	}
	if i < 0 {
		err := sqlerr.At(p.pos, sqlerr.UndefinedColumn, "column \"%s\" named as timestamp does not exist", p.text)
		var names []string
		for _, c := range rel.Columns {
			names = append(names, c.Name)
		}
		if near, ok := catalog.Nearest(p.text, names); ok {
			err = err.WithHint("Perhaps you meant to reference the column \"%s\".", near)
		}
		return err
	}
	t := rel.Columns[i].Type
	switch t.Kind {
	case types.KindInt8, types.KindTimestamp, types.KindTimestampTZ, types.KindDate:
		if hasFormat {
			return sqlerr.At(f.pos, sqlerr.InvalidParameterValue,
				"timestamp_format can only be used when the timestamp column is text, not %s", t)
		}
	case types.KindText, types.KindVarchar:
	default:
		return sqlerr.At(p.pos, sqlerr.DatatypeMismatch,
			"column \"%s\" of type %s cannot be the event time", p.text, t).
			WithHint("Use bigint (milliseconds), timestamp, timestamptz, date or text.")
	}
	rel.TimeColumn = i
	if hasFormat {
		if f.text == "" {
			return f.bad("timestamp_format", "A format looks like 'yyyy/MM/dd HH:mm'.")
		}
		rel.TimeFormat = f.text
	}
	return nil
}
