package fn

import (
	"bytes"
	"math"
	"unicode/utf8"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// cutDecls declares what takes texts apart and pads them.
func cutDecls() []Scalar {
	text, i4, bytea := types.Text, types.Int4, types.Bytea
	var fs []Scalar
	for _, name := range []string{"substring", "substr"} {
		fs = append(fs,
			Scalar{Name: name, Args: in(text, i4), Ret: text, Strict: true, Kernel: rowwise(substring(cutRunes)),
				Doc: Doc{Category: "string", Summary: "Gives the characters from a place on, at most so many.",
					Examples: ex(name+"('Thomas', 2, 3)", "hom", name+"('Thomas', 3)", "omas")}},
			Scalar{Name: name, Args: in(text, i4, i4), Ret: text, Strict: true, Kernel: rowwise(substring(cutRunes))},
			Scalar{Name: name, Args: in(bytea, i4), Ret: bytea, Strict: true, Kernel: rowwise(substring(cutBytes))},
			Scalar{Name: name, Args: in(bytea, i4, i4), Ret: bytea, Strict: true, Kernel: rowwise(substring(cutBytes))})
	}
	for _, t := range []struct {
		name, summary, example, want string
		left, right                  bool
	}{
		{"btrim", "Removes characters from both ends.", "btrim('xyxtrimyyx', 'xyz')", "trim", true, true},
		{"trim", "Removes characters from both ends.", "trim(' a ')", "a", true, true},
		{"ltrim", "Removes characters from the start.", "ltrim('zzzytest', 'xyz')", "test", true, false},
		{"rtrim", "Removes characters from the end.", "rtrim('testxxzx', 'xyz')", "test", false, true},
	} {
		k := rowwise(trim(t.left, t.right))
		fs = append(fs, Scalar{Name: t.name, Args: in(text, text), Ret: text, Strict: true, Kernel: k,
			Doc: Doc{Summary: t.summary, Examples: ex(t.example, t.want)}},
			Scalar{Name: t.name, Args: in(text), Ret: text, Strict: true, Kernel: k})
	}
	return append(fs,
		Scalar{Name: "left", Args: in(text, i4), Ret: text, Strict: true, Kernel: rowwise(left),
			Doc: Doc{Summary: "Gives the first characters, or all but so many at the end when the number is negative.",
				Examples: ex("left('abcde', 2)", "ab", "left('abcde', -2)", "abc")}},
		Scalar{Name: "right", Args: in(text, i4), Ret: text, Strict: true, Kernel: rowwise(right),
			Doc: Doc{Summary: "Gives the last characters, or all but so many at the start when the number is negative.",
				Examples: ex("right('abcde', 2)", "de")}},
		Scalar{Name: "lpad", Args: in(text, i4, text), Ret: text, Strict: true, Kernel: rowwise(pad(true)),
			Doc: Doc{Summary: "Brings a text to a length by filling up its start.",
				Examples: ex("lpad('hi', 5, 'xy')", "xyxhi")}},
		Scalar{Name: "lpad", Args: in(text, i4), Ret: text, Strict: true, Kernel: rowwise(pad(true))},
		Scalar{Name: "rpad", Args: in(text, i4, text), Ret: text, Strict: true, Kernel: rowwise(pad(false)),
			Doc: Doc{Summary: "Brings a text to a length by filling up its end.",
				Examples: ex("rpad('hi', 5, 'xy')", "hixyx")}},
		Scalar{Name: "rpad", Args: in(text, i4), Ret: text, Strict: true, Kernel: rowwise(pad(false))},
		Scalar{Name: "repeat", Args: in(text, i4), Ret: text, Strict: true, Kernel: rowwise(repeat),
			Doc: Doc{Summary: "Repeats a text.", Examples: ex("repeat('Pg', 4)", "PgPgPgPg")}},
		Scalar{Name: "overlay", Args: in(text, text, i4, i4), Ret: text, Strict: true, Kernel: rowwise(overlay),
			Doc: Doc{Summary: "Replaces the characters from a place on by another text.",
				Examples: ex("overlay('Txxxxas', 'hom', 2, 4)", "Thomas")}},
		Scalar{Name: "overlay", Args: in(text, text, i4), Ret: text, Strict: true, Kernel: rowwise(overlay)})
}

// cutRunes returns characters from to end of s, counted from 1; end is exclusive.
func cutRunes(s []byte, from, end int64) []byte {
	if isASCII(s) {
		return cutBytes(s, from, end)
	}
	lo, _ := runeOffset(s, int(max(from-1, 0)))
	n, _ := runeOffset(s[lo:], int(max(end-max(from, 1), 0)))
	return s[lo : lo+n]
}

// cutBytes is cutRunes for bytes.
func cutBytes(s []byte, from, end int64) []byte {
	lo := min(max(from-1, 0), int64(len(s)))
	return s[lo:max(lo, min(end-1, int64(len(s))))]
}

func substring(cut func(s []byte, from, end int64) []byte) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		from, end := r.Int(1), int64(math.MaxInt32)+1
		if r.Args() == 3 {
			n := r.Int(2)
			if n < 0 {
				return sqlerr.New(sqlerr.SubstringError, "negative substring length not allowed")
			}
			end = from + n
		}
		out.AppendBytes(cut(r.Bytes(0), from, end))
		return nil
	}
}

