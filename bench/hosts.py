# SPDX-License-Identifier: Apache-2.0
"""Programs that know nothing of liballocs, and what it costs them: instructions, start-up, resident memory."""
import statistics
from pathlib import Path

from figures import Figure, absent
from inputs import checked, cxx_source, git_repository, sql_script
from measure import JEMALLOC, Failure, PROGRAMS, have, instructions, interleaved, median_ratio, run

ORDINARY, MALLOC_BOUND, START_UP = 1.010, 1.06, 1.10
HEAP_RESIDENT, OTHER_RESIDENT = 1.13, 1.02
# Above these a run fails: a little above today's figures while a budget is missed, the budget itself once it is met.
GATES = {ORDINARY: 1.022, MALLOC_BOUND: 1.067}




def hosts(bench):
    """(name, budget, command, assignments, standard input, expected-output name or None). Each is a few 10^8 instructions; in a
    smoke run a few 10^7."""
    rows = bench.choose(20000, 2000)
    script = bench.work / f"script-{rows}.sql"
    if have("sqlite3"):
        script.write_bytes(sql_script(rows))
        yield "sqlite3", ORDINARY, ["/usr/bin/sqlite3", ":memory:"], {}, script, ("sqlite3_output", rows)
    else:
        yield "sqlite3", None, None, None, None, None
    rounds = bench.choose(120, 15)
    command = ["/usr/bin/python3", "-S", "-s", "-B", PROGRAMS / "malloc_bound.py", str(rounds)]
    yield "python malloc", MALLOC_BOUND, command, {"PYTHONMALLOC": "malloc"}, None, ("python_output", rounds)
    yield "python pools", ORDINARY, command, {}, None, ("python_output", rounds)
    rounds = bench.choose(200, 20)
    yield "perl hashes", MALLOC_BOUND, ["/usr/bin/perl", PROGRAMS / "hashes.pl", str(rounds)], {}, None, ("perl_output", rounds)
    commits = bench.choose(1500, 60)
    if have("git"):
        repository = git_repository(bench, commits)
        yield ("git log --stat", ORDINARY, ["/usr/bin/git", "-C", repository, "--no-pager", "log", "--stat", "main"], {}, None,
               ("git_output", commits))
    else:
        yield "git", None, None, None, None, None
    classes = bench.choose(24, 6)
    source = bench.work / f"source-{classes}.cc"
    source.write_bytes(cxx_source(classes))
    compiler = run(["c++", "-print-prog-name=cc1plus"]).strip()
    # A compiler's output is its own business: it only has to be the same with and without.
    yield "cc1plus", ORDINARY, [compiler, "-quiet", "-O1", source, "-o", "/dev/stdout"], {}, None, None


def count(bench, preload, command, assignments, stdin):
    environment = bench.under(preload, **assignments)
    if stdin is None:
        return instructions(bench, command, environment)
    with open(stdin, "rb") as opened:
        return instructions(bench, command, environment, stdin=opened)


def instruction_rows(bench):
    start_up = 0
    if not have("valgrind"):
        yield absent("instructions", "valgrind")
        return
    if bench.smoke:
        # Programs so short are mostly start-up, which has a row of its own.
        start_up = (instructions(bench, ["/bin/true"], bench.under(bench.preload))[0] -
                    instructions(bench, ["/bin/true"], bench.under())[0])
    for name, budget, command, assignments, stdin, expected in hosts(bench):
        if command is None:
            yield absent(f"instructions: {name}", name)
            continue
        if bench.smoke and name not in ("sqlite3", "python malloc"):
            works(bench, name, command, assignments, stdin, expected)
            yield Figure(f"instructions: {name}", None, "", note="works; not counted in a smoke run")
            continue
        plain, output = count(bench, None, command, assignments, stdin)
        if expected is not None:
            checked(*expected, output)
        ours, ours_output = count(bench, bench.preload, command, assignments, stdin)
        if ours_output != output:
            raise Failure(f"{name}: another output under liballocs")
        note = f"{plain / 1e6:.0f} million without" + (", start-up taken off" if bench.smoke else "")
        yield Figure(f"instructions: {name}", (ours - start_up) / plain, "ratio", budget, gate=GATES[budget], note=note)
        if not bench.smoke:
            floor, _ = count(bench, bench.floor, command, assignments, stdin)
            yield Figure(f"  peer: interposed only: {name}", floor / plain, "ratio")


