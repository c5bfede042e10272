#!/usr/bin/env bash
# Installs the clients of PostgreSQL that the tests run, into the directory that is given. What is there already stays.
set -euo pipefail
of=PostgreSQL
source "$(dirname "$0")/../clients.sh"

need pgbench postgresql
need '/usr/lib/*/odbc/psqlodbcw.so' unixodbc odbc-postgresql
once postgres-python "$here/python/requirements.txt" python
once postgres-java "$here/java/pom.xml" java
javac -d "$build/postgres-java/classes" -cp "$build/postgres-java/lib/*" "$here"/java/*.java
once postgres-node "$here/node/package.json" node
cp "$here"/node/*.js "$build/postgres-node"
(cd "$here/go" && go build -o "$build/postgres-go" .)