func trim(left, right bool) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		s, set := r.Bytes(0), []byte{' '}
		if r.Args() == 2 {
			set = r.Bytes(1)
		}
		for left && len(s) > 0 {
			_, n := utf8.DecodeRune(s)
			if !bytes.Contains(set, s[:n]) {
				break
			}
			s = s[n:]
		}
		for right && len(s) > 0 {
			_, n := utf8.DecodeLastRune(s)
			if !bytes.Contains(set, s[len(s)-n:]) {
				break
			}
			s = s[:len(s)-n]
		}
		out.AppendBytes(s)
		return nil
	}
}

func left(r Row, out *vec.Column) error {
	s, n := r.Bytes(0), r.Int(1)
	if n < 0 {
		n = max(runeCount(s)+n, 0)
	}
	out.AppendBytes(cutRunes(s, 1, n+1))
	return nil
}

func right(r Row, out *vec.Column) error {
	s, n := r.Bytes(0), r.Int(1)
	skip := -n
	if n >= 0 {
		skip = max(runeCount(s)-n, 0)
	}
	at, _ := runeOffset(s, int(skip))
	out.AppendBytes(s[at:])
	return nil
}

// maxText is the size in bytes up to which texts are made.
const maxText = 1 << 30

func tooLong() error { return sqlerr.New(sqlerr.ProgramLimitExceeded, "requested length too large") }

func pad(atStart bool) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		s, n, fill := r.Bytes(0), max(r.Int(1), 0), []byte{' '}
		if r.Args() == 3 {
			fill = r.Bytes(2)
		}
		if n > maxText/4 {
			return tooLong()
		}
		have := runeCount(s)
		if n <= have || len(fill) == 0 {
			out.AppendBytes(cutRunes(s, 1, n+1))
			return nil
		}
		if !atStart {
			out.Data = append(out.Data, s...)
		}
		missing, width := n-have, runeCount(fill)
		for ; missing >= width; missing -= width {
			out.Data = append(out.Data, fill...)
		}
		out.Data = append(out.Data, cutRunes(fill, 1, missing+1)...)
		if atStart {
			out.Data = append(out.Data, s...)
		}
		out.CloseBytes()
		return nil
	}
}

func repeat(r Row, out *vec.Column) error {
	s, n := r.Bytes(0), max(r.Int(1), 0)
	if int64(len(s))*n > maxText {
		return tooLong()
	}
	for range n {
		out.Data = append(out.Data, s...)
	}
	out.CloseBytes()
	return nil
}

func overlay(r Row, out *vec.Column) error {
	s, by, from := r.Bytes(0), r.Bytes(1), r.Int(2)
	n := runeCount(by)
	if r.Args() == 4 {
		n = r.Int(3)
	}
	if from <= 0 {
		return sqlerr.New(sqlerr.SubstringError, "negative substring length not allowed")
	}
	if from+n > math.MaxInt32 {
		return outOfRange("integer")
	}
	out.Data = append(out.Data, cutRunes(s, 1, from)...)
	out.Data = append(out.Data, by...)
	out.AppendBytes(cutRunes(s, from+n, math.MaxInt32))
	return nil
}
