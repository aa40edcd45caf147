# SPDX-License-Identifier: Apache-2.0
build() {
  make -j2 CC="$CC" MALLOC=libc USE_SYSTEMD=no BUILD_TLS=no OPT=-O2 2>&1
}
own_tests() {
  ./runtest --clients 2 --tags '-slow -needs:debug' --single unit/type/hash --single unit/type/list --single unit/type/set \
    --single unit/type/string --single unit/sort --single unit/scripting 2>&1
}
workload() {
  # Its own process, so that what is left at the end is what a server holds.
  guest src/redis-server --port 0 --unixsocket "$PWD/s" --save '' --logfile log &
  server=$!
  until src/redis-cli -s "$PWD/s" ping > /dev/null 2>&1; do kill -0 $server || return 1; done
  src/redis-benchmark -s "$PWD/s" -q -n 2000 -r 1000 -t set,get,incr,lpush,rpop,sadd,hset,zadd > bench.log
  src/redis-cli -s "$PWD/s" shutdown nosave
  wait $server
}
