#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what the libraries that live inside a guest need of it, and show to it.

usage: check_symbols.py BUILD_DIR

For liballocs_preload.so and liballocs.so:
  - every undefined symbol is glibc's, or weak, and listed in allowed_symbols.txt (beside this script);
  - no version of glibc newer than the oldest that is supported is asked for: the loader would refuse the guest;
  - every defined dynamic symbol matches a pattern of exported_symbols.txt;
  - only libc is NEEDED: no libstdc++, no libgcc_s, and not the dynamic linker, which musl's does not find;
  - thread-local storage fits in the little that dlopen can still place.
"""
import fnmatch
import pathlib
import re
import subprocess
import sys

from repository import SKIPPED

LIBRARIES = ["liballocs_preload.so", "liballocs.so"]
NEEDED = re.compile(r"libc\.so\.\d+$")
MAX_TLS_BYTES = 64
OLDEST_GLIBC = (2, 31)
HERE = pathlib.Path(__file__).resolve().parent


def words(name):
    lines = (HERE / name).read_text().splitlines()
    return [word for line in lines for word in line.split("#")[0].split()]


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def problems_of(library, allowed, exported):
    for line in output("nm", "-uD", library).splitlines():
        kind, symbol = line.split()[-2:]
        name, _, version = symbol.partition("@")
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in allowed):
            yield f"needs {symbol}, which allowed_symbols.txt does not list"
        elif kind != "w" and not version.lstrip("@").startswith("GLIBC_"):
            yield f"needs {symbol}, which is not glibc's"
    for line in output("nm", "-D", "--defined-only", library).splitlines():
        name = line.split()[-1].split("@")[0]
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in exported):
            yield f"exports {name}, which no pattern of exported_symbols.txt matches"
    for name in re.findall(r"\(NEEDED\).*\[(.*)\]", output("readelf", "-dW", library)):
        if not NEEDED.match(name) and name != "liballocs.so":
            yield f"needs the library {name}"
    for version in sorted(set(re.findall(r"Name: GLIBC_(\d[\d.]*)", output("readelf", "-VW", library)))):
        if tuple(map(int, version.split("."))) > OLDEST_GLIBC:
            yield f"needs glibc {version}, and must run with {'.'.join(map(str, OLDEST_GLIBC))}"
    for line in output("readelf", "-lW", library).splitlines():
        fields = line.split()
        if fields[:1] == ["TLS"] and int(fields[5], 16) > MAX_TLS_BYTES:
            yield f"has {int(fields[5], 16)} bytes of thread-local storage, more than {MAX_TLS_BYTES}"


def main():
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    folder = pathlib.Path(sys.argv[1]) / "lib"
    libraries = [folder / name for name in LIBRARIES if (folder / name).exists()]
    if not libraries:
        print(f"skipped: {folder} has neither of {' '.join(LIBRARIES)}")
        return SKIPPED
    allowed, exported = words("allowed_symbols.txt"), words("exported_symbols.txt")
    problems = 0
    for library in libraries:
        for problem in problems_of(str(library), allowed, exported):
            print(f"{library.name}: {problem}")
            problems += 1
    print(f"{len(libraries)} libraries, {problems} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
