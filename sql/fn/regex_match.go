package fn

import (
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// regexMatchDecls declares the functions that look at all the matches of a regular expression.
func regexMatchDecls() []Scalar {
	text, i4 := types.Text, types.Int4
	var fs []Scalar
	add := func(name string, least int, args []types.Type, ret types.Type, flags int,
		read func(r Row) (matchArgs, error), f func(r Row, m *matcher, a matchArgs, out *vec.Column) error,
		summary, example, want string) {
		for n := least; n <= len(args); n++ {
			fs = append(fs, Scalar{Name: name, Args: args[:n], Ret: ret, Strict: true,
				Kernel: withMatcher(name, flags, read, f), Doc: first(n-least, "pattern", summary, example, want)})
		}
	}
	add("regexp_split_to_array", 2, in(text, text, text), types.ArrayOf(text), 2, readNone,
		func(r Row, m *matcher, _ matchArgs, out *vec.Column) error {
			m.split(r.Bytes(0), func(part []byte) { out.Kids[0].AppendBytes(part) })
			out.CloseList()
			return nil
		}, "Splits a text at the matches of a regular expression.", `regexp_split_to_array('hello world', '\s+')`,
		"{hello,world}")
	add("regexp_count", 2, in(text, text, i4, text), i4, 3, readCount, regexpCount,
		"Counts the matches of a regular expression, from a character on.",
		"regexp_count('123456789012', '\\d\\d\\d', 2)", "3")
	add("regexp_substr", 2, in(text, text, i4, i4, text, i4), text, 4, readSubstr, regexpSubstr,
		"Gives the n-th match of a regular expression from a character on, or one of its groups.",
		"regexp_substr('ABCDEF', 'c(.)(..)', 1, 1, 'i', 2)", "EF")
	add("regexp_instr", 2, in(text, text, i4, i4, i4, text, i4), i4, 5, readInstr, regexpInstr,
		"Gives the place of the n-th match from a character on, or (1) of what follows it; 0 when there is none.",
		"regexp_instr('ABCDEF', 'c(.)(..)', 1, 1, 0, 'i', 2)", "5")
	args := in(text, text, text, i4, i4, text)
	for n := 4; n <= 6; n++ {
		fs = append(fs, Scalar{Name: "regexp_replace", Args: args[:n], Ret: text, Strict: true,
			Kernel: withMatcher("regexp_replace", 5, readReplace, regexpReplaceNth)})
	}
	return fs
}

// regexTableDecls declares the set-returning functions over regular expressions.
func regexTableDecls() []Table {
	text := types.Text
	var fs []Table
	for n := 2; n <= 3; n++ {
		args := in(text, text, text)[:n]
		fs = append(fs,
			Table{Name: "regexp_matches", Args: args, Cols: column(types.ArrayOf(text)), Strict: true,
				Kernel: matchRows("", matchGroups), Doc: first(n-2, "pattern",
					"Gives the groups of the first match, or of every one (flag g), or the match when there are none.",
					"regexp_matches('foobarbequebaz', 'ba.', 'g')", "{bar}; {baz}")},
			Table{Name: "regexp_split_to_table", Args: args, Cols: column(text), Strict: true,
				Kernel: matchRows("regexp_split_to_table", func(r Row, m *matcher, out []*vec.Column) {
					m.split(r.Bytes(0), func(part []byte) { out[0].AppendBytes(part) })
				}), Doc: first(n-2, "pattern", "Splits a text at the matches of a regular expression.",
					`regexp_split_to_table('hello world', '\s+')`, "hello; world")})
	}
	return fs
}

// matcher is a compiled expression and what else is known of it.
type matcher struct {
	cache regexCache
	re    *expression
	flags []byte
	// looksBack tells that what comes before a place matters for a match there.
	looksBack bool
}

// set compiles an expression unless it is that of the row before.
func (m *matcher) set(pattern, flags []byte) error {
	old := m.re
	re, err := m.cache.get(pattern, flags)
	if err != nil {
		return err
	}
	if m.re, m.flags = re, flags; re != old {
		if m.looksBack = re.back != nil; m.looksBack {
			return nil
		}
		parsed, err := syntax.Parse(re.String(), syntax.Perl)
		m.looksBack = err == nil && looksBack(parsed)
	}
	return nil
}

func looksBack(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpBeginLine, syntax.OpBeginText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return true
	}
	for _, sub := range re.Sub {
		if looksBack(sub) {
			return true
		}
	}
	return false
}

