"""What programs do with psycopg2: transactions, cursors of the server, COPY, notifications, and a push query."""
import io
import select
import sys

import psycopg2
import psycopg2.extras

host, port = sys.argv[1].rsplit(":", 1)


def connect():
    return psycopg2.connect(host=host, port=port, user="leat", dbname="leat")


conn = connect()
cur = conn.cursor()
cur.execute("SELECT name, balance, tags, extra, since FROM customers WHERE id = %s", (1,))
name, balance, tags, extra, since = cur.fetchone()
assert (name, str(balance), tags, extra) == ("Ada", "1000.50", ["a", "b c"], {"vip": True}), (name, balance, tags, extra)
assert since.isoformat() == "2024-01-01"
assert [d.name for d in cur.description] == ["name", "balance", "tags", "extra", "since"]

psycopg2.extras.execute_values(cur, "INSERT INTO customers (id, name) VALUES %s", [(i, f"c{i}") for i in range(10, 40)])
conn.rollback()
cur.execute("SELECT count(*) FROM customers")
assert cur.fetchone() == (2,)
conn.commit()

try:
    cur.execute("INSERT INTO customers (id, name) VALUES (1, 'again')")
    raise SystemExit("a duplicate key went in")
except psycopg2.errors.UniqueViolation as e:
    assert e.diag.sqlstate == "23505"
conn.rollback()

with conn:
    with conn.cursor(name="of_the_server") as named:
        named.itersize = 100
        named.execute("SELECT n FROM generate_series(1, 1000) AS n")
        assert sum(row[0] for row in named) == 500500

with conn:
    cur.copy_expert("COPY customers (id, name) FROM STDIN", io.StringIO("50\tfifty\n51\tfifty-one\n"))
    out = io.StringIO()
    cur.copy_expert("COPY (SELECT id, name FROM customers WHERE id >= 50 ORDER BY id) TO STDOUT WITH (FORMAT csv)", out)
    assert out.getvalue() == "50,fifty\n51,fifty-one\n", out.getvalue()

cur = conn.cursor(cursor_factory=psycopg2.extras.RealDictCursor)
cur.execute("SELECT id, row_to_json(c) AS c FROM customers c WHERE id = 50")
assert cur.fetchone()["c"]["name"] == "fifty"
conn.commit()

listener = connect()
listener.autocommit = True
listener.cursor().execute("LISTEN channel")
with conn:
    conn.cursor().execute("NOTIFY channel, 'hello'")
while not listener.notifies:
    select.select([listener], [], [])
    listener.poll()
assert listener.notifies.pop().payload == "hello"


class Enough(Exception):
    pass


class Lines:
    """Takes what COPY gives, and has enough after three rows."""

    def __init__(self):
        self.rows = []

    def write(self, line):
        self.rows.append(line)
        if len(self.rows) == 3:
            raise Enough


push, lines = connect(), Lines()
push.autocommit = True
push.cursor().execute("SET auto_offset_reset = 'earliest'")
try:
    push.cursor().copy_expert("COPY (SELECT id, amount FROM orders EMIT CHANGES) TO STDOUT", lines)
except (Enough, psycopg2.Error):
    pass
assert lines.rows == [b"1\t9.5\n", b"2\t0.5\n", b"3\t7\n"], lines.rows
print("ok")
