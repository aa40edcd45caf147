#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that every function and object of the public C headers is in all that programs can be linked to or run under.

usage: check_api.py BUILD_DIR

The headers are read by the C compiler; what it finds declared in allocs.h and allocs/*.h must be defined in liballocs.so, in
liballocs_link.a and in liballocs_preload.so, there with the second name as well; and the list in base/public_names.h must
name nothing else.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from repository import SKIPPED

ROOT = pathlib.Path(__file__).resolve().parent.parent
SECOND = "__allocs_1_"


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def declared():
    """The extern functions and objects whose declarations are in our own headers, as the compiler lists them."""
    names = set()
    with tempfile.TemporaryDirectory() as folder:
        listing = pathlib.Path(folder) / "declarations"
        headers = ["allocs.h"] + [f"allocs/{path.name}" for path in sorted((ROOT / "include/allocs").glob("*.h"))]
        subprocess.run([os.environ.get("CC", "cc"), "-I", ROOT / "include", "-fsyntax-only", "-aux-info", listing,
                        "-x", "c", "-"], check=True, input="".join(f"#include <{name}>\n" for name in headers), text=True)
        for line in listing.read_text().splitlines():
            found = re.match(r"/\* (\S+):\d+:\w+ \*/ extern .*?(\w+) \(", line)
            if found and pathlib.Path(found[1]).resolve().is_relative_to(ROOT / "include"):
                names.add(found[2])
    headers = "".join(path.read_text() for path in sorted((ROOT / "include").rglob("*.h")))
    for objects in re.findall(r"\bextern struct \w+ (__\w+(?:\s*,\s*__\w+)*);", headers):
        names |= set(re.findall(r"__\w+", objects))
    return names


def defined(*nm):
    return {line.split()[-1] for line in output("nm", *nm).splitlines() if re.search(r" [TDBRVW] ", line)}


def main():
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    folder = pathlib.Path(sys.argv[1]) / "lib"
    places = {name: folder / name for name in ("liballocs.so", "liballocs_link.a", "liballocs_preload.so")}
    if not all(path.exists() for path in places.values()):
        print(f"skipped: {folder} has not all of {' '.join(places)}")
        return SKIPPED
    if "clang" in output(os.environ.get("CC", "cc"), "--version").lower():
        os.environ["CC"] = "gcc"  # clang has no -aux-info
    api = declared()
    functions = {name for name in api if not name.startswith("__")}
    assert len(functions) > 10 and len(api) > len(functions), "the headers were not understood"
    symbols = {name: defined(*(["-D"] if name.endswith(".so") else ["-g"]), "--defined-only", path)
               for name, path in places.items()}
    problems = [f"{name}: {missing} of the headers is not defined" for name in symbols
                for missing in sorted(api - symbols[name])]
    problems += [f"liballocs_preload.so: has no {SECOND}{missing}" for missing in sorted(functions)
                 if SECOND + missing not in symbols["liballocs_preload.so"]]
    problems += [f"{name}: {extra} is in no header" for name in ("liballocs.so", "liballocs_link.a")
                 for extra in sorted(symbols[name] - api) if not extra.startswith("allocs_alone_")]
    for problem in problems:
        print(problem)
    print(f"{len(api)} names, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
