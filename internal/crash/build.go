package crash

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leatdb/leat/internal/golden"
)

// An Edit is a change of a file of the source: Old, which is there once, becomes New. Without Old the file is New. One
// whose path is absolute may be of the standard library.
type Edit struct{ File, Old, New string }

// Text returns the file as the edit leaves it.
func (e Edit) Text(t testing.TB) []byte {
	t.Helper()
	if e.Old == "" {
		return []byte(e.New)
	}
	text, err := os.ReadFile(e.path(t))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), e.Old) != 1 {
		t.Fatalf("%s has changed: the edit has no place in it", e.File)
	}
	return []byte(strings.Replace(string(text), e.Old, e.New, 1))
}

func (e Edit) path(t testing.TB) string {
	if filepath.IsAbs(e.File) {
		return e.File
	}
	return filepath.Join(golden.Root(t), e.File)
}

// BuildEdited builds a binary of some version, beside the source as it is: one edit a file.
func BuildEdited(t testing.TB, version string, edits ...Edit) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	replace := map[string]string{}
	for i, e := range edits {
		replace[e.path(t)] = write(fmt.Sprint("edit", i, ".go"), e.Text(t))
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "leat")
	build := exec.Command("go", "build", "-overlay", write("overlay.json", list), "-ldflags", "-X main.version="+version,
		"-o", bin, "github.com/leatdb/leat/cmd/leat")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}
