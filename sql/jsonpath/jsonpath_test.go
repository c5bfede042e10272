package jsonpath_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/leatdb/leat/sql/jsonpath"
)

func same(number string) (string, error) { return number, nil }

// TestPrint: a path is printed in PostgreSQL's form, and that reads as the same path.
func TestPrint(t *testing.T) {
	for text, want := range map[string]string{
		"$":                                 `$`,
		"strict $.a . b [ * ] . *":          `strict $."a"."b"[*].*`,
		"lax $.a[0, 1 to last]":             `$."a"[0,1 to last]`,
		"$.** . **{2} . **{1 to last}":      `$.**.**{2}.**{1 to last}`,
		"$.a+1 *-$.b":                       `($."a" + 1 * -$."b")`,
		"($.a+1)*2":                         `(($."a" + 1) * 2)`,
		`$.a ? (@.b == 1 && !(@.c <> "x"))`: `$."a"?(@."b" == 1 && !(@."c" != "x"))`,
		`exists($.a) || (1 > 2) is unknown`: `(exists ($."a") || (1 > 2) is unknown)`,
		`$ ? (@ like_regex "^a" flag "mi")`: `$?(@ like_regex "^a" flag "im")`,
		`$.a.size() > $"x y"`:               `($."a".size() > $"x y")`,
		"$.a starts with $b /* why */":      `($."a" starts with $"b")`,
		`$."\u0061\t"`:                      `$."a\t"`,
		"(1).type()":                        `(1).type()`,
	} {
		p, err := jsonpath.Parse(text, same)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := p.String(); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
		if again, err := jsonpath.Parse(want, same); err != nil || again.String() != want {
			t.Errorf("%s: is read as %v, %v", want, again, err)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, text := range []string{"", "a", "@", "last", "$.", "$[", "$[1", "1.a", "01", `"a`, "$ ? ($.a)", "$.a == 1 == 2", "!$.a",
		"($.a == 1) + 1", "$.**{-1}", `$ like_regex "a" flag "z"`, "$ /* x", `"\u00"`, "(((("} {
		if p, err := jsonpath.Parse(text, same); err == nil {
			t.Errorf("%s is read as %s", text, p)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`strict $.a[*] ? (@.b > 1 && @ like_regex "x").c.**{1 to 2}.type()`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := jsonpath.Parse(text, same)
		if err != nil || strings.ContainsRune(text, 0) || !utf8.ValidString(text) { // which no text of SQL is
			return
		}
		once := p.String()
		again, err := jsonpath.Parse(once, same)
		if err != nil {
			t.Fatalf("%q is printed as %q: %v", text, once, err)
		}
		if again.String() != once {
			t.Fatalf("%q is printed as %q, then as %q", text, once, again)
		}
	})
}
