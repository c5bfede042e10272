package fn

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// joinDecls declares what puts texts together, quotes and encodes them.
func joinDecls() []Scalar {
	text, bytea := types.Text, types.Bytea
	return []Scalar{
		{Name: "||", Args: in(text, text), Ret: text, Strict: true, Kernel: concatTexts,
			Doc: Doc{Category: "string", Summary: "Joins texts.",
				Examples: ex("'Post' || 'greSQL'", "PostgreSQL", "'Value: ' || 42", "Value: 42")}},
		{Name: "||", Args: in(bytea, bytea), Ret: bytea, Strict: true, Kernel: concatTexts},
		{Name: "||", Args: in(text, AnyNonArray), Ret: text, Strict: true, Stable: true, Kernel: rowwise(concatAsText)},
		{Name: "||", Args: in(AnyNonArray, text), Ret: text, Strict: true, Stable: true, Kernel: rowwise(concatAsText)},
		{Name: "concat", Args: in(Any), Variadic: true, Ret: text, Stable: true, Kernel: rowwise(concat(0)),
			Doc: Doc{Summary: "Joins the texts of its arguments, leaving NULLs out.",
				Examples: ex("concat('abcde', 2, NULL, 22)", "abcde222")}},
		{Name: "concat_ws", Args: in(text, Any), Variadic: true, Ret: text, Stable: true, Kernel: rowwise(concat(1)),
			Doc: Doc{Summary: "Joins the texts of its arguments but the first, which separates them.",
				Examples: ex("concat_ws(',', 'abcde', 2, NULL, 22)", "abcde,2,22")}},
		{Name: "encode", Args: in(bytea, text), Ret: text, Strict: true, Kernel: rowwise(encode),
			Doc: Doc{Summary: "Writes bytes as text: base64, hex or escape.",
				Examples: ex("encode('123'::bytea, 'base64')", "MTIz")}},
		{Name: "decode", Args: in(text, text), Ret: bytea, Strict: true, Kernel: rowwise(decode),
			Doc: Doc{Summary: "Reads bytes from text: base64, hex or escape.",
				Examples: ex("decode('MTIz', 'base64')", `\x313233`)}},
		{Name: "quote_ident", Args: in(text), Ret: text, Strict: true,
			Kernel: rowwise(func(r Row, out *vec.Column) error {
				out.AppendString(QuoteIdent(r.Text(0)))
				return nil
			}), Doc: Doc{Summary: "Quotes a name where it needs it.", Examples: ex("quote_ident('Foo bar')", `"Foo bar"`)}},
		{Name: "quote_literal", Args: in(text), Ret: text, Strict: true, Kernel: rowwise(quoteValue),
			Doc: Doc{Summary: "Quotes a text as a literal.",
				Examples: ex(`quote_literal('O''Reilly')`, `'O''Reilly'`)}},
		{Name: "quote_literal", Args: in(AnyElement), Ret: text, Strict: true, Stable: true,
			Kernel: rowwise(quoteValue)},
		{Name: "quote_nullable", Args: in(text), Ret: text, Kernel: rowwise(quoteValue),
			Doc: Doc{Summary: "Quotes a text as a literal, or says NULL.",
				Examples: ex("quote_nullable(NULL)", "NULL")}},
		{Name: "quote_nullable", Args: in(AnyElement), Ret: text, Stable: true, Kernel: rowwise(quoteValue)},
		{Name: "format", Args: in(text, Any), Variadic: true, Ret: text, Stable: true, Kernel: rowwise(format),
			Doc: Doc{Summary: "Fills %s, %I and %L of a text with the other arguments.",
				Examples: ex("format('Hello %s, %1$s', 'World')", "Hello World, World")}},
		{Name: "format", Args: in(text), Ret: text, Stable: true, Kernel: rowwise(format)},
	}
}

func concatTexts(c *Call, args []*vec.Column, out *vec.Column) {
	a, b := args[0], args[1]
	out.Grow(c.N)
	for i := range c.N {
		if c.Skips(i) {
			out.AppendNull()
			continue
		}
		out.Data = append(append(out.Data, a.Bytes(a.At(i))...), b.Bytes(b.At(i))...)
		out.CloseBytes()
	}
}

// appendOutput appends a value as the output of a query shows it.
func appendOutput(dst []byte, col *vec.Column, i int, env *Env) []byte {
	i = col.At(i)
	switch col.Type.Kind {
	case types.KindBool:
		if col.Bool[i] {
			return append(dst, 't')
		}
		return append(dst, 'f')
	case types.KindChar:
		return append(dst, col.Bytes(i)...)
	case types.KindInet:
		return types.AppendText(dst, col.Value(i), types.Env{})
	}
	return AppendText(dst, col, i, env)
}

