# SPDX-License-Identifier: Apache-2.0
"""The build of metadata of objects of several sizes, against other readers of the same debug information."""
import os
import re
import statistics
import struct

from figures import Figure, absent
from measure import SOURCE, Failure, have, interleaved, median_ratio, run

LIBC = "/lib/x86_64-linux-gnu/libc.so.6"
CPU_SECONDS, SIZE = 0.5, 0.1  # of libc
LOCALS = ("variables", "locations")
FIRST_TABLE = 96  # in the header


def objects(bench):
    """(name, object, the package that it comes with)"""
    yield "libc", LIBC, "libc6-dbg"
    if not bench.smoke:
        yield "libstdc++", "/usr/lib/x86_64-linux-gnu/debug/libstdc++.so.6", "libstdc++6-12-dbg"
        yield "python", "/usr/bin/python3.11-dbg", "python3.11-dbg"
        yield "allocs (C++)", str(bench.tool), ""  # the tool itself has the most debug information


def format_of_images():
    """(version, names of tables) as the sources have them."""
    text = (SOURCE / "src" / "types" / "image_format.h").read_text()
    version = re.search(r"kImageVersion =\s+(\d+);", text)
    tables = re.search(r"enum class Table : std::uint32_t \{(.*?)count_", text, re.DOTALL)
    return int(version[1]), re.findall(r"^\s*(\w+),", tables[1], re.MULTILINE)


def bytes_of_tables(image):
    """Bytes of each table by name."""
    version, names = format_of_images()
    header = image.read_bytes()
    magic, found, size = struct.unpack_from("<4sIQ", header)
    if magic != b"ALMD" or found != version:
        raise Failure(f"{image}: not an image of version {version}")
    offsets = [struct.unpack_from("<Q", header, FIRST_TABLE + 16 * index)[0] for index in range(len(names))]
    ends = sorted(offsets) + [size]
    return {name: ends[ends.index(offset) + offsets.count(offset)] - offset if offset else 0
            for name, offset in zip(names, offsets)}


def debug_file_of(path):
    """The file with the debug information of the object, or None."""
    if ".debug_info" in run(["readelf", "-SW", path]):
        return os.path.realpath(path)
    found = re.search(r"Build ID: ([0-9a-f]+)", run(["readelf", "-n", path]))
    if found is None:
        return None
    file = f"/usr/lib/debug/.build-id/{found[1][:2]}/{found[1][2:]}.debug"
    return file if os.path.exists(file) else None


def works(command):
    try:
        run(command)
    except Failure:
        return False
    return True


def peers(bench, debug_file, btf):
    """(name, command or None) of those that can read the file."""
    traversal = None
    try:
        traversal = bench.compile("dwarf_traversal", "-ldw")
    except Failure:
        pass
    yield "libdw, visit every entry", [traversal, debug_file] if traversal else None
    pahole = have("pahole")
    yield "pahole, every type", [pahole, debug_file] if pahole else None
    to_btf = [pahole, f"--btf_encode_detached={btf}", debug_file]
    if pahole and works(to_btf):  # not with every C++
        yield "pahole, make BTF", to_btf
    gdb = have("gdb")
    yield "gdb, info types", [gdb, "-q", "-nx", "-batch", "-ex", "info types", debug_file] if gdb else None
    readelf = have("readelf")
    if debug_file == debug_file_of(LIBC):  # readelf prints gigabytes of the others
        yield "readelf --debug-dump=info", [readelf, "--debug-dump=info", debug_file] if readelf and not bench.smoke else None


def metadata_rows(bench):
    for name, path, package in objects(bench):
        debug_file = debug_file_of(path) if os.path.exists(path) else None
        if debug_file is None:
            yield absent(f"metadata: {name}", package)
        else:
            yield from rows_of(bench, name, path, debug_file)


def rows_of(bench, name, path, debug_file):
    image, btf = bench.work / "measured.meta", bench.work / "measured.btf"
    btf.unlink(missing_ok=True)
    named = [(f"metadata: {name}", [bench.tool, "meta", "build", "-o", image, path]),
             (f"metadata: {name}: types only", [bench.tool, "meta", "build", "--types-only", "-o", bench.work / "types.meta", path])]
    for peer, command in peers(bench, debug_file, btf):
        if command is None:
            what = peer.split()[0].rstrip(",")
            yield Figure(f"  peer: {peer}", None, "", note="left out of smoke runs" if have(what) else f"{what}: not installed")
        else:
            named.append((f"  peer: {peer}", command))
    samples = interleaved(bench, bench.choose(5 if name == "libc" else 3, 1), *(({}, command) for _, command in named))
    ours, our_types = samples[:2]

    def beside(sample, which):
        if sample is ours:
            return ""
        of_all = f"{median_ratio(which(sample), which(ours)):.2f} of ours"
        return of_all if sample is our_types else f"{of_all}, {median_ratio(which(sample), which(our_types)):.2f} of our types only"

    for (label, _), sample in zip(named, samples):
        budget = CPU_SECONDS if sample is ours and name == "libc" else None
        yield Figure(f"{label}: CPU", statistics.median(sample.cpu) / 1e9, "s", budget, note=beside(sample, lambda one: one.cpu))
        yield Figure(f"{label}: peak resident", statistics.median(sample.resident) / 1024, "MiB", note=beside(sample, lambda one: one.resident))
    if have("pahole") and not btf.exists():
        yield Figure("  peer: pahole, make BTF", None, "", note="fails with this object")
    yield from size_rows(name, image, btf, debug_file)


def size_rows(name, image, btf, debug_file):
    size, debug_size = image.stat().st_size, os.path.getsize(debug_file)
    yield Figure(f"metadata: {name}: image / debug file", size / debug_size, "ratio", note=f"{size} of {debug_size} bytes")
    tables = bytes_of_tables(image)
    rest = size - sum(tables[table] for table in LOCALS)
    yield Figure(f"metadata: {name}: the same without locals", rest / debug_size, "ratio", SIZE if name == "libc" else None,
                 note=f"{rest} bytes")
    if btf.exists():
        # BTF has types of C only, and neither names of derived types nor hashes, lines and files.
        of_types = sum(tables[table] for table in ("types", "members", "enumerators", "aliases"))
        yield Figure("  peer: BTF / image", btf.stat().st_size / size, "ratio",
                     note=f"{btf.stat().st_size} bytes; the image's tables of types have {of_types}, its strings {tables['strings']}")
