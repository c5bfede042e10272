package fn

import (
	"bytes"
	"crypto/rand"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// ksqlTextDecls declares ksqlDB's functions over text that PostgreSQL does not have.
func ksqlTextDecls() []Scalar {
	text, i4, bytea := types.Text, types.Int4, types.Bytea
	texts := types.ArrayOf(text)
	return []Scalar{
		{Name: "elt", Args: in(i4, text), Variadic: true, Ret: text, Kernel: rowwise(elt),
			Doc: Doc{Category: "string", Summary: "Gives the n-th of the arguments after the first; NULL when there is none.",
				Examples: ex("elt(2, 'a', 'b', 'c')", "b", "elt(4, 'a')", "")}},
		{Name: "field", Args: in(text, text), Variadic: true, Ret: i4, Kernel: rowwise(field),
			Doc: Doc{Summary: "Gives the place of a text among the arguments after it; 0 when it is NULL or not there.",
				Examples: ex("field('b', 'a', 'b')", "2", "field('z', 'a')", "0")}},
		{Name: "instr", Args: in(text, text, i4), Ret: i4, Strict: true, Kernel: rowwise(instr),
			Doc: Doc{Summary: "Finds where a substring starts, from a place on, backwards from the end when that is negative; " +
				"a fourth argument asks for the n-th occurrence.", Examples: ex("instr('corporate floor', 'or', 3)", "5",
				"instr('corporate floor', 'or', -2)", "14", "instr('corporate floor', 'or', 1, 2)", "5")}},
		{Name: "instr", Args: in(text, text, i4, i4), Ret: i4, Strict: true, Kernel: rowwise(instr)},
		{Name: "split", Args: in(text, text), Ret: texts, Strict: true, Kernel: rowwise(split),
			Doc: Doc{Summary: "Splits at a delimiter, or into characters when that is empty.",
				Examples: ex("split('a,b,,c', ',')", `{a,b,"",c}`, "split('abc', '')", "{a,b,c}")}},
		{Name: "split", Resolve: only(types.ArrayOf(bytea), bytea, bytea), Strict: true, Kernel: rowwise(split)},
		{Name: "split_to_map", Args: in(text, text, text), Ret: types.MapOf(text, text), Strict: true,
			Kernel: rowwise(splitToMap),
			Doc: Doc{Summary: "Splits into entries at one delimiter and each into key and value at another; entries without " +
				"it are left out.", Examples: ex("split_to_map('a:1/b:2', '/', ':')", `{"a": "1", "b": "2"}`)}},
		{Name: "chr", Args: in(text), Ret: text, Strict: true, Kernel: rowwise(chrText),
			Doc: Doc{Summary: "Gives the character of a code point.", Examples: ex(`chr('\u004b')`, "K")}},
		{Name: "concat", Resolve: all(bytea, bytea, 1), Kernel: rowwise(concatBytes(0))},
		{Name: "concat_ws", Resolve: all(bytea, bytea, 2), Kernel: rowwise(concatBytes(1))},
		{Name: "lpad", Resolve: only(bytea, bytea, i4, bytea), Strict: true, Kernel: rowwise(padBytes(true))},
		{Name: "rpad", Resolve: only(bytea, bytea, i4, bytea), Strict: true, Kernel: rowwise(padBytes(false))},
		{Name: "uuid", Ret: text, Volatile: true, Kernel: rowwise(randomUUID),
			Doc: Doc{Summary: "Gives a random UUID as text, or reads one from 16 bytes.",
				Examples: ex(`uuid('\x5d9b1a51d2ae4d5e9f8a2b7d3c6e1f00'::bytea)`, "5d9b1a51-d2ae-4d5e-9f8a-2b7d3c6e1f00")}},
		{Name: "uuid", Resolve: only(text, bytea), Strict: true, Kernel: rowwise(uuidOfBytes)},
		{Name: "uuid", Args: in(text), Ret: types.UUID, Strict: true,
			Kernel: func(c *Call, args []*vec.Column, out *vec.Column) { Cast(c, args[0], out, true) }},
		{Name: "as_value", Resolve: func(args []types.Type) ([]types.Type, types.Type, bool) {
			if len(args) != 1 || args[0] == types.Unknown {
				return nil, types.Unknown, false
			}
			return args, args[0], true
		}, Total: true, Kernel: asValue,
			Doc: Doc{Category: "key", Summary: "Gives its argument: a copy of a key column that goes into the value.",
				Examples: ex("as_value(1)", "1")}},
	}
}

// concatBytes is concat for bytes: it joins the arguments after the first separators of them, leaving NULLs out.
func concatBytes(separators int) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		if separators > 0 && r.IsNull(0) {
			out.AppendNull()
			return nil
		}
		begun := false
		for k := separators; k < r.Args(); k++ {
			if r.IsNull(k) {
				continue
			}
			if begun && separators > 0 {
				out.Data = append(out.Data, r.Bytes(0)...)
			}
			begun = true
			out.Data = append(out.Data, r.Bytes(k)...)
		}
		out.CloseBytes()
		return nil
	}
}

func elt(r Row, out *vec.Column) error {
	if r.IsNull(0) || r.Int(0) < 1 || r.Int(0) >= int64(r.Args()) || r.IsNull(int(r.Int(0))) {
		out.AppendNull()
	} else {
		out.AppendBytes(r.Bytes(int(r.Int(0))))
	}
	return nil
}

