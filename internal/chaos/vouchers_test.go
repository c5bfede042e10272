//go:build clients && linux

package chaos

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// vouchers are blocks of SQL that insert into streams at home and into spread ones, in several shards: each adds up to 0,
// and is seen whole or not at all. One client writes at a time, and other streams follow once it does not know how a
// block has ended: what is open in a partition hides what comes behind it.
type vouchers struct {
	blocks, sets int
	asked        atomic.Int64
}

// voucherBlocks is after how many blocks the next streams come.
const voucherBlocks = 150

// A voucherSet is three streams, a view over them, and what was written to them.
type voucherSet struct {
	name  string
	acked atomic.Int64
	over  atomic.Bool

	outcomes []Outcome // by id; the writer's, and then the checker's
}

func (w *vouchers) start(r *run) {
	s := r.session(1000)
	r.work.Go(func() {
		defer s.drop()
		for n := 0; r.ctx.Err() == nil; n++ {
			w.set(r, s, &voucherSet{name: fmt.Sprint("voucher_", n)})
		}
	})
}

// sides are the rows of all streams.
func (v *voucherSet) sides() string {
	return fmt.Sprintf(`SELECT 'home' AS side, id, amount FROM %[1]s_home UNION ALL SELECT 'wide', id, amount FROM %[1]s_wide
		UNION ALL SELECT 'narrow', id, amount FROM %[1]s_narrow`, v.name)
}

// question asks for what must be so: the sum by the streams and by the view, and how many blocks each stream has.
func (v *voucherSet) question() string {
	return fmt.Sprintf(`SELECT (SELECT coalesce(sum(amount), 0) FROM (%[2]s) s), (SELECT coalesce(sum(total), 0) FROM %[1]s_sums),
		(SELECT count(*) FROM %[1]s_home), (SELECT count(*) FROM %[1]s_narrow), (SELECT count(*) FROM %[1]s_wide) / 2.0,
		(SELECT coalesce(sum(n), 0) FROM %[1]s_sums) / 4.0`, v.name, v.sides())
}

// set makes the streams, lets clients work on them, and checks them.
func (w *vouchers) set(r *run, s *session, v *voucherSet) {
	for _, of := range []string{"home", "wide", "narrow"} {
		with := map[string]string{"home": "", "wide": ", partitions = 3, placement = 'spread'", "narrow": ", placement = 'spread'"}[of]
		s.must(fmt.Sprintf("CREATE STREAM IF NOT EXISTS %s_%s (id int, amount int) WITH (value_format = 'JSON'%s)", v.name, of, with))
	}
	s.must(fmt.Sprintf("CREATE MATERIALIZED VIEW IF NOT EXISTS %s_sums AS SELECT side, sum(amount) AS total, count(*) AS n FROM (%s) s GROUP BY side",
		v.name, v.sides()))
	var clients sync.WaitGroup
	for i := range 2 {
		clients.Go(func() {
			c := r.session(1010 + i)
			defer c.drop()
			for !v.over.Load() && c.open(r.ctx) {
				w.read(c, v)
				c.drop()
			}
		})
	}
	c := r.session(1020)
	for known := true; known && len(v.outcomes) < voucherBlocks && c.open(r.ctx); c.think() {
		known = v.write(c)
	}
	c.drop()
	v.over.Store(true)
	clients.Wait()
	if w.check1(r, s, v) {
		w.blocks += len(v.outcomes)
		w.sets++
		s.must(fmt.Sprintf("DROP MATERIALIZED VIEW IF EXISTS %s_sums", v.name))
		for _, of := range []string{"home", "wide", "narrow"} {
			s.must(fmt.Sprintf("DROP STREAM IF EXISTS %s_%s DELETE TOPIC", v.name, of))
		}
	}
}

// write writes one block. It reports whether it is known how that ended.
func (v *voucherSet) write(c *session) bool {
	id := len(v.outcomes)
	a, b, d := c.rand.IntN(100), c.rand.IntN(100), c.rand.IntN(100)
	end := "COMMIT"
	if c.rand.IntN(10) == 0 {
		end = "ROLLBACK"
	}
	err := c.exec(c.ctx, fmt.Sprintf(`BEGIN; INSERT INTO %[1]s_home VALUES (%[2]d, %[3]d);
		INSERT INTO %[1]s_wide VALUES (%[2]d, %[4]d), (%[2]d, %[5]d); INSERT INTO %[1]s_narrow VALUES (%[2]d, %[6]d); %[7]s`,
		v.name, id, a, b, d, -a-b-d, end))
	outcome := c.outcome("block over streams", err)
	if err == nil && end == "COMMIT" {
		v.acked.Add(1)
	}
	if end == "ROLLBACK" {
		outcome = Refused
	}
	v.outcomes = append(v.outcomes, outcome)
	if err != nil {
		c.drop()
	}
	return outcome != Unknown
}

// read asks with one connection until it breaks, of which it asks fresh first: the streams may be new to a node.
func (w *vouchers) read(c *session, v *voucherSet) {
	var p Prefixes
	mode := ""
	for c.ctx.Err() == nil && !v.over.Load() {
		want := "stale"
		if mode == "" || c.rand.IntN(3) == 0 {
			want = "fresh"
		}
		if want != mode {
			if err := c.exec(c.ctx, "SET leat.read = '"+want+"'"); err != nil {
				c.outcome("question about vouchers", err)
				return
			}
			mode = want
		}
		a := Answer{Where: mode}
		if mode == "fresh" {
			a.Acked = v.acked.Load()
		}
		rows, err := c.rows(c.ctx, v.question())
		if err != nil {
			c.outcome("question about vouchers", err)
			return
		}
		w.asked.Add(1)
		var n []float64
		for _, f := range strings.Split(rows[0], "|") {
			x, _ := strconv.ParseFloat(f, 64)
			n = append(n, x)
		}
		whole := n[4] == float64(int64(n[4])) && n[5] == float64(int64(n[5]))
		a.Balance, a.Total, a.Transfers, a.Noted = int64(n[0]), int64(n[1]), int64(n[2]), []int64{int64(n[3]), int64(n[4]), int64(n[5])}
		if err = p.Take(&a); err == nil && !whole {
			err = fmt.Errorf("%s: a part of a block", mode)
		}
		if err != nil {
			c.t.Errorf("%s, at %v: %v: %s", v.name, time.Duration(c.now()), err, rows[0])
		}
		c.pause(c.ctx, time.Duration(20+c.rand.IntN(40))*time.Millisecond)
	}
}

// check1 checks that the blocks of a set are there whole or not at all, as was said.
func (w *vouchers) check1(r *run, s *session, v *voucherSet) bool {
	there := map[int]int{}
	for _, row := range s.must(v.sides()) {
		f := strings.Split(row, "|")
		id, _ := strconv.Atoi(f[1])
		there[id]++
	}
	ok := true
	for id, outcome := range v.outcomes {
		n := there[id]
		if n != 0 && n != 4 || n == 0 && outcome == Done || n != 0 && outcome == Refused {
			r.t.Errorf("%s: of block %d, which ended as %d, are %d of 4 rows there", v.name, id, outcome, n)
			ok = false
		}
	}
	return ok
}

func (w *vouchers) check(r *run) {
	r.say("%d blocks over %d sets of streams, %d questions about them", w.blocks, w.sets, w.asked.Load())
}
