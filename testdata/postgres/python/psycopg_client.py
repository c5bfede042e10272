"""What programs do with psycopg 3: parameters in binary, pipelines, cursors of the server, COPY, and a push query."""
import datetime
import decimal
import sys
import uuid

import psycopg
from psycopg.rows import dict_row

host, port = sys.argv[1].rsplit(":", 1)
dsn = f"host={host} port={port} user=leat dbname=leat"

with psycopg.connect(dsn) as conn:
    values = (7, "text", decimal.Decimal("1.50"), datetime.date(2024, 2, 29), uuid.UUID(int=5), [1, 2, 3], b"\x00\x01", True,
              2.5, datetime.timedelta(hours=3))
    query = ("SELECT %b::int8, %b::text, %b::numeric, %b::date, %b::uuid, %b::int4[], %b::bytea, %b::bool, %b::float8, "
             "%b::interval")
    for binary in (False, True):
        with conn.cursor(binary=binary) as cur:
            assert cur.execute(query, values).fetchone() == values
    with conn.cursor(row_factory=dict_row) as cur:
        row = cur.execute("SELECT * FROM customers WHERE email = %s", ("ada@example.org",)).fetchone()
        assert row["balance"] == decimal.Decimal("1000.50") and row["extra"] == {"vip": True}, row
    with conn.pipeline():
        with conn.cursor() as cur:
            cur.executemany("INSERT INTO numbered (word) VALUES (%s) RETURNING id", [("a",), ("b",)], returning=True)
            first = cur.fetchone()
            cur.nextset()
            assert cur.fetchone()[0] == first[0] + 1
    try:
        with conn.transaction():
            conn.execute("INSERT INTO numbered (word) VALUES ('c')")
            with conn.transaction():
                conn.execute("SELECT 1/0")
    except psycopg.errors.DivisionByZero:
        pass
    assert conn.execute("SELECT string_agg(word, '' ORDER BY id) FROM numbered").fetchone() == ("ab",)
    for _ in range(10):  # the sixth is prepared by name
        assert conn.execute("SELECT %s::int + 1", (41,)).fetchone() == (42,)
    with conn.cursor(name="of the server") as cur:
        cur.execute("SELECT n FROM generate_series(1, 1000) AS n")
        assert sum(n for (n,) in cur) == 500500
        cur.scroll(0, mode="absolute")
        assert cur.fetchmany(2) == [(1,), (2,)]

with psycopg.connect(dsn) as conn:
    for options in ("", "(FORMAT binary)"):
        conn.execute("DELETE FROM customers WHERE id >= 100")
        with conn.cursor().copy("COPY customers (id, name, since) FROM STDIN " + options) as copy:
            copy.set_types(["int4", "text", "date"])
            for i in range(100, 110):
                copy.write_row((i, f"c{i}", datetime.date(2024, 1, i - 99)))
        with conn.cursor().copy("COPY (SELECT id, since FROM customers WHERE id >= 100 ORDER BY id) TO STDOUT " + options) as copy:
            copy.set_types(["int4", "date"])
            rows = list(copy.rows())
        assert len(rows) == 10 and rows[9] == (109, datetime.date(2024, 1, 10)), rows

with psycopg.connect(dsn, autocommit=True) as conn, psycopg.connect(dsn, autocommit=True) as other:
    conn.execute("LISTEN channel")
    other.execute("SELECT pg_notify('channel', 'hello')")
    assert next(conn.notifies()).payload == "hello"

with psycopg.connect(dsn, autocommit=True) as conn:
    conn.execute("SET auto_offset_reset = 'earliest'")
    seen = []
    for row in conn.cursor().stream("SELECT id, amount FROM orders EMIT CHANGES"):
        seen.append(row)
        if len(seen) == 3:
            break
    assert seen == [(1, 9.5), (2, 0.5), (3, 7.0)], seen
print("ok")
