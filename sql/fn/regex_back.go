package fn

import (
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/leatdb/leat/sql/sqlerr"
)

// expression is a compiled regular expression: Go's, which runs in linear time, or for a pattern with back references
// or look-around one that tries one way after the other.
type expression struct {
	*regexp.Regexp
	back *backtracker
}

// backtracker matches a pattern in which back references and look-around stand as groups with names of their own. It
// prefers what Perl does: the first alternative that leads to a match.
type backtracker struct {
	root   *syntax.Regexp
	groups map[int]int    // the user's number of a capture of root
	names  map[int]string // what a capture that is none of the user's stands for
	fold   bool           // whatever the case
	s      []byte
	caps   []int
	steps  int
	fault  error
}

// maxRegexSteps bounds the work of one search.
const maxRegexSteps = 1_000_000

// beyondLinear finds what Go's expressions do not have.
var beyondLinear = regexp.MustCompile(`^(?:[^\\]|\\[^1-9])*?(?:\(\?<?[=!]|\\[1-9])`)

// newBacktracker reads a pattern, whose flags are set by what stands before it.
func newBacktracker(flags, pattern string) (*backtracker, error) {
	bad := func(why string) (*backtracker, error) {
		return nil, sqlerr.New(sqlerr.InvalidRegularExpression, "invalid regular expression: %s", why)
	}
	var b strings.Builder
	b.WriteString(flags)
	user, inClass := 0, false
	for i := 0; i < len(pattern); i++ {
		c, rest := pattern[i], pattern[i:]
		switch {
		case c == '\\' && i+1 < len(pattern):
			i++
			if d := pattern[i]; !inClass && d >= '1' && d <= '9' {
				if int(d-'0') > user {
					return bad("invalid backreference number")
				}
				b.WriteString("(?P<r" + string(d) + "_" + strconv.Itoa(i) + ">)")
				continue
			}
			b.WriteString(pattern[i-1 : i+1])
			continue
		case inClass:
			inClass = c != ']'
		case c == '[':
			inClass = true
			if n := strings.IndexByte("]", pattern[min(i+1, len(pattern)-1)]); n == 0 {
				b.WriteString(`[\]`)
				i++
				continue
			}
		case c == '(':
			at := strconv.Itoa(i)
			for look, name := range map[string]string{"(?=": "a", "(?!": "n", "(?<=": "b", "(?<!": "m"} {
				if strings.HasPrefix(rest, look) {
					b.WriteString("(?P<" + name + "_" + at + ">")
					i += len(look) - 1
					c = 0
				}
			}
			if c == 0 {
				continue
			}
			if !strings.HasPrefix(rest, "(?") {
				user++
				b.WriteString("(?P<u_" + at + ">")
				continue
			}
		}
		b.WriteByte(c)
	}
	root, err := syntax.Parse(b.String(), syntax.Perl)
	if err != nil {
		return bad(strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	m := &backtracker{root: root, groups: map[int]int{}, names: map[int]string{},
		fold: strings.Contains(flags, "i")}
	n := 0
	for at, name := range root.CapNames() {
		if strings.HasPrefix(name, "u") {
			n++
			m.groups[at] = n
		} else if name != "" {
			m.names[at] = name
		}
	}
	return m, nil
}

// find returns the bounds of the first match from start on and of its groups, or nil.
func (m *backtracker) find(s []byte, start int) []int {
	m.s, m.steps = s, 0
	for at := start; at <= len(s) && m.fault == nil; at++ {
		if at < len(s) && !utf8.RuneStart(s[at]) {
			continue
		}
		m.caps = make([]int, 2*len(m.groups)+2)
		for i := range m.caps {
			m.caps[i] = -1
		}
		if m.match(m.root, at, func(end int) bool { m.caps[0], m.caps[1] = at, end; return true }) && m.fault == nil {
			return m.caps
		}
	}
	return nil
}

// match matches re at a place, and what follows it by k.
func (m *backtracker) match(re *syntax.Regexp, at int, k func(int) bool) bool {
	if m.steps++; m.steps > maxRegexSteps {
		m.fault = sqlerr.New(sqlerr.ProgramLimitExceeded, "regular expression is too complex").
			WithHint("A pattern with back references or look-around tries one way after the other.")
	}
	if m.fault != nil {
		return false
	}
	switch re.Op {
	case syntax.OpEmptyMatch:
		return k(at)
	case syntax.OpConcat:
		return m.sequence(re.Sub, at, k)
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			if m.match(sub, at, k) {
				return true
			}
		}
		return false
	case syntax.OpStar:
		return m.repeat(re, 0, -1, at, k)
	case syntax.OpPlus:
		return m.repeat(re, 1, -1, at, k)
	case syntax.OpQuest:
		return m.repeat(re, 0, 1, at, k)
	case syntax.OpRepeat:
		return m.repeat(re, re.Min, re.Max, at, k)
	case syntax.OpCapture:
		return m.capture(re, at, k)
	}
	end, ok := m.single(re, at)
	return ok && k(end)
}

func (m *backtracker) sequence(subs []*syntax.Regexp, at int, k func(int) bool) bool {
	if len(subs) == 0 {
		return k(at)
	}
	return m.match(subs[0], at, func(end int) bool { return m.sequence(subs[1:], end, k) })
}

func (m *backtracker) repeat(re *syntax.Regexp, least, most, at int, k func(int) bool) bool {
	more := func() bool {
		return most != 0 && m.match(re.Sub[0], at, func(end int) bool {
			if end == at && least <= 0 {
				return false
			}
			return m.repeat(re, max(least-1, 0), max(most-1, -1), end, k)
		})
	}
	switch {
	case least > 0:
		return more()
	case re.Flags&syntax.NonGreedy != 0:
		return k(at) || more()
	}
	return more() || k(at)
}

// capture matches a group of the user's, a back reference or a look around.
func (m *backtracker) capture(re *syntax.Regexp, at int, k func(int) bool) bool {
	name := m.names[re.Cap]
	if name == "" {
		g := 2 * m.groups[re.Cap]
		lo, hi := m.caps[g], m.caps[g+1]
		if m.match(re.Sub[0], at, func(end int) bool {
			was, wasEnd := m.caps[g], m.caps[g+1]
			m.caps[g], m.caps[g+1] = at, end
			if k(end) {
				return true
			}
			m.caps[g], m.caps[g+1] = was, wasEnd
			return false
		}) {
			return true
		}
		m.caps[g], m.caps[g+1] = lo, hi
		return false
	}
	stay := func(int) bool { return true }
	switch name[0] {
	case 'r':
		g := 2 * int(name[1]-'0')
		if m.caps[g] < 0 {
			return false
		}
		text := m.s[m.caps[g]:m.caps[g+1]]
		end := at + len(text)
		if end > len(m.s) {
			return false
		}
		same := string(m.s[at:end]) == string(text)
		if m.fold {
			same = strings.EqualFold(string(m.s[at:end]), string(text))
		}
		return same && k(end)
	case 'a':
		return m.match(re.Sub[0], at, stay) && k(at)
	case 'n':
		return !m.match(re.Sub[0], at, stay) && m.fault == nil && k(at)
	}
	found := false
	for from := at; from >= 0 && !found; from-- {
		found = m.match(re.Sub[0], from, func(end int) bool { return end == at })
	}
	return found == (name[0] == 'b') && m.fault == nil && k(at)
}

// single matches what has one way to match.
func (m *backtracker) single(re *syntax.Regexp, at int) (end int, ok bool) {
	switch re.Op {
	case syntax.OpBeginText:
		return at, at == 0
	case syntax.OpEndText:
		return at, at == len(m.s)
	case syntax.OpBeginLine:
		return at, at == 0 || m.s[at-1] == '\n'
	case syntax.OpEndLine:
		return at, at == len(m.s) || m.s[at] == '\n'
	case syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		word := func(i int) bool { return i >= 0 && i < len(m.s) && syntax.IsWordChar(rune(m.s[i])) }
		return at, (word(at-1) != word(at)) == (re.Op == syntax.OpWordBoundary)
	case syntax.OpLiteral:
		for _, want := range re.Rune {
			c, n := utf8.DecodeRune(m.s[at:])
			if n == 0 || c != want && (re.Flags&syntax.FoldCase == 0 || unicode.ToLower(c) != unicode.ToLower(want)) {
				return at, false
			}
			at += n
		}
		return at, true
	}
	c, n := utf8.DecodeRune(m.s[at:])
	if n == 0 {
		return at, false
	}
	switch re.Op {
	case syntax.OpAnyChar:
		return at + n, true
	case syntax.OpAnyCharNotNL:
		return at + n, c != '\n'
	case syntax.OpCharClass:
		for i := 0; i < len(re.Rune); i += 2 {
			if c >= re.Rune[i] && c <= re.Rune[i+1] {
				return at + n, true
			}
		}
	}
	return at, false
}

// Match reports whether s has a match.
func (e *expression) Match(s []byte) bool {
	if e.back == nil {
		return e.Regexp.Match(s)
	}
	return e.back.find(s, 0) != nil
}

// FindSubmatchIndex returns the bounds of the first match and of its groups, or nil.
func (e *expression) FindSubmatchIndex(s []byte) []int {
	if e.back == nil {
		return e.Regexp.FindSubmatchIndex(s)
	}
	return e.back.find(s, 0)
}

// FindAllSubmatchIndex returns the bounds of the first n matches, of all when n is negative.
func (e *expression) FindAllSubmatchIndex(s []byte, n int) (all [][]int) {
	if e.back == nil {
		return e.Regexp.FindAllSubmatchIndex(s, n)
	}
	for start := 0; start <= len(s) && len(all) != n; {
		found := e.back.find(s, start)
		if found == nil {
			return all
		}
		all = append(all, found)
		if start = found[1]; found[0] == found[1] {
			_, size := utf8.DecodeRune(s[start:])
			start += max(size, 1)
		}
	}
	return all
}

// failed returns why the last search was given up, nil when it was not.
func (e *expression) failed() error {
	if e.back == nil || e.back.fault == nil {
		return nil
	}
	err := e.back.fault
	e.back.fault = nil
	return err
}
