# SPDX-License-Identifier: Apache-2.0
"""A pool's own pair of allocating and freeing, where it is declared: over the same pool undeclared, both compiled by allocscc and under us."""
import os

from figures import Figure, absent
from measure import PROGRAMS, instructions, median_ratio, run

BUDGET = 1.50
DECLARED = {"LIBALLOCS_SUBALLOC_FNS": "list_get(Z)p pool_get(Z)p",
            "LIBALLOCS_SUBFREE_FNS": "list_put(P)->list_get pool_put(zP)->pool_get"}
KINDS = {"list": "one size, a list", "classes": "classes, a lock", "live": "classes, a lock, 1000 live"}


def made(bench, name, declared):
    target = bench.work / name
    target.unlink(missing_ok=True)
    run([bench.build / "bin" / "allocscc", "-O2", PROGRAMS / "piece_pool.c", "-o", target, "-pthread"],
        dict(bench.environment, **declared, **{key: os.environ[key] for key in ("ALLOCSCC_CC",) if key in os.environ}))
    return target


def piece_rows(bench):
    plugins = bench.build / "lib" / "allocs"
    if not (plugins / "liballocs_clang_plugin.so").exists():
        yield absent("pieces of a declared pool", "the compiler plugin")
        return
    programs = {"plain": made(bench, "pool_plain", {}), "ours": made(bench, "pool_declared", DECLARED)}
    under = bench.under(bench.preload)
    times, rounds = bench.choose(2000000, 20000), bench.choose(9, 1)
    for kind, text in KINDS.items():
        count = {}
        for name, program in programs.items():
            few, many = (instructions(bench, [program, kind, str(n)], under)[0] for n in (20000, 40000))
            count[name] = (many - few) / 20000
        note = f"{count['ours']:.0f} instructions, {count['plain']:.0f} undeclared"
        yield Figure(f"pieces: {text}", count["ours"] / count["plain"], "ratio", BUDGET, note=note)
        samples = {name: [] for name in programs}
        for _ in range(rounds):
            for name, program in programs.items():
                samples[name].append(float(run([program, kind, times], under)))
        yield Figure("  the same, processor time", median_ratio(samples["ours"], samples["plain"]), "ratio", BUDGET,
                     note=f"{min(samples['plain']):.1f} ns undeclared")
