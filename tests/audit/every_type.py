#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the types, static objects, functions and variables of metadata with what gdb and pahole read from the same debug information.

usage: every_type.py [--verbose] [--whole] [--table FILE] PREFIX [OBJECT...]

Without OBJECT the subjects are built: C, C++ and, where the compilers are there, Fortran and Rust. With --whole in more ways, and libc,
libstdc++ and python are asked about as well, where their debug information is installed. Everything is right, wrong, or cannot be told:
only one of the two knows it. Where both know it and differ although we are right, one of RULES says why, and it is counted how often each
was needed. Exit status 1: something is wrong, or a type of theirs is missing.
"""
import argparse
import bisect
import collections
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from type_comparison import RULES, TAGGED, Comparison, Difference, last_part, plain

TAGS = {"struct": "structure_type", "union": "union_type", "class": "class_type", "enumeration": "enumeration_type"}
HERE = pathlib.Path(__file__).resolve().parent


class Count:
    def __init__(self):
        self.numbers = collections.Counter()
        self.failures = []
        self.remarks = []

    def add(self, verdict, what):
        self.numbers[verdict] += 1
        if verdict == "wrong":
            self.failures.append(what)
        elif verdict == "cannot tell":
            self.remarks.append(what)


def compare_types(comparison):
    types = comparison.types
    by_name = collections.defaultdict(list)
    nameless = []
    for definition in comparison.definitions.values():
        if definition["name"] is not None:
            by_name[plain(definition["name"])].append(definition)
            continue
        nameless.append(definition)
        for name in comparison.typedefs[definition["definition"]]:
            by_name[name].append(definition)
    matched = set()
    failed = {}
    for index, ours in enumerate(types):
        if ours["kind"] not in TAGGED or ours.get("incomplete"):
            continue
        candidates = by_name[plain(ours["name"])] or by_name[last_part(ours["name"])]
        if ours.get("made_up_name") or not candidates:
            candidates = [one for one in nameless if one["size"] == ours.get("size") and (one.get("members") or one.get("enumerators"))]
        problems = []
        comparison.entry = f"DW_TAG_{TAGS[ours['kind']]} {ours['human_name'] or ours['name']}"
        for candidate in candidates:
            try:
                comparison.right |= comparison.check_definition(candidate, index)
                matched.add(candidate["definition"])
            except Difference as difference:
                problems.append(str(difference))
        if index not in comparison.right and problems and not ours.get("made_up_name") and candidates[0] not in nameless:
            failed[index] = problems
    return matched, failed


def report_types(comparison, failed, count):
    for index, ours in enumerate(comparison.types):
        label = f"{ours['kind']} {ours['human_name'] or ours['name']}"
        if index in comparison.right:
            count.add("right", label)
        elif index in failed:
            count.add("wrong", f"{label}: {failed[index][0]}")
        else:
            count.add("cannot tell", f"{label}: the other reader has no such thing")


def elf_symbols(path):
    """By address the symbols and their sizes."""
    found = collections.defaultdict(dict)
    for line in subprocess.run(["readelf", "-sW", "--dyn-syms", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.splitlines():
        fields = line.split()
        if len(fields) >= 8 and fields[3] in ("OBJECT", "FUNC", "IFUNC", "NOTYPE", "GNU_IFUNC") and fields[6] != "UND":
            found[int(fields[1], 16)][fields[7].split("@")[0]] = int(fields[2], 0)
    return found


def compare_statics(dump, comparison, lines, symbols, count):
    at = collections.defaultdict(list)
    for record in dump["statics"]:
        at[record["address"]].append(record)
    names = collections.defaultdict(set)  # one object may have several
    for address, some in symbols.items():
        names[address] |= some.keys()
    for line in lines:
        if "static" in line:
            names[line["address"]].add(plain(line["static"]))
    verdicts = collections.defaultdict(list)
    for line in lines:
        if "static" not in line:
            continue
        label = f"{line['static']} at {line['address']:#x}"
        records = [one for one in at[line["address"]] if one["kind"] != "function"]
        if not records:
            count.add("cannot tell", f"{label}: we have nothing there")
        elif all("type" not in record for record in records):
            count.add("cannot tell", f"{label}: we have no type")
        else:
            about = (line, names[line["address"]], set(symbols[line["address"]].values()))
            comparison.entry = f"DW_TAG_variable {label}"
            verdicts[line["address"], line["size"]].append((label, judge(comparison, label, [about], records, check_static)))
    for several in verdicts.values():
        is_merged = any(verdict == "right" for _, (verdict, _) in several)
        for label, (verdict, why) in several:
            comparison.entry = f"DW_TAG_variable {label}"
            comparison.use("merged", verdict == "wrong" and is_merged)
            count.add("right" if is_merged else verdict, why or label)


def judge(comparison, label, theirs, records, check):
    """(verdict, why): right if one of the records is as they say."""
    problems = []
    for line in theirs:
        for record in records:
            try:
                comparison.right |= check(comparison, line, record)
                return "right", ""
            except Difference as difference:
                problems.append(f"{label}: {difference}")
    return ("wrong", problems[0]) if problems else ("cannot tell", f"{label}: only one of us knows it")


def check_static(comparison, theirs, record):
    line, names, sizes = theirs
    if record["size"] != line["size"]:
        if record["size"] not in sizes or line["size"] > record["size"]:
            raise Difference(f"{record['size']} bytes instead of {line['size']}")
        comparison.use("size of the object")
    mine = plain(record["name"])
    if mine not in names and not any(mine.endswith("::" + name) for name in names):
        raise Difference(f"called {record['name']}")
    term = line["type"]
    if term[0] == "array" and term[1] is None and record["size"] in sizes:
        comparison.use("declaration")
        term = ["array", comparison.types[record["type"]].get("count"), term[2]]
    return comparison.check(term, record["type"])


def compare_functions(dump, comparison, lines, symbols, count):
    at = {record["address"]: record for record in dump["functions"]}
    verdicts = collections.defaultdict(list)
    for line in lines:
        if "code" not in line:
            continue
        records = [at[line["address"]]] if line["address"] in at else []
        label = f"{line['code']} at {line['address']:#x}"
        is_clone = any(re.search(r"\.(isra|part|constprop)\.", name) for name in symbols[line["address"]])
        comparison.entry = f"DW_TAG_subprogram {label}"
        verdict, why = judge(comparison, label, [line], records, check_type)
        if verdict == "wrong" and is_clone:
            comparison.use("clone")
            verdict, why = "right", ""
        if verdict == "wrong" and "<" in line["code"]:
            verdict, why = judge(comparison, label, [line], records, check_with_pack)
            comparison.use("pack", verdict == "right")
        verdicts[line["address"]].append((label, verdict, why))
    for several in verdicts.values():
        is_right = any(verdict == "right" for _, verdict, _ in several)
        for label, verdict, why in several:
            comparison.entry = f"DW_TAG_subprogram {label}"
            comparison.use("several copies", verdict == "wrong" and is_right)
            count.add("right" if is_right else verdict, why or label)


def check_type(comparison, line, record):
    return comparison.check(line["type"], record["type"])


def check_with_pack(comparison, line, record):
    """Their arguments and ours, but that we have some more in one place."""
    what, result, arguments, is_variadic = line["type"]
    mine = [member["type"] for member in comparison.types[record["type"]].get("members", [])]
    more = len(mine) - len(arguments)
    if more <= 0 or what != "function":
        raise Difference(f"{line['code']}: no pack")
    problem = Difference("")
    for at in range(len(arguments) + 1):
        try:
            seen = comparison.check(result, comparison.types[record["type"]]["target"])
            for argument, index in zip(arguments, mine[:at] + mine[at + more:]):
                seen = seen | comparison.check(argument, index)
            return seen
        except Difference as difference:
            problem = difference
    raise problem


def compare_variables(asked, comparison, lines, count):
    """Each of our variables with those of the name that the other reader has at the first pc where it is somewhere."""
    found = collections.defaultdict(list)
    scoped = collections.defaultdict(list)
    for line in lines:
        if "variable" in line:
            found[line["variable"]].append(line)
        elif "scoped" in line:
            scoped[without_arguments(line["function"]), line["scoped"]].append(line)
    for number, (pc, callee, record) in enumerate(asked):
        label = f"{record['name']} at {pc:#x}"
        theirs = [line for line in found[number] if without_arguments(line["function"]) == plain(callee)]
        comparison.entry = f"DW_TAG_variable or DW_TAG_formal_parameter {label} in {callee}"
        verdict, why = judge(comparison, label, theirs, [record], check_type)
        if verdict != "right" and len(record["locations"]) == 1:
            elsewhere = scoped[plain(callee), record["name"].split("::")[-1]]
            if judge(comparison, label, elsewhere, [record], check_type)[0] == "right":
                comparison.use("slot", verdict == "wrong")
                verdict, why = "right", ""
        count.add(verdict, why or label)


@functools.lru_cache(None)
def without_arguments(name):
    """Of a function of C++, "f" for "f(int)"."""
    depth = 0
    for at, letter in enumerate(name):
        depth += (letter == "<") - (letter == ">")
        if letter == "(" and depth == 0 and not name.startswith("(anonymous", at):
            name = name[:at]
            break
    return plain(name)


def variables_of(dump):
    """(pc, function that the source has it in, record) for each variable that is somewhere."""
    for function in dump["functions"]:
        for record in function["variables"]:
            inlined, _, _ = record["name"].rpartition("::")
            if record.get("locations"):
                yield record["locations"][0]["low"], inlined or function["name"], record


def gdb_lines(path, dump, variables, folder):
    ask, out = folder / "ask", folder / "answers"
    places = {function["address"] for function in dump["functions"]} | {pc for pc, _, _ in variables}
    names = {kind["name"] for kind in dump["types"] if kind["kind"] in TAGGED} | {alias["name"] for alias in dump["aliases"]}
    locals_ = [(pc, record["name"].split("::")[-1]) for pc, _, record in variables]
    ask.write_text(json.dumps({"addresses": sorted(places), "names": sorted(names), "variables": locals_}))
    subprocess.run(["gdb", "-nx", "-batch", "-iex", "set auto-load off", "-x", HERE / "gdb_every_type.py", path], check=True, timeout=1800,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "AUDIT_ASK": str(ask), "AUDIT_OUT": str(out)})
    with out.open() as lines:
        return [json.loads(line) for line in lines]


def sizes_of_pahole(path):
    """By name the sizes and the members' offsets and sizes that pahole prints for the structures that have the name; None for one that it fails at."""
    found = collections.defaultdict(list)
    out = subprocess.run(["pahole", "-F", "dwarf", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=1800).stdout
    name, places = None, []
    for line in out.splitlines():
        if start := re.match(r"(?:struct|union) (\w+) \{$", line):
            name, places = start[1], []
        elif name and (member := re.match(r"\t\S.*;\s+/\*\s+(\d+)(?::\s*(\d+))?\s+(\d+) \*/$", line)):
            places.append((int(member[1]), int(member[3])))
        elif name and line.startswith("\t<ERROR("):
            places.append(None)
        elif name and (size := re.match(r"\t/\* size: (\d+),", line)):
            found[name].append((int(size[1]), places))
            name = None
    return found


def compare_with_pahole(path, comparison, count):
    """C's structures: pahole has sizes, and the offsets and sizes of members, but of bit-fields it chooses other units."""
    types, theirs = comparison.types, sizes_of_pahole(path)
    for ours in types:
        if ours["kind"] != "struct" or ours.get("incomplete") or ours.get("made_up_name") or ours["name"] not in theirs:
            continue
        members = [(member["offset"], types[member["type"]].get("size", 0)) for member in ours.get("members", [])]
        has_bits = any("bit_size" in types[member["type"]] for member in ours.get("members", []))
        for size, places in theirs[ours["name"]]:
            is_alike = len(places) == len(members) and all(theirs is None or theirs[0] == at and theirs[1] in (ours_size, 0)
                                                          for (at, ours_size), theirs in zip(members, places))
            if size == ours["size"] and (has_bits or is_alike):
                comparison.entry = f"DW_TAG_structure_type {ours['name']}"
                comparison.use("atomic", not has_bits and places != members)
                count.add("right", ours["name"])
                break
        else:
            count.add("wrong", f"pahole: {ours['name']}: {ours['size']} {members} instead of {theirs[ours['name']]}")


def audit(prefix, path, options, folder):
    """What is wrong."""
    fresh = {**os.environ, "XDG_CACHE_HOME": str(folder)}  # not what an earlier build made of it
    dump = json.loads(subprocess.run([prefix / "bin/allocs", "meta", "dump", "--json", path], check=True, stdout=subprocess.PIPE,
                                     env=fresh).stdout)
    variables = list(variables_of(dump))
    lines = gdb_lines(path, dump, variables, folder)
    symbols = elf_symbols(path)
    if dump["debug"]:
        symbols.update(elf_symbols(dump["debug"]))
    comparison = Comparison(dump["types"], lines)
    counts = {name: Count() for name in ("types", "structures with pahole", "statics", "functions", "variables")}
    compare_statics(dump, comparison, lines, symbols, counts["statics"])
    compare_functions(dump, comparison, lines, symbols, counts["functions"])
    compare_variables(variables, comparison, lines, counts["variables"])
    matched, failed = compare_types(comparison)
    report_types(comparison, failed, counts["types"])
    if shutil.which("pahole"):
        compare_with_pahole(dump["debug"] or path, comparison, counts["structures with pahole"])
    for number, one in comparison.definitions.items():
        if number not in matched and (one["name"] or one.get("members") or one.get("enumerators")):
            counts["types"].add("wrong", f"missing: {str(one)[:300]}")
    failures = []
    for name, count in counts.items():
        print(f"{path}: {name}: " + ", ".join(f"{count.numbers[verdict]} {verdict}" for verdict in ("right", "wrong", "cannot tell")))
        failures += count.failures
        if options.verbose:
            print("".join(f"    {remark[:200]}\n" for remark in count.remarks), end="")
    if not counts["types"].numbers["right"]:
        failures.append(f"{path}: nothing was compared")
    by_rule = collections.Counter()
    for (rule, entry), used in comparison.used.items():
        by_rule[rule] += used
        if used and options.table:
            print(f"{pathlib.Path(path).name}\t{entry}\t{rule}", file=options.table)
    for rule, used in sorted(by_rule.items()):
        if used:
            print(f"{path}: {used} by the rule \"{rule}\"")
    return failures


def builds(options):
    """(command, source) of the subjects."""
    every = [("gcc", "-g -O0", "c"), ("clang-19", "-gdwarf-4 -O2", "c"), ("g++", "-std=c++20 -g -O2", "cc"),
             ("clang++-19", "-std=c++20 -g -O0", "cc"), ("gfortran", "-g", "f90"), ("rustc", "-g", "rs")]
    if options.whole:
        for version in (2, 3, 4, 5):
            for level in ("-O0", "-O2"):
                every += [(compiler, f"-gdwarf-{version} {level}", "c") for compiler in ("gcc", "clang-19", "clang-14")]
                every += [(compiler, f"-std=c++20 -gdwarf-{version} {level}", "cc") for compiler in ("g++", "clang++-19")]
                every.append(("gfortran", f"-gdwarf-{version} {level}", "f90"))
        every += [("g++", "-std=c++20 -fdebug-types-section -g", "cc"), ("gcc", "-g -gsplit-dwarf", "c"),
                  ("clang++-19", "-std=c++20 -g -fstandalone-debug", "cc"), ("rustc", "-g -O", "rs")]
    return every


def subjects(options, folder):
    if options.objects:
        yield from options.objects
        return
    for number, (compiler, flags, language) in enumerate(builds(options)):
        if not shutil.which(compiler):
            print(f"left out: {compiler} is not installed")
            continue
        program = folder / f"{number}.{compiler}{flags.replace(' ', '')}"
        subprocess.run([compiler, *flags.split(), *(["-w"] if language != "rs" else ["-Awarnings"]), HERE / f"every_type.{language}", "-o",
                        program], check=True, cwd=folder)
        yield str(program)
    if options.whole:
        for path in ("/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/x86_64-linux-gnu/debug/libstdc++.so.6", "/usr/bin/python3.11-dbg"):
            if os.path.exists(path):
                yield os.path.realpath(path)
            else:
                print(f"left out: {path} is not installed")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("prefix", type=pathlib.Path)
    parser.add_argument("objects", nargs="*")
    parser.add_argument("--whole", action="store_true", help="more builds, and large objects of the system")
    parser.add_argument("--table", type=argparse.FileType("w"), help="write to that file what we differ in: object, entry of the debug information, rule")
    parser.add_argument("--verbose", action="store_true", help="print what cannot be told, and every failure")
    options = parser.parse_args()
    if not shutil.which("gdb"):
        print("skipped: gdb is not installed")
        return 77
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        for path in subjects(options, pathlib.Path(folder)):
            failures += audit(options.prefix.resolve(), path, options, pathlib.Path(folder))
    shown = failures if options.verbose else failures[:20]
    print("".join(f"WRONG {failure[:500]}\n" for failure in shown), end="")
    if len(shown) < len(failures):
        print(f"... and {len(failures) - len(shown)} more")
    if failures and options.verbose:
        print("rules:\n" + "".join(f"  {rule}: {why}\n" for rule, why in RULES.items()))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
