package main

import (
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestPreparedNames: the statements of PREPARE and those of the protocol share their names.
func TestPreparedNames(t *testing.T) {
	conn := serve(t, t.TempDir()).connect()
	pg := conn.PgConn()
	prepare := func(name, sql string) error {
		_, err := pg.Prepare(t.Context(), name, sql, nil)
		return err
	}
	for name, sql := range map[string]string{"_PLAN0x1": "SELECT $1::int + 1", "end": "ROLLBACK", "fetch": "CLOSE ALL"} {
		if err := prepare(name, sql); err != nil {
			t.Fatal(name, err)
		}
	}
	execute(t, conn, `EXECUTE "_PLAN0x1"(41)`)
	if err := prepare("_PLAN0x1", "SELECT 1"); !hasCode(err, "42P05") {
		t.Errorf("a name that is taken: %v", err)
	}
	execute(t, conn, `DEALLOCATE "_PLAN0x1"; PREPARE mine (int) AS SELECT $1 * 2`)
	run := func(name string, args ...[]byte) *pgconn.Result {
		return pg.ExecPrepared(t.Context(), name, args, nil, nil).Read()
	}
	if r := run("_PLAN0x1", []byte("1")); !hasCode(r.Err, "26000") {
		t.Errorf("a statement that is gone: %v", r.Err)
	}
	if r := run("mine", []byte("21")); r.Err != nil || string(r.Rows[0][0]) != "42" {
		t.Errorf("a statement of PREPARE: %v", r.Err)
	}
	execute(t, conn, "BEGIN")
	if r := run("end"); r.Err != nil || pg.TxStatus() != 'I' {
		t.Errorf("ROLLBACK: %v, status %c", r.Err, pg.TxStatus())
	}
	if r := run("fetch"); r.Err != nil {
		t.Error(r.Err)
	}
	execute(t, conn, "DEALLOCATE ALL")
	if r := run("end"); !hasCode(r.Err, "26000") {
		t.Errorf("after DEALLOCATE ALL: %v", r.Err)
	}
}
