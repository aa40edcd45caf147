#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: bench/golden_counts.py BUILD [--write]

Counts the instructions of the hot paths, and compares them with bench/golden/hot_paths.txt: more than two in a hundred above it is a
failure, as much below it asks for a new table (--write). Exit status 77: another compiler or C library than the table's.
"""
import platform
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from measure import JEMALLOC, SOURCE, Bench, have, instructions, run  # noqa: E402

GOLDEN = SOURCE / "bench" / "golden" / "hot_paths.txt"
TOLERANCE = 0.02
# Those of the hooks are counted on top of what the C library takes without us.
HOOKS = ("pair24", "pair100", "pair4096", "calloc24", "second24", "realloc", "beside_held")
# The same over an allocator that is not the C library's.
HOOKS_OVER_ANOTHER = ("pair16", "pair24", "pair100", "pair4096", "realloc")
QUERIES = ("base", "interior", "2KiB", "1MiB", "static", "type", "query", "function", "mapping", "local", "path_block", "path_static",
           "path_literal", "path_tls", "hold")


def surroundings():
    compiler = subprocess.run(["cc", "-dumpfullversion"], capture_output=True, text=True, check=False).stdout.strip()
    return f"cc {compiler.split('.')[0]}, {' '.join(platform.libc_ver())}, {platform.machine()}"


def each(bench, program, environment, kind, times=4000):
    # The less of two runs: once, on a busy machine, a run did 2.8 million instructions more than its like.
    few, many = (min(instructions(bench, [program, kind, str(n)], environment)[0] for _ in range(2))
                 for n in (times, 2 * times))
    return (many - few) / times


def counts(bench):
    program = bench.compile_client("hot_paths")
    run([bench.tool, "meta", "build", program], bench.environment)
    for kind in HOOKS:
        yield kind, each(bench, program, bench.under(bench.preload), kind) - each(bench, program, bench.under(), kind)
    for kind in HOOKS_OVER_ANOTHER if Path(JEMALLOC).exists() else ():
        ours, alone = (each(bench, program, bench.under(preload), kind) for preload in (f"{bench.preload}:{JEMALLOC}", JEMALLOC))
        yield f"{kind}_other", ours - alone
    for kind in QUERIES:
        yield kind, each(bench, program, bench.under(bench.preload), kind)


def read_golden():
    lines = GOLDEN.read_text().splitlines()
    made_with = next(line[2:] for line in lines if line.startswith("# cc "))
    return made_with, {name: float(count) for name, count in (line.split() for line in lines if line and line[0] != "#")}


def write_golden(found):
    lines = ["# Instructions of the hot paths; the hooks' on top of those of the C library. Made by bench/golden_counts.py --write.",
             f"# {surroundings()}", *(f"{name:14} {count:.0f}" for name, count in found.items())]
    GOLDEN.write_text("\n".join(lines) + "\n")


def main():
    if not have("valgrind"):
        sys.exit(77)
    bench = Bench(Path(sys.argv[1]).resolve(), smoke=False)
    if "--write" in sys.argv:
        if not Path(JEMALLOC).exists():
            sys.exit(f"{JEMALLOC} is not installed, and the table has rows over it")
        write_golden(dict(counts(bench)))
        return 0
    made_with, golden = read_golden()
    if made_with != surroundings():
        print(f"{GOLDEN}: made with {made_with}; here is {surroundings()}")
        return 77
    status = 0
    for name, count in counts(bench):
        change = count / golden[name] - 1
        verdict = "as golden" if abs(change) <= TOLERANCE else "MORE than golden" if change > 0 else "fewer: write a new table"
        status |= abs(change) > TOLERANCE
        print(f"{name:14} {count:8.1f} {golden[name]:8.0f}  {verdict}")
    return status


sys.exit(main())
