package fn

import (
	"unicode"
	"unicode/utf8"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// ksqlMaskDecls declares what hides the characters of a text: upper case, lower case, digits and others each become one
// character, which are the last four arguments; NULL leaves them as they are.
func ksqlMaskDecls() []Scalar {
	text := types.Text
	var fs []Scalar
	for _, d := range []struct {
		name, summary, example, want string
		counted                      bool
		hides                        func(i, n, length int) bool
	}{
		{"mask", "Replaces every character: upper case by X, lower case by x, digits by n, others by -.",
			"mask('My Test $123')", "Xx-Xxxx--nnn", false, func(int, int, int) bool { return true }},
		{"mask_left", "Masks the first n characters.", "mask_left('My Test $123', 4)", "Xx-Xest $123", true,
			func(i, n, _ int) bool { return i < n }},
		{"mask_right", "Masks the last n characters.", "mask_right('My Test $123', 4)", "My Test -nnn", true,
			func(i, n, length int) bool { return i >= length-n }},
		{"mask_keep_left", "Masks all but the first n characters.", "mask_keep_left('My Test $123', 4)", "My Txxx--nnn", true,
			func(i, n, _ int) bool { return i >= n }},
		{"mask_keep_right", "Masks all but the last n characters.", "mask_keep_right('My Test $123', 4)", "Xx-Xxxx-$123",
			true, func(i, n, length int) bool { return i < length-n }},
	} {
		args := in(text, text, text, text, text)
		plain := 1
		if d.counted {
			args, plain = in(text, types.Int4, text, text, text, text), 2
		}
		k := rowwise(mask(d.counted, d.hides))
		fs = append(fs, Scalar{Name: d.name, Args: args[:plain], Ret: text, Strict: true, Kernel: k,
			Doc: Doc{Category: "string", Summary: d.summary, Examples: ex(d.example, d.want)}},
			Scalar{Name: d.name, Args: args, Ret: text, Kernel: k})
	}
	return fs
}

func mask(counted bool, hides func(i, n, length int) bool) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		n, own := 0, 1
		if counted {
			own = 2
		}
		if r.IsNull(0) || counted && r.IsNull(1) {
			out.AppendNull()
			return nil
		}
		if counted {
			if r.Int(1) < 0 {
				return sqlerr.New(sqlerr.InvalidParameterValue, "number of characters must not be negative")
			}
			n = int(r.Int(1))
		}
		with := [...]rune{'X', 'x', 'n', '-'}
		for k := range with {
			if own+k < r.Args() {
				with[k] = utf8.RuneError
				if !r.IsNull(own+k) && len(r.Bytes(own+k)) > 0 {
					with[k], _ = utf8.DecodeRune(r.Bytes(own + k))
				}
			}
		}
		s := r.Bytes(0)
		length := utf8.RuneCount(s)
		for i := 0; len(s) > 0; i++ {
			c, size := utf8.DecodeRune(s)
			if m := with[kindOfRune(c)]; m != utf8.RuneError && hides(i, n, length) {
				c = m
			}
			out.Data = utf8.AppendRune(out.Data, c)
			s = s[size:]
		}
		out.CloseBytes()
		return nil
	}
}

func kindOfRune(c rune) int {
	switch {
	case unicode.IsUpper(c):
		return 0
	case unicode.IsLower(c):
		return 1
	case unicode.IsDigit(c):
		return 2
	}
	return 3
}
