# Two consumers share a topic of four partitions, and one goes on alone.
import sys
import threading
import time

from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

server = sys.argv[1]
admin = KafkaAdminClient(bootstrap_servers=server)
admin.create_topics([NewTopic("shared", num_partitions=4, replication_factor=1)])

producer = KafkaProducer(bootstrap_servers=server, acks="all")
for i in range(40):
    at = producer.send("shared", key=b"%d" % i, value=b"%d" % i, partition=i % 4).get(timeout=10)
    assert at.offset == i // 4, at
producer.close()

seen = []


class Member(threading.Thread):
    """A consumer with a thread of its own: kafka-python waits in poll for the others."""

    def __init__(self):
        super().__init__()
        self.assigned, self.stop = 0, False
        self.start()

    def run(self):
        consumer = KafkaConsumer(
            "shared", bootstrap_servers=server, group_id="sharers", auto_offset_reset="earliest",
            heartbeat_interval_ms=100, session_timeout_ms=10000, metadata_max_age_ms=1000,
        )
        while not self.stop:
            for records in consumer.poll(timeout_ms=1000).values():
                seen.extend(int(r.value) for r in records)
            self.assigned = len(consumer.assignment())
        consumer.close()

    def leave(self):
        self.stop = True
        self.join()


def until(done):
    end = time.time() + 60
    while not done():
        assert time.time() < end, len(seen)
        time.sleep(0.02)


one = Member()
until(lambda: one.assigned == 4 and len(seen) == 40)
two = Member()
until(lambda: one.assigned == two.assigned == 2)
two.leave()
until(lambda: one.assigned == 4)
one.leave()
assert sorted(seen) == list(range(40)), sorted(seen)
assert ("sharers", "consumer") in [(g[0], g[1]) if not isinstance(g, dict) else (g["group_id"], g["protocol_type"])
                                   for g in (admin.list_consumer_groups() if hasattr(admin, "list_consumer_groups")
                                             else admin.list_groups())]
admin.close()
print("ok")
