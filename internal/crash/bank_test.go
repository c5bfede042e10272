package crash

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var transfers = flag.Int("transfers", 5000, "number of transfers of the bank test")

// bankKills is how often the bank's server is killed.
const bankKills = 4

// bank moves money between accounts. What one account is given another has paid, so the total of all balances is 0
// whatever was taken in: it is only where an answer mixes views of different moments that it is not.
const bank = `
CREATE STREAM transfers (id bigint, payer int, payee int, amount bigint, at timestamp) WITH (timestamp = 'at');
CREATE MATERIALIZED VIEW credits AS SELECT payee AS account, sum(amount) AS credits FROM transfers GROUP BY payee;
CREATE MATERIALIZED VIEW debits AS SELECT payer AS account, sum(amount) AS debits FROM transfers GROUP BY payer;
CREATE MATERIALIZED VIEW balance AS SELECT coalesce(c.account, d.account) AS account, coalesce(credits, 0) AS paid_in,
	coalesce(credits, 0) - coalesce(debits, 0) AS balance FROM credits c FULL JOIN debits d ON c.account = d.account;
CREATE MATERIALIZED VIEW total AS SELECT sum(balance) AS total, sum(paid_in) AS moved FROM balance;
`

// bankTotals are ways to ask for the total, and for what has been moved.
var bankTotals = []string{
	`SELECT total, moved FROM total`,
	`SELECT sum(balance), sum(paid_in) FROM balance`,
	`SELECT sum(coalesce(credits, 0) - coalesce(debits, 0)), sum(coalesce(credits, 0))
		FROM credits c FULL JOIN debits d ON c.account = d.account`,
	`SELECT (SELECT sum(credits) FROM credits) - (SELECT sum(debits) FROM debits), (SELECT sum(amount) FROM transfers)`,
	`SELECT t.total + b.total, t.moved FROM total t, (SELECT sum(balance) AS total FROM balance) b`,
}

// teller writes transfers and knows what was acknowledged.
type teller struct {
	t     *testing.T
	rng   *rand.Rand
	next  int   // id of the next transfer
	moved int64 // the sum of those before it
	asked atomic.Int64
	seen  atomic.Int64 // changes that push queries gave
	last  [2]atomic.Int64
	more  chan struct{} // a push query gave something
}

// TestBank writes transfers that are out of order by up to ten seconds, asks for the total meanwhile in every way, and
// kills the server now and then.
func TestBank(t *testing.T) {
	bin := Build(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	b := &teller{t: t, rng: rand.New(rand.NewPCG(seed, 1)), more: make(chan struct{}, 1)}
	data := filepath.Join(t.TempDir(), "data")
	args := []string{"--checkpoint-interval", "200ms"}
	s := Start(t, bin, data, args...)
	run(t, s, bank)
	begun := time.Now()
	for life := range bankKills + 1 {
		to := *transfers * (life + 1) / (bankKills + 1)
		watching := b.watch(s)
		killed := make(chan struct{})
		delay := time.Duration(b.rng.IntN(50)) * time.Millisecond
		b.write(s, to, func() {
			go func() {
				defer close(killed)
				<-time.After(delay)
				s.Kill()
			}()
		})
		if life == bankKills {
			b.arrive()
			t.Logf("%d transfers and %d kills took %s", b.next, bankKills, time.Since(begun).Round(time.Millisecond))
			s.Kill()
			close(killed)
		}
		<-killed
		watching()
		s = Start(t, bin, data, args...)
		b.verify(s)
		if t.Failed() {
			return
		}
	}
	t.Logf("the total was 0 in %d pull queries and %d changes of push queries", b.asked.Load(), b.seen.Load())
}

// write sends transfers up to one, and further until the kill that it then asks for has come.
func (b *teller) write(s *Server, to int, kill func()) {
	ctx := context.Background()
	c := s.MustConnect()
	defer c.Close(ctx)
	once := sync.OnceFunc(kill)
	last := to == *transfers
	for b.next < to || !last {
		if b.next >= to {
			once()
		}
		n := 1 + b.rng.IntN(max(2, *transfers/100))
		if last {
			n = min(n, to-b.next)
		}
		rows, sum := b.batch(n)
		tag, err := c.PgConn().CopyFrom(ctx, strings.NewReader(rows), "COPY transfers FROM STDIN")
		if err != nil {
			if last || b.next < to {
				b.t.Errorf("transfer %d: %v", b.next, err)
			}
			return
		}
		if tag.RowsAffected() != int64(n) {
			b.t.Errorf("%d of %d transfers were stored", tag.RowsAffected(), n)
		}
		b.next, b.moved = b.next+n, b.moved+sum
		if b.rng.IntN(10) == 0 && b.next < to {
			if total, moved := b.ask(c); total != 0 || moved != b.moved {
				b.t.Errorf("a query after %d transfers shows a total of %d, and %d of %d moved", b.next, total, moved, b.moved)
			}
		}
	}
}

// batch draws n transfers, and returns what they move.
func (b *teller) batch(n int) (rows string, sum int64) {
	var out strings.Builder
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		amount := 1 + b.rng.Int64N(1000)
		sum += amount
		at := start.Add(time.Duration(b.next+i)*10*time.Millisecond - time.Duration(b.rng.IntN(10000))*time.Millisecond)
		fmt.Fprintf(&out, "%d\t%d\t%d\t%d\t%s\n", b.next+i, b.rng.IntN(10), b.rng.IntN(10), amount,
			at.Format("2006-01-02 15:04:05.000"))
	}
	return out.String(), sum
}

