#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks (or with --fix, makes) the format of every C and C++ file, as .clang-format says.

The format is what clang-format 14 makes of it; with another version the check is skipped.
"""
import re
import shutil
import subprocess
import sys

from repository import SKIPPED, files, name_of

VERSION = 14


def clang_format():
    for name in (f"clang-format-{VERSION}", "clang-format"):
        path = shutil.which(name)
        if path:
            text = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
            if re.search(rf"version {VERSION}\.", text):
                return path
    return None


def sources_with_problems(tool, sources):
    """Halves what has one until it is found: to start the tool takes as long as to check a file."""
    if not sources or subprocess.run([tool, "--dry-run", "-Werror", *map(str, sources)], capture_output=True).returncode == 0:
        return []
    if len(sources) == 1:
        return sources
    middle = len(sources) // 2
    return sources_with_problems(tool, sources[:middle]) + sources_with_problems(tool, sources[middle:])


def main():
    tool = clang_format()
    if tool is None:
        print(f"skipped: there is no clang-format {VERSION}")
        return SKIPPED
    sources = files(".h", ".hpp", ".cc", ".c")
    if "--fix" in sys.argv[1:]:
        return subprocess.run([tool, "-i", *map(str, sources)]).returncode if sources else 0
    problems = 0
    for source in sources_with_problems(tool, sources):
        print(f"{name_of(source)}: not formatted; run scripts/check_format.py --fix")
        problems += 1
    print(f"{len(sources)} files, {problems} not formatted")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
