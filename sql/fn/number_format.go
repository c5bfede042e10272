package fn

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// numberFormatDecls declares what prints and reads numbers by a pattern.
func numberFormatDecls() []Scalar {
	text := types.Text
	var fs []Scalar
	for k, t := range in(types.Numeric, types.Int4, types.Int8, types.Float4, types.Float8) {
		fs = append(fs, Scalar{Name: "to_char", Args: in(t, text), Ret: text, Strict: true,
			Kernel: rowwise(toCharNumber),
			Doc: first(k, "math", "Prints a number by a pattern of PostgreSQL's.", "to_char(125.8, '999D99')",
				" 125.80", "to_char(1234567, 'FM9,999,999')", "1,234,567", "to_char(485, 'RN')", "        CDLXXXV")})
	}
	return append(fs, Scalar{Name: "to_number", Args: in(text, text), Ret: types.Numeric, Strict: true,
		Kernel: rowwise(toNumber), Doc: Doc{Summary: "Reads a number by a pattern of PostgreSQL's.",
			Examples: ex("to_number('12,454.8-', '99G999D9S')", "-12454.8")}})
}

// toCharNumber prints a number by a pattern.
func toCharNumber(r Row, out *vec.Column) error {
	p, err := parseNumberPattern(r.Text(1))
	if err != nil {
		return err
	}
	w := numberWriter{numberPattern: p, sign: '+', relevant: -1}
	if len(p.parts) > 0 {
		switch col, _ := r.Col(0); col.Type.Class() {
		case types.ClassInt:
			err = w.setInt(r.Int(0), col.Type)
		case types.ClassFloat:
			err = w.setFloat(r.Float(0), col.Type)
		default:
			err = w.setDecimal(r.Dec(0))
		}
		if err != nil {
			return err
		}
		if err = w.write(); err != nil {
			return err
		}
	}
	text, _, _ := bytes.Cut(w.out, []byte{0}) // as in PostgreSQL, a sign or a digit that is missing ends the text
	out.AppendBytes(text)
	return nil
}

// numberWriter prints a number by a pattern: the digits one by one, the sign before the first or after the last.
type numberWriter struct {
	numberPattern
	sign     byte
	number   string // the digits with a point, without the sign
	blanks   int    // places of the pattern before the first digit
	at       int    // how far number is printed
	place    int    // how many places of the pattern are behind
	last     int
	relevant int // with FM, where the digits of the fraction that are no zeros end; -1 when all are printed
	signed   bool
	inside   bool // a digit has been printed
	err      error
	out      []byte
}

// setText takes the digits of a number whose part before the point must fit the pattern.
func (w *numberWriter) setText(text string) {
	if text, ok := strings.CutPrefix(text, "-"); ok {
		w.sign, w.number = '-', text
	} else {
		w.number = text
	}
	whole, _, _ := strings.Cut(w.number, ".")
	if len(whole) > w.before {
		w.number = strings.Repeat("#", w.before) + "." + strings.Repeat("#", w.after)
		return
	}
	w.blanks = w.before - len(whole)
}

// setHashes says that a number has no digits to show in the form of 1e+10.
func (w *numberWriter) setHashes() {
	w.number = " " + strings.Repeat("#", w.before) + "." + strings.Repeat("#", w.after+4)
}

// setRoman gives the number in Roman numerals, which have no sign.
func (w *numberWriter) setRoman(v int64) { w.number, w.sign = roman(v), 0 }

func (w *numberWriter) setScientific(text string) {
	if w.number = text; text[0] != '-' {
		w.number = " " + text
	}
}

func (w *numberWriter) setInt(v int64, t types.Type) error {
	lo, hi, name := limits(t.Kind)
	switch {
	case w.roman && v != int64(int32(v)):
		return outOfRange("integer")
	case w.roman:
		w.setRoman(v)
	case w.scientific && t.Kind == types.KindInt4:
		w.setScientific(strconv.FormatFloat(float64(v), 'e', w.after, 64))
	case w.scientific:
		w.setScientific(scientific(types.DecimalFromInt64(v), w.after))
	default:
		for range w.shift {
			if v > hi/10 || v < lo/10 {
				return outOfRange(name)
			}
			v *= 10
		}
		w.before += w.shift
		text := strconv.FormatInt(v, 10)
		if w.after > 0 {
			text += "." + strings.Repeat("0", w.after)
		}
		w.setText(text)
	}
	return nil
}

