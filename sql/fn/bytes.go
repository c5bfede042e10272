package fn

import (
	"crypto/sha256"
	"crypto/sha512"
	"math/bits"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// byteDecls declares what works on the bytes and bits of bytea.
func byteDecls() []Scalar {
	text, bytea, i4, i8 := types.Text, types.Bytea, types.Int4, types.Int8
	var fs []Scalar
	for _, d := range []struct {
		name, want string
		f          func(dst, s []byte) []byte
	}{
		{"sha224", "23097d22", func(dst, s []byte) []byte { sum := sha256.Sum224(s); return append(dst, sum[:]...) }},
		{"sha256", "ba7816bf", func(dst, s []byte) []byte { sum := sha256.Sum256(s); return append(dst, sum[:]...) }},
		{"sha384", "cb00753f", func(dst, s []byte) []byte { sum := sha512.Sum384(s); return append(dst, sum[:]...) }},
		{"sha512", "ddaf35a1", func(dst, s []byte) []byte { sum := sha512.Sum512(s); return append(dst, sum[:]...) }},
	} {
		fs = append(fs, Scalar{Name: d.name, Args: in(bytea), Ret: bytea, Strict: true, Kernel: textText(d.f),
			Doc: Doc{Category: "bytes", Summary: "Computes the hash " + strings.ToUpper(d.name[:3]) + "-" + d.name[3:] + ".",
				Examples: ex("substring("+d.name+"('abc'), 1, 4)", `\x`+d.want)}})
	}
	return append(fs,
		Scalar{Name: "get_byte", Args: in(bytea, i4), Ret: i4, Strict: true, Kernel: rowwise(getByte),
			Doc: Doc{Summary: "Gives a byte, counted from 0.", Examples: ex(`get_byte('\x1234567890', 4)`, "144")}},
		Scalar{Name: "set_byte", Args: in(bytea, i4, i4), Ret: bytea, Strict: true, Kernel: rowwise(setByte),
			Doc: Doc{Summary: "Replaces a byte, counted from 0.",
				Examples: ex(`set_byte('\x1234567890', 4, 64)`, `\x1234567840`)}},
		Scalar{Name: "get_bit", Args: in(bytea, i8), Ret: i4, Strict: true, Kernel: rowwise(getBit),
			Doc: Doc{Summary: "Gives a bit, counted from 0, the lowest of a byte first.",
				Examples: ex(`get_bit('\x1234567890', 30)`, "1")}},
		Scalar{Name: "set_bit", Args: in(bytea, i8, i4), Ret: bytea, Strict: true, Kernel: rowwise(setBit),
			Doc: Doc{Summary: "Replaces a bit, counted from 0.",
				Examples: ex(`set_bit('\x1234567890', 30, 0)`, `\x1234563890`)}},
		Scalar{Name: "bit_count", Args: in(bytea), Ret: i8, Strict: true, Kernel: textInt(func(s []byte) (n int64) {
			for _, b := range s {
				n += int64(bits.OnesCount8(b))
			}
			return n
		}), Doc: Doc{Summary: "Counts the bits that are 1.", Examples: ex(`bit_count('\x1234567890')`, "15")}},
		Scalar{Name: "convert_from", Args: in(bytea, types.Name), Ret: text, Strict: true, Kernel: rowwise(convertFrom),
			Doc: Doc{Summary: "Reads bytes as text of an encoding.",
				Examples: ex("convert_from('text_in_utf8'::bytea, 'UTF8')", "text_in_utf8")}},
		Scalar{Name: "convert_to", Args: in(text, types.Name), Ret: bytea, Strict: true, Kernel: rowwise(convertTo),
			Doc: Doc{Summary: "Gives the bytes of a text in an encoding.",
				Examples: ex("convert_to('ä', 'LATIN1')", `\xe4`)}},
		Scalar{Name: "length", Args: in(bytea, types.Name), Ret: i4, Strict: true, Kernel: rowwise(encodedLength)},
		Scalar{Name: "btrim", Args: in(bytea, bytea), Ret: bytea, Strict: true, Kernel: rowwise(trimBytes(true, true))},
		Scalar{Name: "ltrim", Args: in(bytea, bytea), Ret: bytea, Strict: true, Kernel: rowwise(trimBytes(true, false))},
		Scalar{Name: "rtrim", Args: in(bytea, bytea), Ret: bytea, Strict: true, Kernel: rowwise(trimBytes(false, true))})
}

func byteRange(i, n int64) error {
	return sqlerr.New(arrayElementError, "index %d out of valid range, 0..%d", i, n-1)
}

func getByte(r Row, out *vec.Column) error {
	s, i := r.Bytes(0), r.Int(1)
	if i < 0 || i >= int64(len(s)) {
		return byteRange(i, int64(len(s)))
	}
	out.AppendInt(int64(s[i]))
	return nil
}

func setByte(r Row, out *vec.Column) error {
	s, i := r.Bytes(0), r.Int(1)
	if i < 0 || i >= int64(len(s)) {
		return byteRange(i, int64(len(s)))
	}
	at := len(out.Data) + int(i)
	out.AppendBytes(s)
	out.Data[at] = byte(r.Int(2))
	return nil
}

func getBit(r Row, out *vec.Column) error {
	s, i := r.Bytes(0), r.Int(1)
	if i < 0 || i >= 8*int64(len(s)) {
		return byteRange(i, 8*int64(len(s)))
	}
	out.AppendInt(int64(s[i/8] >> (i % 8) & 1))
	return nil
}

func setBit(r Row, out *vec.Column) error {
	s, i, bit := r.Bytes(0), r.Int(1), r.Int(2)
	if i < 0 || i >= 8*int64(len(s)) {
		return byteRange(i, 8*int64(len(s)))
	}
	if bit != 0 && bit != 1 {
		return sqlerr.New(sqlerr.InvalidParameterValue, "new bit must be 0 or 1")
	}
	at := len(out.Data) + int(i/8)
	out.AppendBytes(s)
	out.Data[at] = out.Data[at]&^(1<<(i%8)) | byte(bit)<<(i%8)
	return nil
}

func trimBytes(left, right bool) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		s, set := r.Bytes(0), r.Bytes(1)
		has := func(b byte) bool { return strings.IndexByte(string(set), b) >= 0 }
		for left && len(s) > 0 && has(s[0]) {
			s = s[1:]
		}
		for right && len(s) > 0 && has(s[len(s)-1]) {
			s = s[:len(s)-1]
		}
		out.AppendBytes(s)
		return nil
	}
}

