# SPDX-License-Identifier: Apache-2.0
"""Blocks of alloca: a program compiled by allocscc over the same compiled by the compiler alone. Neither needs the run time."""
import os
import shutil

from figures import Figure, absent
from measure import PROGRAMS, instructions, run

KINDS = {"call": "a function with one block", "inlined": "the same, inlined", "constant": "of constant size", "loop": "100 in a frame"}


def alloca_rows(bench):
    compiler = os.environ.get("ALLOCSCC_CC", "clang-19")
    plugin = bench.build / "lib" / "allocs" / "liballocs_clang_plugin.so"
    if not plugin.exists() or shutil.which(compiler) is None:
        yield absent("blocks of alloca", "the compiler plugin")
        return
    programs = {}
    for name, words in {"plain": [compiler, "-g"], "ours": [bench.build / "bin" / "allocscc"]}.items():
        programs[name] = bench.work / f"alloca_{name}"
        programs[name].unlink(missing_ok=True)
        run([*words, "-O2", PROGRAMS / "alloca_blocks.c", "-o", programs[name]], dict(bench.environment, ALLOCSCC_CC=compiler))
    for kind, text in KINDS.items():
        count = {}
        for name, program in programs.items():
            few, many = (instructions(bench, [program, kind, str(n)], bench.under())[0] for n in (20000, 40000))
            count[name] = (many - few) / 20000
        yield Figure(f"alloca: {text}", count["ours"] - count["plain"], "instructions", note=f"more than {count['plain']:.0f} a block")
