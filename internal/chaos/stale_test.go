//go:build clients && linux

package chaos

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// stale is clients that read stale, of the tables and views of the bank, and fresh in between; and one that changes the
// catalog, so that followers are opened again.
type stale struct {
	asked, made atomic.Int64
}

func (w *stale) start(r *run) {
	for i := range 3 {
		r.work.Go(func() {
			c := r.session(500 + i)
			defer c.drop()
			for c.open(r.ctx) {
				w.read(c)
				c.drop()
			}
		})
	}
	r.clients(510, 1, func(c *session) {
		n := w.made.Add(1)
		err := c.exec(c.ctx, fmt.Sprintf(`CREATE MATERIALIZED VIEW IF NOT EXISTS passing AS SELECT payee, count(*) AS n%d
			FROM transfers GROUP BY payee`, n))
		if c.outcome("view", err) == Done {
			c.pause(r.ctx, time.Second)
			c.outcome("view", c.exec(c.ctx, "DROP MATERIALIZED VIEW IF EXISTS passing"))
		}
		if err != nil {
			c.drop()
		}
		c.pause(r.ctx, 2*time.Second)
	})
}

// read asks with one connection until it breaks.
func (w *stale) read(c *session) {
	var p Prefixes
	mode := ""
	for c.ctx.Err() == nil {
		want := "stale"
		if c.rand.IntN(8) == 0 {
			want = "fresh"
		}
		if want != mode {
			if err := c.exec(c.ctx, "SET leat.read = '"+want+"'"); err != nil {
				c.outcome("stale question", err)
				return
			}
			mode = want
		}
		pair := bankViews[c.rand.IntN(len(bankViews))]
		rows, err := c.rows(c.ctx, fmt.Sprintf(`SELECT (SELECT sum(balance) FROM accounts), (SELECT total FROM total),
			(SELECT count(*) FROM transfers), (SELECT count(*) FROM slips), (SELECT coalesce(sum(n), 0) FROM paid),
			(SELECT coalesce(sum(n), 0) FROM received), (%s)`, same(pair[0], pair[1])))
		if err != nil {
			c.outcome("stale question", err)
			return
		}
		w.asked.Add(1)
		var n []int64
		for _, f := range strings.Split(rows[0], "|") {
			v, _ := strconv.ParseInt(f, 10, 64)
			n = append(n, v)
		}
		err = p.Take(&Answer{Balance: n[0], Total: n[1], Transfers: n[2], Noted: n[3:6], Differs: n[6], Where: mode})
		if err != nil {
			c.t.Errorf("at %v: %v", time.Duration(c.now()), err)
		}
		c.think()
	}
}

func (w *stale) check(r *run) { r.say("%d stale questions", w.asked.Load()) }
