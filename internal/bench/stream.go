package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// stream inserts 1,000 rows a second, one at a time, each when it is due whether or not those before are done; follows
// a view over them; and asks the views. How long a row takes counts from when it was due.
type stream struct {
	began  time.Time
	due    atomic.Int64 // rows that have been due
	acked  [maxEvents]atomic.Bool
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu    sync.Mutex // guards what follows
	took  []time.Duration
	asked []time.Duration  // how long queries took
	last  map[int64]string // id -> the value that was shown last
	wrong []string         // what was shown and cannot be
	err   error
}

const (
	// firstEvent is the ID of the first row that is inserted.
	firstEvent = 1_000_000_000
	maxEvents  = 2_000_000
	// writers is how many clients insert: so many rows can be on their way.
	writers = 16
	// every is the time between two rows.
	every = time.Millisecond
)

// newStream begins to follow, to insert and to ask.
func (b *bench) newStream(ctx context.Context, s *server) (*stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	m := &stream{cancel: cancel, last: map[int64]string{}}
	reader, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	live := make(chan error, 1)
	m.goes(ctx, func() error { return m.follow(ctx, reader, live) })
	if err := <-live; err != nil {
		return nil, err
	}
	ids := make(chan int64, maxEvents)
	for range writers {
		c, err := s.connect(ctx)
		if err != nil {
			return nil, err
		}
		m.goes(ctx, func() error { return m.insert(ctx, c, ids) })
	}
	c, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	m.goes(ctx, func() error { return m.ask(ctx, c, b.rows) })
	m.began = time.Now()
	m.goes(ctx, func() error {
		for i := int64(0); i < maxEvents && wait(ctx, time.Until(m.dueAt(i))) == nil; i++ {
			m.due.Store(i + 1)
			ids <- i
		}
		return nil
	})
	return m, wait(ctx, 3*time.Second)
}

func (m *stream) dueAt(i int64) time.Time { return m.began.Add(time.Duration(i) * every) }

// goes runs what goes on until the stream is closed; an error before that is kept.
func (m *stream) goes(ctx context.Context, do func() error) {
	m.wg.Add(1)
	go func() {
		defer m.wg.Done()
		if err := do(); err != nil && ctx.Err() == nil {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.err = errors.Join(m.err, err)
		}
	}()
}

// insert inserts rows as they become due.
func (m *stream) insert(ctx context.Context, c *pgx.Conn, ids <-chan int64) error {
	defer c.Close(context.Background())
	for {
		select {
		case i := <-ids:
			_, err := c.Exec(ctx, "INSERT INTO events VALUES ($1, $2, $3)", pgx.QueryExecModeCacheStatement,
				firstEvent+i, i%1000, i%997)
			if err != nil {
				return err
			}
			m.acked[i].Store(true)
		case <-ctx.Done():
			return nil
		}
	}
}

// follow holds a push query, and notes what cannot be: a row that comes twice, or changes without having been there.
func (m *stream) follow(ctx context.Context, c *pgx.Conn, live chan<- error) error {
	defer c.Close(context.Background())
	rows := c.PgConn().Exec(ctx, fmt.Sprintf("SELECT id, v FROM by_id WHERE id >= %d EMIT CHANGES WITH (OP)", firstEvent))
	if !rows.NextResult() {
		err := errors.Join(rows.Close(), errors.New("the push query gives no rows"))
		live <- err
		return err
	}
	live <- nil
	rr := rows.ResultReader()
	for rr.NextRow() {
		now := time.Now()
		id, err := strconv.ParseInt(string(rr.Values()[1]), 10, 64)
		if err != nil {
			return err
		}
		m.show(string(rr.Values()[0]), id, string(rr.Values()[2]), now)
	}
	_, err := rr.Close()
	return err
}

// show takes in a row of the push query.
func (m *stream) show(op string, id int64, v string, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	was, seen := m.last[id]
	i := id - firstEvent
	switch {
	case seen != (op == "update") || was == v || i >= m.due.Load() || v != fmt.Sprint(i%997) && v != fmt.Sprint(i%997+1):
		m.wrong = append(m.wrong, fmt.Sprintf("%s of row %d to %s, which was %q", op, i, v, was))
	case !seen:
		m.took = append(m.took, now.Sub(m.dueAt(i)))
	}
	m.last[id] = v
}

