//go:build clients

package planner_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/leatdb/leat/internal/pgtest"
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// leaves are expressions without parts, by the type they mostly have. Some are of none: literals that are read as the
// type that their place asks for.
var leaves = map[string]string{
	"bool":   "true|false|NULL::bool|'yes'|'off'::bool|'t'|NULL",
	"int2":   "0::int2|7::int2|(-3)::int2|32767::int2|(-32768)::int2|'12'::int2",
	"int4":   "0|1|-1|2|3|5|10|60|1999|2147483647|(-2147483648)|NULL::int|'7'|' 42 '::int|NULL",
	"int8":   "0::int8|12::int8|9223372036854775807|(-9223372036854775807-1)|4000000000|'-5'::int8",
	"float4": "0::float4|1.5::float4|'NaN'::float4|(-2.25)::float4|3e38::float4|1e-40::float4|0.1::float4|'1e5'::real",
	"float8": "0::float8|0.5::float8|2.5::float8|(-1.5)::float8|'NaN'::float8|'Infinity'::float8|'-Infinity'::float8|1e300::float8|" +
		"1e-300::float8|100::float8|0.1::float8|'-0'::float8|'1e-5'",
	"numeric": "0.0|1.10|-2.5|42.4382|1e20|'NaN'::numeric|'Infinity'::numeric|0.001|99999999999999999999.99|3.0|-0.75|12345.678|" +
		"1e-10|2.5::numeric(3,1)|123.456::numeric(10,2)|'1.5'|'-7.25'::numeric",
	"text": "''::text|'abc'::text|'Hello World'::text|'äöü ß'::text|'a,b,c'::text|'a%b_c'::text|' x '::text|'123'::text|'TRUE'::text|" +
		"'2001-02-03'::text|'abc'|'x'|NULL|E'tab\\tnew\\n'|'1 day'::text|'{1,2}'::text",
	"varchar": "'var'::varchar|'varchar'::varchar(3)|''::varchar",
	"char":    "'ch'::char(4)|'x'::char(1)|'ab '::char(3)|' '::char(2)",
	"name":    "'nm'::name|'some_name'::name",
	"bytea":   `'\x00ff10'::bytea|''::bytea|'abc'::bytea|'\x61'`,
	"date": "date '2001-02-16'|date '2024-02-29'|date '1969-12-31'|date 'infinity'|date '0044-03-15 BC'|'2000-12-31'::date|" +
		"'January 8, 1999'::date|'19990108'::date|'1999.008'::date|'J2451187'::date|'08-Jan-99'::date|'2001-02-30'::date|'5874897-12-31'::date",
	"time": "time '00:00'|time '20:38:40.12'|time '23:59:59.999999'|time '24:00'|'04:05 PM'::time|'040506'::time|time(1) '01:02:03.456'",
	"timestamp": "timestamp '2001-02-16 20:38:40.12'|timestamp '2024-02-29 23:59:59.999999'|timestamp '1969-12-31 01:02:03'|" +
		"timestamp '-infinity'|timestamp '0044-03-15 12:00 BC'|'Mon Feb 10 17:32:01 1997'::timestamp|'19970210 173201'::timestamp|" +
		"'2001-02-16 20:38'|timestamp(0) '2001-02-16 20:38:40.5'|'292276-12-31 23:59:59'::timestamp|'epoch'::timestamp|'1997-02-29'::timestamp",
	"timestamptz": "timestamptz '2001-02-16 20:38:40.12+01'|timestamptz '1969-07-20 20:17:40Z'|timestamptz 'infinity'|" +
		"'2001-02-16 20:38:40 America/New_York'::timestamptz|'1997-02-10 17:32:01 PST'::timestamptz|'2001-02-16 20:38:40.12+05:30'",
	"interval": "interval '1 day'|interval '1 year 2 mons -3 days 04:05:06.789'|interval '-1 month'|interval '0'|interval '35 days 27 hours'|" +
		"interval '15 minutes'|interval '-13 months -1 day -00:00:01'|'P1Y2M3DT4H5M6.7S'::interval|'1-2'::interval|'1 12:59:10'::interval|" +
		"interval '1.5' month|'@ 1 minute ago'::interval|interval '3' day|interval '1:30' hour to minute|'1.75 weeks'::interval",
	"uuid": "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid|'{a0eebc999c0b4ef8bb6d6bb9bd380a11}'::uuid|'x'::uuid",
	"json": `'{"a": 1, "b": [1, 2]}'::json|'[1, "x", null]'::json|'null'::json|'"s"'::json|'{'::json`,
	"jsonb": `'{"a": 1, "b": [1, 2]}'::jsonb|'[1, "x", null, {"k": true}]'::jsonb|'null'::jsonb|'"s"'::jsonb|'12.50'::jsonb|` +
		`'{"b":1,"a":2,"b":3}'::jsonb|'true'::jsonb`,
	"int4[]":    "ARRAY[1,2,3]|'{}'::int[]|ARRAY[2,NULL]|'{4,5}'::int[]|ARRAY[]::int[]|NULL::int[]",
	"text[]":    `ARRAY['a','b']|'{}'::text[]|'{"a b",NULL,c}'::text[]|ARRAY['x',NULL]|string_to_array('p,q', ',')`,
	"numeric[]": "ARRAY[1.5,2]|'{0.10,NULL}'::numeric[]",
	"date[]":    "ARRAY[date '2001-02-16', NULL]|'{2001-01-01,infinity}'::date[]",
}

