// kafkajs: an idempotent producer, a group that is rebalanced, and transactions.
const assert = require('node:assert')
const { Kafka, CompressionTypes, logLevel } = require('kafkajs')

const kafka = new Kafka({ clientId: 'node', brokers: [process.argv[2]], logLevel: logLevel.NOTHING })
const until = async (what, done) => {
  for (const end = Date.now() + 60000; !done();) {
    assert(Date.now() < end, what)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

async function member(name, seen, topic = 'node', partitions = { count: -1 }) {
  const consumer = kafka.consumer({ groupId: name, heartbeatInterval: 100, maxWaitTimeInMs: 100, rebalanceTimeout: 10000 })
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    partitions.count = (payload.memberAssignment[topic] || []).length
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({ eachMessage: async ({ message }) => { seen.push(message.value.toString()) } })
  return [consumer, partitions]
}

async function main() {
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: 'node', numPartitions: 4 }, { topic: 'node-out', numPartitions: 1 }] })
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  for (const compression of [CompressionTypes.None, CompressionTypes.GZIP]) {
    const messages = Array.from({ length: 20 }, (_, i) => ({ key: `${i}`, value: `${i}`, partition: i % 4 }))
    await producer.send({ topic: 'node', messages, compression })
  }
  await producer.disconnect()

  const seen = []
  const [one, partsOne] = await member('node', seen)
  await until('records', () => seen.length === 40)
  const [two, partsTwo] = await member('node', seen)
  await until('a rebalance', () => partsOne.count === 2 && partsTwo.count === 2)
  await two.disconnect()
  await until('another rebalance', () => partsOne.count === 4)
  await one.disconnect()
  assert.strictEqual(seen.length, 40)
  const { groups } = await admin.describeGroups(['node'])
  assert.strictEqual(groups[0].state, 'Empty')
  const offsets = await admin.fetchOffsets({ groupId: 'node', topics: ['node'] })
  assert(offsets[0].partitions.every(p => p.offset === '10'), JSON.stringify(offsets))

  const transactional = kafka.producer({ transactionalId: 'node-tx', idempotent: true, maxInFlightRequests: 1 })
  await transactional.connect()
  for (const end of ['abort', 'commit']) {
    const tx = await transactional.transaction()
    await tx.send({ topic: 'node-out', messages: [{ value: end }] })
    await tx.sendOffsets({ consumerGroupId: 'node-mover', topics: [{ topic: 'node', partitions: [{ partition: 0, offset: end === 'commit' ? '7' : '5' }] }] })
    await tx[end]()
  }
  await transactional.disconnect()
  const out = []
  const [reader] = await member('node-reader', out, 'node-out')
  await until('committed records', () => out.length > 0)
  await reader.disconnect()
  assert.deepStrictEqual(out, ['commit'])
  const moved = await admin.fetchOffsets({ groupId: 'node-mover', topics: ['node'] })
  assert.strictEqual(moved[0].partitions.find(p => p.partition === 0).offset, '7')
  await admin.disconnect()
  console.log('ok')
}

main().catch(e => { console.error(e); process.exit(1) })
