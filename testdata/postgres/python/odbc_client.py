"""What programs do with psqlODBC: the catalog functions, parameters, transactions, and a push query in pages."""
import decimal
import glob
import sys

import pyodbc

host, port = sys.argv[1].rsplit(":", 1)
driver = glob.glob("/usr/lib/*/odbc/psqlodbcw.so")[0]


def connect(**options):
    text = f"DRIVER={driver};SERVER={host};PORT={port};UID=leat;DATABASE=leat;SSLmode=disable;"
    return pyodbc.connect(text + "".join(f"{k}={v};" for k, v in options.items()))


for options in ({}, {"UseDeclareFetch": 1, "Fetch": 10}, {"UseServerSidePrepare": 0}, {"Protocol": "7.4-2"}):
    conn = connect(**options)
    cur = conn.cursor()
    tables = {(r.table_name, r.table_type) for r in cur.tables(schema="public")}
    assert {("customers", "TABLE"), ("orders", "TABLE"), ("rich", "VIEW")} <= tables, tables
    assert any(name == "totals" for name, _ in tables), tables
    columns = [r.column_name for r in cur.columns("customers", schema="public")]
    assert columns == ["id", "name", "email", "since", "balance", "tags", "extra"], columns
    assert [r.column_name for r in cur.primaryKeys("customers", schema="public")] == ["id"]
    assert {r.column_name for r in cur.statistics("customers", schema="public") if r.column_name} == {"id", "email"}
    for result in (cur.foreignKeys("customers"), cur.procedures(), cur.rowIdColumns("customers"), cur.getTypeInfo()):
        result.fetchall()

    row = cur.execute("SELECT id, name, balance, since FROM customers WHERE id = ? AND name = ?", 1, "Ada").fetchone()
    assert row.balance == decimal.Decimal("1000.50") and row.since.year == 2024, row
    cur.executemany("INSERT INTO customers (id, name) VALUES (?, ?)", [(i, f"c{i}") for i in range(100, 130)])
    conn.rollback()
    cur.executemany("INSERT INTO customers (id, name) VALUES (?, ?)", [(i, f"c{i}") for i in range(100, 130)])
    conn.commit()
    assert len(cur.execute("SELECT id FROM customers WHERE id >= 100").fetchall()) == 30
    try:
        cur.execute("INSERT INTO customers (id, name) VALUES (1, 'again')")
        raise SystemExit("a duplicate went in")
    except pyodbc.IntegrityError as e:
        assert e.args[0] == "23505", e.args
    conn.rollback()
    cur.execute("DELETE FROM customers WHERE id >= 100")
    conn.commit()
    conn.close()

conn = connect(UseDeclareFetch=1, Fetch=1)
conn.autocommit = True
cur = conn.cursor()
cur.execute("SET auto_offset_reset = 'earliest'")
conn.autocommit = False
cur.execute("SELECT id, amount FROM orders EMIT CHANGES")
assert [tuple(cur.fetchone()) for _ in range(3)] == [(1, 9.5), (2, 0.5), (3, 7.0)]
cur.close()
conn.rollback()
conn.close()
print("ok")
