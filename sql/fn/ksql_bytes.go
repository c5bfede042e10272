package fn

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// ksqlBytesDecls declares what turns bytes into text and numbers and back.
func ksqlBytesDecls() []Scalar {
	text, bytea := types.Text, types.Bytea
	fs := []Scalar{
		{Name: "to_bytes", Args: in(text, text), Ret: bytea, Strict: true,
			Kernel: rowwise(func(r Row, out *vec.Column) (err error) {
				out.Data, err = appendDecoded(out.Data, r.Bytes(0), r.Text(1))
				return closed(out, err)
			}), Doc: Doc{Category: "bytes", Summary: "Reads bytes from text in an encoding: hex, utf8, ascii or base64.",
				Examples: ex("to_bytes('21', 'hex')", `\x21`)}},
		{Name: "from_bytes", Args: in(bytea, text), Ret: text, Strict: true,
			Kernel: rowwise(func(r Row, out *vec.Column) (err error) {
				out.Data, err = appendEncoded(out.Data, r.Bytes(0), r.Text(1))
				return closed(out, err)
			}), Doc: Doc{Summary: "Writes bytes as text in an encoding: hex, utf8, ascii or base64.",
				Examples: ex(`from_bytes('\x1ab2'::bytea, 'hex')`, "1AB2")}},
		{Name: "encode", Args: in(text, text, text), Ret: text, Strict: true, Kernel: rowwise(reencode),
			Doc: Doc{Summary: "Turns text in one encoding into text in another: hex, utf8, ascii or base64.",
				Examples: ex("encode('4578616d706C6521', 'hex', 'utf8')", "Example!")}},
	}
	for _, d := range []struct {
		name, summary, example, want string
		size                         int
		ret                          types.Type
		put                          func(out *vec.Column, u uint64)
	}{
		{"int_from_bytes", "Reads an integer from 4 bytes, the first the highest, or the lowest with LITTLE_ENDIAN.",
			`int_from_bytes('\x000007e5'::bytea)`, "2021", 4, types.Int4,
			func(out *vec.Column, u uint64) { out.AppendInt(int64(int32(u))) }},
		{"bigint_from_bytes", "Reads a bigint from 8 bytes.",
			`bigint_from_bytes('\xe507000000000000'::bytea, 'LITTLE_ENDIAN')`,
			"2021", 8, types.Int8, func(out *vec.Column, u uint64) { out.AppendInt(int64(u)) }},
		{"double_from_bytes", "Reads a double precision number from 8 bytes.",
			`double_from_bytes('\x3ff8000000000000'::bytea)`, "1.5", 8, types.Float8,
			func(out *vec.Column, u uint64) { out.AppendFloat(math.Float64frombits(u)) }},
	} {
		k := rowwise(numberOfBytes(d.size, d.put))
		fs = append(fs, Scalar{Name: d.name, Args: in(bytea), Ret: d.ret, Strict: true, Kernel: k,
			Doc: Doc{Summary: d.summary, Examples: ex(d.example, d.want)}},
			Scalar{Name: d.name, Args: in(bytea, text), Ret: d.ret, Strict: true, Kernel: k})
	}
	return fs
}

// closed ends a row of bytes unless it failed.
func closed(out *vec.Column, err error) error {
	if err == nil {
		out.CloseBytes()
	}
	return err
}

// appendDecoded appends the bytes that s writes in an encoding.
func appendDecoded(dst, s []byte, encoding string) ([]byte, error) {
	switch strings.ToLower(encoding) {
	case "hex":
		if n := len(s); n >= 3 && (s[0] == 'x' || s[0] == 'X') && s[1] == '\'' && s[n-1] == '\'' {
			s = s[2 : n-1]
			if len(s)%2 != 0 {
				return dst, badEncoding("hex", s)
			}
		} else if bytes.HasPrefix(s, []byte("0x")) {
			if s = s[2:]; len(s)%2 != 0 { // the digit that is missing is a zero in front
				s = append([]byte{'0'}, s...)
			}
		}
		at := len(dst)
		dst = append(dst, make([]byte, hex.DecodedLen(len(s)))...)
		if _, err := hex.Decode(dst[at:], s); err != nil {
			return dst[:at], badEncoding("hex", s)
		}
		return dst, nil
	case "utf8", "utf-8":
		return append(dst, s...), nil
	case "ascii":
		for len(s) > 0 {
			c, size := utf8.DecodeRune(s)
			if c >= utf8.RuneSelf {
				c = '?'
			}
			dst, s = append(dst, byte(c)), s[size:]
		}
		return dst, nil
	case "base64":
		b, err := base64.StdEncoding.AppendDecode(dst, s)
		if err != nil {
			return dst, badEncoding("base64", s)
		}
		return b, nil
	}
	return dst, unknownTextEncoding(encoding)
}

// appendEncoded appends the text that writes bytes in an encoding; what is no character becomes U+FFFD.
func appendEncoded(dst, b []byte, encoding string) ([]byte, error) {
	switch strings.ToLower(encoding) {
	case "hex":
		at := len(dst)
		dst = hex.AppendEncode(dst, b)
		copy(dst[at:], bytes.ToUpper(dst[at:]))
		return dst, nil
	case "utf8", "utf-8":
		return append(dst, bytes.ToValidUTF8(b, []byte("\ufffd"))...), nil
	case "ascii":
		for _, c := range b {
			if c >= utf8.RuneSelf {
				dst = append(dst, "\ufffd"...)
			} else {
				dst = append(dst, c)
			}
		}
		return dst, nil
	case "base64":
		return base64.StdEncoding.AppendEncode(dst, b), nil
	}
	return dst, unknownTextEncoding(encoding)
}

func unknownTextEncoding(name string) error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized encoding: \"%s\"", name).
		WithHint("Supported are hex, utf8, ascii and base64.")
}

func badEncoding(what string, s []byte) error {
	return sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid %s: %q", what, s)
}

func reencode(r Row, out *vec.Column) error {
	b, err := appendDecoded(nil, r.Bytes(0), r.Text(1))
	if err != nil {
		return err
	}
	out.Data, err = appendEncoded(out.Data, b, r.Text(2))
	return closed(out, err)
}

func numberOfBytes(size int, put func(out *vec.Column, u uint64)) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		b := r.Bytes(0)
		if len(b) != size {
			return sqlerr.New(sqlerr.InvalidBinaryRepresentation, "number of bytes must be %d, not %d", size, len(b))
		}
		var order binary.ByteOrder = binary.BigEndian
		if r.Args() > 1 {
			switch strings.ToUpper(r.Text(1)) {
			case "BIG_ENDIAN":
			case "LITTLE_ENDIAN":
				order = binary.LittleEndian
			default:
				return sqlerr.New(sqlerr.InvalidParameterValue, "byte order must be BIG_ENDIAN or LITTLE_ENDIAN, not %q", r.Text(1))
			}
		}
		if size == 4 {
			put(out, uint64(order.Uint32(b)))
		} else {
			put(out, order.Uint64(b))
		}
		return nil
	}
}