func concatAsText(r Row, out *vec.Column) error {
	for k := range 2 {
		col, i := r.Col(k)
		out.Data = AppendText(out.Data, col, i, r.Env)
	}
	out.CloseBytes()
	return nil
}

// concat joins the arguments after the first separators of them.
func concat(separators int) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		if separators > 0 && r.IsNull(0) {
			out.AppendNull()
			return nil
		}
		begun := false
		for k := separators; k < r.Args(); k++ {
			if r.IsNull(k) {
				continue
			}
			if begun && separators > 0 {
				out.Data = append(out.Data, r.Bytes(0)...)
			}
			begun = true
			col, i := r.Col(k)
			out.Data = appendOutput(out.Data, col, i, r.Env)
		}
		out.CloseBytes()
		return nil
	}
}

func unknownEncoding(name string) error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized encoding: %q", name)
}

func encode(r Row, out *vec.Column) error {
	s := r.Bytes(0)
	switch strings.ToLower(r.Text(1)) {
	case "hex":
		out.Data = hex.AppendEncode(out.Data, s)
	case "base64":
		for len(s) > 57 { // lines of 76 characters, as MIME has them
			out.Data = append(base64.StdEncoding.AppendEncode(out.Data, s[:57]), '\n')
			s = s[57:]
		}
		out.Data = base64.StdEncoding.AppendEncode(out.Data, s)
	case "escape":
		for _, b := range s {
			switch {
			case b == 0 || b >= 0x80:
				out.Data = append(out.Data, '\\', '0'+b>>6, '0'+b>>3&7, '0'+b&7)
			case b == '\\':
				out.Data = append(out.Data, `\\`...)
			default:
				out.Data = append(out.Data, b)
			}
		}
	default:
		return unknownEncoding(r.Text(1))
	}
	out.CloseBytes()
	return nil
}

func decode(r Row, out *vec.Column) error {
	s := r.Text(0)
	switch strings.ToLower(r.Text(1)) {
	case "hex":
		v, err := types.ParseBytea(nil, `\x`+s)
		if err != nil {
			return err
		}
		out.AppendBytes(v)
	case "base64":
		s = strings.Map(func(c rune) rune {
			if strings.ContainsRune(" \t\n\r", c) {
				return -1
			}
			return c
		}, s)
		v, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			if at, ok := err.(base64.CorruptInputError); ok && int(at) < len(s) && s[at] != '=' {
				return sqlerr.New(sqlerr.InvalidParameterValue,
					"invalid symbol %q found while decoding base64 sequence", s[at:at+1])
			}
			return sqlerr.New(sqlerr.InvalidParameterValue, "invalid base64 end sequence").
				WithHint("Input data is missing padding, is truncated, or is otherwise corrupted.")
		}
		out.AppendBytes(v)
	case "escape":
		v, err := types.ParseBytea(nil, s)
		if err != nil {
			return err
		}
		out.AppendBytes(v)
	default:
		return unknownEncoding(r.Text(1))
	}
	return nil
}

// reserved are the words that cannot name a column without quotes.
var reserved = map[string]bool{}

func init() {
	for _, w := range strings.Fields(`all analyse analyze and any array as asc asymmetric authorization between bigint
		binary bit boolean both case cast char character check coalesce collate collation column concurrently constraint
		create cross current_catalog current_date current_role current_schema current_time current_timestamp current_user
		dec decimal default deferrable desc distinct do else end except exists extract false fetch float for foreign freeze
		from full grant greatest group grouping having ilike in initially inner inout int integer intersect interval into
		is isnull join lateral leading least left like limit localtime localtimestamp national natural nchar none normalize
		not notnull null nullif numeric offset on only or order out outer overlaps overlay placing position precision
		primary real references returning right row select session_user setof similar smallint some substring symmetric
		table tablesample then time timestamp to trailing treat trim true union unique user using values varchar variadic
		verbose when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi
		xmlroot xmlserialize xmltable`) {
		reserved[w] = true
	}
}

