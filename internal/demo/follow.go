package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

// place is the key of city_delays.
type place struct{ city, state string }

// delays are the other columns.
type delays struct {
	flights int64
	average float64
	worst   int32
}

// view is the answer of a push query as it stands: the newest row of every key.
type view struct {
	cancel  context.CancelFunc
	done    chan struct{}
	changes atomic.Int64

	mu   sync.Mutex
	rows map[place]delays // guarded by mu
	err  error            // guarded by mu
}

// followView asks the push query on a connection of its own and takes in what comes until close.
func followView(ctx context.Context, s *server) (*view, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, "SET auto.offset.reset = 'earliest'"); err != nil { // the rows that are there come first
		return nil, errors.Join(err, conn.Close(ctx))
	}
	ctx, cancel := context.WithCancel(ctx)
	v := &view{cancel: cancel, done: make(chan struct{}), rows: map[place]delays{}}
	go func() {
		defer close(v.done)
		defer conn.Close(context.WithoutCancel(ctx))
		v.follow(ctx, conn)
	}()
	return v, nil
}

// follow takes in changes. A row whose columns beside the key are NULL says that its key is gone.
func (v *view) follow(ctx context.Context, conn *pgx.Conn) {
	rows, err := conn.Query(ctx, followCity) // with pgx it returns with the first row
	if err != nil {
		if ctx.Err() == nil {
			v.fail(err)
		}
		return
	}
	defer rows.Close()
	for rows.Next() {
		var at place
		var flights *int64
		var average *float64
		var worst *int32
		if err := rows.Scan(&at.city, &at.state, &flights, &average, &worst); err != nil {
			v.fail(err)
			return
		}
		v.mu.Lock()
		if flights == nil || average == nil || worst == nil {
			delete(v.rows, at)
		} else {
			v.rows[at] = delays{*flights, *average, *worst}
		}
		v.mu.Unlock()
		v.changes.Add(1)
	}
	if ctx.Err() == nil {
		v.fail(errors.Join(errors.New("the push query ended"), rows.Err()))
	}
}

func (v *view) fail(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.err = err
}

// now returns the rows as they stand, or why there will be no more.
func (v *view) now() (map[place]delays, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	rows := make(map[place]delays, len(v.rows))
	for k, d := range v.rows {
		rows[k] = d
	}
	return rows, v.err
}

// close ends the query.
func (v *view) close() {
	v.cancel()
	<-v.done
}