// ask asks for the total once.
func (b *teller) ask(c *pgx.Conn) (total, moved int64) {
	row := query(b.t, c, bankTotals[b.rng.IntN(len(bankTotals))])
	return b.amounts(strings.Split(row[0], "|"))
}

// amounts reads the last two values of a row; NULL stands for nothing moved yet.
func (b *teller) amounts(row []string) (total, moved int64) {
	var n [2]int64
	for i, v := range row[len(row)-2:] {
		if v == "NULL" {
			continue
		}
		var err error
		if n[i], err = strconv.ParseInt(v, 10, 64); err != nil {
			b.t.Error(err)
		}
	}
	return n[0], n[1]
}

// watch asks for the total from sessions of their own until the server is gone. The function it returns waits for them.
func (b *teller) watch(s *Server) (wait func()) {
	var all sync.WaitGroup
	for k := range 3 {
		c, rng := s.MustConnect(), rand.New(rand.NewPCG(b.rng.Uint64(), 2))
		all.Go(func() { b.pull(c, rng, k) })
	}
	for k := range b.last {
		c := s.MustConnect()
		all.Go(func() { b.push(c, k) })
	}
	return all.Wait
}

// pull asks again and again. What has been moved never grows less.
func (b *teller) pull(c *pgx.Conn, rng *rand.Rand, who int) {
	defer c.Close(context.Background())
	var before int64
	for {
		sql := bankTotals[rng.IntN(len(bankTotals))]
		res, err := c.PgConn().Exec(context.Background(), sql).ReadAll()
		if err != nil {
			b.gone(err)
			return
		}
		var row []string
		for _, v := range res[0].Rows[0] {
			row = append(row, text(v))
		}
		total, moved := b.amounts(row)
		if total != 0 || moved < before {
			b.t.Errorf("reader %d: total %d, moved %d after %d: %s", who, total, moved, before, sql)
			return
		}
		before = moved
		b.asked.Add(1)
	}
}

// push follows the total: the view's, and one of its own over two views.
func (b *teller) push(c *pgx.Conn, which int) {
	defer c.Close(context.Background())
	sql := []string{bankTotals[0], bankTotals[2]}[which] + " EMIT CHANGES"
	r := c.PgConn().Exec(context.Background(), "SET auto.offset.reset = 'earliest'; "+sql)
	for r.NextResult() {
		for rows := r.ResultReader(); rows.NextRow(); {
			var row []string
			for _, v := range rows.Values() {
				row = append(row, text(v))
			}
			total, moved := b.amounts(row)
			if total != 0 {
				b.t.Errorf("the push query gave %v: %s", row, sql)
			}
			b.last[which].Store(moved)
			b.seen.Add(1)
			select {
			case b.more <- struct{}{}:
			default:
			}
		}
	}
	b.gone(r.Close())
}

// text is a value as query gives it.
func text(v []byte) string {
	if v == nil {
		return "NULL"
	}
	return string(v)
}

// gone checks that a session ended because the server did, not because a statement failed.
func (b *teller) gone(err error) {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		b.t.Error(err)
	}
}

// arrive waits until the push queries have given the last change.
func (b *teller) arrive() {
	late := time.After(time.Minute)
	for k := range b.last {
		for b.last[k].Load() != b.moved {
			select {
			case <-b.more:
			case <-late:
				b.t.Errorf("push query %d gave %d of %d moved", k, b.last[k].Load(), b.moved)
				return
			}
		}
	}
}

// verify compares with what was acknowledged. The last batch may be there without having been.
func (b *teller) verify(s *Server) {
	c := s.MustConnect()
	defer c.Close(context.Background())
	stored := query(b.t, c, "SELECT count(*), coalesce(sum(amount), 0), count(DISTINCT id), coalesce(max(id), -1) + 1 FROM transfers")
	f := strings.Split(stored[0], "|")
	n, err := strconv.Atoi(f[0])
	if err != nil || n < b.next || f[2] != f[0] || f[3] != f[0] {
		b.t.Errorf("%d transfers were acknowledged; count, sum, ids, next id are %v", b.next, f)
		return
	}
	b.next = n
	if b.moved, err = strconv.ParseInt(f[1], 10, 64); err != nil {
		b.t.Error(err)
	}
	for _, sql := range bankTotals {
		if got, want := query(b.t, c, sql)[0], "0|"+f[1]; got != want {
			b.t.Errorf("after a kill the total is %s, not %s: %s", got, want, sql)
		}
	}
}
