package cluster

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/raft"
	"github.com/leatdb/leat/cluster/mesh"
	"github.com/leatdb/leat/log"
)

// Peers says how a node meets the other nodes of its cluster. Without an Addr it runs alone.
type Peers struct {
	// Addr is where to listen for other nodes.
	Addr string
	// Join are addresses of nodes of the cluster that a new node asks to be taken in. Once it has been, they are not
	// asked again.
	Join []string
	// TLS has this node's certificate and the authorities of the others'. Nil is no encryption.
	TLS *tls.Config
	// Network is TCP when it is nil.
	Network mesh.Network
	// Self is what the others are told of this node. An Addr without a host is completed; Levels are those of this
	// binary when there are none.
	Self Member
}

// A Member is a node of the cluster, as its document in the control group says.
type Member struct {
	ID uint64 `json:"id"`
	// Addr is where other nodes reach it; Postgres, Kafka and KafkaTLS are where clients do.
	Addr     string `json:"addr"`
	Postgres string `json:"postgres,omitempty"`
	Kafka    string `json:"kafka,omitempty"`
	KafkaTLS string `json:"kafkaTLS,omitempty"`
	HTTP     string `json:"http,omitempty"`
	Version  string `json:"version,omitempty"`
	// Levels are those that the node's binary works at.
	Levels mesh.Levels `json:"levels,omitzero"`
	// HoldLevel keeps the cluster's level from being raised.
	HoldLevel bool `json:"holdLevel,omitempty"`
	// Spread says that the node serves clients itself of the spread shards that it leads; else it leads none.
	Spread bool `json:"spread,omitempty"`
	// Draining nodes vote no longer and lead nothing.
	Draining bool `json:"draining,omitempty"`
	// Token is what the node chose for itself before it joined, so that asking twice makes it one member.
	Token string `json:"token,omitempty"`
}

// Names of the documents about nodes.
const (
	memberPrefix  = "node/"
	nextMemberKey = "node-next"
	// clusterIDKey is the document with the cluster's name. Kafka's clients are told it.
	clusterIDKey = "kafka/cluster-id"
)

// founder is the number of the node that a cluster begins with.
const founder = 1

func memberKey(id uint64) string { return memberPrefix + strconv.FormatUint(id, 10) }

// serverOf is a node's name in raft's configurations, and its address as well: where it really is says its document.
func serverOf(id uint64) raft.ServerID {
	if id == founder {
		return localServer
	}
	return raft.ServerID("node-" + strconv.FormatUint(id, 10))
}

// nodeOf is the inverse of serverOf, 0 for none.
func nodeOf(s raft.ServerID) uint64 {
	if s == localServer {
		return founder
	}
	text, ok := strings.CutPrefix(string(s), "node-")
	id, err := strconv.ParseUint(text, 10, 64)
	if !ok || err != nil {
		return 0
	}
	return id
}

// membersOf reads the documents about nodes.
func membersOf(docs map[string][]byte) map[uint64]Member {
	all := map[uint64]Member{}
	for key, doc := range docs {
		var m Member
		if strings.HasPrefix(key, memberPrefix) && json.Unmarshal(doc, &m) == nil {
			all[m.ID] = m
		}
	}
	return all
}

// Members returns the nodes of the cluster, by number. A node that runs alone has none.
func (n *Node) Members() []Member {
	members := n.control.view.Load().members
	all := make([]Member, 0, len(members))
	for _, id := range slices.Sorted(maps.Keys(members)) {
		all = append(all, members[id])
	}
	return all
}

// Self is this node's number.
func (n *Node) Self() uint64 { return n.identity.Node }

// ClusterID returns the cluster's name, "" before it has one.
func (n *Node) ClusterID() string {
	if id := n.identity.Cluster; id != "" {
		return id
	}
	return string(n.control.view.Load().documents[clusterIDKey])
}

// resolve finds a node's address: in its document, or in what joining told.
func (n *Node) resolve(id uint64) (string, bool) {
	if m, ok := n.control.view.Load().members[id]; ok && m.Addr != "" {
		return m.Addr, true
	}
	addr, ok := n.identity.Seeds[id]
	return addr, ok
}

// An identity is who a node is: a file in its directory, from when it asks to join on.
type identity struct {
	Node    uint64            `json:"node"` // 0: it has asked, and has no answer yet
	Cluster string            `json:"cluster"`
	Shards  int               `json:"shards,omitempty"` // home shards
	Spread  int               `json:"spread,omitempty"` // spread shards
	Token   string            `json:"token,omitempty"`
	Seeds   map[uint64]string `json:"seeds,omitempty"` // where nodes were when it joined
}

// loadIdentity reads the file. A directory without one is of a founder, or new.
func (n *Node) loadIdentity() (found bool, err error) {
	b, err := os.ReadFile(n.path("node.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cluster: %w", err)
	}
	if err := json.Unmarshal(b, &n.identity); err != nil {
		return false, fmt.Errorf("cluster: %s: %w", n.path("node.json"), err)
	}
	return true, nil
}

// saveIdentity makes the file durable.
func (n *Node) saveIdentity() error {
	b, err := json.Marshal(&n.identity)
	if err != nil {
		return err
	}
	return writeDurably(n.path("node.json"), b)
}

// writeDurably writes a whole file, or nothing.
func writeDurably(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("cluster: %w", err), os.Remove(f.Name()))
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	if err := log.SyncDir(dir); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	return nil
}

// randomName is a name that nobody else has.
func randomName() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
