package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// server is the binary, running on an empty directory.
type server struct {
	cmd   *exec.Cmd
	addr  string
	kafka string // address of the Kafka door
}

func (b *bench) start(name string, flags ...string) (*server, error) {
	args := append([]string{"start", "--data", filepath.Join(b.dir, name), "--pg", "127.0.0.1:0",
		"--kafka", "127.0.0.1:0", "--http", "", "--log-level", "error"}, flags...)
	s := &server{cmd: exec.Command(b.bin, args...)}
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		switch f := strings.Fields(lines.Text()); {
		case len(f) > 1 && f[0] == "Postgres":
			s.addr = f[1]
		case len(f) > 1 && f[0] == "Kafka":
			s.kafka = f[1]
			return s, nil
		}
	}
	return nil, errors.Join(errors.New("the server did not become ready"), s.stop())
}

func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.cmd.Wait()
}

func (s *server) connect(ctx context.Context) (*pgx.Conn, error) {
	return pgx.Connect(ctx, "postgres://leat@"+s.addr+"/leat?sslmode=disable&default_query_exec_mode=simple_protocol")
}

const bidStream = `CREATE STREAM bids (auction int, bidder int, price int, channel text, url text, at timestamp)
	WITH (timestamp = 'at')`

const perAuction = `CREATE MATERIALIZED VIEW per_auction AS SELECT auction, count(*) AS n FROM bids GROUP BY auction`

// copy loads the same bytes by COPY and by plain writes, in turns, and compares the medians.
func (b *bench) copy() error {
	data := bids(b.rows/2, 100*time.Microsecond)
	s, err := b.start("copy")
	if err != nil {
		return err
	}
	defer s.stop()
	ctx := context.Background()
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	var copies, plain, small []time.Duration
	for range 5 {
		if _, err := c.Exec(ctx, "DROP STREAM IF EXISTS bids; "+bidStream); err != nil {
			return err
		}
		began := time.Now()
		if _, err := c.PgConn().CopyFrom(ctx, bytes.NewReader(data), "COPY bids FROM STDIN WITH (FORMAT json)"); err != nil {
			return err
		}
		copies = append(copies, time.Since(began))
		for _, w := range []struct {
			piece int
			to    *[]time.Duration
		}{{1 << 20, &plain}, {64 << 10, &small}} {
			d, err := writeSynced(filepath.Join(b.dir, "plain"), data, w.piece)
			if err != nil {
				return err
			}
			*w.to = append(*w.to, d)
		}
	}
	rate := func(d time.Duration) float64 { return float64(len(data)) / d.Seconds() / 1e6 }
	cp, pl, sm := percentile(copies, 50), percentile(plain, 50), percentile(small, 50)
	line("COPY", "%.0f MB/s, %.2f M rows/s", rate(cp), float64(b.rows/2)/cp.Seconds()/1e6)
	line("write + fdatasync of each 1 MiB", "%.0f MB/s", rate(pl))
	line("write + fdatasync of each 64 KiB", "%.0f MB/s", rate(sm))
	ratio := pl.Seconds() / cp.Seconds()
	line("COPY / 1 MiB writes (wanted: 0.3)", "%.2f  %s", ratio, verdict(ratio >= 0.3))
	line("COPY / 64 KiB writes", "%.2f", sm.Seconds()/cp.Seconds())
	return nil
}

// latency inserts rows one by one and waits for each to come out of a push query.
func (b *bench) latency() error {
	s, err := b.start("latency")
	if err != nil {
		return err
	}
	defer s.stop()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	w, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer w.Close(context.Background())
	if _, err := w.Exec(ctx, bidStream+"; "+perAuction); err != nil {
		return err
	}
	fmt.Println("  (p50 / p99 of 2000, and how many fdatasyncs that is)")
	for _, q := range []struct {
		name, sql string
		insert    insertion
	}{
		{"of a stream", "SELECT auction, price FROM bids EMIT CHANGES", prepared},
		{"of a stream, INSERT as text", "SELECT auction, price FROM bids EMIT CHANGES", asText},
		{"of a view", "SELECT auction, n FROM per_auction EMIT CHANGES", prepared},
		{"of a view, INSERT as text", "SELECT auction, n FROM per_auction EMIT CHANGES", asText},
	} {
		syncs, err := b.fdatasyncs(2000)
		if err != nil {
			return err
		}
		times, err := roundTrips(ctx, s, w, q.sql, q.insert, 2000)
		if err != nil {
			return err
		}
		more, err := b.fdatasyncs(2000)
		if err != nil {
			return err
		}
		syncs = append(syncs, more...)
		f50, f99 := percentile(syncs, 50), percentile(syncs, 99)
		p50, p99 := percentile(times, 50), percentile(times, 99)
		r50, r99 := p50.Seconds()/f50.Seconds(), p99.Seconds()/f50.Seconds()
		line("one fdatasync", "%v / %v", f50, f99)
		line("INSERT to push row "+q.name, "%v / %v", p50, p99)
		line("p50 in fdatasyncs (wanted: under 4)", "%.1f  %s", r50, verdict(r50 < 4))
		line("p99 in fdatasyncs (wanted: under 20)", "%.1f  %s", r99, verdict(r99 < 20))
	}
	return nil
}

// insertion inserts row i.
type insertion func(ctx context.Context, w *pgx.Conn, i int) error

// prepared inserts as drivers do unless told otherwise: by a statement that is prepared once.
func prepared(ctx context.Context, w *pgx.Conn, i int) error {
	_, err := w.Exec(ctx, "INSERT INTO bids VALUES ($1, 1, $2, $3, $4, $5)", pgx.QueryExecModeCacheStatement,
		i%100, i, "c", "u", time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC))
	return err
}

// asText inserts by a statement of its own each time.
func asText(ctx context.Context, w *pgx.Conn, i int) error {
	_, err := w.Exec(ctx, fmt.Sprintf("INSERT INTO bids VALUES (%d, 1, %d, 'c', 'u', '2024-01-01')", i%100, i))
	return err
}

// roundTrips inserts n rows, and returns for each how long it took to come out of a push query.
func roundTrips(
	ctx context.Context, s *server, w *pgx.Conn, sql string, insert insertion, n int,
) ([]time.Duration, error) {
	reader, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer reader.Close(context.Background())
	rctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rows := reader.PgConn().Exec(rctx, sql)
	came := make(chan time.Time, 1)
	live := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if !rows.NextResult() {
			live <- rows.Close()
			return
		}
		rr := rows.ResultReader()
		live <- nil
		for rr.NextRow() {
			select {
			case came <- time.Now():
			case <-rctx.Done():
				return
			}
		}
	}()
	if err := <-live; err != nil {
		return nil, err
	}
	var out []time.Duration
	for i := range n + 100 {
		began := time.Now()
		if err := insert(ctx, w, i); err != nil {
			return nil, err
		}
		select {
		case at := <-came:
			if i >= 100 { // the first warm up
				out = append(out, at.Sub(began))
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	cancel()
	<-done
	return out, nil
}
