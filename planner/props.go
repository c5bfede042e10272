package planner

import (
	"strings"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// knownProps are the properties that WITH takes, in the order the hint lists them.
var knownProps = []string{"kafka_topic", "partitions", "replicas", "placement", "format", "key_format", "value_format",
	"key_delimiter", "value_delimiter", "wrap_single_value", "timestamp", "timestamp_format", "window_type", "window_size",
	"retention", "retention_ms", "retention_bytes", "backfill_rate", StateSetting}

// registryProps are properties of ksqlDB about the formats of a schema registry.
var registryProps = map[string]bool{
	"key_schema_full_name": true, "value_schema_full_name": true, "value_avro_schema_full_name": true,
	"key_protobuf_nullable_representation": true, "value_protobuf_nullable_representation": true,
}

// laterProps are properties that are known and not done yet.
var laterProps = map[string]bool{
	"cleanup_policy": true, "key_schema_id": true, "value_schema_id": true,
}

// props are the properties of a WITH clause by their names.
type props map[string]prop

type prop struct {
	text string
	num  bool
	pos  int
}

// parseProps reads a WITH clause. Those of a query that is stored take no window of their own.
func parseProps(list []ast.Prop, query bool) (props, error) {
	ps := props{}
	for _, p := range list {
		key := strings.ToLower(p.Key)
		_, known := storageParameters[key]
		for _, k := range knownProps {
			known = known || k == key
		}
		switch {
		case laterProps[key]:
			return nil, refuse(p.Pos(), "the property %s", key)
		case registryProps[key]:
			return nil, sqlerr.At(p.Pos(), sqlerr.InvalidParameterValue,
				"property \"%s\" is for formats of a schema registry", key).WithHint("Leat has no such format.")
		case key == "infer" || key == "sample":
			if lit, ok := p.Val.(*ast.Lit); key == "infer" && ok && lit.Text == "false" {
				continue
			}
			return nil, sqlerr.At(p.Pos(), sqlerr.InvalidParameterValue,
				"property \"%s\" is for relations over a topic whose columns are inferred", key)
		case key == "sourced_by_connector": // says where the records come from; nothing follows from it
			continue
		case query && (key == "window_type" || key == "window_size"):
			return nil, sqlerr.At(p.Pos(), sqlerr.InvalidParameterValue,
				"property \"%s\" is not for a relation that a query makes", key).WithHint("Its windows are the query's.")
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

// Number gives the whole number that the value of a property is.
func Number(e ast.Expr) (n int64, ok bool) {
	lit, is := e.(*ast.Lit)
	if !is {
		return 0, false
	}
	return parseInt(lit.Text)
}

// bad is the error for a value that a property cannot have.
func (p prop) bad(key, want string) error {
	return sqlerr.At(p.pos, sqlerr.InvalidParameterValue, "invalid value for property \"%s\": \"%s\"", key, p.text).
		WithHint("%s", want)
}

// memory limits the memory for the state of a query.
func (ps props) memory(rel *catalog.Relation) error {
	p, ok := ps[StateSetting]
	if !ok {
		return nil
	}
	n, err := ParseBytes(p.text)
	if err != nil || rel.Query == "" {
		return p.bad(StateSetting, "It is how much memory the state of a query may take, as '64MB'; 0 for no limit.")
	}
	if rel.Settings == nil {
		rel.Settings = map[string]string{}
	}
	rel.Settings[StateSetting] = FormatBytes(n)
	return nil
}

// apply gives rel what the properties say, and the defaults of those that are not given.
func (ps props) apply(ctx *Context, rel *catalog.Relation, st *ast.Create) error {
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
	if err := ps.placement(rel); err != nil {
		return err
	}
	if err := ps.formats(ctx, rel, st); err != nil {
		return err
	}
	if err := ps.retention(rel); err != nil {
		return err
	}
	if p, ok := ps["backfill_rate"]; ok {
		if n, isInt := parseInt(p.text); !isInt || n < 0 || rel.Query == "" {
			return p.bad("backfill_rate", "It is how many rows a second a query takes in while it catches up, 0 for no limit.")
		}
		rel.Settings = map[string]string{"backfill_rate": p.text}
	}
	if err := ps.memory(rel); err != nil {
		return err
	}
	if err := ps.storage(rel, st.Props); err != nil {
		return err
	}
	return ps.timestamp(rel)
}

// placement says where the partitions of the topic are.
func (ps props) placement(rel *catalog.Relation) error {
	p, ok := ps["placement"]
	if !ok {
		return nil
	}
	rel.Placement = strings.ToLower(p.text)
	switch {
	case rel.Placement == catalog.Home:
	case rel.Placement != catalog.Spread:
		return p.bad("placement", "It is 'home', or 'spread' for partitions whose leaders are spread over the nodes.")
	case rel.Query != "":
		return sqlerr.At(p.pos, sqlerr.FeatureNotSupported, "what a query makes cannot be spread over the nodes").
			WithHint("All that a step of the queries writes is one entry of the log. What they read may be spread.")
	}
	return nil
}

// retention says how long rows are kept: those of a stream in its topic, of which -1 keeps all, those of a table or
// view in it.
func (ps props) retention(rel *catalog.Relation) error {
	if p, ok := ps["retention"]; ok {
		if err := p.keep(rel, ps); err != nil {
			return err
		}
	}
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
			return refuse(p.pos, key+" of a table or view").
				WithHint("retention = '1 day' is how long its rows stay, by their event times.")
		}
		*to = n
	}
	return nil
}

// keep sets for how long the rows of a relation stay.
func (p prop) keep(rel *catalog.Relation, ps props) error {
	ivl, err := types.ParseInterval(p.text)
	micros := ivl.Micros + (int64(ivl.Months)*30+int64(ivl.Days))*microsPerDay
	switch _, both := ps["retention_ms"]; {
	case err != nil || micros < 1000:
		return p.bad("retention", "It is an interval such as '1 day', of at least a millisecond.")
	case both:
		return sqlerr.At(p.pos, sqlerr.InvalidParameterValue, "cannot supply both \"retention\" and \"retention_ms\"")
	case rel.Kind == catalog.Stream:
		rel.RetentionMs = micros / 1000
	default:
		rel.KeepMs = micros / 1000
	}
	return nil
}

const microsPerDay = 24 * 60 * 60 * 1000000

// formats sets and checks the formats.
func (ps props) formats(ctx *Context, rel *catalog.Relation, st *ast.Create) error {
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
	// A query's stream or table may have the formats of its source already.
	given, err := ps.one(ctx, "value_format", "JSON", &rel.ValueFormat, &valuePos)
	if err != nil {
		return err
	}
	if given, err = ps.one(ctx, "key_format", "KAFKA", &rel.KeyFormat, &keyPos); err != nil {
		return err
	}
	_, both := ps["format"]
	switch {
	case len(rel.Key) == 0 && !given: // a stream made of this one takes over the format of the keys that it was given
		rel.KeyFormat = "NONE"
	case len(rel.Key) > 0 && rel.KeyFormat == "KAFKA" && ps["key_format"].text == "" && !both && !plainKey(rel) &&
		!rel.Ksql:
		rel.KeyFormat = "JSON"
	}
	if err := ps.delimiters(rel); err != nil {
		return err
	}
	if err := ps.wrapping(ctx, rel); err != nil {
		return err
	}
	if err := checkFormat(rel, rel.KeyFormat, true, keyPos); err != nil {
		return err
	}
	return checkFormat(rel, rel.ValueFormat, false, valuePos)
}

// one sets the format of the keys or the values: the property's, or that it has already, or the session's default, or
// usual. given tells whether it was anything but the last.
func (ps props) one(ctx *Context, key, usual string, to *string, pos *int) (given bool, err error) {
	p, said := ps[key]
	switch {
	case said:
		*pos = p.pos
	case *to != "" && !(*to == "NONE" && key == "key_format"):
		return true, nil
	default:
		p = prop{text: ctx.setting("ksql.persistence.default.format." + strings.TrimSuffix(key, "_format")), pos: *pos}
		if p.text == "" {
			*to = usual
			return false, nil
		}
	}
	*to, err = p.format(key)
	return true, err
}

// plainKey reports whether the key can be written in the KAFKA format: one column of a simple type.
func plainKey(rel *catalog.Relation) bool {
	key := rel.KeyColumns()
	return len(key) == 1 && kafkaType(rel.Columns[key[0]].Type)
}

func kafkaType(t types.Type) bool {
	switch t.Kind {
	case types.KindInt4, types.KindInt8, types.KindFloat8, types.KindText, types.KindVarchar, types.KindBytea,
		types.KindEnum:
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

// delimiters sets what separates the fields of DELIMITED keys and values.
func (ps props) delimiters(rel *catalog.Relation) error {
	for _, part := range []struct {
		prop, format string
		to           *string
	}{{"key_delimiter", rel.KeyFormat, &rel.KeyDelimiter}, {"value_delimiter", rel.ValueFormat, &rel.Delimiter}} {
		p, ok := ps[part.prop]
		switch {
		case part.format != "DELIMITED" && ok:
			return sqlerr.At(p.pos, sqlerr.InvalidParameterValue,
				"%s can only be used with the format DELIMITED, not with %s", part.prop, part.format)
		case part.format != "DELIMITED":
			*part.to = ""
		case ok:
			d, err := p.delimiter(part.prop)
			if err != nil {
				return err
			}
			*part.to = d
		case *part.to == "":
			*part.to = ","
		}
	}
	return nil
}

// delimiter reads the property value_delimiter or key_delimiter.
func (p prop) delimiter(key string) (string, error) {
	switch strings.ToUpper(p.text) {
	case "SPACE":
		return " ", nil
	case "TAB":
		return "\t", nil
	}
	if len([]rune(p.text)) != 1 || p.text == "\n" || p.text == "\"" {
		return "", p.bad(key, "A delimiter is one character, SPACE or TAB.")
	}
	return p.text, nil
}

// wrapping says whether a single column of the value stands there alone.
func (ps props) wrapping(ctx *Context, rel *catalog.Relation) error {
	p, ok := ps["wrap_single_value"]
	if !ok {
		rel.Unwrapped = off(ctx.setting("ksql.persistence.wrap.single.values")) && rel.ValueFormat == "JSON" &&
			len(rel.Columns)-len(rel.Key) == 1
		return nil
	}
	wrap := strings.EqualFold(p.text, "true")
	if !wrap && !strings.EqualFold(p.text, "false") {
		return p.bad("wrap_single_value", "It is true or false.")
	}
	if wrap && (rel.ValueFormat == "DELIMITED" || rel.ValueFormat == "KAFKA") || rel.ValueFormat == "NONE" {
		return sqlerr.At(p.pos, sqlerr.InvalidParameterValue, "wrap_single_value is not for the format %s", rel.ValueFormat)
	}
	if n := len(rel.ValueColumns()); n != 1 {
		return sqlerr.At(p.pos, sqlerr.InvalidParameterValue,
			"wrap_single_value is for values of one column; this one has %d", n)
	}
	rel.Unwrapped = !wrap && rel.ValueFormat == "JSON"
	return nil
}

// window sets how the keys of a relation over a windowed topic end: its bounds become columns of the key.
func (ps props) window(rel *catalog.Relation) error {
	kind, hasKind := ps["window_type"]
	size, hasSize := ps["window_size"]
	if !hasKind {
		if hasSize {
			return sqlerr.At(size.pos, sqlerr.InvalidParameterValue, "window_size needs the property window_type")
		}
		return nil
	}
	rel.WindowKind = strings.ToUpper(kind.text)
	switch rel.WindowKind {
	case "SESSION":
		if hasSize {
			return sqlerr.At(size.pos, sqlerr.InvalidParameterValue, "window_size is not for sessions")
		}
	case "TUMBLING", "HOPPING":
		if !hasSize {
			return sqlerr.At(kind.pos, sqlerr.InvalidParameterValue, "%s windows need the property window_size",
				strings.ToLower(rel.WindowKind))
		}
		if rel.WindowSizeMs = durationText(size.text); rel.WindowSizeMs <= 0 {
			return size.bad("window_size", "A size looks like '10 SECONDS'.")
		}
	default:
		return kind.bad("window_type", "The types are TUMBLING, HOPPING and SESSION.")
	}
	if len(rel.Key) == 0 {
		return sqlerr.At(kind.pos, sqlerr.InvalidParameterValue, "a windowed relation needs a key")
	}
	for _, name := range []string{"windowstart", "windowend"} {
		if rel.ColumnIndex(name) >= 0 {
			return sqlerr.At(kind.pos, sqlerr.InvalidTableDefinition,
				"column name \"%s\" is reserved for a pseudo column", name)
		}
		rel.Key = append(rel.Key, len(rel.Columns))
		rel.Columns = append(rel.Columns, catalog.Column{Name: name, Type: types.Int8})
	}
	rel.Windowed = true
	return nil
}

// durationText reads a duration such as "10 SECONDS" as milliseconds; -1 when it is none.
func durationText(s string) int64 {
	words := strings.Fields(s)
	if len(words) != 2 {
		return -1
	}
	n, ok := parseInt(words[0])
	unit := unitMillis[strings.TrimSuffix(strings.ToUpper(words[1]), "S")]
	if !ok || unit == 0 || n > (1<<62)/unit {
		return -1
	}
	return n * unit
}

// checkFormat checks that a format can hold the columns it is for.
func checkFormat(rel *catalog.Relation, format string, key bool, pos int) error {
	part := "value"
	if key {
		part = "key"
	}
	at := rel.ValueColumns()
	if key {
		at = rel.KeyColumns()
	}
	var cols []catalog.Column
	for _, pos := range at {
		cols = append(cols, rel.Columns[pos])
	}
	switch format {
	case "NONE":
		if len(cols) > 0 {
			return sqlerr.At(pos, sqlerr.InvalidParameterValue, "the %s format NONE cannot hold columns", part)
		}
	case "KAFKA":
		if len(cols) > 1 {
			return sqlerr.At(pos, sqlerr.InvalidParameterValue,
				"the format KAFKA holds a single column, the %s has %d", part, len(cols)).WithHint("Say %s_format = 'JSON'.", part)
		}
		for _, c := range cols {
			if !kafkaType(c.Type) {
				return sqlerr.At(pos, sqlerr.FeatureNotSupported,
					"the format KAFKA does not support type %s of column \"%s\"", c.Type, c.Name).
					WithHint("Say %s_format = 'JSON'.", part)
			}
		}
	case "DELIMITED":
		for _, c := range cols {
			if k := c.Type.Class(); k == types.ClassList || k == types.ClassMap || k == types.ClassStruct {
				return sqlerr.At(pos, sqlerr.FeatureNotSupported,
					"the format DELIMITED does not support type %s of column \"%s\"", c.Type, c.Name).
					WithHint("Say %s_format = 'JSON'.", part)
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
