package cluster

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leatdb/leat/cluster/mesh"
)

// A mixture is nodes of several versions on one network.
type mixture struct {
	*simCluster
	self map[int]Member // what each node says of itself
}

func newMixture(t *testing.T, seed uint64) *mixture {
	m := &mixture{self: map[int]Member{}}
	m.simCluster = newSimCluster(t, seed, func(c *Config) {
		for i := range 10 {
			if c.Peers.Addr == hostOf(i) {
				c.Peers.Self = m.self[i]
				c.Peers.Self.Addr = hostOf(i)
			}
		}
	})
	return m
}

func (m *mixture) is(version string, min, max int, nodes ...int) {
	for _, i := range nodes {
		m.self[i] = Member{Version: version, Levels: mesh.Levels{Min: min, Max: max}}
	}
}

// again starts a node again, as what it is now.
func (m *mixture) again(i int) {
	m.t.Helper()
	m.stop(i)
	m.start(i)
	m.told(i)
}

// told waits until the leader knows of what version a node is.
func (m *mixture) told(i int) {
	m.t.Helper()
	m.within(20*time.Second, "the leader knows the version", func() bool {
		_, n := m.leader()
		return n.control.view.Load().members[m.nodes[i].Self()].Levels == m.self[i].Levels
	})
}

func (m *mixture) want(level int) {
	m.t.Helper()
	if _, n := m.leader(); n.Level() != level {
		m.t.Errorf("the cluster is at level %d, want %d", n.Level(), level)
	}
}

// TestLevelRises replaces the binaries of three nodes one after the other, one of them back and forth: the level is
// raised when the last one knows it and does not hold it, and then the old binary is refused wherever it comes.
func TestLevelRises(t *testing.T) {
	m := newMixture(t, 21)
	m.is("1", 1, 4, 1, 2, 3)
	m.three()
	m.want(4)
	m.is("2", 3, 5, 1, 2)
	m.again(1)
	m.again(2)
	m.want(4)
	m.is("1", 1, 4, 2)
	m.again(2) // it goes back
	m.is("2", 3, 5, 2, 3)
	m.again(2)
	held := m.self[3]
	held.HoldLevel = true
	m.self[3] = held
	m.again(3)
	m.want(4)
	m.is("2", 3, 5, 3)
	m.again(3)
	m.within(10*time.Second, "the level is raised", func() bool { _, n := m.leader(); return n.Level() == 5 })
	m.within(10*time.Second, "all know", func() bool { return m.nodes[1].Level()+m.nodes[2].Level()+m.nodes[3].Level() == 15 })

	m.stop(3)
	m.is("1", 1, 4, 3, 4, 5)
	m.refused(3, "the data directory is at level 5, which version 2 has raised it to; version 1 works at levels 1 to 4")
	if files := m.refused(4, "the cluster is at level 5"); len(files) != 0 {
		t.Errorf("%v are in the directory of a node that was refused", files)
	}
	m.is("9", 7, 9, 5)
	m.refused(5, "upgrade to a version first that knows both")
	m.is("2", 3, 5, 3)
	m.start(3)
	m.voters(3)
}

// refused starts a node that is to be refused, and returns what is in its directory then.
func (m *mixture) refused(i int, why string) (files []string) {
	m.t.Helper()
	if m.dirs[i] == "" {
		m.dirs[i] = m.t.TempDir()
	}
	c := testConfig(m.dirs[i])
	c.Peers = Peers{Addr: hostOf(i), Network: m.net.host(hostOf(i)), Join: []string{hostOf(1), hostOf(2)}}
	m.edit(&c)
	n, err := Open(m.t.Context(), c)
	if err == nil {
		n.Close()
		m.t.Fatal("it was not refused")
	}
	if !strings.Contains(err.Error(), why) {
		m.t.Errorf("%v\nwant %s", err, why)
	}
	_ = filepath.WalkDir(m.dirs[i], func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	return files
}

// TestLevelRaisedWhileAway raises the level while a node is down that was of the new version last. When it comes back
// with the old one, whose directory does not tell of the level yet, the others refuse it, and it ends.
func TestLevelRaisedWhileAway(t *testing.T) {
	m := newMixture(t, 22)
	m.is("1", 1, 1, 1, 2, 3)
	m.three()
	m.is("2", 1, 2, 1, 3)
	m.again(3)
	m.again(1)
	m.stop(3)
	m.is("2", 1, 2, 2)
	m.again(2)
	m.within(10*time.Second, "the level is raised", func() bool { _, n := m.leader(); return n.Level() == 2 })
	m.is("1", 1, 1, 3)
	n := m.start(3)
	select {
	case <-n.failedCh:
		if err := n.Err(); !errors.Is(err, ErrLevel) || !strings.Contains(err.Error(), "version 2 has raised it to") {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the node goes on")
	}
	_ = n.Close() // it has failed
	delete(m.nodes, 3)
	m.want(2)
}

// TestLevelAlone raises the level of a node that runs alone when it is started, unless it holds it, and refuses the
// binary of before; a backup of it says its level, and is refused as well.
func TestLevelAlone(t *testing.T) {
	dir := t.TempDir()
	open := func(self Member) (*Node, error) {
		c := testConfig(dir)
		c.Peers.Self = self
		return Open(t.Context(), c)
	}
	first, second := mesh.Levels{Min: 1, Max: 1}, mesh.Levels{Min: 1, Max: 2}
	for _, step := range []struct {
		self Member
		want int // 0: it is refused
	}{
		{Member{Version: "1", Levels: first}, 1},
		{Member{Version: "2", Levels: second, HoldLevel: true}, 1},
		{Member{Version: "1", Levels: first}, 1},
		{Member{Version: "2", Levels: second}, 2},
		{Member{Version: "1", Levels: first}, 0},
		{Member{Version: "2", Levels: second, HoldLevel: true}, 2},
	} {
		before, err := os.ReadFile(filepath.Join(dir, "control.db"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		n, err := open(step.self)
		if step.want == 0 {
			if !errors.Is(err, ErrLevel) {
				t.Error(err)
			}
			if after, _ := os.ReadFile(filepath.Join(dir, "control.db")); string(after) != string(before) {
				t.Error("a binary that was refused has written")
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if n.Level() != step.want {
			t.Errorf("%+v: level %d, want %d", step.self, n.Level(), step.want)
		}
		closeNode(t, n)
	}
	if err := Recover(Config{Dir: dir, Peers: Peers{Self: Member{Levels: first}}}); !errors.Is(err, ErrLevel) {
		t.Error(err)
	}
}
