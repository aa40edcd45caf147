# SPDX-License-Identifier: Apache-2.0
"""The build of libc's metadata, against other readers of the same debug information."""
import os
import re
import statistics
import struct

from figures import Figure, absent
from measure import Failure, have, interleaved, run

LIBC = "/lib/x86_64-linux-gnu/libc.so.6"
CPU_SECONDS, SIZE = 0.5, 0.1


# The tables of an image of this version (src/types/image_format.h) that hold local variables.
VERSION, FIRST_TABLE, TABLES, LOCALS = 10, 96, 15, (11, 12)


def bytes_of_tables(image):
    """Bytes of each table in the order of the header; None for another version of the format."""
    header = image.read_bytes()
    magic, version, size = struct.unpack_from("<4sIQ", header)
    if magic != b"ALMD" or version != VERSION:
        return None
    offsets = [struct.unpack_from("<Q", header, FIRST_TABLE + 16 * index)[0] for index in range(TABLES)]
    ends = sorted(offsets) + [size]
    return [ends[ends.index(offset) + offsets.count(offset)] - offset if offset else 0 for offset in offsets]


def debug_file_of(path):
    found = re.search(r"Build ID: ([0-9a-f]+)", run(["readelf", "-n", path]))
    if found is None:
        return None
    file = f"/usr/lib/debug/.build-id/{found[1][:2]}/{found[1][2:]}.debug"
    return file if os.path.exists(file) else None


def peers(bench, debug_file):
    """(name, command or None)"""
    traversal = None
    try:
        traversal = bench.compile("dwarf_traversal", "-ldw")
    except Failure:
        pass
    yield "libdw, visit every entry", [traversal, debug_file] if traversal else None
    pahole = have("pahole")
    yield "pahole, every type", [pahole, debug_file] if pahole else None
    gdb = have("gdb")
    yield "gdb, info types", [gdb, "-q", "-nx", "-batch", "-ex", "info types", debug_file] if gdb else None
    readelf = have("readelf")
    yield "readelf --debug-dump=info", [readelf, "--debug-dump=info", debug_file] if readelf and not bench.smoke else None


def metadata_rows(bench):
    debug_file = debug_file_of(LIBC)
    if debug_file is None:
        yield absent("metadata: libc", "libc6-dbg")
        return
    image = bench.work / "libc.meta"
    named = [("metadata: libc", [bench.tool, "meta", "build", "-o", image, LIBC])]
    for name, command in peers(bench, debug_file):
        if command is None:
            what = name.split()[0].rstrip(",")
            yield Figure(f"  peer: {name}", None, "", note="left out of smoke runs" if have(what) else f"{what}: not installed")
        else:
            named.append((f"  peer: {name}", command))
    samples = interleaved(bench, bench.choose(5, 1), *(({}, command) for _, command in named))
    for (name, _), sample in zip(named, samples):
        is_ours = not name.startswith(" ")
        yield Figure(f"{name}: CPU", statistics.median(sample.cpu) / 1e9, "s", CPU_SECONDS if is_ours else None)
        yield Figure(f"{name}: peak resident", statistics.median(sample.resident) / 1024, "MiB")
    yield from size_rows(image, os.path.getsize(debug_file))


def size_rows(image, debug_size):
    size = image.stat().st_size
    yield Figure("metadata: libc: image / debug file", size / debug_size, "ratio", note=f"{size} of {debug_size} bytes")
    tables = bytes_of_tables(image)
    if tables is None:
        yield Figure("metadata: libc: the same without locals", None, "",
                     note="bench/metadata.py does not know this version of the format")
        return
    rest = size - sum(tables[index] for index in LOCALS)
    yield Figure("metadata: libc: the same without locals", rest / debug_size, "ratio", SIZE, note=f"{rest} bytes")
