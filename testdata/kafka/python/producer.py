import json
import sys

from kafka import KafkaProducer

producer = KafkaProducer(
    bootstrap_servers=sys.argv[1],
    value_serializer=lambda v: json.dumps(v).encode("utf-8"),
)
for i in range(10):
    producer.send("numbers", {"number": i})
producer.flush()
