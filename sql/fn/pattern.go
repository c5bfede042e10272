package fn

import (
	"strings"
	"unicode/utf8"
)

// patternKind says what a part of a pattern of to_char, to_date and kin is.
type patternKind uint8

const (
	patternWord      patternKind = iota // a word such as YYYY
	patternSeparator                    // punctuation
	patternSpace                        // a blank
	patternText                         // any other character, and all of quoted text
)

// patternPart is one part of a pattern.
type patternPart struct {
	kind     patternKind
	word     string // the word in the list's spelling, or the character
	lower    bool   // the word is written in lower case where the list has upper
	fill     bool   // FM before it: no padding
	th, upTH bool   // th or TH after it
}

// parsePattern takes a pattern apart. words are those it may have, the longer of a common beginning first; prefixed
// tells that FM and TM may stand before a word and TH after it, and that punctuation counts as a separator.
func parsePattern(s string, words []string, prefixed bool) (parts []patternPart) {
	for s != "" {
		var p patternPart
		local := false
		if prefixed {
			switch {
			case strings.HasPrefix(s, "FM") || strings.HasPrefix(s, "fm"):
				p.fill, s = true, s[2:]
			case strings.HasPrefix(s, "TM") || strings.HasPrefix(s, "tm"):
				local, s = true, s[2:]
			}
		}
		if s == "" {
			break
		}
		n := 0
		if p.word, p.lower = findWord(s, words); p.word != "" {
			s = s[len(p.word):]
			// A local name has its own length.
			p.fill = p.fill || local && (strings.EqualFold(p.word, "day") || strings.EqualFold(p.word, "month"))
			if prefixed && len(s) >= 2 && (s[:2] == "TH" || s[:2] == "th") {
				p.th, p.upTH, s = true, s[0] == 'T', s[2:]
			} else if prefixed && (strings.HasPrefix(s, "SP") || strings.HasPrefix(s, "sp")) {
				s = s[2:]
			}
			parts = append(parts, p)
			continue
		}
		if s[0] == '"' {
			parts, s = quotedText(parts, s[1:])
			continue
		}
		if strings.HasPrefix(s, `\"`) {
			s = s[1:]
		}
		p = patternPart{kind: patternText}
		if _, n = utf8.DecodeRuneInString(s); n == 1 {
			switch c := s[0]; {
			case prefixed && isSeparator(c):
				p.kind = patternSeparator
			case isBlank(c):
				p.kind = patternSpace
			}
		}
		p.word, s = s[:n], s[n:]
		parts = append(parts, p)
	}
	return parts
}

// quotedText adds the characters up to a closing quote, in which a backslash quotes the next.
func quotedText(parts []patternPart, s string) ([]patternPart, string) {
	for s != "" {
		if s[0] == '"' {
			return parts, s[1:]
		}
		if s[0] == '\\' && len(s) > 1 {
			s = s[1:]
		}
		_, n := utf8.DecodeRuneInString(s)
		parts = append(parts, patternPart{kind: patternText, word: s[:n]})
		s = s[n:]
	}
	return parts, s
}

// findWord returns the word that s begins with, all in upper or all in lower case unless the list has it otherwise.
func findWord(s string, words []string) (word string, lower bool) {
	for _, w := range words {
		if strings.HasPrefix(s, w) {
			return w, false
		}
		if strings.ToUpper(w) == w && len(s) >= len(w) && s[:len(w)] == strings.ToLower(w) {
			return w, true
		}
	}
	return "", false
}

// isSeparator reports whether c is printable ASCII that is neither a letter nor a digit nor a blank.
func isSeparator(c byte) bool {
	return c > ' ' && c < 0x7f && !(c >= '0' && c <= '9') && !(c|0x20 >= 'a' && c|0x20 <= 'z')
}

func isBlank(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }
