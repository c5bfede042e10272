package main

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// TestNotify: what one session sends at COMMIT reaches another that only waits, in order and once.
func TestNotify(t *testing.T) {
	p := serve(t, t.TempDir())
	listener, sender := p.connect(), p.connect()
	execute(t, listener, "LISTEN a; LISTEN b")
	execute(t, sender, "BEGIN; NOTIFY a, 'lost'; ROLLBACK")
	execute(t, sender, "BEGIN; NOTIFY b, '1'; NOTIFY b, '1'; NOTIFY a; NOTIFY c, 'nobody'; COMMIT; SELECT pg_notify('b', '2')")
	for _, want := range []pgconn.Notification{{Channel: "b", Payload: "1"}, {Channel: "a"}, {Channel: "b", Payload: "2"}} {
		n, err := listener.WaitForNotification(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if want.PID = sender.PgConn().PID(); *n != want {
			t.Errorf("got %v, want %v", *n, want)
		}
	}
	// In a transaction the client hears of nothing before its end.
	execute(t, listener, "BEGIN")
	execute(t, sender, "NOTIFY a, '3'")
	execute(t, listener, "SELECT 1; COMMIT")
	if n, err := listener.WaitForNotification(t.Context()); err != nil || n.Payload != "3" {
		t.Errorf("%v, %v", n, err)
	}
	execute(t, listener, "UNLISTEN *")
	execute(t, sender, "NOTIFY a, '4'")
	execute(t, listener, "LISTEN a; NOTIFY a, '5'")
	if n, err := listener.WaitForNotification(t.Context()); err != nil || n.Payload != "5" {
		t.Errorf("%v, %v", n, err)
	}
}

// TestTerminateBackend ends a session that is idle and one that waits, and cancels a statement.
func TestTerminateBackend(t *testing.T) {
	p := serve(t, t.TempDir())
	admin, idle, busy := p.connect(), p.connect(), p.connect()
	await(t, admin, "SELECT count(*) FROM pg_stat_activity WHERE pid = pg_backend_pid() "+
		"AND client_addr = inet_client_addr() AND client_port = inet_client_port()")
	ended := make(chan error, 1)
	go func() {
		_, err := busy.Exec(t.Context(), "SELECT pg_sleep(1000)")
		ended <- err
	}()
	await(t, admin, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(1000)' AND state = 'active'")
	end := func(function string, pid uint32) {
		t.Helper()
		var sent bool
		if err := admin.QueryRow(t.Context(), "SELECT "+function+"($1)", int32(pid)).Scan(&sent); err != nil || !sent {
			t.Fatalf("%s: %v, %v", function, sent, err)
		}
	}
	end("pg_cancel_backend", busy.PgConn().PID())
	if err := <-ended; !hasCode(err, "57014") {
		t.Errorf("the cancelled statement ended with %v", err)
	}
	go func() {
		_, err := busy.Exec(t.Context(), "SELECT pg_sleep(1000)")
		ended <- err
	}()
	await(t, admin, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(1000)' AND state = 'active'")
	end("pg_terminate_backend", busy.PgConn().PID())
	if err := <-ended; !hasCode(err, "57P01") {
		t.Errorf("the statement of the session that was ended did with %v", err)
	}
	end("pg_terminate_backend", idle.PgConn().PID())
	if _, err := idle.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Error("the idle session goes on")
	}
	await(t, admin, "SELECT count(*) FROM (SELECT count(*) AS n FROM pg_stat_activity) s WHERE n = 1")
}

func hasCode(err error, code string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == code
}

// await asks until the answer is 1.
func await(t *testing.T, conn *pgx.Conn, query string) {
	t.Helper()
	for n := 0; n != 1; {
		if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
}