func (w *numberWriter) setFloat(f float64, t types.Type) error {
	digits, bits := 15, 64
	if t.Kind == types.KindFloat4 {
		digits, bits = 6, 32
	}
	special := math.IsNaN(f) || math.IsInf(f, 0)
	switch {
	case w.roman && special:
		w.setRoman(0)
	case w.roman:
		w.setRoman(int64(min(max(math.RoundToEven(f), -1), 4000)))
	case w.scientific && special:
		w.setHashes()
	case w.scientific:
		w.setScientific(strconv.FormatFloat(f, 'e', w.after, 64))
	default:
		if f *= math.Pow10(w.shift); bits == 32 {
			f = float64(float32(f))
		}
		w.before += w.shift
		w.after = max(min(w.after, digits-len(fixedFloat(math.Abs(f), 0))), 0)
		w.setText(fixedFloat(f, w.after))
	}
	return nil
}

func (w *numberWriter) setDecimal(d types.Decimal) error {
	special := d.IsNaN() || d.IsInf()
	switch {
	case w.roman:
		v, err := wholeOf(d, types.KindInt4)
		if err != nil {
			return err
		}
		w.setRoman(v)
	case w.scientific && special:
		w.setHashes()
	case w.scientific:
		w.setScientific(scientific(d, w.after))
	default:
		if w.shift > 0 {
			power, err := types.ParseDecimal("1e" + strconv.Itoa(w.shift))
			if err == nil {
				d, err = d.Mul(power)
			}
			if err != nil {
				return err
			}
		}
		w.before += w.shift
		w.setText(d.Round(int32(w.after)).String())
	}
	return nil
}

// write goes through the pattern.
func (w *numberWriter) write() error {
	p := &w.numberPattern
	if p.scientific {
		w.out = append(w.out, w.number...)
		return nil
	}
	switch {
	case p.plus || p.minus:
		w.signed = p.minus
	default:
		if w.sign != '-' && p.compact {
			p.brackets = false
		}
		w.signed = w.sign == '+' && p.compact && p.signSide == noSign
		if p.signSide == signBefore && p.before == p.signAt {
			p.signSide = signAfter
		}
	}
	w.last = p.after + p.before - 1
	w.findRelevant()
	if !w.signed && w.blanks == 0 {
		w.last++
	}
	for _, part := range p.parts {
		if part.kind == patternWord {
			w.word(part)
		} else {
			w.out = append(w.out, part.word...)
		}
	}
	return w.err
}

// findRelevant finds where the digits of the fraction end that FM leaves.
func (w *numberWriter) findRelevant() {
	point := strings.IndexByte(w.number, '.')
	if !w.compact || !w.point || point < 0 {
		return
	}
	w.relevant = max(len(strings.TrimRight(w.number[point:], "0"))+point-1, point)
	if w.zeroTo > w.blanks {
		w.relevant = max(w.relevant, min(len(w.number)-1, w.zeroTo-w.blanks))
	}
}

// word prints what stands for one word of the pattern.
func (w *numberWriter) word(part patternPart) {
	switch part.word {
	case "9", "0", ".", "D":
		if !w.roman {
			w.digit(part.word)
		}
	case ",", "G":
		switch {
		case w.inside:
			w.out = append(w.out, ',')
		case !w.compact:
			w.out = append(w.out, ' ')
		}
	case "L":
		w.out = append(w.out, ' ')
	case "RN":
		text := w.number
		if part.lower {
			text = strings.ToLower(text)
		}
		for n := len(text); !w.compact && n < 15; n++ {
			w.out = append(w.out, ' ')
		}
		w.out = append(w.out, text...)
	case "TH":
		if w.roman || w.number[0] == '#' || w.sign == '-' || w.point {
			break
		}
		if !isDigit(w.number[len(w.number)-1]) {
			w.err = sqlerr.New(sqlerr.InvalidTextRepresentation, "\"%s\" is not a number", w.number)
			break
		}
		w.out = append(w.out, ordinal([]byte(w.number), !part.lower)...)
	case "MI":
		w.mark('-')
	case "PL":
		w.mark('+')
	case "SG":
		w.out = append(w.out, w.sign)
	}
}

// mark prints the sign where the number has it, else a blank.
func (w *numberWriter) mark(sign byte) {
	switch {
	case w.sign == sign:
		w.out = append(w.out, sign)
	case !w.compact:
		w.out = append(w.out, ' ')
	}
}

