package crash

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// rounds is how often the server is killed.
const rounds = 60

// schema has a view of every kind: stateless, windowed, joined, and views on views.
const schema = `
CREATE STREAM events (id bigint KEY, account int, amount int, at timestamp) WITH (timestamp = 'at', partitions = 3, placement = 'spread');
CREATE TABLE accounts (id int PRIMARY KEY, name text);
CREATE STREAM large AS SELECT id, amount FROM events WHERE amount > 50;
CREATE TABLE windowed AS SELECT account, count(*) AS n, sum(amount) AS total FROM events WINDOW TUMBLING (SIZE 1 MINUTE, GRACE PERIOD 10000 DAYS) GROUP BY account;
CREATE TABLE sittings AS SELECT account, count(*) AS n, sum(amount) AS total FROM events WINDOW SESSION (1 MINUTE, GRACE PERIOD 10000 DAYS) GROUP BY account;
CREATE STREAM pairs AS SELECT e.id AS id, l.amount AS amount FROM events e LEFT JOIN large l WITHIN 1 MINUTE GRACE PERIOD 10000 DAYS ON e.id = l.id;
CREATE MATERIALIZED VIEW totals AS SELECT account, count(*) AS n, sum(amount) AS total, min(amount) AS low, max(amount) AS high FROM events GROUP BY account;
CREATE MATERIALIZED VIEW named AS SELECT a.id, a.name, t.total FROM accounts a LEFT JOIN totals t ON a.id = t.account;
CREATE MATERIALIZED VIEW names AS SELECT name, count(*) AS n FROM accounts GROUP BY name;
CREATE MATERIALIZED VIEW grand AS SELECT sum(total) AS total, sum(n) AS n FROM totals;
CREATE STREAM edges AS SELECT id, amount FROM events WHERE amount > 90;
INSERT INTO edges SELECT id, amount FROM events WHERE amount < 10;
CREATE MATERIALIZED VIEW edge AS SELECT count(*) AS n, sum(amount) AS total FROM edges;
CREATE STREAM middle (id bigint, amount int);
INSERT INTO middle SELECT id, amount FROM events WHERE amount BETWEEN 40 AND 60;
CREATE MATERIALIZED VIEW mid AS SELECT count(*) AS n, sum(amount) AS total FROM middle;
CREATE TABLE purses (id int PRIMARY KEY, coins int NOT NULL CHECK (coins > -100000));
CREATE TABLE moves (src int, dst int, coins int);
CREATE TABLE counts (id int PRIMARY KEY, n int);
INSERT INTO purses SELECT i, 100 FROM generate_series(0, 7) i;
INSERT INTO counts SELECT i, 0 FROM generate_series(0, 7) i;
CREATE MATERIALIZED VIEW wealth AS SELECT sum(coins) AS coins FROM purses;
`

// checks are pairs of queries that must agree: what a view shows, and the same computed from the base relations.
var checks = [][2]string{
	{`SELECT id, amount FROM large ORDER BY id`, `SELECT id, amount FROM events WHERE amount > 50 ORDER BY id`},
	{`SELECT * FROM totals ORDER BY account`,
		`SELECT account, count(*), sum(amount), min(amount), max(amount) FROM events GROUP BY account ORDER BY account`},
	{`SELECT account, windowstart, n, total FROM windowed ORDER BY account, windowstart`,
		`SELECT account, windowstart, count(*), sum(amount) FROM events WINDOW TUMBLING (SIZE 1 MINUTE, GRACE PERIOD 10000 DAYS) GROUP BY account ORDER BY account, windowstart`},
	{`SELECT account, windowstart, windowend, n, total FROM sittings ORDER BY account, windowstart`,
		`SELECT account, windowstart, windowend, count(*), sum(amount) FROM events WINDOW SESSION (1 MINUTE, GRACE PERIOD 10000 DAYS) GROUP BY account ORDER BY account, windowstart`},
	{`SELECT id, amount FROM pairs ORDER BY id`, `SELECT id, amount FROM events WHERE amount > 50 ORDER BY id`},
	{`SELECT * FROM named ORDER BY id`,
		`SELECT a.id, a.name, t.total FROM accounts a LEFT JOIN (SELECT account, sum(amount) AS total FROM events GROUP BY account) t ON a.id = t.account ORDER BY a.id`},
	{`SELECT * FROM names ORDER BY name`, `SELECT name, count(*) FROM accounts GROUP BY name ORDER BY name`},
	{`SELECT * FROM grand`, `SELECT sum(amount), nullif(count(*), 0) FROM events`},
	// Queries that stay insert into a stream that another makes, and into one that is read from the log.
	{`SELECT id, amount FROM edges ORDER BY id`, `SELECT id, amount FROM events WHERE amount > 90 OR amount < 10 ORDER BY id`},
	{`SELECT * FROM edge`, `SELECT count(*), sum(amount) FROM events WHERE amount > 90 OR amount < 10`},
	{`SELECT id, amount FROM middle ORDER BY id`, `SELECT id, amount FROM events WHERE amount BETWEEN 40 AND 60 ORDER BY id`},
	{`SELECT * FROM mid`, `SELECT count(*), sum(amount) FROM events WHERE amount BETWEEN 40 AND 60`},
	// A transfer changes two purses, notes the move and counts it: all of that or nothing.
	{`SELECT * FROM wealth`, `SELECT 800`},
	{`SELECT id, coins FROM purses ORDER BY id`,
		`SELECT p.id, 100 - coalesce(o.coins, 0) + coalesce(i.coins, 0) FROM purses p
			LEFT JOIN (SELECT src, sum(coins) AS coins FROM moves GROUP BY src) o ON o.src = p.id
			LEFT JOIN (SELECT dst, sum(coins) AS coins FROM moves GROUP BY dst) i ON i.dst = p.id ORDER BY p.id`},
	{`SELECT id, n FROM counts WHERE n > 0 ORDER BY id`, `SELECT src, count(*) FROM moves GROUP BY src ORDER BY src`},
}

