// Command client does what programs do with pgx and lib/pq: prepared statements, batches, COPY, notifications, and a push
// query. It checks what it sees and prints "ok".
package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/lib/pq"
)

func main() {
	ctx, url := context.Background(), "postgres://leat@"+os.Args[1]+"/leat?sslmode=disable"
	conn, err := pgx.Connect(ctx, url)
	must(err)
	values(ctx, conn)
	batches(ctx, conn)
	notifications(ctx, conn, url)
	pushed(ctx, conn)
	must(conn.Close(ctx))
	libpq(ctx, url)
	fmt.Println("ok")
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func check(ok bool, got ...any) {
	if !ok {
		panic(fmt.Sprint(got...))
	}
}

// values reads values by all modes of execution.
func values(ctx context.Context, conn *pgx.Conn) {
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe,
		pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		for range 3 {
			var name string
			var balance pgtype.Numeric
			var tags []string
			var extra map[string]any
			var since time.Time
			must(conn.QueryRow(ctx, "SELECT name, balance, tags, extra, since FROM customers WHERE id = $1", mode, 1).
				Scan(&name, &balance, &tags, &extra, &since))
			f, err := balance.Float64Value()
			must(err)
			check(name == "Ada" && f.Float64 == 1000.5 && tags[1] == "b c" && extra["vip"] == true && since.Year() == 2024,
				mode, name, f, tags, extra, since)
		}
	}
	type customer struct {
		ID   int32
		Name string
	}
	rows, err := conn.Query(ctx, "SELECT id, name FROM customers ORDER BY id")
	must(err)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[customer])
	must(err)
	check(len(all) == 2 && all[1].Name == "Bob", all)
}

// batches runs batches, a transaction within a transaction, and COPY.
func batches(ctx context.Context, conn *pgx.Conn) {
	batch := &pgx.Batch{}
	for i := range 10 {
		batch.Queue("INSERT INTO numbered (word) VALUES ($1)", fmt.Sprint(i))
	}
	batch.Queue("SELECT count(*) FROM numbered").QueryRow(func(row pgx.Row) error {
		n := 0
		err := row.Scan(&n)
		check(n == 10, n)
		return err
	})
	must(conn.SendBatch(ctx, batch).Close())
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM numbered")
		must(err)
		return pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "SELECT nothing")
			return err
		})
	})
	check(err != nil, "no error")
	n, err := conn.CopyFrom(ctx, pgx.Identifier{"customers"}, []string{"id", "name", "since", "balance"},
		pgx.CopyFromSlice(100, func(i int) ([]any, error) {
			return []any{1000 + i, fmt.Sprint(i), time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), float64(i)}, nil
		}))
	must(err)
	var sum float64
	must(conn.QueryRow(ctx, "SELECT sum(balance)::float8 FROM customers WHERE id >= 1000").Scan(&sum))
	check(n == 100 && sum == 4950, n, sum)
}

func notifications(ctx context.Context, conn *pgx.Conn, url string) {
	_, err := conn.Exec(ctx, "LISTEN channel")
	must(err)
	other, err := pgx.Connect(ctx, url)
	must(err)
	_, err = other.Exec(ctx, "SELECT pg_notify('channel', $1)", "hello")
	must(err)
	must(other.Close(ctx))
	heard, err := conn.WaitForNotification(ctx)
	must(err)
	check(heard.Payload == "hello", heard)
}

// pushed follows a stream until it has seen three rows, and goes on with the connection.
func pushed(ctx context.Context, conn *pgx.Conn) {
	_, err := conn.Exec(ctx, "SET auto_offset_reset = 'earliest'")
	must(err)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rows, err := conn.Query(ctx, "SELECT id, amount FROM orders EMIT CHANGES")
	must(err)
	total, seen := 0.0, 0
	for rows.Next() {
		var id int
		var amount float64
		must(rows.Scan(&id, &amount))
		total += amount
		if seen++; seen == 3 {
			cancel()
		}
	}
	check(total == 17 && rows.Err() != nil, total, rows.Err())
}

func libpq(ctx context.Context, url string) {
	db, err := sql.Open("postgres", url)
	must(err)
	must(db.PingContext(ctx))
	var name string
	var tags pq.StringArray
	must(db.QueryRow("SELECT name, tags FROM customers WHERE id = $1", 1).Scan(&name, &tags))
	check(name == "Ada" && tags[1] == "b c", name, tags)
	tx, err := db.Begin()
	must(err)
	in, err := tx.Prepare(pq.CopyIn("customers", "id", "name"))
	must(err)
	for i := range 10 {
		_, err = in.Exec(2000+i, fmt.Sprint(i))
		must(err)
	}
	_, err = in.Exec()
	must(err)
	must(in.Close())
	must(tx.Commit())
	_, err = db.Exec("INSERT INTO customers (id, name) VALUES (1, 'again')")
	e, ok := err.(*pq.Error)
	check(ok && e.Code == "23505", err)
	listener := pq.NewListener(url, time.Millisecond, time.Second, nil)
	must(listener.Listen("other"))
	_, err = db.Exec("NOTIFY other, 'hello'")
	must(err)
	check((<-listener.Notify).Extra == "hello", "no notification")
	must(listener.Close())
	conn, err := db.Conn(ctx)
	must(err)
	_, err = conn.ExecContext(ctx, "SET auto_offset_reset = 'earliest'")
	must(err)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rows, err := conn.QueryContext(ctx, "SELECT id FROM orders EMIT CHANGES")
	must(err)
	for want := 1; want <= 3; want++ {
		id := 0
		check(rows.Next(), rows.Err())
		must(rows.Scan(&id))
		check(id == want, id)
	}
	cancel()
	rows.Close() // with the error that the query was cancelled
	must(db.Close())
}
