# SPDX-License-Identifier: Apache-2.0
"""A pair of malloc and free: CPU time over plain glibc, and what others take to remember the same."""
import os
import statistics

from figures import Figure, absent
from measure import JEMALLOC, Failure, have, median_ratio, run

HEAPTRACK = "/usr/lib/heaptrack/libheaptrack_preload.so"
HOT, RING, BIG = 1.30, 1.18, 1.05
# (name, kind, threads, budget, pairs in a full run)
CASES = [("hot, 1 thread", "hot", 1, HOT, 2000000), ("hot, 2 threads", "hot", 2, HOT, 2000000),
         ("ring of 2000, 1 thread", "ring", 1, RING, 1000000), ("ring of 2000, 2 threads", "ring", 2, RING, 1000000),
         ("freed by another, 2 threads", "passed", 2, RING, 1000000), ("freed by another, 8 threads", "passed", 8, RING, 250000),
         ("256 KiB and more, 1 thread", "big", 1, BIG, 30000), ("256 KiB and more, 2 threads", "big", 2, BIG, 30000),
         ("same, untouched", "big_untouched", 1, None, 1000000)]


def nanoseconds(command, environment):
    try:
        return float(run(command, environment))
    except ValueError as error:
        raise Failure(f"{command}: {error}") from error


def peers(bench):
    """(name, command prefix, environment, divisor of the count) of whatever else remembers every block."""
    pair = bench.compile("malloc_pair", "-pthread")
    if os.path.exists(HEAPTRACK):
        # What heaptrack's own script does, without the process that packs the output.
        yield "heaptrack", [pair], bench.under(HEAPTRACK, DUMP_HEAPTRACK_OUTPUT="/dev/null"), 20
    else:
        yield "heaptrack", None, None, None
    asan = bench.compile("malloc_pair", "-pthread", "-fsanitize=address", output="malloc_pair_asan")
    yield "AddressSanitizer", [asan], bench.under(ASAN_OPTIONS="detect_leaks=0"), 5
    if os.path.exists(JEMALLOC):
        conf = "prof:true,prof_active:true,lg_prof_sample:0"
        yield "jemalloc profiling every block", [pair], bench.under(JEMALLOC, MALLOC_CONF=conf), 100
    else:
        yield "jemalloc profiling every block", None, None, None
    valgrind = have("valgrind")
    for tool in ("massif", "dhat"):
        out = f"--{tool}-out-file=/dev/null"
        command = [valgrind, f"--tool={tool}", out, "--log-file=/dev/null", pair]
        yield (f"valgrind {tool}", command if valgrind else None, bench.under(), 40)


def pair_rows(bench):
    pair = bench.compile("malloc_pair", "-pthread")
    rounds = bench.choose(15, 1)
    for name, kind, threads, budget, count in CASES:
        words = [pair, kind, threads, bench.choose(count, count // 50)]
        samples = {"plain": [], "ours": [], "floor": []}
        for _ in range(rounds):
            samples["plain"].append(nanoseconds(words, bench.under()))
            samples["floor"].append(nanoseconds(words, bench.under(bench.floor)))
            samples["ours"].append(nanoseconds(words, bench.under(bench.preload)))
        plain = statistics.median(samples["plain"])
        note = f"{plain:.1f} ns without"
        yield Figure(f"pair: {name}", median_ratio(samples["ours"], samples["plain"]), "ratio", budget, note=note)
        yield Figure("  peer: interposed only", median_ratio(samples["floor"], samples["plain"]), "ratio")
    yield from peer_rows(bench)


def peer_rows(bench):
    for name, command, environment, divisor in peers(bench):
        for kind, count in (("hot", 2000000), ("ring", 1000000)):
            title = f"  peer: {name}, {kind}"
            if command is None:
                yield absent(title, name)
                continue
            pairs = max(bench.choose(count, count // 50) // divisor, 100)
            plain = nanoseconds([bench.compile("malloc_pair", "-pthread"), kind, 1, pairs], bench.under())
            theirs = nanoseconds([*command, kind, 1, pairs], environment)
            yield Figure(title, theirs / plain, "ratio", note=f"{theirs:.0f} ns")