// templates are expressions with parts, by type.
var templates = map[string]string{
	"bool": "{x} = {x}|{x} <> {x}|{x} < {x}|{x} >= {x}|NOT {bool}|{bool} AND {bool}|{bool} OR {bool}|{any} IS NULL|{any} IS NOT NULL|" +
		"{x} IS DISTINCT FROM {x}|{x} IS NOT DISTINCT FROM {x}|{x} IN ({x}, {x})|{x} NOT IN ({x}, {x}, {x})|{x} BETWEEN {x} AND {x}|" +
		"{x} NOT BETWEEN {x} AND {x}|{x} BETWEEN SYMMETRIC {x} AND {x}|{text} LIKE {pattern}|{text} NOT LIKE {pattern}|{text} ILIKE {pattern}|" +
		"{text} SIMILAR TO {similar}|{text} NOT SIMILAR TO {similar}|{bool} IS TRUE|{bool} IS NOT FALSE|{bool} IS UNKNOWN|" +
		"({int4}, {text}) = ({int8}, {varchar})|({int4}, {date}) < ({numeric}, {timestamp})|({x}, {int4}) >= ({x}, {int2})|" +
		"{int4} = ANY ({int4[]})|{text} = ANY ({text[]})|{int4} > ALL ({int4[]})|{text} <> ALL (ARRAY[{text}, {text}])|" +
		"{int4[]} @> {int4[]}|{int4[]} && ARRAY[{int4}]|{text[]} <@ {text[]}|{jsonb} @> {jsonb}|{jsonb} ? {text}|starts_with({text}, {text})|" +
		"({date}, {interval}) OVERLAPS ({date}, {date})|{mix} = {mix}|{mix} < {mix}|{text} ~ {regex}|{text} ~* {regex}|isfinite({date})",
	"int2": "{int2} + {int2}|{int2} * {int2}|- {int2}|{int2} % {int2}|({x})::int2|{int2} & {int2}|~ {int2}|{int2} << {int4}",
	"int4": "{int4} + {int4}|{int4} - {int2}|{int4} * {int4}|{int4} / {int4}|{int4} % {int4}|- {int4}|abs({int4})|{int4} # {int4}|{int4} | {int4}|" +
		"{int4} >> {int4}|length({text})|strpos({text}, {text})|{date} - {date}|({any})::int|ascii({text})|array_length({int4[]}, 1)|" +
		"octet_length({text})|({int4[]})[{int4}]|cardinality({text[]})|array_position({int4[]}, {int4})|mod({int4}, {int4})|position({text} in {text})",
	"int8":   "{int8} + {int4}|{int8} * {int8}|{int8} - {int8}|{int8} / {int2}|({x})::int8|- {int8}|abs({int8})|gcd({int8}, {int4})|{int8} % {int8}",
	"float4": "{float4} + {float4}|{float4} * {float4}|{float4} / {float4}|({x})::float4|- {float4}",
	"float8": "{float8} + {float8}|{float8} * {float4}|{float8} / {float8}|{float8} - {int4}|({any})::float8|sqrt({float8})|floor({float8})|" +
		"round({float8})|abs({float8})|{float8} ^ {float8}|sign({float8})|date_part('day', {timestamp})|ceil({float8})|trunc({float8})|power({int4}, {int2})",
	"numeric": "{numeric} + {numeric}|{numeric} - {int4}|{numeric} * {numeric}|{numeric} / {numeric}|{numeric} % {numeric}|- {numeric}|" +
		"round({numeric}, {int4})|trunc({numeric}, 2)|({any})::numeric|({x})::numeric(8,3)|abs({numeric})|floor({numeric})|sign({numeric})|" +
		"extract(epoch from {timestamp})|extract(year from {date})|extract(hour from {interval})|div({numeric}, {numeric})|scale({numeric})|" +
		"extract(dow from {timestamptz})|extract(millennium from {timestamp})|sqrt({numeric})|({x})::numeric(4)|{int8} + {numeric}",
	"text": "{text} || {text}|{text} || {any}|{int4} || {text}|upper({char})|lower({name})|substring({text} from {int4} for {int4})|trim({text})|" +
		"replace({text}, {text}, {text})|({any})::text|left({text}, {int4})|lpad({text}, 5, {text})|repeat({text}, 2)|split_part({text}, ',', {int4})|" +
		"concat({any}, {any})|coalesce({text}, {varchar})|overlay({text} placing {text} from 2)|reverse({text})|{jsonb} ->> {text}|{json} ->> {int4}|" +
		"to_char({numeric}, '999.9')|to_char({timestamp}, 'YYYY-MM-DD HH24')|array_to_string({text[]}, ',')|format('%s-%s', {any}, {int4})|" +
		"md5({text})|encode({bytea}, 'hex')|quote_literal({text})|concat_ws('-', {text}, {any})|({text[]})[1]|translate({text}, 'ab', 'x')|" +
		"substring({text} from {regex})|initcap('ab cd')|rpad({text}, {int2}::int)|btrim({text}, {text})",
	"varchar": "({any})::varchar|({text})::varchar(2)|{varchar}::varchar(1)",
	"char":    "({text})::char(3)|({int4})::char(5)|({x})::bpchar",
	"name":    "({text})::name",
	"bytea":   "{bytea} || {bytea}|convert_to({text}, 'UTF8')|decode('abcd', 'hex')|substring({bytea} from 1 for 2)|sha256({bytea})|({text})::bytea",
	"date":    "{date} + {int4}|{date} - {int2}::int|({timestamp})::date|({text})::date|make_date({int4}, {int4}, {int4})|({timestamptz})::date|to_date({text}, 'YYYY-MM-DD')",
	"time":    "({timestamp})::time|{time} + {interval}|({text})::time|({interval})::time|make_time({int4}, 5, 6.5)|({x})::time(0)",
	"timestamp": "{timestamp} + {interval}|{timestamp} - {interval}|{date} + {time}|{date} + {interval}|date_trunc('month', {timestamp})|" +
		"({date})::timestamp|({text})::timestamp|{timestamptz} AT TIME ZONE 'America/New_York'|date_bin('15 minutes', {timestamp}, timestamp '2001-01-01')|" +
		"({timestamptz})::timestamp|({x})::timestamp(2)|date_trunc('week', {timestamp})",
	"timestamptz": "{timestamptz} + {interval}|{timestamptz} - {interval}|({timestamp})::timestamptz|{timestamp} AT TIME ZONE 'Europe/Berlin'|" +
		"to_timestamp({float8})|date_trunc('day', {timestamptz})|({text})::timestamptz|({date})::timestamptz",
	"interval": "{timestamp} - {timestamp}|{interval} + {interval}|{interval} * {float8}|{interval} / {float8}|- {interval}|{time} - {time}|" +
		"age({timestamp}, {timestamp})|justify_hours({interval})|justify_interval({interval})|({text})::interval|{timestamptz} - {timestamptz}|" +
		"({time})::interval|make_interval(days => {int2}::int)|date_trunc('hour', {interval})|({x})::interval",
	"uuid": "({text})::uuid",
	"json": "to_json({any})|json_build_array({any}, {any})|json_build_object('k', {any})|{json} -> 'a'|{json} -> 0|array_to_json({int4[]})",
	"jsonb": "to_jsonb({any})|jsonb_build_array({any}, {any})|{jsonb} -> 'b'|{jsonb} || {jsonb}|{jsonb} - 'a'|{jsonb} #> '{b,0}'|jsonb_set({jsonb}, '{a}', {jsonb})|" +
		"({json})::jsonb|jsonb_strip_nulls({jsonb})|{jsonb} - {int4}|jsonb_path_query_first({jsonb}, '$.b[*]')",
	"int4[]": "{int4[]} || {int4[]}|{int4[]} || {int4}|array_append({int4[]}, {int4})|({text[]})::int[]|ARRAY[{int4}, {int4}]|array_remove({int4[]}, {int4})|" +
		"({int4[]})[1:2]|trim_array({int4[]}, 1)|array_prepend({int4}, {int4[]})|({text})::int[]",
	"text[]":    "{text[]} || {text}|ARRAY[{text}, {varchar}]|({int4[]})::text[]|string_to_array({text}, ',')|regexp_split_to_array({text}, {regex})|array_cat({text[]}, {text[]})",
	"numeric[]": "ARRAY[{numeric}, {int4}]|({int4[]})::numeric[]",
	"date[]":    "ARRAY[{date}, {date}]|({text[]})::date[]",
}

