# librdkafka: an idempotent producer, a group that is rebalanced, and transactions.
import sys
import time

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

server = {"bootstrap.servers": sys.argv[1]}
admin = AdminClient(server)
for f in admin.create_topics([NewTopic("in", 4, 1), NewTopic("out", 2, 1, config={"cleanup.policy": "compact"})]).values():
    f.result(10)
resource = ConfigResource("topic", "out")
assert admin.describe_configs([resource])[resource].result(10)["cleanup.policy"].value == "compact"

failed = []
for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:
    producer = Producer({**server, "enable.idempotence": True, "compression.codec": codec, "linger.ms": 5})
    for i in range(40):
        producer.produce("in", key=b"%d" % i, value=b"%d " % i * 50, partition=i % 4,
                         on_delivery=lambda e, m: failed.append(e) if e else None)
    assert producer.flush(20) == 0 and not failed, failed


def members(protocol):
    """Two consumers share the partitions, and one goes on alone."""
    config = {**server, "group.id": protocol, "auto.offset.reset": "earliest", "group.protocol": protocol,
              "enable.auto.commit": False}
    if protocol == "classic":
        config["heartbeat.interval.ms"] = 100
    seen = [0]

    def poll_until(done, *consumers):
        end = time.time() + 60
        while not done():
            assert time.time() < end, [c.assignment() for c in consumers]
            for c in consumers:
                m = c.poll(0.05)
                if m is not None:
                    assert not m.error(), m.error()
                    seen[0] += 1

    one, two = Consumer(config), Consumer(config)
    one.subscribe(["in"])
    poll_until(lambda: seen[0] == 200, one)
    one.commit(asynchronous=False)
    two.subscribe(["in"])
    poll_until(lambda: len(one.assignment()) == len(two.assignment()) == 2, one, two)
    two.close()
    poll_until(lambda: len(one.assignment()) == 4, one)
    assert seen[0] == 200, seen
    assert all(p.offset == 50 for p in one.committed([TopicPartition("in", n) for n in range(4)], timeout=10))
    one.close()


for protocol in sys.argv[2:]:
    members(protocol)

# A transaction that is committed and one that is aborted, with the offsets of a group.
source = Consumer({**server, "group.id": "movers", "auto.offset.reset": "earliest", "enable.auto.commit": False,
                   "isolation.level": "read_committed"})
source.subscribe(["in"])
mover = Producer({**server, "transactional.id": "mover"})
mover.init_transactions(20)
for commit in [False, True]:
    messages = []
    end = time.time() + 60
    while len(messages) < 200 and (commit or len(messages) < 20):
        assert time.time() < end
        messages += source.consume(20, 0.1)
    mover.begin_transaction()
    for m in messages:
        mover.produce("out", key=m.key(), value=b"%s" % (b"good" if commit else b"bad"))
    mover.send_offsets_to_transaction(source.position(source.assignment()), source.consumer_group_metadata(), 20)
    if commit:
        mover.commit_transaction(20)
    else:
        mover.abort_transaction(20)
        for p in source.assignment():
            source.seek(TopicPartition(p.topic, p.partition, 0))
source.close()

reader = Consumer({**server, "group.id": "last", "auto.offset.reset": "earliest", "enable.partition.eof": True})
reader.assign([TopicPartition("out", n, 0) for n in range(2)])
got, ended = [], 0
while ended < 2:
    m = reader.poll(20)
    if m.error():
        assert m.error().code() == KafkaError._PARTITION_EOF, m.error()
        ended += 1
    else:
        got.append(m.value())
reader.close()
assert got == [b"good"] * 200, (len(got), set(got))
groups = admin.list_consumer_groups().result(10)
assert {"movers"} <= {g.group_id for g in groups.valid}, groups.valid
print("ok")