// blankBeforePoint reports whether the zero of 0.5 is not to be printed.
func (w *numberWriter) blankBeforePoint() bool {
	return !w.zero && w.at == 0 && w.number[0] == '0' && w.after != 0
}

// pointIsLast reports whether FM leaves no digit of the fraction.
func (w *numberWriter) pointIsLast() bool { return w.relevant >= 0 && w.number[w.relevant] == '.' }

// digit prints one place of the number: a digit, the point, or what stands in place of them.
func (w *numberWriter) digit(word string) {
	w.inside = false
	if !w.signed && (w.place >= w.blanks || w.zero && w.zeroFrom == w.place) &&
		(!w.blankBeforePoint() || w.pointIsLast()) {
		w.signInFront()
	}
	current := byte(0)
	if w.at < len(w.number) {
		current = w.number[w.at]
	}
	switch {
	case w.place < w.blanks && (w.zeroFrom > w.place || !w.zero):
		if !w.compact {
			w.out = append(w.out, ' ')
		}
	case w.place < w.blanks:
		w.out, w.inside = append(w.out, '0'), true
	default:
		w.current(current, word)
		if current != 0 {
			w.at++
		}
	}
	end := w.last
	if w.blanks > 0 {
		end++
	}
	if w.point {
		end++
	}
	if w.relevant >= 0 && w.relevant == w.at {
		end = w.place
	}
	if w.place+1 == end {
		switch {
		case w.signed && w.brackets && w.sign == '+':
			w.out = append(w.out, ' ')
		case w.signed && w.brackets:
			w.out = append(w.out, '>')
		case !w.brackets && w.signSide == signAfter:
			w.out = append(w.out, w.sign)
		}
	}
	w.place++
}

// current prints the next character of the number.
func (w *numberWriter) current(c byte, word string) {
	switch {
	case c == '.':
		if w.compact || !w.pointIsLast() {
			w.out = append(w.out, '.')
		}
	case w.relevant >= 0 && w.at > w.relevant && word != "0":
	case w.blankBeforePoint():
		if !w.compact {
			w.out = append(w.out, ' ')
		} else if w.pointIsLast() {
			w.out = append(w.out, '0')
		}
	default:
		w.out, w.inside = append(w.out, c), true
	}
}

func (w *numberWriter) signInFront() {
	switch {
	case w.signSide == signBefore:
		w.out = append(w.out, w.sign)
	case w.signSide == signAfter:
		return
	case w.brackets && w.sign == '-':
		w.out = append(w.out, '<')
	case w.sign == '-':
		w.out = append(w.out, '-')
	case !w.compact || w.brackets:
		w.out = append(w.out, ' ')
	}
	w.signed = true
}

// fixedFloat prints a float with so many digits after the point.
func fixedFloat(f float64, digits int) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(f, 'f', digits, 64)
}

// scientific prints a number as 1.23e+04.
func scientific(d types.Decimal, digits int) string {
	coef, places, exp, ok := d.Abs().Reduce()
	if !ok || d.Sign() == 0 {
		return strconv.FormatFloat(0, 'e', digits, 64)
	}
	if places == "" {
		places = strconv.FormatInt(coef, 10)
	}
	exp += int32(len(places)) - 1
	value, _ := types.ParseDecimal(places[:1] + "." + places[1:] + "0")
	text := value.Round(int32(digits)).String() // 9.99 may become 10.0, which stays, as in PostgreSQL
	if d.Sign() < 0 {
		text = "-" + text
	}
	sign := "+"
	if exp < 0 {
		sign, exp = "-", -exp
	}
	power := strconv.Itoa(int(exp))
	if len(power) < 2 {
		power = "0" + power
	}
	return text + "e" + sign + power
}

// roman writes a number in Roman numerals, as hashes when there are none for it.
func roman(v int64) string {
	if v < 1 || v > 3999 {
		return strings.Repeat("#", 15)
	}
	var b strings.Builder
	for _, n := range []struct {
		value  int64
		letter string
	}{{1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"}, {90, "XC"}, {50, "L"}, {40, "XL"}, {10, "X"},
		{9, "IX"}, {5, "V"}, {4, "IV"}, {1, "I"}} {
		for ; v >= n.value; v -= n.value {
			b.WriteString(n.letter)
		}
	}
	return b.String()
}