// ask asks for rows by key, and whether the views over the view fit together.
func (m *stream) ask(ctx context.Context, c *pgx.Conn, rows int) error {
	defer c.Close(context.Background())
	for i := 0; wait(ctx, 10*time.Millisecond) == nil; i++ {
		began := time.Now()
		id, v := i*7919%max(rows, 1), 0
		err := c.QueryRow(ctx, fmt.Sprintf("SELECT v FROM by_id WHERE id = %d", id)).Scan(&v)
		if err != nil {
			return fmt.Errorf("a row by its key: %w", err)
		}
		took := time.Since(began)
		fits := true
		if i%20 == 0 {
			const sum = `SELECT (SELECT n FROM total) = (SELECT sum(n) FROM per_k) AND
				(SELECT v FROM total) = (SELECT sum(v) FROM per_k)`
			if err := c.QueryRow(ctx, sum).Scan(&fits); err != nil {
				return fmt.Errorf("the views over the view: %w", err)
			}
		}
		m.mu.Lock()
		m.asked = append(m.asked, took)
		if v != id%997 && v != id%997+1 {
			m.wrong = append(m.wrong, fmt.Sprintf("row %d is %d", id, v))
		}
		if !fits {
			m.wrong = append(m.wrong, "two views over the view do not fit")
		}
		m.mu.Unlock()
	}
	return nil
}

// delays is how long rows took while something went on.
type delays struct{ took, asked []time.Duration }

func (t delays) String() string {
	return fmt.Sprintf("%v / %v / %v of %d", at(t.took, 50), at(t.took, 99), at(t.took, 100), len(t.took))
}

// ofQueries is the same of queries for a row by its key.
func (t delays) ofQueries() string {
	return fmt.Sprintf("%v / %v / %v of %d", at(t.asked, 50), at(t.asked, 99), at(t.asked, 100), len(t.asked))
}

func at(times []time.Duration, p float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	return percentile(times, p).Round(10 * time.Microsecond)
}

// during collects what takes how long while do runs.
func (m *stream) during(do func() error) (delays, error) {
	m.mu.Lock()
	m.took, m.asked = nil, nil
	m.mu.Unlock()
	err := do()
	m.mu.Lock()
	defer m.mu.Unlock()
	return delays{m.took, m.asked}, errors.Join(err, m.err)
}

// check compares the views with what they are over the table, and what was followed with what was inserted.
func (m *stream) check(ctx context.Context, c *pgx.Conn) error {
	if err := wait(ctx, time.Second); err != nil { // for the last rows to come out
		return err
	}
	m.close()
	missing := 0
	for i := range m.due.Load() {
		if _, there := m.last[firstEvent+i]; m.acked[i].Load() && !there && time.Since(m.dueAt(i)) > 2*time.Second {
			missing++
		}
	}
	rows, err := c.Query(ctx, fmt.Sprintf("SELECT id, v::text FROM by_id WHERE id >= %d", firstEvent))
	if err != nil {
		return err
	}
	for rows.Next() {
		var id int64
		var v string
		if err := rows.Scan(&id, &v); err != nil {
			return err
		}
		if shown, ok := m.last[id]; ok && shown != v {
			m.wrong = append(m.wrong, fmt.Sprintf("row %d was shown as %s and is %s", id-firstEvent, shown, v))
		}
	}
	line("rows that the push query showed", "%d, %d missing", len(m.last), missing)
	line("what cannot be: in it, or in reads", "%d", len(m.wrong))
	if err := rows.Err(); err != nil || len(m.wrong) > 0 || missing > 0 {
		return errors.Join(err, fmt.Errorf("%d missing; wrong: %q", missing, m.wrong[:min(len(m.wrong), 5)]))
	}
	var n, v, wantN, wantV int64
	const sum = `SELECT (SELECT n FROM total), (SELECT v FROM total), (SELECT count(*) FROM events),
		(SELECT sum(CASE WHEN id % 100 = 7 THEN v + 1 ELSE v END) FROM events)`
	if err := c.QueryRow(ctx, sum).Scan(&n, &v, &wantN, &wantV); err != nil {
		return err
	}
	if n != wantN || v != wantV {
		return fmt.Errorf("the view above has %d rows and sums to %d, not %d and %d", n, v, wantN, wantV)
	}
	line("rows and their sum in a view above", "%d, %d: as asked once", n, v)
	return nil
}

func (m *stream) close() {
	m.cancel()
	m.wg.Wait()
}
