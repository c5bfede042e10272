package parse

import (
	"strings"
	"unicode/utf8"

	"github.com/leatdb/leat/sql/sqlerr"
)

// kind is the kind of a token.
type kind uint8

const (
	kEOF    kind = iota
	kWord        // an unquoted identifier or keyword; val is folded to lower case
	kQuoted      // "x" or `x`
	kString      // '…', E'…', $$…$$, U&'…', N'…'; val is decoded
	kBits        // B'…' and X'…'; val starts with b or x
	kNumber      // an integer, decimal or float; val as written
	kParam       // $1; val is the digits
	kOp          // an operator of PostgreSQL's operator characters
	kPunct       // ( ) [ ] { } , ; . : :: :=
)

// token is one lexical unit of the message.
type token struct {
	kind     kind
	query    int8  // of an opening parenthesis: 1 when a query stands inside, -1 when not, 0 not yet asked
	off, end int32 // its bytes in the message
	match    int32 // of ( and [: the index of the closing token, -1 when there is none
	val      string
}

// opChars are the characters of operators, PostgreSQL's set.
const opChars = "+-*/<>=~!@#%^&|?"

// lexer turns a message into tokens and matches parentheses on the way.
type lexer struct {
	src  string
	i    int
	toks []token
	open []int32
}

// lex returns the tokens of src, several EOF tokens at the end so that look-ahead needs no bounds check.
func lex(src string) []token {
	l := &lexer{src: src, toks: make([]token, 0, len(src)/4+8)}
	l.i = len(src) - len(strings.TrimPrefix(src, "\uFEFF"))
	for l.space(); l.i < len(l.src); l.space() {
		l.token()
	}
	for range lookAhead {
		l.add(kEOF, l.i, "")
	}
	return l.toks
}

// lookAhead is how many tokens past the current one the parser may ask for without checking.
const lookAhead = 6

// add appends a token that starts at off and ends at the current position.
func (l *lexer) add(k kind, off int, val string) {
	l.toks = append(l.toks, token{kind: k, off: int32(off), end: int32(l.i), match: -1, val: val})
}

// fail reports a lexical error in PostgreSQL's wording: the message and the rest of the text.
func (l *lexer) fail(off int, msg string) {
	near := l.src[off:]
	if len(near) > 200 {
		near = strings.ToValidUTF8(near[:200], "")
	}
	bail(sqlerr.At(off, sqlerr.SyntaxError, "%s at or near \"%s\"", msg, near))
}

// failHere is fail for errors whose text ends at the current position.
func (l *lexer) failHere(off int, msg string) {
	bail(sqlerr.At(off, sqlerr.SyntaxError, "%s at or near \"%s\"", msg, l.src[off:l.i]))
}

// peek returns the byte n after the current one, 0 past the end.
func (l *lexer) peek(n int) byte {
	if l.i+n < len(l.src) {
		return l.src[l.i+n]
	}
	return 0
}

// space skips white space and comments.
func (l *lexer) space() {
	for l.i < len(l.src) {
		c := l.src[l.i]
		switch {
		case isSpace(c):
			l.i++
		case c == '-' && l.peek(1) == '-':
			n := strings.IndexAny(l.src[l.i:], "\n\r")
			if n < 0 {
				n = len(l.src) - l.i
			}
			l.i += n
		case c == '/' && l.peek(1) == '*':
			l.comment()
		default:
			return
		}
	}
}

// comment skips a block comment; they nest.
func (l *lexer) comment() {
	start, depth := l.i, 0
	for l.i < len(l.src) {
		switch {
		case l.src[l.i] == '/' && l.peek(1) == '*':
			depth++
			l.i += 2
		case l.src[l.i] == '*' && l.peek(1) == '/':
			depth--
			l.i += 2
			if depth == 0 {
				return
			}
		default:
			l.i++
		}
	}
	l.fail(start, "unterminated /* comment")
}

// token reads one token.
func (l *lexer) token() {
	start, c := l.i, l.src[l.i]
	switch {
	case isWordStart(c):
		if l.lettered(c) {
			return
		}
		l.word(start)
	case isDigit(c), c == '.' && isDigit(l.peek(1)):
		l.number()
	case c == '\'':
		v := l.quoted('\'', "unterminated quoted string")
		l.add(kString, start, l.continued(v))
	case c == '"', c == '`':
		l.quotedName(start, c)
	case c == '$':
		l.dollar()
	case strings.IndexByte(opChars, c) >= 0:
		l.operator()
	default:
		l.punct()
	}
}

// word reads an unquoted identifier. An @ may stand inside, as in ksqlDB, when a letter or digit follows it.
func (l *lexer) word(start int) {
	for l.i < len(l.src) && (isWordPart(l.src[l.i]) || l.src[l.i] == '@' && isWordPart(l.peek(1)) && l.peek(1) != '$') {
		l.i++
	}
	l.add(kWord, start, truncated(lower(l.src[start:l.i])))
}

