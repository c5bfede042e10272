//go:build clients && linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/internal/crash"
)

// Ports of every node; each has an address of its own.
const (
	pgPort    = "5433"
	kafkaPort = "9092"
	peerPort  = "7881"
)

// password is that of user leat: nodes that others can reach want one.
const password = "tamar"

const (
	clientHost = 0 // where clients are
	spareHosts = 3 // beyond the first three nodes', for those that take their places
	smallNode  = 3 // whose disk can be filled
)

// A fleet is the nodes of one cluster, the first three of which founded it.
type fleet struct {
	t     testing.TB
	dir   string
	bin   string
	other string // another build; "" for none
	flags []string
	seed  uint64
	net   *Network
	admin *cluster.Client

	mu    sync.Mutex // guards nodes
	nodes map[int]*node
	lives int
}

// A node is a server on one host, which runs or does not.
type node struct {
	host   *Host
	number int // of the host
	dir    string
	disk   *Disk         // whose files are in dir
	off    time.Duration // of its clock
	log    *os.File
	cmd    *exec.Cmd
	exited chan struct{}
	killed bool // by a signal of ours
	// changed is set while the node is to run the other build.
	changed bool
}

func (n *node) addr(port string) string { return net.JoinHostPort(n.host.IP().String(), port) }

// newFleet starts three nodes and waits until all have a vote.
func newFleet(t testing.TB, bin, dir string, seed uint64, flags ...string) *fleet {
	t.Helper()
	w, err := NewNetwork(1+3+spareHosts, seed)
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{t: t, dir: dir, bin: bin, flags: flags, seed: seed, net: w, nodes: map[int]*node{}}
	f.admin = cluster.NewClient(cluster.Peers{Network: w.Host(clientHost)})
	t.Cleanup(func() {
		f.admin.Close()
		for _, n := range f.nodes {
			f.kill(n)
			n.unplug(t)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	for i := 1; i <= 3; i++ {
		f.add(i)
	}
	f.whole(2*time.Minute, false)
	return f
}

// add starts a new node on a host.
func (f *fleet) add(host int) *node {
	f.t.Helper()
	f.lives++
	n := &node{host: f.net.Host(host), number: host, dir: filepath.Join(f.dir, fmt.Sprintf("node%d-%d", host, f.lives))}
	err := os.MkdirAll(f.dir, 0o755)
	if err == nil {
		err = os.Mkdir(n.dir, 0o755) // a node of an earlier run would be another cluster's
	}
	if err != nil {
		f.t.Fatal(err)
	}
	if f.lives == smallNode {
		if err := unix.Mount("tmpfs", n.dir, "tmpfs", 0, smallDisk); err != nil {
			f.t.Fatalf("a small file system needs root: %v", err)
		}
		f.t.Cleanup(func() { _ = unix.Unmount(n.dir, unix.MNT_DETACH) })
	}
	if n.log, err = os.Create(n.dir + ".log"); err != nil {
		f.t.Fatal(err)
	}
	if n.disk, err = NewDisk(n.dir, n.dir+".disk", f.seed+uint64(f.lives)); err != nil {
		f.t.Fatal(err)
	}
	if err := n.setClock(0); err != nil {
		f.t.Fatal(err)
	}
	f.start(n)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nodes[host] = n
	return n
}

// start starts a node's process, for the first time or again.
func (f *fleet) start(n *node) {
	f.t.Helper()
	args := append([]string{"start", "--data", filepath.Join(n.disk.at, "data"), "--cluster", n.addr(peerPort), "--cluster-plain",
		"--pg", n.addr(pgPort), "--kafka", n.addr(kafkaPort), "--http", ""}, f.flags...)
	join := ""
	for _, other := range f.list() {
		if other != n {
			join += "," + other.addr(peerPort)
		}
	}
	if join != "" {
		args = append(args, "--join", join[1:])
	}
	bin := f.bin
	if n.changed && f.other != "" {
		bin = f.other
	}
	cmd := exec.Command(bin, args...)
	cmd.Stderr, cmd.Stdout = n.log, n.log
	cmd.Env = append(os.Environ(), "LEAT_PASSWORD="+password, clockVariable+"="+n.dir+".clock")
	fmt.Fprintf(n.log, "---- %s %v\n", time.Now().Format(time.StampMilli), args)
	if err := n.host.Start(cmd); err != nil {
		f.t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		fmt.Fprintf(n.log, "---- %s %v\n", time.Now().Format(time.StampMilli), cmd.ProcessState)
		close(exited)
	}()
	n.cmd, n.exited, n.killed = cmd, exited, false
}

// signal sends a node a signal. It may be gone already.
func (n *node) signal(s syscall.Signal) { _ = n.cmd.Process.Signal(s) }

// kill ends a node as a power cut does, but for what its machine has not written yet.
func (f *fleet) kill(n *node) {
	n.killed = true
	n.signal(syscall.SIGKILL)
	n.disk.Power() // it does not end before its files answer
	<-n.exited
}

// unplug ends a node's file system.
func (n *node) unplug(t testing.TB) {
	if err := n.disk.Close(); err != nil {
		t.Error(err)
	}
}

// stop ends a node as an operator does.
func (f *fleet) stop(n *node) {
	n.killed = true
	n.signal(syscall.SIGTERM)
	select {
	case <-n.exited:
	case <-time.After(time.Minute):
		n.signal(syscall.SIGQUIT) // the log shows what it waits for
		<-n.exited
		f.t.Errorf("node %d has not stopped a minute after it was told to; see %s", n.number, n.log.Name())
	}
}

// list returns the nodes, in the order of their hosts.
func (f *fleet) list() (all []*node) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range 1 + 3 + spareHosts {
		if n := f.nodes[i]; n != nil {
			all = append(all, n)
		}
	}
	return all
}

// status asks any node; nil when none knows.
func (f *fleet) status() *cluster.Status {
	for _, n := range f.list() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		s, err := f.admin.Status(ctx, n.addr(peerPort))
		cancel()
		if err == nil {
			return s
		}
	}
	return nil
}

// id is a node's number in the cluster, 0 while it has none.
func (f *fleet) id(s *cluster.Status, n *node) uint64 {
	for _, m := range s.Nodes {
		if m.Addr == n.addr(peerPort) {
			return m.ID
		}
	}
	return 0
}

// leaders are the node that leads the cluster, nil when nobody knows, and others that lead shards.
func (f *fleet) leaders() (leader *node, others []*node) {
	s := f.status()
	if s == nil {
		return nil, nil
	}
	for _, n := range f.list() {
		id := f.id(s, n)
		switch {
		case id == 0:
		case id == s.Leader:
			leader = n
		default:
			for _, g := range s.Groups {
				if g.Leader == id {
					others = append(others, n) // so often, so that it is meant the more often
				}
			}
		}
	}
	return leader, others
}

// whole waits until three nodes vote in every group, and, when that is asked for, have applied everything.
func (f *fleet) whole(within time.Duration, everything bool) {
	f.t.Helper()
	var s *cluster.Status
	for end := time.Now().Add(within); time.Now().Before(end); <-time.After(50 * time.Millisecond) {
		if s = f.status(); isWhole(s, everything) {
			return
		}
	}
	for _, n := range f.list() {
		n.signal(syscall.SIGQUIT) // their logs show what they wait for
	}
	f.t.Fatalf("the nodes are not whole after %v: %+v", within, s)
}

func isWhole(s *cluster.Status, everything bool) bool {
	if s == nil || len(s.Groups) == 0 {
		return false
	}
	for _, g := range s.Groups {
		votes := 0
		for _, r := range g.Replicas {
			if r.Voter && r.Up && (!everything || r.Applied >= int64(g.Commit)) {
				votes++
			}
		}
		if votes < 3 {
			return false
		}
	}
	return true
}

// died returns the nodes whose process has ended and was not killed.
func (f *fleet) died() (all []*node) {
	for _, n := range f.list() {
		select {
		case <-n.exited:
			if !n.killed {
				all = append(all, n)
			}
		default:
		}
	}
	return all
}

// remove forgets a node that has gone, and gives its host to another one.
func (f *fleet) remove(n *node) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.nodes, n.number)
}