// anywhere are forms that every type has: T is the type.
const anywhere = "CASE WHEN {bool} THEN {T} ELSE {T} END|CASE {int4} WHEN {int4} THEN {T} WHEN {int2} THEN {T} END|COALESCE({T}, {T})|" +
	"NULLIF({T}, {T})|GREATEST({T}, {T})|LEAST({T}, {T}, {T})|CAST({T} AS {name})|(ARRAY[{T}, {T}])[{int4}]"

var (
	typeList = strings.Fields("bool int2 int4 int8 float4 float8 numeric text varchar char name bytea date time timestamp timestamptz interval uuid json " +
		"jsonb int4[] text[] numeric[] date[]")
	place = regexp.MustCompile(`\{[a-zTx0-9]+(\[\])?\}`)
	// mixed are types that are compared with one another.
	mixed = []string{"int2 int4 int8 float4 float8 numeric", "text varchar char name", "date timestamp timestamptz", "json jsonb text", "time interval"}
)

func pick(rng *rand.Rand, from string) string {
	words := strings.Split(from, "|")
	return words[rng.IntN(len(words))]
}

// pickTemplate is pick among templates, where || and | are operators.
func pickTemplate(rng *rand.Rand, from string) string {
	const concat, or = "\x01", "\x02"
	from = strings.ReplaceAll(strings.ReplaceAll(from, " || ", concat), " | ", or)
	return strings.NewReplacer(concat, " || ", or, " | ").Replace(pick(rng, from))
}

