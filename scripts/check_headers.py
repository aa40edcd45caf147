#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that every header compiles when it is the only thing included.

usage: check_headers.py [--stamp FILE] [HEADER...]

Public C headers are compiled as C99, C11 and C++20, all others as C++20, with the compilers in $CC and
$CXX (default: cc and c++). A header that its own source file includes before anything else has been compiled alone when that was,
and is left out unless it is named (tests are compiled behind gtest's headers). With --stamp nothing is done when no header changed since the last success.
"""
import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import re
import subprocess
import sys

from repository import ROOT, files, name_of

WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Werror"]
INCLUDES = ["-I", str(ROOT / "src"), "-I", str(ROOT / "include")]
NEEDS_COMPILERS_HEADERS = {ROOT / "src/toolchain/plugin", ROOT / "src/toolchain/gcc_plugin"}
FIRST_INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)', re.MULTILINE)
COMPATIBILITY = ROOT / "include/compat"


def languages_of(header):
    public = ROOT / "include" in header.parents
    if public and header.suffix == ".h":
        return ["c99", "c11", "c++20"]
    return ["c++20"]


def is_first_in_its_source(header):
    source = header.with_suffix(".cc")
    first = FIRST_INCLUDE.search(source.read_text()) if source.exists() else None
    return first is not None and first[1] == str(header.relative_to(ROOT / "src"))


def compile_alone(job):
    header, standard = job
    cxx = standard.startswith("c++")
    compiler = os.environ.get("CXX" if cxx else "CC") or ("c++" if cxx else "cc")
    includes = INCLUDES + (["-I", str(COMPATIBILITY)] if COMPATIBILITY in header.parents else [])
    # The strict C standards hide what POSIX adds; users of the headers do not build like that.
    warnings = WARNINGS + (["-Wpedantic"] if ROOT / "include" in header.parents else [])
    command = [*compiler.split(), f"-std={standard}", "-fsyntax-only", *warnings, *includes,
               "-D_GNU_SOURCE", "-x", "c++" if cxx else "c", "-"]
    result = subprocess.run(command, input=f'#include "{header}"\n', capture_output=True, text=True)
    return header, standard, result.stderr if result.returncode else None


def digest(headers):
    content = hashlib.sha256(repr(sorted(os.environ.get(v, "") for v in ("CC", "CXX"))).encode())
    for header in headers:
        content.update(str(header).encode() + b"\0" + header.read_bytes())
        content.update(bytes([ROOT / "src" in header.parents and is_first_in_its_source(header)]))
    return content.hexdigest()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--stamp", type=pathlib.Path)
    arguments.add_argument("headers", nargs="*", type=pathlib.Path)
    options = arguments.parse_args()
    headers = [h.resolve() for h in options.headers] or [
        h for h in files(".h", ".hpp")
        if {ROOT / "src", ROOT / "include"} & set(h.parents) and not NEEDS_COMPILERS_HEADERS & set(h.parents)]
    current = digest(headers)
    if options.stamp and options.stamp.exists() and options.stamp.read_text() == current:
        print(f"{len(headers)} headers, unchanged since they last compiled")
        return 0
    in_sources = [] if options.headers else [
        h for h in headers if ROOT / "src" in h.parents and is_first_in_its_source(h)]
    jobs = [(header, standard) for header in sorted(set(headers) - set(in_sources)) for standard in languages_of(header)]
    problems = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for header, standard, errors in pool.map(compile_alone, jobs):
            if errors:
                print(f"{name_of(header)} does not compile alone as {standard}:\n{errors}")
                problems += 1
    print(f"{len(headers)} headers, {len(in_sources)} of them first in their source, {len(jobs)} compilations, {problems} failed")
    if options.stamp and not problems:
        options.stamp.write_text(current)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
