//go:build clients && linux

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// smallDisk is the size of the file system of one of the nodes.
const smallDisk = "size=900m"

// A nemesis brings faults upon a fleet. Which they are, in which order, for how long, and whether they are the leader's
// follows from the seed; which node leads then does not.
type nemesis struct {
	*fleet
	faults []fault // one of them at a time
	rand   *rand.Rand
	say    func(format string, args ...any)
	ctx    context.Context // ends them early
}

// A fault does something and undoes it.
type fault struct {
	name string
	rare bool // it takes long
	do   func(n *nemesis, p draw)
}

// A draw is what chance has decided of a fault, all of it before the fault, so that the order does not depend on what
// happens.
type draw struct {
	whose whose
	which int // of those that may be meant
	last  time.Duration
	share float64 // how bad it is, from 0 to 1
}

// whose says which node's a fault is.
type whose int

const (
	leaders whose = iota // that leads the cluster
	shards               // that leads a shard, and not the cluster
	others
)

// String implements fmt.Stringer.
func (w whose) String() string {
	return []string{"the leader's", "a leader's of a shard", "another node's"}[w]
}

var faults = []fault{
	{"kill", false, func(n *nemesis, p draw) {
		v := n.victim(p)
		n.kill(v)
		n.wait(p.last)
		n.start(v)
	}},
	{"kill all", false, func(n *nemesis, p draw) {
		n.killAll()
		for _, v := range n.list() {
			n.start(v)
		}
	}},
	{"kill twice", false, func(n *nemesis, p draw) { // again while it starts
		v := n.victim(p)
		n.kill(v)
		n.start(v)
		n.wait(p.last / 8)
		n.kill(v)
		n.start(v)
	}},
	{"stop", false, func(n *nemesis, p draw) {
		v := n.victim(p)
		v.signal(syscall.SIGSTOP)
		n.wait(p.last)
		v.signal(syscall.SIGCONT)
	}},
	{"isolate", false, func(n *nemesis, p draw) { // clients reach it still
		v := n.victim(p)
		n.between(v, Link{Cut: true}, Link{Cut: true})
		n.wait(p.last)
	}},
	{"away", false, func(n *nemesis, p draw) {
		v := n.victim(p)
		n.between(v, Link{Cut: true}, Link{Cut: true})
		n.net.Set(clientHost, v.number, Link{Cut: true})
		n.net.Set(v.number, clientHost, Link{Cut: true})
		n.wait(p.last)
	}},
	{"deafen", false, func(n *nemesis, p draw) {
		n.between(n.victim(p), Link{Cut: true}, Link{})
		n.wait(p.last)
	}},
	{"mute", false, func(n *nemesis, p draw) {
		n.between(n.victim(p), Link{}, Link{Cut: true})
		n.wait(p.last)
	}},
	{"bridge", false, func(n *nemesis, p draw) { // two that reach each other only by a third
		all := n.list()
		a, b := all[p.which%len(all)], all[(p.which+1)%len(all)]
		n.net.Set(a.number, b.number, Link{Cut: true})
		n.net.Set(b.number, a.number, Link{Cut: true})
		n.wait(3 * p.last)
	}},
	{"estrange", false, func(n *nemesis, p draw) { n.estrange(p) }},
	{"flap", false, func(n *nemesis, p draw) {
		v := n.victim(p)
		for range 4 {
			n.between(v, Link{Cut: true}, Link{Cut: true})
			n.wait(p.last / 8)
			n.between(v, Link{}, Link{})
			n.wait(p.last / 8)
		}
	}},
	{"slow", false, func(n *nemesis, p draw) {
		l := Link{Delay: time.Duration(p.share * float64(60*time.Millisecond)), Vary: 20 * time.Millisecond}
		n.between(n.victim(p), l, l)
		n.wait(2 * p.last)
	}},
	{"lose", false, func(n *nemesis, p draw) {
		l := Link{Loss: 0.15 * p.share, Vary: 2 * time.Millisecond}
		n.between(n.victim(p), l, l)
		n.wait(2 * p.last)
	}},
	{"power", false, func(n *nemesis, p draw) {
		v := n.victim(p)
		v.disk.PullPlug()
		n.kill(v)
		n.wait(p.last)
		n.reboot(v, true)
	}},
	{"power all", false, func(n *nemesis, p draw) {
		for _, v := range n.list() {
			v.disk.PullPlug()
		}
		n.killAll()
		for _, v := range n.list() {
			n.reboot(v, true)
		}
	}},
	{"fail to sync", false, func(n *nemesis, p draw) { n.ail(p, n.victim(p), Trouble{FailSyncs: 1}) }},
	{"fail to sync all", false, func(n *nemesis, p draw) { n.ail(p, nil, Trouble{FailSyncs: 1}) }},
	{"fail to write", false, func(n *nemesis, p draw) { n.ail(p, n.victim(p), Trouble{FailWrites: 1}) }},
	{"fail to read", false, func(n *nemesis, p draw) { n.ail(p, n.victim(p), Trouble{FailReads: 1 + int(p.share*4)}) }},
	{"slow disk", false, func(n *nemesis, p draw) {
		v := n.victim(p)
		v.disk.Set(Trouble{SyncDelay: time.Duration(50+p.share*p.share*3000) * time.Millisecond,
			WriteDelay: time.Duration(p.share * float64(20*time.Millisecond))})
		n.wait(p.last)
		v.disk.Set(Trouble{})
	}},
	{"clock", false, func(n *nemesis, p draw) { n.jump(p) }},
	{"drift", false, func(n *nemesis, p draw) { n.drift(p) }},
	{"fill", false, func(n *nemesis, p draw) { n.fill(p) }},
	{"roll", true, func(n *nemesis, p draw) {
		for _, v := range n.list() {
			n.stop(v)
			n.start(v)
			n.wait(p.last)
		}
	}},
	{"version", false, func(n *nemesis, p draw) { n.change(n.victim(p)) }},
	{"rot", true, func(n *nemesis, p draw) { n.rot(p) }},
	{"replace", true, func(n *nemesis, p draw) { n.replace(p) }},
	{"drain", true, func(n *nemesis, p draw) { n.drain(p) }},
}

