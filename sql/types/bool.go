package types

import "strings"

// ParseBool reads a boolean: true, yes, on, 1 and their opposites, in any case and, but for on and off, cut to any
// length.
func ParseBool[S string | []byte](s S) (bool, error) {
	if len(s) == 1 {
		switch s[0] {
		case 't':
			return true, nil
		case 'f':
			return false, nil
		}
	}
	return parseBool(string(s))
}

func parseBool(s string) (bool, error) {
	t := strings.ToLower(trimSpace(s))
	if t != "" {
		switch {
		case strings.HasPrefix("true", t), strings.HasPrefix("yes", t), t == "on", t == "1":
			return true, nil
		case strings.HasPrefix("false", t), strings.HasPrefix("no", t), t == "off", t == "of", t == "0":
			return false, nil
		}
	}
	return false, errSyntax("boolean", s)
}

// AppendBool prints t or f.
func AppendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 't')
	}
	return append(dst, 'f')
}
