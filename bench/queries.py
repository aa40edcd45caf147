# SPDX-License-Identifier: Apache-2.0
"""What a question costs: each kind of address through each call, in-process and from outside, and the first one."""
import os
import re
import statistics
import subprocess
import time

from figures import Figure, absent
from measure import Failure, PROGRAMS, cache_misses, have, run

BASE_SIZE_TYPE, PATH, STACK, MISSES = 25, 150, 300, 3
CALLS = ("base", "size", "type", "query_nowait", "query", "path")
FAST_KINDS = ("heap_base", "heap_interior", "heap_2KiB", "heap_1MiB", "heap_random", "static")
PATH_KINDS = (*FAST_KINDS, "function", "literal", "tls")
# What has to be right before its cost is of interest: kind -> (offset into the allocation, size) or the error.
ANSWERS = {"heap_base": ("0", "56"), "heap_interior": ("24", "56"), "heap_2KiB": ("1500", "2048"),
           "heap_1MiB": ("700000", "1048576"), "static": ("192", "896")}
PATHS = {"heap_interior": "->part.weight[1]", "static": "g_table[3].part.weight[1]", "tls": "t_own.part.weight[1]",
         "stack": "local.part.weight[1]"}
LIBC = "/lib/x86_64-linux-gnu/libc.so.6"


def prepare(bench, *objects):
    for file in objects:
        run([bench.tool, "meta", "build", file], bench.environment)


def budget_of(kind, call):
    if kind == "stack":
        return STACK + PATH if call == "path" else STACK
    if call == "path":
        return PATH if kind in PATH_KINDS else None
    return BASE_SIZE_TYPE if kind in FAST_KINDS and call in ("base", "size", "type") else None


def check_answers(lines):
    for words in (line.split(" ", 7) for line in lines if line.startswith("answer ")):
        _, kind, offset, size, error, _, _, path = words
        if ANSWERS.get(kind, (offset, size)) != (offset, size) or not path.endswith(PATHS.get(kind, "")):
            raise Failure(f"query_latency: {kind}: wrong answer: {' '.join(words)}")
        if kind == "wild" and error == "0":
            raise Failure(f"query_latency: something at a wild address: {' '.join(words)}")


def instruction_counts(bench, program, environment):
    """{"kind call": instructions per call}"""
    if not have("valgrind"):
        return {}
    folder = bench.work / "callgrind"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    calls = 200
    run(["/usr/bin/valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", "--log-file=/dev/null", program, calls,
         "20000"], environment)
    counts = {}
    for part in folder.iterdir():
        text = part.read_text(errors="replace")
        trigger = re.search(r"^desc: Trigger: Client Request: (.*)$", text, re.M)
        total = re.search(r"^totals: (\d+)$", text, re.M)
        if trigger and total:
            counts[trigger[1]] = int(total[1]) / calls
    return counts


def query_rows(bench):
    program = bench.compile_client("query_latency")
    prepare(bench, program, LIBC)
    environment = bench.under(bench.preload)
    text = run([program, bench.choose(20000, 50), bench.choose(1000000, 1000)], environment).splitlines()
    check_answers(text)
    counts = {} if bench.smoke else instruction_counts(bench, program, environment)
    if not bench.smoke and not counts:
        yield absent("queries: instructions", "valgrind")
    for words in (line.split() for line in text if line.startswith("time ")):
        _, kind, call, ns = words
        count = counts.get(f"{kind} {call}")
        note = "" if count is None else f"{count:.0f} instructions"
        yield Figure(f"query: {kind} {call}", float(ns), "ns", budget_of(kind, call), note=note)
    yield from miss_rows(bench)
    yield from sanitizer_rows(bench)


def miss_rows(bench):
    """Of a question about any of 10^6 blocks, whose cells are ten times as large as the simulated cache; few are asked about twice."""
    if bench.smoke:
        return
    if not have("valgrind"):
        yield absent("query: heap_random, cache misses", "valgrind")
        return
    program = bench.compile_client("hot_paths")
    few, many = (cache_misses(bench, [program, "random", str(times)], bench.under(bench.preload)) for times in (8192, 73728))
    yield Figure("query: heap_random base, cache misses", (many - few) / 65536, "", MISSES, note="32 KiB and 1 MiB of cache, simulated")


def sanitizer_rows(bench):
    asan = bench.compile("query_latency", "-fsanitize=address", "-DPEER_ASAN", output="query_latency_asan")
    environment = bench.under(ASAN_OPTIONS="detect_leaks=0:allocator_may_return_null=1")
    lines = run([asan, bench.choose(300, 20), bench.choose(1000000, 1000)], environment).splitlines()
    for _, kind, _, ns in (line.split() for line in lines if line.startswith("time ")):
        yield Figure(f"  peer: AddressSanitizer locate: {kind}", float(ns), "ns", note="bounds, no type")


