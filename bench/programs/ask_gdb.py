# SPDX-License-Identifier: Apache-2.0
# Inside gdb: attaches to sys.argv[1], asks argv[2] times `info symbol` of each NAME=ADDRESS, and prints microseconds.
import sys
import time

import gdb

start = time.perf_counter()
gdb.execute("set debuginfod enabled off")
gdb.execute("attach " + sys.argv[1], to_string=True)
print("time attach %.0f -" % ((time.perf_counter() - start) * 1e6))
for word in sys.argv[3:]:
    name, address = word.split("=")
    count = int(sys.argv[2])
    start = time.perf_counter()
    for _ in range(count):
        answer = gdb.execute("info symbol " + address, to_string=True)
    print("time %s %.3f %s" % (name, (time.perf_counter() - start) / count * 1e6, answer.strip()))
gdb.execute("detach", to_string=True)
