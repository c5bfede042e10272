package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/leatdb/leat/internal/pgtest"
)

// besideRounds is how often both servers are measured, in turns; the medians are compared.
const besideRounds = 3

// peer is a server that is measured beside another.
type peer struct {
	name string
	conn *pgx.Conn
	args []string // of pgbench, to connect
}

// beside starts Leat and PostgreSQL, both on the loopback. stop ends Leat.
func (b *bench) beside(ctx context.Context, name string) (peers []peer, stop func(), err error) {
	s, err := b.start(name)
	if err != nil {
		return nil, nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	l.Close()
	if _, err := pgtest.Run("listen_addresses=127.0.0.1", "port="+port, "fsync=on", "shared_buffers=512MB"); err != nil {
		return nil, nil, err
	}
	ours, err := s.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	theirs, err := pgx.Connect(ctx, "host=127.0.0.1 port="+port+
		" user=postgres dbname=postgres sslmode=disable default_query_exec_mode=simple_protocol")
	if err != nil {
		return nil, nil, err
	}
	_, leatPort, _ := net.SplitHostPort(s.addr)
	peers = []peer{{"Leat", ours, []string{"-h", "127.0.0.1", "-p", leatPort, "-U", "leat", "leat"}},
		{"PostgreSQL", theirs, []string{"-h", "127.0.0.1", "-p", port, "-U", "postgres", "postgres"}}}
	return peers, func() { ours.Close(ctx); theirs.Close(ctx); s.stop() }, nil
}

const pointKeys = 100_000

// point asks for rows of a view by key, as pgbench's select-only does: prepared, 16 clients.
func (b *bench) point() error {
	ctx := context.Background()
	peers, stop, err := b.beside(ctx, "point")
	if err != nil {
		return err
	}
	defer stop()
	view := "SELECT customer, count(*) AS n, sum(amount) AS total, max(id) AS latest FROM orders GROUP BY customer"
	for i, sql := range []string{
		"CREATE STREAM orders (id int, customer int, amount int); CREATE MATERIALIZED VIEW by_customer AS " + view,
		"CREATE TABLE orders (id int, customer int, amount int)",
	} {
		c := peers[i].conn
		rows := fmt.Sprintf("INSERT INTO orders SELECT i, i %% %d, i %% 97 FROM generate_series(1, 300000) AS g(i)",
			pointKeys)
		for _, q := range []string{sql, rows} {
			if _, err := c.Exec(ctx, q); err != nil {
				return fmt.Errorf("%s: %w", peers[i].name, err)
			}
		}
	}
	for _, q := range []string{"CREATE MATERIALIZED VIEW by_customer AS " + view,
		"CREATE UNIQUE INDEX ON by_customer (customer)", "VACUUM ANALYZE"} {
		if _, err := peers[1].conn.Exec(ctx, q); err != nil {
			return err
		}
	}
	if _, err := peers[0].conn.Exec(ctx, "FLUSH"); err != nil {
		return err
	}
	return b.pgbench(peers, "prepared", fmt.Sprintf("\\set k random(0, %d)\n"+
		"SELECT customer, n, total, latest FROM by_customer WHERE customer = :k;\n", pointKeys-1), 1)
}

var tps = regexp.MustCompile(`tps = ([0-9.]+)`)

// pgbench runs a script of pgbench with 16 clients on both servers in turns, and compares the transactions a second.
func (b *bench) pgbench(peers []peer, mode, script string, wanted float64) error {
	program, err := exec.LookPath("pgbench")
	if err != nil {
		found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench")
		if len(found) == 0 {
			return err
		}
		program = found[len(found)-1]
	}
	file := filepath.Join(b.dir, "script.sql")
	if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
		return err
	}
	rates := make([][]time.Duration, len(peers))
	for range besideRounds {
		for i, p := range peers {
			args := append([]string{"-n", "-M", mode, "-c", "16", "-j", "2", "-T", strconv.Itoa(b.seconds), "-f", file},
				p.args...)
			out, err := exec.Command(program, args...).CombinedOutput()
			m := tps.FindSubmatch(out)
			if err != nil || m == nil {
				return fmt.Errorf("pgbench: %w: %s", err, out)
			}
			rate, _ := strconv.ParseFloat(string(m[1]), 64)
			rates[i] = append(rates[i], time.Duration(float64(time.Second)/rate))
		}
	}
	var per [2]float64
	for i, p := range peers {
		per[i] = 1 / percentile(rates[i], 50).Seconds()
		line(p.name, "%.0f transactions a second", per[i])
	}
	ratio := per[0] / per[1]
	line(fmt.Sprintf("Leat / PostgreSQL (wanted: %.1f)", wanted), "%.2f  %s", ratio, verdict(ratio >= wanted))
	return nil
}

