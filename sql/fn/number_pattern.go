package fn

import (
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
)

// numberWords are the words of the patterns of to_char and to_number for numbers.
var numberWords = strings.Fields("EEEE FM MI PL PR RN SG SP TH , . 0 9 B D G L S V")

// signPlace says where the sign of S goes.
type signPlace uint8

const (
	noSign signPlace = iota
	signBefore
	signAfter
)

// numberPattern is a pattern of to_char or to_number for numbers, taken apart, and what its words ask for together.
type numberPattern struct {
	parts         []patternPart
	before, after int // digits on either side of the point
	shift         int // digits after V
	zeroFrom      int // digits before the first 0, when there is one before the point
	zeroTo        int // the last 0
	signSide      signPlace
	signAt        int // digits before S

	point, shifted, zero, compact, brackets, minus, plus, roman, scientific, blank bool
}

// parseNumberPattern takes a pattern apart and refuses what does not go together.
func parseNumberPattern(s string) (p numberPattern, err error) {
	p.parts = parsePattern(s, numberWords, false)
	for _, part := range p.parts {
		if part.kind != patternWord {
			continue
		}
		if err := p.add(part.word); err != nil {
			return p, err
		}
	}
	return p, nil
}

func patternError(text string) error { return sqlerr.New(sqlerr.SyntaxError, "%s", text) }

func (p *numberPattern) add(word string) error {
	if p.scientific && word != "EEEE" {
		return patternError(`"EEEE" must be the last pattern used`)
	}
	switch word {
	case "9", "0":
		return p.addDigit(word)
	case "B":
		p.blank = p.blank || p.before == 0 && p.after == 0 && !p.zero
	case "D", ".":
		switch {
		case p.point:
			return patternError("multiple decimal points")
		case p.shifted:
			return patternError(`cannot use "V" and decimal point together`)
		}
		p.point = true
	case "V":
		if p.point {
			return patternError(`cannot use "V" and decimal point together`)
		}
		p.shifted = true
	case "FM":
		p.compact = true
	case "RN":
		p.roman = true
	case "EEEE":
		switch {
		case p.scientific:
			return patternError(`cannot use "EEEE" twice`)
		case p.blank || p.compact || p.signSide != noSign || p.brackets || p.minus || p.plus || p.roman || p.shifted:
			return sqlerr.New(sqlerr.SyntaxError, `"EEEE" is incompatible with other formats`).
				WithDetail(`"EEEE" may only be used together with digit and decimal point patterns.`)
		}
		p.scientific = true
	default:
		return p.addSign(word)
	}
	return nil
}

func (p *numberPattern) addDigit(word string) error {
	if p.brackets {
		return patternError(`"` + word + `" must be ahead of "PR"`)
	}
	switch {
	case word == "0":
		if !p.zero && !p.point {
			p.zeroFrom, p.zero = p.before, true
		}
	case p.shifted:
		p.shift++
		return nil
	}
	if p.point {
		p.after++
	} else {
		p.before++
	}
	if word == "0" {
		p.zeroTo = p.before + p.after
	}
	return nil
}

func (p *numberPattern) addSign(word string) error {
	switch word {
	case "S":
		switch {
		case p.signSide != noSign:
			return patternError(`cannot use "S" twice`)
		case p.plus || p.minus || p.brackets:
			return patternError(`cannot use "S" and "PL"/"MI"/"SG"/"PR" together`)
		case p.point:
			p.signSide = signAfter
		default:
			p.signSide, p.signAt = signBefore, p.before
		}
	case "MI", "PL", "SG":
		if p.signSide != noSign {
			return patternError(`cannot use "S" and "` + word + `" together`)
		}
		p.minus = p.minus || word != "PL"
		p.plus = p.plus || word != "MI"
	case "PR":
		if p.signSide != noSign || p.plus || p.minus {
			return patternError(`cannot use "PR" and "S"/"PL"/"MI"/"SG" together`)
		}
		p.brackets = true
	}
	return nil
}