def first_query_rows(bench):
    program = bench.compile_client("first_query")
    prepare(bench, program, LIBC)
    budgets = {("libc", "image cached"): 50, ("libc", "image cached, on disk"): 5000, ("libc", "no image"): 500000,
               ("own", "image cached"): 50, ("own", "image cached, on disk"): 5000, ("own", "no image"): None}
    for (what, state), budget in budgets.items():
        samples = []
        answer = ""
        is_cached = state != "no image"
        for index in range(bench.choose(15 if is_cached else 3, 1)):
            cache = bench.cache if is_cached else bench.work / f"no-cache-{os.getpid()}-{what}-{index}"
            if state == "image cached, on disk":
                drop_from_memory(cache)
            result = subprocess.run([program, what], env=bench.under(bench.preload, XDG_CACHE_HOME=str(cache)),
                                    capture_output=True, text=True, check=False)
            if result.returncode not in (0, 1):
                raise Failure(f"first_query {what}: status {result.returncode}")
            nanoseconds, _, answer = result.stdout.split()
            samples.append(int(nanoseconds) / 1000)
        if is_cached and answer == "none":
            raise Failure(f"first_query {what}: no type with a cached image")
        note = "" if answer != "none" else "no type in the time that a query waits"
        yield Figure(f"first query: {what}, {state}", statistics.median(samples), "us", budget, note=note)


def drop_from_memory(folder):
    """Has the kernel forget the contents of all files below, as far as nobody has mapped them."""
    for file in (path for path in folder.rglob("*") if path.is_file()):
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def outside_rows(bench):
    """allocs what, gdb and drgn on the same process."""
    program = bench.compile_client("query_latency")
    prepare(bench, program, LIBC)
    with subprocess.Popen([program, "--pause"], env=bench.under(bench.preload), stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        try:
            addresses = dict(process.stdout.readline().split() for _ in range(4))
            yield from what_rows(bench, process.pid, addresses)
            yield from debugger_rows(bench, process.pid, addresses)
        finally:
            process.stdin.close()


def seconds(command, environment):
    start = time.monotonic()
    result = subprocess.run([str(word) for word in command], env=environment, capture_output=True, text=True, check=False)
    if result.returncode not in (0, 1):
        raise Failure(f"{command[:3]}: status {result.returncode}: {result.stderr[-400:]}")
    return time.monotonic() - start, result.stdout


def what_rows(bench, pid, addresses):
    many = list(addresses.values()) * bench.choose(500, 5)
    attach, total = [], []
    for _ in range(bench.choose(7, 1)):
        one, text = seconds([bench.tool, "what", pid, addresses["static"]], bench.environment)
        if "g_table" not in text:
            raise Failure(f"allocs what: no g_table in {text!r}")
        attach.append(one)
        total.append(seconds([bench.tool, "what", pid, *many], bench.environment)[0])
    each = statistics.median(after - before for after, before in zip(total, attach)) / (len(many) - 1)
    yield Figure("outside: allocs what, attach and one address", statistics.median(attach) * 1000, "ms", 50)
    yield Figure("outside: allocs what, one more address", each * 1e6, "us", 5, note="printing included")


def debugger_rows(bench, pid, addresses):
    words = [str(pid), str(bench.choose(300, 5)), *(f"{name}={address}" for name, address in addresses.items())]
    gdb = have("gdb")
    if gdb:
        script = PROGRAMS / "ask_gdb.py"
        text = run([gdb, "-q", "-nx", "-batch", "-ex", f"python import sys; sys.argv = {['x', *words]!r}", "-x", script],
                   bench.environment)
        yield from peer_lines("gdb info symbol", text)
    else:
        yield absent("  peer: gdb info symbol", "gdb")
    result = subprocess.run(["/usr/bin/python3", "-B", PROGRAMS / "ask_drgn.py", *words], env=bench.environment,
                            capture_output=True, text=True, check=False)
    if result.returncode == 77:
        yield absent("  peer: drgn symbol", "python3-drgn")
    elif result.returncode != 0:
        yield Figure("  peer: drgn symbol", None, "", note="does not work: " + result.stderr.strip()[-100:])
    else:
        yield from peer_lines("drgn symbol", result.stdout)


def peer_lines(peer, text):
    for words in (line.split(" ", 3) for line in text.splitlines() if line.startswith("time ")):
        _, kind, us, answer = words
        yield Figure(f"  peer: {peer}: {kind}", float(us), "us", note=answer)
