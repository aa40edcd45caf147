# SPDX-License-Identifier: Apache-2.0
"""Walks over a whole heap: every typed block, and everything that refers to one object."""
from figures import Figure
from measure import Failure, run

WALK, REFERRERS = 300, 1000  # ms: the budgets, for 10^6 blocks and for 1 GiB


def walking_rows(bench):
    blocks, mebibytes = bench.choose((10**6, 1024), (10**4, 16))
    program = bench.compile_client("walking")
    run([bench.tool, "meta", "build", program], bench.environment)
    lines = run([program, blocks, mebibytes], bench.under(bench.preload)).splitlines()
    told = {name: (float(took), int(wrong)) for name, took, wrong in (line.split() for line in lines)}
    for name, what, budget in (("walk", f"all of {blocks} typed blocks", WALK),
                               ("referrers", f"who refers to an object, in {mebibytes} MiB", REFERRERS)):
        took, wrong = told[name]
        if wrong != 0:
            raise Failure(f"walking: {what}: {wrong} of 3 answers are wrong")
        yield Figure(what, took, "ms", budget=budget, note="least of 3")
