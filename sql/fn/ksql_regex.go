package fn

import (
	"regexp"
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// ksqlRegexDecls declares ksqlDB's functions over regular expressions, which are Java's as far as Go has them: of the
// alternatives that match the first wins.
func ksqlRegexDecls() []Scalar {
	text, i4 := types.Text, types.Int4
	texts := types.ArrayOf(text)
	return []Scalar{
		{Name: "regexp_extract", Args: in(text, text), Ret: text, Strict: true, Kernel: javaRegex(0, regexpExtract),
			Doc: Doc{Category: "pattern", Summary: "Gives the first match of a regular expression, the first argument, or a " +
				"group of it; NULL when there is none.", Examples: ex("regexp_extract('(.*) (.*)', 'hello there', 2)", "there")}},
		{Name: "regexp_extract", Args: in(text, text, i4), Ret: text, Strict: true, Kernel: javaRegex(0, regexpExtract)},
		{Name: "regexp_extract_all", Args: in(text, text), Ret: texts, Strict: true,
			Kernel: javaRegex(0, regexpExtractAll),
			Doc: Doc{Summary: "Gives every match of a regular expression, the first argument, or a group of each.",
				Examples: ex("regexp_extract_all('te.', 'test tea')", "{tes,tea}")}},
		{Name: "regexp_extract_all", Args: in(text, text, i4), Ret: texts, Strict: true,
			Kernel: javaRegex(0, regexpExtractAll)},
	}
}

// javaRegex compiles argument pattern, once for as long as it stays the same, and calls f for every row.
func javaRegex(pattern int, f func(r Row, re *regexp.Regexp, out *vec.Column) error) Kernel {
	return func(c *Call, args []*vec.Column, out *vec.Column) {
		var last string
		var re *regexp.Regexp
		rowwise(func(r Row, out *vec.Column) error {
			if p := r.Bytes(pattern); re == nil || last != string(p) {
				var err error
				last = string(p)
				if re, err = regexp.Compile(last); err != nil {
					re = nil
					return sqlerr.New(sqlerr.InvalidRegularExpression, "invalid regular expression: %s",
						strings.TrimPrefix(err.Error(), "error parsing regexp: "))
				}
			}
			return f(r, re, out)
		})(c, args, out)
	}
}

// group is the third argument, the whole match without one; ok is false when the expression has no such group.
func group(r Row, re *regexp.Regexp) (g int, ok bool) {
	if r.Args() > 2 {
		if n := r.Int(2); n < 0 || n > int64(re.NumSubexp()) {
			return 0, false
		}
		g = int(r.Int(2))
	}
	return g, true
}

func regexpExtract(r Row, re *regexp.Regexp, out *vec.Column) error {
	g, ok := group(r, re)
	m := re.FindSubmatchIndex(r.Bytes(1))
	if !ok || m == nil || m[2*g] < 0 {
		out.AppendNull()
	} else {
		out.AppendBytes(r.Bytes(1)[m[2*g]:m[2*g+1]])
	}
	return nil
}

func regexpExtractAll(r Row, re *regexp.Regexp, out *vec.Column) error {
	g, ok := group(r, re)
	if !ok {
		out.AppendNull()
		return nil
	}
	for _, m := range re.FindAllSubmatchIndex(r.Bytes(1), -1) {
		if m[2*g] < 0 {
			out.Kids[0].AppendNull()
		} else {
			out.Kids[0].AppendBytes(r.Bytes(1)[m[2*g]:m[2*g+1]])
		}
	}
	out.CloseList()
	return nil
}