func noGlobal(name string) error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "%s() does not support the \"global\" option", name)
}

// matchArgs are numbers that say which match is wanted: the first byte to look at, the number of the match, whether
// what follows it is meant, and the number of a group.
type matchArgs struct {
	start       int
	n, end, sub int64
}

func readNone(Row) (a matchArgs, err error) { return a, nil }

// withMatcher makes a kernel of a function that is given the compiled expression of arguments 1 (pattern) and flags,
// and what read makes of the others, whose faults come first.
func withMatcher(name string, flags int, read func(r Row) (matchArgs, error),
	f func(r Row, m *matcher, a matchArgs, out *vec.Column) error) Kernel {
	return func(c *Call, args []*vec.Column, out *vec.Column) {
		var m matcher
		rowwise(func(r Row, out *vec.Column) error {
			a, err := read(r)
			if err == nil {
				err = m.prepare(r, flags, name)
			}
			if err == nil {
				err = f(r, &m, a, out)
			}
			if err != nil {
				return err
			}
			return m.re.failed()
		})(c, args, out)
	}
}

func (m *matcher) prepare(r Row, flags int, name string) error {
	var fl []byte
	if r.Args() > flags {
		fl = r.Bytes(flags)
	}
	if name != "" && name != "regexp_replace" && strings.Contains(string(fl), "g") {
		return noGlobal(name)
	}
	return m.set(r.Bytes(1), fl)
}

// matchRows makes a kernel of a set-returning function over a compiled expression; a name refuses the flag g.
func matchRows(name string, f func(r Row, m *matcher, out []*vec.Column)) TableKernel {
	return func(c *Call, args []*vec.Column, out *Rows) {
		var m matcher
		tablewise(func(r Row, out []*vec.Column) error {
			err := m.prepare(r, 2, name)
			if err == nil {
				f(r, &m, out)
				err = m.re.failed()
			}
			return err
		})(c, args, out)
	}
}

// each calls f for the matches in s from the byte start on, until it returns false. An empty match may follow another
// match at once.
func (m *matcher) each(s []byte, start int, f func(match []int) bool) {
	if m.looksBack {
		for _, match := range m.re.FindAllSubmatchIndex(s, -1) {
			if match[0] >= start && !f(match) {
				return
			}
		}
		return
	}
	for start <= len(s) {
		match := m.re.FindSubmatchIndex(s[start:])
		if match == nil {
			return
		}
		for k := range match {
			if match[k] >= 0 {
				match[k] += start
			}
		}
		if !f(match) {
			return
		}
		if start = match[1]; match[0] == match[1] {
			if start == len(s) {
				return
			}
			_, n := utf8.DecodeRune(s[start:])
			start += n
		}
	}
}

// split gives the parts of s between matches. Empty matches at the ends, or next to another match, do not count.
func (m *matcher) split(s []byte, part func([]byte)) {
	at, end := 0, 0
	m.each(s, 0, func(match []int) bool {
		if match[0] < len(s) && match[1] > end {
			part(s[at:match[0]])
			at = match[1]
		}
		end = match[1]
		return true
	})
	part(s[at:])
}

func matchGroups(r Row, m *matcher, out []*vec.Column) {
	s := r.Bytes(0)
	m.each(s, 0, func(match []int) bool {
		if len(match) > 2 {
			match = match[2:]
		}
		for k := 0; k < len(match); k += 2 {
			if match[k] < 0 {
				out[0].Kids[0].AppendNull()
			} else {
				out[0].Kids[0].AppendBytes(s[match[k]:match[k+1]])
			}
		}
		out[0].CloseList()
		return strings.Contains(string(m.flags), "g")
	})
}

