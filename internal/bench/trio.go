package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// trio is three servers that are one cluster. The first of them leads at the beginning.
type trio struct {
	b       *bench
	name    string
	servers [3]*server // nil: it does not run
	// Where they listen for each other, and for clients of Postgres and of Kafka.
	peers, pgs, kafkas [3]string
}

// three starts three nodes on directories of a name, and returns when they share the spread shards.
func (b *bench) three(ctx context.Context, name string) (t *trio, err error) {
	t = &trio{b: b, name: name}
	if err := t.choose(); err != nil {
		return nil, err
	}
	for i := range t.servers {
		if err == nil {
			err = t.start(i)
		}
	}
	if err == nil {
		err = t.shared(ctx)
	}
	if err != nil {
		t.stop()
		return nil, err
	}
	return t, nil
}

// choose finds addresses that are free, so that a node has the same ones when it is started again.
func (t *trio) choose() error {
	for _, of := range []*[3]string{&t.peers, &t.pgs, &t.kafkas} {
		for i := range of {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			defer l.Close() // when all have one
			of[i] = l.Addr().String()
		}
	}
	return nil
}

// start starts a node, again or for the first time.
func (t *trio) start(i int) (err error) {
	flags := []string{"--cluster", t.peers[i], "--cluster-plain", "--pg", t.pgs[i], "--kafka", t.kafkas[i]}
	if i > 0 {
		flags = append(flags, "--join", t.peers[0])
	}
	t.servers[i], err = t.b.start(fmt.Sprint(t.name, i), flags...)
	return err
}

// stop ends those that run.
func (t *trio) stop() {
	for i, s := range t.servers {
		if s == nil {
			continue
		}
		if err := s.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
		t.servers[i] = nil
	}
}

// kill ends a node at once.
func (t *trio) kill(i int) error {
	s := t.servers[i]
	t.servers[i] = nil
	err := s.cmd.Process.Kill()
	_ = s.cmd.Wait() // says that it was killed
	return err
}

// dsn names all nodes, the i-th first, as clients do that want any of them.
func (t *trio) dsn(i int) string {
	var hosts []string
	for j := range t.pgs {
		hosts = append(hosts, t.pgs[(i+j)%len(t.pgs)])
	}
	return "postgres://leat@" + strings.Join(hosts, ",") + "/leat?sslmode=disable&connect_timeout=5"
}

// shared waits until each node leads a spread shard, and takes part in all.
func (t *trio) shared(ctx context.Context) error {
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		n, err := t.number(ctx, "SELECT count(DISTINCT leader) FROM leat_catalog.shards WHERE placement = 'spread'")
		if err == nil && n == len(t.servers) {
			return nil
		}
		if time.Now().After(end) {
			return errors.Join(errors.New("the nodes do not share the shards"), err)
		}
	}
}

// leader is the index of the node that leads.
func (t *trio) leader(ctx context.Context) (int, error) {
	for i, addr := range t.peers {
		n, err := t.number(ctx, "SELECT count(*) FROM leat_catalog.nodes WHERE state = 'leader' AND "+
			"cluster_address = '"+addr+"'")
		if err != nil || n == 1 {
			return i, err
		}
	}
	return 0, errors.New("no node leads")
}

// number asks any node for a number.
func (t *trio) number(ctx context.Context, query string) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, t.dsn(0))
	if err != nil {
		return 0, err
	}
	defer c.Close(context.Background())
	err = c.QueryRow(ctx, query).Scan(&n)
	return n, err
}

// threefold produces as the measure kafka does, at three nodes and at one in turns.
func (b *bench) threefold() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	one, err := b.start("one")
	if err != nil {
		return err
	}
	defer one.stop()
	nodes, err := b.three(ctx, "three")
	if err != nil {
		return err
	}
	defer nodes.stop()
	spread := "spread"
	targets := []struct {
		name, addr string
		config     map[string]*string
		times      []time.Duration
	}{{name: "one node", addr: one.kafka}, {name: "three nodes", addr: nodes.kafkas[0]},
		{name: "three nodes, spread", addr: nodes.kafkas[0], config: map[string]*string{"leat.placement": &spread}}}
	for turn := range 3 {
		for i := range targets {
			t := &targets[i]
			d, err := b.produceAll(ctx, t.addr, fmt.Sprintf("bench-%d-%d", turn, i), t.config)
			if err != nil {
				return err
			}
			t.times = append(t.times, d)
		}
	}
	base := percentile(targets[0].times, 50)
	for i, t := range targets {
		d := percentile(t.times, 50)
		line("produce, acks=all, "+t.name, "%.2f M records/s", float64(b.rows)/d.Seconds()/1e6)
		if i > 0 {
			ratio := base.Seconds() / d.Seconds()
			line(t.name+" / one (wanted: 0.3)", "%.2f  %s", ratio, verdict(ratio >= 0.3))
		}
	}
	return nil
}
