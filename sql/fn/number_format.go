package fn

import (
	"math"
	"strconv"
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// numberPattern is a pattern of to_char for numbers, taken apart.
type numberPattern struct {
	picture          string // 9, 0, G (group separator) and D (decimal point), in order
	before, after    int    // digits on either side of the point
	firstZero        int    // the first 0, counted in digits before the point; -1 when there is none
	fill             bool   // pad with blanks: no FM
	signFirst        byte   // S or 0: a sign always shown in front
	signLast         byte   // S, or M (MI)
	brackets, dollar bool
	plus             bool
	literalEnd       string
}

func parseNumberPattern(s string) (p numberPattern, err error) {
	p.fill, p.firstZero = true, -1
	point := false
	for s != "" {
		u := strings.ToUpper(s[:min(len(s), 2)])
		switch {
		case u == "FM":
			p.fill, s = false, s[2:]
			continue
		case u == "MI":
			p.signLast, s = 'M', s[2:]
			continue
		case u == "PR":
			p.brackets, s = true, s[2:]
			continue
		case u == "PL" || u == "SG":
			p.signFirst, s = 'S', s[2:]
			continue
		case u[0] == 'S' && p.picture == "":
			p.signFirst = 'S'
		case u[0] == 'S':
			p.signLast = 'S'
		case u[0] == '9' || u[0] == '0':
			if u[0] == '0' && !point && p.firstZero < 0 {
				p.firstZero = p.before
			}
			if point {
				p.after++
			} else {
				p.before++
			}
			p.picture += u[:1]
		case u[0] == ',' || u[0] == 'G':
			p.picture += "G"
		case (u[0] == '.' || u[0] == 'D') && !point:
			point = true
			p.picture += "D"
		case u[0] == 'L' || u[0] == '$':
			p.dollar = true
		case u[0] == ' ' || u[0] == '%':
			p.literalEnd += s[:1]
		default:
			return p, sqlerr.New(sqlerr.FeatureNotSupported, "to_char pattern %q is not supported", s)
		}
		s = s[1:]
	}
	return p, nil
}

// toCharNumber prints a number by a pattern.
func toCharNumber(r Row, out *vec.Column) error {
	p, err := parseNumberPattern(r.Text(1))
	if err != nil {
		return err
	}
	var d types.Decimal
	switch col, _ := r.Col(0); col.Type.Class() {
	case types.ClassInt:
		d = types.DecimalFromInt64(r.Int(0))
	case types.ClassFloat:
		f := r.Float(0)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			break
		}
		digits := 15
		if col.Type.Kind == types.KindFloat4 {
			digits = 6
		}
		if d, err = types.ParseDecimal(strconv.FormatFloat(f, 'g', digits, 64)); err != nil {
			return err
		}
	default:
		d = r.Dec(0)
	}
	out.Data = p.append(out.Data, d.Round(int32(p.after)))
	out.CloseBytes()
	return nil
}

// append prints d, which has as many digits after the point as the pattern.
func (p *numberPattern) append(dst []byte, d types.Decimal) []byte {
	negative := d.Sign() < 0
	text := d.Abs().String()
	whole, frac, _ := strings.Cut(text, ".")
	if whole == "0" && p.before > 0 && p.after > 0 && (p.fill || d.Sign() != 0) {
		whole = ""
	}
	overflow := len(strings.TrimLeft(whole, "0")) > p.before || d.IsNaN() || d.IsInf()
	zeros := p.before
	if p.firstZero >= 0 {
		zeros = p.firstZero
	}
	if whole == "0" && p.after == 0 {
		zeros = min(zeros, p.before-1)
	}
	b := p.digits(strings.Repeat(" ", max(0, p.before-len(whole)))+whole, frac, zeros, overflow)
	body := strings.TrimLeft(b, " ")
	pad := b[:len(b)-len(body)]
	sign := " "
	switch {
	case negative:
		sign = "-"
	case p.signFirst == 'S' || p.signLast == 'S':
		sign = "+"
	}
	if p.dollar {
		body = "$" + body
	}
	switch {
	case p.brackets && negative:
		body = pad + "<" + body + ">"
	case p.brackets:
		body = pad + " " + body + " "
	case p.signLast != 0:
		body = pad + body + sign
	default:
		body = pad + sign + body
	}
	if !p.fill {
		body = strings.Trim(body, " ")
	}
	return append(append(dst, body...), p.literalEnd...)
}

// digits fills the picture. Digits before place zeros are blank where the number has none.
func (p *numberPattern) digits(whole, frac string, zeros int, overflow bool) string {
	var b strings.Builder
	place, point, begun := 0, false, false
	for i := range len(p.picture) {
		switch c := p.picture[i]; {
		case c == 'D':
			point, place = true, 0
			b.WriteByte('.')
		case c == 'G' && (begun || point):
			b.WriteByte(',')
		case c == 'G':
			b.WriteByte(' ')
		case overflow:
			begun = true
			b.WriteByte('#')
		case point:
			b.WriteByte(frac[place])
			place++
		case whole[place] == ' ' && place < zeros:
			b.WriteByte(' ')
			place++
		case whole[place] == ' ':
			begun = true
			b.WriteByte('0')
			place++
		default:
			begun = true
			b.WriteByte(whole[place])
			place++
		}
	}
	s := b.String()
	if !p.fill && p.after > 0 { // FM drops zeros that a 9 asked for
		last := strings.LastIndexByte(p.picture, '0')
		for n := len(s); n > 0 && s[n-1] == '0' && n-1 > last; n = len(s) {
			s = s[:n-1]
		}
	}
	return s
}
