package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// insert inserts rows one by one, each a transaction of its own, from 16 clients.
func (b *bench) insert() error {
	ctx := context.Background()
	peers, stop, err := b.beside(ctx, "insert")
	if err != nil {
		return err
	}
	defer stop()
	for i, create := range []string{"CREATE STREAM bids", "CREATE TABLE bids"} {
		if _, err := peers[i].conn.Exec(ctx, create+" (auction int, bidder int, price int, channel text)"); err != nil {
			return err
		}
	}
	return b.pgbench(peers, "prepared", "\\set k random(1, 1000000)\nINSERT INTO bids VALUES (:k, 1, :k, 'c');\n", 1)
}

// idleSessions is how many sessions wait.
const idleSessions = 10_000

// idle opens sessions that do nothing after a first query, and measures what each takes.
func (b *bench) idle() error {
	ctx := context.Background()
	s, err := b.start("idle")
	if err != nil {
		return err
	}
	defer s.stop()
	cfg, err := pgx.ParseConfig("postgres://leat@" + s.addr + "/leat?sslmode=disable")
	if err != nil {
		return err
	}
	before, err := residentBytes(s.cmd.Process.Pid)
	if err != nil {
		return err
	}
	n := idleSessions
	var conns []*pgconn.PgConn
	defer func() {
		for _, c := range conns {
			c.Conn().Close()
		}
	}()
	for range n {
		c, err := pgconn.ConnectConfig(ctx, &cfg.Config)
		if err != nil {
			return fmt.Errorf("after %d sessions: %w", len(conns), err)
		}
		conns = append(conns, c)
		if _, err := c.Exec(ctx, "SELECT 1").ReadAll(); err != nil {
			return err
		}
	}
	after, err := residentBytes(s.cmd.Process.Pid)
	if err != nil {
		return err
	}
	line("before", "%d MB", before>>20)
	line(fmt.Sprintf("with %d idle sessions (wanted: under 500 MB)", n), "%d MB  %s", after>>20, verdict(after < 500<<20))
	line("a session", "%.1f KiB", float64(after-before)/float64(n)/1024)
	return nil
}

// residentBytes is the memory of a process.
func residentBytes(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}
