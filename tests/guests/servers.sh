#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# redis answers a load of clients and saves its data from a forked child, twice; nginx serves files with two workers.
. "$(dirname "$0")/lib.sh"

cat > redis.sh << 'END'
redis-server --port 0 --enable-debug-command yes --unixsocket $PWD/s --save '' --daemonize no --logfile log --dir . > /dev/null &
server=$!
cli() { redis-cli -s $PWD/s "$@"; }
for i in $(seq 100); do cli ping > /dev/null 2>&1 && break; sleep 0.1; done
redis-benchmark -s $PWD/s -q -n 6000 -c 20 -P 4 -r 500 -t set,get,lpush,lrange_100,sadd,hset,zadd > /dev/null 2>&1; echo "benchmark $?"
cli config set lazyfree-lazy-user-del yes
cli eval 'for i = 1, 2000 do redis.call("rpush", "l", string.rep("x", i % 300)) end return redis.call("llen", "l")' 0
cli bgsave > /dev/null
cli config set appendonly yes
for i in $(seq 200); do cli info persistence | tr -d '\r' | grep -qx 'rdb_bgsave_in_progress:0' &&
  cli info persistence | tr -d '\r' | grep -qx 'aof_rewrite_in_progress:0' && break; sleep 0.1; done
cli info persistence | tr -d '\r' | grep -E '^(rdb_last_bgsave_status|aof_last_bgrewrite_status)'
cli debug reload; cli lindex l 1999 | wc -c; cli dbsize | wc -l; cli flushall async; cli memory purge
# Refused while a child writes the log, so until it is heard.
for i in $(seq 200); do cli shutdown nosave > /dev/null 2>&1; kill -0 $server 2> /dev/null || break; sleep 0.1; done
wait $server; echo "server $?"
rm -rf log s dump.rdb appendonlydir
END
cat > nginx.sh << 'END'
seq 20000 > file.txt
cat > conf << CONF
daemon off; master_process on; worker_processes 2; pid $PWD/pid; error_log $PWD/errors; user $(id -un);
events { worker_connections 64; }
http { access_log off; gzip on; gzip_types text/plain; server { listen unix:$PWD/s; root $PWD; } }
CONF
nginx -p $PWD -c $PWD/conf -e $PWD/errors & server=$!
for i in $(seq 100); do [ -S s ] && break; sleep 0.1; done
for i in 1 2 3 4 5; do curl -s --compressed --unix-socket s http://x/file.txt | cksum; done
curl -s -o /dev/null -w '%{http_code}\n' --unix-socket s http://x/nothing
kill -QUIT $server; wait $server; echo "server $?"; rm -rf conf errors s pid *_temp
END
tried=
if command -v redis-server > /dev/null && command -v redis-benchmark > /dev/null; then same sh ../redis.sh && tried=yes; fi
if command -v nginx > /dev/null && command -v curl > /dev/null; then same sh ../nginx.sh && tried=yes; fi
[ -n "$tried" ] || skip "neither redis-server nor nginx is installed"