// expression writes an expression that mostly has the type.
func expression(rng *rand.Rand, typ string, depth int) string {
	if rng.IntN(40) == 0 {
		typ = typeList[rng.IntN(len(typeList))]
	}
	if depth <= 0 || rng.IntN(5) == 0 {
		return pick(rng, leaves[typ])
	}
	t := pickTemplate(rng, templates[typ])
	if rng.IntN(5) == 0 {
		t = pickTemplate(rng, anywhere)
		if strings.HasPrefix(t, "(ARRAY") && strings.HasSuffix(typ, "[]") { // arrays of arrays are other things there
			t = "COALESCE({T}, {T})"
		}
	}
	same := typeList[rng.IntN(len(typeList))]
	group := strings.Fields(mixed[rng.IntN(len(mixed))])
	t = place.ReplaceAllStringFunc(t, func(m string) string {
		switch of := m[1 : len(m)-1]; of {
		case "T":
			return expression(rng, typ, depth-1)
		case "name":
			if strings.HasPrefix(t, "CAST") {
				return typ
			}
			return expression(rng, of, depth-1)
		case "x":
			return expression(rng, same, depth-1)
		case "mix":
			return expression(rng, group[rng.IntN(len(group))], depth-1)
		case "any":
			return expression(rng, typeList[rng.IntN(len(typeList))], depth-1)
		case "pattern":
			return pick(rng, "'a%'|'%b%'|'_'|'%'|''|'a\\%b_c'|'Hello%'|NULL|'%\\'")
		case "similar":
			return []string{"'a%'", "'(a|b)%'", "'%[0-9]+'", "'_bc'", "'a{1,2}b?%'", "''", "'%(l|o)+ %'"}[rng.IntN(7)]
		case "regex":
			return []string{"'a'", "'^[A-Z]'", "'b.*'", "'[0-9]+'", "'(l+)o'", "'x|y'", "''", "'\\d'", "'('"}[rng.IntN(9)]
		default:
			return expression(rng, of, depth-1)
		}
	})
	return "(" + t + ")"
}

// planned evaluates an expression as a query's.
func planned(expr string) (v types.Value, err error) {
	stmts, err := parse.Parse("SELECT " + expr + " AS x")
	if err != nil {
		return v, err
	}
	env := &fn.Env{Now: 1_700_000_000_000_000, Setting: func(name string) string {
		return map[string]string{"timezone": "UTC", "user": "leat"}[name]
	}}
	ctx := &planner.Context{Catalog: catalog.New(1, nil), Env: env}
	q, err := planner.Query(ctx, stmts[0].Stmt.(*ast.QueryStmt).Q)
	if err != nil {
		return v, err
	}
	p, ok := q.Root.(*plan.Project)
	if !ok {
		return v, fmt.Errorf("the plan is a %T", q.Root)
	}
	return eval.EvalConst(env, p.Exprs[0])
}

