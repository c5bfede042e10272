#!/usr/bin/env bash
# Installs the clients of Kafka that the tests run, into the directory that is given. What is there already stays.
set -euo pipefail
of=Kafka
source "$(dirname "$0")/../clients.sh"

need kcat kcat
for v in kafka-python kafka-python-2.0 confluent-kafka; do
	once "$v" "$here/python/$v.txt" python
done
once java "$here/java/pom.xml" java
javac -d "$build/java/classes" -cp "$build/java/lib/*" "$here"/java/*.java
once node "$here/node/package.json" node
cp "$here/node/client.js" "$build/node"
(cd "$here/sarama" && go build -o "$build/sarama" .)
