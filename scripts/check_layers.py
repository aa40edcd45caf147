#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that no file of src/ includes anything from a part outside its row of the layer table.

usage: check_layers.py [ROOT]        ROOT is the repository (default: the one this script is in)
"""
import pathlib
import re
import sys

BASE = ["base"]
QUERY = ["base", "elf", "types", "runt", "runtime/index"]
OBSERVE = QUERY + ["runtime/query"]

# part -> what it may include besides itself. The one copy of the table in docs/architecture.md.
# An entry that names a file allows that file only; "include" stands for the public headers.
MAY_INCLUDE = {
    "base": [],
    "declarations": BASE,
    "elf": BASE,
    "elf/write": ["base", "elf"],
    "types": ["base", "include"],
    "types/write": ["base", "types", "include"],
    "runt": ["base", "elf"],
    "runt/remote": ["base", "elf", "runt"],
    "runtime/index": BASE,
    "runtime/query": QUERY + ["include"],
    "runtime/allocators": OBSERVE + ["include"],
    "runtime/metadata": OBSERVE + ["runtime/allocators", "include"],
    "runtime/self": OBSERVE + ["runtime/allocators", "runtime/metadata", "include"],
    "runtime/preload": OBSERVE + ["runtime/allocators", "runtime/metadata", "runtime/self", "include"],
    "runtime/stand_in": ["base", "include"],
    "meta": ["base", "declarations", "elf", "types", "types/write", "include"],
    "toolchain/toolsub": BASE,
    "toolchain/allocscc": ["base", "declarations", "elf/write", "types/site_list.h", "toolchain/toolsub"],
    "toolchain/memo": BASE,
    "toolchain/plugin": ["base", "declarations", "types/alloca_record.h", "types/site_id.h", "types/site_list.h", "types/image_path.h",
                         "elf/build_id.h", "toolchain/memo"],
    "toolchain/gcc_plugin": ["base", "declarations", "types/alloca_record.h", "types/site_id.h"],
    "clients": ["base", "include"],
    "tools": ["base", "declarations", "elf", "elf/write", "types", "types/write", "meta", "toolchain/toolsub", "clients",
              "runtime/index", "runtime/query", "runtime/metadata", "runt", "runt/remote",
              "include"],
}

# Outside headers that one part keeps to itself.
OWNED_HEADERS = {
    r"(elfutils/.*|libelf\.h|gelf\.h|libdw\.h|libdwfl\.h|dwarf\.h)": ["meta"],
    r"(Zydis|Zycore)/.*": ["meta"],
    r"(clang|llvm)/.*": ["toolchain/plugin"],
}
TEST_FILE = re.compile(r"_(test|fuzz|bench)\.(cc|h)$")
TEST_HEADERS = re.compile(r"(gtest|gmock|benchmark)/.*")
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


def part_of(path):
    """The longest part whose folder holds `path` (relative to src/), or None."""
    names = [part for part in MAY_INCLUDE if path == part or path.startswith(part + "/")]
    return max(names, key=len, default=None)


def problem_with(path, part, header, quoted, root):
    is_test = bool(TEST_FILE.search(path))
    if TEST_HEADERS.fullmatch(header):
        return None if is_test else "only tests and benches include " + header
    for pattern, owners in OWNED_HEADERS.items():
        if re.fullmatch(pattern, header) and part not in owners:
            return f"only {', '.join(owners)} may include <{header}>"
    allowed = MAY_INCLUDE[part]
    if (root / "include" / header).exists():
        return None if "include" in allowed else f"{part} may not include the public header {header}"
    if not quoted:
        return None
    if not (root / "src" / header).exists():
        return f'no such file: src/{header} (includes are relative to src/ or include/)'
    target = part_of(header)
    if target == part or target in allowed or header in allowed:
        return None
    return f"{part} may not include {target or header} (it may: {', '.join(allowed) or 'nothing'})"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    if root.is_file():
        root = root.parent.parent
    problems = files = 0
    for file in sorted((root / "src").rglob("*")):
        if file.suffix not in (".h", ".cc", ".c", ".S"):
            continue
        path = file.relative_to(root / "src").as_posix()
        part = part_of(path)
        files += 1
        if part is None:
            print(f"src/{path}: belongs to no part; add its row to {__file__}")
            problems += 1
            continue
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
            include = INCLUDE.match(line)
            if not include:
                continue
            why = problem_with(path, part, include[1] or include[2], bool(include[1]), root)
            if why:
                print(f"src/{path}:{number}: {why}")
                problems += 1
    print(f"{files} files, {problems} includes that break the layers")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
