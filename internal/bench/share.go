package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"runtime"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/engine/session"
)

// share measures what a hundred views keep that group one stream by the same: with one aggregation for all, with one
// table of the keys, and each with its own.
func (b *bench) share() error {
	const views, keys = 100, 20_000
	rules := []string{"", "SET leat.disable_rules = 'share_parts'", "SET leat.disable_rules = 'share_parts, share_keys'"}
	var took [3]float64
	for k, set := range rules {
		one, err := b.heapOf(fmt.Sprintf("share-%d-1", k), set, 1, keys)
		if err != nil {
			return err
		}
		all, err := b.heapOf(fmt.Sprintf("share-%d-all", k), set, views, keys)
		if err != nil {
			return err
		}
		took[k] = float64(all-one) / (views - 1) / keys
		line([]string{"one aggregation", "one table of keys", "nothing shared"}[k],
			"%.0f bytes a group and view, its row included", took[k])
	}
	line("saved", "%.0f bytes a group and view", took[2]-took[0])
	return nil
}

// heapOf is the heap of an engine with so many views over one stream.
func (b *bench) heapOf(name, set string, views, keys int) (int64, error) {
	ctx := context.Background()
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	dir := filepath.Join(b.dir, name)
	node, err := cluster.Open(ctx, cluster.Config{Dir: filepath.Join(dir, "cluster"), Logger: quiet})
	if err != nil {
		return 0, err
	}
	eng, err := engine.Open(ctx, engine.Config{Node: node, Dir: dir, Logger: quiet})
	if err != nil {
		return 0, errors.Join(err, node.Close())
	}
	defer func() { eng.Close(); node.Close() }() // the directory goes away
	s, err := session.New(session.Config{Engine: eng, User: "leat", Database: "leat"})
	if err != nil {
		return 0, err
	}
	statements := []string{"CREATE STREAM s (k text, v int)", fmt.Sprintf(
		"INSERT INTO s SELECT 'the key of a group, number ' || i, i FROM generate_series(1, %d) i", keys)}
	if set != "" {
		statements = append(statements, set)
	}
	for i := range views {
		statements = append(statements, fmt.Sprintf(
			"CREATE MATERIALIZED VIEW v%d AS SELECT k, count(*) + %d AS n FROM s GROUP BY k", i, i))
	}
	for _, sql := range statements {
		if err := statement(ctx, s, sql, nil); err != nil {
			return 0, err
		}
	}
	if err := eng.Flush(ctx); err != nil {
		return 0, err
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), nil
}
