#!/usr/bin/env bash
# kcat: produce with every codec, consume, consume in a group, ask for offsets.
set -euo pipefail
server=$1
want() {
	[ "$2" = "$3" ] || { echo "$1: got '$2', want '$3'"; exit 1; }
}
for codec in none gzip snappy lz4 zstd; do
	seq 1 100 | kcat -b "$server" -P -t kcat -z $codec -X enable.idempotence=true
done
want records "$(kcat -b "$server" -C -t kcat -o beginning -e -q | sort -n | uniq -c | awk '$1 == 5' | wc -l)" 100
want headers "$(kcat -b "$server" -C -t kcat -o -1 -e -q -f '%k|%s|%o|%p')" '|100|499|0'
want group "$(kcat -b "$server" -G readers -o beginning -e -q kcat 2>/dev/null | wc -l)" 500
echo more | kcat -b "$server" -P -t kcat -k key -H a=b
want 'the group again' "$(kcat -b "$server" -G readers -e -q -f '%k %s %h' kcat 2>/dev/null)" 'key more a=b'
want 'an offset by time' "$(kcat -b "$server" -Q -t kcat:0:1)" 'kcat [0] offset 0'
kcat -b "$server" -L | grep -q 'topic "kcat" with 1 partitions'
echo ok
