package engine

import (
	"context"
	"time"

	"github.com/leatdb/leat/sql/catalog"
)

// nodeRows gives the nodes of the cluster; a node that runs alone is the only one.
func nodeRows(ctx context.Context, e *Engine, add func(...any)) error {
	s, err := e.node.Status(ctx)
	if err != nil {
		return translate(err)
	}
	for _, n := range s.Nodes {
		behind, last := any(nil), any(nil)
		if steps, ok := s.Behind(&n); ok {
			behind = steps
			if n.Engine.At != 0 {
				last = time.UnixMicro(n.Engine.At)
			}
		}
		low, high := max(n.Levels.Min, 1), max(n.Levels.Max, 1) // a binary from before there were levels tells none
		add(int64(n.ID), n.State, n.Up, n.Version, orNull(n.Addr), orNull(n.Postgres), orNull(n.Kafka), s.Level, low, high,
			n.HoldLevel, behind, last)
	}
	return nil
}

// shardRows gives the shards: the units of replication.
func shardRows(ctx context.Context, e *Engine, add func(...any)) error {
	s, err := e.node.Status(ctx)
	if err != nil {
		return translate(err)
	}
	for _, g := range s.Groups {
		if g.Shard >= 0 {
			placement := catalog.Home
			if g.Spread {
				placement = catalog.Spread
			}
			leader := any(int64(g.Leader))
			if g.Leader == 0 {
				leader = nil
			}
			add(g.Shard, leader, int64(g.Term), int64(g.Commit), int64(e.node.Partitions(g.Shard)), placement)
		}
	}
	return nil
}

// replicaRows gives each node's replica of each shard, and how far it has applied it. Shard -1 is the control group.
func replicaRows(ctx context.Context, e *Engine, add func(...any)) error {
	s, err := e.node.Status(ctx)
	if err != nil {
		return translate(err)
	}
	for _, g := range s.Groups {
		for _, r := range g.Replicas {
			applied := any(r.Applied)
			if !r.Up {
				applied = nil
			}
			add(g.Shard, int64(r.Node), r.Voter, r.Up, applied)
		}
	}
	return nil
}

// orNull is a text, or NULL for an empty one.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
