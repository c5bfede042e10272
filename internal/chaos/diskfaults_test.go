//go:build clients && linux

package chaos

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// troubled are the parts of a data directory that a disk's trouble is with, "" for all of it.
var troubled = []string{"", "/wal/", "/shards/", "/control.db", "/engine/", "/snapshots/"}

// quits is how soon a node whose disk has failed ends its process.
const quits = 20 * time.Second

// killAll ends all nodes at once.
func (f *fleet) killAll() {
	for _, n := range f.list() {
		n.killed = true
		n.signal(syscall.SIGKILL)
		n.disk.Power()
	}
	for _, n := range f.list() {
		<-n.exited
	}
}

// reboot starts a node whose process has ended on what its disk has.
func (n *nemesis) reboot(v *node, cut bool) {
	lost, err := v.disk.Reboot(cut)
	if err != nil {
		n.t.Fatal(err)
	}
	if cut {
		n.say("the power cut has cost node %d %s", v.number, lost)
	}
	n.start(v)
}

// ail gives a node's disk a trouble, or all nodes' when there is none. A node that has met it may end its process, and
// says why; one that could not sync has to. Then it starts again, on what is on the disk.
func (n *nemesis) ail(p draw, v *node, t Trouble) {
	t.Path = troubled[p.which%len(troubled)]
	some := []*node{v}
	if v == nil {
		some = n.list()
	}
	for _, v := range some {
		v.disk.Set(t)
	}
	n.wait(p.last)
	for _, v := range some {
		v.disk.Set(Trouble{})
	}
	for _, v := range some {
		struck := v.disk.Struck()
		if len(struck) == 0 {
			continue
		}
		n.say("node %d: %s failed", v.number, strings.Join(struck, ", "))
		n.recover(v, t.FailSyncs > 0)
	}
}

// recover starts a node again that has met an error of its disk.
func (n *nemesis) recover(v *node, must bool) {
	wait := time.After(quits)
	if !must {
		wait = time.After(time.Second)
	}
	select {
	case <-v.exited:
		if !v.says("disk", "fail", "error") {
			n.t.Errorf("node %d has ended and does not say why; see %s", v.number, v.log.Name())
		}
	case <-wait:
		if must {
			v.signal(syscall.SIGQUIT) // its log shows what it waits for
			<-v.exited
			n.t.Errorf("a sync of node %d has failed, and its process goes on; see %s", v.number, v.log.Name())
		}
	}
	n.kill(v)
	n.reboot(v, false)
}

// says reports whether the end of a node's log has one of several words.
func (n *node) says(words ...string) bool {
	b, err := os.ReadFile(n.log.Name())
	if err != nil {
		return false
	}
	b = bytes.ToLower(b[max(0, len(b)-4<<10):])
	for _, w := range words {
		if bytes.Contains(b, []byte(w)) {
			return true
		}
	}
	return false
}

// rotten are the files of which a byte is changed, where nothing else has one.
var rotten = []string{"data/cluster/control.db", "data/cluster/wal/*.seg", "data/cluster/shards/*/*/*.log",
	"data/cluster/snapshots/*/snapshots/*/state.bin"}

// rot changes a bit of a file of a node that follows while it is down, when the other nodes have everything. It starts
// as if nothing were, or not, and says why; then another one takes its place, as its operator has it.
func (n *nemesis) rot(p draw) {
	n.whole(time.Minute, false)
	p.whose = others
	v := n.victim(p)
	n.kill(v)
	files, err := filepath.Glob(filepath.Join(v.dir, rotten[p.which%len(rotten)]))
	if err != nil || len(files) == 0 {
		n.start(v)
		return
	}
	name := strings.TrimPrefix(files[p.which%len(files)], v.dir+"/")
	if err := v.disk.Rot(name, 0, 1); err != nil {
		n.say("%s of node %d is as it was: %v", name, v.number, err)
	}
	n.say("%s of node %d has rotted", name, v.number)
	n.reboot(v, false)
	n.wait(p.last)
	select {
	case <-v.exited:
		if n.say("node %d does not start", v.number); !v.says("corrupt") {
			n.t.Errorf("node %d does not say what is wrong with %s; see %s", v.number, name, v.log.Name())
		}
	default:
	}
	n.kill(v)
	n.takeOver(v)
}