def works(bench, name, command, assignments, stdin, expected):
    outputs = []
    for preload in (None, bench.preload):
        with open(stdin or "/dev/null", "rb") as opened:
            outputs.append(run(command, bench.under(preload, **assignments), stdin=opened))
    if expected is not None:
        checked(*expected, outputs[0])
    if outputs[0] != outputs[1]:
        raise Failure(f"{name}: another output under liballocs")


def start_up_rows(bench):
    if have("valgrind"):
        yield from start_up_instruction_rows(bench)
    else:
        yield absent("start-up: instructions in user space", "valgrind")
    preloads = {"": bench.preload, "  peer: interposed only: ": bench.floor, "  peer: libstdc++ preloaded: ": "libstdc++.so.6"}
    samples = interleaved(bench, bench.choose(400, 5), ({}, ["/bin/true"]),
                          *(({"LD_PRELOAD": preload}, ["/bin/true"]) for preload in preloads.values()))
    base = samples[0]
    for (prefix, _), sample in zip(preloads.items(), samples[1:]):
        budget = START_UP if prefix == "" else None
        name = prefix or "start-up: "
        note = f"{statistics.median(base.cpu) / 1000:.0f} us without"
        yield Figure(f"{name}CPU time", median_ratio(sample.cpu, base.cpu), "ratio", budget, note=note)
        note = f"{statistics.median(base.wall) / 1000:.0f} us without"
        yield Figure(f"{name}wall time", median_ratio(sample.wall, base.wall), "ratio", budget, note=note)


def start_up_instruction_rows(bench):
    plain, _ = instructions(bench, ["/bin/true"], bench.under())
    ours, _ = instructions(bench, ["/bin/true"], bench.under(bench.preload))
    floor, _ = instructions(bench, ["/bin/true"], bench.under(bench.floor))
    yield Figure("start-up: instructions in user space", ours / plain, "ratio", START_UP, note=f"{plain} + {ours - plain}")
    yield Figure("  peer: interposed only: instructions", floor / plain, "ratio", note=f"{plain} + {floor - plain}")


def resident_rows(bench):
    pair = bench.compile("malloc_pair", "-pthread")
    rounds = bench.choose(120, 10)
    malloc_bound = ["/usr/bin/python3", "-S", "-s", "-B", PROGRAMS / "malloc_bound.py", str(rounds)]
    commits = bench.choose(1500, 60)
    cases = [
        ("10^6 small blocks", HEAP_RESIDENT, [pair, "live", "1", str(bench.choose(1000000, 50000))], {}),
        ("python malloc", HEAP_RESIDENT, malloc_bound, {"PYTHONMALLOC": "malloc"}),
        ("python pools", OTHER_RESIDENT, malloc_bound, {}),
        ("/bin/true", None, ["/bin/true"], {}),
    ]
    if Path(JEMALLOC).exists():
        cases.append(("10^6 small blocks of jemalloc", HEAP_RESIDENT, cases[0][2], {"LD_PRELOAD": JEMALLOC}))
    if have("git"):
        cases.append(("git log --stat", OTHER_RESIDENT,
                      ["/usr/bin/git", "-C", git_repository(bench, commits), "--no-pager", "log", "--stat", "main"], {}))
    for name, budget, command, assignments in cases:
        preload = ":".join(filter(None, (str(bench.preload), assignments.get("LD_PRELOAD"))))
        plain, ours = interleaved(bench, bench.choose(5, 1), (assignments, command),
                                  (dict(assignments, LD_PRELOAD=preload), command))
        before, after = statistics.median(plain.resident), statistics.median(ours.resident)
        note = f"{before / 1024:.1f} + {(after - before) / 1024:.2f} MiB"
        yield Figure(f"resident: {name}", after / before, "ratio", budget, note=note)
