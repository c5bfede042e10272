package fn

import (
	"strings"
	"unicode/utf8"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// toNumber reads a number by a pattern.
func toNumber(r Row, out *vec.Column) error {
	p, err := parseNumberPattern(r.Text(1))
	switch {
	case err != nil:
		return err
	case len(p.parts) == 0:
		out.AppendNull()
		return nil
	case p.scientific:
		return sqlerr.New(sqlerr.FeatureNotSupported, `"EEEE" not supported for input`)
	case p.roman:
		return sqlerr.New(sqlerr.FeatureNotSupported, `"RN" not supported for input`)
	}
	n := numberReader{numberPattern: p, s: r.Text(0), sign: ' '}
	n.read()
	text := strings.TrimSuffix(n.digits, ".")
	d, err := types.ParseDecimal(string(n.sign) + text)
	if err != nil {
		return sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type numeric: \"%c%s\"", n.sign, text)
	}
	if p.before+p.shift == 0 && d.Abs().Cmp(types.DecimalFromInt64(1)) >= 0 {
		return sqlerr.New(sqlerr.NumericValueOutOfRange, "numeric field overflow").
			WithDetail("A field with precision %d, scale %d must round to an absolute value less than 1.", n.after, n.after)
	}
	if d, err = d.Fit(max(p.before+p.shift+n.after, 1), n.after); err == nil && p.shifted {
		var power types.Decimal
		if power, err = decPower(types.DecimalFromInt64(10), types.DecimalFromInt64(int64(-p.shift))); err == nil {
			d, err = d.Mul(power)
		}
	}
	if err == nil {
		out.AppendDec(d)
	}
	return err
}

// numberReader reads a number by a pattern: every word takes what it can of the text, which need not fit.
type numberReader struct {
	numberPattern
	s             string // what is left
	sign          byte
	digits        string
	before, after int // digits read on either side of the point
	pointRead     bool
}

func (n *numberReader) read() {
	for _, part := range n.parts {
		if n.s == "" {
			return
		}
		switch {
		case part.kind != patternWord:
			n.skip()
		case part.word == "9" || part.word == "0" || part.word == "." || part.word == "D":
			n.place(part.word)
			n.skip()
		case part.word == "," || part.word == "G":
			if !n.compact && n.s[0] == ',' {
				n.s = n.s[1:]
			}
		case part.word == "L":
			n.skipOthers(1)
		case part.word == "TH":
			if n.sign != '-' && !n.point {
				n.skipOthers(2)
			}
		case part.word == "MI":
			n.mark("-")
		case part.word == "PL":
			n.mark("+")
		case part.word == "SG":
			n.mark("+-")
		}
	}
}

func (n *numberReader) skip() {
	_, size := utf8.DecodeRuneInString(n.s)
	n.s = n.s[size:]
}

// skipOthers skips so many characters that are no part of a number.
func (n *numberReader) skipOthers(count int) {
	for ; count > 0 && n.s != "" && strings.IndexByte("0123456789.,+-", n.s[0]) < 0; count-- {
		n.skip()
	}
}

// mark reads a sign of these, or skips a character that is no part of a number.
func (n *numberReader) mark(signs string) {
	if strings.IndexByte(signs, n.s[0]) < 0 {
		n.skipOthers(1)
		return
	}
	n.sign, n.s = n.s[0], n.s[1:]
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// place reads a digit or the point, a sign before the first of them and one after the last. The character it leaves at
// the front of s is the one it has read.
func (n *numberReader) place(word string) {
	if n.s[0] == ' ' {
		n.s = n.s[1:]
	}
	if n.s != "" && n.sign == ' ' && (word == "0" || word == "9") && n.before+n.after == 0 {
		switch c := n.s[0]; {
		case c == '-', c == '+':
			n.sign, n.s = c, n.s[1:]
		case c == '<' && n.brackets:
			n.sign, n.s = '-', n.s[1:]
		}
	}
	if n.s == "" {
		return
	}
	read := false
	switch c := n.s[0]; {
	case isDigit(c):
		if n.pointRead && n.after == n.numberPattern.after {
			return
		}
		n.digits += string(c)
		if read = true; n.pointRead {
			n.after++
		} else {
			n.before++
		}
	case n.point && !n.pointRead && c == '.':
		n.digits, n.pointRead, read = n.digits+".", true, true
	}
	if n.sign != ' ' || n.before+n.after == 0 {
		return
	}
	switch c := n.s[0]; {
	case n.signSide != noSign && read && len(n.s) > 1 && (n.s[1] == '-' || n.s[1] == '+'):
		n.sign, n.s = n.s[1], n.s[1:]
	case !read && n.signSide == noSign && (n.plus || n.minus) && (c == '-' || c == '+'):
		n.sign = c
	}
}