// history is what was sent and what was acknowledged.
type history struct {
	mu       sync.Mutex
	sent     map[int64]bool // id -> acknowledged
	accounts map[int]string // the newest acknowledged name
	maybe    map[int][]string
	next     int64
}

// TestKill kills the server at random moments under load, starts it again, and compares.
func TestKill(t *testing.T) {
	bin := Build(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	data := filepath.Join(t.TempDir(), "data")
	h := &history{sent: map[int64]bool{}, accounts: map[int]string{}, maybe: map[int][]string{}}
	flags := []string{"--checkpoint-interval", "150ms"}
	s := Start(t, bin, data, flags...)
	if _, err := s.MustConnect().Exec(context.Background(), schema, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	for round := range rounds {
		killAfter := time.Duration(rng.IntN(250)) * time.Millisecond
		load(s, h, rng, killAfter)
		s = Start(t, bin, data, append(flags, "--state-memory", []string{"0", "2kB"}[round%2])...) // all or next to nothing
		verify(t, s, h, round)
		if t.Failed() {
			return
		}
	}
	acked := 0
	for _, ok := range h.sent {
		if ok {
			acked++
		}
	}
	t.Logf("%d kills, %d events sent, %d acknowledged", rounds, len(h.sent), acked)
}

// load writes from several connections until the server is killed.
func load(s *Server, h *history, rng *rand.Rand, killAfter time.Duration) {
	var writers sync.WaitGroup
	for range 3 {
		r := rand.New(rand.NewPCG(rng.Uint64(), 2))
		writers.Add(1)
		go func() {
			defer writers.Done()
			if c, err := s.Connect(context.Background()); err == nil {
				for h.write(c, r) {
				}
				c.Close(context.Background())
			}
		}()
	}
	writers.Add(1)
	r := rand.New(rand.NewPCG(rng.Uint64(), 3))
	go func() {
		defer writers.Done()
		if c, err := s.Connect(context.Background()); err == nil {
			for changeViews(c, r) {
			}
			c.Close(context.Background())
		}
	}()
	for range 2 {
		r := rand.New(rand.NewPCG(rng.Uint64(), 4))
		writers.Add(1)
		go func() {
			defer writers.Done()
			if c, err := s.Connect(context.Background()); err == nil {
				for transfer(c, r) {
				}
				c.Close(context.Background())
			}
		}()
	}
	<-time.After(killAfter)
	s.Kill()
	writers.Wait()
}

// transfer moves coins between purses, and at times takes half of it back before the end. It reports whether the
// connection still stands.
func transfer(c *pgx.Conn, r *rand.Rand) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	src, dst, coins := r.IntN(8), r.IntN(8), 1+r.IntN(20)
	sql := fmt.Sprintf(`BEGIN;
		UPDATE purses SET coins = coins - %[3]d WHERE id = %[1]d;
		UPDATE purses SET coins = coins + %[3]d WHERE id = %[2]d;
		INSERT INTO moves VALUES (%[1]d, %[2]d, %[3]d);
		INSERT INTO counts VALUES (%[1]d, 1) ON CONFLICT (id) DO UPDATE SET n = counts.n + excluded.n;
		SAVEPOINT s; DELETE FROM moves; DELETE FROM purses; ROLLBACK TO s;
		%[4]s`, src, dst, coins, []string{"COMMIT", "COMMIT", "ROLLBACK"}[r.IntN(3)])
	_, err := c.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	var pe *pgconn.PgError
	if errors.As(err, &pe) && (pe.Code == "40P01" || pe.Code == "40001") {
		_, err = c.Exec(ctx, "ROLLBACK", pgx.QueryExecModeSimpleProtocol)
	}
	return err == nil
}

// passing are the queries of views that come and go while the server is killed: over a stream, over a view whose rows
// are there already, and over both.
var passing = []string{
	`SELECT account, sum(amount) AS total FROM events GROUP BY account`,
	`SELECT n % 7 AS bucket, count(*) AS accounts, sum(total) AS total FROM totals GROUP BY n % 7`,
	`SELECT e.id, t.n FROM events e JOIN totals t ON e.account = t.account WHERE e.amount > 97`,
}

// changeViews creates or drops one of the passing views. It reports whether the connection still stands.
func changeViews(c *pgx.Conn, r *rand.Rand) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	i := r.IntN(len(passing))
	sql := fmt.Sprintf("DROP MATERIALIZED VIEW IF EXISTS passing%d", i)
	if r.IntN(3) > 0 {
		sql = fmt.Sprintf("CREATE MATERIALIZED VIEW IF NOT EXISTS passing%d AS %s", i, passing[i])
	}
	_, err := c.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	return err == nil
}