// encodings are those that texts can be converted to and from; nil stands for UTF-8 itself.
var encodings = map[string]encoding.Encoding{
	"utf8": nil, "unicode": nil, "sqlascii": nil,
	"latin1": charmap.ISO8859_1, "iso88591": charmap.ISO8859_1, "latin2": charmap.ISO8859_2,
	"iso88592": charmap.ISO8859_2, "latin9": charmap.ISO8859_15, "iso885915": charmap.ISO8859_15,
	"win1250": charmap.Windows1250, "windows1250": charmap.Windows1250, "win1251": charmap.Windows1251,
	"windows1251": charmap.Windows1251, "win1252": charmap.Windows1252, "windows1252": charmap.Windows1252,
	"koi8r": charmap.KOI8R, "koi8u": charmap.KOI8U,
}

func findEncoding(name, what string) (encoding.Encoding, error) {
	key := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			return c
		}
		return -1
	}, strings.ToLower(name))
	e, ok := encodings[key]
	if !ok {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "invalid %s encoding name \"%s\"", what, name)
	}
	return e, nil
}

// decoded reads bytes of an encoding.
func decoded(s []byte, name, what string) ([]byte, error) {
	e, err := findEncoding(name, what)
	if err != nil {
		return nil, err
	}
	if e != nil {
		if s, err = e.NewDecoder().Bytes(s); err != nil {
			return nil, sqlerr.New(sqlerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"%s\"", name)
		}
	}
	return s, types.CheckText(s)
}

func convertFrom(r Row, out *vec.Column) error {
	s, err := decoded(r.Bytes(0), r.Text(1), "source")
	if err == nil {
		out.AppendBytes(s)
	}
	return err
}

func convertTo(r Row, out *vec.Column) error {
	e, err := findEncoding(r.Text(1), "destination")
	if err != nil {
		return err
	}
	s := r.Bytes(0)
	if e != nil {
		if s, err = e.NewEncoder().Bytes(s); err != nil {
			return sqlerr.New(sqlerr.UntranslatableCharacter, "character has no equivalent in encoding \"%s\"", r.Text(1))
		}
	}
	out.AppendBytes(s)
	return nil
}

func encodedLength(r Row, out *vec.Column) error {
	s, err := decoded(r.Bytes(0), r.Text(1), "encoding")
	if err == nil {
		out.AppendInt(int64(utf8.RuneCount(s)))
	}
	return err
}
