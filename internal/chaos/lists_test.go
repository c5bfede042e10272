//go:build clients && linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/leatdb/leat/internal/serial"
)

// lists are rows of several tables that transactions read and append to.
type lists struct {
	mu     sync.Mutex // guards what follows
	txns   []serial.Txn
	values int
}

// listTables are so many that transactions meet, and do not always fail because they have.
const listTables = 5

func (l *lists) start(r *run) {
	s := r.session(100)
	defer s.drop()
	for i := range listTables {
		s.must(fmt.Sprintf("CREATE TABLE IF NOT EXISTS lists_%d (k int PRIMARY KEY, vals text NOT NULL)", i))
	}
	r.clients(101, 4, func(c *session) {
		l.transact(c)
		c.think()
	})
}

// draw draws what a transaction does. Lists give way to others before they are long.
func (l *lists) draw(c *session) (ops []serial.Op) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range 1 + c.rand.IntN(4) {
		op := serial.Op{Read: c.rand.IntN(2) == 0, Key: l.values/100*listTables + c.rand.IntN(listTables)}
		if !op.Read {
			l.values++
			op.Value = l.values
		}
		ops = append(ops, op)
	}
	return ops
}

// transact runs one transaction: serializable, or one statement by itself, which is the same.
func (l *lists) transact(c *session) {
	ops := l.draw(c)
	single := len(ops) == 1 && c.rand.IntN(2) == 0
	t := serial.Txn{Begin: c.now()}
	var err error
	if !single {
		err = c.exec(c.ctx, "BEGIN ISOLATION LEVEL SERIALIZABLE")
	}
	sent := err == nil
	for i := 0; err == nil && i < len(ops); i++ {
		err = l.do(c, &ops[i])
		t.Ops = append(t.Ops, ops[i])
	}
	ended := single && err == nil
	if !single && err == nil {
		err = c.exec(c.ctx, "COMMIT")
		ended = true
	}
	t.End = c.now()
	outcome := c.outcome("transaction over lists", err)
	switch {
	case outcome == Done:
		t.Outcome = serial.Committed
	case outcome == Refused, !ended && !single: // it broke before its COMMIT
		t.Outcome = serial.Refused
	}
	var e *pgconn.PgError
	if err != nil && (!errors.As(err, &e) || c.exec(context.Background(), "ROLLBACK") != nil) {
		c.drop()
	}
	if err != nil && t.Outcome == serial.Unknown { // what it has read was perhaps not told to us
		t.Ops = appendsOf(t.Ops)
	}
	if !sent && !single {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.txns = append(l.txns, t)
}

func appendsOf(ops []serial.Op) (some []serial.Op) {
	for _, op := range ops {
		if !op.Read || op.List != nil {
			some = append(some, op)
		}
	}
	return some
}

func (l *lists) do(c *session, op *serial.Op) error {
	table := fmt.Sprint("lists_", op.Key%listTables)
	if !op.Read {
		return c.exec(c.ctx, fmt.Sprintf("INSERT INTO %s VALUES (%d, '%d') ON CONFLICT (k) DO UPDATE SET vals = %[1]s.vals || ' ' || excluded.vals",
			table, op.Key, op.Value))
	}
	rows, err := c.rows(c.ctx, fmt.Sprintf("SELECT vals FROM %s WHERE k = %d", table, op.Key))
	if err != nil {
		return err
	}
	op.List = []int{}
	for _, v := range strings.Fields(strings.Join(rows, " ")) {
		n, _ := strconv.Atoi(v)
		op.List = append(op.List, n)
	}
	return nil
}

func (l *lists) check(r *run) {
	s := r.session(200)
	defer s.drop()
	for i := range listTables {
		began := r.now()
		for _, row := range s.must(fmt.Sprintf("SELECT k, vals FROM lists_%d", i)) {
			key, vals, _ := strings.Cut(row, "|")
			op := serial.Op{Read: true}
			op.Key, _ = strconv.Atoi(key)
			for _, v := range strings.Fields(vals) {
				n, _ := strconv.Atoi(v)
				op.List = append(op.List, n)
			}
			l.txns = append(l.txns, serial.Txn{Ops: []serial.Op{op}, Begin: began, End: r.now(), Outcome: serial.Committed})
		}
	}
	if wrong := serial.Check(l.txns); len(wrong) > 0 {
		r.t.Errorf("transactions over lists: %v", wrong)
	}
	r.say("%d transactions over lists are strictly serializable", len(l.txns))
}
