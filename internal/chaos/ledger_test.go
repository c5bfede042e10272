//go:build clients && linux

package chaos

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// ledger is SQL over the topics of transactions, some of which are spread over the nodes: what is in them adds up to 0,
// and is as many records of each, in every answer.
type ledger struct {
	of     *topics
	asked  atomic.Int64
	follow []*follower
}

// side is what one topic has of it.
func (w *ledger) side(t topicOf) string {
	return fmt.Sprintf("SELECT '%s' AS side, CAST(split_part(body, '.', 3) AS bigint) AS amount FROM %[1]s_rows", t.name)
}

// sides is that of all topics.
func (w *ledger) sides() string {
	var all []string
	for _, t := range w.of.txn {
		all = append(all, w.side(t))
	}
	return strings.Join(all, " UNION ALL ")
}

// tallies is the query of a view over all topics.
func (w *ledger) tallies() string {
	return "SELECT side, sum(amount) AS total, count(*) AS n FROM (" + w.sides() + ") s GROUP BY side"
}

// question asks for all that must be so: the sum by the streams and by views of each, how many records there are of the
// first topic, how many of the others and by views, and how the view of all differs from its query.
func (w *ledger) question() string {
	var sums, totals, counts, noted []string
	for _, t := range w.of.txn {
		sums = append(sums, fmt.Sprintf("(SELECT coalesce(sum(amount), 0) FROM (%s) s)", w.side(t)))
		totals = append(totals, fmt.Sprintf("(SELECT coalesce(sum(total), 0) FROM tally_%s)", t.name))
		counts = append(counts, fmt.Sprintf("(SELECT count(*) FROM %s_rows)", t.name))
		noted = append(noted, fmt.Sprintf("(SELECT coalesce(sum(n), 0) FROM tally_%s)", t.name),
			fmt.Sprintf("(SELECT coalesce(sum(n), 0) FROM tallies WHERE side = '%s')", t.name))
	}
	totals = append(totals, "(SELECT coalesce(sum(total), 0) FROM tallies)")
	first := []string{strings.Join(sums, " + "), strings.Join(totals, " + "),
		"(" + same("SELECT side, total, n FROM tallies", w.tallies()) + ")"}
	return "SELECT " + strings.Join(append(append(first, counts...), noted...), ", ")
}

func (w *ledger) start(r *run) {
	s := r.session(800)
	defer s.drop()
	s.must("CREATE MATERIALIZED VIEW IF NOT EXISTS tallies AS " + w.tallies())
	for _, t := range w.of.txn {
		s.must(fmt.Sprintf("CREATE MATERIALIZED VIEW IF NOT EXISTS tally_%s AS SELECT sum(amount) AS total, count(*) AS n FROM (%s) s",
			t.name, w.side(t)))
	}
	for i := range 3 {
		r.work.Go(func() {
			c := r.session(801 + i)
			defer c.drop()
			for c.open(r.ctx) {
				w.read(c)
				c.drop()
			}
		})
	}
	last := w.of.txn[len(w.of.txn)-1].name
	w.follow = []*follower{
		{query: "SELECT side, total, n FROM tallies", name: "tallies", whole: addUp},
		{query: "SELECT body, split_part(body, '.', 1) FROM " + last + "_rows", name: last},
	}
	for i, f := range w.follow {
		f.start(r, 820+i)
	}
}

// addUp wants that the totals of all sides do.
func addUp(rows map[string]string) error {
	sum := 0
	for _, row := range rows {
		total, _, _ := strings.Cut(row, "|")
		n, _ := strconv.Atoi(total)
		sum += n
	}
	if sum != 0 {
		return fmt.Errorf("the totals add up to %d: %v", sum, rows)
	}
	return nil
}

// read asks with one connection until it breaks, stale at most times.
func (w *ledger) read(c *session) {
	var p Prefixes
	mode := ""
	for c.ctx.Err() == nil {
		want := "stale"
		if c.rand.IntN(3) == 0 {
			want = "fresh"
		}
		if want != mode {
			if err := c.exec(c.ctx, "SET leat.read = '"+want+"'"); err != nil {
				c.outcome("question about a ledger", err)
				return
			}
			mode = want
		}
		a := Answer{Where: mode}
		if mode == "fresh" {
			a.Acked = w.of.whole.Load()
		}
		rows, err := c.rows(c.ctx, w.question())
		if err != nil {
			c.outcome("question about a ledger", err)
			return
		}
		w.asked.Add(1)
		c.count("question about a ledger: answered " + mode)
		var n []int64
		for _, f := range strings.Split(rows[0], "|") {
			v, _ := strconv.ParseInt(f, 10, 64)
			n = append(n, v)
		}
		a.Balance, a.Total, a.Differs, a.Transfers, a.Noted = n[0], n[1], n[2], n[3], n[4:]
		if err := p.Take(&a); err != nil {
			c.t.Errorf("a ledger over %v, at %v: %v: %s", w.of.names(), time.Duration(c.now()), err, rows[0])
		}
		c.pause(c.ctx, time.Duration(20+c.rand.IntN(60))*time.Millisecond)
	}
}

func (w *ledger) check(r *run) {
	s := r.session(899)
	defer s.drop()
	for _, f := range w.follow {
		f.check(r, s)
	}
	r.say("%d questions about a ledger", w.asked.Load())
}