// stream1m sends a million rows of six columns to one client that only counts them.
func (b *bench) stream1m() error {
	ctx := context.Background()
	peers, stop, err := b.beside(ctx, "stream1m")
	if err != nil {
		return err
	}
	defer stop()
	const rows = 1_000_000
	times := make([][]time.Duration, len(peers))
	for i, p := range peers {
		create := "CREATE STREAM events"
		if i == 1 {
			create = "CREATE TABLE events"
		}
		sql := create + " (id int, name text, delay int, ratio double precision, at timestamp, late boolean)"
		for from := 0; from < rows; from += rows / 20 {
			if _, err := p.conn.Exec(ctx, sql); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			sql = fmt.Sprintf("INSERT INTO events SELECT i, 'airport ' || i %% 300, i %% 200, i / 8.0, "+
				"timestamp '2024-01-01' + i * interval '1 second', i %% 3 = 0 FROM generate_series(%d, %d) AS g(i)",
				from+1, from+rows/20)
		}
		if _, err := p.conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if _, err := peers[1].conn.Exec(ctx, "VACUUM ANALYZE events"); err != nil {
		return err
	}
	for _, table := range []bool{false, true} {
		if table {
			if _, err := peers[0].conn.Exec(ctx, "CREATE TABLE kept AS SELECT id, max(name) AS name, max(delay) AS delay, "+
				"max(ratio) AS ratio, max(at) AS at, bool_or(late) AS late FROM events GROUP BY id; FLUSH"); err != nil {
				return err
			}
		}
		for range besideRounds + 1 {
			for i, p := range peers {
				from := "events"
				if table && i == 0 {
					from = "kept"
				}
				took, n, err := countRows(ctx, p.conn.Config().Copy(), "SELECT * FROM "+from)
				if err != nil || n != rows {
					return fmt.Errorf("%s: %d rows: %w", p.name, n, err)
				}
				times[i] = append(times[i], took)
			}
		}
		what := "a stream"
		if table {
			what = "a table"
		}
		var per [2]float64
		for i, p := range peers {
			per[i] = rows / percentile(times[i][1:], 50).Seconds() / 1e6
			line(p.name+", of "+what, "%.2f M rows/s", per[i])
			times[i] = nil
		}
		line("Leat / PostgreSQL (wanted: 1.5)", "%.2f  %s", per[0]/per[1], verdict(per[0] >= 1.5*per[1]))
	}
	return nil
}

// countRows runs a query over a connection of its own and counts the rows, looking at nothing but the messages' heads.
func countRows(ctx context.Context, cfg *pgx.ConnConfig, sql string) (time.Duration, int, error) {
	pc, err := pgconn.ConnectConfig(ctx, &cfg.Config)
	if err != nil {
		return 0, 0, err
	}
	h, err := pc.Hijack()
	if err != nil {
		return 0, 0, err
	}
	defer h.Conn.Close()
	query := binary.BigEndian.AppendUint32([]byte{'Q'}, uint32(len(sql)+5))
	began := time.Now()
	if _, err := h.Conn.Write(append(append(query, sql...), 0)); err != nil {
		return 0, 0, err
	}
	in := bufio.NewReaderSize(h.Conn, 256<<10)
	for n := 0; ; {
		head, err := in.Peek(5)
		if err != nil {
			return 0, n, err
		}
		kind, size := head[0], int(binary.BigEndian.Uint32(head[1:]))
		if kind == 'E' {
			body := make([]byte, size+1)
			io.ReadFull(in, body) // it is reported all the same
			return 0, n, fmt.Errorf("%q", body)
		}
		if _, err := in.Discard(size + 1); err != nil {
			return 0, n, err
		}
		switch kind {
		case 'D':
			n++
		case 'Z':
			return time.Since(began), n, nil
		}
	}
}
