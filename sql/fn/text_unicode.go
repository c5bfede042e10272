package fn

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// unicodeDecls declares what reads escapes, normal forms and names out of texts.
func unicodeDecls() []Scalar {
	text := types.Text
	var fs []Scalar
	for n := 1; n <= 2; n++ {
		args := in(text, text)[:n]
		fs = append(fs,
			Scalar{Name: "normalize", Args: args, Ret: text, Strict: true,
				Kernel: rowwise(func(r Row, out *vec.Column) error {
					form, err := normalForm(r)
					if err == nil {
						out.AppendBytes(form.Bytes(r.Bytes(0)))
					}
					return err
				}), Doc: first(n-1, "string", "Brings a text to a normal form of Unicode: NFC, NFD, NFKC or NFKD.",
					`length(normalize('a\0308'))`, "6")},
			Scalar{Name: "is_normalized", Args: args, Ret: types.Bool, Strict: true,
				Kernel: rowwise(func(r Row, out *vec.Column) error {
					form, err := normalForm(r)
					if err == nil {
						out.AppendBool(form.IsNormal(r.Bytes(0)))
					}
					return err
				}), Doc: first(n-1, "string", "Tells whether a text has a normal form of Unicode.",
					"is_normalized('abc', 'NFD')", "t")},
			Scalar{Name: "parse_ident", Args: in(text, types.Bool)[:n], Ret: types.ArrayOf(text), Strict: true,
				Kernel: rowwise(parseIdent), Doc: first(n-1, "string", "Splits a qualified name; what follows it is an error "+
					"unless the second argument is false.", `parse_ident('"SomeSchema".someTable')`, "{SomeSchema,sometable}")})
	}
	for k, args := range [][]types.Type{in(text), in(text, types.Name), in(text, types.Int4)} {
		fs = append(fs, Scalar{Name: "to_ascii", Args: args, Ret: text, Strict: true, Kernel: rowwise(toASCII),
			Doc: first(k, "string", "Is refused: the database's encoding, UTF8, has no such conversion, as in PostgreSQL.")})
	}
	return append(fs,
		Scalar{Name: "unistr", Args: in(text), Ret: text, Strict: true, Kernel: rowwise(unistr),
			Doc: Doc{Summary: `Reads escapes of Unicode: \XXXX, \+XXXXXX, \uXXXX and \UXXXXXXXX.`,
				Examples: ex(`unistr('d\0061t\+000061')`, "data")}},
		Scalar{Name: "^@", Args: in(text, text), Ret: types.Bool, Strict: true,
			Kernel: textTextBool(func(s, t []byte) bool { return strings.HasPrefix(string(s), string(t)) }),
			Doc: Doc{Summary: "Tells whether the first text begins with the second.",
				Examples: ex("'alphabet' ^@ 'alph'", "t")}})
}

// splitDecls declares string_to_table.
func splitDecls() []Table {
	text := types.Text
	var fs []Table
	for n := 2; n <= 3; n++ {
		fs = append(fs, Table{Name: "string_to_table", Args: in(text, text, text)[:n], Cols: column(text),
			Kernel: tablewise(func(r Row, out []*vec.Column) error {
				appendParts(r, out[0])
				return nil
			}), Doc: first(n-2, "string", "Splits a text at a delimiter, or, when that is NULL, into characters.",
				"string_to_table('xx~yy~zz', '~')", "xx; yy; zz")})
	}
	return fs
}

func normalForm(r Row) (norm.Form, error) {
	name := "NFC"
	if r.Args() == 2 {
		name = r.Text(1)
	}
	switch strings.ToUpper(name) {
	case "NFC":
		return norm.NFC, nil
	case "NFD":
		return norm.NFD, nil
	case "NFKC":
		return norm.NFKC, nil
	case "NFKD":
		return norm.NFKD, nil
	}
	return 0, sqlerr.New(sqlerr.InvalidParameterValue, "invalid normalization form: %s", name)
}

