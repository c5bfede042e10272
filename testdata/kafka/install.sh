#!/usr/bin/env bash
# Installs the clients of Kafka that the tests run, into the directory that is given. What is there already stays.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
build=$(cd "$1" && pwd)

# need COMMAND PACKAGE...: installs packages of the system unless the command is there.
need() {
	local command=$1
	shift
	command -v "$command" >/dev/null && return
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		echo "the clients of Kafka need $command: install $*" >&2
		exit 1
	fi
	[ -n "${updated:-}" ] || apt-get update -qq
	updated=1
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null
}

# once NAME FILE COMMAND...: runs a command unless it was run for the same content of a file.
once() {
	local mark="$build/$1.done" file=$2
	shift 2
	cmp -s "$mark" "$file" && return
	rm -f "$mark"
	"$@"
	cp "$file" "$mark"
}

python() {
	rm -rf "$build/$1"
	python3 -m venv "$build/$1"
	"$build/$1/bin/pip" install -q --disable-pip-version-check -r "$here/python/$1.txt"
}

java() {
	rm -rf "$build/java"
	mvn -q -B -Dstyle.color=never -f "$here/java/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
		-DoutputDirectory="$build/java/lib" -Dmdep.useBaseVersion=true
}

node() {
	rm -rf "$build/node"
	mkdir -p "$build/node"
	cp "$here/node/package.json" "$build/node"
	(cd "$build/node" && npm install --silent --no-audit --no-fund)
}

need kcat kcat
need python3 python3 python3-venv
need javac default-jdk-headless
need mvn maven
need npm npm
for v in kafka-python kafka-python-2.0 confluent-kafka; do
	once "$v" "$here/python/$v.txt" python "$v"
done
once java "$here/java/pom.xml" java
javac -d "$build/java/classes" -cp "$build/java/lib/*" "$here"/java/*.java
once node "$here/node/package.json" node
cp "$here/node/client.js" "$build/node"
(cd "$here/sarama" && go build -o "$build/sarama" .)
