package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/engine/session"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/types"
)

// filter measures a stateless continuous query, its output written to its own topic.
func (b *bench) filter() error {
	return b.steps("filter", 1e6, 100*time.Microsecond,
		`CREATE STREAM out AS SELECT auction, price * 2 AS price, channel FROM bids WHERE price > 50000`)
}

// window measures a windowed aggregation.
func (b *bench) window() error {
	const create = `CREATE TABLE out AS SELECT auction, count(*) AS n FROM bids
		WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY auction`
	line("100 records in a group", "")
	if err := b.steps("window", 5e5, 100*time.Microsecond, create); err != nil {
		return err
	}
	line("2.3 records in a group: nearly all are new rows", "")
	return b.steps("window-sparse", 0, 5*time.Millisecond, create)
}

// steps loads a stream, creates a continuous query over it from its beginning, and times how long it takes to catch
// up. All processor time of the process counts: reading, decoding, the query, encoding, the log and its fdatasyncs.
func (b *bench) steps(name string, wanted float64, spacing time.Duration, create string) error {
	return b.catchUp(name, wanted, feed{bidStream, "bids", bids(b.rows, spacing), b.rows}, create)
}

// feed is a stream and what is in it.
type feed struct {
	stream, name string
	data         []byte
	rows         int
}

// catchUp runs statements over a stream, and times how long the query takes that one of them makes.
func (b *bench) catchUp(name string, wanted float64, of feed, sql ...string) error {
	ctx := context.Background()
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	dir := filepath.Join(b.dir, name)
	node, err := cluster.Open(ctx, cluster.Config{Dir: filepath.Join(dir, "cluster"), Logger: quiet})
	if err != nil {
		return err
	}
	eng, err := engine.Open(ctx, engine.Config{Node: node, Dir: dir, Logger: quiet})
	if err != nil {
		return errors.Join(err, node.Close())
	}
	defer func() { eng.Close(); node.Close() }() // the directory goes away
	s, err := session.New(session.Config{Engine: eng, User: "leat", Database: "leat"})
	if err != nil {
		return err
	}
	if err := statement(ctx, s, of.stream, nil); err != nil {
		return err
	}
	if err := statement(ctx, s, "COPY "+of.name+" FROM STDIN WITH (FORMAT json)", of.data); err != nil {
		return err
	}
	began, used := time.Now(), cpu()
	for _, st := range sql {
		if err := statement(ctx, s, st, nil); err != nil {
			return err
		}
	}
	if err := eng.Flush(ctx); err != nil {
		return err
	}
	wall, busy := time.Since(began), cpu()-used
	perCore := float64(of.rows) / busy.Seconds()
	line("records a second", "%.2f M", float64(of.rows)/wall.Seconds()/1e6)
	line("processor time", "%.2f cores", busy.Seconds()/wall.Seconds())
	if wanted == 0 {
		line("records a second and core", "%.2f M", perCore/1e6)
		return nil
	}
	line("records a second and core", "%.2f M (wanted: %.1f M)  %s", perCore/1e6, wanted/1e6, verdict(perCore >= wanted))
	return nil
}

// statement runs one statement; data is what a COPY gets.
func statement(ctx context.Context, s *session.Session, sql string, data []byte) error {
	stmts, err := parse.Parse(sql)
	if err != nil {
		return err
	}
	p, err := s.Prepare(ctx, stmts[0], nil)
	if err != nil {
		return err
	}
	r, err := p.Execute(ctx, []types.Value{})
	if err != nil {
		return err
	}
	defer r.Close()
	if in, ok := r.(interface {
		Write(context.Context, []byte) error
		Finish(context.Context, error) error
	}); ok {
		for len(data) > 0 {
			n := min(64<<10, len(data))
			if err := in.Write(ctx, data[:n]); err != nil {
				return err
			}
			data = data[n:]
		}
		if err := in.Finish(ctx, nil); err != nil {
			return err
		}
	}
	return s.Sync(ctx, false)
}
