#!/usr/bin/env bash
# Installs the clients of PostgreSQL that the tests run, into the directory that is given. What is there already stays.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
build=$(cd "$1" && pwd)

# need FILE PACKAGE...: installs packages of the system unless a file that they bring, or a command, is there.
need() {
	local file=$1
	shift
	command -v "$file" >/dev/null || compgen -G "$file" >/dev/null && return
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		echo "the clients of PostgreSQL need $file: install $*" >&2
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
	rm -rf "$build/postgres-python"
	python3 -m venv "$build/postgres-python"
	"$build/postgres-python/bin/pip" install -q --disable-pip-version-check -r "$here/python/requirements.txt"
}

java() {
	rm -rf "$build/postgres-java"
	mvn -q -B -Dstyle.color=never -f "$here/java/pom.xml" \
		org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
		-DoutputDirectory="$build/postgres-java/lib" -Dmdep.useBaseVersion=true
}

node() {
	rm -rf "$build/postgres-node"
	mkdir -p "$build/postgres-node"
	cp "$here/node/package.json" "$build/postgres-node"
	(cd "$build/postgres-node" && npm install --silent --no-audit --no-fund)
}

need pgbench postgresql
need '/usr/lib/*/odbc/psqlodbcw.so' unixodbc odbc-postgresql
need python3 python3 python3-venv
need javac default-jdk-headless
need mvn maven
need npm npm
once postgres-python "$here/python/requirements.txt" python
once postgres-java "$here/java/pom.xml" java
javac -d "$build/postgres-java/classes" -cp "$build/postgres-java/lib/*" "$here"/java/*.java
once postgres-node "$here/node/package.json" node
cp "$here/node/client.js" "$build/postgres-node"
(cd "$here/go" && go build -o "$build/postgres-go" .)
