import json
import sys

from kafka import KafkaConsumer

consumer = KafkaConsumer(
    "numbers",
    bootstrap_servers=sys.argv[1],
    group_id="readers",
    auto_offset_reset="earliest",
    value_deserializer=lambda v: json.loads(v.decode("utf-8")),
)
count = 0
for message in consumer:
    print(message.value["number"])
    count += 1
    if count == 10:
        break
consumer.close()
