#!/usr/bin/env bash
# Runs pgbench in its three modes, and the same while a push query follows the history.
set -euo pipefail
host=${1%:*} port=${1##*:}
export PGHOST=$host PGPORT=$port PGUSER=leat PGDATABASE=leat PGOPTIONS=
pgbench -i -q --foreign-keys 2>&1 | grep -q '^done in'
pgbench -i -q -I dtgvp 2>&1 | grep -q '^done in'
pgbench -i -q -I dtGvp 2>&1 | grep -q '^done in'
for mode in simple extended prepared; do
	pgbench -n -M "$mode" -c 2 -t 5 2>&1 | grep -q 'number of transactions actually processed: 10/10'
	pgbench -n -M "$mode" -S -c 2 -t 5 2>&1 | grep -q 'number of transactions actually processed: 10/10'
done
# All transactions are there, in the tables and in what a push query shows of them from the beginning.
sums=$(psql -XAtc 'SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM pgbench_history)
	AND (SELECT sum(tbalance) FROM pgbench_tellers) = (SELECT sum(bbalance) FROM pgbench_branches), count(*) FROM pgbench_history')
[ "$sums" = 't|30' ] || { echo "$sums" >&2; exit 1; }
pushed=$(psql -XAtq -v FETCH_COUNT=1 -c "SET auto_offset_reset = 'earliest'" \
	-c 'SELECT delta FROM pgbench_history EMIT CHANGES LIMIT 30' | wc -l)
[ "$pushed" = 30 ] || { echo "$pushed rows were pushed" >&2; exit 1; }
echo ok
