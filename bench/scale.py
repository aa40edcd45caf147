# SPDX-License-Identifier: Apache-2.0
"""What the run time costs as a process grows: per live block, mapping, thread and loaded object.

For each kind and number: resident memory per item and time to make one, beyond what the same program needs alone; and the time of a whole
query about one at random. The budget of the largest number is what the smallest of the row but one took: linear, or better.
"""
import pathlib
import re

from figures import Figure
from measure import SOURCE, Failure, run

NUMBERS = {"blocks": (10**3, 10**4, 10**5, 10**6, 10**7, 10**8), "mappings": (10**3, 10**4, 6 * 10**4), "threads": (10, 10**2, 10**3, 10**4),
           "objects": (10, 10**2, 10**3)}
SMOKE = {"blocks": (1000,), "mappings": (1000,), "threads": (20,), "objects": (10,)}


BYTES_A_BLOCK = 80  # with what the allocator and the index need for it


def fits(kind, number):
    """Whether so many are possible without making the machine swap."""
    if kind != "blocks":
        return True
    available = int(re.search(r"MemAvailable: +(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]) * 1024
    return number * BYTES_A_BLOCK < available / 2


def measure(bench, program, environment, kind, number):
    line = run([program, kind, number, bench.floor], environment, cwd=bench.work)
    resident, make, ask, wrong = (int(word) for word in line.split())
    return resident * 1024 / number, make, ask, wrong


def scale_rows(bench):
    program = bench.compile("scale", f"-I{SOURCE}/include", f"-L{bench.build}/lib", "-lallocs", "-pthread", "-ldl",
                            f"-Wl,-rpath,{bench.build}/lib")
    for kind, numbers in bench.choose(NUMBERS, SMOKE).items():
        base = None
        for number in numbers:
            if not fits(kind, number):
                yield Figure(f"{kind} {number}", None, "", note="not possible here: too little memory is free")
                break
            try:
                alone = measure(bench, program, bench.environment, kind, number)
            except Failure as failure:
                yield Figure(f"{kind} {number}", None, "", note=f"not possible here, alone: {str(failure)[:60]}")
                break
            guest = measure(bench, program, bench.under(bench.preload, ALLOCS_META="never"), kind, number)
            if guest[3] != 0:
                raise Failure(f"scale: {kind} {number}: {guest[3]} wrong answers")
            memory = guest[0] - alone[0]
            yield Figure(f"{kind} {number}: memory each", memory, "bytes", budget=None if base is None else max(base * 1.1, 1),
                         note=f"of {alone[0]:.0f} alone")
            yield Figure(f"{kind} {number}: to make one", guest[1] - alone[1], "ns", note=f"of {alone[1]} alone")
            yield Figure(f"{kind} {number}: whole query", guest[2], "ns")
            # Of few items the fixed cost is most: no measure of what one costs.
            if number != numbers[0] and base is None:
                base = memory
