package kafka

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leatdb/leat/internal/golden"
)

// TestDocs keeps the list of APIs in the documentation true. LEAT_UPDATE=1 rewrites it.
func TestDocs(t *testing.T) {
	path := filepath.Join(golden.Root(t), "docs", "kafka.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), "<!-- apis -->\n")
	_, after, ok2 := strings.Cut(rest, "<!-- end -->\n")
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the list of APIs", path)
	}
	var table strings.Builder
	table.WriteString("| key | API | versions |\n| --- | --- | --- |\n")
	for i, a := range apis {
		if i > 0 && a.key <= apis[i-1].key {
			t.Errorf("%s is not in its place among the APIs", a.key.Name())
		}
		fmt.Fprintf(&table, "| %d | %s | %d to %d |\n", a.key, a.key.Name(), a.min, a.max)
	}
	want := before + "<!-- apis -->\n" + table.String() + "<!-- end -->\n" + after
	if golden.Updating() {
		if err := os.WriteFile(path, []byte(want), 0o666); err != nil {
			t.Fatal(err)
		}
	} else if want != string(text) {
		t.Errorf("%s is stale: run the tests with LEAT_UPDATE=1", path)
	}
}
