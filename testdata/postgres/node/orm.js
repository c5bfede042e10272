// What programs do with Knex, Sequelize and TypeORM: make tables, look at them, write and read.
const assert = require('assert')
const { Sequelize, DataTypes, Op } = require('sequelize')
const { DataSource, EntitySchema } = require('typeorm')
const newKnex = require('knex')

const url = `postgres://leat@${process.argv[2]}/leat`

async function knex() {
  const db = newKnex({ client: 'pg', connection: url })
  assert.strictEqual(await db.schema.hasTable('customers'), true)
  assert.strictEqual((await db('customers').columnInfo()).email.maxLength, 80)
  const source = {
    getMigrations: async () => ['words'], getMigrationName: (m) => m,
    getMigration: () => ({
      up: (k) => k.schema.createTable('words', (t) => {
        t.increments('id')
        t.string('word').notNullable().index()
        t.timestamps(true, true)
        t.decimal('price', 10, 2).defaultTo(0)
      }),
      down: (k) => k.schema.dropTable('words')
    })
  }
  await db.migrate.latest({ migrationSource: source })
  await db('words').insert([{ word: 'one' }, { word: 'two' }])
  await db('words').insert({ id: 2, word: 'deux' }).onConflict('id').merge()
  assert.deepStrictEqual(await db('words').orderBy('id').select('id', 'word', 'price'),
    [{ id: 1, word: 'one', price: '0.00' }, { id: 2, word: 'deux', price: '0.00' }])
  await db.migrate.rollback({ migrationSource: source })
  assert.strictEqual(await db.schema.hasTable('words'), false)
  await db.destroy()
}

async function sequelize() {
  const db = new Sequelize(url, { logging: false })
  const queries = db.getQueryInterface()
  assert.strictEqual((await queries.describeTable('customers')).id.primaryKey, true)
  const things = db.define('things', {
    id: { type: DataTypes.INTEGER, primaryKey: true }, name: DataTypes.STRING, extra: DataTypes.JSONB
  }, { timestamps: false })
  await things.sync()
  await things.bulkCreate([{ id: 1, name: 'a', extra: { vip: true } }, { id: 2, name: 'b' }])
  await things.upsert({ id: 2, name: 'c' })
  assert.strictEqual(await things.count({ where: { name: { [Op.iLike]: '%C%' } } }), 1)
  assert.strictEqual((await queries.showIndex('things')).length, 1)
  await assert.rejects(things.create({ id: 1 }), { name: 'SequelizeUniqueConstraintError' })
  await things.drop()
  await db.close()
}

async function typeorm() {
  const entity = new EntitySchema({
    name: 'Note', tableName: 'notes',
    columns: {
      id: { type: Number, primary: true, generated: true }, text: { type: String, length: 20, nullable: true },
      at: { type: 'timestamptz', default: () => 'now()' }
    },
    indices: [{ columns: ['text'] }]
  })
  const db = await new DataSource({ type: 'postgres', url, entities: [entity] }).initialize()
  await db.synchronize()
  await db.getRepository('Note').save({ text: 'hello' })
  const [found, count] = await db.getRepository('Note').findAndCount({ where: { text: 'hello' }, take: 1 })
  assert.deepStrictEqual([found[0].id, count], [1, 1])
  await db.destroy()
}

knex().then(sequelize).then(typeorm).then(() => console.log('ok'), (e) => {
  console.error(e)
  process.exit(1)
})
