package fn

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// textDecls declares the everyday functions over text. Positions and lengths count characters, not bytes.
func textDecls() []Scalar {
	return []Scalar{
		{Name: "length", Args: in(types.Text), Ret: types.Int4, Strict: true, Kernel: textInt(runeCount),
			Doc: Doc{Category: "string", Summary: "Counts the characters.", Examples: ex("length('jöse')", "4")}},
		{Name: "length", Args: in(types.Char), Ret: types.Int4, Strict: true, Kernel: textInt(func(s []byte) int64 {
			return runeCount(bytes.TrimRight(s, " "))
		})},
		{Name: "length", Args: in(types.Bytea), Ret: types.Int4, Strict: true, Kernel: textInt(byteCount)},
		{Name: "octet_length", Args: in(types.Text), Ret: types.Int4, Strict: true, Kernel: textInt(byteCount),
			Doc: Doc{Summary: "Counts the bytes.", Examples: ex("octet_length('jöse')", "5")}},
		{Name: "octet_length", Args: in(types.Bytea), Ret: types.Int4, Strict: true, Kernel: textInt(byteCount)},
		{Name: "octet_length", Args: in(types.Char), Ret: types.Int4, Strict: true, Kernel: textInt(byteCount)},
		{Name: "bit_length", Args: in(types.Text), Ret: types.Int4, Strict: true,
			Kernel: textInt(func(s []byte) int64 { return 8 * int64(len(s)) }),
			Doc:    Doc{Summary: "Counts the bits.", Examples: ex("bit_length('jose')", "32")}},
		{Name: "bit_length", Args: in(types.Bytea), Ret: types.Int4, Strict: true,
			Kernel: textInt(func(s []byte) int64 { return 8 * int64(len(s)) })},
		{Name: "lower", Args: in(types.Text), Ret: types.Text, Strict: true, Kernel: textText(appendLower),
			Doc: Doc{Summary: "Converts to lower case.", Examples: ex("lower('TOM')", "tom")}},
		{Name: "upper", Args: in(types.Text), Ret: types.Text, Strict: true, Kernel: textText(appendUpper),
			Doc: Doc{Summary: "Converts to upper case.", Examples: ex("upper('tom')", "TOM")}},
		{Name: "initcap", Args: in(types.Text), Ret: types.Text, Strict: true, Kernel: textText(appendInitcap),
			Doc: Doc{Summary: "Starts every word with a capital.", Examples: ex("initcap('hi THOMAS')", "Hi Thomas")}},
		{Name: "reverse", Args: in(types.Text), Ret: types.Text, Strict: true, Kernel: textText(appendReverse),
			Doc: Doc{Summary: "Reverses the characters.", Examples: ex("reverse('abcde')", "edcba")}},
		{Name: "md5", Args: in(types.Text), Ret: types.Text, Strict: true, Kernel: textText(appendMD5),
			Doc: Doc{Summary: "Gives the MD5 hash in hexadecimal.",
				Examples: ex("md5('abc')", "900150983cd24fb0d6963f7d28e17f72")}},
		{Name: "md5", Args: in(types.Bytea), Ret: types.Text, Strict: true, Kernel: textText(appendMD5)},
		{Name: "position", Args: in(types.Text, types.Text), Ret: types.Int4, Strict: true,
			Kernel: textTextInt(strpos),
			Doc: Doc{Summary: "Finds where a substring starts; 0 when nowhere.",
				Examples: ex("position('om' IN 'Thomas')", "3")}},
		{Name: "strpos", Args: in(types.Text, types.Text), Ret: types.Int4, Strict: true, Kernel: textTextInt(strpos),
			Doc: Doc{Summary: "Finds where a substring starts; 0 when nowhere.",
				Examples: ex("strpos('high', 'ig')", "2")}},
		{Name: "starts_with", Args: in(types.Text, types.Text), Ret: types.Bool, Strict: true,
			Kernel: textTextBool(bytes.HasPrefix),
			Doc: Doc{Summary: "Tells whether a text starts with a prefix.",
				Examples: ex("starts_with('alphabet', 'alph')", "t")}},
		{Name: "ascii", Args: in(types.Text), Ret: types.Int4, Strict: true, Kernel: textInt(codePoint),
			Doc: Doc{Summary: "Gives the code point of the first character.", Examples: ex("ascii('x')", "120")}},
		{Name: "chr", Args: in(types.Int4), Ret: types.Text, Strict: true, Kernel: rowwise(chr),
			Doc: Doc{Summary: "Gives the character of a code point.", Examples: ex("chr(65)", "A")}},
		{Name: "replace", Args: in(types.Text, types.Text, types.Text), Ret: types.Text, Strict: true,
			Kernel: rowwise(replace),
			Doc: Doc{Summary: "Replaces every occurrence of a substring.",
				Examples: ex("replace('abcdefabcdef', 'cd', 'XX')", "abXXefabXXef")}},
		{Name: "translate", Args: in(types.Text, types.Text, types.Text), Ret: types.Text, Strict: true,
			Kernel: rowwise(translate),
			Doc: Doc{Summary: "Replaces characters one by one; those without a counterpart go.",
				Examples: ex("translate('12345', '143', 'ax')", "a2x5")}},
		{Name: "split_part", Args: in(types.Text, types.Text, types.Int4), Ret: types.Text, Strict: true,
			Kernel: rowwise(splitPart),
			Doc: Doc{Summary: "Splits at a delimiter and gives the n-th field, from the end when n is negative.",
				Examples: ex("split_part('abc~@~def~@~ghi', '~@~', 2)", "def", "split_part('a,b,c', ',', -1)", "c")}},
		{Name: "to_hex", Args: in(types.Int4), Ret: types.Text, Strict: true, Kernel: rowwise(toHex(32)),
			Doc: Doc{Summary: "Writes a number in hexadecimal.", Examples: ex("to_hex(2147483647)", "7fffffff")}},
		{Name: "to_hex", Args: in(types.Int8), Ret: types.Text, Strict: true, Kernel: rowwise(toHex(64))},
	}
}

