# SPDX-License-Identifier: Apache-2.0
# usage: ask_drgn.py PID COUNT NAME=ADDRESS...     Asks drgn for the symbol at each address, and prints microseconds.
import sys
import time

try:
    import drgn
except ImportError:
    sys.exit(77)

start = time.perf_counter()
program = drgn.Program()
program.set_pid(int(sys.argv[1]))
try:
    program.load_default_debug_info()
except drgn.MissingDebugInfoError:
    pass
print("time attach %.0f -" % ((time.perf_counter() - start) * 1e6))


def symbol(address):
    try:
        return program.symbol(address).name
    except LookupError:
        return "nothing"


for word in sys.argv[3:]:
    name, address = word.split("=")
    count = int(sys.argv[2])
    start = time.perf_counter()
    for _ in range(count):
        answer = symbol(int(address, 16))
    print("time %s %.3f %s" % (name, (time.perf_counter() - start) / count * 1e6, answer))
