//go:build clients && linux

package chaos

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leatdb/leat/internal/golden"
)

// A seededBug is a change of the source that breaks a promise, and faults under which a client notices. It is in no
// binary but the one that is built to be found out.
type seededBug struct {
	name, file, old, new string
	faults               string
}

var seededBugs = []seededBug{
	{"a transaction is acknowledged before it is stored", "engine/tx.go",
		"		_, err = p.Wait(ctx)\n", "		go p.Wait(context.WithoutCancel(ctx))\n", "kill"},
	{"a transaction is several entries", "engine/tx.go",
		"	p, err := tx.e.node.AppendGuarded(ctx, guards, appends...)\n",
		`	p, err := tx.e.node.AppendGuarded(ctx, guards, appends[0])
	for _, a := range appends[1:] {
		if err == nil {
			p.Wait(ctx)
			p, err = tx.e.node.AppendGuarded(ctx, nil, a)
		}
	}
`, "kill"},
	{"what a serializable transaction has read may change", "engine/tx.go",
		"		guards = append(guards, tx.readGuards()...)\n", "", "kill"},
	{"a batch that is sent again is stored again", "cluster/sequence.go",
		"				return b.Base, true, nil\n", "				return 0, false, nil\n", "kill,away"},
	{"a session that reads stale forgets what it has seen", "engine/session/carry.go",
		"	s.drawn.last, s.seen = c.Last, c.Seen\n", "	s.drawn.last = c.Last\n", "kill"},
	{"a follower reads streams to their ends", "engine/cut.go",
		"			c.ends[s.rel.ID] = append(c.ends[s.rel.ID], p.next)\n",
		`			if end, err := f.node.LastStable(p.id); err == nil && f.following.on.Load() {
				p.next = end
			}
			c.ends[s.rel.ID] = append(c.ends[s.rel.ID], p.next)
`, "kill"},
	{"readers are given what was aborted", "cluster/txn.go",
		"func (n *Node) Aborted(p PartitionID, from, to int64) ([]AbortedTxn, error) {\n",
		"func (n *Node) Aborted(p PartitionID, from, to int64) ([]AbortedTxn, error) {\n	return nil, nil\n", "kill"},
}

// A catcher takes what a run finds for what it is to find.
type catcher struct {
	testing.TB
	mu    sync.Mutex // guards what follows
	found []string
	stop  func() // is called when something is found
}

// caught sets what happens when something is found.
func (c *catcher) caught(stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stop = stop
}

func (c *catcher) findings() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.found
}

// Errorf implements testing.TB.
func (c *catcher) Errorf(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found = append(c.found, fmt.Sprintf(format, args...))
	if c.stop != nil {
		c.stop()
	}
}

// Error implements testing.TB.
func (c *catcher) Error(args ...any) { c.Errorf("%s", fmt.Sprintln(args...)) }

// Fatalf implements testing.TB.
func (c *catcher) Fatalf(format string, args ...any) {
	c.Errorf(format, args...)
	runtime.Goexit()
}

// Logf implements testing.TB: what happens in detail is of no interest.
func (c *catcher) Logf(string, ...any) {}

// TestSeededBugs builds servers with a bug each, and has the clients find it.
func TestSeededBugs(t *testing.T) {
	root := golden.Root(t)
	for i, bug := range seededBugs {
		t.Run(bug.name, func(t *testing.T) {
			text := bug.text(t, root)
			if os.Getenv("LEAT_CHAOS") == "" {
				return // each takes a build and half a minute; the checkers have tests of their own
			}
			bin := bug.build(t, root, text)
			c := &catcher{TB: t}
			done := make(chan struct{})
			go func() {
				defer close(done)
				chaos(c, uint64(1000+i), bin, chosen(t, bug.faults), 30*time.Second)
			}()
			<-done
			found := c.findings()
			if len(found) == 0 {
				t.Fatal("nobody has noticed")
			}
			t.Logf("%d findings, the first one: %.300s", len(found), found[0])
		})
	}
}

// text returns the file with the bug in it.
func (b *seededBug) text(t *testing.T, root string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, b.file))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), b.old) != 1 {
		t.Fatalf("%s has changed: the bug has no place in it", b.file)
	}
	return []byte(strings.Replace(string(text), b.old, b.new, 1))
}

// build builds a server with the bug, beside the source as it is.
func (b *seededBug) build(t *testing.T, root string, text []byte) string {
	t.Helper()
	source := filepath.Join(root, b.file)
	dir := t.TempDir()
	changed, overlay, bin := filepath.Join(dir, "bug.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "leat")
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{source: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		changed: text, overlay: list,
	} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-overlay", overlay, "-o", bin, "github.com/leatdb/leat/cmd/leat")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}
