package eval_test

import (
	"testing"

	"github.com/leatdb/leat/sql/sqlerr"
)

// TestKsqlFunctions evaluates what the examples of ksqlDB's functions leave out. A value that begins with ! is a
// SQLSTATE.
func TestKsqlFunctions(t *testing.T) {
	for _, c := range []struct{ sql, want string }{
		{"elt(NULL, 'a')", ""}, {"elt(0, 'a')", ""}, {"field(NULL, 'a')", "0"}, {"field('a', NULL, 'a')", "2"},
		{"instr('short', 'or', 4)", "0"},
		{"instr('corporate floor', 'or', 1, 3)", "14"},
		{"instr('abc', 'b', 0)", "0"},
		{"instr('corporate floor', 'or', -1, 2)", "5"},
		{"instr('aaa', 'a', 9)", "0"},
		{"instr('aaa', 'a', -9)", "0"},
		{"split('', '')", `{""}`}, {"split('äb', '')", "{ä,b}"}, {"split('a$$', '$$')", `{a,""}`},
		{`split('\x612462'::bytea, '\x24'::bytea)`, `{"\\x61","\\x62"}`},
		{"split_to_map('apple:green/banana:yellow', '&&', ':')", `{"apple": "green/banana"}`},
		{"split_to_map('a:1//b:2/', '/', ':')", `{"a": "1", "b": "2"}`}, {"split_to_map('a:1', '', ':')", ""},
		{`chr('\ud820\udeb8')`, "\U000182b8"}, {"chr('bogus')", "!22023"}, {`chr('\u00')`, "!22023"},
		{`concat('\x61'::bytea, NULL, '\x62'::bytea)`, `\x6162`},
		{`concat_ws('\x2c'::bytea, '\x61'::bytea, '\x62'::bytea)`, `\x612c62`},
		{`lpad('\x796573'::bytea, 8, '\x6e6f'::bytea)`, `\x6e6f6e6f6e796573`},
		{`rpad('\x7965'::bytea, 1, '\x6e'::bytea)`, `\x79`},
		{`lpad('\x79'::bytea, -1, '\x6e'::bytea)`, ""}, {`lpad('\x79'::bytea, 3, '\x'::bytea)`, ""},
		{"mask('AbC dé9', NULL, '*', '#', NULL)", "A*C **#"},
		{"mask_right('ab', 5)", "xx"},
		{"mask_left('ab', -1)", "!22023"},
		{"encode('0x578616d706C6521', 'hex', 'utf8')", "\x05xample!"}, {"encode('x''4578''', 'hex', 'ascii')", "Ex"},
		{"encode('0x0x', 'hex', 'utf8')", "!22P02"},
		{"encode('a', 'utf8', 'rot13')", "!22023"},
		{"encode('', 'hex', 'base64')", ""},
		{"to_bytes('ä!', 'ascii')", `\x3f21`}, {`int_from_bytes('\x01'::bytea)`, "!22P03"},
		{"regexp_extract('(.*) (.*)', 'agavra', 2)", ""},
		{"regexp_extract('a', 'a', 1)", ""},
		{"regexp_extract('(', 'a')", "!2201B"},
		{`regexp_extract_all('(\w+) (\w*)', 'apurva mehta agavra ', 2)`, `{mehta,""}`},
		{"regexp_extract_all('x', 'a')", "{}"},
		{"dateadd('months', 1, date '2020-01-31')", "2020-02-29"},
		{"dateadd('hour', -1, date '2020-01-01')", "2019-12-31"},
		{"timeadd('years', 1, time '00:00:00')", "!22023"},
		{"timeadd('milliseconds', -5, time '00:00:00')", "23:59:59.995"},
		{"timestampadd('days', 9223372036854775807, timestamp '2020-01-01')", "!22008"},
		{"dateadd('moons', 1, date '2020-01-01')", "!22023"},
		{"convert_tz(timestamp '1970-01-01 00:00:00.1', '+0200', '+0500')", "1970-01-01 03:00:00.1"},
		{"convert_tz(timestamp '2020-01-01', 'Nowhere', 'UTC')", "!22023"},
		{"format_time(time '00:00:00', 'yyyy')", "!22023"},
		{"parse_time('01:00:00 Pm', 'hh:mm:ss a')", "13:00:00"}, {"parse_time('x', 'HH')", "!22007"},
		{"round(-1.5::float8, 0)", "-1"}, {"round(2.5::float8, 0)", "3"}, {"round(-1.55::float8, 1)", "-1.5"},
		{"round(1234.5::float8, -2)", "1200"},
		{"trunc(-1.59::float8, 1)", "-1.5"},
		{"log(2::float8, 8::float8)", "3"},
		{"geo_distance(91, 0, 0, 0)", "!22023"},
		{"geo_distance(0, 0, 0, 0, 'LY')", "!22023"},
		{"geo_distance(0, 0, 0, 0, NULL)", "0"},
		{"array_max(ARRAY[NULL::int])", ""},
		{"array_sort(ARRAY[2,1], 'sideways')", ""},
		{"array_join(ARRAY[1.5::float8,1e10], NULL)", "1.51.0E10"},
		{"array_join(ARRAY[true,NULL])", "true,null"},
		{"slice(ARRAY[1,2,3], NULL, 2)", "{1,2}"},
		{"slice(ARRAY[1,2], 0, 1)", ""},
		{"generate_series(3, 1)", "{3,2,1}"},
		{"generate_series(1, 3, 0)", "!22023"},
		{"generate_series(1, 0, 1)", "{}"},
		{"generate_series(1, 9223372036854775807)", "!54000"}, {"array_except(ARRAY[1,NULL], ARRAY[NULL,2])", "{1}"},
		{"array_union(ARRAY[1], NULL::int[])", ""}, {"array_concat(NULL::int[], ARRAY[1])", "{1}"},
		{"array_distinct(ARRAY[ARRAY['a'],ARRAY['a']][1])", "{a}"}, {"map_union(NULL::text, NULL)", "!42883"},
		{"map_union(MAP('a' := 1), MAP('a' := 2.5))", `{"a": 2.5}`},
		{"as_map(ARRAY['a',NULL,'c'], ARRAY[1,2])", `{"a": 1}`},
		{"extractjsonfield('{\"array\": [1.23450]}', '$.array[0]')", "1.23450"},
		{"extractjsonfield('[1]', '$[-1]')", ""},
		{"extractjsonfield('nope', '$.a')", ""},
		{"extractjsonfield('{}', 'a')", "!22023"},
		{"extractjsonfield('{\"a b\": null}', '$[\"a b\"]')", ""},
		{"extractjsonfield('{\"a b\": {\"c\" : \"\\u00e4\" }}', '$[\"a b\"].c')", "ä"},
		{"json_array_length('{}')", ""},
		{"json_array_contains('[1.0, \"1\", null]', 1)", "t"}, {"json_array_contains('[null]', NULL)", "t"},
		{"json_array_contains('{}', 1)", "f"}, {"json_array_contains('[\"1\"]', 1)", "f"}, {"json_keys('[1]')", ""},
		{"json_concat('{\"a\": {\"5\": 6}}', '{\"a\": {\"3\": 4}}')", `{"a":{"3":4}}`},
		{"json_concat('null', 'null')", "[null,null]"},
		{"json_concat('[1, 2]', '{\"a\": 1}', '4')", `[1,2,{"a":1},4]`},
		{"json_concat('{\"a\": 1}', '[2]')", `[{"a":1},2]`},
		{"json_concat('1', '')", ""},
		{"json_concat('[]', '[]')", "[]"},
		{"is_json_string(NULL)", "f"},
		{"is_json_string('')", "f"},
		{"json_items('[]')", "{}"},
		{"json_records('{\"a\": {\"b\" : [1, 2]}, \"c\": \"x\", \"a\": 3}')", `{"a": "3", "c": "x"}`},
		{"to_json_string(NULL)", "null"},
		{"to_json_string(date '1972-09-27')", `"1972-09-27"`},
		{"to_json_string(1::float8)", "1.0"},
		{"to_json_string('NaN'::float8)", `"NaN"`}, {"to_json_string(MAP('a' := ARRAY[true]))", `{"a":[true]}`},
		{`to_json_string('\x61'::bytea)`, `"YQ=="`}, {"to_json_string('a\"b')", `"a\"b"`},
		{"url_extract_port('http://a.io')", ""},
		{"url_extract_path('http://a.io')", ""},
		{"url_extract_host('nothing')", ""},
		{"url_extract_host('http://[::1')", ""},
		{"url_extract_parameter('http://a.io?a&b=1', 'a')", ""},
		{"url_decode_param('%zz')", ""},
		{"url_decode_param('a+b')", "a b"}, {"reduce(ARRAY[1,2], NULL::int, (s, x) => s + x)", ""},
		{"reduce(NULL::int[], 2, (s, x) => s + x)", "2"}, {"reduce(ARRAY[1,2], 2, (s, x) => s / (x - 1))", "!22012"},
		{"transform(MAP('a' := 1, 'b' := 2), (k, v) => 'x', (k, v) => v)", "!22023"},
		{"filter(ARRAY[1,NULL], x => x > 0)", "{1}"},
		{"transform(ARRAY[1,2], x => transform(ARRAY[x,3], y => x * y)[2])", "{3,6}"},
	} {
		v, err := evaluate(c.sql)
		got := ""
		if err != nil {
			got = "!" + string(sqlerr.From(err).Code)
		} else {
			got = show(v)
		}
		if got != c.want {
			t.Errorf("%s = %q, want %q (%v)", c.sql, got, c.want, err)
		}
	}
}