// change stops a node and starts it with the binary of the other build, where there is one.
func (n *nemesis) change(v *node) {
	n.stop(v)
	if v.changed = !v.changed; n.other != "" {
		n.say("node %d is another build: %t", v.number, v.changed)
	}
	n.start(v)
}

// run brings faults until the context ends. Faults are one at a time, at times two.
func (n *nemesis) run() (done []string) {
	for n.ctx.Err() == nil {
		f, p := n.draw()
		second, q := n.draw()
		both := n.rand.IntN(5) == 0 && !f.rare && !second.rare && f.name != "fill" && second.name != "fill"
		pause := time.Duration(n.rand.IntN(2500)) * time.Millisecond
		if f.rare && n.rand.IntN(4) > 0 {
			continue
		}
		n.bring(f, p)
		done = append(done, f.name)
		if both {
			n.bring(second, q)
			done = append(done, "and "+second.name)
		}
		n.net.Mend()
		n.wait(pause)
		for _, v := range n.died() {
			n.t.Errorf("the process of node %d has ended by itself; see %s", v.number, v.log.Name())
			n.start(v)
		}
	}
	return done
}

func (n *nemesis) draw() (fault, draw) {
	f := n.faults[n.rand.IntN(len(n.faults))]
	by := []whose{leaders, leaders, leaders, shards, shards, others}[n.rand.IntN(6)]
	return f, draw{by, n.rand.IntN(60), time.Duration(300+n.rand.IntN(4000)) * time.Millisecond, n.rand.Float64()}
}

func (n *nemesis) bring(f fault, p draw) {
	n.say("%s, %s, %v, %.2f", f.name, p.whose, p.last, p.share)
	f.do(n, p)
}

// wait waits, and less when it is all over.
func (n *nemesis) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-n.ctx.Done():
	}
}

// victim is the node that is meant.
func (n *nemesis) victim(p draw) *node {
	leader, ofShards := n.leaders()
	all := n.list()
	switch {
	case p.whose == leaders && leader != nil:
		return leader
	case p.whose == shards && len(ofShards) > 0:
		return ofShards[p.which%len(ofShards)]
	}
	for i := range all {
		if v := all[(p.which+i)%len(all)]; v != leader {
			return v
		}
	}
	return all[0]
}

// between sets the links of a node to and from the other nodes.
func (n *nemesis) between(v *node, in, out Link) {
	for _, other := range n.list() {
		if other != v {
			n.net.Set(other.number, v.number, in)
			n.net.Set(v.number, other.number, out)
		}
	}
}

// fill fills the disk of the node that has a small one, and makes room again. It may stop for want of it.
func (n *nemesis) fill(p draw) {
	var v *node
	for _, other := range n.list() {
		if other.small() {
			v = other
		}
	}
	if v == nil {
		return
	}
	var st unix.Statfs_t
	if err := unix.Statfs(v.dir, &st); err != nil {
		n.t.Error(err)
		return
	}
	used := (st.Blocks - st.Bfree) * uint64(st.Bsize)
	size := fmt.Sprintf("size=%d", used+uint64(p.share*float64(2<<20))+4096)
	if err := unix.Mount("tmpfs", v.dir, "tmpfs", unix.MS_REMOUNT, size); err != nil {
		n.say("the disk cannot be made smaller: %v", err) // it has grown meanwhile
		return
	}
	n.wait(p.last)
	if err := unix.Mount("tmpfs", v.dir, "tmpfs", unix.MS_REMOUNT, smallDisk); err != nil {
		n.t.Error(err)
	}
	select {
	case <-v.exited:
		n.say("node %d has stopped for want of space", v.number)
		n.start(v)
	default:
	}
}

// small reports whether a node's disk can be filled.
func (n *node) small() bool {
	var st unix.Statfs_t
	return unix.Statfs(n.dir, &st) == nil && int64(st.Type) == unix.TMPFS_MAGIC
}

// replace loses a node for good: a new one takes its place.
func (n *nemesis) replace(p draw) {
	v := n.victim(p)
	n.kill(v)
	n.takeOver(v)
}

// drain takes a node out as an operator does, with another one there first.
func (n *nemesis) drain(p draw) {
	v := n.victim(p)
	s := n.status()
	if s == nil {
		return
	}
	short, cancel := context.WithTimeout(n.ctx, 30*time.Second)
	defer cancel()
	if err := n.admin.Drain(short, v.addr(peerPort), n.id(s, v)); err != nil {
		n.say("node %d is not drained: %v", v.number, err)
	}
	n.takeOver(v)
}

// takeOver starts a new node, and has the cluster forget another one.
func (n *nemesis) takeOver(v *node) {
	s := n.status()
	for end := time.Now().Add(2 * time.Minute); s == nil && time.Now().Before(end); s = n.status() {
		<-time.After(100 * time.Millisecond)
	}
	if s == nil {
		n.t.Errorf("two minutes after node %d was lost nobody leads", v.number)
		return
	}
	id := n.id(s, v)
	fresh := n.add(n.free())
	n.say("node %d on host %d replaces node %d", n.lives, fresh.number, id)
	if err := n.forget(context.Background(), id); err != nil {
		n.t.Errorf("node %d is not removed: %v", id, err)
	}
	n.kill(v)
	v.unplug(n.t)
	n.fleet.remove(v)
	n.whole(3*time.Minute, false)
}
