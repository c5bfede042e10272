package golden

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	var inputs []string
	Run(t, "./testdata/*.txt", func(t *testing.T, c *Case) string {
		inputs = append(inputs, c.Input)
		return strings.ToUpper(c.Input)
	})
	if got := strings.Join(inputs, "|"); got != "one line|two\n\n-- lines|x ----" && !Updating() {
		t.Errorf("inputs: %q", got)
	}
}

func TestRunFilesStartsOncePerFile(t *testing.T) {
	starts := 0
	RunFiles(t, "./testdata", func(t *testing.T) func(*testing.T, *Case) string {
		starts++
		return func(t *testing.T, c *Case) string { return c.Want }
	})
	if starts != 1 {
		t.Errorf("%d starts for one file", starts)
	}
}

func TestUpdateKeepsEverythingElse(t *testing.T) {
	const before = "# why\n\n-- and how\nin\n----\nold\n\n\n# nothing happens\nquiet\n----\n\n# end\n"
	const after = "# why\n\n-- and how\nin\n----\n----\nnew\n\n----\ntext\n----\n----\n\n\n" +
		"# nothing happens\nquiet\n----\n\n# end\n"
	file := filepath.Join(t.TempDir(), "case.txt")
	if err := os.WriteFile(file, []byte(before), 0o666); err != nil {
		t.Fatal(err)
	}
	defer func(was bool) { *update = was }(*update)
	*update = true
	answer := func(t *testing.T, c *Case) string {
		if c.Input == "quiet" {
			return ""
		}
		return "new\n\n----\ntext"
	}
	for range 2 { // the second time finds what the first wrote and changes nothing
		Run(t, file, answer)
		if got, _ := os.ReadFile(file); string(got) != after {
			t.Fatalf("got:\n%s\nwant:\n%s", got, after)
		}
	}
	*update = false
	Run(t, file, answer)
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"select 1\n":                "f:1: the case has no line \"----\"",
		"-- c\na\n----\n----\nx\n":  "f:2: the fenced output does not end in two lines \"----\"",
		"a\n----\nb\n\nselect 2\nc": "f:5: the case has no line \"----\"",
	} {
		if _, _, err := parse("f", text); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestParseKeepsComment(t *testing.T) {
	cases, tail, err := parse("f", "# a\n\n-- b\r\nin\r\n----\nout")
	if err != nil || tail != "" || len(cases) != 1 {
		t.Fatal(cases, tail, err)
	}
	if c := cases[0]; c.Comment != "# a\n-- b\r\n" || c.Input != "in" || c.Want != "out\n" || c.Line != 4 {
		t.Errorf("%+v", c)
	}
}

// The parser must take any text, and writing back what is expected must not change the meaning.
func FuzzParse(f *testing.F) {
	f.Add("# why\nin\n----\nout\n\n")
	f.Add("in\n----\n----\na\n\nb\n----\n----\n")
	f.Fuzz(func(t *testing.T, text string) {
		cases, tail, err := parse("f", text)
		for _, c := range cases {
			if strings.Contains(strings.ReplaceAll(c.Want, "\r", ""), "----\n----\n") {
				return // output that holds two marks in a row cannot be written
			}
		}
		if err != nil {
			return
		}
		var b strings.Builder
		for i, c := range cases {
			b.WriteString(c.head + fence(c.Want))
			if i+1 < len(cases) || tail != "" {
				b.WriteByte('\n')
			}
		}
		again, _, err := parse("f", b.String()+tail)
		if err != nil || len(again) != len(cases) {
			t.Fatalf("%q: then %q: %v", text, b.String()+tail, err)
		}
		for i, c := range cases {
			if again[i].Want != c.Want || again[i].Input != c.Input {
				t.Fatalf("%q: case %d changed: %+v, %+v", text, i, c, again[i])
			}
		}
	})
}
