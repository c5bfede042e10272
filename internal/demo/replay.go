package main

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// tick is the time between two pieces of the replay, and chunk the flights of a piece at full speed.
const (
	tick  = 25 * time.Millisecond
	chunk = 1000
)

// replay sends flights in the order they left.
type replay struct {
	conn    *pgx.Conn
	flights []flight
	speed   float64

	mu   sync.Mutex
	prog progress // guarded by mu
}

// progress is how far a replay is.
type progress struct {
	sent, all int
	first     time.Time // the flights' time: the beginning, now, and the end
	now       time.Time
	last      time.Time
	began     time.Time
	took      time.Duration
}

func newReplay(conn *pgx.Conn, flights []flight, speed float64) *replay {
	first, last := flights[0].at, flights[len(flights)-1].at
	return &replay{conn: conn, flights: flights, speed: speed,
		prog: progress{all: len(flights), first: first, now: first, last: last, began: time.Now()}}
}

func (r *replay) progress() progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.prog
}

// run sends everything, and returns when every view has it.
func (r *replay) run(ctx context.Context) error {
	began := time.Now()
	var err error
	if r.speed == 0 {
		err = r.atOnce(ctx)
	} else {
		err = r.inTime(ctx, began)
	}
	if err != nil {
		return err
	}
	_, err = r.conn.Exec(ctx, "FLUSH")
	r.mu.Lock()
	r.prog.took = time.Since(began)
	r.mu.Unlock()
	return err
}

func (r *replay) atOnce(ctx context.Context) error {
	for rest := r.flights; len(rest) > 0; {
		n := min(chunk, len(rest))
		if err := r.send(ctx, rest[:n], rest[n-1].at); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// inTime sends at every tick the flights that have left by then.
func (r *replay) inTime(ctx context.Context, began time.Time) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for rest := r.flights; len(rest) > 0; {
		now := r.flights[0].at.Add(time.Duration(float64(time.Since(began)) * r.speed))
		n := 0
		for n < len(rest) && !rest[n].at.After(now) {
			n++
		}
		if err := r.send(ctx, rest[:n], now); err != nil {
			return err
		}
		rest = rest[n:]
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// send copies flights into the stream. They are on disk when it returns.
func (r *replay) send(ctx context.Context, flights []flight, now time.Time) error {
	if len(flights) > 0 {
		var lines bytes.Buffer
		for _, f := range flights {
			lines.Write(f.json)
			lines.WriteByte('\n')
		}
		tag, err := r.conn.PgConn().CopyFrom(ctx, &lines, copyFlights)
		if err != nil {
			return err
		}
		if int(tag.RowsAffected()) != len(flights) {
			return fmt.Errorf("COPY took %d of %d flights", tag.RowsAffected(), len(flights))
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.prog.sent += len(flights)
	if r.prog.now = now; now.After(r.prog.last) {
		r.prog.now = r.prog.last
	}
	return nil
}