func field(r Row, out *vec.Column) error {
	for k := 1; k < r.Args() && !r.IsNull(0); k++ {
		if !r.IsNull(k) && bytes.Equal(r.Bytes(0), r.Bytes(k)) {
			out.AppendInt(int64(k))
			return nil
		}
	}
	out.AppendInt(0)
	return nil
}

// instr looks for occurrences that begin at the place or after it, or, when it is negative, at that place from the end
// or before it.
func instr(r Row, out *vec.Column) error {
	s, sub, from, nth := []rune(r.Text(0)), []rune(r.Text(1)), r.Int(2), int64(1)
	if r.Args() > 3 {
		nth = r.Int(3)
	}
	step, at := int64(1), from-1
	if from < 0 {
		step, at = -1, min(int64(len(s))+from, int64(len(s)-len(sub)))
	}
	for ; from != 0 && nth > 0 && at >= 0 && at+int64(len(sub)) <= int64(len(s)); at += step {
		if slices.Equal(s[at:at+int64(len(sub))], sub) {
			if nth--; nth == 0 {
				out.AppendInt(at + 1)
				return nil
			}
		}
	}
	out.AppendInt(0)
	return nil
}

func split(r Row, out *vec.Column) error {
	s, sep := r.Bytes(0), r.Bytes(1)
	if len(s) == 0 { // an empty text has one part, whatever it is split at
		out.Kids[0].AppendBytes(nil)
		out.CloseList()
		return nil
	}
	for len(s) > 0 && len(sep) == 0 {
		n := 1
		if r.args[0].Type.Kind != types.KindBytea {
			_, n = utf8.DecodeRune(s)
		}
		out.Kids[0].AppendBytes(s[:n])
		s = s[n:]
	}
	if len(sep) > 0 {
		for _, part := range bytes.Split(s, sep) {
			out.Kids[0].AppendBytes(part)
		}
	}
	out.CloseList()
	return nil
}

func splitToMap(r Row, out *vec.Column) error {
	if len(r.Bytes(1)) == 0 || len(r.Bytes(2)) == 0 {
		out.AppendNull()
		return nil
	}
	var keys []string
	vals := map[string]string{}
	for _, entry := range strings.Split(r.Text(0), r.Text(1)) {
		key, val, ok := strings.Cut(entry, r.Text(2))
		if !ok {
			continue
		}
		vals[key], _, _ = strings.Cut(val, r.Text(2))
		keys = append(keys, key)
	}
	appendStringMap(out, keys, vals)
	return nil
}

// appendStringMap appends a map of texts in the order in which its keys came first.
func appendStringMap(out *vec.Column, keys []string, vals map[string]string) {
	seen := map[string]bool{}
	for _, k := range keys {
		if !seen[k] {
			seen[k] = true
			out.Kids[0].AppendString(k)
			out.Kids[1].AppendString(vals[k])
		}
	}
	out.CloseList()
}

// chrText reads UTF-16 units written \uXXXX.
func chrText(r Row, out *vec.Column) error {
	s := r.Text(0)
	var units []uint16
	for s != "" {
		hex, ok := strings.CutPrefix(s, `\u`)
		if !ok || len(hex) < 4 {
			return badCode(r.Text(0))
		}
		u, err := strconv.ParseUint(hex[:4], 16, 16)
		if err != nil {
			return badCode(r.Text(0))
		}
		units, s = append(units, uint16(u)), hex[4:]
	}
	if len(units) == 0 || units[0] == 0 {
		return badCode(r.Text(0))
	}
	out.AppendString(string(utf16.Decode(units)))
	return nil
}

func badCode(s string) error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "invalid code of a character: %q", s).
		WithHint("Write UTF-16 as \\uXXXX.")
}

// maxBytes is how long a text or a bytea may become.
const maxBytes = 1 << 30

func padBytes(left bool) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		s, n, fill := r.Bytes(0), r.Int(1), r.Bytes(2)
		switch {
		case n < 0 || len(fill) == 0:
			out.AppendNull()
			return nil
		case n > maxBytes:
			return sqlerr.New(sqlerr.ProgramLimitExceeded, "requested length too large")
		}
		s = s[:min(int64(len(s)), n)]
		lack := int(n) - len(s)
		if !left {
			out.Data = append(out.Data, s...)
		}
		for lack > 0 {
			part := fill[:min(len(fill), lack)]
			out.Data = append(out.Data, part...)
			lack -= len(part)
		}
		if left {
			out.Data = append(out.Data, s...)
		}
		out.CloseBytes()
		return nil
	}
}

func appendUUID(out *vec.Column, b [16]byte) {
	v := types.Value{Type: types.UUID, Str: string(b[:])}
	out.Data = types.AppendText(out.Data, v, types.Env{})
	out.CloseBytes()
}

func randomUUID(_ Row, out *vec.Column) error {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return sqlerr.New(sqlerr.IOError, "no random bytes: %v", err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	appendUUID(out, b)
	return nil
}

func uuidOfBytes(r Row, out *vec.Column) error {
	if len(r.Bytes(0)) != 16 {
		out.AppendNull()
		return nil
	}
	appendUUID(out, [16]byte(r.Bytes(0)))
	return nil
}

func asValue(c *Call, args []*vec.Column, out *vec.Column) {
	if args[0].Const {
		for range c.N {
			out.AppendFrom(args[0], 0)
		}
		return
	}
	out.AppendRange(args[0], 0, c.N)
}
