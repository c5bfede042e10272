package types

// ParseUUID reads a UUID into its 16 bytes: 32 hex digits with an optional hyphen after every fourth, in braces or not.
func ParseUUID[S string | []byte](s S) (u [16]byte, err error) {
	t, bad := s, false
	if len(t) > 0 && t[0] == '{' {
		t, bad = t[1:], t[len(t)-1] != '}'
		if !bad {
			t = t[:len(t)-1]
		}
	}
	at := 0
	for i := range u {
		if at+1 >= len(t) {
			bad = true
			break
		}
		hi, lo := hexValue(t[at]), hexValue(t[at+1])
		if hi < 0 || lo < 0 {
			bad = true
			break
		}
		u[i] = byte(hi<<4 | lo)
		if at += 2; at < len(t) && t[at] == '-' && i%2 == 1 && i < 15 {
			at++
		}
	}
	if bad || at != len(t) {
		return u, errSyntax("uuid", string(s))
	}
	return u, nil
}

// AppendUUID prints the 16 bytes of a UUID.
func AppendUUID[S string | []byte](dst []byte, u S) []byte {
	for i := range len(u) {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, hexDigits[u[i]>>4], hexDigits[u[i]&15])
	}
	return dst
}
