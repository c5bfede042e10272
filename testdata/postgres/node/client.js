// What programs do with node-pg and postgres.js: parameters, transactions, errors, notifications, and a push query.
const assert = require('assert')
const { Client, Pool } = require('pg')
const Cursor = require('pg-cursor')
const postgres = require('postgres')

const [host, port] = process.argv[2].split(':')
const config = { host, port: Number(port), user: 'leat', database: 'leat' }

async function nodePg() {
  const client = new Client(config)
  await client.connect()
  const { rows, fields } = await client.query('SELECT id, name, balance, tags, extra FROM customers WHERE id = $1', [1])
  assert.deepStrictEqual(rows, [{ id: 1, name: 'Ada', balance: '1000.50', tags: ['a', 'b c'], extra: { vip: true } }])
  assert.strictEqual(fields[2].dataTypeID, 1700)
  for (let i = 0; i < 3; i++) {
    const r = await client.query({ name: 'named', text: 'SELECT $1::int + $2 AS n', values: [i, 1] })
    assert.strictEqual(r.rows[0].n, i + 1)
  }
  await client.query('BEGIN')
  await client.query('INSERT INTO customers (id, name, extra) VALUES ($1, $2, $3)', [3, 'Cem', { a: [1] }])
  await assert.rejects(client.query('INSERT INTO customers (id, name) VALUES (3, $1)', ['again']),
    (e) => e.code === '23505' && e.severity === 'ERROR')
  await assert.rejects(client.query('SELECT 1'), { code: '25P02' })
  await client.query('ROLLBACK')
  const several = await client.query("SELECT 1 AS a; SELECT 'x' AS b")
  assert.deepStrictEqual(several.map((r) => r.rows[0]), [{ a: 1 }, { b: 'x' }])

  const cursor = client.query(new Cursor('SELECT n FROM generate_series(1, 1000) AS n'))
  let sum = 0
  for (let batch; (batch = await cursor.read(100)).length > 0;) for (const r of batch) sum += r.n
  assert.strictEqual(sum, 500500)
  await cursor.close()

  const heard = new Promise((resolve) => client.once('notification', resolve))
  await client.query('LISTEN channel')
  const pool = new Pool(config)
  await pool.query("SELECT pg_notify('channel', 'hello')")
  assert.strictEqual((await heard).payload, 'hello')
  await pool.end()

  await client.query("SET auto_offset_reset = 'earliest'")
  const push = client.query(new Cursor('SELECT id, amount FROM orders EMIT CHANGES'))
  const seen = []
  while (seen.length < 3) seen.push(...await push.read(1))
  assert.deepStrictEqual(seen, [{ id: 1, amount: 9.5 }, { id: 2, amount: 0.5 }, { id: 3, amount: 7 }])
  await push.close()
  assert.strictEqual((await client.query('SELECT 1 AS one')).rows[0].one, 1)
  await client.end()
}

async function postgresJs() {
  const sql = postgres({ host, port: Number(port), user: 'leat', database: 'leat', max: 2, onnotice: () => {} })
  const [row] = await sql`SELECT ${sql(['id', 'name', 'tags', 'extra'])} FROM customers WHERE id = ${1}`
  assert.deepStrictEqual({ ...row }, { id: 1, name: 'Ada', tags: ['a', 'b c'], extra: { vip: true } })
  const people = [{ id: 20, name: 'x' }, { id: 21, name: 'y' }]
  await sql.begin((tx) => tx`INSERT INTO customers ${tx(people)}`)
  const ids = await sql`SELECT id FROM customers WHERE id = ANY(${[20, 21, 22]}) ORDER BY id`
  assert.deepStrictEqual(ids.map((r) => r.id), [20, 21])
  await assert.rejects(sql`SELECT nothing FROM customers`, { code: '42703' })
  let n = 0
  await sql`SELECT * FROM generate_series(1, 100)`.cursor(30, (rows) => { n += rows.length })
  assert.strictEqual(n, 100)
  let hear
  const heard = new Promise((resolve) => { hear = resolve })
  await sql.listen('other', hear)
  await sql.notify('other', 'hello')
  assert.strictEqual(await heard, 'hello')
  await sql.end()
}

nodePg().then(postgresJs).then(() => console.log('ok'), (e) => { console.error(e); process.exit(1) })
