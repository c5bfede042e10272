package fn

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// regexDecls declares what matches regular expressions. They are Go's (RE2), which run in linear time, but for patterns
// with back references or look-around (regex_back.go); quantifiers are greedy or not each by itself. Where alternatives
// match at one place the longest wins, as in PostgreSQL.
func regexDecls() []Scalar {
	text := types.Text
	var fs []Scalar
	for _, d := range []struct {
		op, flags, summary, example, want string
		not                               bool
	}{
		{"~", "", "Matches a regular expression.", "'thomas' ~ 't.*ma'", "t", false},
		{"~*", "i", "Matches a regular expression whatever the case.", "'thomas' ~* 'T.*ma'", "t", false},
		{"!~", "", "Does not match a regular expression.", "'thomas' !~ 't.*max'", "t", true},
		{"!~*", "i", "Does not match a regular expression whatever the case.", "'thomas' !~* 'T.*ma'", "f", true},
	} {
		fs = append(fs, Scalar{Name: d.op, Args: in(text, text), Ret: types.Bool, Strict: true,
			Kernel: matching(d.not, func(p string) (*expression, error) { return compileRegex(p, d.flags) }),
			Doc:    Doc{Category: "pattern", Summary: d.summary, Examples: ex(d.example, d.want)}})
	}
	similar := func(p string) (*expression, error) { return compileSimilar(p, `\`) }
	fs = append(fs,
		Scalar{Name: "similar_to", Args: in(text, text), Ret: types.Bool, Strict: true,
			Kernel: matching(false, similar),
			Doc: Doc{Summary: "Matches a pattern of SQL's (SIMILAR TO).",
				Examples: ex("similar_to('abc', '%(b|d)%')", "t")}},
		Scalar{Name: "not_similar_to", Args: in(text, text), Ret: types.Bool, Strict: true,
			Kernel: matching(true, similar),
			Doc:    Doc{Summary: "NOT SIMILAR TO.", Examples: ex("not_similar_to('abc', 'a')", "t")}},
		Scalar{Name: "similar_to", Args: in(text, text, text), Ret: types.Bool, Strict: true,
			Kernel: rowwise(similarEscape(false))},
		Scalar{Name: "not_similar_to", Args: in(text, text, text), Ret: types.Bool, Strict: true,
			Kernel: rowwise(similarEscape(true))})
	for n := 2; n <= 3; n++ {
		args := in(text, text, text)[:n]
		fs = append(fs, Scalar{Name: "regexp_match", Args: args, Ret: types.ArrayOf(text), Strict: true,
			Kernel: regexpMatch(),
			Doc: first(n-2, "pattern", "Gives the groups of the first match, or the match when there are none.",
				"regexp_match('foobarbequebaz', '(bar)(beque)')", "{bar,beque}")},
			Scalar{Name: "regexp_like", Args: args, Ret: types.Bool, Strict: true, Kernel: regexpLike(),
				Doc: first(n-2, "pattern", "Tells whether a regular expression matches.", "regexp_like('Hello', 'l+')",
					"t")},
			Scalar{Name: "substring", Args: args[:2], Ret: text, Strict: true, Kernel: regexpSubstring()})
	}
	fs[len(fs)-1] = Scalar{Name: "substring", Args: in(text, text, text), Ret: text, Strict: true, // it has no flags
		Kernel: rowwise(substringSimilar)}
	for n := 3; n <= 4; n++ {
		fs = append(fs, Scalar{Name: "regexp_replace", Args: in(text, text, text, text)[:n], Ret: text, Strict: true,
			Kernel: regexpReplace(), Doc: first(n-3, "pattern", "Replaces the first match, or every one (flag g).",
				"regexp_replace('foobarbaz', 'b..', 'X', 'g')", "fooXX")})
	}
	return fs
}

// regexCache holds the expression compiled last: patterns are nearly always constant.
type regexCache struct {
	pattern, flags string
	re             *expression
	err            error
	set            bool
}

func (c *regexCache) get(pattern, flags []byte) (*expression, error) {
	if !c.set || c.pattern != string(pattern) || c.flags != string(flags) {
		c.pattern, c.flags, c.set = string(pattern), string(flags), true
		c.re, c.err = compileRegex(c.pattern, c.flags)
	}
	return c.re, c.err
}

// compileRegex translates a regular expression of PostgreSQL's advanced kind.
func compileRegex(pattern, flags string) (*expression, error) {
	mode := "s"
	for _, f := range flags {
		switch f {
		case 'i':
			mode += "i"
		case 'c':
			mode = strings.ReplaceAll(mode, "i", "")
		case 'g', 's', 't', 'e':
		case 'n', 'm':
			mode = strings.ReplaceAll(mode, "s", "") + "m"
		case 'q':
			pattern = regexp.QuoteMeta(pattern)
		default:
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "invalid regular expression option: %q", string(f))
		}
	}
	pattern = strings.TrimPrefix(pattern, "***:")
	pattern = strings.NewReplacer(`\\`, `\\`, `\m`, `\b`, `\M`, `\b`, `\y`, `\b`, `\Y`, `\B`, `\Z`, `\z`, `(?=`, `(?=`).
		Replace(pattern)
	if strings.HasPrefix(pattern, "(?") && strings.HasPrefix(pattern, "(?i)") {
		pattern, mode = pattern[4:], mode+"i"
	}
	if beyondLinear.MatchString(pattern) {
		back, err := newBacktracker("(?"+mode+")", pattern)
		return &expression{back: back}, err
	}
	re, err := compileRegexMode(pattern, mode)
	return &expression{Regexp: re}, err
}

// compileRegexMode compiles a pattern under flags of Go's.
func compileRegexMode(pattern, mode string) (*regexp.Regexp, error) {
	text := pattern
	if mode != "" {
		text = "(?" + mode + ")" + pattern
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, sqlerr.New(sqlerr.InvalidRegularExpression, "invalid regular expression: %s",
			strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	if !lazyQuantifier.MatchString(pattern) {
		re.Longest()
	}
	return re, nil
}

// lazyQuantifier finds quantifiers that match as little as they can.
var lazyQuantifier = regexp.MustCompile(`[^\\(][*+?}]\?`)

// compileSimilar translates a pattern of SIMILAR TO: % and _ as in LIKE, the rest as in regular expressions.
func compileSimilar(pattern, escape string) (*expression, error) {
	if utf8.RuneCountInString(escape) > 1 {
		return nil, sqlerr.New(sqlerr.InvalidEscapeSequence, "invalid escape string").
			WithHint("Escape string must be empty or one character.")
	}
	var b strings.Builder
	b.WriteString("^(?:")
	inClass := false
	// Two separators part what substring gives from what is around it: as little as can be in front.
	parts, separators := 0, 0
	if escape != "" {
		separators = strings.Count(pattern, escape+`"`)
	}
	if separators > 2 {
		return nil, sqlerr.New(invalidUseOfEscape, "SQL regular expression may not contain more than two "+
			"escape-double-quote separators")
	}
	for i := 0; i < len(pattern); {
		_, n := utf8.DecodeRuneInString(pattern[i:])
		c := pattern[i : i+n]
		i += n
		switch {
		case c == escape && strings.HasPrefix(pattern[i:], `"`):
			i++
			if parts++; separators == 2 {
				b.WriteString([]string{")(", ")(?:"}[parts-1])
			}
		case c == escape && i < len(pattern):
			_, n = utf8.DecodeRuneInString(pattern[i:])
			b.WriteString(regexp.QuoteMeta(pattern[i : i+n]))
			i += n
		case inClass:
			inClass = c != "]"
			if c == `\` {
				c = `\\`
			}
			b.WriteString(c)
		case c == "[":
			inClass = true
			b.WriteString(c)
		case c == "%" && parts == 0 && separators == 2:
			b.WriteString(".*?")
		case c == "%":
			b.WriteString(".*")
		case c == "_":
			b.WriteString(".")
		case c == "(":
			b.WriteString("(?:")
		case c == "." || c == "^" || c == "$" || c == `\`:
			b.WriteString(`\` + c)
		default:
			b.WriteString(c)
		}
	}
	b.WriteString(")$")
	return compileRegex(b.String(), "")
}

func matching(not bool, compile func(pattern string) (*expression, error)) Kernel {
	return func(c *Call, args []*vec.Column, out *vec.Column) {
		r := results[bool](out, c.N)
		var re *expression
		var err error
		last := ""
		for i := range r {
			if c.Skips(i) {
				continue
			}
			if p := args[1].Bytes(args[1].At(i)); re == nil && err == nil || last != string(p) {
				last = string(p)
				re, err = compile(last)
			}
			if err != nil {
				c.Fail(i, err)
				continue
			}
			r[i] = re.Match(args[0].Bytes(args[0].At(i))) != not
			if err := re.failed(); err != nil {
				c.Fail(i, err)
			}
		}
	}
}

func similarEscape(not bool) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		re, err := compileSimilar(r.Text(1), r.Text(2))
		if err == nil {
			out.AppendBool(re.Match(r.Bytes(0)) != not)
		}
		return err
	}
}

const invalidUseOfEscape sqlerr.Code = "2200C"

// substringSimilar gives the part of a text between the separators of a pattern of SQL's that matches the whole of it.
func substringSimilar(r Row, out *vec.Column) error {
	re, err := compileSimilar(r.Text(1), r.Text(2))
	if err != nil {
		return err
	}
	at := re.FindSubmatchIndex(r.Bytes(0))
	if at == nil || at[len(at)-2] < 0 {
		out.AppendNull()
	} else {
		out.AppendBytes(r.Bytes(0)[at[len(at)-2]:at[len(at)-1]])
	}
	return re.failed()
}

// withRegex makes a kernel of a function that is given the compiled expression of arguments 1 (pattern) and flags.
func withRegex(flags int, f func(r Row, re *expression, flags string, out *vec.Column) error) Kernel {
	return func(c *Call, args []*vec.Column, out *vec.Column) {
		var cache regexCache
		rowwise(func(r Row, out *vec.Column) error {
			var fl []byte
			if r.Args() > flags {
				fl = r.Bytes(flags)
			}
			re, err := cache.get(r.Bytes(1), fl)
			if err != nil {
				return err
			}
			if err = f(r, re, string(fl), out); err == nil {
				err = re.failed()
			}
			return err
		})(c, args, out)
	}
}

func regexpLike() Kernel {
	return withMatcher("regexp_like", 2, readNone, func(r Row, m *matcher, _ matchArgs, out *vec.Column) error {
		out.AppendBool(m.re.Match(r.Bytes(0)))
		return nil
	})
}

func regexpMatch() Kernel {
	return withRegex(2, func(r Row, re *expression, flags string, out *vec.Column) error {
		if strings.Contains(flags, "g") {
			return sqlerr.New(sqlerr.InvalidParameterValue, "regexp_match() does not support the \"global\" option").
				WithHint("Use the regexp_matches function instead.")
		}
		s := r.Bytes(0)
		m := re.FindSubmatchIndex(s)
		if m == nil {
			out.AppendNull()
			return nil
		}
		if len(m) > 2 {
			m = m[2:]
		}
		for k := 0; k < len(m); k += 2 {
			if m[k] < 0 {
				out.Kids[0].AppendNull()
			} else {
				out.Kids[0].AppendBytes(s[m[k]:m[k+1]])
			}
		}
		out.CloseList()
		return nil
	})
}

func regexpSubstring() Kernel {
	return withRegex(2, func(r Row, re *expression, _ string, out *vec.Column) error {
		s := r.Bytes(0)
		m := re.FindSubmatchIndex(s)
		if len(m) > 2 {
			m = m[2:]
		}
		if m == nil || m[0] < 0 {
			out.AppendNull()
		} else {
			out.AppendBytes(s[m[0]:m[1]])
		}
		return nil
	})
}

func regexpReplace() Kernel {
	return withRegex(3, func(r Row, re *expression, flags string, out *vec.Column) error {
		s, by := r.Bytes(0), r.Bytes(2)
		n := 1
		if strings.Contains(flags, "g") {
			n = -1
		}
		at := 0
		for _, m := range re.FindAllSubmatchIndex(s, n) {
			out.Data = append(out.Data, s[at:m[0]]...)
			out.Data = appendReplacement(out.Data, by, s, m)
			at = m[1]
		}
		out.AppendBytes(s[at:])
		return nil
	})
}

// appendReplacement appends by with \1 … \9 and \& standing for what was matched.
func appendReplacement(dst, by, s []byte, m []int) []byte {
	for i := 0; i < len(by); i++ {
		if by[i] != '\\' || i+1 == len(by) {
			dst = append(dst, by[i])
			continue
		}
		i++
		group := -1
		switch c := by[i]; {
		case c >= '1' && c <= '9':
			group = int(c - '0')
		case c == '&':
			group = 0
		case c == '\\':
			dst = append(dst, '\\')
		default:
			dst = append(dst, '\\', c)
		}
		if group >= 0 && 2*group+1 < len(m) && m[2*group] >= 0 {
			dst = append(dst, s[m[2*group]:m[2*group+1]]...)
		}
	}
	return dst
}