// QuoteIdent quotes a name unless it can be written without.
func QuoteIdent(s string) string {
	plain := s != "" && !reserved[s]
	for i := 0; i < len(s) && plain; i++ {
		c := s[i]
		plain = 'a' <= c && c <= 'z' || c == '_' || i > 0 && '0' <= c && c <= '9'
	}
	if plain {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

func quoteValue(r Row, out *vec.Column) error {
	if r.IsNull(0) {
		out.AppendString("NULL")
		return nil
	}
	col, i := r.Col(0)
	out.AppendString(quoteLiteral(string(AppendText(nil, col, i, r.Env))))
	return nil
}

func quoteLiteral(s string) string {
	q := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(q, `\`) {
		return "E" + strings.ReplaceAll(q, `\`, `\\`)
	}
	return q
}

// format is sprintf of %s, %I, %L and %%, with positions (%1$s), widths (%10s, %*s) and the flag - for the left.
func format(r Row, out *vec.Column) error {
	if r.IsNull(0) {
		out.AppendNull()
		return nil
	}
	f := r.Text(0)
	var b []byte
	next := 1
	for {
		at := strings.IndexByte(f, '%')
		if at < 0 {
			break
		}
		b, f = append(b, f[:at]...), f[at+1:]
		if strings.HasPrefix(f, "%") {
			b, f = append(b, '%'), f[1:]
			continue
		}
		spec, rest, err := formatSpec(f)
		if err != nil {
			return err
		}
		f = rest
		if spec.starWidth {
			w, err := formatWidth(r, &next)
			if err != nil {
				return err
			}
			spec.width, spec.left = max(w, -w), spec.left || w < 0
		}
		if spec.arg > 0 {
			next = spec.arg
		}
		if next >= r.Args() {
			return sqlerr.New(sqlerr.InvalidParameterValue, "too few arguments for format()")
		}
		s, err := formatArg(r, next, spec.verb)
		if err != nil {
			return err
		}
		next++
		fill := strings.Repeat(" ", int(max(0, spec.width-runeCount([]byte(s)))))
		if spec.left {
			b = append(append(b, s...), fill...)
		} else {
			b = append(append(b, fill...), s...)
		}
	}
	out.AppendBytes(append(b, f...))
	return nil
}

type formatSpecifier struct {
	arg       int
	left      bool
	width     int64
	starWidth bool
	verb      byte
}

func formatSpec(f string) (s formatSpecifier, rest string, err error) {
	number := func() int {
		n := 0
		for n < len(f) && '0' <= f[n] && f[n] <= '9' {
			n++
		}
		v, _ := strconv.Atoi(f[:n])
		if n > 9 {
			v = 1 << 30
		}
		f = f[n:]
		return v
	}
	if digits := strings.TrimLeft(f, "0123456789"); digits != f && strings.HasPrefix(digits, "$") {
		if s.arg = number(); s.arg == 0 {
			return s, f, sqlerr.New(sqlerr.InvalidParameterValue,
				"format specifies argument 0, but arguments are numbered from 1")
		}
		f = f[1:]
	}
	for strings.HasPrefix(f, "-") {
		s.left, f = true, f[1:]
	}
	if strings.HasPrefix(f, "*") {
		s.starWidth, f = true, f[1:]
	} else {
		s.width = int64(number())
	}
	if s.width > maxText/4 {
		return s, f, tooLong()
	}
	if f == "" {
		return s, f, sqlerr.New(sqlerr.InvalidParameterValue, "unterminated format() type specifier").
			WithHint("For a single \"%%\" use \"%%%%\".")
	}
	if s.verb = f[0]; s.verb != 's' && s.verb != 'I' && s.verb != 'L' {
		return s, f, sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized format() type specifier %q", f[:1]).
			WithHint("For a single \"%%\" use \"%%%%\".")
	}
	return s, f[1:], nil
}

func formatWidth(r Row, next *int) (int64, error) {
	if *next >= r.Args() {
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "too few arguments for format()")
	}
	k := *next
	*next++
	if r.IsNull(k) {
		return 0, nil
	}
	col, i := r.Col(k)
	return types.ParseInt(AppendText(nil, col, i, r.Env), 32)
}

func formatArg(r Row, k int, verb byte) (string, error) {
	if r.IsNull(k) {
		switch verb {
		case 'I':
			return "", sqlerr.New(sqlerr.NullValueNotAllowed, "null values cannot be formatted as an SQL identifier")
		case 'L':
			return "NULL", nil
		}
		return "", nil
	}
	col, i := r.Col(k)
	s := string(appendOutput(nil, col, i, r.Env))
	switch verb {
	case 'I':
		return QuoteIdent(s), nil
	case 'L':
		return quoteLiteral(s), nil
	}
	return s, nil
}
