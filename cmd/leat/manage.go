package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/cluster/mesh"
)

// manage runs the commands about a cluster's nodes.
func manage(command string, args []string) error {
	var c config
	fs := flag.NewFlagSet("leat "+command, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // an error of parsing is printed once, by main
	addr := fs.String("cluster", "127.0.0.1:7881", "`address` of a node, where it listens for others")
	asJSON := fs.Bool("json", false, "print JSON")
	fs.StringVar(&c.peerCert, "cluster-tls-cert", "", "`file` with a certificate that nodes accept")
	fs.StringVar(&c.peerKey, "cluster-tls-key", "", "`file` with its key")
	fs.StringVar(&c.peerCA, "cluster-tls-ca", "", "`file` with the authorities of the nodes' certificates")
	var node uint64
	if command != "status" && len(args) > 0 && args[0] != "-h" {
		var err error
		if node, err = strconv.ParseUint(args[0], 10, 64); err != nil {
			return fmt.Errorf("%s: %q is not the number of a node; leat status shows them", command, args[0])
		}
		args = args[1:]
	}
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fs.SetOutput(os.Stdout)
		fs.PrintDefaults()
		return nil
	case err != nil:
		return err
	case fs.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", fs.Arg(0))
	case command != "status" && node == 0:
		return fmt.Errorf("leat %s needs the number of a node; leat status shows them", command)
	}
	secure, err := c.peerTLS()
	if err != nil {
		return err
	}
	client := cluster.NewClient(cluster.Peers{TLS: secure, Self: cluster.Member{Version: version}})
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	switch command {
	case "drain":
		if err = client.Drain(ctx, *addr, node); err == nil {
			err = awaitGone(ctx, anyStatus(ctx, client, *addr, node), node, "vote",
				func(r cluster.ReplicaState) bool { return r.Voter })
		}
		if err == nil {
			fmt.Printf("Node %d leads and votes no longer.\n", node)
		}
	case "remove":
		status := anyStatus(ctx, client, *addr, node)
		if err = client.Remove(ctx, *addr, node); err == nil {
			err = awaitGone(ctx, status, node, "replica", func(cluster.ReplicaState) bool { return true })
		}
		if err == nil {
			fmt.Printf("Node %d is forgotten; its process can be stopped.\n", node)
		}
	default:
		var s *cluster.Status
		if s, err = client.Status(ctx, *addr); err == nil {
			err = printStatus(os.Stdout, s, *asJSON)
		}
	}
	unreached := (*net.OpError)(nil)
	if errors.As(err, &unreached) && unreached.Op == "dial" || errors.Is(err, mesh.ErrForeign) {
		return fmt.Errorf("%w; name a node with --cluster, by the address that it was started with; "+
			"a server that runs alone has none", err)
	}
	return err
}

// statusEvery is how often it is looked whether a change of the nodes has come to its end.
const statusEvery = 100 * time.Millisecond

// anyStatus asks how the cluster is: the node at an address, or where it does not say, others but the one that goes.
func anyStatus(ctx context.Context, client *cluster.Client, addr string, goes uint64,
) func(context.Context) (*cluster.Status, error) {
	addrs := []string{addr}
	if s, err := client.Status(ctx, addr); err == nil {
		for _, n := range s.Nodes {
			if n.ID != goes && n.Addr != addr {
				addrs = append(addrs, n.Addr)
			}
		}
	}
	return func(ctx context.Context) (s *cluster.Status, err error) {
		for _, at := range addrs {
			if s, err = client.Status(ctx, at); err == nil {
				return s, nil
			}
		}
		return nil, err
	}
}

// awaitGone waits until no group has something of a node. Before that, to stop it may cost the cluster its majority.
func awaitGone(ctx context.Context, status func(context.Context) (*cluster.Status, error), node uint64, what string,
	of func(cluster.ReplicaState) bool) error {
	for {
		s, err := status(ctx)
		has := err != nil || slices.ContainsFunc(s.Groups, func(g cluster.GroupState) bool {
			return slices.ContainsFunc(g.Replicas, func(r cluster.ReplicaState) bool { return r.Node == node && of(r) })
		})
		if !has {
			return nil
		}
		select {
		case <-time.After(statusEvery):
		case <-ctx.Done():
			err = errors.Join(err, ctx.Err())
			return fmt.Errorf("node %d is to go, and still has a %s in some group: do not stop it before leat status "+
				"shows none; most of the nodes that vote must be up for that: %w", node, what, err)
		}
	}
}

// levels are those that a node's binary works at, and whether it holds the cluster's.
func levels(m cluster.Member) string {
	all := fmt.Sprintf("%d-%d", m.Levels.Min, m.Levels.Max)
	if m.Levels.Max == 0 { // a binary from before there were levels
		all = "1"
	}
	if m.HoldLevel {
		all += " (held)"
	}
	return all
}

// behind says how many steps a node's engine is behind the one that leads; "-" where it has none.
func behind(s *cluster.Status, n *cluster.NodeStatus) string {
	if steps, ok := s.Behind(n); ok {
		return fmt.Sprint(steps)
	}
	return "-"
}

// printStatus prints how a cluster is.
func printStatus(w io.Writer, s *cluster.Status, asJSON bool) error {
	if asJSON {
		out := json.NewEncoder(w)
		out.SetIndent("", "  ")
		return out.Encode(s)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "cluster %s, led by node %d, at level %d\n\n", s.Cluster, s.Leader, s.Level)
	fmt.Fprintln(t, "NODE\tSTATE\tUP\tBEHIND\tVERSION\tLEVELS\tCLUSTER\tPOSTGRES\tKAFKA")
	for _, n := range s.Nodes {
		fmt.Fprintf(t, "%d\t%s\t%t\t%s\t%s\t%s\t%s\t%s\t%s\n", n.ID, n.State, n.Up, behind(s, &n), n.Version,
			levels(n.Member), n.Addr, n.Postgres, n.Kafka)
	}
	for _, n := range s.Nodes {
		if n.Engine != nil && n.Engine.Unable != "" {
			fmt.Fprintf(t, "\nNode %d cannot serve: %s\n", n.ID, n.Engine.Unable)
		}
	}
	fmt.Fprintln(t, "\nGROUP\tLEADER\tTERM\tCOMMITTED\tPARTITIONS\tREPLICAS (node: applied)")
	for _, g := range s.Groups {
		name := "control"
		if g.Shard >= 0 {
			name = fmt.Sprint("shard ", g.Shard)
		}
		if g.Spread {
			name += " (spread)"
		}
		leader := "-" // nobody, now
		if g.Leader != 0 {
			leader = fmt.Sprint(g.Leader)
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t", name, leader, g.Term, g.Commit, g.Partitions)
		for i, r := range g.Replicas {
			if i > 0 {
				fmt.Fprint(t, ", ")
			}
			applied := "-" // it does not answer
			if r.Applied >= 0 {
				applied = fmt.Sprint(r.Applied)
			}
			if fmt.Fprintf(t, "%d: %s", r.Node, applied); !r.Voter {
				fmt.Fprint(t, " (no vote)")
			}
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}
