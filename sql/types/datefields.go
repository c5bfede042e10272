package types

import "strings"

// Dates, times and intervals in free form are first cut into fields, then every field finds its meaning, as in
// PostgreSQL (which is why 2001-02-03, Feb 3 2001, 20010203T040506 and J2451944 all work).

type fieldKind uint8

const (
	fieldNumber  fieldKind = iota // digits, maybe with a decimal point
	fieldString                   // letters
	fieldDate                     // digits and letters joined by - / . or a time zone's name
	fieldTime                     // digits with colons
	fieldZone                     // a sign and digits
	fieldSpecial                  // a sign and letters
)

type dateField struct {
	kind fieldKind
	text string // in lower case
	raw  string // as written
}

const maxDateFields = 25

// splitDate cuts s into fields; ok is false when it cannot be a date, time or interval.
func splitDate(s string) (fields []dateField, ok bool) {
	for i := 0; i < len(s); {
		c := s[i]
		start := i
		kind := fieldNumber
		switch {
		case isSpace(c):
			i++
			continue
		case c >= '0' && c <= '9':
			i, kind = splitDigits(s, i)
		case c == '.':
			i = skipDigits(s, i+1)
		case isLetter(c):
			i, kind = splitWord(s, i)
		case c == '+' || c == '-':
			i++
			for i < len(s) && isSpace(s[i]) {
				i++
			}
			if i == len(s) || !isAlnum(s[i]) {
				return nil, false
			}
			digits := i
			if kind = fieldSpecial; !isLetter(s[i]) {
				kind = fieldZone
				i = skipAny(s, i, func(c byte) bool { return isDigit(c) || c == ':' || c == '.' || c == '-' })
			} else {
				i = skipAny(s, i, isLetter)
			}
			text := string(c) + s[digits:i]
			fields = append(fields, dateField{kind, strings.ToLower(text), text})
			if len(fields) > maxDateFields {
				return nil, false
			}
			continue
		case c > ' ' && c < 0x7f: // other punctuation only separates
			i++
			continue
		default:
			return nil, false
		}
		fields = append(fields, dateField{kind, strings.ToLower(s[start:i]), s[start:i]})
		if len(fields) > maxDateFields {
			return nil, false
		}
	}
	return fields, true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isAlnum(c byte) bool { return isDigit(c) || isLetter(c) }

func skipAny(s string, i int, in func(byte) bool) int {
	for i < len(s) && in(s[i]) {
		i++
	}
	return i
}

// splitDigits finds the end of a field that begins with a digit.
func splitDigits(s string, i int) (int, fieldKind) {
	i = skipDigits(s, i)
	if i == len(s) {
		return i, fieldNumber
	}
	switch delim := s[i]; delim {
	case ':':
		return skipAny(s, i+1, func(c byte) bool { return isDigit(c) || c == ':' || c == '.' }), fieldTime
	case '-', '/', '.':
		i++
		if i == len(s) || !isDigit(s[i]) {
			return skipAny(s, i, func(c byte) bool { return isAlnum(c) || c == delim }), fieldDate
		}
		kind := fieldDate
		if delim == '.' {
			kind = fieldNumber
		}
		i = skipDigits(s, i)
		if i < len(s) && s[i] == delim {
			kind = fieldDate
			i = skipAny(s, i+1, func(c byte) bool { return isDigit(c) || c == delim })
		}
		return i, kind
	}
	return i, fieldNumber
}

// splitWord finds the end of a field that begins with a letter.
func splitWord(s string, i int) (int, fieldKind) {
	start := i
	i = skipAny(s, i, isLetter)
	if i == len(s) {
		return i, fieldString
	}
	date := false
	switch c := s[i]; {
	case c == '-' || c == '/' || c == '.':
		date = true
	case c == '+' || isDigit(c):
		date = !knownDateWord(strings.ToLower(s[start:i]))
	}
	if !date {
		return i, fieldString
	}
	return skipAny(s, i, func(c byte) bool { return isAlnum(c) || strings.IndexByte("+-/_.:", c) >= 0 }), fieldDate
}
