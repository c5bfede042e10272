//go:build clients && linux

package chaos

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/leatdb/leat/internal/crash"
)

// A seededBug is a change of the source that breaks a promise, and faults under which a client notices. It is in no
// binary but the one that is built to be found out.
type seededBug struct {
	name, file, old, new string
	faults               string
	nodes                bool // it shows by what becomes of nodes
	more                 []crash.Edit
}

var seededBugs = []seededBug{
	{"a transaction is acknowledged before it is stored", "engine/tx.go",
		"		_, err = p.Wait(ctx)\n", "		go p.Wait(context.WithoutCancel(ctx))\n", "kill", false, nil},
	{"a transaction is several entries", "engine/tx.go",
		"	p, err := tx.e.node.AppendGuarded(ctx, guards, appends...)\n",
		`	p, err := tx.e.node.AppendGuarded(ctx, guards, appends[0])
	for _, a := range appends[1:] {
		if err == nil {
			p.Wait(ctx)
			p, err = tx.e.node.AppendGuarded(ctx, nil, a)
		}
	}
`, "kill", false, nil},
	{"what a serializable transaction has read may change", "engine/tx.go",
		"		guards = append(guards, tx.readGuards()...)\n", "", "kill", false, nil},
	{"a batch that is sent again is stored again", "cluster/sequence.go",
		"				return b.Base, true, nil\n", "				return 0, false, nil\n", "kill,away", false, nil},
	{"a session that reads stale forgets what it has seen", "engine/session/carry.go",
		"	s.drawn.last, s.seen = c.Last, c.Seen\n", "	s.drawn.last = c.Last\n", "kill", false, nil},
	{"a follower reads streams to their ends", "engine/cut.go",
		"			c.ends[s.rel.ID] = append(c.ends[s.rel.ID], p.next)\n",
		`			if end, err := f.node.LastStable(p.id); err == nil && f.following.on.Load() {
				p.next = end
			}
			c.ends[s.rel.ID] = append(c.ends[s.rel.ID], p.next)
`, "kill", false, nil},
	{"what is acknowledged is not synced", "cluster/wal/writer.go",
		"	} else if err = s.file.Sync(); err != nil {\n", "	} else if err != nil {\n", "power all", true, nil},
	{"a failed sync is tried again", "cluster/wal/writer.go",
		"	} else if err = s.file.Sync(); err != nil {\n		err = w.fail(fmt.Errorf(\"fdatasync %s: %w\", s.name, err))\n",
		"	} else if err = s.file.Sync(); err != nil {\n		err = s.file.Sync()\n", "fail to sync,fail to sync all", true, nil},
	{"readers are given what was aborted", "cluster/txn.go",
		"func (n *Node) Aborted(p PartitionID, from, to int64) ([]AbortedTxn, error) {\n",
		"func (n *Node) Aborted(p PartitionID, from, to int64) ([]AbortedTxn, error) {\n	return nil, nil\n", "kill", false, nil},
	{"the leader of a spread shard acknowledges what takes long to be committed", "cluster/producer.go",
		"	r, err := p.append.wait(ctx)\n",
		`	if p.append.pump != nil && p.append.pump.tells {
		select {
		case <-p.append.Done():
		case <-time.After(100 * time.Millisecond):
			return Produced{Base: -1 << 40, AppendTime: -1}, nil // it knows no offset yet
		}
	}
	r, err := p.append.wait(ctx)
`, "isolate", false, nil},
	{"a query does not ask the leaders of spread shards", "cluster/canvass.go",
		"	for _, shard := range shards {\n", "	for _, shard := range shards[:0] {\n", "estrange", false, nil},
	{"a step takes in half a transaction over several shards", "cluster/ends.go",
		"			end = p.seq.decided(n.whole)\n", "			end = p.seq.lastStable()\n", "kill", false, nil},
	{"who led a spread shard goes on saying where its partitions end", "kafka/02_list_offsets.go",
		"		lost = codeOf(placed.Confirm(ctx, slices.Collect(maps.Keys(served))))\n",
		"		_ = slices.Collect(maps.Keys(served))\n", "isolate", false, []crash.Edit{{File: "cluster/spread.go",
			Old: "		case t != nil && (!leads || t.term != term):\n",
			New: "		case t != nil && (!leads || t.term != term) && time.Since(t.tended) < 2*time.Second: // it has not noticed\n" +
				"		case t != nil && (!leads || t.term != term):\n"}}},
}

// A catcher takes what a run finds for what it is to find.
type catcher struct {
	testing.TB
	nodes bool       // also what becomes of nodes, once they have begun
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
	for i, bug := range seededBugs {
		t.Run(bug.name, func(t *testing.T) {
			edits := append([]crash.Edit{{File: bug.file, Old: bug.old, New: bug.new}}, bug.more...)
			for _, edit := range edits {
				edit.Text(t) // it has a place
			}
			if os.Getenv("LEAT_CHAOS") == "" {
				return // each takes a build and half a minute; the checkers have tests of their own
			}
			bin := build(t, "seeded", edits...)
			c := &catcher{TB: t, nodes: bug.nodes}
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
