//go:build clients && linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// bank is accounts between which money is transferred, views of them, and clients that ask for totals or follow them.
type bank struct {
	mu        sync.Mutex // guards what follows
	transfers map[int]Outcome
	next      int

	follow []*follower
	asked  int
}

const accounts = 8

var bankSchema = []string{
	`CREATE TABLE IF NOT EXISTS accounts (id int PRIMARY KEY, balance bigint NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS transfers (id int PRIMARY KEY, payer int, payee int, amount int)`,
	`CREATE STREAM IF NOT EXISTS slips (id int, payer int, payee int, amount int)`,
	`CREATE MATERIALIZED VIEW IF NOT EXISTS total AS SELECT sum(balance) AS total, count(*) AS n FROM accounts`,
	`CREATE MATERIALIZED VIEW IF NOT EXISTS paid AS SELECT payer, count(*) AS n, sum(amount) AS amount FROM transfers GROUP BY payer`,
	`CREATE MATERIALIZED VIEW IF NOT EXISTS received AS SELECT payee, count(*) AS n, sum(amount) AS amount, max(id) AS last
		FROM slips GROUP BY payee`,
	`CREATE MATERIALIZED VIEW IF NOT EXISTS sheet AS SELECT a.id AS id, a.balance AS balance, p.amount AS paid, r.amount AS received
		FROM accounts a LEFT JOIN paid p ON a.id = p.payer LEFT JOIN received r ON a.id = r.payee`,
	`CREATE MATERIALIZED VIEW IF NOT EXISTS large AS SELECT id, amount FROM transfers WHERE amount > 90`,
}

// bankViews are views and what they are of.
var bankViews = [][2]string{
	{`SELECT total, n FROM total`, `SELECT sum(balance), count(*) FROM accounts`},
	{`SELECT payer, n, amount FROM paid`, `SELECT payer, count(*), sum(amount) FROM transfers GROUP BY payer`},
	{`SELECT payee, n, amount, last FROM received`, `SELECT payee, count(*), sum(amount), max(id) FROM slips GROUP BY payee`},
	{`SELECT id, amount FROM large`, `SELECT id, amount FROM transfers WHERE amount > 90`},
	{`SELECT id, balance FROM sheet`, `SELECT id, coalesce(received, 0) - coalesce(paid, 0) FROM sheet`},
}

func (b *bank) start(r *run) {
	b.transfers = map[int]Outcome{}
	s := r.session(300)
	defer s.drop()
	for _, sql := range bankSchema {
		s.must(sql)
	}
	s.must(fmt.Sprintf("INSERT INTO accounts SELECT i, 0 FROM generate_series(0, %d) i ON CONFLICT (id) DO NOTHING", accounts-1))
	r.clients(301, 3, func(c *session) {
		b.transfer(c)
		c.think()
	})
	r.clients(310, 1, func(c *session) {
		b.ask(c)
		c.pause(r.ctx, 50*time.Millisecond)
	})
	b.follow = []*follower{
		{query: "SELECT payer, n, amount FROM paid", name: "paid"},
		{query: "SELECT id, balance FROM accounts", name: "accounts"},
		{query: "SELECT payee, n, amount FROM received", name: "received"},
		{query: "SELECT id, payer, amount FROM transfers", name: "transfers"},
	}
	for i, f := range b.follow {
		f.start(r, 320+i)
	}
}

// transfer moves an amount between two accounts and notes it twice, all in one transaction.
func (b *bank) transfer(c *session) {
	b.mu.Lock()
	b.next++
	id := b.next
	b.mu.Unlock()
	payer, amount := c.rand.IntN(accounts), 1+c.rand.IntN(100)
	payee := (payer + 1 + c.rand.IntN(accounts-1)) % accounts // another one: every transfer changes two balances
	end := "COMMIT"
	if c.rand.IntN(10) == 0 {
		end = "ROLLBACK"
	}
	err := c.exec(c.ctx, fmt.Sprintf(`BEGIN;
		UPDATE accounts SET balance = balance - %[4]d WHERE id = %[2]d;
		UPDATE accounts SET balance = balance + %[4]d WHERE id = %[3]d;
		INSERT INTO transfers VALUES (%[1]d, %[2]d, %[3]d, %[4]d);
		INSERT INTO slips VALUES (%[1]d, %[2]d, %[3]d, %[4]d);
		%[5]s`, id, payer, payee, amount, end))
	outcome := c.outcome("transfer", err)
	if end == "ROLLBACK" {
		outcome = Refused
	}
	b.mu.Lock()
	b.transfers[id] = outcome
	b.mu.Unlock()
	var e *pgconn.PgError
	if err != nil && (!errors.As(err, &e) || c.exec(context.Background(), "ROLLBACK") != nil) {
		c.drop()
	}
}

// same is a query that is true when two others give the same rows.
func same(a, b string) string {
	return fmt.Sprintf("SELECT count(*) FROM ((%s EXCEPT ALL %s) UNION ALL (%[2]s EXCEPT ALL %[1]s)) d", a, b)
}

// ask asks for what must be so at every moment.
func (b *bank) ask(c *session) {
	pair := bankViews[c.rand.IntN(len(bankViews))]
	sql, want := same(pair[0], pair[1]), "0"
	switch c.rand.IntN(4) {
	case 0:
		sql = "SELECT sum(balance) FROM accounts"
	case 1:
		sql = "SELECT (SELECT sum(balance) FROM accounts) + (SELECT total FROM total) + (SELECT count(*) FROM slips) - (SELECT count(*) FROM transfers)"
	}
	rows, err := c.rows(c.ctx, sql)
	if err != nil {
		c.outcome("question", err)
		c.drop()
		return
	}
	b.asked++
	if len(rows) != 1 || rows[0] != want {
		c.t.Errorf("at %v: %v, not %s: %s", time.Duration(c.now()), rows, want, sql)
	}
}

func (b *bank) check(r *run) {
	s := r.session(399)
	defer s.drop()
	for _, pair := range bankViews {
		if rows := s.must(same(pair[0], pair[1])); rows[0] != "0" {
			r.t.Errorf("%s is not %s:\n%v\n%v", pair[0], pair[1], s.must(pair[0]+" ORDER BY 1"), s.must(pair[1]+" ORDER BY 1"))
		}
	}
	balance := map[string]int{}
	for _, table := range []string{"transfers", "slips"} {
		found := map[int]bool{}
		for _, row := range s.must("SELECT id, payer, payee, amount FROM " + table) {
			f := strings.Split(row, "|")
			id, _ := strconv.Atoi(f[0])
			if found[id] {
				r.t.Errorf("transfer %d is in %s twice", id, table)
			}
			found[id] = true
			if of, known := b.transfers[id]; !known || of == Refused {
				r.t.Errorf("transfer %d is in %s and was never committed", id, table)
			}
			amount, _ := strconv.Atoi(f[3])
			balance[f[1]] -= amount
			balance[f[2]] += amount
		}
		for id, of := range b.transfers {
			if of == Done && !found[id] {
				r.t.Errorf("transfer %d was acknowledged and is not in %s", id, table)
			}
		}
	}
	for _, row := range s.must("SELECT id, 2 * balance FROM accounts") {
		id, twice, _ := strings.Cut(row, "|")
		if strconv.Itoa(balance[id]) != twice {
			r.t.Errorf("twice the balance of account %s is %s, by its transfers %d", id, twice, balance[id])
		}
	}
	for _, f := range b.follow {
		f.check(r, s)
	}
	r.say("%d transfers, %d questions", len(b.transfers), b.asked)
}