func (l *lexer) quotedName(start int, quote byte) {
	v := l.quoted(quote, "unterminated quoted identifier")
	if v == "" {
		l.failHere(start, "zero-length delimited identifier")
	}
	l.add(kQuoted, start, truncated(v))
}

// dollar reads $1 and dollar-quoted strings.
func (l *lexer) dollar() {
	start := l.i
	l.i++
	if isDigit(l.peek(0)) {
		for isDigit(l.peek(0)) {
			l.i++
		}
		if isWordStart(l.peek(0)) {
			l.i++
			l.failHere(start, "trailing junk after parameter")
		}
		l.add(kParam, start, l.src[start+1:l.i])
		return
	}
	for isWordStart(l.peek(0)) || isDigit(l.peek(0)) {
		l.i++
	}
	if l.peek(0) != '$' {
		l.i = start + 1
		l.failHere(start, "syntax error")
	}
	l.i++
	tag := l.src[start:l.i]
	n := strings.Index(l.src[l.i:], tag)
	if n < 0 {
		l.fail(start, "unterminated dollar-quoted string")
	}
	v := l.src[l.i : l.i+n]
	l.i += n + len(tag)
	l.add(kString, start, v)
}

// operator reads the longest operator. PostgreSQL lets an operator end in + or - when it holds one of ~!@#%^&|?;
// here only those that exist keep the sign, so that a!=-1 and a%-1 mean what everybody means by them.
func (l *lexer) operator() {
	start, j := l.i, l.i
	for j < len(l.src) && strings.IndexByte(opChars, l.src[j]) >= 0 {
		if strings.HasPrefix(l.src[j:], "--") || strings.HasPrefix(l.src[j:], "/*") {
			break
		}
		j++
	}
	switch l.src[start:j] {
	case "#-", "-|-", "?-", "@-@", "?|-", "?-|":
	default:
		for j-start > 1 && (l.src[j-1] == '+' || l.src[j-1] == '-') {
			j--
		}
	}
	l.i = j
	op := l.src[start:j]
	if op == "!=" {
		op = "<>"
	}
	l.add(kOp, start, op)
}

// punct reads everything that is no word, literal or operator.
func (l *lexer) punct() {
	start, c := l.i, l.src[l.i]
	l.i++
	switch c {
	case '(', '[':
		l.open = append(l.open, int32(len(l.toks)))
	case ')', ']':
		if n := len(l.open); n > 0 && (l.toks[l.open[n-1]].val == "(") == (c == ')') {
			l.toks[l.open[n-1]].match = int32(len(l.toks))
			l.open = l.open[:n-1]
		}
	case ';':
		l.open = l.open[:0]
	case ':':
		if n := l.peek(0); n == ':' || n == '=' {
			l.i++
		}
	case ',', '.', '{', '}':
	default:
		_, w := utf8.DecodeRuneInString(l.src[start:])
		l.i = start + w
		l.failHere(start, "syntax error")
	}
	l.add(kPunct, start, l.src[start:l.i])
}

// number reads a numeric literal, or ksqlDB's identifier that starts with digits.
func (l *lexer) number() {
	start := l.i
	if c := l.peek(1) | 0x20; l.src[l.i] == '0' && (c == 'x' || c == 'o' || c == 'b') && isHex(l.peek(2)) {
		l.i += 2
		for isHex(l.peek(0)) || l.peek(0) == '_' && isHex(l.peek(1)) {
			l.i++
		}
		if isWordStart(l.peek(0)) {
			l.i++
			l.failHere(start, "trailing junk after numeric literal")
		}
		l.add(kNumber, start, l.src[start:l.i])
		return
	}
	l.digits()
	whole := true
	if l.peek(0) == '.' && l.peek(1) != '.' {
		whole = false
		l.i++
		l.digits()
	}
	if l.peek(0)|0x20 == 'e' {
		n := 1
		if s := l.peek(1); s == '+' || s == '-' {
			n = 2
		}
		if isDigit(l.peek(n)) {
			whole = false
			l.i += n
			l.digits()
		}
	}
	if isWordStart(l.peek(0)) {
		if whole {
			l.word(start)
			return
		}
		l.i++
		l.failHere(start, "trailing junk after numeric literal")
	}
	l.add(kNumber, start, l.src[start:l.i])
}

func (l *lexer) digits() {
	for isDigit(l.peek(0)) || l.peek(0) == '_' && isDigit(l.peek(1)) && l.i > 0 && isDigit(l.src[l.i-1]) {
		l.i++
	}
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

func isWordStart(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80 }

func isWordPart(c byte) bool { return isWordStart(c) || isDigit(c) || c == '$' }

// lower folds ASCII letters only, as PostgreSQL does in a multi-byte encoding.
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= 'A' && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if b[i] >= 'A' && b[i] <= 'Z' {
					b[i] |= 0x20
				}
			}
			return string(b)
		}
	}
	return s
}

// maxName is the longest identifier in bytes; a longer one is cut there, as PostgreSQL does.
const maxName = 63

func truncated(s string) string {
	if len(s) <= maxName {
		return s
	}
	n := maxName
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