// free is a host without a node.
func (f *fleet) free() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := 1; i < 1+3+spareHosts; i++ {
		if f.nodes[i] == nil {
			return i
		}
	}
	return 0
}

// deterministic wants that nodes of one build have come to the same whenever they computed a step again.
func (f *fleet) deterministic() {
	if f.other != "" {
		return
	}
	for _, n := range f.list() {
		text, err := os.ReadFile(n.log.Name())
		if err != nil {
			f.t.Error(err)
		}
		if _, found, ok := strings.Cut(string(text), crash.Doubt); ok {
			f.t.Errorf("node %d: %s%.300s", n.number, crash.Doubt, found)
		}
	}
}

var errNobody = errors.New("no node answers")

// forget asks the cluster to remove a node, until somebody does.
func (f *fleet) forget(ctx context.Context, id uint64) error {
	err := errNobody
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end) && ctx.Err() == nil; <-time.After(100 * time.Millisecond) {
		for _, n := range f.list() {
			short, cancel := context.WithTimeout(ctx, 10*time.Second)
			err = f.admin.Remove(short, n.addr(peerPort), id)
			cancel()
			if s := f.status(); err == nil || s != nil && !knows(s, id) {
				return nil
			}
		}
	}
	return err
}

func knows(s *cluster.Status, id uint64) bool {
	for _, m := range s.Nodes {
		if m.ID == id {
			return true
		}
	}
	return false
}