func byteCount(s []byte) int64 { return int64(len(s)) }

func runeCount(s []byte) int64 { return int64(utf8.RuneCount(s)) }

// isASCII decides between the quick path and the right one.
func isASCII(s []byte) bool {
	for _, b := range s {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func appendLower(dst, s []byte) []byte {
	if !isASCII(s) {
		return append(dst, bytes.ToLower(s)...)
	}
	for _, b := range s {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		dst = append(dst, b)
	}
	return dst
}

func appendUpper(dst, s []byte) []byte {
	if !isASCII(s) {
		return append(dst, bytes.ToUpper(s)...)
	}
	for _, b := range s {
		if 'a' <= b && b <= 'z' {
			b -= 'a' - 'A'
		}
		dst = append(dst, b)
	}
	return dst
}

func appendInitcap(dst, s []byte) []byte {
	inWord := false
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRune(s[i:])
		i += n
		if inWord {
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
		} else {
			dst = utf8.AppendRune(dst, unicode.ToUpper(r))
		}
		inWord = unicode.IsLetter(r) || unicode.IsDigit(r)
	}
	return dst
}

func appendReverse(dst, s []byte) []byte {
	for len(s) > 0 {
		_, n := utf8.DecodeLastRune(s)
		dst = append(dst, s[len(s)-n:]...)
		s = s[:len(s)-n]
	}
	return dst
}

func appendMD5(dst, s []byte) []byte {
	sum := md5.Sum(s)
	return hex.AppendEncode(dst, sum[:])
}

// strpos gives the place of t in s, from 1. An empty t is at the start.
func strpos(s, t []byte) int64 {
	i := bytes.Index(s, t)
	if i < 0 {
		return 0
	}
	return runeCount(s[:i]) + 1
}

func codePoint(s []byte) int64 {
	if len(s) == 0 {
		return 0
	}
	r, _ := utf8.DecodeRune(s)
	return int64(r)
}

func chr(r Row, out *vec.Column) error {
	switch v := r.Int(0); {
	case v == 0:
		return sqlerr.New(sqlerr.ProgramLimitExceeded, "null character not permitted")
	case v < 0:
		return sqlerr.New(sqlerr.InvalidParameterValue, "character number must be positive")
	case v > utf8.MaxRune:
		return sqlerr.New(sqlerr.ProgramLimitExceeded, "requested character too large for encoding: %d", v)
	case 0xd800 <= v && v <= 0xdfff:
		return sqlerr.New(sqlerr.ProgramLimitExceeded, "requested character not valid for encoding: %d", v)
	default:
		out.Data = utf8.AppendRune(out.Data, rune(v))
		out.CloseBytes()
		return nil
	}
}

func replace(r Row, out *vec.Column) error {
	s, from, to := r.Bytes(0), r.Bytes(1), r.Bytes(2)
	if len(from) > 0 {
		for {
			i := bytes.Index(s, from)
			if i < 0 {
				break
			}
			out.Data = append(append(out.Data, s[:i]...), to...)
			s = s[i+len(from):]
		}
	}
	out.AppendBytes(s)
	return nil
}

func translate(r Row, out *vec.Column) error {
	s, from, to := r.Text(0), r.Text(1), []rune(r.Text(2))
	for _, c := range s {
		at := strings.IndexRune(from, c)
		if at < 0 {
			out.Data = utf8.AppendRune(out.Data, c)
			continue
		}
		if k := utf8.RuneCountInString(from[:at]); k < len(to) {
			out.Data = utf8.AppendRune(out.Data, to[k])
		}
	}
	out.CloseBytes()
	return nil
}

func splitPart(r Row, out *vec.Column) error {
	s, sep, n := r.Bytes(0), r.Bytes(1), r.Int(2)
	if n == 0 {
		return sqlerr.New(sqlerr.InvalidParameterValue, "field position must not be zero")
	}
	if len(sep) == 0 {
		if n == 1 || n == -1 {
			out.AppendBytes(s)
		} else {
			out.AppendBytes(nil)
		}
		return nil
	}
	if n < 0 {
		n += int64(bytes.Count(s, sep)) + 2
		if n <= 0 || len(s) == 0 && n != 1 {
			out.AppendBytes(nil)
			return nil
		}
	}
	for ; n > 1; n-- {
		i := bytes.Index(s, sep)
		if i < 0 {
			out.AppendBytes(nil)
			return nil
		}
		s = s[i+len(sep):]
	}
	if i := bytes.Index(s, sep); i >= 0 {
		s = s[:i]
	}
	out.AppendBytes(s)
	return nil
}

func toHex(bits int) func(r Row, out *vec.Column) error {
	const digits = "0123456789abcdef"
	return func(r Row, out *vec.Column) error {
		v := uint64(r.Int(0))
		if bits == 32 {
			v = uint64(uint32(v))
		}
		shift := 0
		for v>>shift > 15 {
			shift += 4
		}
		for ; shift >= 0; shift -= 4 {
			out.Data = append(out.Data, digits[v>>shift&15])
		}
		out.CloseBytes()
		return nil
	}
}
