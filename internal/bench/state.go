package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/engine/session"
)

// node is an engine in this process.
type node struct {
	node *cluster.Node
	eng  *engine.Engine
	ses  *session.Session
}

// openNode opens an engine in a directory; state is how much of it may be in memory.
func (b *bench) openNode(name string, state int64, checkpoints time.Duration) (*node, error) {
	ctx := context.Background()
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	dir := filepath.Join(b.dir, name)
	n := &node{}
	var err error
	if n.node, err = cluster.Open(ctx, cluster.Config{Dir: filepath.Join(dir, "cluster"), Logger: quiet}); err != nil {
		return nil, err
	}
	cfg := engine.Config{Node: n.node, Dir: dir, StateBytes: state, CheckpointEvery: checkpoints, Logger: quiet}
	if n.eng, err = engine.Open(ctx, cfg); err != nil {
		return nil, errors.Join(err, n.node.Close())
	}
	n.ses, err = session.New(session.Config{Engine: n.eng, User: "leat", Database: "leat"})
	return n, err
}

func (n *node) close() error { return errors.Join(n.eng.Close(), n.node.Close()) }

// run runs statements without data.
func (n *node) run(ctx context.Context, sql ...string) error {
	for _, q := range sql {
		if err := statement(ctx, n.ses, q, nil); err != nil {
			return err
		}
	}
	return nil
}

// load copies rows into the stream and waits until the view has them.
func (n *node) load(ctx context.Context, rows []byte) error {
	if err := statement(ctx, n.ses, "COPY s FROM STDIN WITH (FORMAT json)", rows); err != nil {
		return err
	}
	return n.eng.Flush(ctx)
}

// keyed returns n JSON objects with keys from first on, or, where r is not nil, at random below first.
func keyed(r *rand.Rand, first, n int) []byte {
	out := make([]byte, 0, n*32)
	for i := range n {
		k := first + i
		if r != nil {
			k = r.IntN(first)
		}
		out = fmt.Appendf(out, `{"k":%d,"v":%d}`, k, i)
		out = append(out, '\n')
	}
	return out
}

var keyedView = []string{"CREATE STREAM s (k int, v int)",
	"CREATE MATERIALIZED VIEW out AS SELECT k, count(*) AS n, sum(v) AS total FROM s GROUP BY k"}

// spill times a query over keys at random, in memory and with a limit of a tenth of that.
func (b *bench) spill() error {
	inMemory, used, err := b.spilled("in-memory", 0)
	if err != nil {
		return err
	}
	line("in memory", "%.2f M rows/s, %d MB of state", float64(b.rows)/inMemory.Seconds()/1e6, used>>20)
	limited, left, err := b.spilled("spilled", used/10)
	if err != nil {
		return err
	}
	line("a tenth of that in memory", "%.2f M rows/s, %d MB", float64(b.rows)/limited.Seconds()/1e6, left>>20)
	ratio := inMemory.Seconds() / limited.Seconds()
	line("ratio (wanted: 0.2)", "%.2f  %s", ratio, verdict(ratio >= 0.2))
	return nil
}

// spilled runs a query over a stream whose keys are at random, a quarter as many as rows. First it is run over as many
// rows as there are keys, so that the state has its size; then the time for the others is taken.
func (b *bench) spilled(name string, limit int64) (took time.Duration, used int64, err error) {
	ctx := context.Background()
	n, err := b.openNode(name, limit, 10*time.Second)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	keys := b.rows / 4
	if err := n.run(ctx, keyedView...); err != nil {
		return 0, 0, err
	}
	if err := n.load(ctx, keyed(nil, 0, keys)); err != nil {
		return 0, 0, err
	}
	data := keyed(rand.New(rand.NewPCG(1, 2)), keys, b.rows)
	began := time.Now()
	if err := n.load(ctx, data); err != nil {
		return 0, 0, err
	}
	took = time.Since(began)
	rel, ok := n.eng.Catalog().Relation("public", "out")
	if !ok {
		return 0, 0, errors.New("the view is not there")
	}
	return took, n.eng.StateUse(ctx, rel).Bytes, nil
}

// restart fills a large state, writes a checkpoint of it while rows come, and starts again.
func (b *bench) restart() error {
	ctx := context.Background()
	n, err := b.openNode("restart", 0, time.Hour)
	if err != nil {
		return err
	}
	if err := n.run(ctx, keyedView...); err != nil {
		return err
	}
	const piece = 500_000
	fill := func() error {
		for first := 0; first < b.groups; first += piece {
			if err := n.load(ctx, keyed(nil, first, min(piece, b.groups-first))); err != nil {
				return err
			}
		}
		return nil
	}
	began := time.Now()
	if err := fill(); err != nil {
		return err
	}
	line("groups", "%d, filled in %.1f s", b.groups, time.Since(began).Seconds())
	if err := b.checkpointed(ctx, n); err != nil {
		return err
	}
	if err := fill(); err != nil { // all of them change
		return err
	}
	began = time.Now()
	if err := n.eng.Checkpoint(ctx); err != nil {
		return err
	}
	line("a checkpoint of all while nothing comes", "%.1f s", time.Since(began).Seconds())
	if err := n.close(); err != nil {
		return err
	}
	return b.restarted(ctx)
}

// checkpointed times batches of rows, from COPY to when the view has them, without and during a checkpoint of all that
// there is.
func (b *bench) checkpointed(ctx context.Context, n *node) error {
	r := rand.New(rand.NewPCG(3, 4))
	one := func() (time.Duration, error) {
		data := keyed(r, b.groups, 4096)
		began := time.Now()
		err := n.load(ctx, data)
		return time.Since(began), err
	}
	var without, during []time.Duration
	for range 400 {
		d, err := one()
		if err != nil {
			return err
		}
		without = append(without, d)
	}
	began := time.Now()
	written := make(chan error, 1)
	go func() { written <- n.eng.Checkpoint(ctx) }()
	for busy := true; busy; {
		d, err := one()
		if err != nil {
			return err
		}
		during = append(during, d)
		select {
		case err := <-written:
			if err != nil {
				return err
			}
			busy = false
		default:
		}
	}
	took, batches := time.Since(began), len(during)
	p50, p99 := percentile(without, 50), percentile(without, 99)
	c50, c99 := percentile(during, 50), percentile(during, 99)
	line("batches of 4096 rows, p50 / p99", "%v / %v", p50, p99)
	line("during a checkpoint of all", "%v / %v, %d batches in %.1f s", c50, c99, batches, took.Seconds())
	more := c99.Seconds()/p99.Seconds() - 1
	line("more at p99 (wanted: under 20%)", "%.0f%%  %s", 100*more, verdict(more < 0.2))
	return nil
}

// restarted times how long it takes until a query of the view is answered after a restart.
func (b *bench) restarted(ctx context.Context) error {
	began := time.Now()
	n, err := b.openNode("restart", 0, time.Hour)
	if err != nil {
		return err
	}
	opened := time.Since(began)
	if err := n.run(ctx, "SELECT n FROM out WHERE k = 12345"); err != nil {
		return err
	}
	if err := n.load(ctx, keyed(nil, 12345, 1)); err != nil {
		return err
	}
	served := time.Since(began)
	line("open", "%v", opened)
	line("to the first answers (wanted: under 5 s)", "%v  %s", served, verdict(served < 5*time.Second))
	return n.close()
}