// verifyPassing compares the passing views that are there with their queries.
func verifyPassing(t *testing.T, c *pgx.Conn, round int) {
	t.Helper()
	for _, name := range query(t, c, "SELECT name FROM leat_catalog.relations WHERE name LIKE 'passing%'") {
		i := int(name[len("passing")] - '0')
		got, want := query(t, c, "SELECT * FROM "+name), query(t, c, passing[i])
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("round %d: %s\ngot  %v\nwant %v", round, passing[i], sample(got), sample(want))
		}
	}
}

// write sends one statement and notes what came of it. It reports whether the connection still stands.
func (h *history) write(c *pgx.Conn, r *rand.Rand) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if r.IntN(4) == 0 {
		id, name := r.IntN(10), fmt.Sprintf("n%d", r.IntN(5))
		h.mu.Lock()
		defer h.mu.Unlock() // updates of one row by several writers would have no order we know
		h.maybe[id] = append(h.maybe[id], name)
		if _, err := c.Exec(ctx, "INSERT INTO accounts VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET name = excluded.name", id, name); err != nil {
			return false
		}
		h.accounts[id], h.maybe[id] = name, nil
		return true
	}
	n := 1 + r.IntN(20)
	h.mu.Lock()
	first := h.next
	h.next += int64(n)
	var rows []string
	for i := range n {
		id := first + int64(i)
		h.sent[id] = false
		rows = append(rows, fmt.Sprintf("(%d, %d, %d, '2024-01-01 00:%02d:00')", id, r.IntN(10), r.IntN(100), r.IntN(60)))
	}
	h.mu.Unlock()
	sql := "INSERT INTO events VALUES " + strings.Join(rows, ",")
	var err error
	if r.IntN(3) == 0 {
		tx, e := c.Begin(ctx)
		if err = e; err == nil {
			if _, err = tx.Exec(ctx, sql); err == nil {
				err = tx.Commit(ctx)
			}
		}
	} else {
		_, err = c.Exec(ctx, sql)
	}
	if err != nil {
		return false
	}
	h.mu.Lock()
	for i := range n {
		h.sent[first+int64(i)] = true
	}
	h.mu.Unlock()
	return true
}

func verify(t *testing.T, s *Server, h *history, round int) {
	t.Helper()
	c := s.MustConnect()
	defer c.Close(context.Background())
	seen := map[int64]int{}
	for _, r := range query(t, c, "SELECT id FROM events") {
		var id int64
		if _, err := fmt.Sscan(r, &id); err != nil {
			t.Fatal(err)
		}
		seen[id]++
	}
	for id, acked := range h.sent {
		switch {
		case acked && seen[id] == 0:
			t.Errorf("round %d: event %d was acknowledged and is missing", round, id)
		case seen[id] > 1:
			t.Errorf("round %d: event %d is there %d times", round, id, seen[id])
		}
	}
	for _, row := range query(t, c, "SELECT id, name FROM accounts") {
		var id int
		var name string
		if _, err := fmt.Sscanf(row, "%d|%s", &id, &name); err != nil {
			t.Fatal(err)
		}
		if name != h.accounts[id] && !slices.Contains(h.maybe[id], name) {
			t.Errorf("round %d: account %d is %q, want %q or one of %q", round, id, name, h.accounts[id], h.maybe[id])
		}
		h.accounts[id], h.maybe[id] = name, nil
	}
	verifyPassing(t, c, round)
	for _, pair := range checks {
		got, want := query(t, c, pair[0]), query(t, c, pair[1])
		if !slices.Equal(got, want) {
			t.Errorf("round %d: %s\ngot  %v\nwant %v", round, pair[0], sample(got), sample(want))
		}
	}
}

func sample(rows []string) []string { return rows[:min(len(rows), 20)] }

// query returns rows as text, values separated by |.
func query(t *testing.T, c *pgx.Conn, sql string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	res, err := c.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	var out []string
	for _, r := range res[0].Rows {
		var cells []string
		for _, v := range r {
			if v == nil {
				cells = append(cells, "NULL")
			} else {
				cells = append(cells, string(v))
			}
		}
		out = append(out, strings.Join(cells, "|"))
	}
	return out
}