func unistr(r Row, out *vec.Column) error {
	s := r.Text(0)
	var b []byte
	var high rune // the first half of a surrogate pair
	badPair := func() error { return sqlerr.New(sqlerr.SyntaxError, "invalid Unicode surrogate pair") }
	for s != "" {
		if s[0] != '\\' || strings.HasPrefix(s, `\\`) {
			if high != 0 {
				return badPair()
			}
			b = append(b, s[0])
			if s[0] == '\\' {
				s = s[1:]
			}
			s = s[1:]
			continue
		}
		c, rest, ok := unicodeEscape(s)
		if !ok {
			return sqlerr.New(sqlerr.SyntaxError, "invalid Unicode escape").
				WithHint(`Unicode escapes must be \XXXX, \+XXXXXX, \uXXXX, or \UXXXXXXXX.`)
		}
		s = rest
		switch {
		case c == 0 || c > utf8.MaxRune:
			return sqlerr.New(sqlerr.InvalidParameterValue, "invalid Unicode code point: %04X", c)
		case high != 0:
			if c = utf16.DecodeRune(high, c); c == utf8.RuneError {
				return badPair()
			}
			high = 0
		case c >= 0xdc00 && c < 0xe000:
			return badPair()
		case utf16.IsSurrogate(c):
			high = c
			continue
		}
		b = utf8.AppendRune(b, c)
	}
	if high != 0 {
		return badPair()
	}
	out.AppendBytes(b)
	return nil
}

// unicodeEscape reads the escape that s begins with.
func unicodeEscape(s string) (c rune, rest string, ok bool) {
	start, n := 1, 4
	if len(s) > 1 {
		switch s[1] {
		case '+':
			start, n = 2, 6
		case 'u':
			start = 2
		case 'U':
			start, n = 2, 8
		}
	}
	if len(s) < start+n {
		return 0, "", false
	}
	v, err := strconv.ParseUint(s[start:start+n], 16, 32)
	if err != nil || v > 1<<31-1 {
		return 0, "", false
	}
	return rune(v), s[start+n:], true
}

func parseIdent(r Row, out *vec.Column) error {
	const blanks = " \t\n\r\f\v"
	whole := r.Text(0)
	bad := func(detail string) error {
		err := sqlerr.New(sqlerr.InvalidParameterValue, "string is not a valid identifier: \"%s\"", whole)
		if detail != "" {
			return err.WithDetail("%s", detail)
		}
		return err
	}
	s := strings.TrimLeft(whole, blanks)
	for {
		if strings.HasPrefix(s, `"`) {
			name, rest, ok := quotedName(s)
			switch {
			case !ok:
				return bad("String has unclosed double quotes.")
			case name == "":
				return bad("Quoted identifier must not be empty.")
			}
			out.Kids[0].AppendString(name)
			s = rest
		} else {
			n := nameLength(s)
			switch {
			case n == 0 && strings.HasPrefix(s, "."):
				return bad("No valid identifier before \".\".")
			case n == 0:
				return bad("")
			}
			out.Kids[0].AppendString(strings.ToLower(s[:n]))
			s = s[n:]
		}
		s = strings.TrimLeft(s, blanks)
		if !strings.HasPrefix(s, ".") {
			break
		}
		if s = strings.TrimLeft(s[1:], blanks); s == "" {
			return bad("No valid identifier after \".\".")
		}
	}
	if s != "" && (r.Args() == 1 || r.Bool(1)) {
		return bad("")
	}
	out.CloseList()
	return nil
}

// quotedName reads a name in quotes; two quotes stand for one.
func quotedName(s string) (name, rest string, ok bool) {
	for s = s[1:]; ; {
		at := strings.IndexByte(s, '"')
		if at < 0 {
			return "", "", false
		}
		name += s[:at]
		if s = s[at+1:]; !strings.HasPrefix(s, `"`) {
			return name, s, true
		}
		name, s = name+`"`, s[1:]
	}
}

// nameLength is how many bytes of s are a name without quotes.
func nameLength(s string) int {
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c >= utf8.RuneSelf
		if !letter && (i == 0 || c != '$' && (c < '0' || c > '9')) {
			return i
		}
	}
	return len(s)
}

// toASCII fails as it does in a database whose encoding is UTF8.
func toASCII(r Row, _ *vec.Column) error {
	return sqlerr.New(sqlerr.FeatureNotSupported, "encoding conversion from UTF8 to ASCII not supported")
}