// TestExpressions compares value, type, NULL and SQLSTATE of random expressions with PostgreSQL.
func TestExpressions(t *testing.T) {
	cfg, err := pgx.ParseConfig(pgtest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	n, seed := 6000, uint64(1)
	if s := os.Getenv("LEAT_DIFF"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	if s := os.Getenv("LEAT_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	rng := rand.New(rand.NewPCG(seed, 2))
	bad, fail := 0, 0
	for k := range n {
		x := expression(rng, typeList[k%len(typeList)], 1+rng.IntN(3))
		diff, failed := compare(conn, x)
		if failed {
			fail++
		}
		if diff != "" && !excused(x, diff) {
			if bad++; bad <= 80 {
				t.Errorf("%s: %s", x, diff)
			}
		}
	}
	t.Logf("%d expressions, of which %d fail; %d differ", n, fail, bad)
}

// excused are differences that docs/compatibility.md lists.
func excused(expr, diff string) bool {
	switch {
	case strings.Contains(diff, "is not unique"), // there are more types there
		strings.Contains(diff, "comparison function for type json"): // it is refused before its arguments are looked at
		return true
	case strings.Contains(diff, "postgres fails with 22"): // a constant that nobody needs, which it computes beforehand
		return strings.Contains(expr, "CASE") || strings.Contains(expr, " IN (") || strings.Contains(expr, "= (") ||
			strings.Contains(expr, "< (") || strings.Contains(expr, " OR ") || strings.Contains(expr, " AND ") ||
			strings.Contains(expr, ")[")
	case strings.Contains(diff, "got error 42") && strings.Contains(diff, ", postgres 22"):
		return strings.Contains(expr, "ARRAY[") // whose elements it reads before it looks at the rest
	case strings.HasPrefix(diff, "got error") && strings.Contains(diff, ", postgres NULL"):
		return strings.Count(expr, "(") > 3 // an operand of a subscript or function that has a NULL beside it
	case strings.Contains(diff, "###"), strings.Contains(diff, `time zone "x61"`), // punctuation is no time
		strings.HasPrefix(expr, "(age(") && strings.Contains(expr, "infinity"), // which it takes for a number
		strings.Contains(expr, "- (-2147483648)"):                              // whose signs it folds
		return true
	case strings.Contains(diff, "got error 22") && strings.Contains(diff, ", postgres 22"):
		return strings.Count(expr, "(") > 5 // two faults, and which is found first
	}
	return false
}

// compare describes how the two differ.
func compare(conn *pgx.Conn, expr string) (diff string, failed bool) {
	var typ string
	var val *string
	err := conn.QueryRow(context.Background(), "SELECT pg_typeof(x)::text, x::text FROM (SELECT "+expr+" AS x) AS t").Scan(&typ, &val)
	var res *pgconn.PgError
	if err != nil && !errors.As(err, &res) {
		return "postgres: " + err.Error(), true
	}
	got, gotErr := planned(expr)
	want := "NULL"
	if val != nil {
		want = strconv.Quote(*val)
	}
	shown := string(types.AppendText(nil, got, types.Env{}))
	switch {
	case res != nil && gotErr == nil:
		return fmt.Sprintf("got %q (%s), postgres fails with %s %s", shown, got.Type, res.Code, res.Message), true
	case res != nil:
		if e := sqlerr.From(gotErr); string(e.Code) != res.Code {
			return fmt.Sprintf("got error %s %s, postgres %s %s", e.Code, e.Message, res.Code, res.Message), true
		}
		return "", true
	case gotErr != nil:
		return fmt.Sprintf("got error %v, postgres %s (%s)", gotErr, want, typ), false
	case got.Type.Base().String() != typ && !(got.Type.Kind == types.KindArray && baseArray(got.Type) == typ):
		return fmt.Sprintf("got type %s, postgres %s", got.Type, typ), false
	case got.Null != (val == nil):
		return fmt.Sprintf("got %q null %v, postgres %s", shown, got.Null, want), false
	case got.Null:
		return "", false
	}
	text := *val
	switch got.Type.Kind {
	case types.KindBool:
		text = text[:1]
	case types.KindChar: // the cast to text cuts blanks
		shown = strings.TrimRight(shown, " ")
	}
	if shown != text && !(got.Type.Kind == types.KindFloat8 && near(shown, text)) {
		return fmt.Sprintf("got %q, postgres %q", shown, text), false
	}
	return "", false
}

func baseArray(t types.Type) string { return t.Elem().Base().String() + "[]" }

// near reports whether two floats differ in the last digits only: libraries do not agree on transcendental functions.
func near(a, b string) bool {
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	return err1 == nil && err2 == nil && math.Abs(x-y) <= 2e-15*math.Abs(x)
}