// positive reads an argument that must be at least min; otherwise gives its value when it is not there.
func positive(r Row, k int, name string, otherwise, least int64) (int64, error) {
	if r.Args() <= k {
		return otherwise, nil
	}
	if v := r.Int(k); v >= least {
		return v, nil
	}
	return 0, sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for parameter %q: %d", name, r.Int(k))
}

// startByte is where the character that argument k numbers begins; past the end when there is none.
func startByte(r Row, k int) (int, error) {
	n, err := positive(r, k, "start", 1, 1)
	if err != nil {
		return 0, err
	}
	s := r.Bytes(0)
	at, have := runeOffset(s, int(n-1))
	if int64(have) < n-1 {
		return len(s) + 1, nil
	}
	return at, nil
}

func readCount(r Row) (a matchArgs, err error) {
	a.start, err = startByte(r, 2)
	return a, err
}

func regexpCount(r Row, m *matcher, a matchArgs, out *vec.Column) error {
	n := int64(0)
	m.each(r.Bytes(0), a.start, func([]int) bool { n++; return true })
	out.AppendInt(n)
	return nil
}

// nth returns the n-th match from start on, or nil.
func (m *matcher) nth(s []byte, start int, n int64) (found []int) {
	m.each(s, start, func(match []int) bool {
		if n--; n == 0 {
			found = match
		}
		return n > 0
	})
	return found
}

// groupBounds returns the bounds of a group of a match, 0 for all of it; -1 when it is not there.
func groupBounds(match []int, k int64) (lo, hi int) {
	if match == nil || 2*k+1 >= int64(len(match)) {
		return -1, -1
	}
	return match[2*k], match[2*k+1]
}

func readSubstr(r Row) (a matchArgs, err error) {
	if a, err = readCount(r); err != nil {
		return a, err
	}
	if a.n, err = positive(r, 3, "n", 1, 1); err != nil {
		return a, err
	}
	a.sub, err = positive(r, 5, "subexpr", 0, 0)
	return a, err
}

func regexpSubstr(r Row, m *matcher, a matchArgs, out *vec.Column) error {
	if lo, hi := groupBounds(m.nth(r.Bytes(0), a.start, a.n), a.sub); lo < 0 {
		out.AppendNull()
	} else {
		out.AppendBytes(r.Bytes(0)[lo:hi])
	}
	return nil
}

func readInstr(r Row) (a matchArgs, err error) {
	if a, err = readCount(r); err != nil {
		return a, err
	}
	if a.n, err = positive(r, 3, "n", 1, 1); err != nil {
		return a, err
	}
	if a.end, err = positive(r, 4, "endoption", 0, 0); err == nil && a.end > 1 {
		err = sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for parameter %q: %d", "endoption", a.end)
	}
	if err != nil {
		return a, err
	}
	a.sub, err = positive(r, 6, "subexpr", 0, 0)
	return a, err
}

func regexpInstr(r Row, m *matcher, a matchArgs, out *vec.Column) error {
	lo, hi := groupBounds(m.nth(r.Bytes(0), a.start, a.n), a.sub)
	switch {
	case lo < 0:
		out.AppendInt(0)
	case a.end == 1:
		out.AppendInt(runeCount(r.Bytes(0)[:hi]) + 1)
	default:
		out.AppendInt(runeCount(r.Bytes(0)[:lo]) + 1)
	}
	return nil
}

func readReplace(r Row) (a matchArgs, err error) {
	if a.start, err = startByte(r, 3); err != nil {
		return a, err
	}
	a.n, err = positive(r, 4, "n", 1, 0)
	return a, err
}

// regexpReplaceNth replaces the n-th match from a character on; all of them when n is 0.
func regexpReplaceNth(r Row, m *matcher, a matchArgs, out *vec.Column) error {
	s, by, at := r.Bytes(0), r.Bytes(2), 0
	seen := int64(0)
	m.each(s, a.start, func(match []int) bool {
		if seen++; a.n == 0 || seen == a.n {
			out.Data = append(out.Data, s[at:match[0]]...)
			out.Data = appendReplacement(out.Data, by, s, match)
			at = match[1]
		}
		return a.n == 0 || seen < a.n
	})
	out.AppendBytes(s[at:])
	return nil
}
